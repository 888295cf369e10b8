//! Screen 5: a window on the keys of a namespace, kept true by a watch.
//!
//! # How the window stays true
//!
//! The first page is read at some revision R, and the watch begins at R + 1. A further page is read
//! at a revision of its own, while changes go on to come. So each part of the window remembers the
//! revision that it was read at ([`Span`](crate::tui::app::Span)), and a change up to it is old news
//! there. Changes that come while a page is awaited are kept until it is here: what they did to keys
//! outside the window happened perhaps after the page was read. A page that is older than what was
//! told before it was asked for (another member, behind) is of no use: everything begins anew.
//!
//! One page is awaited at a time, and the row at whose side it will be put stays until then.
//!
//! # Three numbers
//!
//! `generation` is that of the window: pages for another are dropped. `watching` is the one that the
//! watch began with, and outlives windows: `G` needs no new watch. `counting` is that of the count.

mod changes;
mod forms;
mod times;
mod value;
mod window;

use std::time::Duration;

use bytes::Bytes;

use super::lists;
use crate::tui::{
    app::{Aim, App, Browser, Narrowing, Row, Screen, Shown, Value},
    message::{Counted, Effect, Effects, Pane, Side},
};

pub(crate) use changes::changes;
pub(crate) use value::{got, next_form, scroll};
pub(crate) use window::page;

/// What failed is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens a namespace. The prefix is as typed, with the escapes of `raftctl ls`.
pub(crate) fn open(app: &mut App, namespace: String, prefix: String) -> Effects {
    let before = std::mem::take(&mut app.browser);
    app.browser = Browser {
        namespace: Some(namespace),
        prefix: Bytes::from(unescape(&prefix)),
        narrowing: Narrowing {
            searched: prefix.clone(),
            filter: prefix,
        },
        generation: before.generation,
        watching: before.watching,
        getting: before.getting,
        limits: before.limits,
        value: Value {
            form: before.value.form,
            ..Value::default()
        },
        ..Browser::default()
    };
    app.changed = true;
    let first = app.browser.limits.first;
    start(app, Side::Fresh, None, first, Aim::First)
}

/// Lists only the keys with a prefix. What is here of them is shown at once.
pub(crate) fn narrow(app: &mut App, text: &str) -> Effects {
    let browser = &mut app.browser;
    let prefix = Bytes::from(unescape(text));
    text.clone_into(&mut browser.narrowing.filter);
    browser.rows.retain(|row| row.key.starts_with(&prefix));
    browser.prefix = prefix;
    browser.total = None;
    browser.selection.at = 0;
    browser.error = None;
    app.changed = true;
    let first = app.browser.limits.first;
    start(app, Side::Fresh, None, first, Aim::First)
}

/// The screen is left: nothing is followed, and the rows stay.
pub(crate) fn leave(app: &mut App) -> Effects {
    let browser = &mut app.browser;
    browser.generation += 1;
    stop_loading(browser);
    browser.counting = None;
    browser.live = None;
    match browser.watching.take() {
        Some(_) => vec![Effect::Unwatch(Pane::Browser)],
        None => Effects::new(),
    }
}

/// The screen is shown again: what changed meanwhile is read.
pub(crate) fn enter(app: &mut App) -> Effects {
    if app.browser.watching.is_some() || app.browser.loading {
        return Effects::new();
    }
    reload(app)
}

/// Goes to the first key, or to the last.
pub(crate) fn jump(app: &mut App, last: bool) -> Effects {
    let browser = &mut app.browser;
    let here = if last {
        browser.to_last
    } else {
        browser.from_first
    };
    if here && !browser.loading {
        browser.selection.at = match last {
            true => browser.rows.len().saturating_sub(1),
            false => 0,
        };
        return moved(app);
    }
    let limit = browser.limits.page;
    if last {
        window(app, Side::Last, None, limit, Aim::Last)
    } else {
        window(app, Side::Fresh, None, limit, Aim::First)
    }
}

/// The selection is on another row: its value is shown, and the window grows where it ends soon.
pub(crate) fn moved(app: &mut App) -> Effects {
    let browser = &mut app.browser;
    let last = browser.rows.len().saturating_sub(1);
    browser.selection.at = browser.selection.at.min(last);
    app.changed = true;
    let mut effects = value::load(app);
    effects.extend(grow(app));
    effects
}

