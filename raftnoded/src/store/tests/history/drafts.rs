//! Random moves: commands over a handful of names, keys, values and times, so that they meet.

use proptest::prelude::*;

use super::super::*;

pub(super) const NAMES: [&str; 3] = ["default", "a", "b"];

/// A command whose leases and sessions are numbers in the order of those that there are when it
/// is applied.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub command: Command,
    pub tag: Option<DraftTag>,
    /// Milliseconds since the command before; below 0 for a leader whose clock is behind.
    pub passes: i64,
    /// Sends an earlier command of a session again, if there is one, and not this.
    pub again: Option<prop::sample::Index>,
}

#[derive(Debug, Clone)]
pub(super) struct DraftTag {
    pub session: u64,
    /// The number, counted from the lowest that the session remembers; `u64::MAX` for one below.
    pub ahead: u64,
    /// How many answers the client says to have, counted from there.
    pub acknowledged: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Move {
    /// Commands applied in one batch.
    Apply(Vec<Draft>),
    /// Takes a snapshot and restores it into a fresh engine of each kind.
    Migrate,
    /// Takes a snapshot to go back to.
    Save,
    /// Goes back to the last snapshot taken.
    Restore,
    Reopen,
    /// Compares a listing, page by page.
    List {
        namespace: &'static str,
        prefix: Vec<u8>,
        start: Option<Vec<u8>>,
        end: Option<Vec<u8>>,
        reverse: bool,
        limit: usize,
        max_bytes: usize,
    },
}

fn any_key() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop::collection::vec(prop::sample::select(vec![0u8, 0x61, 0xff]), 0..3)
}

fn key() -> impl Strategy<Value = Bytes> + Clone {
    any_key().prop_map(Bytes::from)
}

fn name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        2 => Just("default".to_owned()),
        3 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Bytes> + Clone {
    const FEW: [&str; 6] = ["", "1", "-5", "9223372036854775807", "v", "word"];
    prop_oneof![
        5 => prop::sample::select(&FEW[..]).prop_map(Bytes::from),
        // Long enough for an answer that is kept apart.
        1 => Just(Bytes::from(vec![b'x'; 300])),
    ]
}

fn lifetime() -> impl Strategy<Value = Lifetime> + Clone {
    prop_oneof![
        3 => Just(Lifetime::Default),
        1 => Just(Lifetime::Keep),
        1 => Just(Lifetime::Forever),
        3 => (0..60u64).prop_map(Lifetime::Ttl),
        3 => (0..3u64).prop_map(Lifetime::Lease),
    ]
}

fn condition() -> impl Strategy<Value = Option<Condition>> + Clone {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Condition::Absent)),
        1 => (0..4u64).prop_map(|version| Some(Condition::Version(version))),
        1 => (0..40u64).prop_map(|revision| Some(Condition::Revision(revision))),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let maybe = |range| prop::option::weighted(0.3, range);
    (
        maybe(0..5u64),
        maybe(0..40u64),
        maybe(0..20u64),
        maybe(0..60u64),
    )
        .prop_map(|(max_keys, max_bytes, max_value, default_ttl)| Settings {
            max_keys,
            max_bytes,
            max_value,
            default_ttl,
        })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ]);
    let operand = (value(), 0..4u64, 0..40u64);
    (name(), key(), operator, operand, 0..6u8).prop_map(
        |(namespace, key, operator, (value, version, revision), target)| Comparison {
            namespace,
            key,
            target: match target {
                0 => Target::Exists(true),
                1 => Target::Exists(false),
                2 => Target::Value(operator, value),
                3 => Target::Version(operator, version),
                4 => Target::CreateRevision(operator, revision),
                _ => Target::ModRevision(operator, revision),
            },
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => (name(), key(), value(), lifetime(), any::<bool>()).prop_map(
            |(namespace, key, value, lifetime, previous)| Operation::Put {
                namespace,
                key,
                value,
                lifetime,
                previous,
            }
        ),
        2 => (name(), key()).prop_map(|(namespace, key)| Operation::Get { namespace, key }),
        2 => (name(), key(), any::<bool>()).prop_map(|(namespace, key, previous)| {
            Operation::Delete {
                namespace,
                key,
                previous,
            }
        }),
        1 => (name(), key())
            .prop_map(|(namespace, prefix)| Operation::DeletePrefix { namespace, prefix }),
    ]
}

