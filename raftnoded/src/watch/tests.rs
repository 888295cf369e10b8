//! The history against a plain list, and who is woken when.

mod random;
mod waiting;

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::engine::{Batch, Engine, Memory};
use crate::store::{self, Applier, Command, Lifetime, Operation, Position, Proposal};

/// A moment that is over.
fn now() -> Instant {
    Instant::now()
}

/// Longer than any test waits.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

const ALL: Bounds = Bounds {
    events: usize::MAX,
    bytes: usize::MAX,
};

/// A state machine, which is where events come from.
struct Source {
    engine: Memory,
    index: u64,
}

impl Source {
    fn new() -> Self {
        let engine = Memory::new();
        let mut batch = Batch::new(&engine);
        store::initialize(&mut batch).unwrap();
        let writes = batch.into_writes();
        engine.write(writes).unwrap();
        Self { engine, index: 0 }
    }

    /// What a command tells; it takes the next index.
    fn apply(&mut self, command: &Command) -> Vec<Event> {
        self.index += 1;
        let proposal = Proposal::decode(&command.encode(None).unwrap()).unwrap();
        let mut applier = Applier::new(&self.engine).unwrap();
        applier.apply(self.index, proposal).unwrap().unwrap();
        let applied = applier.finish(Some(Position {
            term: 1,
            index: self.index,
        }));
        self.engine.write(applied.writes).unwrap();
        applied.events
    }

    /// One put for each key, in one command.
    fn put_all(&mut self, namespace: &str, keys: &[&str]) -> Vec<Event> {
        let then = keys.iter().map(|key| Operation::Put {
            namespace: namespace.to_owned(),
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::from_static(b"value"),
            lifetime: Lifetime::Default,
            previous: false,
        });
        self.apply(&Command::Txn {
            compare: Vec::new(),
            then: then.collect(),
            otherwise: Vec::new(),
            create_namespaces: true,
        })
    }

    fn put(&mut self, namespace: &str, key: &str) -> Vec<Event> {
        self.put_all(namespace, &[key])
    }

    fn delete_namespace(&mut self, name: &str) -> Vec<Event> {
        self.apply(&Command::DeleteNamespace {
            name: name.to_owned(),
            only_if_empty: false,
        })
    }

    /// Puts a key and publishes that.
    fn publish(&mut self, hub: &Hub, namespace: &str, key: &str) {
        let events = self.put(namespace, key);
        hub.publish(self.index, events);
    }
}

fn one(namespace: &str, key: &str) -> Interest {
    Interest {
        namespace: namespace.to_owned(),
        keys: Keys::One(Bytes::copy_from_slice(key.as_bytes())),
    }
}

fn prefix(namespace: &str, prefix: &str) -> Interest {
    Interest {
        namespace: namespace.to_owned(),
        keys: Keys::Prefix(Bytes::copy_from_slice(prefix.as_bytes())),
    }
}

/// Revisions and keys.
fn told(found: &Found) -> Vec<(u64, String)> {
    let events = found.events.iter();
    events
        .map(|event| {
            let key = String::from_utf8(event.key().to_vec()).unwrap();
            (event.revision, key)
        })
        .collect()
}

fn at(revision: u64, seen: u64) -> Place {
    Place { revision, seen }
}

#[tokio::test]
async fn an_interest_is_a_key_or_a_prefix_of_one_namespace() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    for (namespace, key) in [("a", "x"), ("a", "x/1"), ("b", "x"), ("a", ""), ("a", "y")] {
        source.publish(&hub, namespace, key);
    }
    for (interest, expected) in [
        (one("a", "x"), &[1][..]),
        (one("a", ""), &[4]),
        (one("a", "x/"), &[]),
        (prefix("a", "x"), &[1, 2]),
        (prefix("a", "x/"), &[2]),
        (prefix("a", ""), &[1, 2, 4, 5]),
        (prefix("b", ""), &[3]),
        (prefix("c", ""), &[]),
    ] {
        let found = hub.poll(&interest, at(1, 0), ALL, now()).await.unwrap();
        let revisions: Vec<u64> = found.events.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, expected, "{interest:?}");
        // Whether or not there was something, all of it has been looked at.
        assert_eq!(found.next, at(6, 0), "{interest:?}");
    }
}

#[tokio::test]
async fn the_end_of_a_namespace_concerns_all_of_its_watchers() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    source.publish(&hub, "a", "x");
    let events = source.delete_namespace("a");
    hub.publish(source.index, events);
    source.publish(&hub, "a", "x");
    for (interest, expected) in [
        (one("a", "x"), &[1, 2, 3][..]),
        (one("a", "y"), &[2]),
        (prefix("a", "y"), &[2]),
        (prefix("b", ""), &[]),
    ] {
        let found = hub.poll(&interest, at(1, 0), ALL, now()).await.unwrap();
        let revisions: Vec<u64> = found.events.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, expected, "{interest:?}");
    }
}

