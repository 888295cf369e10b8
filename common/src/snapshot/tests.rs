//! The container without any server: what is written is read back, and damage of every kind is
//! named by part and place.

use proptest::{collection::btree_map, prelude::*};

use super::*;

fn header() -> Header {
    Header {
        cluster_id: 0xdead_beef,
        layout: LAYOUT_VERSION,
        applied: Some(Position {
            term: 3,
            index: 1204,
        }),
        membership: Some(Bytes::from_static(b"n1,n2,n3")),
    }
}

fn written<'a>(
    header: &Header,
    records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> (Vec<Vec<u8>>, Summary) {
    let (mut encoder, first) = SnapshotEncoder::new(header).unwrap();
    let mut chunks = vec![first];
    for (key, value) in records {
        chunks.extend(encoder.push(key, value).unwrap());
    }
    let ending = encoder.finish().unwrap();
    chunks.extend(ending.block);
    chunks.push(ending.trailer);
    (chunks, ending.summary)
}

fn small() -> Vec<u8> {
    written(
        &header(),
        [(&b"a"[..], &b"1"[..]), (b"b", b""), (b"c", b"3")],
    )
    .0
    .concat()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        records in btree_map(
            proptest::collection::vec(any::<u8>(), 0..20),
            prop_oneof![
                9 => proptest::collection::vec(any::<u8>(), 0..200),
                1 => proptest::collection::vec(any::<u8>(), 100_000..300_000),
            ],
            0..40,
        )
    ) {
        let (chunks, summary) = written(
            &header(),
            records.iter().map(|(key, value)| (&key[..], &value[..])),
        );
        let stream = chunks.concat();
        prop_assert_eq!(summary.records, records.len() as u64);
        prop_assert_eq!(summary.blocks, chunks.len() as u64 - 2);
        prop_assert_eq!(summary.bytes, stream.len() as u64);
        prop_assert_eq!(verify(&stream[..]).unwrap(), (header(), summary));
        let reader = SnapshotReader::new(&stream[..]).unwrap();
        let read: Vec<_> = reader
            .map(|record| record.unwrap())
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect();
        prop_assert_eq!(read, records.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let stream = small();
    verify(&stream[..]).unwrap();
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut damaged = stream.clone();
            damaged[at] ^= 1 << bit;
            assert!(verify(&damaged[..]).is_err(), "bit {bit} of byte {at}");
        }
        let error = verify(&stream[..at]).unwrap_err();
        assert!(
            matches!(error, FormatError::Truncated { offset, .. } if offset == at as u64),
            "cut to {at}: {error}"
        );
    }
}

#[test]
fn damage_is_named_by_block_and_a_cut_by_its_byte() {
    let value = vec![7; 200 << 10];
    let keys: Vec<[u8; 1]> = (0..6).map(|n| [n]).collect();
    let (chunks, _) = written(&header(), keys.iter().map(|key| (&key[..], &value[..])));
    assert_eq!(chunks.len(), 5);
    let mut stream = chunks.concat();
    let second = chunks[0].len() + chunks[1].len();
    stream[second + 1000] ^= 1;
    assert_eq!(
        verify(&stream[..]).unwrap_err().to_string(),
        format!(
            "the snapshot is damaged in its block 2, which begins at byte {second}: the checksum \
             does not match; use another copy"
        )
    );
    let cut = &chunks.concat()[..second + 1000];
    assert_eq!(
        verify(cut).unwrap_err().to_string(),
        format!(
            "the snapshot is cut off in its block 2, at byte {}; get a complete copy of it",
            cut.len()
        )
    );
}

#[test]
fn foreign_and_newer_files_are_told_apart() {
    for foreign in [&b"SQLite format 3\0"[..], b"x", b"RNODSNAQ", &[0; 4096]] {
        let error = verify(foreign).unwrap_err();
        assert_eq!(error.code(), "not_a_snapshot", "{error}");
    }
    let mut newer = small();
    newer[8..12].copy_from_slice(&(SNAPSHOT_VERSION + 1).to_le_bytes());
    let error = verify(&newer[..]).unwrap_err();
    assert_eq!(error.code(), "newer_format");
    let said = error.to_string();
    for part in ["format version 2", "reads up to 1", "run the newer program"] {
        assert!(said.contains(part), "{said}");
    }
    let newer = Header {
        layout: LAYOUT_VERSION + 1,
        ..header()
    };
    let stream = written(&newer, []).0.concat();
    let error = verify(&stream[..]).unwrap_err();
    assert!(
        matches!(error, FormatError::Newer { what: "layout", found, .. } if found == newer.layout),
        "{error}"
    );
}

/// What one state gives, written down once: the format may not change without a new version.
#[test]
fn the_format_is_fixed() {
    let stream = small();
    assert_eq!(&stream[..12], b"RNODSNAP\x01\0\0\0");
    assert_eq!(
        (stream.len(), crc32c::crc32c(&stream)),
        (111, 2_945_076_393)
    );
}
