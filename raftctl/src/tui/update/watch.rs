//! The stream of changes.

use common::types::Event;

use crate::tui::{
    app::{App, WatchLine},
    message::{Effect, Effects, Pane},
};

pub(crate) fn tick(_app: &mut App) -> Effects {
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
    app.watch.generation += 1;
    app.watch.namespace = Some(namespace.clone());
    app.watch.prefix = prefix.clone().into();
    vec![Effect::Watch {
        pane: Pane::Watch,
        generation: app.watch.generation,
        namespace,
        prefix: prefix.into(),
        from: None,
    }]
}

pub(crate) fn leave(_app: &mut App) -> Effects {
    vec![Effect::Unwatch(Pane::Watch)]
}

pub(crate) fn enter(_app: &mut App) -> Effects {
    Effects::new()
}

pub(crate) fn selected(app: &App) -> Option<&WatchLine> {
    app.watch.lines.iter().rev().nth(app.watch.selection.at)
}
