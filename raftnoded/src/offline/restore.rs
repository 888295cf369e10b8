//! A new cluster from a backup.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use super::{
    OfflineError,
    draft::{Draft, Plan, is_draft, is_mount_point},
    first_state,
};
use crate::{
    config::Store,
    store::{self, Position},
};

const READ_BUFFER: usize = 1 << 20;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Request {
    /// The backup.
    pub file: PathBuf,
    /// The data directory to make; missing or empty.
    pub data_dir: PathBuf,
    /// The name of its member.
    pub name: String,
    /// Where the member keeps its state. Any backup fits any store.
    pub store: Store,
    /// By how much the new revisions are beyond the saved ones; see
    /// [`DEFAULT_BUMP`](super::DEFAULT_BUMP).
    pub bump: u64,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The new cluster.
    pub cluster_id: u128,
    /// The cluster that was saved.
    pub from: u128,
    /// Where its log was when it was saved.
    pub saved: Option<Position>,
    /// No revision of the new cluster is at or below this one.
    pub beyond: u64,
    /// The records restored, internal ones included.
    pub records: u64,
    /// The bytes read.
    pub bytes: u64,
}

/// Makes a data directory from a backup, which is read and checked to its end before anything is
/// written. Blocks.
///
/// # Errors
/// [`OfflineError`]; no directory appears then.
pub fn restore(request: &Request) -> Result<Restored, OfflineError> {
    let target = &fs::canonicalize(&request.data_dir).unwrap_or_else(|_| request.data_dir.clone());
    check_vacant(target)?;
    let file = &request.file;
    let open = || {
        let opened = File::open(file).map_err(|source| OfflineError::Unreadable {
            path: file.clone(),
            source,
        })?;
        Ok::<_, OfflineError>(BufReader::with_capacity(READ_BUFFER, opened))
    };
    let (saved, _) =
        store::verify(open()?).map_err(|error| OfflineError::refused(error, file, target))?;
    let header = first_state(rand::random(), saved.applied, request.bump)?;
    let draft = Draft::new(target)?;
    let plan = Plan {
        name: &request.name,
        store: request.store,
        header: &header,
    };
    let summary = draft.fill(&plan, open()?, file)?;
    draft.place()?;
    Ok(Restored {
        data_dir: request.data_dir.clone(),
        cluster_id: header.cluster_id,
        from: saved.cluster_id,
        saved: saved.applied,
        beyond: header.applied.map_or(0, |applied| applied.index),
        records: summary.records,
        bytes: summary.bytes,
    })
}

/// There must be nothing in the way, and nothing that would be lost.
fn check_vacant(target: &Path) -> Result<(), OfflineError> {
    match fs::read_dir(target) {
        Ok(entries) => {
            let draft = |name: &OsStr| is_mount_point(target) && is_draft(name);
            let mut others = entries.flatten().filter(|entry| !draft(&entry.file_name()));
            match others.next() {
                None => Ok(()),
                Some(_) => Err(OfflineError::NotEmpty {
                    path: target.to_owned(),
                }),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OfflineError::io("read", target)(error)),
    }
}
