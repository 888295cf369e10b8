//! Replicated commands and records of the state with mutated bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use common::snapshot::SnapshotEncoder;
use fuzzing::Answer;

use super::*;
use crate::engine::{Engine, Memory};

const CLUSTER: u128 = 0xdead_beef;

fn target(name: &'static str) -> fuzzing::Target {
    fuzzing::Target::new(name, env!("CARGO_MANIFEST_DIR"))
}

fn put(namespace: &str, key: &'static str, lifetime: Lifetime) -> Command {
    Command::Put {
        namespace: namespace.to_owned(),
        key: key.into(),
        value: "12".into(),
        create_namespace: true,
        condition: None,
        lifetime,
        previous: true,
    }
}

/// One of each kind.
fn commands() -> Vec<Command> {
    let space = || "default".to_owned();
    let key = || Bytes::from_static(b"k");
    vec![
        // The lease has the number 1, the session 2: see `filled`.
        Command::GrantLease { ttl: 5000 },
        Command::OpenSession { ttl: 60_000 },
        put("default", "leased", Lifetime::Lease(1)),
        put("default", "mortal", Lifetime::Ttl(700)),
        put("other", "k", Lifetime::Default),
        Command::CreateNamespace {
            name: "bounded".to_owned(),
            settings: Settings {
                max_keys: Some(3),
                max_bytes: Some(100),
                max_value: Some(20),
                default_ttl: Some(900),
            },
        },
        put("bounded", "k", Lifetime::Default),
        Command::Increment {
            namespace: space(),
            key: "mortal".into(),
            by: 30,
            lifetime: Lifetime::Keep,
            create_namespace: false,
        },
        Command::Txn {
            compare: vec![Comparison {
                namespace: space(),
                key: key(),
                target: Target::Version(Operator::Less, 3),
            }],
            then: vec![
                Operation::Put {
                    namespace: space(),
                    key: key(),
                    value: "x".into(),
                    lifetime: Lifetime::Forever,
                    previous: false,
                },
                Operation::DeletePrefix {
                    namespace: "other".to_owned(),
                    prefix: key(),
                },
            ],
            otherwise: vec![Operation::Get {
                namespace: space(),
                key: key(),
            }],
            create_namespaces: true,
        },
        Command::Delete {
            namespace: "other".to_owned(),
            keys: vec![key(), "no".into()],
            condition: Some(Condition::Version(1)),
            previous: true,
        },
        Command::Touch {
            namespace: space(),
            key: key(),
            lifetime: Lifetime::Ttl(100),
        },
        Command::SetNamespace {
            name: "bounded".to_owned(),
            change: SettingsChange {
                max_keys: Some(None),
                default_ttl: Some(Some(50)),
                ..SettingsChange::default()
            },
        },
        Command::KeepAliveLease { id: 1 },
        Command::Expire { limit: 10 },
        Command::DeleteNamespace {
            name: "other".to_owned(),
            only_if_empty: false,
        },
        Command::Reclaim { limit: 10 },
        Command::RevokeLease { id: 1 },
        Command::CloseSession { id: 2 },
    ]
}

/// A command as the log has it.
fn encoded(command: &Command, tag: Option<Tag>, now: u64) -> Vec<u8> {
    let mut bytes = command.encode(tag).expect("a short command");
    stamp(&mut bytes, now);
    bytes
}

/// A state to which the first of the commands were applied.
fn filled(number: usize) -> Memory {
    let engine = Memory::new();
    let mut batch = Batch::new(&engine);
    initialize(&mut batch).expect("a new state");
    let writes = batch.into_writes();
    engine.write(writes).expect("written");
    let mut applier = Applier::new(&engine).expect("readable");
    for (index, command) in (1..).zip(&commands()[..number]) {
        let proposal = Proposal::decode(&encoded(command, None, 1000 + index)).expect("ours");
        let _ = applier.apply(index, proposal).expect("a sound state");
    }
    let position = Position {
        term: 1,
        index: number as u64,
    };
    let writes = applier.finish(Some(position)).writes;
    engine.write(writes).expect("written");
    engine
}

