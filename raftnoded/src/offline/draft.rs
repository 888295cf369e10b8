//! A data directory that is being made: hidden beside the place where it will be, complete and
//! synced before it gets its name.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::{MetadataExt, chown},
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

/// What the names of directories in the making end in, before a random number.
const DRAFT: &str = ".draft-";
pub(super) const COPY: &str = ".copy-";

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
    target: PathBuf,
    /// Whether it lies inside the target, which is a mount point: nothing can be renamed over that.
    inside: bool,
    directory: DataDirectory,
    placed: bool,
}

impl Draft {
    /// Makes an empty one for `target`, and removes what earlier runs that were interrupted left.
    pub(super) fn new(target: &Path) -> Result<Self, OfflineError> {
        let inside = is_mount_point(target);
        if inside {
            remove_leftovers(target, OsStr::new(""));
        }
        remove_leftovers(parent(target), &beside(target));
        let path = if inside {
            target.join(format!("{DRAFT}{:016x}", rand::random::<u64>()))
        } else {
            hidden(target, DRAFT)
        };
        let directory = DataDirectory::open(&path)?;
        Ok(Self {
            path,
            target: target.to_owned(),
            inside,
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
            must_hold: None,
        });
        self.directory.write(&identity)?;
        if let Ok(owned) = fs::metadata(&self.target) {
            give(to, owned.uid(), owned.gid())
                .map_err(OfflineError::io("change the owner of", to))?;
        }
        sync_all(to).map_err(OfflineError::io("sync", to))?;
        Ok(summary)
    }

    /// Gives it its name; an empty directory there is replaced.
    pub(super) fn place(mut self) -> Result<(), OfflineError> {
        let target = self.target.as_path();
        let failed = |error| OfflineError::io("put in place", target)(error);
        if self.inside {
            self.unpack().map_err(failed)?;
            return Ok(());
        }
        match fs::rename(&self.path, target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(OfflineError::NotEmpty {
                    path: target.to_owned(),
                });
            }
            Err(error) => return Err(failed(error)),
        }
        self.placed = true;
        sync_parent(&self.target).map_err(OfflineError::io("sync the directory of", &self.target))
    }

    /// Moves what is in it into the mount point around it. The identity comes last: before it the
    /// directory is none that a member would start on.
    fn unpack(&self) -> io::Result<()> {
        let identity = OsStr::new("identity.toml");
        let mut parts = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            parts.push(entry?.file_name());
        }
        parts.retain(|name| name != "LOCK" && name != identity);
        for name in &parts {
            fs::rename(self.path.join(name), self.target.join(name))?;
        }
        File::open(&self.target)?.sync_all()?;
        fs::rename(self.path.join(identity), self.target.join(identity))?;
        File::open(&self.target)?.sync_all()
    }

    /// Gives it the name of a directory that is there, which gets the name `kept`, in one step where
    /// the file system can.
    pub(super) fn exchange(mut self, kept: &Path) -> Result<(), OfflineError> {
        let target = &self.target.clone();
        let failed = |error| OfflineError::io("put in place", target)(error);
        fs::rename(&self.path, kept).map_err(failed)?;
        self.path = kept.to_owned();
        match renameat_with(CWD, &self.path, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                let aside = hidden(target, DRAFT);
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

/// What the names of everything hidden beside a directory begin with.
fn beside(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or(target.as_os_str()));
    name
}

/// A name beside a directory that nothing else has.
pub(super) fn hidden(target: &Path, kind: &str) -> PathBuf {
    let mut name = beside(target);
    name.push(format!("{kind}{:016x}", rand::random::<u64>()));
    target.with_file_name(name)
}

/// Whether a name in a directory that is to be made is that of a draft inside it.
pub(super) fn is_draft(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(DRAFT.as_bytes())
}

/// Removes what interrupted runs left in a directory under names with a prefix, and nobody works on.
fn remove_leftovers(directory: &Path, prefix: &OsStr) {
    let ours = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        let rest = name.strip_prefix(prefix.as_encoded_bytes());
        rest.is_some_and(|rest| {
            rest.starts_with(DRAFT.as_bytes()) || rest.starts_with(COPY.as_bytes())
        })
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for left in entries.filter(|entry| ours(&entry.file_name())) {
        if left.path().join("LOCK").exists() && DataDirectory::open(&left.path()).is_ok() {
            // It costs space and nothing else.
            let _ = fs::remove_dir_all(left.path());
        }
    }
}

/// Whether another file system begins at a directory.
pub(super) fn is_mount_point(directory: &Path) -> bool {
    match (fs::metadata(directory), fs::metadata(parent(directory))) {
        (Ok(own), Ok(around)) => own.is_dir() && own.dev() != around.dev(),
        _ => false,
    }
}

/// Gives a directory and all in it to another user: who runs the tool need not be who runs the
/// member.
fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    if (found.uid(), found.gid()) == (uid, gid) {
        return Ok(());
    }
    chown(path, Some(uid), Some(gid))
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
