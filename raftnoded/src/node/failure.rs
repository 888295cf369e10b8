//! Why a member cannot start, or had to stop, and its exit code.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    engine::EngineError,
    identity::{DirectoryError, says},
    raft::{StartError, formation::FormationError, log::LogError, machine::files::LoadError},
    store,
};

/// Why a member cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The log in it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The snapshot file in it.
    #[error(transparent)]
    Snapshot(#[from] LoadError),
    /// The state in it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The layout of the state in it.
    #[error(transparent)]
    Layout(#[from] store::OpenError),
    /// The state in it is gone, or an old one.
    #[error(
        "{} {}, and the log begins behind entry {purged}: what was in between is nowhere else. Put \
         {} back as it was, or replace this member by an empty one, and it gets its data from the \
         others",
        path.display(),
        applied.map_or_else(
            || "is missing or empty".to_owned(),
            |index| format!("shows the state of entry {index}"),
        ),
        path.display()
    )]
    StateLost {
        /// Where it is kept.
        path: PathBuf,
        /// The entry that it stands for; none if there is no state.
        applied: Option<u64>,
        /// The last entry that the log does not hold any more.
        purged: u64,
    },
    /// A directory in it.
    #[error("cannot use {path}: {source}")]
    Files {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// This build has no such store.
    #[error(
        "this raftnoded was built without RocksDB; start it with --store memory, or build it with \
         the feature \"rocksdb\""
    )]
    NoRocksdb,
    /// A port.
    #[error(
        "cannot listen on {address}: {source}; is another raftnoded running? Give another \
         --{setting}"
    )]
    Port {
        /// The address.
        address: SocketAddr,
        /// The flag that sets it.
        setting: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The formation of the cluster.
    #[error(transparent)]
    Formation(#[from] FormationError),
    /// The member was removed from its cluster.
    #[error(
        "member {id} was removed from the cluster {cluster_id:032x}{}; it takes no part any more. \
         Its data directory can be deleted. To make this node a new member, empty the directory and \
         start it with --join", says(by.as_deref())
    )]
    Removed {
        /// The cluster.
        cluster_id: u128,
        /// The member.
        id: u64,
        /// Who said so; none if it was known from the start.
        by: Option<String>,
    },
    /// Consensus did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The log could not be written.
    #[error(
        "the log could not be written or synced: {0}; what was acknowledged is safe, but this \
         member must not go on. Check the disk, then restart"
    )]
    LogWrite(String),
    /// Consensus stopped by itself.
    #[error("consensus stopped: {0}")]
    Stopped(String),
}

impl Failure {
    /// The process's exit code: 3 for the data directory, 4 for a port, 5 for a cluster that does
    /// not take this node in, 6 for a member that was removed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Directory(_)
            | Self::Log(_)
            | Self::Snapshot(_)
            | Self::Engine(_)
            | Self::Layout(_)
            | Self::StateLost { .. }
            | Self::Files { .. }
            | Self::Formation(FormationError::Wiped { .. } | FormationError::Foreign { .. }) => 3,
            Self::Port { .. } => 4,
            Self::Formation(
                FormationError::NotAFounder { .. } | FormationError::Refused { .. },
            ) => 5,
            Self::Removed { .. } => 6,
            Self::NoRocksdb => 2,
            Self::Start(_) | Self::LogWrite(_) | Self::Stopped(_) => 1,
        }
    }
}
