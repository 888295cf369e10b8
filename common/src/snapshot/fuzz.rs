//! The container with mutated bytes, checksums put right.

use fuzzing::{Answer, Target};

use super::*;

/// A snapshot of some records, made by the encoder.
fn encoded(header: &Header, records: &[Record]) -> Vec<u8> {
    let (mut encoder, mut stream) = SnapshotEncoder::new(header).expect("a short header");
    for (key, value) in records {
        stream.extend(
            encoder
                .push(key, value)
                .expect("a short record")
                .unwrap_or_default(),
        );
    }
    let ending = encoder.finish().expect("short records");
    stream.extend(ending.block.unwrap_or_default());
    stream.extend(ending.trailer);
    stream
}

fn samples() -> Vec<Vec<u8>> {
    let header = Header {
        cluster_id: 0xdead_beef,
        layout: LAYOUT_VERSION,
        applied: Some(Position {
            term: 3,
            index: 1204,
        }),
        membership: Some(Bytes::from_static(b"n1,n2,n3")),
    };
    let record = |key: &[u8], value: &[u8]| (key.into(), value.into());
    let few = [
        record(b"a", b"1"),
        record(b"b", b""),
        record(b"c", &[7; 40]),
    ];
    let empty = Header {
        applied: None,
        membership: None,
        ..header.clone()
    };
    vec![
        encoded(&header, &few),
        encoded(&empty, &[]),
        two_blocks(&header, &few),
    ]
}

/// A snapshot of two short blocks: the encoder begins a second one only behind 256 KiB.
fn two_blocks(header: &Header, records: &[Record]) -> Vec<u8> {
    let parts = |records: &[Record]| {
        let stream = encoded(header, records);
        let begin = encoded(header, &[]).len() - TRAILER_LEN;
        (
            stream[..begin].to_vec(),
            stream[begin..stream.len() - TRAILER_LEN].to_vec(),
        )
    };
    let (first, rest) = records.split_at(1);
    let (mut stream, block) = parts(first);
    stream.extend(block);
    stream.extend(parts(rest).1);
    stream.extend([&[TRAILER][..], &[0; TRAILER_LEN - 1]].concat());
    repair(&mut stream);
    stream
}

fn read(bytes: &[u8]) -> Answer {
    let refusal = |error: FormatError| format!("{} {error}", error.code());
    let mut reader = SnapshotReader::new(bytes).map_err(refusal)?;
    let mut records = Vec::new();
    for record in &mut reader {
        records.push(record.map_err(refusal)?);
    }
    assert!(reader.next().is_none(), "it goes on behind its end");
    let (header, summary) = reader.finish().map_err(refusal)?;
    assert_eq!(summary.records, records.len() as u64);
    assert_eq!(summary.bytes, bytes.len() as u64);
    assert!(records.is_sorted_by(|one, next| one.0 < next.0));
    // Blocks may have been cut elsewhere; header and records are what counts.
    let again = encoded(&header, &records);
    let mut reader = SnapshotReader::new(&again[..]).expect("what was encoded");
    assert_eq!(reader.header(), &header);
    let same = (&mut reader).map(|record| record.expect("what was encoded"));
    assert!(same.eq(records.iter().cloned()));
    assert_eq!(reader.finish().expect("what was encoded").0, header);
    Ok(format!(
        "{} blocks, {} records",
        summary.blocks,
        records.len()
    ))
}

/// Walks over the parts as far as they can be told, and makes all checksums and counts right.
#[allow(
    clippy::ptr_arg,
    reason = "the form of the hook: others change the length"
)]
fn repair(bytes: &mut Vec<u8>) {
    let mut at = MAGIC.len() + 4;
    let length = |bytes: &[u8], at: usize| {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok()
    };
    let Some(header) = length(bytes, at).filter(|it| *it < bytes.len()) else {
        return;
    };
    at += 4 + header;
    let mut whole = crc32c::crc32c(&bytes[..at.min(bytes.len())]);
    put(bytes, at, &whole.to_le_bytes());
    at += 4;
    let (mut blocks, mut records) = (0_u64, 0_u64);
    while bytes.get(at) == Some(&BLOCK) {
        let (Some(payload), Some(count)) = (length(bytes, at + 1), length(bytes, at + 5)) else {
            return;
        };
        let begin = at + BLOCK_HEAD;
        let end = begin.saturating_add(payload);
        if end > bytes.len() {
            return;
        }
        let sum = crc32c::crc32c(&bytes[begin..end]);
        put(bytes, at + 9, &sum.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[at..at + 13]);
        put(bytes, at + 13, &sum.to_le_bytes());
        whole = crc32c::crc32c_append(whole, &bytes[at..at + 13]);
        whole = crc32c::crc32c_append(whole, &bytes[begin..end]);
        (blocks, records) = (blocks + 1, records + count as u64);
        at = end;
    }
    if bytes.len() == at + TRAILER_LEN && bytes[at] == TRAILER {
        put(bytes, at + 1, &records.to_le_bytes());
        put(bytes, at + 9, &blocks.to_le_bytes());
        put(bytes, at + 17, &whole.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[at..at + 21]);
        put(bytes, at + 21, &sum.to_le_bytes());
    }
}

/// Writes over what is there, as far as there is room.
fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + new.len()) {
        place.copy_from_slice(new);
    }
}

#[test]
fn snapshot() {
    Target::new("snapshot", env!("CARGO_MANIFEST_DIR"))
        .samples(samples())
        .repaired(repair)
        .run(read);
}

#[test]
fn the_checksums_are_put_right() {
    for sample in samples() {
        let mut damaged = sample.clone();
        let end = damaged.len() - 4;
        damaged[end..].fill(0);
        damaged[MAGIC.len() + 8] ^= 1;
        assert!(verify(&damaged[..]).is_err());
        repair(&mut damaged);
        verify(&damaged[..]).expect("a snapshot of another cluster");
    }
}
