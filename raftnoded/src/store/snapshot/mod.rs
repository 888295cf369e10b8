//! ONE stream format for the whole state: sent to a member that lags, written beside the log by
//! the memory engine, taken as a backup, restored from one.
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
//! and the layout version are in the header alone; everything else is a record. Equal states
//! give equal streams, byte for byte, on every engine.
//!
//! # Invariants
//!
//! - Nothing of a stream counts before its trailer was read and matched: [`SnapshotReader`]
//!   ends without an error only then, and [`restore`] switches the engine's content only then.
//! - Neither side holds more than one block in memory, and no length read from the stream is
//!   believed before its checksum has matched.
//!
//! # Caveats
//!
//! CRC32C (Castagnoli) finds damage, not forgery: a stream is as trustworthy as where it
//! comes from.

mod reader;
mod writer;

use std::io::{self, Read};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use reader::SnapshotReader;
pub use writer::SnapshotWriter;

use super::keys::Key;
use super::{LAYOUT_VERSION, Position, applied, membership, record};
use crate::engine::{Aborted, Engine, EngineError, Reader, Record, ReplaceError};

/// The version of the stream format that this software writes, and the newest it reads.
pub const SNAPSHOT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"RNODSNAP";
const BLOCK: u8 = 1;
const TRAILER: u8 = 2;
const BLOCK_HEAD: usize = 17;
const TRAILER_LEN: usize = 25;
/// A block is closed when its payload has reached this many bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// No header is longer; a membership of a thousand members takes a tenth of it.
const MAX_HEADER: usize = 1 << 20;

/// What a snapshot says of itself before its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The cluster whose state this is.
    pub cluster_id: u128,
    /// The version of the layout of the records.
    pub layout: u32,
    /// The position of the last command in the state.
    pub applied: Option<Position>,
    /// The membership at that position, in the form of the Raft layer.
    pub membership: Option<Bytes>,
}

impl Header {
    /// The header of the state that `view` shows.
    fn of(view: &dyn Reader, cluster_id: u128) -> Result<Self, SnapshotError> {
        Ok(Self {
            cluster_id,
            layout: LAYOUT_VERSION,
            applied: applied(view)?,
            membership: membership(view)?.map(Bytes::from_owner),
        })
    }

    /// The records that the header stands for, in key order.
    fn records(&self) -> Vec<Record> {
        let applied = self
            .applied
            .map(|position| (Key::Applied.encode(), record::encode(&position)));
        let membership = self
            .membership
            .as_ref()
            .map(|bytes| (Key::Membership.encode(), bytes.as_ref().into()));
        let layout = (Key::Layout.encode(), record::encode_number(self.layout));
        applied
            .into_iter()
            .chain(membership)
            .chain([layout])
            .collect()
    }
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

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The stream does not begin like a snapshot.
    #[error("this is not a raftnode snapshot: it does not begin with \"RNODSNAP\"")]
    NotASnapshot,
    /// Newer software wrote the stream, or the records in it.
    #[error(
        "the snapshot has {what} version {found}, this software reads up to {supported}: upgrade \
         this node"
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
        "the snapshot has layout version {found}, this software reads {LAYOUT_VERSION}: it was \
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
    /// The snapshot belongs to another cluster.
    #[error(
        "the snapshot belongs to cluster {found:032x}, this node to cluster {expected:032x}; \
         restore it into a new cluster instead"
    )]
    ForeignCluster {
        /// The cluster of this node.
        expected: u128,
        /// The cluster in the header.
        found: u128,
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
    /// The engine failed: the node must stop.
    #[error(transparent)]
    Engine(#[from] EngineError),
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

/// Reads a whole snapshot and reports on it, writing nothing.
///
/// # Errors
/// As [`SnapshotReader`].
pub fn verify(stream: impl Read) -> Result<(Header, Summary), SnapshotError> {
    let mut reader = SnapshotReader::new(stream)?;
    for record in &mut reader {
        record?;
    }
    finished(reader)
}

/// Replaces the whole content of `engine` by a snapshot. When it returns, the content is
/// persisted. If `expected_cluster` is given, the snapshot must be of that cluster.
///
/// # Errors
/// On every error the engine keeps its old content: the switch comes after the trailer matched.
pub fn restore(
    stream: impl Read,
    engine: &dyn Engine,
    expected_cluster: Option<u128>,
) -> Result<(Header, Summary), SnapshotError> {
    let mut reader = SnapshotReader::new(stream)?;
    let found = reader.header().cluster_id;
    if let Some(expected) = expected_cluster
        && expected != found
    {
        return Err(SnapshotError::ForeignCluster { expected, found });
    }
    let head = reader.header().records();
    let mut refusal = None;
    let mut records = head.into_iter().map(Ok).chain((&mut reader).map(|record| {
        record.map_err(|error| {
            refusal = Some(error);
            Aborted
        })
    }));
    let replaced = engine.replace(&mut records);
    drop(records);
    match (replaced, refusal) {
        (_, Some(refusal)) => Err(refusal),
        (Ok(()), None) => finished(reader),
        (Err(ReplaceError::Engine(error)), None) => Err(error.into()),
        // The source aborts only with a refusal, so an engine that says so without one is wrong.
        (Err(ReplaceError::Aborted), None) => Err(EngineError::Backend {
            engine: engine.name(),
            action: "replace its content",
            message: "it gave up without a reason".into(),
        }
        .into()),
    }
}

fn finished<R: Read>(reader: SnapshotReader<R>) -> Result<(Header, Summary), SnapshotError> {
    let offset = reader.offset();
    let (header, summary) = reader.finish();
    match summary {
        Some(summary) => Ok((header, summary)),
        None => Err(SnapshotError::Truncated {
            part: Part::Trailer,
            offset,
        }),
    }
}
