//! An engine on RocksDB, for state larger than memory. The only module that names the crate.
//!
//! # On disk
//!
//! ```text
//! CURRENT      the name of the directory in use, one line
//! db-N/        a RocksDB database
//! ```
//!
//! A new content ([`Engine::replace`]) is loaded into `db-N+1`, flushed and synced; then
//! `CURRENT` is switched by writing a temporary file, syncing it, renaming it and syncing the
//! directory. A crash before the rename leaves the old content, a crash after it the new one;
//! what is left over of the other is deleted at the next open.
//!
//! # Durability
//!
//! RocksDB's own write-ahead log is off: the Raft log is the only one. A batch goes whole into
//! one memtable, and memtables reach the disk in order, so a crash leaves the writes up to some
//! batch and none behind it. [`Engine::persist`] flushes the memtables and waits.
//!
//! # Errors
//!
//! RocksDB would by itself retry a failed flush for ever in the background, while acknowledged
//! writes pile up in memory. Here it does not retry, and a background error fails the next
//! write; after any failed write the engine refuses all further ones.
//!
//! # Memory
//!
//! Bounded whatever the size of the data: at most `MEMTABLES` memtables of `MEMTABLE_BYTES`,
//! a block cache of `CACHE_BYTES` that also holds index and filter blocks, and
//! `OPEN_FILES` open tables.

mod directory;
mod handle;

use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ::rocksdb as rdb;

use super::{
    Aborted, Engine, EngineError, Reader, Record, ReplaceError, Scan, Slice, View, Writes,
    is_empty_range,
};
use directory::Directory;
use handle::{Handle, Pinned, Rows};

/// Memtables at most: one taking writes, the others on their way to disk.
const MEMTABLES: i32 = 3;
/// The size of a memtable, in bytes.
const MEMTABLE_BYTES: usize = 32 << 20;
/// The size of the block cache, in bytes.
const CACHE_BYTES: usize = 64 << 20;
/// Table files kept open at most.
const OPEN_FILES: i32 = 512;
/// Bloom filter bits for each key: about 1 % of lookups of absent keys read a block in vain.
const BLOOM_BITS: f64 = 10.0;
/// Writes of a bulk load are grouped up to this many bytes.
const LOAD_BATCH_BYTES: usize = 4 << 20;

/// The engine on RocksDB.
pub struct RocksDb {
    directory: Directory,
    cache: rdb::Cache,
    current: RwLock<Arc<Handle>>,
    /// Held by whoever changes the content, so that a write cannot get lost in a replacement.
    writer: Mutex<Writer>,
    stopped: AtomicBool,
}

/// What only the writer touches.
struct Writer {
    /// The `N` of the directory in use.
    generation: u64,
}

impl RocksDb {
    /// Opens the engine in a directory, which is created if need be. The caller makes sure that
    /// no other process uses the directory.
    ///
    /// # Errors
    /// [`EngineError`] if the files cannot be read, are damaged, or are in use.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let directory = Directory::open(path)?;
        let generation = directory.current()?;
        directory.remove_all_but(generation)?;
        let cache = rdb::Cache::new_lru_cache(CACHE_BYTES);
        let handle = Handle::open(&options(&cache)?, directory.database(generation))?;
        directory.sync()?;
        Ok(Self {
            directory,
            cache,
            current: RwLock::new(Arc::new(handle)),
            writer: Mutex::new(Writer { generation }),
            stopped: AtomicBool::new(false),
        })
    }

    fn handle(&self) -> Arc<Handle> {
        // The lock guards a single pointer, which no panic can leave half written.
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(EngineError::Stopped { engine: "rocksdb" });
        }
        Ok(())
    }

    /// Remembers a failed change: the state on disk is uncertain from now on.
    fn stop_on_error<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if result.is_err() {
            self.stopped.store(true, Ordering::Release);
        }
        result
    }

    /// Loads records into a fresh database and makes all of it durable.
    fn load(
        &self,
        generation: u64,
        records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
    ) -> Result<Handle, ReplaceError> {
        self.directory.remove(generation)?;
        let handle = Handle::open(&options(&self.cache)?, self.directory.database(generation))?;
        let loaded = fill(&handle, records);
        if loaded.is_err() {
            handle.make_obsolete();
        }
        loaded.map(|()| handle)
    }
}

