//! The value of the selected key: one is read at a time, and the newest selection wins.

use bytes::Bytes;
use common::types::{Entry, Event, EventKind};

use super::{PAUSE, forms, selected, shows, times};
use crate::tui::{
    app::{App, Browser, Flash, Form, Screen, Shown},
    message::{Effect, Effects},
};

/// Shows the value of the selected row, or asks for it.
pub(super) fn load(app: &mut App) -> Effects {
    let Some(row) = selected(app) else {
        show(app, Shown::Nothing);
        return Effects::new();
    };
    let key = row.key.clone();
    if matches!(row.flash, Some((Flash::Gone, _))) {
        show(app, Shown::Gone(key));
        return Effects::new();
    }
    let shown = &app.browser.value.shown;
    match shown {
        Shown::Value { .. } | Shown::Failed { .. } if shows(shown, &key) => Effects::new(),
        _ => {
            show(app, Shown::Loading(key.clone()));
            get(app, key)
        }
    }
}

fn show(app: &mut App, shown: Shown) {
    let value = &mut app.browser.value;
    let same = match (&value.shown, &shown) {
        (Shown::Nothing, Shown::Nothing) => true,
        (Shown::Gone(one), Shown::Gone(other)) | (Shown::Loading(one), Shown::Loading(other)) => {
            one == other
        }
        _ => false,
    };
    if same {
        return;
    }
    if value.shown.key() != shown.key() {
        value.scroll = 0;
    }
    value.shown = shown;
    app.changed = true;
}

fn get(app: &mut App, key: Bytes) -> Effects {
    let browser = &mut app.browser;
    let Some(namespace) = browser.namespace.clone() else {
        return Effects::new();
    };
    if browser.getting.is_some() {
        // Its answer brings us back here.
        return Effects::new();
    }
    browser.value_old = false;
    browser.getting = Some((namespace.clone(), key.clone()));
    vec![Effect::Get { namespace, key }]
}

/// A change may be one of the value that is shown.
pub(super) fn changed(browser: &mut Browser, event: &Event) {
    let shown = &browser.value.shown;
    if event.kind == EventKind::Put && shows(shown, &event.key) {
        let newer = match shown {
            Shown::Value { revision, .. } => event.revision > *revision,
            _ => true,
        };
        browser.value_old |= newer;
    }
}

/// Reads a value again that was written since, or could not be read.
pub(super) fn refresh(app: &mut App, rests: bool) -> Effects {
    let failed = matches!(app.browser.value.shown, Shown::Failed { .. });
    if !(app.browser.value_old || failed && !rests) {
        return load(app);
    }
    let Some(row) = selected(app) else {
        return load(app);
    };
    if !shows(&app.browser.value.shown, &row.key) || matches!(row.flash, Some((Flash::Gone, _))) {
        app.browser.value_old = false;
        return load(app);
    }
    let key = row.key.clone();
    get(app, key)
}

/// Takes a value in.
pub(crate) fn got(app: &mut App, key: Bytes, answer: Result<Option<Entry>, String>) -> Effects {
    let browser = &mut app.browser;
    let Some((namespace, _)) = browser.getting.take_if(|(_, awaited)| *awaited == key) else {
        return Effects::new();
    };
    let ours = browser.namespace.as_ref() == Some(&namespace);
    let row = selected(app).filter(|row| ours && row.key == key);
    let Some(row) = row else {
        return match app.screen {
            Screen::Browser => load(app),
            _ => Effects::new(),
        };
    };
    let written = row.revision;
    match answer {
        Ok(Some(entry)) => {
            app.browser.value_old |= entry.revision < written;
            let shown = value(app.browser.value.form, entry, app.now);
            show(app, shown);
        }
        Ok(None) => show(app, Shown::Gone(key)),
        Err(reason) => {
            app.browser.retry = Some(app.now + PAUSE);
            // What was read before is better than nothing.
            match &app.browser.value.shown {
                Shown::Value { key: shown, .. } if *shown == key => app.browser.value_old = true,
                _ => show(app, Shown::Failed { key, reason }),
            }
        }
    }
    Effects::new()
}

fn value(form: Form, entry: Entry, now: std::time::Instant) -> Shown {
    let some = entry.value.len().min(Shown::PREVIEW);
    let whole = some == entry.value.len();
    let ends = times::end(&entry, now);
    // A part of a large value would keep all of it.
    let head = match whole {
        true => entry.value,
        false => Bytes::copy_from_slice(&entry.value[..some]),
    };
    Shown::Value {
        ends,
        lines: forms::lines(form, &head, whole),
        key: entry.key,
        size: entry.size,
        revision: entry.revision,
        create_revision: entry.create_revision,
        version: entry.version,
        lease: entry.lease,
        head,
    }
}

/// Shows the value in another form: text, JSON, hexadecimal.
pub(crate) fn next_form(app: &mut App) {
    let value = &mut app.browser.value;
    value.form = match value.form {
        Form::Text => Form::Json,
        Form::Json => Form::Hex,
        Form::Hex => Form::Text,
    };
    value.scroll = 0;
    if let Shown::Value {
        head, size, lines, ..
    } = &mut value.shown
    {
        let whole = u64::try_from(head.len()) == Ok(*size);
        *lines = forms::lines(value.form, head, whole);
    }
    app.changed = true;
}

/// Scrolls the value; the last page stays full.
pub(crate) fn scroll(app: &mut App, lines: isize) {
    // In rows of the pane: long lines are broken there.
    let (height, all) = app
        .areas
        .pane
        .map_or((1, 0), |(area, all)| (usize::from(area.height), all));
    let value = &mut app.browser.value;
    let most = all.saturating_sub(height.max(1));
    let to = value.scroll.saturating_add_signed(lines).min(most);
    app.changed |= to != value.scroll;
    value.scroll = to;
}
