//! What must hold of the records at all times, found by a walk over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::super::keys::{Due, Key};
use super::super::record::{self, DroppedRecord, EntryHead, LeaseRecord, Life, NamespaceRecord};
use super::super::replies::Replies;
use super::*;
use crate::engine::{Reader, Slice};

/// An entry, by namespace and key.
type Place = (u32, Vec<u8>);

/// Everything there is, sorted by what it is.
#[derive(Default)]
struct Walk {
    next_id: u32,
    clock: u64,
    swept: u64,
    namespaces: BTreeMap<String, NamespaceRecord>,
    dropped: BTreeMap<u32, DroppedRecord>,
    names: BTreeMap<u32, String>,
    entries: BTreeMap<Place, (EntryHead, Vec<u8>)>,
    /// By their end, with the length of the value.
    mortal: BTreeMap<(u64, Place), u64>,
    due_leases: BTreeMap<u64, u64>,
    due_sessions: BTreeMap<u64, u64>,
    leases: BTreeMap<u64, LeaseRecord>,
    leased: BTreeMap<(u64, Place), u64>,
    /// Time of the deadline, end, and the numbers of replies that stand apart.
    sessions: BTreeMap<u64, (u64, BTreeSet<u64>)>,
    replies: BTreeSet<(u64, u64)>,
}

/// Walks over all records and panics where something is not as it must be.
pub(super) fn check(reader: &dyn Reader) {
    let walk = read(reader);
    let now = applied(reader).unwrap().map_or(0, |at| at.index);
    assert_eq!(clock(reader).unwrap(), walk.clock);
    assert!(walk.swept <= walk.clock, "swept beyond the clock");
    check_names(&walk);
    for (place, (head, _)) in &walk.entries {
        let live = walk.names.contains_key(&place.0);
        let dropped = walk.dropped.get(&place.0);
        assert!(live != dropped.is_some(), "{place:?} is of no namespace");
        if let Some(DroppedRecord {
            reclaimed_to: Some(last),
        }) = dropped
        {
            assert!(place.1[..] > last[..], "{place:?} was passed over");
        }
        assert!(head.create_revision <= head.mod_revision, "{head:?}");
        assert!(head.mod_revision <= now && head.version >= 1, "{head:?}");
    }
    check_lives(&walk);
    check_sessions(&walk);
    check_counts(&walk, reader);
}

/// All entries of live namespaces, hidden ones included, by namespace and key.
pub(super) fn contents(reader: &dyn Reader) -> BTreeMap<(String, Vec<u8>), Version> {
    let walk = read(reader);
    let entries = walk.entries.into_iter();
    let named = entries.filter_map(|((id, key), (head, value))| {
        let name = walk.names.get(&id)?.clone();
        let version = Version {
            value: value.into(),
            create_revision: head.create_revision,
            mod_revision: head.mod_revision,
            version: head.version,
        };
        Some(((name, key), version))
    });
    named.collect()
}

fn read(reader: &dyn Reader) -> Walk {
    let mut walk = Walk::default();
    for found in reader.scan(Bound::Unbounded, Bound::Unbounded, false) {
        let (place, value) = found.unwrap();
        let key = Key::decode(&place).unwrap();
        match key {
            Key::Applied | Key::Membership => {}
            Key::Layout => assert_eq!(number(key, &value), LAYOUT_VERSION),
            Key::NextNamespaceId => walk.next_id = number(key, &value),
            Key::Clock => walk.clock = record::decode(key, &value).unwrap(),
            Key::Swept => walk.swept = record::decode(key, &value).unwrap(),
            Key::Namespace(name) => {
                let record = record::decode(key, &value).unwrap();
                walk.namespaces.insert(name.to_owned(), record);
            }
            Key::Dropped(id) => {
                walk.dropped
                    .insert(id, record::decode(key, &value).unwrap());
            }
            Key::Name(id) => {
                let name = String::from_utf8(value.to_vec()).unwrap();
                walk.names.insert(id, name);
            }
            Key::Entry(id, user_key) => {
                let (head, value) = record::decode_entry(key, &value).unwrap();
                let entry = (head, value.to_vec());
                walk.entries.insert((id, user_key.to_vec()), entry);
            }
            Key::Deadline(at, Due::Entry(id, user_key)) => {
                let length = record::decode(key, &value).unwrap();
                walk.mortal.insert((at, (id, user_key.to_vec())), length);
            }
            Key::Deadline(at, Due::Lease(id)) => {
                assert!(walk.due_leases.insert(id, at).is_none(), "{key} twice");
            }
            Key::Deadline(at, Due::Session(id)) => {
                assert!(walk.due_sessions.insert(id, at).is_none(), "{key} twice");
            }
            Key::Lease(id) => {
                walk.leases.insert(id, record::decode(key, &value).unwrap());
            }
            Key::Leased(lease, id, user_key) => {
                let length = record::decode(key, &value).unwrap();
                walk.leased.insert((lease, (id, user_key.to_vec())), length);
            }
            Key::Session(id) => {
                let session = read_session(key, &value);
                walk.sessions.insert(id, session);
            }
            Key::Reply(id, seq) => {
                assert!(postcard::from_bytes::<Reply>(&value).is_ok(), "{key}");
                walk.replies.insert((id, seq));
            }
        }
    }
    walk
}

fn number(key: Key<'_>, value: &[u8]) -> u32 {
    record::decode_number(key, value).unwrap()
}

