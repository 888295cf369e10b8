//! The way of a value to the editor and back: read anew, edited, and written by compare-and-swap.

use bytes::Bytes;
use common::types::{Entry, Revision};

use super::{ask, browser, close, complain, dialog, say};
use crate::{
    failure::Failure,
    tui::{
        app::{App, DialogState, Overlay, Purpose, Screen},
        message::{Effect, Effects},
    },
};

/// `e`: the value is read first.
pub(super) fn begin(app: &mut App) -> Effects {
    let key = browser::selected(app).map(|row| row.key.clone());
    match app.browser.namespace.clone().zip(key) {
        Some((namespace, key)) => {
            let draft = app.draft.as_ref();
            let draft = draft.filter(|it| it.key == key && it.namespace == namespace);
            vec![Effect::Edit {
                text: draft.map(|draft| draft.text.clone()),
                namespace,
                key,
            }]
        }
        None => {
            complain(app, "no key is selected");
            Effects::new()
        }
    }
}

/// It was read. `text` is what is to be edited in its place, after a conflict.
pub(super) fn read(
    app: &mut App,
    namespace: String,
    key: Bytes,
    text: Option<Bytes>,
    answer: Result<Option<Entry>, String>,
) -> Effects {
    let again = matches!(
        &app.overlay,
        Some(Overlay::Dialog(dialog))
            if matches!(&dialog.purpose, Purpose::EditAgain { key: asked, .. } if *asked == key)
    );
    // Somebody who has gone on to something else is not to be interrupted by an editor.
    let idle = app.overlay.is_none() && app.screen == Screen::Browser;
    if !(idle || again && text.is_some()) {
        return Effects::new();
    }
    let entry = match answer {
        Ok(None) if text.is_none() => Err("there is no such key any more".to_owned()),
        Ok(Some(entry)) if std::str::from_utf8(&entry.value).is_err() => {
            let failure = Failure::NotText {
                namespace: namespace.clone(),
                key: key.to_vec(),
                revision: entry.revision,
            };
            Err(failure.in_full())
        }
        answer => answer,
    };
    match entry {
        Ok(entry) => {
            close(app);
            app.draft = None;
            let there = entry.map(|entry| (entry.revision, entry.value));
            let (base, original) = there.unwrap_or_default();
            vec![Effect::OpenEditor {
                namespace,
                key,
                base,
                original,
                text,
            }]
        }
        Err(reason) => {
            match &mut app.overlay {
                // The text is kept: it can be tried again.
                Some(Overlay::Dialog(dialog)) => dialog.state = DialogState::Failed(reason),
                _ => complain(app, reason),
            }
            app.changed = true;
            Effects::new()
        }
    }
}

/// The editor was closed.
pub(super) fn edited(
    app: &mut App,
    namespace: String,
    key: Bytes,
    base: Revision,
    size: u64,
    result: Result<Option<Bytes>, String>,
) -> Effects {
    app.changed = true;
    match result {
        Ok(Some(value)) => {
            let written = ask::write(namespace, key, value, base, size);
            dialog::open(app, written);
        }
        Ok(None) => say(app, "unchanged: nothing was written"),
        Err(reason) => complain(app, reason),
    }
    Effects::new()
}
