//! The rows: pages put together, changes taken in.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::types::{Cursor, Entry, Event, EventKind};

use super::{PAUSE, ask, count, moved, reload, shows, stop_loading, value};
use crate::tui::{
    app::{Aim, App, Browser, FLASH, Flash, Row, Screen, Shown, Span},
    message::{Effect, Effects, Page, Pane, Side},
    text::age,
    update::lists,
};

/// More changes than these while a page is awaited, and everything is read anew instead.
const MAX_LATE: usize = 20_000;

/// Times to live are read again so often after changes, and so often without.
const LIVES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

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
            times(app, &page);
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
            let place = (!app.browser.is_by_key()).then(|| lists::place(app, Screen::Browser));
            extend(&mut app.browser, side, page, app.now);
            repeat_late(app);
            trim(&mut app.browser, 0);
            if !app.browser.is_by_key() || place.is_some() {
                let key = place.flatten();
                lists::stay(app, Screen::Browser, key);
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
        key: entry.key,
        size: entry.size,
        version: entry.version,
        revision: entry.revision,
        create_revision: entry.create_revision,
        ends: entry.ttl.map(|ttl| at + ttl),
        flash: None,
    }
}

/// Lets go of rows beyond what is kept, at the end that is farther from the selection.
fn trim(browser: &mut Browser, slack: usize) {
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
fn span_of(browser: &Browser, key: &Bytes) -> usize {
    let behind = browser.spans.partition_point(|span| span.from <= *key);
    behind.saturating_sub(1)
}

/// Takes changes in.
pub(crate) fn changes(app: &mut App, generation: u64, events: Vec<Event>) -> Effects {
    if app.browser.watching != Some(generation) {
        return Effects::new();
    }
    if app.frozen.is_some() {
        // What is on the screen stays; afterwards it is read anew.
        app.browser.missed = true;
        return Effects::new();
    }
    let place = (!app.browser.is_by_key()).then(|| lists::place(app, Screen::Browser));
    let seen = app.areas.list.map_or(0..usize::MAX, |(area, top)| {
        top..top + usize::from(area.height)
    });
    let total = app.browser.total;
    let mut touched = false;
    for event in events {
        let browser = &mut app.browser;
        browser.delivered = browser.delivered.max(event.revision);
        tally(browser, &event);
        if let Some(index) = apply(browser, &event, app.now) {
            touched = true;
            browser.lives_old |= seen.contains(&index);
        }
        value::changed(browser, &event);
        if browser.loading || browser.loading_after || browser.loading_before {
            browser.late.push(event);
        }
    }
    let browser = &mut app.browser;
    if browser.late.len() > MAX_LATE {
        browser.late.clear();
        browser.missed = true;
        stop_loading(browser);
    }
    trim(browser, browser.limits.kept / 10);
    app.changed |= touched || browser.total != total;
    if !touched {
        return Effects::new();
    }
    if let Some(place) = place {
        lists::stay(app, Screen::Browser, place);
    }
    value::load(app)
}

/// What came while the page was awaited, for the part of the window that came with it.
fn repeat_late(app: &mut App) {
    let browser = &mut app.browser;
    for event in std::mem::take(&mut browser.late) {
        apply(browser, &event, app.now);
    }
}

/// Counts keys that come and go.
fn tally(browser: &mut Browser, event: &Event) {
    let one = match event.kind {
        EventKind::Put if event.version == 1 => 1,
        EventKind::Put => return,
        EventKind::Delete | EventKind::Expire => -1,
        EventKind::NamespaceDeleted => {
            browser.total = Some(0);
            browser.counting = None;
            browser.uncounted.clear();
            browser.counted_at = event.revision;
            return;
        }
    };
    if browser.counting.is_some() {
        browser.uncounted.push((event.revision, one));
    }
    if event.revision > browser.counted_at
        && let Some(total) = &mut browser.total
    {
        *total = total.saturating_add_signed(one);
    }
}

/// Does to the window what the change did to the keys. Says to which row, if to any.
fn apply(browser: &mut Browser, event: &Event, now: Instant) -> Option<usize> {
    if event.kind == EventKind::NamespaceDeleted {
        // Pages under way are of what is no more.
        browser.generation += 1;
        stop_loading(browser);
        browser.rows.clear();
        browser.spans = vec![Span {
            from: Bytes::new(),
            revision: event.revision,
        }];
        browser.from_first = true;
        browser.to_last = true;
        browser.selection.at = 0;
        return Some(0);
    }
    let put = event.kind == EventKind::Put;
    let until = now + FLASH;
    match browser.rows.binary_search_by(|row| row.key.cmp(&event.key)) {
        Ok(index) => {
            let row = &mut browser.rows[index];
            if event.revision <= row.revision {
                return None;
            }
            row.revision = event.revision;
            let flash = if put {
                row.size = event.size;
                row.version = event.version;
                row.create_revision = event.create_revision;
                if event.version == 1 {
                    row.ends = None;
                    Flash::New
                } else {
                    Flash::Changed
                }
            } else {
                Flash::Gone
            };
            row.flash = Some((flash, until));
            browser.flashing = Some(until);
            Some(index)
        }
        Err(index) => {
            let inside = (index > 0 || browser.from_first)
                && (index < browser.rows.len() || browser.to_last);
            if !put || !inside {
                return None;
            }
            let span = browser.spans.get(span_of(browser, &event.key));
            if span.is_some_and(|span| event.revision <= span.revision) {
                return None;
            }
            if index <= browser.selection.at && !browser.rows.is_empty() && browser.is_by_key() {
                browser.selection.at += 1;
            }
            let row = Row {
                key: event.key.clone(),
                size: event.size,
                version: event.version,
                revision: event.revision,
                create_revision: event.create_revision,
                ends: None,
                flash: Some((Flash::New, until)),
            };
            browser.rows.insert(index, row);
            browser.flashing = Some(until);
            Some(index)
        }
    }
}

/// Lets go of flashes that are over, and of rows that are gone.
pub(super) fn settle(app: &mut App) {
    let now = app.now;
    let over = |row: &Row| row.flash.is_some_and(|(_, until)| until <= now);
    if app.browser.flashing.is_none() || !app.browser.rows.iter().any(over) {
        return;
    }
    let place = (!app.browser.is_by_key()).then(|| lists::place(app, Screen::Browser));
    let browser = &mut app.browser;
    // A page is to be put beside these.
    let last = browser.rows.len().saturating_sub(1);
    let (first_stays, last_stays) = (browser.loading_before, browser.loading_after);
    let (mut index, mut at) = (0, browser.selection.at);
    let selected = browser.selection.at;
    browser.rows.retain_mut(|row| {
        let here = index;
        index += 1;
        match row.flash {
            Some((Flash::Gone, until)) if until <= now => {
                let stays = first_stays && here == 0 || last_stays && here == last;
                at -= usize::from(!stays && here < selected);
                stays
            }
            Some((_, until)) if until <= now => {
                row.flash = None;
                true
            }
            _ => true,
        }
    });
    browser.selection.at = at.min(browser.rows.len().saturating_sub(1));
    if browser.flashing.is_some_and(|until| until <= now)
        && browser.rows.iter().all(|row| row.flash.is_none())
    {
        browser.flashing = None;
    }
    if let Some(place) = place {
        lists::stay(app, Screen::Browser, place);
    }
    app.changed = true;
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
pub(super) fn run_times(app: &mut App) {
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
pub(super) fn read_times(app: &mut App) -> Effects {
    let browser = &app.browser;
    let rests = |period| {
        let since = |at| app.now.saturating_duration_since(at);
        browser.lives_at.is_some_and(|at| since(at) < period)
    };
    let pause = LIVES[usize::from(!browser.lives_old)];
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

fn times(app: &mut App, page: &Page) {
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
        let ends = entry.ttl.map(|ttl| at + ttl);
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
