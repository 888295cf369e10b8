//! A new cluster from the one survivor of a cluster whose quorum is lost for good.
//!
//! The survivor's state and ALL of its log are kept, entries included of which nobody can say any
//! more whether a majority had them: they may never have been acknowledged, and are kept; what was
//! acknowledged and never reached this member is lost. Nobody can know how much that is.
//!
//! Everything happens on a copy. The original is read, and in the end renamed; it is never written.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    OfflineError,
    copy::Copy,
    draft::{Draft, Plan, is_mount_point},
    first_state,
};
use crate::{
    config::Store,
    identity::{Belonging, DataDirectory, Identity},
    node::{
        Failure,
        open::{self, Opened},
    },
    raft::{
        log::Stamp,
        salvage::{self, Salvaged},
    },
    store::SnapshotWriter,
    wal,
};

/// A survivor that was looked at, with its state and log put together. The original stays locked, and
/// the copy takes up space, until this is dropped or [`carried out`](Self::carry_out).
pub struct Recovery {
    original: PathBuf,
    _lock: DataDirectory,
    identity: Identity,
    belonging: Belonging,
    opened: Opened,
    salvaged: Salvaged,
    // Dropped after what is open in it.
    copy: Copy,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The data directory, in its old place.
    pub data_dir: PathBuf,
    /// The new cluster.
    pub cluster_id: u128,
    /// No revision of the new cluster is at or below this one.
    pub beyond: u64,
    /// Where the old directory is now.
    pub kept: PathBuf,
}

impl Recovery {
    /// Reads a survivor's directory and changes nothing in it.
    ///
    /// # Errors
    /// [`OfflineError`]: a process runs on it, or it cannot be used, as for a start.
    pub async fn examine(data_dir: &Path) -> Result<Self, OfflineError> {
        let original = fs::canonicalize(data_dir).map_err(OfflineError::io("find", data_dir))?;
        if !original.join("identity.toml").exists() {
            return Err(OfflineError::NoDirectory { path: original });
        }
        if is_mount_point(&original) {
            return Err(OfflineError::MountPoint { path: original });
        }
        let lock = DataDirectory::open(&original)?;
        let identity = lock.existing()?.ok_or_else(|| OfflineError::NoDirectory {
            path: original.clone(),
        })?;
        let Some(belonging) = identity.membership.clone() else {
            return Err(OfflineError::NoCluster { path: original });
        };
        let copying = original.clone();
        let (store, cluster_id) = (identity.store, belonging.cluster_id);
        let opening = tokio::task::spawn_blocking(move || {
            let copy = Copy::of(&copying)?;
            let options = wal::Options {
                segment_bytes: segment_bytes(&copy.path().join("wal"))?,
                fsync: false,
            };
            let opened = open::open(copy.path(), store, cluster_id, options, |_| {})
                .map_err(|failure| about_original(&failure, copy.path(), &copying))?;
            Ok::<_, OfflineError>((copy, opened))
        });
        let (copy, mut opened) = joined(opening.await, &original)??;
        let log_path = original.join("wal");
        let own = Stamp {
            cluster_id,
            node_id: belonging.node_id,
            incarnation: identity.incarnation,
        };
        if opened.log.stamp() != Some(own) {
            return Err(OfflineError::ForeignLog { path: log_path });
        }
        let salvaged = salvage::salvage(&mut opened.log, &*opened.engine)
            .await
            .map_err(|source| OfflineError::Replay {
                path: log_path,
                source,
            })?;
        Ok(Self {
            original,
            _lock: lock,
            identity,
            belonging,
            opened,
            salvaged,
            copy,
        })
    }

    /// The member's name, which is typed to confirm.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The cluster that is given up.
    pub fn cluster_id(&self) -> u128 {
        self.belonging.cluster_id
    }

    /// The member's id in it.
    pub fn node_id(&self) -> u64 {
        self.belonging.node_id
    }

    /// Where it keeps its state.
    pub fn store(&self) -> Store {
        self.identity.store
    }

    /// What its log and state hold.
    pub fn salvaged(&self) -> &Salvaged {
        &self.salvaged
    }

    /// Where the old directory would be kept.
    pub fn kept(&self) -> PathBuf {
        (1..)
            .map(|number| {
                let mut name = self.original.clone().into_os_string();
                name.push(format!(".before-recovery-{number}"));
                PathBuf::from(name)
            })
            .find(|path| fs::symlink_metadata(path).is_err())
            .unwrap_or_default()
    }

    /// Makes the new cluster in place of the old directory, which is kept beside it. `confirmed` must
    /// be the member's name. Blocks for as long as it takes to write the state once.
    ///
    /// # Errors
    /// [`OfflineError`]; the old directory is then still in its place.
    pub fn carry_out(self, confirmed: &str, bump: u64) -> Result<Recovered, OfflineError> {
        if confirmed != self.identity.name {
            return Err(OfflineError::NotConfirmed {
                name: self.identity.name,
                given: confirmed.to_owned(),
            });
        }
        let header = first_state(rand::random(), self.salvaged.last, bump)?;
        let draft = Draft::new(&self.original)?;
        let plan = Plan {
            name: &self.identity.name,
            store: self.identity.store,
            header: &header,
        };
        let state =
            SnapshotWriter::new(self.opened.engine.snapshot(), self.belonging.cluster_id)
                .map_err(|error| OfflineError::refused(error, &self.original, self.copy.path()))?;
        draft.fill(&plan, Stream::of(state), &self.original)?;
        let kept = self.kept();
        draft.exchange(&kept)?;
        Ok(Recovered {
            data_dir: self.original,
            cluster_id: header.cluster_id,
            beyond: header.applied.map_or(0, |applied| applied.index),
            kept,
        })
    }
}

/// What is wrong with the copy is wrong with the original, which is the one to name.
fn about_original(failure: &Failure, copy: &Path, original: &Path) -> OfflineError {
    let (copy, original) = (copy.display().to_string(), original.display().to_string());
    OfflineError::Open {
        message: failure.to_string().replace(&copy, &original),
        exit_code: failure.exit_code(),
    }
}

fn joined<T>(result: Result<T, tokio::task::JoinError>, path: &Path) -> Result<T, OfflineError> {
    result.map_err(|error| OfflineError::io("read", path)(io::Error::other(error)))
}

/// The size of a log's segments, as it was written with.
fn segment_bytes(log: &Path) -> Result<u32, OfflineError> {
    let mut largest = 1 << 20;
    if log.exists() {
        for entry in fs::read_dir(log).map_err(OfflineError::io("read", log))? {
            let entry = entry.map_err(OfflineError::io("read", log))?;
            let length = entry
                .metadata()
                .map_err(OfflineError::io("read", log))?
                .len();
            largest = largest.max(u32::try_from(length).unwrap_or(u32::MAX));
        }
    }
    Ok(largest)
}

/// A snapshot that is made while it is read.
struct Stream {
    writer: SnapshotWriter,
    chunk: Vec<u8>,
    taken: usize,
}

impl Stream {
    fn of(writer: SnapshotWriter) -> Self {
        Self {
            writer,
            chunk: Vec::new(),
            taken: 0,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.chunk.len() {
            let next = self.writer.next_chunk().map_err(io::Error::other)?;
            self.chunk = next.unwrap_or_default();
            self.taken = 0;
        }
        let length = buffer.len().min(self.chunk.len() - self.taken);
        buffer[..length].copy_from_slice(&self.chunk[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}
