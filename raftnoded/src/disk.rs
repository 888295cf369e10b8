//! The file system of the data directory: how much room there is, and how much of it is kept.
//!
//! A member must never run out of room in the middle of a write, since it could not go on. So it
//! keeps a reserve, and looks at the file system several times a second:
//!
//! ```text
//! free >= 2 x reserve    ok
//! free <  2 x reserve    low         an alarm
//! free <  reserve        full        users' writes are refused; deletes still work
//! free <  reserve / 4    exhausted   nothing is written but what keeps the cluster together
//! ```
//!
//! The way back has a margin, so that a member at the edge does not go to and fro: a quarter of the
//! bound, at most 64 MiB.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How often the file system is asked.
const EVERY: Duration = Duration::from_millis(100);

/// The reserve where none is given: this, or a twentieth of a small file system.
const DEFAULT_RESERVE: u64 = 256 << 20;

/// The most that must be free beyond a bound before it counts as left behind.
const MARGIN: u64 = 64 << 20;

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Enough.
    Ok,
    /// Soon not enough.
    Low,
    /// Only the reserve is left.
    Full,
    /// Most of the reserve is gone, too.
    Exhausted,
}

impl Level {
    /// The level that a number stands for; the last one for numbers beyond.
    pub(crate) fn from_u8(level: u8) -> Self {
        match level {
            0 => Self::Ok,
            1 => Self::Low,
            2 => Self::Full,
            _ => Self::Exhausted,
        }
    }

    /// The level after this one, with so many bytes free.
    fn next(self, free: u64, reserve: u64) -> Self {
        let below = |level: Self, bound: u64| {
            // Harder to leave than to enter.
            let bound = if self >= level {
                bound.saturating_add(MARGIN.min(bound / 4))
            } else {
                bound
            };
            free < bound
        };
        if below(Self::Exhausted, floor(reserve)) {
            Self::Exhausted
        } else if below(Self::Full, reserve) {
            Self::Full
        } else if below(Self::Low, reserve.saturating_mul(2)) {
            Self::Low
        } else {
            Self::Ok
        }
    }
}

fn floor(reserve: u64) -> u64 {
    reserve / 4
}

/// The file system of a data directory.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    reserve: u64,
    total: AtomicU64,
    free: AtomicU64,
    level: AtomicU8,
}

impl Disk {
    /// The file system that a directory lies in, with a reserve in bytes, or the default one.
    ///
    /// # Errors
    /// If the file system cannot be asked.
    pub fn new(directory: &Path, reserve: Option<u64>) -> io::Result<Arc<Self>> {
        let (total, free) = ask(directory)?;
        let disk = Self {
            directory: directory.to_owned(),
            reserve: reserve.unwrap_or(DEFAULT_RESERVE.min(total / 20)),
            total: AtomicU64::new(total),
            free: AtomicU64::new(free),
            level: AtomicU8::new(0),
        };
        disk.note(free);
        Ok(Arc::new(disk))
    }

    /// How much room there was when it was last looked at.
    pub fn level(&self) -> Level {
        Level::from_u8(self.level.load(Relaxed))
    }

    /// The size of the file system in bytes.
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// The bytes that this process may still use, when it was last looked at.
    pub fn free(&self) -> u64 {
        self.free.load(Relaxed)
    }

    /// The bytes kept in reserve.
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// Whether so many bytes more fit without touching what is kept to the last. Asks the file
    /// system.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.look();
        self.free() >= bytes.saturating_add(floor(self.reserve))
    }

    /// Looks at the file system several times a second, for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            let disk = Arc::clone(&self);
            // A file system over a network may not answer at once. It fails only with the runtime.
            let _ = tokio::task::spawn_blocking(move || disk.look()).await;
        }
    }

    fn look(&self) {
        match ask(&self.directory) {
            Ok((total, free)) => {
                self.total.store(total, Relaxed);
                self.note(free);
            }
            // The next write says more.
            Err(error) => tracing::debug!(%error, "cannot ask the file system for its room"),
        }
    }

    fn note(&self, free: u64) {
        self.free.store(free, Relaxed);
        let before = self.level();
        let level = before.next(free, self.reserve);
        self.level.store(level as u8, Relaxed);
        if level == before {
            return;
        }
        let (reserve, directory) = (self.reserve, self.directory.display());
        if level > before {
            tracing::warn!(%directory, free, reserve, ?level, "disk space runs out");
        } else {
            tracing::info!(%directory, free, reserve, ?level, "disk space is back");
        }
    }
}

/// Bytes in all, and bytes that this process may use.
fn ask(directory: &Path) -> io::Result<(u64, u64)> {
    let found = rustix::fs::statvfs(directory)?;
    let unit = found.f_frsize;
    Ok((
        found.f_blocks.saturating_mul(unit),
        found.f_bavail.saturating_mul(unit),
    ))
}

/// Whether an error says that there was no room, and no more than that.
pub(crate) fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_has_a_margin() {
        // (free, level) as the space goes and comes back, with a reserve of 100.
        let way = [
            (1000, Level::Ok),
            (200, Level::Ok),
            (199, Level::Low),
            (100, Level::Low),
            (99, Level::Full),
            (25, Level::Full),
            (24, Level::Exhausted),
            (30, Level::Exhausted),
            (31, Level::Full),
            (24, Level::Exhausted),
            (124, Level::Full),
            (125, Level::Low),
            (249, Level::Low),
            (250, Level::Ok),
            (0, Level::Exhausted),
            (u64::MAX, Level::Ok),
        ];
        let mut level = Level::Ok;
        for (free, expected) in way {
            level = level.next(free, 100);
            assert_eq!(level, expected, "at {free}");
        }
    }

    #[test]
    fn without_a_reserve_there_is_always_room() {
        for free in [0, 1, u64::MAX] {
            assert_eq!(Level::Ok.next(free, 0), Level::Ok);
        }
        assert_eq!(Level::Ok.next(5, u64::MAX), Level::Exhausted);
    }

    #[test]
    fn a_directory_has_a_file_system() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::new(directory.path(), Some(0)).unwrap();
        assert!(disk.total() >= disk.free() && disk.total() > 0);
        assert!(disk.has_room(0) && !disk.has_room(u64::MAX));
        let small = Disk::new(directory.path(), None).unwrap();
        assert!(small.reserve() <= small.total() / 20);
        let missing = Disk::new(&directory.path().join("missing"), None);
        assert!(missing.is_err());
    }
}
