//! Records and their place in the log.
//!
//! A record on disk, little-endian, 8-aligned, padded with zeros to a multiple of 8:
//!
//! | bytes | field |
//! | --- | --- |
//! | 0..4 | CRC32C over segment sequence, segment nonce, offset, and bytes 4..40 |
//! | 4..6 | magic `0xA15E` |
//! | 6 | role: 0 caller's record, 1 link, 2 close mark |
//! | 7 | kind, the caller's |
//! | 8..12 | payload length in bytes |
//! | 12..16 | `synced_upto`: offset in this segment below which all was durable |
//! | 16..24 | term, the caller's (link: 0) |
//! | 24..32 | index, the caller's (link: the offset at which the previous segment ended) |
//! | 32..36 | CRC32C over payload and padding |
//! | 36..40 | zero |
//!
//! The header has a checksum of its own so that the search for survivors behind a bad record is
//! linear in the size of the segment, and so that `synced_upto` counts as evidence even when the
//! payload behind it is torn.

use bytes::Bytes;

/// Bytes of a record's header.
pub(super) const HEADER: usize = 40;
const MAGIC: u16 = 0xA15E;

/// Where a record begins: segment sequence number and byte offset in that segment's file.
///
/// Ordered as the log is. Packs into a `u64`, since callers keep one for each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    segment: u32,
    offset: u32,
}

impl Position {
    pub(super) const fn new(segment: u32, offset: u32) -> Self {
        Self { segment, offset }
    }

    /// Sequence number of the segment, from 1.
    pub const fn segment(self) -> u32 {
        self.segment
    }

    /// Offset in the segment's file, in bytes.
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// The position as one number; the order is kept.
    pub const fn to_u64(self) -> u64 {
        (self.segment as u64) << 32 | self.offset as u64
    }

    /// The inverse of [`Position::to_u64`].
    pub const fn from_u64(packed: u64) -> Self {
        Self {
            segment: (packed >> 32) as u32,
            offset: packed as u32,
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

/// A record as the caller hands it in, and as [`Wal::open`](super::Wal::open) shows it.
///
/// The log stores `kind`, `term` and `index` and gives no meaning to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// What sort of record this is, to the caller.
    pub kind: u8,
    /// A number of the caller's.
    pub term: u64,
    /// A number of the caller's.
    pub index: u64,
    /// The content.
    pub payload: &'a [u8],
}

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What sort of record this is, to the caller.
    pub kind: u8,
    /// A number of the caller's.
    pub term: u64,
    /// A number of the caller's.
    pub index: u64,
    /// The content: a slice of the buffer it was read into, which lives as long as any slice of it.
    pub payload: Bytes,
}

/// Who wrote a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The caller.
    Data = 0,
    /// The log: the first record of each segment, naming where the previous segment ended.
    Link = 1,
    /// The log, on a clean close: evidence that all before it is durable.
    Close = 2,
}

/// A record's header, decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub role: Role,
    pub kind: u8,
    pub length: u32,
    pub synced_upto: u32,
    pub term: u64,
    pub index: u64,
    payload_crc: u32,
}

/// Bytes on disk of a record with a payload of `length` bytes.
pub const fn encoded_size(length: usize) -> usize {
    HEADER + length.next_multiple_of(8)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn header_crc(seed: u32, offset: u32, header: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(seed, &offset.to_le_bytes());
    crc32c::crc32c_append(crc, &header[4..HEADER])
}

/// Appends a record to `out` without checksums and `synced_upto`: the writer thread [`stamp`]s
/// them, so that the caller's thread only copies.
pub(super) fn encode(out: &mut Vec<u8>, role: Role, record: &RecordRef<'_>, length: u32) {
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&[role as u8, record.kind]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&record.term.to_le_bytes());
    out.extend_from_slice(&record.index.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(record.payload);
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Completes the records of `run`, which will be written at `offset` of the segment with `seed`.
pub(super) fn stamp(run: &mut [u8], seed: u32, mut offset: u32, synced_upto: u32) {
    let mut rest = run;
    while rest.len() >= HEADER {
        let size = encoded_size(u32_at(rest, 8) as usize);
        let (record, behind) = rest.split_at_mut(size);
        record[12..16].copy_from_slice(&synced_upto.to_le_bytes());
        let payload_crc = crc32c::crc32c(&record[HEADER..]);
        record[32..36].copy_from_slice(&payload_crc.to_le_bytes());
        let crc = header_crc(seed, offset, record);
        record[0..4].copy_from_slice(&crc.to_le_bytes());
        offset += size as u32;
        rest = behind;
    }
}

impl Header {
    /// The header at the front of `bytes` if its checksum is right for this segment and offset.
    pub fn decode(bytes: &[u8], seed: u32, offset: u32) -> Option<Self> {
        let header = Self::decode_trusted(bytes)?;
        (header_crc(seed, offset, bytes) == u32_at(bytes, 0)).then_some(header)
    }

    /// The header at the front of `bytes`, which never left this process's memory.
    pub fn decode_trusted(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER || bytes[4..6] != MAGIC.to_le_bytes() {
            return None;
        }
        let role = match bytes[6] {
            0 => Role::Data,
            1 => Role::Link,
            2 => Role::Close,
            _ => return None,
        };
        Some(Self {
            role,
            kind: bytes[7],
            length: u32_at(bytes, 8),
            synced_upto: u32_at(bytes, 12),
            term: u64_at(bytes, 16),
            index: u64_at(bytes, 24),
            payload_crc: u32_at(bytes, 32),
        })
    }

    /// Bytes on disk of the whole record.
    pub fn size(&self) -> usize {
        encoded_size(self.length as usize)
    }

    /// Whether payload and padding of `record`, which begins with this header, are complete and
    /// right.
    pub fn payload_matches(&self, record: &[u8]) -> bool {
        record
            .get(HEADER..self.size())
            .is_some_and(|payload| crc32c::crc32c(payload) == self.payload_crc)
    }

    /// The caller's view of `record`, which begins with this header and is complete.
    pub fn view<'a>(&self, record: &'a [u8]) -> RecordRef<'a> {
        RecordRef {
            kind: self.kind,
            term: self.term,
            index: self.index,
            payload: &record[HEADER..HEADER + self.length as usize],
        }
    }

    /// The record at `at` in `buffer`, which is complete there; shares the buffer.
    pub fn share(&self, buffer: &Bytes, at: usize) -> Record {
        Record {
            kind: self.kind,
            term: self.term,
            index: self.index,
            payload: buffer.slice(at + HEADER..at + HEADER + self.length as usize),
        }
    }
}