#[test]
fn command() {
    let tag = Some(Tag {
        session: 2,
        seq: 1,
        first_unacked: 1,
    });
    let samples = commands().into_iter().flat_map(|command| {
        let tagged = encoded(&command, tag, 1200);
        [encoded(&command, None, 1100), tagged]
    });
    // Sessions, leases, three namespaces.
    let engine = filled(7);
    let read = move |bytes: &[u8]| -> Answer {
        let proposal = Proposal::decode(bytes).map_err(|error| error.to_string())?;
        let mut again = encoded(&proposal.command, proposal.tag, proposal.now);
        assert_eq!(
            Proposal::decode(&again).expect("encoded").command,
            proposal.command
        );
        // What members compare by is made of the bytes: they are not equal for equal commands.
        again.truncate(1);
        assert_eq!(bytes.first(), again.first());
        // A sound state stays sound: twice, as a retry would be, and with time gone by.
        let mut applier = Applier::new(&engine).expect("readable");
        let mut words = String::new();
        for index in [100, 101] {
            let reply = applier
                .apply(index, proposal.clone())
                .expect("a sound state");
            words = format!("{words} {reply:?}");
        }
        let expire = encoded(&Command::Expire { limit: 100 }, None, proposal.now);
        let expire = Proposal::decode(&expire).expect("ours");
        let _ = applier.apply(102, expire).expect("a sound state");
        let writes = applier.finish(None).writes;
        let name = format!("{:?}", proposal.command);
        let name = name.split(' ').next().unwrap_or_default();
        Ok(format!("{name} {}{words}", writes.iter().count() > 0))
    };
    // All of a namespace may be deleted with one.
    target("command").samples(samples).rounds(10_000).run(read);
}

/// A record in an input: lengths of key and value, key, value.
fn records(input: &[u8]) -> BTreeMap<&[u8], &[u8]> {
    let mut rest = input;
    let records = std::iter::from_fn(|| {
        let ([key, value], behind) = rest.split_first_chunk::<2>()?;
        let (key, behind) = behind.split_at_checked(usize::from(*key))?;
        let (value, behind) = behind.split_at_checked(usize::from(*value))?;
        rest = behind;
        Some((key, value))
    });
    records.collect()
}

/// The records of a state, those that stand in the header of a snapshot left out.
fn written(engine: &Memory) -> Vec<u8> {
    let mut input = Vec::new();
    for record in scan(engine, keys::data(), false) {
        let (key, value) = record.expect("readable");
        let lengths = [key.len(), value.len()].map(|it| u8::try_from(it).expect("a short record"));
        input.extend(lengths);
        input.extend_from_slice(&key);
        input.extend_from_slice(&value);
    }
    input
}

/// Everything that is read of a state for clients.
fn look_at(engine: &Memory) -> Result<usize, ReadError> {
    let mut seen = 0;
    for namespace in namespaces(engine)? {
        describe(engine, &namespace.name)?;
        seen += list(engine, &namespace.name, &List::default())?
            .entries
            .len();
        count(engine, &namespace.name, b"k")?;
    }
    for lease in leases(engine, None, 10)? {
        describe_lease(engine, lease.id, 10)?;
    }
    next_deadline(engine)?;
    next_end(engine)?;
    has_dropped(engine)?;
    hash(engine)?;
    Ok(seen)
}

#[test]
fn state() {
    let samples = [0, 7, 15, 18].map(|number| written(&filled(number)));
    let read = |input: &[u8]| -> Answer {
        let header = Header {
            cluster_id: CLUSTER,
            layout: LAYOUT_VERSION,
            applied: Some(Position { term: 1, index: 40 }),
            membership: None,
        };
        let (mut encoder, mut stream) = SnapshotEncoder::new(&header).expect("a short header");
        for (key, value) in records(input) {
            stream.extend(encoder.push(key, value).expect("short").unwrap_or_default());
        }
        let ending = encoder.finish().expect("short");
        stream.extend(ending.block.unwrap_or_default());
        stream.extend(ending.trailer);

        let engine = Memory::new();
        restore(&stream[..], &engine, Some(CLUSTER)).map_err(|error| error.to_string())?;
        let before = hash(&engine).expect("readable");
        let mut writer = SnapshotWriter::new(engine.snapshot(), CLUSTER).expect("readable");
        let mut saved = Vec::new();
        while let Some(chunk) = writer.next_chunk().expect("readable") {
            saved.extend(chunk);
        }
        assert_eq!(saved, stream, "equal states give equal streams");
        let seen = look_at(&engine).map_err(|error| error.to_string())?;
        assert_eq!(hash(&engine).expect("readable"), before);
        Ok(format!("{seen} entries"))
    };
    target("state").samples(samples).rounds(5_000).run(read);
}