/// The selected row.
pub(crate) fn selected(app: &App) -> Option<&Row> {
    let at = app.browser.selection.at;
    if app.browser.is_by_key() {
        return app.browser.rows.get(at);
    }
    lists::rows(app).get(at).copied()
}

/// Lets flashes end, times run, and asks for what is missing.
pub(crate) fn tick(app: &mut App) -> Effects {
    if app.browser.namespace.is_none() || app.screen != Screen::Browser || app.frozen.is_some() {
        return Effects::new();
    }
    let rests = app.browser.retry.is_some_and(|retry| app.now < retry);
    if app.browser.missed && !app.browser.loading {
        return if rests { Effects::new() } else { reload(app) };
    }
    changes::settle(app);
    times::run(app);
    let mut effects = value::refresh(app, rests);
    effects.extend(times::read(app));
    effects.extend(grow(app));
    let browser = &mut app.browser;
    let busy = browser.loading || browser.loading_before || browser.loading_after;
    if !busy && !rests && browser.watching.is_some() && browser.error.take().is_some() {
        // A page that failed is not wanted any more.
        app.changed = true;
    }
    let browser = &app.browser;
    if browser.total.is_none() && browser.counting.is_none() && !browser.loading && !rests {
        effects.extend(count(app));
    }
    effects
}

/// Asks for a new window; watch and count go on.
fn window(app: &mut App, side: Side, key: Option<Bytes>, limit: u32, aim: Aim) -> Effects {
    let browser = &mut app.browser;
    browser.generation += 1;
    stop_loading(browser);
    browser.loading = true;
    browser.aim = aim;
    browser.aim_start.clone_from(&key);
    ask(app, side, key, limit)
}

/// Asks for a new window, and begins to watch and to count anew.
fn start(app: &mut App, side: Side, key: Option<Bytes>, limit: u32, aim: Aim) -> Effects {
    let mut effects = Effects::new();
    let browser = &mut app.browser;
    browser.missed = false;
    browser.delivered = 0;
    browser.counted_at = 0;
    browser.uncounted.clear();
    if browser.watching.take().is_some() {
        effects.push(Effect::Unwatch(Pane::Browser));
    }
    effects.extend(window(app, side, key, limit, aim));
    effects.extend(count(app));
    effects
}

/// Begins anew around the selected row.
fn reload(app: &mut App) -> Effects {
    let selected = selected(app).map(|row| row.key.clone());
    let browser = &app.browser;
    let first = browser.limits.first;
    let (at, rows) = (browser.selection.at, &browser.rows);
    let aim = match (selected, &browser.aim) {
        // The window that this was the aim of never came.
        (_, Aim::Last) if browser.missed && !browser.to_last => {
            return start(app, Side::Last, None, first, Aim::Last);
        }
        (Some(key), _) => Aim::Key(key),
        (None, _) => Aim::First,
    };
    let some = first as usize / 2;
    if browser.is_whole() && rows.len() <= browser.limits.kept || at < some && browser.from_first {
        let all = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let limit = all.min(browser.limits.page).saturating_add(first);
        return start(app, Side::Fresh, None, limit, aim);
    }
    let key = rows.get(at.saturating_sub(some)).map(|row| row.key.clone());
    start(app, Side::Fresh, key, first * 2, aim)
}

fn stop_loading(browser: &mut Browser) {
    browser.loading = false;
    browser.loading_before = false;
    browser.loading_after = false;
    browser.lives_loading = false;
    browser.late.clear();
}

fn ask(app: &mut App, side: Side, key: Option<Bytes>, limit: u32) -> Effects {
    let browser = &mut app.browser;
    let Some(namespace) = browser.namespace.clone() else {
        stop_loading(browser);
        return Effects::new();
    };
    if side != Side::Again {
        browser.floor = browser.delivered;
    }
    vec![Effect::ReadPage {
        generation: browser.generation,
        side,
        namespace,
        prefix: browser.prefix.clone(),
        key,
        limit,
    }]
}