#[tokio::test]
async fn a_poll_may_stop_and_go_on_within_a_revision() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    let events = source.put_all("a", &["x1", "y", "x2", "x3"]);
    hub.publish(source.index, events);
    source.publish(&hub, "a", "x4");
    let interest = prefix("a", "x");
    let two = Bounds { events: 2, ..ALL };
    let found = hub.poll(&interest, at(1, 0), two, now()).await.unwrap();
    assert_eq!(told(&found), [(1, "x1".into()), (1, "x2".into())]);
    assert_eq!(found.next, at(1, 2));
    let found = hub.poll(&interest, found.next, two, now()).await.unwrap();
    assert_eq!(told(&found), [(1, "x3".into()), (2, "x4".into())]);
    assert_eq!(found.next, at(2, 1));
    let found = hub.poll(&interest, found.next, two, now()).await.unwrap();
    assert_eq!(told(&found), []);
    assert_eq!(found.next, at(3, 0));
    // A byte is enough for one event, and one event more than enough.
    let byte = Bounds { bytes: 1, ..ALL };
    let found = hub.poll(&interest, at(1, 1), byte, now()).await.unwrap();
    assert_eq!(told(&found), [(1, "x2".into())]);
    assert_eq!(found.next, at(1, 2));
    // A place behind all that the revision has.
    let found = hub.poll(&interest, at(1, 9), ALL, now()).await.unwrap();
    assert_eq!(told(&found), [(2, "x4".into())]);
    // One that is yet to come stays where it is.
    let found = hub.poll(&interest, at(9, 3), ALL, now()).await.unwrap();
    assert_eq!((told(&found), found.next), (vec![], at(9, 3)));
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_refused() {
    let mut source = Source::new();
    let size = source.put("a", "x")[0].size();
    // Beside what an event shares, there is room for three of those that replace one.
    let replaced = source.put("a", "x")[0].size();
    assert!(replaced > size);
    let hub = Hub::new(3 * replaced, source.index);
    assert_eq!(hub.extent(), (3, 0));
    for _ in 0..3 {
        source.publish(&hub, "a", "x");
    }
    assert_eq!(hub.extent(), (3, 3 * replaced));
    let everything = prefix("a", "");
    let found = hub.poll(&everything, at(3, 0), ALL, now()).await.unwrap();
    assert_eq!(found.events.len(), 3);
    source.publish(&hub, "a", "x");
    assert_eq!(hub.extent(), (4, 3 * replaced));
    for from in [at(0, 0), at(2, 0), at(3, 0), at(3, 1)] {
        let refused = hub.poll(&everything, from, ALL, now()).await.unwrap_err();
        assert_eq!(refused, Compacted { oldest: 4 }, "{from:?}");
    }
    let found = hub.poll(&everything, at(4, 0), ALL, now()).await.unwrap();
    assert_eq!(found.events.len(), 3);
    // Where nothing happened since, nothing is lost.
    let found = hub.poll(&everything, at(7, 0), ALL, now()).await.unwrap();
    assert_eq!(found.next, at(7, 0));
}

#[tokio::test]
async fn a_revision_larger_than_the_history_is_not_kept_and_leaves_room_for_the_next() {
    let mut source = Source::new();
    let keys: Vec<String> = (0..10_000).map(|n| format!("{n:06}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let huge = source.put_all("a", &keys);
    let size = huge[0].size();
    let hub = Hub::new(100 * size, 0);
    hub.publish(source.index, huge);
    assert_eq!(hub.extent(), (2, 0));
    let interest = prefix("a", "");
    let refused = hub.poll(&interest, at(1, 0), ALL, now()).await;
    assert_eq!(refused.unwrap_err(), Compacted { oldest: 2 });
    let found = hub.poll(&interest, at(2, 0), ALL, now()).await.unwrap();
    assert_eq!(found.next, at(2, 0));
    // In one run with others: those before it go, too, and those behind it stay.
    let mut events = source.put("a", "before");
    events.extend(source.put_all("a", &keys[..200]));
    events.extend(source.put("a", "behind"));
    hub.publish(source.index, events);
    assert_eq!(hub.extent().0, 4);
    let found = hub.poll(&interest, at(4, 0), ALL, now()).await.unwrap();
    assert_eq!(told(&found), [(4, "behind".into())]);
    // It took no memory that stays.
    assert!(hub.state().history.capacity() < 1000);
}

#[tokio::test]
async fn a_state_that_was_replaced_is_a_gap() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    source.publish(&hub, "a", "x");
    hub.skip_to(10);
    assert_eq!(hub.extent(), (11, 0));
    let interest = one("a", "x");
    for from in [at(1, 0), at(2, 0), at(10, 0)] {
        let refused = hub.poll(&interest, from, ALL, now()).await.unwrap_err();
        assert_eq!(refused, Compacted { oldest: 11 }, "{from:?}");
    }
    source.index = 10;
    source.publish(&hub, "a", "x");
    let found = hub.poll(&interest, at(11, 0), ALL, now()).await.unwrap();
    assert_eq!(told(&found), [(11, "x".into())]);
}
