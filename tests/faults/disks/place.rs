//! Where file systems lie, and what a run that was killed left behind.
//!
//! A killed process unmounts nothing. So each run keeps a lock on its directory, and who begins a
//! new one removes those that nobody holds.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::volume::unmount;

/// How the directories of all runs begin.
const PREFIX: &str = "raftnode-disks-";

/// Held while directories come and go.
const GATE: &str = "raftnode-disks.lock";

/// In each directory, held while its run is alive.
const HELD: &str = "held";

/// A directory for file systems; removed when this is dropped.
pub(super) struct Place {
    directory: TempDir,
    _held: File,
}

impl Place {
    /// Makes a directory, and removes the leftovers of runs that are no more.
    ///
    /// # Errors
    /// If that fails, in words.
    pub(super) fn new() -> Result<Self, String> {
        Self::below(&std::env::temp_dir())
    }

    /// The same in a directory of the caller's choice.
    pub(super) fn below(root: &Path) -> Result<Self, String> {
        let make = || {
            let gate = File::create(root.join(GATE))?;
            flock(&gate, FlockOperation::LockExclusive)?;
            remove_leftovers(root)?;
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?;
            let held = File::create(directory.path().join(HELD))?;
            flock(&held, FlockOperation::LockExclusive)?;
            Ok(Self {
                directory,
                _held: held,
            })
        };
        make().map_err(|error: std::io::Error| format!("no place for file systems: {error}"))
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Forgets to clean up, as a killed process does.
    pub(super) fn abandon(self) -> std::path::PathBuf {
        self.directory.keep()
    }
}

fn remove_leftovers(root: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        // Without the file its run ended before it had a lock to hold.
        if let Ok(held) = File::open(path.join(HELD))
            && flock(&held, FlockOperation::NonBlockingLockExclusive).is_err()
        {
            continue;
        }
        for below in fs::read_dir(&path)? {
            let below = below?.path();
            if below.is_dir() {
                unmount(&below);
            }
        }
        fs::remove_dir_all(&path)?;
    }
    Ok(())
}
