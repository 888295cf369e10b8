//! Faults of clocks: the wall clock of one member is set while it runs.
//!
//! libfaketime stands between the process and the system's clocks and reads the difference from a
//! file at every question. It would move the monotonic clock as well, which nobody who sets a
//! machine's clock does: that one is left alone.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::cluster::{Cluster, Member};

/// The wall clock of one member.
pub(crate) struct WallClock {
    file: PathBuf,
    /// How far it is ahead now, in seconds.
    ahead: i64,
}

impl WallClock {
    /// A clock that can be set, for a member from its next start on. Right at first.
    ///
    /// # Errors
    /// What this machine lacks.
    pub(crate) fn of(cluster: &mut Cluster, index: usize) -> Result<Self, String> {
        let library = library().ok_or("libfaketime is missing; `make setup` installs it")?;
        let file = cluster.directory().join(format!("clock{index}"));
        let member = cluster.member(index);
        member.set_variable("LD_PRELOAD", library);
        member.set_variable("FAKETIME_TIMESTAMP_FILE", &file);
        member.set_variable("FAKETIME_NO_CACHE", "1");
        member.set_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let mut clock = Self { file, ahead: 0 };
        clock.set(0);
        Ok(clock)
    }

    /// Sets it so many seconds ahead of the right time, or behind.
    pub(crate) fn set(&mut self, ahead: i64) {
        // Never half written: whoever reads it meanwhile has the one or the other.
        let draft = self.file.with_extension("new");
        fs::write(&draft, format!("{ahead:+}\n")).expect("a file is written");
        fs::rename(&draft, &self.file).expect("a file is renamed");
        self.ahead = ahead;
    }

    /// Whether the last line that a member has logged bears the time of this clock.
    pub(crate) fn is_seen(&self, member: &Member) -> bool {
        let said = member.stderr();
        let last = said.lines().rev().find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).ok()?;
            humantime::parse_rfc3339(event["timestamp"].as_str()?).ok()
        });
        let distance = Duration::from_secs(self.ahead.unsigned_abs());
        let now = SystemTime::now();
        let expected = if self.ahead < 0 {
            now - distance
        } else {
            now + distance
        };
        // A line may be a while old.
        let near = Duration::from_secs(60);
        last.is_some_and(|last| last > expected - near && last < expected + near)
    }
}

/// Where Debian, or another of this kind, has it.
fn library() -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut places = directories
        .map(|directory| directory.path())
        .chain([Path::new("/usr/lib").to_owned()]);
    places.find_map(|place| {
        let library = place.join("faketime/libfaketime.so.1");
        library.exists().then_some(library)
    })
}
