//! The container of snapshots and backups: ONE stream format for the whole state of a cluster. It is
//! sent to a member that lags, written beside the log by the memory store, saved as a backup and
//! restored from one.
//!
//! ```text
//! header    magic "RNODSNAP", version u32, length u32, body (postcard: cluster id, layout
//!           version, applied position, membership), CRC32C of all that
//! block*    tag 1, payload length u32, records u32, CRC32C of the payload, CRC32C of the
//!           13 bytes before it; payload: (key length u32, value length u32, key, value)*
//! trailer   tag 2, records u64, blocks u64, CRC32C of the whole, CRC32C of the trailer
//! ```
//!
//! The CRC32C of the whole covers, in order, the header without its checksum and each block
//! without the checksum of its head: a CRC that covered bytes together with their own CRC would
//! not depend on them.
//!
//! Numbers are little-endian. Records stand in ascending key order; a block is closed once it
//! holds 256 KiB, so it is larger only by its last record. The applied position, the membership
//! and the layout version are in the header alone; everything else is a record. Equal headers and
//! records give equal streams, byte for byte.
//!
//! What a record means is the server's affair; whether a file is whole and sound can be told
//! without it: [`verify`].
//!
//! # Invariants
//!
//! - Nothing of a stream counts before its trailer was read and matched: [`SnapshotReader`] ends
//!   without an error only then.
//! - Neither side holds more than one block in memory, and no length read from the stream is
//!   believed before its checksum has matched.
//!
//! # Caveats
//!
//! CRC32C (Castagnoli) finds damage, not forgery: a stream is as trustworthy as where it
//! comes from.

mod encoder;
#[cfg(test)]
mod fuzz;
mod reader;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use encoder::{Ending, SnapshotEncoder};
pub use reader::SnapshotReader;

/// The version of the stream format that this program writes, and the newest it reads.
pub const SNAPSHOT_VERSION: u32 = 1;

/// The version of the layout of the records that this program writes, and the only one it reads.
pub const LAYOUT_VERSION: u32 = 2;

const MAGIC: [u8; 8] = *b"RNODSNAP";
const BLOCK: u8 = 1;
const TRAILER: u8 = 2;
const BLOCK_HEAD: usize = 17;
const TRAILER_LEN: usize = 25;
/// A block is closed when its payload has reached this many bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// No header is longer; a membership of a thousand members takes a tenth of it.
const MAX_HEADER: usize = 1 << 20;

/// A key and its value, as the state machine stores them.
pub type Record = (Arc<[u8]>, Arc<[u8]>);

/// A place in the Raft log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The term of the leader that wrote the entry.
    pub term: u64,
    /// The index of the entry.
    pub index: u64,
}

/// What a snapshot says of itself before its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The cluster whose state this is.
    pub cluster_id: u128,
    /// The version of the layout of the records.
    pub layout: u32,
    /// The position of the last command in the state.
    pub applied: Option<Position>,
    /// The membership at that position, in the form of the server's Raft layer.
    pub membership: Option<Bytes>,
}

/// What a complete, undamaged snapshot held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Records in the blocks.
    pub records: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of the whole stream.
    pub bytes: u64,
    /// CRC32C of the whole: equal for equal headers and states.
    pub checksum: u32,
}

/// A part of a snapshot stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The header.
    Header,
    /// A block, counted from 1.
    Block(u64),
    /// The trailer.
    Trailer,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Part::Header => f.write_str("header"),
            Part::Block(number) => write!(f, "block {number}"),
            Part::Trailer => f.write_str("trailer"),
        }
    }
}

/// Why a stream is no snapshot, or none that can be used, or cannot be written as one.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The stream does not begin like a snapshot.
    #[error("this is not a raftnode snapshot: it does not begin with \"RNODSNAP\"")]
    NotASnapshot,
    /// A newer program wrote the stream, or the records in it.
    #[error(
        "the snapshot has {what} version {found}, this program (raftnode {}) reads up to \
         {supported}; run the newer program that wrote it",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Which version is meant: `format` or `layout`.
        what: &'static str,
        /// The version in the stream.
        found: u32,
        /// The newest version read.
        supported: u32,
    },
    /// A version before the first release wrote the records in the stream.
    #[error(
        "the snapshot has layout version {found}, this program reads {LAYOUT_VERSION}: it was \
         written before the first release"
    )]
    OlderLayout {
        /// The version in the stream.
        found: u32,
    },
    /// The stream ends early.
    #[error("the snapshot is cut off in its {part}, at byte {offset}; get a complete copy of it")]
    Truncated {
        /// The header, a block with its number, or the trailer.
        part: Part,
        /// Bytes read before the end.
        offset: u64,
    },
    /// A part of the stream is damaged.
    #[error(
        "the snapshot is damaged in its {part}, which begins at byte {offset}: {reason}; use \
         another copy"
    )]
    Corrupt {
        /// The header, a block with its number, or the trailer.
        part: Part,
        /// Where the part begins, in bytes.
        offset: u64,
        /// What does not fit.
        reason: String,
    },
    /// A record does not fit into the format.
    #[error("a record of {bytes} bytes is too large for a snapshot; delete or shrink it")]
    RecordTooLarge {
        /// The length of its key or value.
        bytes: usize,
    },
    /// The membership does not fit into the header.
    #[error("the snapshot's header would take {bytes} bytes, more than {MAX_HEADER}")]
    HeaderTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The stream could not be read.
    #[error("cannot read the snapshot after byte {offset}: {source}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// The system's reason.
        source: io::Error,
    },
}

impl FormatError {
    /// The stable name of the kind of error, as scripts see it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotASnapshot => "not_a_snapshot",
            Self::Newer { .. } => "newer_format",
            Self::OlderLayout { .. } => "older_format",
            Self::Truncated { .. } => "truncated",
            Self::Corrupt { .. } => "corrupt",
            Self::RecordTooLarge { .. } | Self::HeaderTooLarge { .. } => "too_large",
            Self::Io { .. } => "input",
        }
    }
}

/// Reads a whole snapshot and reports on it, without a look at what the records mean. The stream
/// need not be buffered.
///
/// # Errors
/// [`FormatError`]: what is wrong with it, and where.
pub fn verify(stream: impl Read) -> Result<(Header, Summary), FormatError> {
    let mut reader = SnapshotReader::new(stream)?;
    for record in &mut reader {
        record?;
    }
    reader.finish()
}
