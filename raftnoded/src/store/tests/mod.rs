//! Stories, random histories against a plain model, and damaged snapshots; each on every engine.

mod basics;
mod cost;
mod damage;
mod history;
mod invariants;
mod live;
mod model;
mod script;
mod snapshot;

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::engine::tests::{TestEngine, engines};
use crate::engine::{Engine, Writes};

const CLUSTER: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

/// A command as the log holds it.
#[derive(Debug, Clone, PartialEq)]
struct Request {
    now: u64,
    tag: Option<Tag>,
    command: Command,
}

/// A store on an engine.
struct Store {
    engine: TestEngine,
    /// The log index of the last command.
    index: u64,
    /// The time stamped on the next command.
    now: u64,
    /// The events since the last time they were taken.
    events: Vec<Event>,
}

impl Store {
    fn new(engine: TestEngine) -> Self {
        let store = Self {
            engine,
            index: 0,
            now: 0,
            events: Vec::new(),
        };
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

    /// Applies commands in one batch, at the time of the store and outside of sessions.
    fn apply(&mut self, commands: &[Command]) -> Vec<Reply> {
        let request = |command: &Command| Request {
            now: self.now,
            tag: None,
            command: command.clone(),
        };
        let requests: Vec<_> = commands.iter().map(request).collect();
        self.run(&requests)
    }

    /// Applies commands in one batch, each through its encoded form.
    fn run(&mut self, requests: &[Request]) -> Vec<Reply> {
        let mut applier = Applier::new(&**self.engine.get()).unwrap();
        let mut replies = Vec::new();
        for request in requests {
            self.index += 1;
            let mut bytes = request.command.encode(request.tag).unwrap();
            stamp(&mut bytes, request.now);
            let proposal = Proposal::decode(&bytes).unwrap();
            let (before, told) = (applier.writes().clone(), applier.events.len());
            let reply = applier.apply(self.index, proposal).unwrap();
            if reply.is_err() {
                assert_eq!(
                    applier.events.len(),
                    told,
                    "a refused command told something"
                );
                check_untouched(&before, applier.writes());
            }
            replies.push(reply);
        }
        let position = Position {
            term: 1,
            index: self.index,
        };
        let Applied { writes, events } = applier.finish(Some(position));
        self.engine.get().write(writes).unwrap();
        self.events.extend(events);
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
}

/// What a refused command may write: the reply that its session remembers.
fn check_untouched(before: &Writes, after: &Writes) {
    let changed = after.iter().filter(|(key, value)| {
        let mut earlier = before.iter();
        !earlier.any(|(other, old)| other == *key && old == *value)
    });
    for (key, _) in changed {
        let key = keys::Key::decode(key).unwrap();
        assert!(
            matches!(key, keys::Key::Session(_) | keys::Key::Reply(..)),
            "a refused command wrote {key}"
        );
    }
}

fn put(namespace: &str, key: &[u8], value: &[u8]) -> Command {
    Command::Put {
        namespace: namespace.into(),
        key: Bytes::copy_from_slice(key),
        value: Bytes::copy_from_slice(value),
        create_namespace: true,
        condition: None,
        lifetime: Lifetime::Default,
        previous: false,
    }
}

fn create(name: &str) -> Command {
    Command::CreateNamespace {
        name: name.into(),
        settings: Settings::default(),
    }
}
