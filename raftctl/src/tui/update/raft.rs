//! Screen 3: the end of the leader's log.

use std::time::{Duration, Instant};

use common::types::LogLine;

use super::lists;
use crate::tui::app::{App, Screen};

/// Between two looks at a log that goes by too fast to be read: a look costs the leader most there.
const RUSH: Duration = Duration::from_secs(1);

/// Whether it is time to look at the log.
pub(super) fn is_due(app: &App) -> bool {
    let told = app.raft.told;
    let again = |told: Instant| app.now.saturating_duration_since(told) >= RUSH;
    !app.raft.rushes || told.is_none_or(again)
}

/// Takes in the end of the leader's log.
pub(super) fn told(app: &mut App, leader: &str, tail: Vec<LogLine>) {
    if app.frozen.is_some() {
        return;
    }
    if app.raft.of.as_deref() == Some(leader) && app.raft.tail == tail {
        app.raft.rushes = false;
        return;
    }
    let known = app.raft.tail.last().map_or(0, |line| line.index);
    let new = tail.iter().filter(|line| line.index > known).count();
    app.raft.rushes = app.raft.told.is_some() && new > tail.len() / 2;
    app.raft.told = Some(app.now);
    // The selection stays on its line; on the newest one it follows.
    let at = app.raft.selection.at;
    let selected = lists::log(app).get(at).map(|line| line.index);
    app.raft.tail = tail;
    app.raft.of = Some(leader.to_owned());
    if at > 0 {
        let lines = lists::log(app);
        let place = lines
            .iter()
            .position(|line| selected.is_some_and(|index| line.index <= index));
        let last = lines.len().saturating_sub(1);
        app.raft.selection.at = place.unwrap_or(last);
    }
    app.changed |= app.screen == Screen::Raft;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::update::cluster::tests::app;

    fn line(index: u64) -> LogLine {
        LogLine {
            index,
            term: 7,
            operation: "put".to_owned(),
            namespace: Some("default".to_owned()),
            key: Some(format!("k{index}").into()),
            size: 40,
        }
    }

    #[test]
    fn a_log_that_rushes_by_is_looked_at_less_often() {
        let mut app = app();
        told(&mut app, "n2", (1..=10).map(line).collect());
        assert!(is_due(&app), "the first look says nothing of its speed");
        told(&mut app, "n2", (3..=12).map(line).collect());
        assert!(is_due(&app));
        told(&mut app, "n2", (30..=39).map(line).collect());
        assert!(!is_due(&app));
        app.now += RUSH;
        assert!(is_due(&app));
        told(&mut app, "n2", (30..=39).map(line).collect());
        assert!(is_due(&app), "it stands still");
    }

    #[test]
    fn the_selection_stays_on_its_entry_as_the_log_grows() {
        let mut app = app();
        app.screen = Screen::Raft;
        told(&mut app, "n2", (1..=10).map(line).collect());
        app.changed = false;
        told(&mut app, "n2", (1..=10).map(line).collect());
        assert!(!app.changed);
        told(&mut app, "n2", (3..=12).map(line).collect());
        assert!(app.changed);
        // The newest is followed.
        assert_eq!((app.raft.selection.at, lists::log(&app)[0].index), (0, 12));
        app.raft.selection.at = 2;
        told(&mut app, "n2", (5..=14).map(line).collect());
        assert_eq!((app.raft.selection.at, lists::log(&app)[4].index), (4, 10));
        // Its entry is not told any more.
        told(&mut app, "n2", (20..=29).map(line).collect());
        assert_eq!(app.raft.selection.at, 9);
    }

    #[test]
    fn a_frozen_tail_stays() {
        let mut app = app();
        told(&mut app, "n2", vec![line(1)]);
        app.frozen = Some(Box::new((app.now, app.cluster.clone())));
        told(&mut app, "n2", vec![line(2)]);
        assert_eq!(app.raft.tail, [line(1)]);
    }
}
