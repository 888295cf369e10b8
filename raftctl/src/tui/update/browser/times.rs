//! Times to live: they run, and no change tells that one is another now.

use std::time::{Duration, Instant};

use common::types::Entry;

use super::ask;
use crate::tui::{
    app::{App, Row, Shown},
    message::{Effects, Page, Side},
    text::age,
    update::lists,
};

/// They are read again so often after changes, and so often without.
const PERIODS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// When a key ends that was read at a moment. One that lives for longer than a clock counts ends as
/// little as one that lives for ever.
pub(super) fn end(entry: &Entry, at: Instant) -> Option<Instant> {
    at.checked_add(entry.ttl?)
}

/// The keys of rows on the screen; all where it is not known what is.
fn visible(app: &App) -> Vec<&Row> {
    let (top, height) = app.areas.list.map_or((0, usize::MAX), |(area, top)| {
        (top, usize::from(area.height))
    });
    let rows = lists::rows(app).into_iter();
    rows.skip(top).take(height).collect()
}

/// Whether a time to live reads differently than at the tick before.
pub(super) fn run(app: &mut App) {
    let now = app.now;
    let Some(before) = app.browser.ticked.replace(now) else {
        return;
    };
    let left = |ends: Instant, at| age(ends.saturating_duration_since(at));
    let runs = |ends: Instant| left(ends, before) != left(ends, now);
    let of_value = match &app.browser.value.shown {
        Shown::Value { ends, .. } => *ends,
        _ => None,
    };
    if of_value.is_some_and(runs) || visible(app).iter().any(|row| row.ends.is_some_and(runs)) {
        app.changed = true;
    }
}

/// Reads the rows on the screen again where times to live may be others.
pub(super) fn read(app: &mut App) -> Effects {
    let browser = &app.browser;
    let rests = |period| {
        let since = |at| app.now.saturating_duration_since(at);
        browser.lives_at.is_some_and(|at| since(at) < period)
    };
    let pause = PERIODS[usize::from(!browser.lives_old)];
    let unread = browser.watching.is_none() || browser.loading || browser.lives_loading;
    if unread || rests(pause) {
        return Effects::new();
    }
    let rows = visible(app);
    let any = browser.lives_old || rows.iter().any(|row| row.ends.is_some());
    let keys = rows.iter().map(|row| &row.key);
    let (Some(first), true) = (keys.min().cloned(), any) else {
        return Effects::new();
    };
    // Rows in another order are anywhere.
    let number = if browser.is_by_key() {
        rows.len()
    } else {
        browser.rows.len()
    };
    let limit = u32::try_from(number)
        .unwrap_or(u32::MAX)
        .min(browser.limits.page);
    let browser = &mut app.browser;
    browser.lives_old = false;
    browser.lives_loading = true;
    browser.lives_at = Some(app.now);
    ask(app, Side::Again, Some(first), limit)
}

/// Takes in what was read again.
pub(super) fn take(app: &mut App, page: &Page) {
    let at = page.at.unwrap_or(app.now);
    for entry in &page.entries {
        let rows = &mut app.browser.rows;
        let Ok(index) = rows.binary_search_by(|row| row.key.cmp(&entry.key)) else {
            continue;
        };
        let row = &mut rows[index];
        // Of another one there is a change to come.
        if row.revision != entry.revision {
            continue;
        }
        let ends = end(entry, at);
        let differs = match (row.ends, ends) {
            (Some(before), Some(ends)) => {
                let apart = before.max(ends) - before.min(ends);
                apart > Duration::from_millis(500)
            }
            (before, ends) => before != ends,
        };
        if !differs {
            continue;
        }
        row.ends = ends;
        app.changed = true;
        if let Shown::Value {
            key, ends: shown, ..
        } = &mut app.browser.value.shown
            && *key == entry.key
        {
            *shown = ends;
        }
    }
}