fn fill(
    handle: &Handle,
    records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
) -> Result<(), ReplaceError> {
    let mut batch = rdb::WriteBatch::default();
    for record in records {
        let (key, value) = record.map_err(|Aborted| ReplaceError::Aborted)?;
        batch.put(&key, &value);
        if batch.size_in_bytes() >= LOAD_BATCH_BYTES {
            handle.write(std::mem::take(&mut batch))?;
        }
    }
    handle.write(batch)?;
    handle.flush()?;
    Ok(())
}

impl Reader for RocksDb {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        self.handle().get(key, &rdb::ReadOptions::default())
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        if is_empty_range(start, end) {
            return Box::new(std::iter::empty());
        }
        Box::new(Rows::owned(self.handle(), start, end, reverse))
    }
}

impl Engine for RocksDb {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn write(&self, writes: Writes) -> Result<(), EngineError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let mut batch = rdb::WriteBatch::default();
        for (key, value) in writes.iter() {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        let handle = self.handle();
        self.stop_on_error(handle.check_background().and_then(|()| handle.write(batch)))
    }

    fn snapshot(&self) -> View {
        Arc::new(Pinned::new(self.handle()))
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.check()?;
        let handle = self.handle();
        self.stop_on_error(handle.flush().and_then(|()| handle.check_background()))
    }

    fn replace(
        &self,
        records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
    ) -> Result<(), ReplaceError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let generation = writer.generation + 1;
        let fresh = self.load(generation, records)?;
        if let Err(error) = self.directory.switch(generation) {
            // The rename may or may not have reached the disk, so both directories stay and
            // nothing more may be written to either.
            return self.stop_on_error(Err(error)).map_err(ReplaceError::Engine);
        }
        writer.generation = generation;
        let old = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::new(fresh))
        };
        // Its files go with the last view that reads them.
        old.make_obsolete();
        Ok(())
    }

    fn may_block(&self) -> bool {
        true
    }

    fn disk_bytes(&self) -> u64 {
        self.directory.bytes()
    }

    fn memory_bytes(&self) -> u64 {
        self.handle().memory_bytes() + self.cache.get_usage() as u64
    }
}

fn options(cache: &rdb::Cache) -> Result<rdb::Options, EngineError> {
    // The crate has no setter for this one: a background error must be final.
    let mut options = rdb::Options::default()
        .get_options_from_string("max_bgerror_resume_count=0")
        .map_err(|error| handle::fault("set its options", error))?;
    options.create_if_missing(true);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    options.set_max_write_buffer_number(MEMTABLES);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1 << 20);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_compression_type(rdb::DBCompressionType::Lz4);
    options.set_bottommost_compression_type(rdb::DBCompressionType::Zstd);
    // Queues delete at one end what they put at the other, and scans from that end would walk
    // over every tombstone left: a file dense with them is compacted at once.
    options.add_compact_on_deletion_collector_factory(8192, 4096, 0.5);
    options.set_log_level(rdb::LogLevel::Warn);
    options.set_max_log_file_size(4 << 20);
    options.set_keep_log_file_num(3);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    let mut tables = rdb::BlockBasedOptions::default();
    tables.set_block_cache(cache);
    tables.set_bloom_filter(BLOOM_BITS, false);
    tables.set_optimize_filters_for_memory(true);
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_cache_index_and_filter_blocks_with_high_priority(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    options.set_block_based_table_factory(&tables);
    Ok(options)
}

#[cfg(test)]
mod tests;
