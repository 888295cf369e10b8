//! Stories, random histories against a plain model, and damaged snapshots; each on every engine.

mod history;
mod script;
mod snapshot;

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::engine::Engine;
use crate::engine::tests::{TestEngine, engines};

const CLUSTER: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

/// A store on an engine, with the log index of its last command.
struct Store {
    engine: TestEngine,
    index: u64,
}

impl Store {
    fn new(engine: TestEngine) -> Self {
        let store = Self { engine, index: 0 };
        let mut batch = Batch::new(&**store.engine());
        initialize(&mut batch).unwrap();
        let writes = batch.into_writes();
        store.engine().write(writes).unwrap();
        store
    }

    fn on_every_engine() -> Vec<Self> {
        engines().into_iter().map(Self::new).collect()
    }

    fn engine(&self) -> &Arc<dyn Engine> {
        self.engine.get()
    }

    /// Applies commands in one batch, each through its encoded form.
    fn apply(&mut self, commands: &[Command]) -> Vec<Result<Outcome, Rejection>> {
        let mut batch = Batch::new(&**self.engine.get());
        let mut replies = Vec::new();
        for command in commands {
            self.index += 1;
            let command = Command::decode(&command.encode().unwrap()).unwrap();
            let before = batch.writes().clone();
            let reply = apply(&mut batch, self.index, command).unwrap();
            if reply.is_err() {
                assert_eq!(
                    batch.writes(),
                    &before,
                    "a rejected command wrote something"
                );
            }
            replies.push(reply);
        }
        let position = Position {
            term: 1,
            index: self.index,
        };
        set_applied(&mut batch, position);
        let writes = batch.into_writes();
        self.engine().write(writes).unwrap();
        replies
    }

    /// The bytes of a snapshot of the state as it is now.
    fn save(&self) -> Vec<u8> {
        let mut writer = SnapshotWriter::new(self.engine().snapshot(), CLUSTER).unwrap();
        let mut stream = Vec::new();
        while let Some(chunk) = writer.next_chunk().unwrap() {
            stream.extend(chunk);
        }
        assert!(writer.next_chunk().unwrap().is_none());
        stream
    }

    fn restore(&mut self, stream: &[u8]) -> Result<Summary, SnapshotError> {
        let (header, summary) = restore(stream, &**self.engine(), Some(CLUSTER))?;
        self.index = header.applied.map_or(0, |position| position.index);
        Ok(summary)
    }

    /// The counts of every namespace equal what a walk over the entries finds.
    fn check_counts(&self) {
        let engine = &**self.engine();
        for info in namespaces(engine).unwrap() {
            let request = List {
                limit: usize::MAX,
                max_bytes: usize::MAX,
                ..List::default()
            };
            let page = list(engine, &info.name, &request).unwrap();
            let sizes = page
                .entries
                .iter()
                .map(|(key, entry)| key.len() + entry.value.len());
            assert_eq!(
                info.keys,
                page.entries.len() as u64,
                "keys of {}",
                info.name
            );
            assert_eq!(
                info.bytes,
                sizes.sum::<usize>() as u64,
                "bytes of {}",
                info.name
            );
            assert_eq!(count(engine, &info.name, b"").unwrap(), info.keys);
        }
    }
}

fn put(namespace: &str, key: &[u8], value: &[u8]) -> Command {
    Command::Put {
        namespace: namespace.into(),
        key: Bytes::copy_from_slice(key),
        value: Bytes::copy_from_slice(value),
        create_namespace: true,
    }
}

#[test]
fn initializing_twice_changes_nothing() {
    for mut store in Store::on_every_engine() {
        store.apply(&[put("default", b"a", b"1"), put("other", b"b", b"2")]);
        let before = store.save();
        let mut batch = Batch::new(&**store.engine());
        initialize(&mut batch).unwrap();
        assert!(batch.writes().is_empty());
        assert_eq!(store.save(), before);
    }
}

#[test]
fn a_newer_layout_is_refused() {
    for store in Store::on_every_engine() {
        let mut batch = Batch::new(&**store.engine());
        batch.put(
            keys::Key::Layout.encode(),
            record::encode_number(LAYOUT_VERSION + 1),
        );
        let error = initialize(&mut batch).unwrap_err();
        assert!(matches!(error, OpenError::NewerLayout { found } if found == LAYOUT_VERSION + 1));
        assert!(error.to_string().contains("upgrade"), "{error}");
    }
}

#[test]
fn damage_in_a_record_is_a_fault_and_not_a_reply() {
    for mut store in Store::on_every_engine() {
        store.apply(&[put("default", b"a", b"1")]);
        let id = describe(&**store.engine(), "default").unwrap().id;
        for bytes in [&b""[..], b"\xff", b"\x00\xff"] {
            let mut batch = Batch::new(&**store.engine());
            batch.put(keys::Key::Entry(id, b"a").encode(), bytes);
            let refused = apply(&mut batch, 9, put("default", b"a", b"2"));
            assert!(
                matches!(refused, Err(EngineError::Corrupt { .. })),
                "{refused:?}"
            );
            let refused = get(&batch, "default", b"a");
            assert!(
                matches!(refused, Err(ReadError::Engine(EngineError::Corrupt { .. }))),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn an_uninitialized_engine_is_a_fault() {
    for engine in engines() {
        let mut batch = Batch::new(&**engine.get());
        let result = apply(&mut batch, 1, put("default", b"a", b"1"));
        assert!(
            matches!(result, Err(EngineError::Corrupt { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn numbers_of_namespaces_run_out_without_reuse() {
    for mut store in Store::on_every_engine() {
        let mut batch = Batch::new(&**store.engine());
        let last = record::encode_number(u32::MAX);
        batch.put(keys::Key::NextNamespaceId.encode(), last);
        let writes = batch.into_writes();
        store.engine().write(writes).unwrap();
        let create = Command::CreateNamespace { name: "n".into() };
        for command in [put("m", b"a", b"1"), create] {
            assert_eq!(
                store.apply(&[command]),
                [Err(Rejection::NamespacesExhausted)]
            );
        }
    }
}

#[test]
fn membership_and_position_are_kept() {
    for mut store in Store::on_every_engine() {
        assert_eq!(applied(&**store.engine()).unwrap(), None);
        assert_eq!(membership(&**store.engine()).unwrap(), None);
        let mut batch = Batch::new(&**store.engine());
        let position = Position {
            term: 3,
            index: 70_000,
        };
        set_applied(&mut batch, position);
        set_membership(&mut batch, b"n1,n2,n3");
        let writes = batch.into_writes();
        store.engine().write(writes).unwrap();
        store.engine.reopen();
        assert_eq!(applied(&**store.engine()).unwrap(), Some(position));
        assert_eq!(
            membership(&**store.engine()).unwrap().as_deref(),
            Some(&b"n1,n2,n3"[..])
        );
    }
}

#[test]
fn hashes_tell_data_apart_and_ignore_the_position() {
    let mut hashes = Vec::new();
    for mut store in Store::on_every_engine() {
        store.apply(&[put("default", b"a", b"1")]);
        let first = hash(&**store.engine()).unwrap();
        // A rejected command moves the position alone.
        store.apply(&[Command::CreateNamespace {
            name: "default".into(),
        }]);
        assert_eq!(hash(&**store.engine()).unwrap(), first);
        store.apply(&[put("default", b"a", b"2")]);
        let second = hash(&**store.engine()).unwrap();
        assert_ne!(first, second);
        hashes.push((first, second));
    }
    assert!(hashes.iter().all(|pair| *pair == hashes[0]));
}
