//! Snapshots: damage of every kind is refused, and refused before anything has changed.

use std::io::{self, Read};
use std::ops::Bound;

use super::*;
use crate::engine::Scan;

/// A store whose snapshot has several blocks, one of them with a value larger than a block.
fn large(mut store: Store) -> Store {
    for round in 0..4u8 {
        let value = vec![round; 1000];
        let puts: Vec<_> = (0..200u16)
            .map(|n| put("bulk", &[&[round][..], &n.to_be_bytes()].concat(), &value))
            .collect();
        store.apply(&puts);
    }
    store.apply(&[
        put("huge", b"k", &vec![7; 700 << 10]),
        put("huge", b"l", b"after"),
    ]);
    let mut applier = Applier::new(&**store.engine()).unwrap();
    applier.set_membership(b"n1,n2,n3");
    let writes = applier.finish(None).writes;
    store.engine().write(writes).unwrap();
    store
}

/// A record of every kind.
fn small(mut store: Store) -> Store {
    store.apply(&[put("default", b"a", b"1"), put("other", b"b", b"2")]);
    let with_life = |key: &'static [u8], lifetime| Command::Put {
        namespace: "default".into(),
        key: Bytes::from_static(key),
        value: Bytes::from(vec![b'v'; 300]),
        create_namespace: false,
        condition: None,
        lifetime,
        previous: true,
    };
    store.now = 1000;
    store.apply(&[
        Command::GrantLease { ttl: 500 },
        Command::OpenSession { ttl: 500 },
        with_life(b"ended", Lifetime::Ttl(10)),
        with_life(b"leased", Lifetime::Lease(3)),
        with_life(b"mortal", Lifetime::Ttl(100)),
        Command::DeleteNamespace {
            name: "other".into(),
            only_if_empty: false,
        },
    ]);
    store.now = 1010;
    let tagged = |seq| Request {
        now: 1010,
        tag: Some(Tag {
            session: 4,
            seq,
            first_unacked: 1,
        }),
        command: with_life(b"mortal", Lifetime::Keep),
    };
    store.run(&[tagged(1), tagged(2)]);
    store.apply(&[Command::Expire { limit: 10 }]);
    let kinds: std::collections::BTreeSet<_> = (store.engine())
        .scan(Bound::Unbounded, Bound::Unbounded, false)
        .map(|record| {
            let (key, _) = record.unwrap();
            let kind = keys::Key::decode(&key).unwrap();
            let name = format!("{kind:?}");
            name.split(['(', ',']).next().unwrap().to_owned()
        })
        .collect();
    // All but the membership, which the machine sets.
    assert_eq!(kinds.len(), 14, "{kinds:?}");
    store
}

/// Restoring must fail and leave every byte of the state as it was.
fn check_refused(store: &Store, stream: &[u8], what: &str) -> SnapshotError {
    let before = store.save();
    let verified = verify(stream).expect_err(what);
    let refused = restore(stream, &**store.engine(), Some(CLUSTER)).expect_err(what);
    assert_eq!(verified.to_string(), refused.to_string(), "{what}");
    assert!(
        !matches!(refused, SnapshotError::Engine(_)),
        "{what}: {refused}"
    );
    assert!(store.save() == before, "{what}: the state changed");
    refused
}

#[test]
fn a_snapshot_carries_everything_and_equals_its_copy() {
    let mut streams = Vec::new();
    for store in Store::on_every_engine() {
        let store = large(store);
        let stream = store.save();
        let (header, summary) = verify(&stream[..]).unwrap();
        assert_eq!(header.cluster_id, CLUSTER);
        assert_eq!(
            header.applied,
            Some(Position {
                term: 1,
                index: store.index
            })
        );
        assert_eq!(header.membership.as_deref(), Some(&b"n1,n2,n3"[..]));
        assert_eq!(summary.bytes, stream.len() as u64);
        assert!(summary.blocks >= 4, "{summary:?}");
        for mut other in Store::on_every_engine() {
            other.apply(&[put("old", b"x", b"y")]);
            assert_eq!(other.restore(&stream).unwrap(), summary);
            assert!(other.save() == stream);
            assert_eq!(
                hash(&**other.engine()).unwrap(),
                hash(&**store.engine()).unwrap()
            );
            other.engine.reopen();
            assert!(other.save() == stream);
        }
        streams.push(stream);
    }
    assert!(streams.iter().all(|stream| *stream == streams[0]));
}

#[test]
fn a_stream_shows_the_moment_of_its_view() {
    for store in Store::on_every_engine() {
        let mut store = large(store);
        let expected = store.save();
        let mut writer = SnapshotWriter::new(store.engine().snapshot(), CLUSTER).unwrap();
        let mut stream = writer.next_chunk().unwrap().unwrap();
        store.apply(&[
            Command::DeleteNamespace {
                name: "bulk".into(),
                only_if_empty: false,
            },
            put("bulk", b"new", b"1"),
        ]);
        while let Some(chunk) = writer.next_chunk().unwrap() {
            // A block, and the record that closed it.
            assert!(
                chunk.len() < (256 << 10) + (700 << 10) + 1000,
                "{}",
                chunk.len()
            );
            stream.extend(chunk);
            store.apply(&[Command::Reclaim { limit: 100 }]);
        }
        assert!(stream == expected);
    }
}