fn read_session(key: Key<'_>, stored: &Slice) -> (u64, BTreeSet<u64>) {
    let (session, replies) = record::decode_session(key, stored).unwrap();
    let end = session.used.saturating_add(session.ttl);
    assert!(session.due <= end, "{key} is looked at after its end");
    assert!(session.low >= 1);
    let mut apart = BTreeSet::new();
    let mut last = None;
    for saved in Replies::new(0, replies) {
        let saved = saved.unwrap();
        assert!(last < Some(saved.seq), "replies of {key} are out of order");
        last = Some(saved.seq);
        let beyond = saved.seq.checked_sub(session.low).unwrap();
        assert!(beyond < WINDOW, "{key} remembers {}", saved.seq);
        match saved.reply {
            Some(reply) => assert!(postcard::from_bytes::<Reply>(reply).is_ok(), "{key}"),
            None => assert!(apart.insert(saved.seq)),
        }
    }
    (session.due, apart)
}

fn check_names(walk: &Walk) {
    let by_id: BTreeMap<u32, String> = (walk.namespaces.iter())
        .map(|(name, record)| (record.id, name.clone()))
        .collect();
    assert_eq!(by_id, walk.names);
    let highest = by_id.keys().chain(walk.dropped.keys()).max();
    assert!(highest.is_none_or(|id| *id < walk.next_id));
}

/// Every life stands in its index, and nothing else does.
fn check_lives(walk: &Walk) {
    let mut mortal = BTreeMap::new();
    let mut leased = BTreeMap::new();
    for (place, (head, value)) in &walk.entries {
        let length = value.len() as u64;
        match head.life {
            Life::Forever => {}
            Life::Until(end) => {
                mortal.insert((end, place.clone()), length);
            }
            Life::Lease(id) => {
                leased.insert((id, place.clone()), length);
            }
        }
    }
    assert_eq!(walk.mortal, mortal);
    assert_eq!(walk.leased, leased);
    let ends: BTreeMap<u64, u64> = (walk.leases.iter())
        .map(|(id, lease)| (*id, lease.ends))
        .collect();
    assert_eq!(walk.due_leases, ends);
    for (id, lease) in &walk.leases {
        let places = walk.leased.keys().filter(|(of, _)| of == id);
        assert_eq!(lease.keys, places.count() as u64, "lease {id}");
        if let Some((space, last)) = &lease.removed_to {
            assert!(
                lease.ends <= walk.clock,
                "lease {id} lives and is taken apart"
            );
            let first = walk.leased.keys().find(|(of, _)| of == id);
            let passed = (*id, (*space, last.to_vec()));
            assert!(first.is_none_or(|first| *first > passed), "lease {id}");
        }
    }
    let orphan = walk
        .leased
        .keys()
        .find(|(id, _)| !walk.leases.contains_key(id));
    assert_eq!(orphan, None);
    let deadlines = walk.mortal.keys().map(|(at, _)| at);
    let deadlines = deadlines.chain(walk.due_leases.values());
    let earliest = deadlines.chain(walk.due_sessions.values()).min();
    assert!(earliest.is_none_or(|at| *at >= walk.swept), "swept too far");
}

fn check_sessions(walk: &Walk) {
    let due: BTreeMap<u64, u64> = (walk.sessions.iter())
        .map(|(id, (due, _))| (*id, *due))
        .collect();
    assert_eq!(walk.due_sessions, due);
    let apart: BTreeSet<(u64, u64)> = (walk.sessions.iter())
        .flat_map(|(id, (_, seqs))| seqs.iter().map(|seq| (*id, *seq)))
        .collect();
    assert_eq!(walk.replies, apart);
}

/// What the records count, what is told, and what a listing shows are the same.
fn check_counts(walk: &Walk, reader: &dyn Reader) {
    for (name, record) in &walk.namespaces {
        let (mut stored, mut shown) = ((0, 0), (0, 0));
        for ((id, key), (head, value)) in &walk.entries {
            if *id != record.id {
                continue;
            }
            let size = (key.len() + value.len()) as u64;
            stored = (stored.0 + 1, stored.1 + size);
            let ended = match head.life {
                Life::Forever => false,
                Life::Until(end) => end <= walk.clock,
                Life::Lease(id) => walk.leases[&id].ends <= walk.clock,
            };
            if !ended {
                shown = (shown.0 + 1, shown.1 + size);
            }
        }
        assert_eq!((record.keys, record.bytes), stored, "stored in {name}");
        let info = describe(reader, name).unwrap();
        assert_eq!((info.keys, info.bytes), shown, "shown of {name}");
        assert!(namespaces(reader).unwrap().contains(&info));
        let all = List {
            limit: usize::MAX,
            max_bytes: usize::MAX,
            ..List::default()
        };
        let page = list(reader, name, &all).unwrap();
        assert_eq!(page.entries.len() as u64, shown.0, "listed of {name}");
        assert_eq!(count(reader, name, b"").unwrap(), shown.0);
    }
    for (id, lease) in &walk.leases {
        let described = describe_lease(reader, *id, usize::MAX).unwrap();
        assert_eq!(described.is_some(), walk.clock < lease.ends, "lease {id}");
        if let Some((_, keys)) = described {
            let live =
                |place: &&(u64, Place)| place.0 == *id && walk.names.contains_key(&place.1.0);
            assert_eq!(keys.len(), walk.leased.keys().filter(live).count());
        }
    }
}
