//! Changes, as the watch tells of them.

use std::time::Instant;

use bytes::Bytes;
use common::types::{Event, EventKind};

use super::{
    stop_loading, value,
    window::{span_of, trim},
};
use crate::tui::{
    app::{App, Browser, FLASH, Flash, Row, Screen, Span},
    message::Effects,
    update::lists,
};

/// More changes than these while a page is awaited, and everything is read anew instead.
const MAX_LATE: usize = 20_000;

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
pub(super) fn repeat_late(app: &mut App) {
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
