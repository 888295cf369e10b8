//! Why a directory was not made.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    identity::DirectoryError,
    node::Failure,
    store::{CopyError, SnapshotError},
};

/// Why a data directory was not made. Nothing is left of the attempt.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The backup cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The backup is damaged, cut off, foreign or newer.
    #[error("{} cannot be restored: {source}; nothing was written", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SnapshotError,
    },
    /// There is something in the directory.
    #[error(
        "{} is not empty, and a restore makes a new data directory; name one that does not exist, \
         or move this one away",
        path.display()
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The revisions would come to their end.
    #[error(
        "--bump-revision {bump} on top of revision {saved} leaves too few revisions; give less"
    )]
    BumpTooLarge {
        /// The revision of the state.
        saved: u64,
        /// What was to be added.
        bump: u64,
    },
    /// There is no directory to recover from.
    #[error("{} is no data directory: it holds no identity.toml; name that of the survivor", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The old directory cannot be kept beside the new one.
    #[error(
        "{} is a mount point, and the old directory is to be kept beside the new one; copy it to a \
         directory elsewhere (cp -a), and recover that",
        path.display()
    )]
    MountPoint {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to no cluster yet.
    #[error("{} belongs to no cluster yet: there is nothing to recover", path.display())]
    NoCluster {
        /// The directory.
        path: PathBuf,
    },
    /// The directory's log is gone, or not its own.
    #[error(
        "the log in {} is not this member's, or is gone: what the member promised and holds cannot \
         be known; take another survivor, or a backup",
        path.display()
    )]
    ForeignLog {
        /// The log's directory.
        path: PathBuf,
    },
    /// Another name was given to confirm.
    #[error(
        "this is the directory of {name}, and {given:?} was given to confirm; nothing was changed"
    )]
    NotConfirmed {
        /// The member's name.
        name: String,
        /// What was given.
        given: String,
    },
    /// The state and the log do not fit together, or cannot be read.
    #[error("the log in {} cannot be replayed: {source}; nothing was changed", path.display())]
    Replay {
        /// The log's directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory is in use, damaged or newer.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The log or the state in the directory cannot be used.
    #[error("{message}")]
    Open {
        /// What is wrong with it.
        message: String,
        /// See [`OfflineError::exit_code`].
        exit_code: u8,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}; nothing was changed", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl OfflineError {
    pub(super) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// What went wrong while a snapshot was copied out of a source into a directory.
    pub(super) fn copying(error: CopyError, from: &Path, to: &Path) -> Self {
        match error {
            CopyError::Source(source) => Self::refused(source, from, to),
            CopyError::Write(source) => Self::io("write", to)(source),
        }
    }

    pub(super) fn refused(source: SnapshotError, from: &Path, to: &Path) -> Self {
        match source {
            SnapshotError::Engine(error) => Self::io("write", to)(io::Error::other(error)),
            SnapshotError::Format(crate::store::FormatError::Io { source, .. }) => {
                Self::Unreadable {
                    path: from.to_owned(),
                    source,
                }
            }
            source => Self::Refused {
                path: from.to_owned(),
                source,
            },
        }
    }

    /// The process's exit code: 2 for a command line that cannot be carried out, 3 for a file or
    /// directory that cannot be used.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::BumpTooLarge { .. } | Self::NotConfirmed { .. } => 2,
            Self::Open { exit_code, .. } => *exit_code,
            _ => 3,
        }
    }
}

impl From<Failure> for OfflineError {
    fn from(failure: Failure) -> Self {
        Self::Open {
            message: failure.to_string(),
            exit_code: failure.exit_code(),
        }
    }
}
