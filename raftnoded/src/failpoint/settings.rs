//! What the variable says, and how often each point was reached.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::io::Errno;

use super::names::{Point, Switch};

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The process is killed with SIGKILL.
    Kill,
    /// The operation fails with this error of the system.
    Fail(Errno),
    /// The operation waits before it goes on.
    Delay(Duration),
}

impl Action {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "kill" => Some(Self::Kill),
            "eio" => Some(Self::Fail(Errno::IO)),
            "enospc" => Some(Self::Fail(Errno::NOSPC)),
            _ => {
                let time = text.strip_prefix("delay(")?.strip_suffix(')')?;
                humantime::parse_duration(time).ok().map(Self::Delay)
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill"),
            Self::Fail(error) => error.fmt(f),
            Self::Delay(delay) => write!(f, "delay({})", humantime::format_duration(*delay)),
        }
    }
}

/// An action, and when it is due.
#[derive(Debug)]
struct Trigger {
    action: Action,
    /// The only time at which it acts, from 1 on; none: each time.
    only: Option<u64>,
    reached: AtomicU64,
}

/// An action that is due.
pub(super) struct Hit {
    pub(super) action: Action,
    /// How often the point was reached, this time included.
    pub(super) time: u64,
    /// Whether the point acts for the first time.
    pub(super) first: bool,
}

/// All that is set.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    triggers: BTreeMap<Point, Trigger>,
    switches: BTreeSet<Switch>,
}

/// A part of the variable that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "RAFTNODED_FAILPOINTS: \"{part}\" is not understood. Parts are separated by \";\": a switch ({}), or \
     POINT=ACTION or POINT=ACTION@N, where the action is kill, eio, enospc or delay(TIME), N counts \
     from 1, and the point, given once, is one of {}",
    list(Switch::ALL.iter().map(|one| one.name())),
    list(Point::ALL.iter().map(|one| one.name()))
)]
pub(crate) struct SettingsError {
    part: String,
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Settings {
    /// # Errors
    /// [`SettingsError`]
    pub(super) fn parse(text: &str) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            settings.add(part).ok_or_else(|| SettingsError {
                part: part.to_owned(),
            })?;
        }
        Ok(settings)
    }

    fn add(&mut self, part: &str) -> Option<()> {
        let Some((name, what)) = part.split_once('=') else {
            self.switches.insert(Switch::named(part)?);
            return Some(());
        };
        let (action, only) = match what.split_once('@') {
            Some((action, time)) => (action, Some(time.parse().ok().filter(|time| *time > 0)?)),
            None => (what, None),
        };
        let trigger = Trigger {
            action: Action::parse(action)?,
            only,
            reached: AtomicU64::new(0),
        };
        let former = self.triggers.insert(Point::named(name)?, trigger);
        former.is_none().then_some(())
    }

    pub(super) fn has(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }

    /// Counts that a point is reached; what is due there.
    pub(super) fn hit(&self, point: Point) -> Option<Hit> {
        let trigger = self.triggers.get(&point)?;
        let time = trigger.reached.fetch_add(1, Ordering::Relaxed) + 1;
        trigger.only.is_none_or(|only| only == time).then(|| Hit {
            action: trigger.action,
            time,
            first: trigger.only.is_some() || time == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_acts_at_its_time_and_nothing_else_does() {
        let text = " wal.sync.before=eio@2;apply.before=delay(200ms) ; wal.unsynced;";
        let settings = Settings::parse(text).unwrap();
        assert!(settings.has(Switch::Unsynced) && !settings.has(Switch::SkipSync));
        assert!(settings.hit(Point::ApplyAfter).is_none());
        assert!(settings.hit(Point::WalSyncBefore).is_none());
        let hit = settings.hit(Point::WalSyncBefore).unwrap();
        assert_eq!((hit.action, hit.time), (Action::Fail(Errno::IO), 2));
        assert!(settings.hit(Point::WalSyncBefore).is_none());
        let delay = Action::Delay(Duration::from_millis(200));
        for first in [true, false] {
            let hit = settings.hit(Point::ApplyBefore).unwrap();
            assert_eq!((hit.action, hit.first), (delay, first));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_all_names() {
        for part in [
            "wal.sink.before=eio",
            "wal.sync.before",
            "wal.unsynced=kill",
            "wal.sync.before=panic",
            "wal.sync.before=kill@0",
            "wal.sync.before=kill@x",
            "apply.before=delay(soon)",
            "apply.before=",
        ] {
            let words = Settings::parse(part).unwrap_err().to_string();
            for name in [part, "broken.no_sessions", "snapshot.install.after", "eio"] {
                assert!(words.contains(name), "{words}");
            }
        }
        let twice = "apply.before=kill@1;apply.before=kill@2";
        assert!(Settings::parse(twice).is_err());
        assert!(Settings::parse("").is_ok());
    }
}
