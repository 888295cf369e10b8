use bytes::Bytes;
use proptest::prelude::*;

use super::super::{
    Comparison, Condition, Lifetime, Operation, Operator, Settings, SettingsChange, Target,
};
use super::*;

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn any_name() -> impl Strategy<Value = String> {
    "\\PC{0,8}"
}

fn any_condition() -> impl Strategy<Value = Option<Condition>> {
    prop::option::of(prop_oneof![
        Just(Condition::Absent),
        any::<u64>().prop_map(Condition::Version),
        any::<u64>().prop_map(Condition::Revision),
    ])
}

fn any_lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        Just(Lifetime::Default),
        Just(Lifetime::Keep),
        Just(Lifetime::Forever),
        any::<u64>().prop_map(Lifetime::Ttl),
        any::<u64>().prop_map(Lifetime::Lease),
    ]
}

fn any_comparison() -> impl Strategy<Value = Comparison> {
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ]);
    let target = (operator, any_bytes(), any::<u64>(), 0..5u8).prop_map(
        |(operator, value, number, target)| match target {
            0 => Target::Exists(number % 2 == 0),
            1 => Target::Value(operator, value),
            2 => Target::Version(operator, number),
            3 => Target::CreateRevision(operator, number),
            _ => Target::ModRevision(operator, number),
        },
    );
    (any_name(), any_bytes(), target).prop_map(|(namespace, key, target)| Comparison {
        namespace,
        key,
        target,
    })
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let put = (any_bytes(), any_lifetime(), any::<bool>());
    (any_name(), any_bytes(), put, 0..4u8).prop_map(
        |(namespace, key, (value, lifetime, previous), operation)| match operation {
            0 => Operation::Put {
                namespace,
                key,
                value,
                lifetime,
                previous,
            },
            1 => Operation::Get { namespace, key },
            2 => Operation::Delete {
                namespace,
                key,
                previous,
            },
            _ => Operation::DeletePrefix {
                namespace,
                prefix: key,
            },
        },
    )
}

fn any_command() -> impl Strategy<Value = Command> {
    let limit = || prop::option::of(any::<u64>());
    prop_oneof![
        (
            (any_name(), any_bytes(), any_bytes()),
            (any_condition(), any_lifetime()),
            (any::<bool>(), any::<bool>()),
        )
            .prop_map(|((namespace, key, value), (condition, lifetime), (a, b))| {
                Command::Put {
                    namespace,
                    key,
                    value,
                    create_namespace: a,
                    condition,
                    lifetime,
                    previous: b,
                }
            }),
        (
            any_name(),
            prop::collection::vec(any_bytes(), 0..4),
            any_condition(),
            any::<bool>(),
        )
            .prop_map(|(namespace, keys, condition, previous)| Command::Delete {
                namespace,
                keys,
                condition,
                previous,
            }),
        (any_name(), any_bytes())
            .prop_map(|(namespace, prefix)| Command::DeletePrefix { namespace, prefix }),
        (any_name(), any_bytes(), any_lifetime()).prop_map(|(namespace, key, lifetime)| {
            Command::Touch {
                namespace,
                key,
                lifetime,
            }
        }),
        (
            any_name(),
            any_bytes(),
            any::<i64>(),
            any_lifetime(),
            any::<bool>()
        )
            .prop_map(|(namespace, key, by, lifetime, create_namespace)| {
                Command::Increment {
                    namespace,
                    key,
                    by,
                    lifetime,
                    create_namespace,
                }
            }),
        (
            prop::collection::vec(any_comparison(), 0..3),
            prop::collection::vec(any_operation(), 0..3),
            prop::collection::vec(any_operation(), 0..3),
            any::<bool>(),
        )
            .prop_map(
                |(compare, then, otherwise, create_namespaces)| Command::Txn {
                    compare,
                    then,
                    otherwise,
                    create_namespaces,
                }
            ),
        (any_name(), limit(), limit(), limit(), limit()).prop_map(
            |(name, max_keys, max_bytes, max_value, default_ttl)| Command::CreateNamespace {
                name,
                settings: Settings {
                    max_keys,
                    max_bytes,
                    max_value,
                    default_ttl,
                },
            }
        ),
        (
            any_name(),
            prop::option::of(limit()),
            prop::option::of(limit())
        )
            .prop_map(|(name, max_keys, default_ttl)| Command::SetNamespace {
                name,
                change: SettingsChange {
                    max_keys,
                    default_ttl,
                    ..SettingsChange::default()
                },
            }),
        (any_name(), any::<bool>()).prop_map(|(name, only_if_empty)| Command::DeleteNamespace {
            name,
            only_if_empty
        }),
        any::<u64>().prop_map(|ttl| Command::GrantLease { ttl }),
        any::<u64>().prop_map(|id| Command::KeepAliveLease { id }),
        any::<u64>().prop_map(|id| Command::RevokeLease { id }),
        any::<u64>().prop_map(|ttl| Command::OpenSession { ttl }),
        any::<u64>().prop_map(|id| Command::CloseSession { id }),
        any::<u32>().prop_map(|limit| Command::Reclaim { limit }),
        any::<u32>().prop_map(|limit| Command::Expire { limit }),
    ]
}

