//! The records of the log, replayed: their checksums are right here, and what they say is anything.

use fuzzing::{Answer, Target};

use super::{
    super::codec::{self, kind},
    index::{Fault, Index, Stamp, record},
};
use crate::{
    raft::types::Vote,
    store::Command,
    wal::{Position, RecordRef},
};

/// A record in an input: kind, length of the payload, term, index, payload.
const HEAD: usize = 1 + 1 + 8 + 8;

fn write(input: &mut Vec<u8>, found: &RecordRef<'_>) {
    let length = u8::try_from(found.payload.len()).expect("a short payload");
    input.extend_from_slice(&[found.kind, length]);
    input.extend_from_slice(&found.term.to_le_bytes());
    input.extend_from_slice(&found.index.to_le_bytes());
    input.extend_from_slice(found.payload);
}

/// The records of an input, as far as they are whole.
fn records(input: &[u8]) -> impl Iterator<Item = RecordRef<'_>> {
    let mut rest = input;
    std::iter::from_fn(move || {
        let (head, behind) = rest.split_first_chunk::<HEAD>()?;
        let (payload, behind) = behind.split_at_checked(usize::from(head[1]))?;
        rest = behind;
        let number = |at: usize| {
            let eight = head[at..at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(eight)
        };
        Some(RecordRef {
            kind: head[0],
            term: number(2),
            index: number(10),
            payload,
        })
    })
}

/// The log of a member that was stamped, voted, took entries, lost some and purged others.
fn sample() -> Vec<u8> {
    let stamp = Stamp {
        cluster_id: 0xdead_beef,
        node_id: 2,
        incarnation: 14,
    };
    let (stamp, vote) = (stamp.encode(), codec::encode_vote(Vote::new(3, 1)));
    let command = Command::Expire { limit: 3 }
        .encode(None)
        .expect("a short one");
    let mut input = Vec::new();
    let mut add = |kind, term, index, payload: &[u8]| {
        let found = RecordRef {
            kind,
            term,
            index,
            payload,
        };
        write(&mut input, &found);
    };
    add(record::STAMP, 0, 0, &stamp);
    add(record::VOTE, 3, 0, &vote);
    for index in 0..6 {
        add(kind::BLANK, 1 + index / 3, index, &[]);
    }
    add(record::TRUNCATE, 2, 4, &[]);
    add(kind::COMMAND, 3, 5, &command);
    add(record::COMMITTED, 3, 5, &[]);
    add(record::PURGE, 1, 2, &[]);
    add(record::STAMP, 0, 0, &stamp);
    add(record::VOTE, 3, 0, &vote);
    input
}

/// Reads a log, and looks at it as openraft does at the start.
fn replay(input: &[u8]) -> Answer {
    let mut index = Index::default();
    let mut number = 0;
    for (at, found) in (1..).zip(records(input)) {
        let position = Position::from_u64(((at / 4) << 32) | (4096 + at % 4 * 64));
        index
            .replay(position, &found)
            .map_err(|fault| match fault {
                Fault::Broken(reason) => reason,
                Fault::Newer(reason) => format!("newer: {reason}"),
            })?;
        number += 1;
    }
    index.check()?;
    let (first, next) = (index.first(), index.next());
    assert!(first <= next);
    for held in first..next {
        let id = index.id(held).expect("an id for each entry");
        assert_eq!(id.index(), held);
        index.position(held).expect("a place for each entry");
    }
    if let Some(last) = next.checked_sub(1).filter(|last| *last >= first) {
        assert_eq!(index.last(), index.id(last));
        assert_eq!(index.key_ids(first, last).last(), index.id(last).as_ref());
    }
    index.oldest_needed(9);
    let purged = index.purged.is_some();
    Ok(format!(
        "{number} records, {} entries, purged: {purged}",
        next - first
    ))
}

#[test]
fn log() {
    // That of one that was only stamped.
    let fresh = sample()[..HEAD + 32].to_vec();
    Target::new("log", env!("CARGO_MANIFEST_DIR"))
        .samples([sample(), fresh])
        .run(replay);
}
