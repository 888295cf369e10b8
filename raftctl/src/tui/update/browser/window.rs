//! Pages, put together to a window.

use std::time::Instant;

use bytes::Bytes;
use common::types::{Cursor, Entry};

use super::{PAUSE, changes::repeat_late, count, moved, reload, stop_loading, times};
use crate::tui::{
    app::{Aim, App, Browser, Order, Row, Screen, Span},
    message::{Effect, Effects, Page, Pane, Side},
    update::lists,
};

/// Takes a page in.
pub(crate) fn page(
    app: &mut App,
    generation: u64,
    side: Side,
    answer: Result<Page, String>,
) -> Effects {
    let browser = &mut app.browser;
    if generation != browser.generation {
        return Effects::new();
    }
    if side == Side::Again {
        browser.lives_loading = false;
        if let Ok(page) = answer {
            times::take(app, &page);
        }
        return Effects::new();
    }
    let page = match answer {
        Ok(page) => page,
        Err(reason) => {
            // A window that did not come is asked for again, a further page by [`super::grow`].
            browser.missed |= browser.loading;
            stop_loading(browser);
            app.changed |= browser.error.as_ref() != Some(&reason);
            browser.error = Some(reason);
            browser.retry = Some(app.now + PAUSE);
            return Effects::new();
        }
    };
    browser.error = None;
    browser.retry = None;
    if browser.watching.is_some() && page.revision < browser.floor {
        stop_loading(browser);
        return reload(app);
    }
    let effects = match side {
        Side::Fresh | Side::Last => {
            let (effects, aim) = replace(app, side, page);
            repeat_late(app);
            select(app, aim);
            effects
        }
        Side::After | Side::Before => {
            // In another order the rows are listed as soon as they are all here.
            let ordered = app.browser.order != Order::default();
            let place = ordered.then(|| lists::place(app, Screen::Browser));
            extend(&mut app.browser, side, page, app.now);
            repeat_late(app);
            trim(&mut app.browser, 0);
            if let Some(place) = place {
                lists::stay(app, Screen::Browser, place);
            }
            Effects::new()
        }
        Side::Again => Effects::new(),
    };
    [effects, moved(app)].concat()
}

/// The page is the whole window.
fn replace(app: &mut App, side: Side, page: Page) -> (Effects, Aim) {
    let now = app.now;
    let browser = &mut app.browser;
    let from = browser.aim_start.take();
    browser.loading = false;
    browser.from_first = match side {
        Side::Last => !page.more,
        _ => from.is_none(),
    };
    browser.to_last = side == Side::Last || !page.more;
    let first = page.entries.first().map(|entry| entry.key.clone());
    let begin = match browser.from_first {
        true => Bytes::new(),
        false => from.or(first).unwrap_or_default(),
    };
    browser.spans = vec![Span {
        from: begin,
        revision: page.revision,
    }];
    let at = page.at.unwrap_or(now);
    browser.rows = page.entries.into_iter().map(|it| row(it, at)).collect();
    browser.lives_at = Some(now);
    let mut effects = Effects::new();
    if browser.watching.is_none() {
        browser.watching = Some(browser.generation);
        browser.started = page.revision;
        browser.delivered = page.revision;
        browser.live = Some(Ok(()));
        let namespace = browser.namespace.clone().unwrap_or_default();
        effects.push(Effect::Watch {
            pane: Pane::Browser,
            generation: browser.generation,
            namespace,
            prefix: browser.prefix.clone(),
            from: Some(Cursor::at(page.revision + 1)),
        });
        if browser.counting.is_none() && browser.counted_at < page.revision {
            effects.extend(count(app));
        }
    }
    (effects, std::mem::take(&mut app.browser.aim))
}

fn select(app: &mut App, aim: Aim) {
    let browser = &mut app.browser;
    let last = browser.rows.len().saturating_sub(1);
    match aim {
        Aim::First => browser.selection.at = 0,
        Aim::Last => browser.selection.at = last,
        Aim::Key(key) => {
            let behind = browser.rows.partition_point(|row| row.key < key);
            browser.selection.at = behind.min(last);
            if !browser.is_by_key() {
                lists::stay(app, Screen::Browser, Some(key));
            }
        }
    }
}

/// The page continues the window.
fn extend(browser: &mut Browser, side: Side, page: Page, now: Instant) {
    let at = page.at.unwrap_or(now);
    let revision = page.revision;
    let entries = page.entries.into_iter();
    if side == Side::After {
        browser.loading_after = false;
        browser.to_last = !page.more;
        let Some(last) = browser.rows.last().map(|row| row.key.clone()) else {
            return;
        };
        browser.spans.push(Span {
            from: [&last, &b"\0"[..]].concat().into(),
            revision,
        });
        let new = entries.filter(|it| it.key > last).map(|it| row(it, at));
        browser.rows.extend(new);
        return;
    }
    browser.loading_before = false;
    browser.from_first = !page.more;
    let Some(first) = browser.rows.first().map(|row| row.key.clone()) else {
        return;
    };
    let new: Vec<Row> = entries
        .filter(|it| it.key < first)
        .map(|it| row(it, at))
        .collect();
    let begin = match (browser.from_first, new.first()) {
        (true, _) => Bytes::new(),
        (false, Some(row)) => row.key.clone(),
        (false, None) => first.clone(),
    };
    if let Some(span) = browser.spans.first_mut() {
        span.from = first;
    }
    browser.spans.insert(
        0,
        Span {
            from: begin,
            revision,
        },
    );
    browser.selection.at += new.len();
    browser.rows.splice(..0, new);
}

fn row(entry: Entry, at: Instant) -> Row {
    Row {
        ends: times::end(&entry, at),
        key: entry.key,
        size: entry.size,
        version: entry.version,
        revision: entry.revision,
        create_revision: entry.create_revision,
        flash: None,
    }
}

/// Lets go of rows beyond what is kept, at the end that is farther from the selection.
pub(super) fn trim(browser: &mut Browser, slack: usize) {
    let kept = browser.limits.kept;
    if browser.rows.len() <= kept + slack || browser.loading_after || browser.loading_before {
        return;
    }
    let surplus = browser.rows.len() - kept;
    if browser.selection.at >= browser.rows.len() / 2 {
        browser.rows.drain(..surplus);
        browser.selection.at -= surplus;
        browser.from_first = false;
        let first = browser
            .rows
            .first()
            .map(|row| row.key.clone())
            .unwrap_or_default();
        let span = span_of(browser, &first);
        browser.spans.drain(..span);
        if let Some(span) = browser.spans.first_mut() {
            span.from = first;
        }
    } else {
        browser.rows.truncate(kept);
        browser.to_last = false;
        if let Some(last) = browser.rows.last() {
            browser.spans.retain(|span| span.from <= last.key);
        }
    }
}

/// The part of the window that a key in it belongs to.
pub(super) fn span_of(browser: &Browser, key: &Bytes) -> usize {
    let behind = browser.spans.partition_point(|span| span.from <= *key);
    behind.saturating_sub(1)
}