/// Changes to entries.
fn write() -> impl Strategy<Value = Command> {
    let of_key = (name(), key(), value(), lifetime());
    prop_oneof![
        8 => (of_key, condition(), any::<bool>(), any::<bool>()).prop_map(
            |((namespace, key, value, lifetime), condition, create_namespace, previous)| {
                Command::Put {
                    namespace,
                    key,
                    value,
                    create_namespace,
                    condition,
                    lifetime,
                    previous,
                }
            }
        ),
        3 => (name(), prop::collection::vec(key(), 0..4), condition(), any::<bool>()).prop_map(
            |(namespace, keys, condition, previous)| Command::Delete {
                namespace,
                keys,
                condition,
                previous,
            }
        ),
        1 => (name(), key())
            .prop_map(|(namespace, prefix)| Command::DeletePrefix { namespace, prefix }),
        2 => (name(), key(), lifetime()).prop_map(|(namespace, key, lifetime)| Command::Touch {
            namespace,
            key,
            lifetime,
        }),
        2 => (name(), key(), -3..4i64, lifetime(), any::<bool>()).prop_map(
            |(namespace, key, by, lifetime, create_namespace)| Command::Increment {
                namespace,
                key,
                by,
                lifetime,
                create_namespace,
            }
        ),
        4 => (
            prop::collection::vec(comparison(), 0..3),
            prop::collection::vec(operation(), 0..5),
            prop::collection::vec(operation(), 0..4),
            any::<bool>(),
        )
            .prop_map(|(compare, then, otherwise, create_namespaces)| Command::Txn {
                compare,
                then,
                otherwise,
                create_namespaces,
            }),
    ]
}

/// Everything else.
fn upkeep() -> impl Strategy<Value = Command> {
    let new_name = prop_oneof![3 => name(), 1 => Just("not a name".to_owned())];
    prop_oneof![
        2 => (new_name, settings())
            .prop_map(|(name, settings)| Command::CreateNamespace { name, settings }),
        2 => (name(), settings(), any::<bool>()).prop_map(|(name, settings, all)| {
            let Settings {
                max_keys,
                max_bytes,
                max_value,
                default_ttl,
            } = settings;
            let change = SettingsChange {
                max_keys: Some(max_keys),
                max_bytes: all.then_some(max_bytes),
                max_value: all.then_some(max_value),
                default_ttl: Some(default_ttl),
            };
            Command::SetNamespace { name, change }
        }),
        2 => (name(), any::<bool>())
            .prop_map(|(name, only_if_empty)| Command::DeleteNamespace { name, only_if_empty }),
        6 => (10..200u64).prop_map(|ttl| Command::GrantLease { ttl }),
        2 => (0..3u64).prop_map(|id| Command::KeepAliveLease { id }),
        2 => (0..3u64).prop_map(|id| Command::RevokeLease { id }),
        3 => (20..200u64).prop_map(|ttl| Command::OpenSession { ttl }),
        1 => (0..4u64).prop_map(|id| Command::CloseSession { id }),
        2 => (0..6u32).prop_map(|limit| Command::Reclaim { limit }),
        4 => (0..6u32).prop_map(|limit| Command::Expire { limit }),
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    let ahead = prop_oneof![8 => 0..4u64, 1 => 62..67u64, 1 => Just(u64::MAX)];
    let tag = (0..3u64, ahead, 0..3u64).prop_map(|(session, ahead, acknowledged)| DraftTag {
        session,
        ahead,
        acknowledged,
    });
    (
        prop_oneof![5 => write(), 2 => upkeep()],
        prop::option::of(tag),
        prop_oneof![4 => 0..3i64, 2 => 3..40i64, 1 => -50..0i64],
        prop::option::weighted(0.15, any::<prop::sample::Index>()),
    )
        .prop_map(|(command, tag, passes, again)| Draft {
            command,
            tag,
            passes,
            again,
        })
}

pub(super) fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        16 => prop::collection::vec(draft(), 1..8).prop_map(Move::Apply),
        1 => Just(Move::Migrate),
        1 => Just(Move::Save),
        1 => Just(Move::Restore),
        1 => Just(Move::Reopen),
        4 => (
            prop::sample::select(&NAMES[..]),
            any_key(),
            prop::option::of(any_key()),
            prop::option::of(any_key()),
            any::<bool>(),
            0..4usize,
            prop::sample::select(vec![0usize, 8, 1000]),
        )
            .prop_map(|(namespace, prefix, start, end, reverse, limit, max_bytes)| {
                Move::List { namespace, prefix, start, end, reverse, limit, max_bytes }
            }),
    ]
}
