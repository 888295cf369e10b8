//! The files of a stopped member's log, read as far as it takes to damage them on purpose.
//!
//! The layout is that of `raftnoded/src/wal/record.rs`, read a second time: a page of header, then
//! records, each with a checksum over the segment, its place and its head. The old bytes behind the
//! last record of a recycled file do not verify.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes before the first record.
const PAGE: usize = 4096;

/// Bytes of a record before its payload.
const HEAD: usize = 40;

/// One file of a log.
pub(crate) struct Segment {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where each record begins.
    records: Vec<usize>,
    /// Where the last one ends.
    end: usize,
}

impl Segment {
    /// All segments of the log in a data directory, the oldest first.
    pub(crate) fn all(data: &Path) -> Vec<Self> {
        let mut paths: Vec<PathBuf> = fs::read_dir(data.join("wal"))
            .expect("the log")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| name_of(path).starts_with("segment-"))
            .collect();
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    /// The one that was written to last.
    pub(crate) fn last(data: &Path) -> Self {
        Self::all(data).pop().expect("a segment")
    }

    fn read(path: PathBuf) -> Self {
        let bytes = fs::read(&path).expect("a segment");
        let mut segment = Self {
            path,
            bytes,
            records: Vec::new(),
            end: PAGE,
        };
        while let Some(size) = segment.record_at(segment.end) {
            segment.records.push(segment.end);
            segment.end += size;
        }
        segment
    }

    /// The size of the record at an offset, if there is one.
    fn record_at(&self, offset: usize) -> Option<usize> {
        let head = self.bytes.get(offset..offset + HEAD)?;
        let size = HEAD + (word(head, 8) as usize).next_multiple_of(8);
        let whole = self.bytes.get(offset..offset + size)?;
        let right = word(head, 0) == self.head_checksum(offset, head)
            && word(head, 32) == crc32c::crc32c(&whole[HEAD..]);
        right.then_some(size)
    }

    fn head_checksum(&self, offset: usize, head: &[u8]) -> u32 {
        let life = crc32c::crc32c(&self.bytes[12..24]);
        let place = crc32c::crc32c_append(life, &(offset as u32).to_le_bytes());
        crc32c::crc32c_append(place, &head[4..HEAD])
    }

    pub(crate) fn name(&self) -> String {
        name_of(&self.path)
    }

    /// How many records it holds.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Flips a bit in the middle of it: in a record with many synced ones behind it.
    pub(crate) fn flip_in_the_middle(mut self) {
        let middle = self.records[self.records.len() / 2];
        self.bytes[middle + HEAD / 2] ^= 1;
        self.write();
    }

    /// Flips a bit of the page before the records.
    pub(crate) fn flip_in_the_header(mut self) {
        self.bytes[17] ^= 1;
        self.write();
    }

    /// Leaves what a power cut leaves of a write that was under way: the head of a further record
    /// and half of its payload. Nothing of it was ever acknowledged.
    pub(crate) fn tear(mut self) {
        let (begin, end) = (*self.records.last().expect("a record"), self.end);
        let payload = 64;
        let mut torn = self.bytes[begin..begin + HEAD].to_vec();
        torn[8..12].copy_from_slice(&(payload as u32).to_le_bytes());
        torn[32..36].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        let checksum = self.head_checksum(end, &torn);
        torn[..4].copy_from_slice(&checksum.to_le_bytes());
        torn.resize(HEAD + payload / 2, 0xaa);
        self.bytes.resize(self.bytes.len().max(end + torn.len()), 0);
        self.bytes[end..end + torn.len()].copy_from_slice(&torn);
        self.write();
    }

    /// Takes the second half of the records away, at the edge of one: as if they had never been
    /// written.
    pub(crate) fn cut(mut self) {
        let from = self.records[self.records.len() / 2];
        self.bytes[from..self.end].fill(0);
        self.write();
    }

    fn write(self) {
        fs::write(&self.path, self.bytes).expect("the segment is written");
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
