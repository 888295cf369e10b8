//! Records that contradict one another are a fault, said by name, and never a reply: going on would
//! spread the damage.

use super::*;
use keys::{Due, Key};

const LEASE: u64 = 1;
const SESSION: u64 = 2;

fn tagged(seq: u64) -> Option<Tag> {
    Some(Tag {
        session: SESSION,
        seq,
        first_unacked: 1,
    })
}

fn with_life(key: &[u8], lifetime: Lifetime) -> Command {
    Command::Put {
        namespace: "default".into(),
        key: Bytes::copy_from_slice(key),
        value: Bytes::from(vec![b'v'; 300]),
        create_namespace: false,
        condition: None,
        lifetime,
        previous: true,
    }
}

/// A store with an entry of each kind, and a session with a long reply.
fn store() -> Store {
    let mut store = Store::new(TestEngine::memory());
    let request = |tag, command| Request {
        now: 10,
        tag,
        command,
    };
    let long = with_life(b"k", Lifetime::Forever);
    for reply in store.run(&[
        request(None, Command::GrantLease { ttl: 100 }),
        request(None, Command::OpenSession { ttl: 1000 }),
        request(None, with_life(b"leased", Lifetime::Lease(LEASE))),
        request(None, with_life(b"mortal", Lifetime::Ttl(100))),
        request(tagged(1), long.clone()),
        request(tagged(2), long),
    ]) {
        reply.unwrap();
    }
    invariants::check(&**store.engine());
    store
}

/// Puts or removes a record, and says what a command then comes to.
fn fault(damage: (Key<'_>, Option<&[u8]>), tag: Option<Tag>, command: Command) -> String {
    let mut store = store();
    let mut writes = Writes::default();
    let (key, value) = damage;
    writes.set(key.encode(), value.map(Slice::from));
    store.engine().write(writes).unwrap();
    store.now = 200;
    let mut bytes = command.encode(tag).unwrap();
    stamp(&mut bytes, 200);
    let proposal = Proposal::decode(&bytes).unwrap();
    let mut applier = Applier::new(&**store.engine()).unwrap();
    match applier.apply(7, proposal) {
        Err(error @ EngineError::Corrupt { .. }) => error.to_string(),
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn what_contradicts_something_else_is_named() {
    let expire = || Command::Expire { limit: 10 };
    let again = || with_life(b"k", Lifetime::Forever);
    let leased = || with_life(b"leased", Lifetime::Forever);
    let id = 1;
    let no_counts = record::encode(&record::NamespaceRecord {
        id,
        create_revision: 0,
        keys: 0,
        bytes: 0,
        settings: Settings::default(),
    });
    let no_keys = record::encode(&record::LeaseRecord {
        ttl: 100,
        ends: 110,
        keys: 0,
        removed_to: None,
    });
    for (damage, tag, command, expected) in [
        (
            (Key::Entry(id, b"mortal"), None),
            None,
            expire(),
            "entry 1/mortal",
        ),
        (
            (Key::Entry(id, b"leased"), None),
            None,
            expire(),
            "entry 1/leased",
        ),
        ((Key::Lease(LEASE), None), None, expire(), "lease 1"),
        ((Key::Lease(LEASE), None), None, leased(), "lease 1"),
        (
            (Key::Lease(LEASE), Some(&no_keys[..])),
            None,
            leased(),
            "lease 1",
        ),
        (
            (Key::Deadline(20, Due::Session(9)), Some(&[][..])),
            None,
            expire(),
            "session 9",
        ),
        (
            (Key::Deadline(20, Due::Lease(9)), Some(&[][..])),
            None,
            expire(),
            "lease 9",
        ),
        (
            (Key::Session(SESSION), Some(b"\x00\x01")),
            tagged(3),
            again(),
            "session 2",
        ),
        (
            (
                Key::Session(SESSION),
                Some(b"\x00\xff\xff\x03\x0a\x0a\x01cut off"),
            ),
            tagged(3),
            again(),
            "session 2",
        ),
        (
            (Key::Reply(SESSION, 2), None),
            tagged(2),
            again(),
            "reply 2 of session 2",
        ),
        (
            (Key::Reply(SESSION, 2), Some(b"\x07")),
            tagged(2),
            again(),
            "reply 2 of session 2",
        ),
        (
            (Key::Namespace("default"), Some(&no_counts[..])),
            None,
            again(),
            "counts of namespace 1",
        ),
        (
            (Key::Name(id), Some(b"gone")),
            None,
            expire(),
            "name of namespace 1",
        ),
        (
            (Key::Name(id), Some(b"\xff")),
            None,
            expire(),
            "name of namespace 1",
        ),
    ] {
        let message = fault(damage, tag, command);
        assert!(message.contains(expected), "{message}");
    }
}
