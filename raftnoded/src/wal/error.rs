//! Why a log does not open, or does not take a record.

use std::io;
use std::path::PathBuf;

const RESTORE: &str = "restore this member from its peers: stop it, move its data directory away, \
                       and let it rejoin as a new member";

/// Why [`Wal::open`](super::Wal::open) refused a directory. Nothing was changed in it unless the
/// variant is [`OpenError::Io`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system said no.
    #[error("cannot {action} {}: {source}; check the disk and the permissions, then start again", path.display())]
    Io {
        /// What was tried, as in "cannot {action} {path}".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The directory holds something that no log wrote.
    #[error("{} does not belong to the log: the log's directory must hold nothing else; move it away and start again", path.display())]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },
    /// A segment between two others is gone.
    #[error("log segment {} is missing though older and newer ones exist; {RESTORE}", path.display())]
    MissingSegment {
        /// Where the segment should be.
        path: PathBuf,
    },
    /// A segment's first page is not what was written there. Headers are durable before a file
    /// gets a segment's name, so a crash does not explain it.
    #[error("log segment {} is damaged at offset 0: its header does not match its checksum; {RESTORE}", path.display())]
    DamagedHeader {
        /// The segment's file.
        path: PathBuf,
    },
    /// A segment's file bears another segment's name.
    #[error("log segment {} holds segment {found}: the file was renamed or copied; {RESTORE}", path.display())]
    WrongSequence {
        /// The segment's file.
        path: PathBuf,
        /// The sequence number in its header.
        found: u32,
    },
    /// The segment was written by a newer release.
    #[error("log segment {} has format version {found}, this program knows versions up to {supported}; start the newer release again", path.display())]
    NewerVersion {
        /// The segment's file.
        path: PathBuf,
        /// The version in its header.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// Whoever opens the log cannot use a record of it, and knows why.
    #[error("log segment {} holds a record at offset {offset} that cannot be used", path.display())]
    Unwanted {
        /// The segment's file.
        path: PathBuf,
        /// Offset of the record in bytes.
        offset: u32,
    },
    /// A record that had been durable cannot be read any more.
    #[error("log segment {} is damaged at offset {offset}: the record there had been synced, as {evidence} proves, and no longer matches its checksum; {RESTORE}", path.display())]
    Damaged {
        /// The segment's file.
        path: PathBuf,
        /// Offset of the bad record in bytes.
        offset: u32,
        /// What proves that the record had been durable.
        evidence: String,
    },
}

impl OpenError {
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// A record that no segment can hold; nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a record of {size} bytes does not fit in a log segment, which holds {limit}; split the value, or start with larger segments"
)]
pub struct RecordTooLarge {
    /// Length of the payload in bytes.
    pub size: usize,
    /// Longest payload that fits, in bytes.
    pub limit: usize,
}

/// The same error once more, for each of those who wait: `io::Error` is not `Clone`.
pub(super) fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
