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
pub(super) struct Opened {
    pub(super) log: LogStore,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) files: SnapshotFiles,
}

/// Opens them; `broken` is told when the log cannot be written or synced any more.
///
/// # Errors
/// [`Failure`]
pub(super) fn open(
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
    let engine: Arc<dyn Engine> = match store {
        Store::Memory => {
            let engine = Memory::new();
            files.load(&engine, cluster_id)?;
            Arc::new(engine)
        }
        #[cfg(feature = "rocksdb")]
        Store::Rocksdb => Arc::new(crate::engine::RocksDb::open(&path.join("db"))?),
        #[cfg(not(feature = "rocksdb"))]
        Store::Rocksdb => return Err(Failure::NoRocksdb),
    };
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
    Ok(Opened { log, engine, files })
}
