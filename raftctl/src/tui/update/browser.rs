//! The browser.

use bytes::Bytes;
use common::types::{Entry, Event};

use crate::tui::{
    app::{App, Form, Row},
    message::{Effect, Effects, Page, Pane, Side},
};

pub(crate) fn tick(_app: &mut App) -> Effects {
    Effects::new()
}

pub(crate) fn page(
    _app: &mut App,
    _generation: u64,
    _side: Side,
    _answer: Result<Page, String>,
) -> Effects {
    Effects::new()
}

pub(crate) fn counted(_app: &mut App, _generation: u64, _answer: Result<u64, String>) -> Effects {
    Effects::new()
}

pub(crate) fn got(_app: &mut App, _key: Bytes, _answer: Result<Option<Entry>, String>) -> Effects {
    Effects::new()
}

pub(crate) fn changes(_app: &mut App, _generation: u64, _events: Vec<Event>) -> Effects {
    Effects::new()
}

pub(crate) fn watch_state(_app: &mut App, _generation: u64, _state: Result<(), String>) -> Effects {
    Effects::new()
}

pub(crate) fn gap(_app: &mut App, _generation: u64) -> Effects {
    Effects::new()
}

pub(crate) fn open(app: &mut App, namespace: String, prefix: String) -> Effects {
    app.browser.generation += 1;
    app.browser.namespace = Some(namespace.clone());
    app.browser.narrowing.filter = prefix;
    app.browser.rows.clear();
    vec![Effect::Count {
        generation: app.browser.generation,
        namespace,
        prefix: Bytes::new(),
    }]
}

pub(crate) fn moved(_app: &mut App) -> Effects {
    Effects::new()
}

pub(crate) fn jump(app: &mut App, last: bool) -> Effects {
    let end = app.browser.rows.len().saturating_sub(1);
    app.browser.selection.at = if last { end } else { 0 };
    Effects::new()
}

pub(crate) fn leave(_app: &mut App) -> Effects {
    vec![Effect::Unwatch(Pane::Browser)]
}

pub(crate) fn enter(_app: &mut App) -> Effects {
    Effects::new()
}

pub(crate) fn next_form(app: &mut App) {
    app.browser.value.form = match app.browser.value.form {
        Form::Text => Form::Json,
        Form::Json => Form::Hex,
        Form::Hex => Form::Text,
    };
}

pub(crate) fn scroll(app: &mut App, lines: isize) {
    let value = &mut app.browser.value;
    value.scroll = value.scroll.saturating_add_signed(lines);
}

pub(crate) fn selected(app: &App) -> Option<&Row> {
    app.browser.rows.get(app.browser.selection.at)
}
