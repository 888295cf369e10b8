//! A copy of a data directory to work on, so that the original stays as it is: opening a log cuts its
//! torn tail, and opening RocksDB writes files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    OfflineError,
    draft::{COPY, hidden},
};
use crate::identity::DataDirectory;

/// A copy without the identity; removed when it is dropped.
pub(super) struct Copy {
    path: PathBuf,
    _directory: DataDirectory,
}

impl Copy {
    /// Copies log and state. Where the file system shares blocks between files it costs no space.
    pub(super) fn of(original: &Path) -> Result<Self, OfflineError> {
        let path = hidden(original, COPY);
        let copy = Self {
            _directory: DataDirectory::open(&path)?,
            path,
        };
        for part in ["wal", "snapshot", "db"] {
            let from = original.join(part);
            if from.exists() {
                copy_tree(&from, &copy.path.join(part)).map_err(OfflineError::io("copy", &from))?;
            }
        }
        Ok(copy)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
