//! Lists: their rows, order and filters.

use common::types::{LogLine, NamespaceInfo};

use crate::{
    output::bytes::escape,
    survey::{Seen, label},
    tui::{
        app::{App, Narrowing, Order, Row, Screen, Selection, WatchLine},
        message::Effects,
    },
};

pub(crate) fn members(app: &App) -> Vec<&Seen> {
    let survey = app.shown().survey.as_ref();
    survey.map_or_else(Vec::new, |survey| survey.members.iter().collect())
}

pub(crate) fn namespaces(app: &App) -> Vec<&NamespaceInfo> {
    let filter = &app.namespaces.narrowing.filter;
    let listed = app.namespaces.listed.iter().flatten();
    listed.filter(|it| it.name.contains(filter)).collect()
}

pub(crate) fn log(app: &App) -> Vec<&LogLine> {
    app.raft.tail.iter().collect()
}

pub(crate) fn watch(app: &App) -> Vec<&WatchLine> {
    app.watch.lines.iter().rev().collect()
}

pub(crate) fn rows(app: &App) -> Vec<&Row> {
    app.browser.rows.iter().collect()
}

pub(crate) fn len(app: &App) -> usize {
    match app.screen {
        Screen::Overview | Screen::Members => members(app).len(),
        Screen::Raft => app.raft.tail.len(),
        Screen::Namespaces => namespaces(app).len(),
        Screen::Browser => app.browser.rows.len(),
        Screen::Watch => app.watch.lines.len(),
    }
}

pub(crate) fn selected_mut(app: &mut App) -> Option<&mut Selection> {
    Some(match app.screen {
        Screen::Overview | Screen::Members => &mut app.member,
        Screen::Raft => &mut app.raft.selection,
        Screen::Namespaces => &mut app.namespaces.selection,
        Screen::Browser => &mut app.browser.selection,
        Screen::Watch => &mut app.watch.selection,
    })
}

fn order(app: &mut App) -> &mut Order {
    match app.screen {
        Screen::Namespaces => &mut app.namespaces.order,
        Screen::Browser => &mut app.browser.order,
        _ => &mut app.member_order,
    }
}

fn narrowing(app: &mut App) -> &mut Narrowing {
    match app.screen {
        Screen::Overview | Screen::Members => &mut app.member_narrowing,
        Screen::Raft => &mut app.raft.narrowing,
        Screen::Namespaces => &mut app.namespaces.narrowing,
        Screen::Browser => &mut app.browser.narrowing,
        Screen::Watch => &mut app.watch.narrowing,
    }
}

pub(crate) fn sort(app: &mut App) {
    order(app).column += 1;
}

pub(crate) fn reverse(app: &mut App) {
    let order = order(app);
    order.descending = !order.descending;
}

pub(crate) fn set_filter(app: &mut App, text: &str) -> Effects {
    let narrowing = narrowing(app);
    narrowing.filter = text.to_owned();
    Effects::new()
}

pub(crate) fn filter(app: &App) -> &str {
    match app.screen {
        Screen::Overview | Screen::Members => &app.member_narrowing.filter,
        Screen::Raft => &app.raft.narrowing.filter,
        Screen::Namespaces => &app.namespaces.narrowing.filter,
        Screen::Browser => &app.browser.narrowing.filter,
        Screen::Watch => &app.watch.narrowing.filter,
    }
}

pub(crate) fn next_match(_app: &mut App, _forward: bool) -> Effects {
    Effects::new()
}

pub(crate) fn selected_text(app: &App) -> Option<String> {
    Some(match app.screen {
        Screen::Overview | Screen::Members => {
            label(&members(app).get(app.member.at)?.member).to_owned()
        }
        Screen::Raft => log(app).get(app.raft.selection.at)?.index.to_string(),
        Screen::Namespaces => namespaces(app)
            .get(app.namespaces.selection.at)?
            .name
            .clone(),
        Screen::Browser => escape(&rows(app).get(app.browser.selection.at)?.key),
        Screen::Watch => escape(&watch(app).get(app.watch.selection.at)?.key),
    })
}
