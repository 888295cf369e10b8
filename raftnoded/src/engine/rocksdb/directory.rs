//! The directories of the databases and the pointer to the one in use.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::EngineError;

const POINTER: &str = "CURRENT";
const TEMPORARY: &str = "CURRENT.new";
const DATABASE: &str = "db-";

/// The directory of the engine.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates the directory if need be.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// The path of a database.
    pub fn database(&self, generation: u64) -> PathBuf {
        self.path.join(format!("{DATABASE}{generation}"))
    }

    /// The database in use. In an empty directory this is the first, and the pointer is written
    /// before the database, so that a database without a pointer is always damage.
    pub fn current(&self) -> Result<u64, EngineError> {
        let pointer = self.path.join(POINTER);
        let text = match fs::read_to_string(&pointer) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !self.databases()?.is_empty() {
                    return Err(damaged(
                        &pointer,
                        "it is missing, though databases are there",
                    ));
                }
                self.switch(1)?;
                return Ok(1);
            }
            Err(error) => return Err(failed("read", &pointer)(error)),
        };
        let generation = text
            .trim()
            .strip_prefix(DATABASE)
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| damaged(&pointer, "it does not name a database"))?;
        // The first may be missing: a crash between pointer and database leaves that.
        if generation != 1 && !self.database(generation).is_dir() {
            return Err(damaged(&pointer, "the database it names is missing"));
        }
        Ok(generation)
    }

    /// Points to another database, atomically and durably.
    pub fn switch(&self, generation: u64) -> Result<(), EngineError> {
        // The database's own directory entry must be durable before anything points to it.
        self.sync()?;
        let (pointer, temporary) = (self.path.join(POINTER), self.path.join(TEMPORARY));
        let write = || {
            let mut file = File::create(&temporary)?;
            writeln!(file, "{DATABASE}{generation}")?;
            file.sync_all()
        };
        write().map_err(failed("write", &temporary))?;
        failpoint!(SnapshotRenameBefore, failed("replace", &pointer));
        fs::rename(&temporary, &pointer).map_err(failed("replace", &pointer))?;
        failpoint!(SnapshotRenameAfter, failed("replace", &pointer));
        self.sync()
    }

    /// Makes the names in the directory durable.
    pub fn sync(&self) -> Result<(), EngineError> {
        File::open(&self.path)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("sync", &self.path))
    }

    /// Deletes what an interrupted replacement left.
    pub fn remove_all_but(&self, generation: u64) -> Result<(), EngineError> {
        for other in self.databases()? {
            if other != generation {
                self.remove(other)?;
            }
        }
        Ok(())
    }

    /// Deletes a database, if it is there.
    pub fn remove(&self, generation: u64) -> Result<(), EngineError> {
        let path = self.database(generation);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("delete", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Bytes of all files. Files that vanish while they are counted count as nothing.
    pub fn bytes(&self) -> u64 {
        let sizes = |path: PathBuf| -> u64 {
            fs::read_dir(path)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|file| file.metadata().ok())
                .filter(|metadata| metadata.is_file())
                .map(|metadata| metadata.len())
                .sum()
        };
        let databases = self.databases().unwrap_or_default();
        databases.into_iter().map(|n| sizes(self.database(n))).sum()
    }

    fn databases(&self) -> Result<Vec<u64>, EngineError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed("list", &self.path))? {
            let name = entry.map_err(failed("list", &self.path))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(DATABASE));
            found.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(found)
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> EngineError + 'a {
    move |source| EngineError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path, reason: &str) -> EngineError {
    EngineError::Corrupt {
        what: path.display().to_string(),
        reason: reason.into(),
    }
}
