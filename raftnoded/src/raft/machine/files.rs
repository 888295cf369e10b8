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
    store::{self, SnapshotError, SnapshotWriter},
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

    fn path(&self) -> PathBuf {
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
        let (header, _) = store::restore(stream, engine, Some(cluster_id))
            .map_err(|source| LoadError::Refused { path, source })?;
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
        file.persist(self.path()).map_err(|error| error.error)?;
        File::open(&self.directory)?.sync_all()
    }
}

/// Reads a received file back.
pub(super) fn read(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(READ_BUFFER, File::open(path)?))
}
