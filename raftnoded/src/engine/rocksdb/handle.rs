//! An open database, views pinned on it, and scans of it. Each view and scan keeps the database
//! open, so that a replacement can take place under them.

#![allow(unsafe_code)] // Two self-references that the crate's lifetimes cannot express; see each.

use std::fs;
use std::mem;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::rocksdb as rdb;

use super::{EngineError, Reader, Record, Scan, Slice, is_empty_range};

/// An open database.
pub struct Handle {
    // Before `files`: fields are dropped in order, and the files go after the database is closed.
    db: rdb::DB,
    files: Files,
}

/// The directory of a database, deleted in the end if the database is obsolete.
struct Files {
    path: PathBuf,
    obsolete: AtomicBool,
}

impl Drop for Files {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Acquire) {
            // What cannot be deleted now is deleted at the next open.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl Handle {
    pub fn open(options: &rdb::Options, path: PathBuf) -> Result<Self, EngineError> {
        let db = rdb::DB::open(options, &path).map_err(|error| fault("open its files", error))?;
        let obsolete = AtomicBool::new(false);
        Ok(Self {
            db,
            files: Files { path, obsolete },
        })
    }

    /// Has the files deleted as soon as nothing reads them.
    pub fn make_obsolete(&self) {
        self.files.obsolete.store(true, Ordering::Release);
    }

    pub fn get(
        &self,
        key: &[u8],
        options: &rdb::ReadOptions,
    ) -> Result<Option<Slice>, EngineError> {
        let found = self.db.get_pinned_opt(key, options);
        let found = found.map_err(|error| fault("read", error))?;
        Ok(found.map(|value| Slice::from(&*value)))
    }

    pub fn write(&self, batch: rdb::WriteBatch) -> Result<(), EngineError> {
        self.db
            .write_without_wal(batch)
            .map_err(|error| fault("write", error))
    }

    /// Brings the memtables to disk and waits for it.
    pub fn flush(&self) -> Result<(), EngineError> {
        self.db.flush().map_err(|error| fault("flush", error))
    }

    /// Fails if a flush or compaction in the background ever failed.
    pub fn check_background(&self) -> Result<(), EngineError> {
        let errors = self
            .db
            .property_int_value(rdb::properties::BACKGROUND_ERRORS)
            .map_err(|error| fault("report its health", error))?;
        match errors {
            None | Some(0) => Ok(()),
            Some(count) => Err(EngineError::Backend {
                engine: "rocksdb",
                action: "flush or compact in the background",
                message: format!("{count} errors, told in {}/LOG", self.files.path.display()),
            }),
        }
    }

    /// Bytes in memtables and table readers.
    pub fn memory_bytes(&self) -> u64 {
        [
            rdb::properties::CUR_SIZE_ALL_MEM_TABLES,
            rdb::properties::ESTIMATE_TABLE_READERS_MEM,
        ]
        .into_iter()
        .filter_map(|name| self.db.property_int_value(name).ok().flatten())
        .sum()
    }
}

/// A view pinned on a database.
pub struct Pinned {
    // Before `handle`: fields are dropped in order, and a snapshot is released in an open database.
    snapshot: rdb::SnapshotWithThreadMode<'static, rdb::DB>,
    handle: Arc<Handle>,
}

impl Pinned {
    pub fn new(handle: Arc<Handle>) -> Self {
        let snapshot = handle.db.snapshot();
        // SAFETY: the snapshot refers to the database inside `handle`, which lies on the heap, is
        // kept alive by the `Arc` beside it and is dropped after it. The longer lifetime never
        // leaves this struct: no method hands the snapshot out.
        let snapshot = unsafe {
            mem::transmute::<
                rdb::SnapshotWithThreadMode<'_, rdb::DB>,
                rdb::SnapshotWithThreadMode<'static, rdb::DB>,
            >(snapshot)
        };
        Self { snapshot, handle }
    }

    fn options(&self) -> rdb::ReadOptions {
        let mut options = rdb::ReadOptions::default();
        options.set_snapshot(&self.snapshot);
        options
    }
}

impl Reader for Pinned {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        self.handle.get(key, &self.options())
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        if is_empty_range(start, end) {
            return Box::new(std::iter::empty());
        }
        let mut options = self.options();
        // A view is read from end to end for a snapshot stream: that must not push out of the
        // cache what requests need.
        options.fill_cache(false);
        Box::new(Rows::new(&self.handle.db, options, start, end, reverse))
    }
}

/// The records of a range.
pub struct Rows<'a> {
    // Before `_owner`: fields are dropped in order, and an iterator ends in an open database.
    rows: rdb::DBRawIteratorWithThreadMode<'a, rdb::DB>,
    reverse: bool,
    place: Place,
    _owner: Option<Arc<Handle>>,
}

/// Where a scan stands.
enum Place {
    Before,
    On,
    End,
}

impl Rows<'static> {
    /// A scan that keeps its database open.
    pub fn owned(
        handle: Arc<Handle>,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        reverse: bool,
    ) -> Self {
        let Rows {
            rows,
            reverse,
            place,
            ..
        } = Rows::new(&handle.db, rdb::ReadOptions::default(), start, end, reverse);
        // SAFETY: as in `Pinned::new`: the iterator refers to the database inside `handle`, on
        // the heap, kept alive by `_owner` beside it and dropped after it; records are copied
        // out, so nothing with the longer lifetime leaves this struct.
        let rows = unsafe {
            mem::transmute::<
                rdb::DBRawIteratorWithThreadMode<'_, rdb::DB>,
                rdb::DBRawIteratorWithThreadMode<'static, rdb::DB>,
            >(rows)
        };
        Rows {
            rows,
            reverse,
            place,
            _owner: Some(handle),
        }
    }
}

impl<'a> Rows<'a> {
    fn new(
        db: &'a rdb::DB,
        mut options: rdb::ReadOptions,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        reverse: bool,
    ) -> Self {
        // RocksDB includes its lower bound and excludes its upper one. No key lies between a key
        // and the same key with a zero byte behind it.
        match start {
            Bound::Unbounded => {}
            Bound::Included(key) => options.set_iterate_lower_bound(key),
            Bound::Excluded(key) => options.set_iterate_lower_bound([key, &[0]].concat()),
        }
        match end {
            Bound::Unbounded => {}
            Bound::Included(key) => options.set_iterate_upper_bound([key, &[0]].concat()),
            Bound::Excluded(key) => options.set_iterate_upper_bound(key),
        }
        Rows {
            rows: db.raw_iterator_opt(options),
            reverse,
            place: Place::Before,
            _owner: None,
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Record, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        match (&self.place, self.reverse) {
            (Place::Before, false) => self.rows.seek_to_first(),
            (Place::Before, true) => self.rows.seek_to_last(),
            (Place::On, false) => self.rows.next(),
            (Place::On, true) => self.rows.prev(),
            (Place::End, _) => return None,
        }
        if let Some((key, value)) = self.rows.item() {
            self.place = Place::On;
            return Some(Ok((key.into(), value.into())));
        }
        self.place = Place::End;
        let status = self.rows.status().err();
        status.map(|error| Err(fault("scan", error)))
    }
}

/// The crate's error as the engine's.
pub fn fault(action: &'static str, error: rdb::Error) -> EngineError {
    if error.kind() == rdb::ErrorKind::Corruption {
        return EngineError::Corrupt {
            what: "the RocksDB files".into(),
            reason: error.into_string(),
        };
    }
    EngineError::Backend {
        engine: "rocksdb",
        action,
        message: error.into_string(),
    }
}
