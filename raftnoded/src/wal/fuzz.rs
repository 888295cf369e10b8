//! A segment file with mutated bytes, checksums put right.

use std::{ops::ControlFlow, sync::Arc};

use fuzzing::{Answer, Target};

use super::{
    record::{Role, encode, stamp},
    segment::OpenGate,
    *,
};

/// Bytes of a segment's header page that mean anything. The rest of the page, and all of it in an
/// input, is left out.
const HEAD: usize = 28;
const OPTIONS: Options = Options {
    segment_bytes: 16 << 10,
    fsync: false,
};

/// The header of the first segment, with a nonce.
fn head() -> Vec<u8> {
    let mut head = b"raftwal\0".to_vec();
    head.extend(segment::VERSION.to_le_bytes());
    head.extend(1_u32.to_le_bytes());
    head.extend(0x1122_3344_5566_7788_u64.to_le_bytes());
    let sum = crc32c::crc32c(&head);
    head.extend(sum.to_le_bytes());
    head
}

fn add(input: &mut Vec<u8>, role: Role, index: u64, payload: &[u8]) {
    let record = RecordRef {
        kind: 2,
        term: 1,
        index,
        payload,
    };
    encode(input, role, &record, payload.len() as u32);
}

fn samples() -> [Vec<u8>; 2] {
    let mut fresh = head();
    add(&mut fresh, Role::Link, 0, &[]);
    let mut used = fresh.clone();
    for (index, payload) in [&b""[..], b"a payload", &[7; 100]].iter().enumerate() {
        add(&mut used, Role::Data, index as u64, payload);
    }
    add(&mut used, Role::Close, 0, &[]);
    [fresh, used].map(|mut input| {
        repair(&mut input);
        input
    })
}

/// Makes the checksums of the header, and of all records that can be told, right.
#[allow(
    clippy::ptr_arg,
    reason = "the form of the hook: others change the length"
)]
fn repair(input: &mut Vec<u8>) {
    let Some((head, records)) = input.split_first_chunk_mut::<HEAD>() else {
        return;
    };
    let sum = crc32c::crc32c(&head[..24]);
    head[24..].copy_from_slice(&sum.to_le_bytes());
    let seed = crc32c::crc32c(&head[12..24]);
    let mut at = 0;
    while let Some(rest) = records.get_mut(at..).filter(|rest| rest.len() >= HEADER) {
        let length = u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]);
        let size = encoded_size(length as usize);
        let Some(record) = rest.get_mut(..size) else {
            return;
        };
        // As it stands there: what was synced is part of what is tried.
        let synced = u32::from_le_bytes([record[12], record[13], record[14], record[15]]);
        stamp(record, seed, PAGE + at as u32, synced);
        at += size;
    }
}

/// Opens a log of this one segment, and closes it again.
fn open(dir: &std::path::Path) -> Result<(Wal, Vec<(Position, Record)>), OpenError> {
    let mut seen = Vec::new();
    let visit: &mut Visit<'_> = &mut |position, found| {
        let record = Record {
            kind: found.kind,
            term: found.term,
            index: found.index,
            payload: bytes::Bytes::copy_from_slice(found.payload),
        };
        seen.push((position, record));
        ControlFlow::Continue(())
    };
    let gate = Arc::new(OpenGate);
    let wal = Wal::open_through(
        dir.to_owned(),
        OPTIONS,
        gate,
        false,
        Box::new(|_| {}),
        visit,
    )?;
    Ok((wal, seen))
}

fn read(input: &[u8]) -> Answer {
    let dir = tempfile::tempdir().expect("made");
    let (head, records) = input.split_at(input.len().min(HEAD));
    let mut file = head.to_vec();
    if head.len() == HEAD {
        file.resize(PAGE as usize, 0);
        file.extend_from_slice(records);
    }
    std::fs::write(segment::segment_path(dir.path(), 1), file).expect("written");
    // The directory has another name each time.
    let refusal = |error: OpenError| {
        let words = error.to_string();
        words.replace(dir.path().to_str().expect("text"), "DIR")
    };
    let (wal, seen) = open(dir.path()).map_err(refusal)?;
    for (position, record) in &seen {
        assert_eq!(&wal.read(*position).expect("what was seen"), record);
    }
    wal.close().expect("closed");
    drop(wal);
    let (_, again) = open(dir.path()).expect("what was opened once");
    assert_eq!(again, seen);
    Ok(format!("{} records", seen.len()))
}

#[test]
fn segment() {
    // Each input is a file that is opened twice, with a thread each time.
    Target::new("segment", env!("CARGO_MANIFEST_DIR"))
        .samples(samples())
        .repaired(repair)
        .rounds(500)
        .run(read);
}
