//! Opening log and state of a data directory.

use std::{path::Path, sync::Arc};

use super::Failure;
use crate::{
    config::Store,
    engine::{Batch, Engine, Memory},
    raft::{log::LogStore, machine::files::SnapshotFiles},
    store, wal,
};

/// What a data directory holds.
pub(crate) struct Opened {
    pub(crate) log: LogStore,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) files: SnapshotFiles,
}

/// The engine of a data directory, without what the memory store keeps in its snapshot file.
///
/// # Errors
/// [`Failure::Engine`], or [`Failure::NoRocksdb`].
pub(crate) fn engine(path: &Path, store: Store) -> Result<Arc<dyn Engine>, Failure> {
    match store {
        Store::Memory => Ok(Arc::new(Memory::new())),
        #[cfg(feature = "rocksdb")]
        Store::Rocksdb => Ok(Arc::new(crate::engine::RocksDb::open(&path.join("db"))?)),
        #[cfg(not(feature = "rocksdb"))]
        Store::Rocksdb => {
            let _ = path;
            Err(Failure::NoRocksdb)
        }
    }
}

/// Opens them; `broken` is told when the log cannot be written or synced any more.
///
/// # Errors
/// [`Failure`]
pub(crate) fn open(
    path: &Path,
    store: Store,
    cluster_id: u128,
    options: wal::Options,
    broken: impl Fn(String) + Send + Sync + 'static,
) -> Result<Opened, Failure> {
    let snapshot = path.join("snapshot");
    let files = SnapshotFiles::open(snapshot.clone()).map_err(|source| Failure::Files {
        path: snapshot.display().to_string(),
        source,
    })?;
    let engine = engine(path, store)?;
    if store == Store::Memory {
        files.load(&*engine, cluster_id)?;
    }
    let mut batch = Batch::new(&*engine);
    store::initialize(&mut batch)?;
    let writes = batch.into_writes();
    if !writes.is_empty() {
        engine.write(writes)?;
    }
    let log = LogStore::open(
        path.join("wal"),
        options,
        Box::new(move |error| broken(error.to_string())),
    )?;
    let applied = store::applied(&*engine)?.map(|entry| entry.index);
    match log.purged() {
        Some(purged) if applied.is_none_or(|index| index < purged.index) => {
            Err(Failure::StateLost {
                path: match store {
                    Store::Memory => files.path(),
                    Store::Rocksdb => path.join("db"),
                },
                applied,
                purged: purged.index,
            })
        }
        _ => Ok(Opened { log, engine, files }),
    }
}