#[test]
fn every_flipped_bit_of_a_small_snapshot_is_refused() {
    let source = small(Store::new(TestEngine::memory()));
    let stream = source.save();
    let target = small(Store::new(TestEngine::memory()));
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut damaged = stream.clone();
            damaged[at] ^= 1 << bit;
            check_refused(&target, &damaged, &format!("bit {bit} of byte {at}"));
        }
    }
}

#[test]
fn every_cut_of_a_small_snapshot_is_refused() {
    let source = small(Store::new(TestEngine::memory()));
    let stream = source.save();
    for store in Store::on_every_engine() {
        let store = small(store);
        // Opening a database for each cut takes its time: a prime step meets every part.
        let step = if store.engine().may_block() { 131 } else { 1 };
        for len in (0..stream.len()).step_by(step) {
            let error = check_refused(&store, &stream[..len], &format!("cut to {len} bytes"));
            assert!(
                matches!(error, SnapshotError::Format(FormatError::Truncated { offset, .. }) if offset == len as u64),
                "cut to {len} bytes: {error}"
            );
        }
        let mut longer = stream.clone();
        longer.push(0);
        let error = check_refused(&store, &longer, "a byte more");
        assert!(error.to_string().contains("trailer"), "{error}");
    }
}

#[test]
fn damage_is_named_by_part_and_place() {
    for store in Store::on_every_engine() {
        let mut writer = SnapshotWriter::new(large(store).engine().snapshot(), CLUSTER).unwrap();
        let mut chunks = Vec::new();
        while let Some(chunk) = writer.next_chunk().unwrap() {
            chunks.push(chunk);
        }
        let target = small(Store::new(TestEngine::memory()));
        let mut start = 0;
        for (number, chunk) in chunks.iter().enumerate() {
            let part = match number {
                0 => Part::Header,
                n if n + 1 == chunks.len() => Part::Trailer,
                n => Part::Block(n as u64),
            };
            let mut stream = chunks.concat();
            stream[start + chunk.len() / 2] ^= 0x10;
            let error = check_refused(&target, &stream, &format!("{part}"));
            assert!(
                matches!(&error, SnapshotError::Format(FormatError::Corrupt { part: p, offset, .. })
                    if *p == part && *offset == start as u64),
                "{part}: {error}"
            );
            assert!(error.to_string().contains(&part.to_string()), "{error}");
            // The same part gone, and twice.
            if let Part::Block(_) = part {
                let (before, after) = (&chunks[..number], &chunks[number + 1..]);
                check_refused(
                    &target,
                    &[before, after].concat().concat(),
                    "a block missing",
                );
                let twice = [
                    before,
                    &chunks[number..=number],
                    &chunks[number..=number],
                    after,
                ];
                check_refused(&target, &twice.concat().concat(), "a block twice");
            }
            start += chunk.len();
        }
    }
}

/// A stream whose header says another layout, with the right checksum.
fn with_layout(stream: &[u8], layout: u32) -> Vec<u8> {
    let (length, rest) = stream[12..].split_first_chunk().unwrap();
    let (body, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
    let header: Header = postcard::from_bytes(body).unwrap();
    let body = postcard::to_stdvec(&Header { layout, ..header }).unwrap();
    let mut other = stream[..12].to_vec();
    other.extend((body.len() as u32).to_le_bytes());
    other.extend(body);
    other.extend(crc32c::crc32c(&other).to_le_bytes());
    other.extend(&rest[4..]);
    other
}

#[test]
fn streams_of_other_kinds_are_told_apart() {
    for store in Store::on_every_engine() {
        let store = small(store);
        let stream = store.save();
        for foreign in [&b"SQLite format 3\0"[..], b"x", b"RNODSNAQ", &[0; 4096]] {
            let error = check_refused(&store, foreign, "a foreign file");
            assert!(
                matches!(error, SnapshotError::Format(FormatError::NotASnapshot)),
                "{error}"
            );
        }
        let mut newer = stream.clone();
        newer[8..12].copy_from_slice(&(SNAPSHOT_VERSION + 1).to_le_bytes());
        let error = check_refused(&store, &newer, "a newer format");
        assert!(
            matches!(
                error,
                SnapshotError::Format(FormatError::Newer { what: "format", .. })
            ),
            "{error}"
        );
        assert!(
            error.to_string().contains("run the newer program"),
            "{error}"
        );

        let error = check_refused(&store, &with_layout(&stream, LAYOUT_VERSION + 1), "newer");
        assert!(
            matches!(
                error,
                SnapshotError::Format(FormatError::Newer { what: "layout", .. })
            ),
            "{error}"
        );
        let error = check_refused(&store, &with_layout(&stream, LAYOUT_VERSION - 1), "older");
        assert!(
            matches!(error, SnapshotError::Format(FormatError::OlderLayout { found }) if found == LAYOUT_VERSION - 1),
            "{error}"
        );

        let before = store.save();
        let error = restore(&stream[..], &**store.engine(), Some(CLUSTER + 1)).unwrap_err();
        assert!(
            matches!(error, SnapshotError::ForeignCluster { expected, found }
                if expected == CLUSTER + 1 && found == CLUSTER),
            "{error}"
        );
        assert_eq!(store.save(), before);
        restore(&stream[..], &**store.engine(), None).unwrap();
    }
}

/// A source that breaks off with an error after some bytes, and hands out few at a time.
struct Breaking<'a>(&'a [u8]);

