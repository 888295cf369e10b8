//! What is listed. Filters do not tell upper from lower case; equal rows keep the order of their names.

use std::cmp::Ordering;

use common::types::{LogLine, NamespaceInfo};

use super::traffic;
use crate::{
    survey::{Seen, label},
    tui::app::{App, Order, Row, WatchLine},
};

/// Whether a key or name contains the lower-case text.
pub(super) fn contains(name: &[u8], needle: &str) -> bool {
    if needle.is_empty() {
        return true;
    }
    if needle.is_ascii() {
        // Most often: nothing is copied.
        return name
            .windows(needle.len())
            .any(|window| window.eq_ignore_ascii_case(needle.as_bytes()));
    }
    String::from_utf8_lossy(name)
        .to_lowercase()
        .contains(needle)
}

fn ordered<T>(rows: &mut [T], order: Order, by: impl Fn(&T, &T) -> Ordering) {
    // Stable: what is equal stays as it was.
    if order.descending {
        rows.sort_by(|one, other| by(other, one));
    } else {
        rows.sort_by(by);
    }
}

/// The members, also those that answer at an endpoint and belong to no cluster.
pub(crate) fn members(app: &App) -> Vec<&Seen> {
    let needle = app.member_narrowing.filter.to_lowercase();
    let cluster = app.shown();
    let all = cluster.survey.iter().flat_map(|survey| &survey.members);
    let mut members: Vec<&Seen> = all.filter(|seen| member_matches(seen, &needle)).collect();
    let round_trip = |seen: &Seen| {
        let id = seen.member.id;
        let probe = cluster.last_word(id).filter(|_| seen.answer.is_ok());
        probe.and_then(|probe| probe.round_trip)
    };
    // Where nothing is known, behind what is.
    let last = |value: Option<u64>| value.map_or((1, 0), |value| (0, value));
    let order = app.member_order;
    ordered(&mut members, order, |one, other| match order.column {
        1 => label(&one.member).cmp(label(&other.member)),
        2 => role(one).cmp(&role(other)),
        3 => {
            let log = |seen: &Seen| seen.status().map(|status| status.last_log);
            log(one).cmp(&log(other))
        }
        4 => last(one.entries_behind()).cmp(&last(other.entries_behind())),
        5 => match (round_trip(one), round_trip(other)) {
            (Some(one), Some(other)) => one.cmp(&other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        },
        _ => one.member.id.cmp(&other.member.id),
    });
    members
}

/// The leader, then voters, learners, and whoever is down.
fn role(seen: &Seen) -> u8 {
    match seen {
        seen if seen.leads() => 0,
        seen if seen.answer.is_err() => 3,
        seen if seen.member.voter => 1,
        _ => 2,
    }
}

pub(super) fn member_matches(seen: &Seen, needle: &str) -> bool {
    let role = seen.status().map_or("down", |status| status.role.as_str());
    contains(label(&seen.member).as_bytes(), needle)
        || contains(seen.member.client_address.as_bytes(), needle)
        || role.contains(needle)
}

/// The end of the log, the newest entry first.
pub(crate) fn log(app: &App) -> Vec<&LogLine> {
    let needle = app.raft.narrowing.filter.to_lowercase();
    let lines = app.raft.tail.iter().rev();
    lines.filter(|line| line_matches(line, &needle)).collect()
}

pub(super) fn line_matches(line: &LogLine, needle: &str) -> bool {
    contains(line.operation.as_bytes(), needle)
        || line
            .namespace
            .as_ref()
            .is_some_and(|name| contains(name.as_bytes(), needle))
        || line.key.as_ref().is_some_and(|key| contains(key, needle))
}

/// The namespaces.
pub(crate) fn namespaces(app: &App) -> Vec<&NamespaceInfo> {
    let needle = app.namespaces.narrowing.filter.to_lowercase();
    let listed = app.namespaces.listed.iter().flatten();
    let mut listed: Vec<&NamespaceInfo> = listed
        .filter(|it| contains(it.name.as_bytes(), &needle))
        .collect();
    let order = app.namespaces.order;
    match order.column {
        3 | 4 => {
            let rate = |it: &NamespaceInfo| {
                let (writes, reads) = traffic(app, &it.name);
                if order.column == 3 { writes } else { reads }
            };
            let mut rated: Vec<(f64, &NamespaceInfo)> =
                listed.into_iter().map(|it| (rate(it), it)).collect();
            ordered(&mut rated, order, |one, other| one.0.total_cmp(&other.0));
            return rated.into_iter().map(|(_, it)| it).collect();
        }
        _ => ordered(&mut listed, order, |one, other| match order.column {
            1 => one.keys.cmp(&other.keys),
            2 => one.bytes.cmp(&other.bytes),
            _ => one.name.cmp(&other.name),
        }),
    }
    listed
}

/// The changes, the newest first.
pub(crate) fn watch(app: &App) -> Vec<&WatchLine> {
    let passes = super::watch_filter(app);
    app.watch
        .lines
        .iter()
        .rev()
        .filter(|line| passes(line))
        .collect()
}

/// The keys of the browser. By key in any case where there is more than the window.
pub(crate) fn rows(app: &App) -> Vec<&Row> {
    let browser = &app.browser;
    let mut rows: Vec<&Row> = browser.rows.iter().collect();
    if browser.is_by_key() {
        return rows;
    }
    let order = browser.order;
    ordered(&mut rows, order, |one, other| match order.column {
        1 => one.size.cmp(&other.size),
        2 => one.version.cmp(&other.version),
        3 => one.revision.cmp(&other.revision),
        4 => match (one.ends, other.ends) {
            (Some(one), Some(other)) => one.cmp(&other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        },
        _ => one.key.cmp(&other.key),
    });
    rows
}
