//! What is listed, in its order.

use common::types::LogLine;

use crate::{
    survey::{self, Seen},
    tui::app::App,
};

/// Screens 1 and 2.
pub(crate) fn members(app: &App) -> Vec<&Seen> {
    let filter = app.member_narrowing.filter.as_str();
    let members = app.shown().survey.iter().flat_map(|it| it.members.iter());
    members
        .filter(|seen| survey::label(&seen.member).contains(filter))
        .collect()
}

/// The tail of the log, the newest first.
pub(crate) fn log(app: &App) -> Vec<&LogLine> {
    let filter = app.raft.narrowing.filter.as_str();
    let lines = app.raft.tail.iter().rev();
    lines
        .filter(|line| line.operation.contains(filter))
        .collect()
}