impl Read for Breaking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.len().min(buffer.len()).min(7);
        if len == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the line went dead"));
        }
        buffer[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}

#[test]
fn a_source_that_breaks_off_changes_nothing() {
    for store in Store::on_every_engine() {
        let store = small(store);
        let before = store.save();
        let other = large(Store::new(TestEngine::memory())).save();
        let half = &other[..other.len() / 2];
        let error = restore(Breaking(half), &**store.engine(), None).unwrap_err();
        assert!(
            matches!(&error, SnapshotError::Format(FormatError::Io { offset, .. }) if *offset == half.len() as u64),
            "{error}"
        );
        assert!(error.to_string().contains("the line went dead"));
        assert_eq!(store.save(), before);
    }
}

/// Sound parts of two snapshots do not make a third.
#[test]
fn parts_of_two_snapshots_do_not_fit_together() {
    let chunks = |value: &[u8]| {
        let mut store = Store::new(TestEngine::memory());
        store.apply(&[put("default", b"a", value)]);
        // The position stands in the header alone, the value in the block alone.
        store.apply(&vec![Command::Reclaim { limit: 0 }; value.len()]);
        let mut writer = SnapshotWriter::new(store.engine().snapshot(), CLUSTER).unwrap();
        [(); 3].map(|()| writer.next_chunk().unwrap().unwrap())
    };
    let (one, two) = (chunks(b"1"), chunks(b"22"));
    let target = small(Store::new(TestEngine::memory()));
    for pick in 1..7 {
        let mixed = [0, 1, 2].map(|part| {
            if pick >> part & 1 == 0 {
                &one[part]
            } else {
                &two[part]
            }
        });
        check_refused(
            &target,
            &mixed.map(Vec::as_slice).concat(),
            &format!("mixture {pick:03b}"),
        );
    }
}

/// What one state gives, written down once: the format may not change without a new version.
#[test]
fn the_format_is_fixed() {
    let stream = small(Store::new(TestEngine::memory())).save();
    assert_eq!(&stream[..12], b"RNODSNAP\x01\0\0\0");
    let (_, summary) = verify(&stream[..]).unwrap();
    let expected = Summary {
        records: 18,
        blocks: 1,
        bytes: 1755,
        checksum: 0xb0e6_e9f4,
    };
    assert_eq!(summary, expected);
}

/// A reader that breaks the rules of an engine, to write streams whose checksums are all right.
struct Forged(Vec<(Slice, Slice)>);

impl Reader for Forged {
    fn get(&self, _: &[u8]) -> Result<Option<Slice>, EngineError> {
        Ok(None)
    }

    fn scan(&self, _: Bound<&[u8]>, _: Bound<&[u8]>, _: bool) -> Scan<'_> {
        Box::new(self.0.iter().cloned().map(Ok))
    }
}

#[test]
fn records_that_no_engine_holds_are_refused() {
    let (a, b) = (keys::Key::Entry(1, b"a"), keys::Key::Entry(1, b"b"));
    let cases: [(&str, Vec<Slice>, &str); 5] = [
        ("descending", vec![b.encode(), a.encode()], "not in order"),
        ("twice", vec![a.encode(), a.encode()], "not in order"),
        (
            "header",
            vec![keys::Key::Applied.encode()],
            "belongs into the header",
        ),
        (
            "unknown tag",
            vec![Slice::from([0x7f, 1])],
            "no place in the layout",
        ),
        ("empty key", vec![Slice::from([])], "no place in the layout"),
    ];
    let target = small(Store::new(TestEngine::memory()));
    for (what, keys, reason) in cases {
        let records = keys.into_iter().map(|key| (key, Slice::from([])));
        let view = Arc::new(Forged(records.collect()));
        let mut writer = SnapshotWriter::new(view, CLUSTER).unwrap();
        let mut stream = Vec::new();
        while let Some(chunk) = writer.next_chunk().unwrap() {
            stream.extend(chunk);
        }
        let error = check_refused(&target, &stream, what).to_string();
        assert!(error.contains(reason), "{what}: {error}");
    }
}