fn any_tag() -> impl Strategy<Value = Option<Tag>> {
    let tag = (any::<u64>(), any::<u64>(), any::<u64>());
    prop::option::of(tag.prop_map(|(session, seq, first_unacked)| Tag {
        session,
        seq,
        first_unacked,
    }))
}

fn encoded(command: &Command, tag: Option<Tag>, now: u64) -> Vec<u8> {
    let mut bytes = command.encode(tag).unwrap();
    stamp(&mut bytes, now);
    bytes
}

proptest! {
    #[test]
    fn commands_round_trip(command in any_command(), tag in any_tag(), now in any::<u64>()) {
        let read = Proposal::decode(&encoded(&command, tag, now)).unwrap();
        prop_assert_eq!((read.now, read.tag, &read.command), (now, tag, &command));
    }

    /// A write that is sent again is known again, whatever else its frame says.
    #[test]
    fn a_fingerprint_is_of_the_command_alone(
        one in any_command(),
        other in any_command(),
        tag in any_tag(),
        again in any_tag(),
        now in any::<u64>(),
    ) {
        let print = |command: &Command, tag, now| {
            Proposal::decode(&encoded(command, tag, now)).unwrap().fingerprint
        };
        let (Some(_), Some(_)) = (tag, again) else {
            prop_assert_eq!(print(&one, None, now), 0);
            return Ok(());
        };
        prop_assert_eq!(print(&one, tag, 0), print(&one, again, now));
        prop_assert_eq!(one == other, print(&one, tag, 0) == print(&other, tag, 0));
    }

    #[test]
    fn a_cut_command_is_refused(
        command in any_command(),
        tag in any_tag(),
        at in any::<prop::sample::Index>(),
    ) {
        let bytes = encoded(&command, tag, 7);
        let cut = &bytes[..at.index(bytes.len())];
        let refused = matches!(Proposal::decode(cut), Err(CommandError::Malformed { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Proposal::decode(&bytes);
        stamp(&mut bytes, 1);
        bytes.insert(0, COMMAND_VERSION);
        let _ = Proposal::decode(&bytes);
    }
}

/// The log of a running cluster holds these bytes: they may never change.
#[test]
fn encoding_is_fixed() {
    let bytes = Bytes::from_static;
    let name = || "n".to_owned();
    let cases: [(Command, &[u8]); 20] = [
        (
            Command::Put {
                namespace: name(),
                key: bytes(b"k"),
                value: bytes(b"vw"),
                create_namespace: true,
                condition: None,
                lifetime: Lifetime::Default,
                previous: false,
            },
            b"\x00\x01n\x01k\x02vw\x01\x00\x00\x00",
        ),
        (
            Command::Put {
                namespace: name(),
                key: bytes(b"k"),
                value: bytes(b""),
                create_namespace: false,
                condition: Some(Condition::Version(300)),
                lifetime: Lifetime::Ttl(5),
                previous: true,
            },
            b"\x00\x01n\x01k\x00\x00\x01\x01\xac\x02\x03\x05\x01",
        ),
        (
            Command::Delete {
                namespace: name(),
                keys: vec![bytes(b"a"), bytes(b"b")],
                condition: Some(Condition::Absent),
                previous: true,
            },
            b"\x01\x01n\x02\x01a\x01b\x01\x00\x01",
        ),
        (
            Command::DeletePrefix {
                namespace: name(),
                prefix: bytes(b"p"),
            },
            b"\x02\x01n\x01p",
        ),
        (
            Command::Touch {
                namespace: name(),
                key: bytes(b"k"),
                lifetime: Lifetime::Lease(9),
            },
            b"\x03\x01n\x01k\x04\x09",
        ),
        (
            Command::Increment {
                namespace: name(),
                key: bytes(b"k"),
                by: -1,
                lifetime: Lifetime::Keep,
                create_namespace: true,
            },
            b"\x04\x01n\x01k\x01\x01\x01",
        ),
        (
            Command::Txn {
                compare: vec![
                    comparison(Target::Exists(true)),
                    comparison(Target::Value(Operator::Equal, bytes(b"v"))),
                    comparison(Target::Version(Operator::NotEqual, 1)),
                    comparison(Target::CreateRevision(Operator::Less, 2)),
                    comparison(Target::ModRevision(Operator::LessOrEqual, 3)),
                    comparison(Target::Version(Operator::Greater, 4)),
                    comparison(Target::Version(Operator::GreaterOrEqual, 5)),
                ],
                then: vec![
                    Operation::Put {
                        namespace: name(),
                        key: bytes(b"k"),
                        value: bytes(b"v"),
                        lifetime: Lifetime::Forever,
                        previous: true,
                    },
                    Operation::Get {
                        namespace: name(),
                        key: bytes(b"k"),
                    },
                ],
                otherwise: vec![
                    Operation::Delete {
                        namespace: name(),
                        key: bytes(b"k"),
                        previous: false,
                    },
                    Operation::DeletePrefix {
                        namespace: name(),
                        prefix: bytes(b"p"),
                    },
                ],
                create_namespaces: true,
            },
            b"\x05\x07\x01n\x01k\x00\x01\x01n\x01k\x01\x00\x01v\x01n\x01k\x02\x01\x01\x01n\x01k\x03\
              \x02\x02\x01n\x01k\x04\x03\x03\x01n\x01k\x02\x04\x04\x01n\x01k\x02\x05\x05\
              \x02\x00\x01n\x01k\x01v\x02\x01\x01\x01n\x01k\
              \x02\x02\x01n\x01k\x00\x03\x01n\x01p\x01",
        ),
        (
            Command::CreateNamespace {
                name: name(),
                settings: Settings {
                    max_keys: Some(1),
                    max_bytes: None,
                    max_value: Some(2),
                    default_ttl: None,
                },
            },
            b"\x06\x01n\x01\x01\x00\x01\x02\x00",
        ),
        (
            Command::SetNamespace {
                name: name(),
                change: SettingsChange {
                    max_keys: Some(Some(1)),
                    max_bytes: Some(None),
                    max_value: None,
                    default_ttl: None,
                },
            },
            b"\x07\x01n\x01\x01\x01\x01\x00\x00\x00",
        ),
        (
            Command::DeleteNamespace {
                name: name(),
                only_if_empty: true,
            },
            b"\x08\x01n\x01",
        ),
        (Command::GrantLease { ttl: 300 }, b"\x09\xac\x02"),
        (Command::KeepAliveLease { id: 1 }, b"\x0a\x01"),
        (Command::RevokeLease { id: 1 }, b"\x0b\x01"),
        (Command::OpenSession { ttl: 1 }, b"\x0c\x01"),
        (Command::CloseSession { id: 1 }, b"\x0d\x01"),
        (Command::Reclaim { limit: 300 }, b"\x0e\xac\x02"),
        (Command::Expire { limit: 300 }, b"\x0f\xac\x02"),
        (touch(Lifetime::Default), b"\x03\x01n\x01k\x00"),
        (touch(Lifetime::Keep), b"\x03\x01n\x01k\x01"),
        (
            Command::Delete {
                namespace: name(),
                keys: vec![],
                condition: Some(Condition::Revision(1)),
                previous: false,
            },
            b"\x01\x01n\x00\x01\x02\x01\x00",
        ),
    ];
    for (command, body) in cases {
        let untagged = [b"\x02\x08\x07\x06\x05\x04\x03\x02\x01\x00", body].concat();
        let now = 0x0102_0304_0506_0708;
        assert_eq!(encoded(&command, None, now), untagged, "{command:?}");
        let tag = Tag {
            session: 1,
            seq: 300,
            first_unacked: 2,
        };
        let tagged = [b"\x02\0\0\0\0\0\0\0\0\x01\x01\xac\x02\x02", body].concat();
        assert_eq!(command.encode(Some(tag)).unwrap(), tagged, "{command:?}");
    }
}

fn comparison(target: Target) -> Comparison {
    Comparison {
        namespace: "n".into(),
        key: Bytes::from_static(b"k"),
        target,
    }
}

fn touch(lifetime: Lifetime) -> Command {
    Command::Touch {
        namespace: "n".into(),
        key: Bytes::from_static(b"k"),
        lifetime,
    }
}

#[test]
fn another_format_is_told_from_damage() {
    let mut bytes = Command::Reclaim { limit: 1 }.encode(None).unwrap();
    bytes[0] = COMMAND_VERSION + 1;
    let error = Proposal::decode(&bytes).unwrap_err();
    let found = COMMAND_VERSION + 1;
    assert_eq!(error, CommandError::NewerVersion { found });
    assert!(
        error.to_string().contains("run the newer program"),
        "{error}"
    );
    bytes[0] = 1;
    let error = Proposal::decode(&bytes).unwrap_err();
    assert_eq!(error, CommandError::OlderVersion { found: 1 });
    assert!(
        error.to_string().contains("empty data directory"),
        "{error}"
    );
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = Command::Reclaim { limit: 1 }.encode(None).unwrap();
    bytes.push(0);
    assert!(matches!(
        Proposal::decode(&bytes),
        Err(CommandError::Malformed { .. })
    ));
}

#[test]
fn a_frame_without_a_command_is_cut_off() {
    for len in 1..FRAME {
        let error = Proposal::decode(&vec![COMMAND_VERSION; len]).unwrap_err();
        assert!(matches!(error, CommandError::Malformed { .. }), "{error}");
        // Nothing to stamp either, and no panic.
        stamp(&mut vec![COMMAND_VERSION; len], 1);
    }
}
