//! openraft's own conformance suite, on both stores.

use std::path::Path;

use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};
use tempfile::TempDir;

use super::{
    log::LogStore,
    machine::{Machine, files::SnapshotFiles},
    types::TypeConfig,
};
use crate::{
    engine::{Engine, Memory},
    wal::Options,
    watch::Hub,
};

struct Stores<F> {
    engine: F,
    volatile: bool,
}

impl<F> StoreBuilder<TypeConfig, LogStore, Machine, TempDir> for Stores<F>
where
    F: Fn(&Path) -> std::sync::Arc<dyn Engine> + Send + Sync,
{
    async fn build(&self) -> Result<(TempDir, LogStore, Machine), StorageError<TypeConfig>> {
        let directory = TempDir::new().unwrap();
        let log = LogStore::open(
            directory.path().join("wal"),
            Options {
                segment_bytes: 64 << 10,
                fsync: true,
            },
            Box::new(|error| panic!("{error}")),
        )
        .unwrap();
        let files = SnapshotFiles::open(directory.path().join("snapshot")).unwrap();
        let engine = (self.engine)(&directory.path().join("db"));
        Ok((
            directory,
            log,
            Machine::new(
                engine,
                7,
                files,
                self.volatile,
                super::clock::monotonic(),
                Hub::new(1 << 20, 0),
            )
            .unwrap(),
        ))
    }
}

#[tokio::test]
async fn the_suite_passes_on_the_memory_store() {
    Suite::test_all(Stores {
        engine: |_: &Path| std::sync::Arc::new(Memory::default()) as _,
        volatile: true,
    })
    .await
    .unwrap();
}

#[cfg(feature = "rocksdb")]
#[tokio::test]
async fn the_suite_passes_on_the_rocksdb_store() {
    Suite::test_all(Stores {
        engine: |path: &Path| std::sync::Arc::new(crate::engine::RocksDb::open(path).unwrap()) as _,
        volatile: false,
    })
    .await
    .unwrap();
}