/// Asks for the next page where the window ends soon. All of it is read where rows are ordered
/// other than by key, if it is not too much.
fn grow(app: &mut App) -> Effects {
    let height = app
        .areas
        .list
        .map_or(0, |(area, _)| usize::from(area.height));
    let browser = &mut app.browser;
    let busy = browser.loading || browser.loading_before || browser.loading_after;
    let rests = browser.retry.is_some_and(|retry| app.now < retry);
    if busy || rests || browser.watching.is_none() || browser.is_whole() {
        return Effects::new();
    }
    let (at, limit) = (browser.selection.at, browser.limits.page);
    let margin = browser.limits.margin.max(height);
    let few = |total| usize::try_from(total).is_ok_and(|total: usize| total <= browser.limits.kept);
    let all = browser.order.column != 0 && browser.total.is_some_and(few);
    let (Some(first), Some(last)) = (browser.rows.first(), browser.rows.last()) else {
        // Everything in it was deleted.
        return match browser.to_last {
            true => window(app, Side::Last, None, limit, Aim::Last),
            false => window(app, Side::Fresh, None, limit, Aim::First),
        };
    };
    let (first, last) = (first.key.clone(), last.key.clone());
    if !browser.to_last && (all || at + margin >= browser.rows.len()) {
        browser.loading_after = true;
        return ask(app, Side::After, Some(last), limit);
    }
    if !browser.from_first && (all || at < margin) {
        browser.loading_before = true;
        return ask(app, Side::Before, Some(first), limit);
    }
    Effects::new()
}

fn count(app: &mut App) -> Effects {
    let browser = &mut app.browser;
    let Some(namespace) = browser.namespace.clone() else {
        return Effects::new();
    };
    browser.counting = Some(browser.generation);
    vec![Effect::Count {
        generation: browser.generation,
        namespace,
        prefix: browser.prefix.clone(),
    }]
}

/// Takes in how many keys there are.
pub(crate) fn counted(app: &mut App, generation: u64, answer: Result<Counted, String>) -> Effects {
    let browser = &mut app.browser;
    if browser.counting != Some(generation) {
        return Effects::new();
    }
    browser.counting = None;
    match answer {
        Ok(counted) if browser.watching.is_some() && counted.revision < browser.started => {
            // What changed up to the first change that is told would be missing.
            return count(app);
        }
        Ok(counted) => {
            let later = browser.uncounted.drain(..);
            let later = later.filter(|(revision, _)| *revision > counted.revision);
            let more: i64 = later.map(|(_, one)| one).sum();
            let total = counted.count.saturating_add_signed(more);
            app.changed |= browser.total != Some(total);
            browser.total = Some(total);
            browser.counted_at = counted.revision;
        }
        Err(_) => {
            // The page says why.
            browser.uncounted.clear();
            browser.total = None;
            browser.retry = Some(app.now + PAUSE);
        }
    }
    Effects::new()
}

/// The watch was cut off, or is well again.
pub(crate) fn watch_state(app: &mut App, generation: u64, state: Result<(), String>) -> Effects {
    let browser = &mut app.browser;
    if browser.watching == Some(generation) && browser.live.as_ref() != Some(&state) {
        browser.live = Some(state);
        app.changed = true;
    }
    Effects::new()
}

/// Changes were lost: everything is read anew.
pub(crate) fn gap(app: &mut App, generation: u64) -> Effects {
    if app.browser.watching != Some(generation) {
        return Effects::new();
    }
    if app.frozen.is_some() {
        app.browser.missed = true;
        return Effects::new();
    }
    reload(app)
}

/// What was typed for a key, as bytes: undoes [`escape`](crate::output::bytes::escape). A backslash
/// that begins no escape is one.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let (replaced, length) = match (byte, after) {
            (b'\\', [b'\\', ..]) => (b'\\', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b'x', high, low, ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'\\', 0),
            },
            (byte, _) => (*byte, 0),
        };
        bytes.push(replaced);
        rest = &rest[length..];
    }
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Whether the pane shows the value of this key.
fn shows(shown: &Shown, key: &Bytes) -> bool {
    shown.key() == Some(key)
}

#[cfg(test)]
mod tests;
