//! Screen 3: the end of the leader's log.

use common::types::LogLine;

use super::lists;
use crate::tui::{
    app::{App, Screen},
    message::Effects,
};

/// Nothing runs by itself here: the tail comes with the leader's answers.
pub(crate) fn tick(_app: &mut App) -> Effects {
    Effects::new()
}

/// Takes in the end of the leader's log.
pub(super) fn told(app: &mut App, leader: &str, tail: Vec<LogLine>) {
    if app.frozen.is_some() {
        return;
    }
    if app.raft.of.as_deref() == Some(leader) && app.raft.tail == tail {
        return;
    }
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
