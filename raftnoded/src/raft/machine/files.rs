//! Snapshot files: the state of an engine that keeps no files of its own, and snapshots that are
//! being received.
//!
//! `current.snap` is replaced atomically: written under a temporary name, synced, renamed, and the
//! directory synced. It is verified when it is read: every block has a checksum, and the trailer
//! covers all of them.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tempfile::{NamedTempFile, TempPath};

use crate::{
    engine::{Engine, View},
    store::{self, FormatError, SnapshotError, SnapshotWriter},
};

const CURRENT: &str = "current.snap";
const TEMPORARY: &str = "incoming-";
const READ_BUFFER: usize = 1 << 20;

/// The directory of a member's snapshot files.
#[derive(Clone, Debug)]
pub struct SnapshotFiles {
    directory: PathBuf,
    /// One beyond the index that the current file stands for. A snapshot may be written while a
    /// newer one is installed: the file must never go back, since the log may be gone.
    current: Arc<Mutex<u64>>,
}

/// Why the state could not be read back from its snapshot file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The directory or file is out of reach.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer program wrote the file.
    #[error("the snapshot {} cannot be used: {source}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Which versions it has.
        source: SnapshotError,
    },
    /// The file is damaged, or not this cluster's.
    #[error(
        "the snapshot {} cannot be used: {source}; replace this member by an empty one, and it \
         gets its data from the others",
        path.display()
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SnapshotError,
    },
}

impl SnapshotFiles {
    /// Opens the directory, making it if it is missing, and removes what an interrupted transfer
    /// left behind.
    ///
    /// # Errors
    /// If the directory cannot be made, read or cleaned.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        for file in fs::read_dir(&directory)? {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(Self {
            directory,
            current: Arc::default(),
        })
    }

    /// The current file, which need not exist.
    pub fn path(&self) -> PathBuf {
        self.directory.join(CURRENT)
    }

    /// The size of the current snapshot file in bytes; 0 if there is none.
    pub fn bytes(&self) -> u64 {
        fs::metadata(self.path()).map_or(0, |file| file.len())
    }

    /// Fills an engine from the current file; does nothing if there is none.
    ///
    /// # Errors
    /// [`LoadError`]; the engine is then unchanged.
    pub fn load(&self, engine: &dyn Engine, cluster_id: u128) -> Result<(), LoadError> {
        let path = self.path();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(LoadError::Io { path, source }),
        };
        let stream = BufReader::with_capacity(READ_BUFFER, file);
        let (header, _) =
            store::restore(stream, engine, Some(cluster_id)).map_err(|source| match source {
                SnapshotError::Format(FormatError::Newer { .. }) => {
                    LoadError::Newer { path, source }
                }
                source => LoadError::Refused { path, source },
            })?;
        *self.lock() = header.applied.map_or(0, |position| position.index + 1);
        Ok(())
    }

    /// A file to receive a snapshot into; it is removed unless it is made the current one.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn incoming(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&self.directory)
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the state that a view shows as the current file; `covered` is one beyond its index.
    /// Returns its size in bytes.
    ///
    /// # Errors
    /// If writing fails; the former file is then unchanged.
    pub fn save(&self, view: View, cluster_id: u128, covered: u64) -> io::Result<u64> {
        let mut file = self.incoming()?;
        let mut writer = SnapshotWriter::new(view, cluster_id).map_err(io::Error::other)?;
        let mut bytes = 0;
        while let Some(chunk) = writer.next_chunk().map_err(io::Error::other)? {
            file.write_all(&chunk)?;
            bytes += chunk.len() as u64;
        }
        file.as_file().sync_all()?;
        self.adopt(file.into_temp_path(), covered)?;
        Ok(bytes)
    }

    /// Makes a complete, synced file the current one, unless that one is newer already; `covered`
    /// is one beyond the index it stands for.
    ///
    /// # Errors
    /// If it cannot be renamed, or the directory cannot be synced.
    pub fn adopt(&self, file: TempPath, covered: u64) -> io::Result<()> {
        let mut current = self.lock();
        if covered < *current {
            return Ok(());
        }
        *current = covered;
        failpoint!(SnapshotRenameBefore);
        file.persist(self.path()).map_err(|error| error.error)?;
        failpoint!(SnapshotRenameAfter);
        File::open(&self.directory)?.sync_all()
    }
}

/// Reads a received file back.
pub(super) fn read(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(READ_BUFFER, File::open(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Batch, Memory, Reader};
    use crate::store::{Applier, Command, Lifetime, Position, Proposal};

    /// An engine that has applied one put at an index.
    fn applied(index: u64) -> Memory {
        let engine = Memory::new();
        let mut batch = Batch::new(&engine);
        store::initialize(&mut batch).unwrap();
        engine.write(batch.into_writes()).unwrap();
        let put = Command::Put {
            namespace: "default".to_owned(),
            key: "k".into(),
            value: index.to_string().into(),
            create_namespace: false,
            condition: None,
            lifetime: Lifetime::Default,
            previous: false,
        };
        let put = Proposal::decode(&put.encode(None).unwrap()).unwrap();
        let mut applier = Applier::new(&engine).unwrap();
        applier.apply(index, put).unwrap().unwrap();
        let writes = applier.finish(Some(Position { term: 1, index })).writes;
        engine.write(writes).unwrap();
        engine
    }

    fn loaded(files: &SnapshotFiles) -> Option<u64> {
        let engine = Memory::new();
        files.load(&engine, 7).unwrap();
        store::applied(&engine as &dyn Reader)
            .unwrap()
            .map(|position| position.index)
    }

    #[test]
    fn a_snapshot_finished_late_does_not_replace_a_newer_one() {
        let directory = tempfile::tempdir().unwrap();
        let files = SnapshotFiles::open(directory.path().to_owned()).unwrap();
        assert_eq!(loaded(&files), None);
        files.save(applied(20).snapshot(), 7, 21).unwrap();
        files.save(applied(10).snapshot(), 7, 11).unwrap();
        assert_eq!(loaded(&files), Some(20));
        // Also after a restart: what is newest stands in the file.
        let files = SnapshotFiles::open(directory.path().to_owned()).unwrap();
        assert_eq!(loaded(&files), Some(20));
        files.save(applied(10).snapshot(), 7, 11).unwrap();
        assert_eq!(loaded(&files), Some(20));
        files.save(applied(30).snapshot(), 7, 31).unwrap();
        assert_eq!(loaded(&files), Some(30));
    }

    #[test]
    fn another_clusters_snapshot_and_a_damaged_one_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let files = SnapshotFiles::open(directory.path().to_owned()).unwrap();
        files.save(applied(20).snapshot(), 7, 21).unwrap();
        assert!(files.load(&Memory::new(), 8).is_err());
        let path = directory.path().join(CURRENT);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = files.load(&Memory::new(), 7).unwrap_err().to_string();
        assert!(error.contains(CURRENT), "{error}");
    }

    #[test]
    fn what_an_interrupted_transfer_left_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let files = SnapshotFiles::open(directory.path().to_owned()).unwrap();
        std::mem::forget(files.incoming().unwrap().into_temp_path());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        SnapshotFiles::open(directory.path().to_owned()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
