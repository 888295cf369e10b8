//! Lists: what passes the filter, in which order, and which row is selected.
//!
//! The model keeps rows as they came; what is listed is made of them whenever it is asked for. A
//! selection is a number among what is listed, and stays on its row when rows come, go or change
//! places.

mod rows;

use bytes::Bytes;

use super::{browser, namespaces};
use crate::{
    output::bytes::escape,
    tui::{
        app::{App, Order, Screen, Selection, WatchLine},
        message::Effects,
    },
};

pub(crate) use rows::{log, members, namespaces, rows, watch};

/// How many rows the list of this screen has.
pub(crate) fn len(app: &App) -> usize {
    count(app, app.screen)
}

fn count(app: &App, screen: Screen) -> usize {
    match screen {
        Screen::Overview | Screen::Members => members(app).len(),
        Screen::Raft => log(app).len(),
        Screen::Namespaces => namespaces(app).len(),
        Screen::Browser => app.browser.rows.len(),
        Screen::Watch => watch(app).len(),
    }
}

/// The selection in the list of this screen.
pub(crate) fn selected_mut(app: &mut App) -> Option<&mut Selection> {
    Some(selection(app, app.screen))
}

fn selection(app: &mut App, screen: Screen) -> &mut Selection {
    match screen {
        Screen::Overview | Screen::Members => &mut app.member,
        Screen::Raft => &mut app.raft.selection,
        Screen::Namespaces => &mut app.namespaces.selection,
        Screen::Browser => &mut app.browser.selection,
        Screen::Watch => &mut app.watch.selection,
    }
}

fn selected_at(app: &App, screen: Screen) -> usize {
    match screen {
        Screen::Overview | Screen::Members => app.member.at,
        Screen::Raft => app.raft.selection.at,
        Screen::Namespaces => app.namespaces.selection.at,
        Screen::Browser => app.browser.selection.at,
        Screen::Watch => app.watch.selection.at,
    }
}

/// What tells the rows of a screen apart, in the order they are listed.
fn identities(app: &App, screen: Screen) -> Vec<Bytes> {
    let number = |number: u64| Bytes::copy_from_slice(&number.to_be_bytes());
    match screen {
        Screen::Overview | Screen::Members => {
            let members = members(app).into_iter();
            members
                .map(|seen| {
                    let address = seen.member.client_address.as_bytes();
                    match seen.member.id {
                        0 => Bytes::copy_from_slice(address),
                        id => number(id),
                    }
                })
                .collect()
        }
        Screen::Raft => log(app).iter().map(|line| number(line.index)).collect(),
        Screen::Namespaces => {
            let listed = namespaces(app).into_iter();
            listed
                .map(|it| Bytes::copy_from_slice(it.name.as_bytes()))
                .collect()
        }
        Screen::Browser => rows(app).iter().map(|row| row.key.clone()).collect(),
        // Nothing changes places there, and one change is like another.
        Screen::Watch => Vec::new(),
    }
}

/// What is selected on a screen, to find it again.
pub(super) fn place(app: &App, screen: Screen) -> Option<Bytes> {
    let at = selected_at(app, screen);
    identities(app, screen).get(at).cloned()
}

/// Selects it again, or what is where it was.
pub(super) fn stay(app: &mut App, screen: Screen, place: Option<Bytes>) {
    let identities = identities(app, screen);
    let found = place.and_then(|place| identities.iter().position(|it| *it == place));
    let last = count(app, screen).saturating_sub(1);
    let selection = selection(app, screen);
    selection.at = found.unwrap_or(selection.at).min(last);
}

/// How many columns the rows of a screen can be ordered by, and the order.
fn order(app: &mut App) -> Option<(usize, &mut Order)> {
    match app.screen {
        Screen::Overview | Screen::Members => Some((6, &mut app.member_order)),
        Screen::Namespaces => Some((5, &mut app.namespaces.order)),
        Screen::Browser => Some((5, &mut app.browser.order)),
        // Ordered by time, as the log is.
        Screen::Raft | Screen::Watch => None,
    }
}

/// Orders by the next column.
pub(crate) fn sort(app: &mut App) {
    reorder(app, |columns, order| {
        *order = Order {
            column: (order.column + 1) % columns,
            descending: false,
        };
    });
}

/// Orders the other way round.
pub(crate) fn reverse(app: &mut App) {
    reorder(app, |_, order| order.descending = !order.descending);
}

fn reorder(app: &mut App, change: impl Fn(usize, &mut Order)) {
    let place = place(app, app.screen);
    let Some((columns, order)) = order(app) else {
        return;
    };
    change(columns, order);
    stay(app, app.screen, place);
    app.changed = true;
}

