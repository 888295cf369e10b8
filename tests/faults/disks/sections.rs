//! The sections of a snapshot file, as `common::snapshot` describes the format: a place in each.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes before the body of the header: magic, version, length.
const PREFIX: usize = 16;

/// Bytes of a checksum.
const CHECKSUM: usize = 4;

/// Bytes of the head of a block.
const BLOCK_HEAD: usize = 17;

/// Bytes of the trailer.
const TRAILER: usize = 25;

/// The snapshot file of the memory store.
pub(crate) fn snapshot(data: &Path) -> PathBuf {
    data.join("snapshot/current.snap")
}

/// An offset in each section of a snapshot file.
pub(crate) fn offsets(path: &Path) -> Vec<(&'static str, usize)> {
    let bytes = fs::read(path).expect("the snapshot");
    let body = bytes[12..PREFIX].try_into().expect("four bytes");
    let first_block = PREFIX + u32::from_le_bytes(body) as usize + CHECKSUM;
    assert!(
        bytes.len() > first_block + BLOCK_HEAD + TRAILER,
        "a snapshot with a block"
    );
    vec![
        ("the magic number", 3),
        ("the header", PREFIX + 2),
        ("the checksum of the header", first_block - 1),
        ("the head of a block", first_block + 6),
        ("the content of a block", first_block + BLOCK_HEAD + 5),
        ("the trailer", bytes.len() - TRAILER + 3),
        ("the last byte", bytes.len() - 1),
    ]
}

/// Flips a bit of a file.
pub(crate) fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[offset] ^= 1;
    fs::write(path, bytes).expect("the file is written");
}
