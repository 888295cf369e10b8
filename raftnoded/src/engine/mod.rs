//! Ordered byte storage under the state machine: one trait, two engines.
//!
//! The state machine is written once, over [`Engine`]; whether the bytes lie in RAM
//! ([`memory`]) or in RocksDB (`rocksdb`) is the operator's choice. An engine knows nothing
//! of namespaces, commands or Raft: it maps byte strings to byte strings, in order.
//!
//! # Invariants
//!
//! - A write is atomic: all of a [`Writes`] or nothing of it, also after a crash.
//! - After a crash the engine holds a *prefix* of the writes made: everything up to some write
//!   and nothing behind it. [`Engine::persist`] moves the point it can fall back to.
//!   Hence: `persisted <= recovered <= written`, counted in writes.
//! - A [`View`] shows exactly the writes made before it was taken, for as long as it is held.
//! - Equal contents give equal scans on every engine, byte for byte.
//!
//! # Caveats
//!
//! - There is no write-ahead log here. The Raft log is the only one: the applied position is
//!   written in the same batch as the data, and the log replays what a crash took back. The log
//!   may therefore be purged only up to what a finished `persist` covers.
//! - There is one writer. Reads may run on any thread beside it; two writers are kept apart
//!   but their batches, being overlays, would not see each other.
//! - The memory engine persists nothing; its durability is a snapshot file plus the log, both
//!   kept by the caller.

mod batch;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
#[cfg(test)]
pub(crate) mod tests;

use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

pub use batch::{Batch, Writes};
pub use memory::Memory;
#[cfg(feature = "rocksdb")]
pub use rocksdb::RocksDb;

/// A byte string shared without copying: what reads hand out and writes take in.
pub type Slice = Arc<[u8]>;

/// A key and its value.
pub type Record = (Slice, Slice);

/// The records of a range, in key order. After an error it yields nothing more.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Record, EngineError>> + 'a>;

/// A pinned, unchanging view of an engine.
pub type View = Arc<dyn Reader>;

/// Reads of an engine, of a pinned [`View`] of it, or of a [`Batch`] laid over either.
pub trait Reader: Send + Sync {
    /// The value of `key`, if there is one.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError>;

    /// The records whose keys lie between the bounds, ascending, or descending if `reverse`.
    /// Bounds that exclude every key (a start beyond the end) give an empty scan.
    ///
    /// On a live engine, writes made while the scan is held are not shown.
    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_>;
}

/// An ordered key-value engine. Object-safe, so that a node picks one at start.
pub trait Engine: Reader {
    /// The name of the kind of engine, as the operator writes it: `memory` or `rocksdb`.
    fn name(&self) -> &'static str;

    /// Writes all of `writes` or nothing. Visible when it returns; not yet safe from a crash.
    ///
    /// # Errors
    /// Any error is permanent: what is in memory and on disk may differ from now on, and the
    /// node must stop.
    fn write(&self, writes: Writes) -> Result<(), EngineError>;

    /// Pins the content as it is now, in constant time.
    fn snapshot(&self) -> View;

    /// When it returns, everything written before the call survives a crash, as far as the
    /// engine keeps files at all.
    fn persist(&self) -> Result<(), EngineError>;

    /// Replaces the whole content by `records`, atomically: readers, and a restart after a
    /// crash at any moment, find all of the old content or all of the new. When it returns,
    /// the new content is persisted. Views pinned before keep showing the old.
    ///
    /// Records may come in any order; ascending is fastest. The source ends the replacement
    /// by yielding [`Aborted`].
    ///
    /// # Errors
    /// On every error the old content stays in place.
    fn replace(
        &self,
        records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
    ) -> Result<(), ReplaceError>;

    /// Whether reads and writes may wait for a disk, so that an asynchronous caller should
    /// move them to a thread that may block.
    fn may_block(&self) -> bool;

    /// Bytes of the engine's files, approximately.
    fn disk_bytes(&self) -> u64;

    /// Bytes of memory the engine holds, approximately.
    fn memory_bytes(&self) -> u64;
}

/// The source of a [`Engine::replace`] gave up; it keeps its own reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted;

/// Why a replacement of the whole content did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The source of the records gave up. The engine is sound and holds its old content.
    #[error("the source of the records gave up; the old content was kept")]
    Aborted,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A fault of the storage. Never a reply to a client: a node that meets one must stop, since it
/// can no longer promise to hold the same state as the others.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}; check the disk and its permissions, then restart", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The storage library reported an error.
    #[error(
        "{engine} failed to {action}: {message}; check disk space and disk health, then restart"
    )]
    Backend {
        /// Name of the engine.
        engine: &'static str,
        /// What was tried, as a verb.
        action: &'static str,
        /// The library's own words.
        message: String,
    },
    /// Stored bytes do not have the form this software writes.
    #[error("damaged data in {what}: {reason}; restore this member from the others or a backup")]
    Corrupt {
        /// The record or file, in readable form.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier write failed in the middle; the engine refuses to go on.
    #[error("the {engine} engine stopped after an earlier error; restart the node")]
    Stopped {
        /// Name of the engine.
        engine: &'static str,
    },
}

/// Whether no key can lie between the bounds. `BTreeMap::range` panics on such ranges, RocksDB
/// misreads them: every engine asks here first.
pub(crate) fn is_empty_range(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Unbounded, Bound::Excluded(end)) => end.is_empty(),
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
    }
}