/// Narrows the list of this screen. In the browser, to the keys with a prefix.
pub(crate) fn set_filter(app: &mut App, text: &str) -> Effects {
    if filter(app) == text {
        return Effects::new();
    }
    app.changed = true;
    let screen = app.screen;
    if screen == Screen::Browser {
        if !text.is_empty() {
            text.clone_into(&mut app.browser.narrowing.searched);
        }
        return browser::narrow(app, text);
    }
    let place = place(app, screen);
    let narrowing = match screen {
        Screen::Overview | Screen::Members => &mut app.member_narrowing,
        Screen::Raft => &mut app.raft.narrowing,
        Screen::Namespaces => &mut app.namespaces.narrowing,
        Screen::Browser => &mut app.browser.narrowing,
        Screen::Watch => &mut app.watch.narrowing,
    };
    text.clone_into(&mut narrowing.filter);
    if !text.is_empty() {
        text.clone_into(&mut narrowing.searched);
    }
    if screen == Screen::Watch {
        app.watch.selection.at = 0;
    } else {
        stay(app, screen, place);
    }
    Effects::new()
}

/// The filter of this screen.
pub(crate) fn filter(app: &App) -> &str {
    match app.screen {
        Screen::Overview | Screen::Members => &app.member_narrowing.filter,
        Screen::Raft => &app.raft.narrowing.filter,
        Screen::Namespaces => &app.namespaces.narrowing.filter,
        Screen::Browser => &app.browser.narrowing.filter,
        Screen::Watch => &app.watch.narrowing.filter,
    }
}

/// Selects the next row that contains what was last filtered by, or the one before; from the end it
/// goes on at the beginning.
pub(crate) fn next_match(app: &mut App, forward: bool) -> Effects {
    let screen = app.screen;
    let searched = match screen {
        Screen::Overview | Screen::Members => &app.member_narrowing.searched,
        Screen::Raft => &app.raft.narrowing.searched,
        Screen::Namespaces => &app.namespaces.narrowing.searched,
        Screen::Browser => &app.browser.narrowing.searched,
        Screen::Watch => &app.watch.narrowing.searched,
    };
    if searched.is_empty() {
        return Effects::new();
    }
    let needle = searched.to_lowercase();
    // What was filtered by is looked for in the list.
    app.raft.in_elections = false;
    let matches: Vec<bool> = match screen {
        Screen::Overview | Screen::Members => {
            let members = members(app).into_iter();
            members
                .map(|seen| rows::member_matches(seen, &needle))
                .collect()
        }
        Screen::Raft => {
            let lines = log(app).into_iter();
            lines
                .map(|line| rows::line_matches(line, &needle))
                .collect()
        }
        Screen::Namespaces => {
            let listed = namespaces(app).into_iter();
            listed
                .map(|it| rows::contains(it.name.as_bytes(), &needle))
                .collect()
        }
        Screen::Browser => {
            let rows = rows(app).into_iter();
            rows.map(|row| rows::contains(&row.key, &needle)).collect()
        }
        Screen::Watch => {
            let lines = watch(app).into_iter();
            lines
                .map(|line| rows::contains(&line.key, &needle))
                .collect()
        }
    };
    let (len, at) = (matches.len(), selected_at(app, screen));
    let next = (1..=len)
        .map(|step| if forward { at + step } else { at + len - step })
        .map(|place| place % len)
        .find(|place| matches[*place]);
    if let Some(place) = next
        && place != at
    {
        selection(app, screen).at = place;
        app.changed = true;
        if screen == Screen::Browser {
            return browser::moved(app);
        }
    }
    Effects::new()
}

/// The selected row's key or name, for the clipboard.
pub(crate) fn selected_text(app: &App) -> Option<String> {
    let at = selected_at(app, app.screen);
    let key = |key: &[u8]| match std::str::from_utf8(key) {
        Ok(text) => text.to_owned(),
        Err(_) => escape(key),
    };
    match app.screen {
        Screen::Overview | Screen::Members => {
            let members = members(app);
            let seen = members.get(at)?;
            Some(crate::survey::label(&seen.member).to_owned())
        }
        Screen::Raft if app.raft.in_elections => None,
        Screen::Raft => log(app).get(at)?.key.as_deref().map(key),
        Screen::Namespaces => Some(namespaces(app).get(at)?.name.clone()),
        Screen::Browser => browser::selected(app).map(|row| key(&row.key)),
        Screen::Watch => watch(app).get(at).map(|line| key(&line.key)),
    }
}

/// Whether a change is listed on the watch's screen.
pub(super) fn watch_filter(app: &App) -> impl Fn(&WatchLine) -> bool + use<> {
    let needle = app.watch.narrowing.filter.to_lowercase();
    move |line| rows::contains(&line.key, &needle)
}

/// Writes and reads a second, as the namespaces are ordered by them.
fn traffic(app: &App, name: &str) -> (f64, f64) {
    namespaces::rates(app.shown(), name).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
