//! The whole state as one stream, in the container of [`common::snapshot`]: sent to a member that
//! lags, written beside the log by the memory engine, taken as a backup, restored from one.
//!
//! What is here is what the records mean. The applied position, the membership and the layout
//! version are in the header alone; everything else is a record. Equal states give equal streams,
//! byte for byte, on every engine.
//!
//! # Invariants
//!
//! - [`restore`] and [`transplant`] switch the engine's content only after the trailer matched.
//! - A record that no engine of this layout holds is refused as damage is, however right its
//!   checksum.

mod reader;
mod writer;

use std::io::{self, Read, Write};

use bytes::Bytes;
use common::snapshot::SnapshotEncoder;
pub use common::snapshot::{FormatError, Header, Part, SNAPSHOT_VERSION, Summary};

pub use reader::SnapshotReader;
pub use writer::SnapshotWriter;

use super::keys::Key;
use super::{LAYOUT_VERSION, applied, membership, record};
use crate::engine::{Aborted, Engine, EngineError, Reader, Record, ReplaceError};

/// The header of the state that `view` shows.
fn header_of(view: &dyn Reader, cluster_id: u128) -> Result<Header, SnapshotError> {
    Ok(Header {
        cluster_id,
        layout: LAYOUT_VERSION,
        applied: applied(view)?,
        membership: membership(view)?.map(Bytes::from_owner),
    })
}

/// The records that a header stands for, in key order.
fn records_of(header: &Header) -> Vec<Record> {
    let applied = header
        .applied
        .map(|position| (Key::Applied.encode(), record::encode(&position)));
    let membership = header
        .membership
        .as_ref()
        .map(|bytes| (Key::Membership.encode(), bytes.as_ref().into()));
    let layout = (Key::Layout.encode(), record::encode_number(header.layout));
    applied
        .into_iter()
        .chain(membership)
        .chain([layout])
        .collect()
}

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The stream is damaged, cut off, newer, or no snapshot at all.
    #[error(transparent)]
    Format(#[from] FormatError),
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
    /// The engine failed: the node must stop.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Reads a whole snapshot and reports on it, writing nothing.
///
/// # Errors
/// [`SnapshotError::Format`]
pub fn verify(stream: impl Read) -> Result<(Header, Summary), SnapshotError> {
    let mut reader = SnapshotReader::new(stream)?;
    for record in &mut reader {
        record?;
    }
    Ok(reader.finish()?)
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
    let reader = SnapshotReader::new(stream)?;
    let found = reader.header().cluster_id;
    if let Some(expected) = expected_cluster
        && expected != found
    {
        return Err(SnapshotError::ForeignCluster { expected, found });
    }
    let header = reader.header().clone();
    fill(reader, engine, &header)
}

/// Replaces the whole content of `engine` by the records of a snapshot under another header: the
/// first state of another cluster. Otherwise as [`restore`].
///
/// # Errors
/// On every error the engine keeps its old content.
pub fn transplant(
    stream: impl Read,
    engine: &dyn Engine,
    header: &Header,
) -> Result<Summary, SnapshotError> {
    fill(SnapshotReader::new(stream)?, engine, header).map(|(_, summary)| summary)
}

fn fill(
    mut reader: SnapshotReader<impl Read>,
    engine: &dyn Engine,
    header: &Header,
) -> Result<(Header, Summary), SnapshotError> {
    let mut refusal = None;
    let mut records = records_of(header)
        .into_iter()
        .map(Ok)
        .chain((&mut reader).map(|record| {
            record.map_err(|error| {
                refusal = Some(error);
                Aborted
            })
        }));
    let replaced = engine.replace(&mut records);
    drop(records);
    match (replaced, refusal) {
        (_, Some(refusal)) => Err(refusal.into()),
        (Ok(()), None) => Ok(reader.finish()?),
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

/// Why a snapshot was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be used.
    #[error(transparent)]
    Source(#[from] SnapshotError),
    /// The copy cannot be written.
    #[error("cannot write the snapshot: {0}")]
    Write(#[from] io::Error),
}

/// Copies a snapshot under another header, record by record. What was written counts only if this
/// succeeds. Returns what the source held.
///
/// # Errors
/// [`CopyError`]
pub fn copy_as(
    stream: impl Read,
    header: &Header,
    output: &mut impl Write,
) -> Result<Summary, CopyError> {
    let format = |error: FormatError| CopyError::Source(error.into());
    let mut reader = SnapshotReader::new(stream).map_err(format)?;
    let (mut encoder, first) = SnapshotEncoder::new(header).map_err(format)?;
    output.write_all(&first)?;
    for record in &mut reader {
        let (key, value) = record.map_err(format)?;
        if let Some(block) = encoder.push(&key, &value).map_err(format)? {
            output.write_all(&block)?;
        }
    }
    let (_, summary) = reader.finish().map_err(format)?;
    let ending = encoder.finish().map_err(format)?;
    output.write_all(&ending.block.unwrap_or_default())?;
    output.write_all(&ending.trailer)?;
    Ok(summary)
}
