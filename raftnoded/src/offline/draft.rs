//! A data directory that is being made: hidden beside the place where it will be, complete and
//! synced before it gets its name.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::OfflineError;
use crate::{
    config::Store,
    identity::{Belonging, DataDirectory},
    node::open,
    raft::machine::files::SnapshotFiles,
    store::{self, Header, Summary},
};

const WRITE_BUFFER: usize = 1 << 20;

/// The id of the only member of a new cluster.
const FIRST: u64 = 1;

/// What a new directory is to be.
pub(super) struct Plan<'a> {
    /// The name of the member.
    pub(super) name: &'a str,
    /// Where it keeps its state.
    pub(super) store: Store,
    /// The header of its first state.
    pub(super) header: &'a Header,
}

/// A directory without its name; removed unless it is put in place.
pub(super) struct Draft {
    path: PathBuf,
    directory: DataDirectory,
    placed: bool,
}

impl Draft {
    /// Makes an empty one for `target`, and removes what earlier runs that were interrupted left.
    pub(super) fn new(target: &Path) -> Result<Self, OfflineError> {
        remove_leftovers(target);
        let path = hidden(target, "draft");
        let directory = DataDirectory::open(&path)?;
        Ok(Self {
            path,
            directory,
            placed: false,
        })
    }

    /// Fills it from a snapshot stream, and syncs it. `from` names the stream in errors.
    pub(super) fn fill(
        &self,
        plan: &Plan<'_>,
        stream: impl Read,
        from: &Path,
    ) -> Result<Summary, OfflineError> {
        let to = self.path.as_path();
        let summary = match plan.store {
            Store::Memory => {
                let files = SnapshotFiles::open(to.join("snapshot"))
                    .map_err(OfflineError::io("write", to))?;
                let mut file = BufWriter::with_capacity(
                    WRITE_BUFFER,
                    files.incoming().map_err(OfflineError::io("write", to))?,
                );
                let summary = store::copy_as(stream, plan.header, &mut file)
                    .map_err(|error| OfflineError::copying(error, from, to))?;
                let adopt = || -> io::Result<()> {
                    file.flush()?;
                    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                    file.as_file().sync_all()?;
                    let covered = plan.header.applied.map_or(0, |applied| applied.index + 1);
                    files.adopt(file.into_temp_path(), covered)
                };
                adopt().map_err(OfflineError::io("write", to))?;
                summary
            }
            Store::Rocksdb => {
                let engine = open::engine(to, plan.store)?;
                store::transplant(stream, &*engine, plan.header)
                    .map_err(|error| OfflineError::refused(error, from, to))?
            }
        };
        let mut identity = self
            .directory
            .identity(Some(plan.name), plan.name, Some(plan.store))?;
        identity.membership = Some(Belonging {
            cluster_id: plan.header.cluster_id,
            node_id: FIRST,
            log_begun: false,
            restored: true,
            founders: Vec::new(),
            peers: Vec::new(),
            removed: false,
        });
        self.directory.write(&identity)?;
        sync_all(to).map_err(OfflineError::io("sync", to))?;
        Ok(summary)
    }

    /// Gives it its name; an empty directory there is replaced.
    pub(super) fn place(mut self, target: &Path) -> Result<(), OfflineError> {
        match fs::rename(&self.path, target) {
            Ok(()) => self.placed = true,
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(OfflineError::NotEmpty {
                    path: target.to_owned(),
                });
            }
            Err(error) => return Err(OfflineError::io("put in place", target)(error)),
        }
        sync_parent(target).map_err(OfflineError::io("sync the directory of", target))
    }

    /// Gives it the name of a directory that is there, which gets the name `kept`, in one step where
    /// the file system can.
    pub(super) fn exchange(mut self, target: &Path, kept: &Path) -> Result<(), OfflineError> {
        let failed = |error| OfflineError::io("put in place", target)(error);
        fs::rename(&self.path, kept).map_err(failed)?;
        self.path = kept.to_owned();
        match renameat_with(CWD, &self.path, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                let aside = hidden(target, "draft");
                fs::rename(&self.path, &aside).map_err(failed)?;
                self.path = aside;
                fs::rename(target, kept).map_err(failed)?;
                fs::rename(&self.path, target).map_err(failed)?;
            }
            Err(error) => return Err(failed(error.into())),
        }
        self.placed = true;
        sync_parent(target).map_err(OfflineError::io("sync the directory of", target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed is removed by the next run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn file_name(target: &Path) -> OsString {
    target.file_name().unwrap_or(target.as_os_str()).to_owned()
}

/// A name beside a directory that nothing else has.
pub(super) fn hidden(target: &Path, kind: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(file_name(target));
    name.push(format!(".{kind}-{:016x}", rand::random::<u64>()));
    target.with_file_name(name)
}

/// Removes what interrupted runs left beside a directory, and nobody works on.
fn remove_leftovers(target: &Path) {
    let mut prefix = OsString::from(".");
    prefix.push(file_name(target));
    let ours = |name: &std::ffi::OsStr| {
        let name = name.as_encoded_bytes();
        let rest = name.strip_prefix(prefix.as_encoded_bytes());
        rest.is_some_and(|rest| rest.starts_with(b".draft-") || rest.starts_with(b".copy-"))
    };
    let beside = fs::read_dir(parent(target)).into_iter().flatten().flatten();
    for left in beside.filter(|entry| ours(&entry.file_name())) {
        if left.path().join("LOCK").exists() && DataDirectory::open(&left.path()).is_ok() {
            tracing::info!(path = %left.path().display(), "removing what an interrupted run left");
            // It costs space and nothing else.
            let _ = fs::remove_dir_all(left.path());
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

/// Makes everything below a directory survive a power cut.
fn sync_all(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(directory)?.sync_all()
}
