//! Screen 6: changes as they happen.

use bytes::Bytes;
use common::types::{Cursor, Event};

use super::{browser::unescape, lists};
use crate::tui::{
    app::{App, Notice, Screen, Selection, WatchLine, WatchScreen, WatchState},
    message::{Effect, Effects, Pane},
};

/// Watches a namespace, from now on. The prefix is as typed, with the escapes of `raftctl ls`.
pub(crate) fn open(app: &mut App, namespace: String, prefix: String) -> Effects {
    let generation = app.watch.generation;
    app.watch = WatchScreen {
        namespace: Some(namespace),
        prefix: Bytes::from(unescape(&prefix)),
        generation,
        ..WatchScreen::default()
    };
    app.changed = true;
    enter(app)
}

/// The screen is left: nothing is followed, and what was told stays.
pub(crate) fn leave(app: &mut App) -> Effects {
    if app.watch.state == WatchState::Off {
        return Effects::new();
    }
    app.watch.state = WatchState::Off;
    app.watch.generation += 1;
    vec![Effect::Unwatch(Pane::Watch)]
}

/// The screen is shown: the watch goes on where it was.
pub(crate) fn enter(app: &mut App) -> Effects {
    match app.watch.state {
        WatchState::Off => follow(app),
        _ => Effects::new(),
    }
}

fn follow(app: &mut App) -> Effects {
    let watch = &mut app.watch;
    let Some(namespace) = watch.namespace.clone() else {
        return Effects::new();
    };
    watch.generation += 1;
    watch.state = WatchState::Starting;
    app.changed = true;
    vec![Effect::Watch {
        pane: Pane::Watch,
        generation: watch.generation,
        namespace,
        prefix: watch.prefix.clone(),
        from: watch.place,
    }]
}

/// The selected change.
pub(crate) fn selected(app: &App) -> Option<&WatchLine> {
    lists::watch(app).get(app.watch.selection.at).copied()
}

/// What was held while the picture was frozen is shown when it is not any more.
pub(crate) fn tick(app: &mut App) -> Effects {
    if app.frozen.is_none() && !(app.watch.held.is_empty() && app.watch.dropped == 0) {
        let held = std::mem::take(&mut app.watch.held);
        app.watch.dropped = 0;
        append(app, held.into());
    }
    Effects::new()
}

/// Takes changes in.
pub(crate) fn changes(app: &mut App, generation: u64, events: Vec<Event>) -> Effects {
    if generation != app.watch.generation || events.is_empty() {
        return Effects::new();
    }
    let at = app.clock;
    let watch = &mut app.watch;
    watch.told += events.len() as u64;
    if watch.state != WatchState::Live {
        watch.state = WatchState::Live;
        app.changed = true;
    }
    let mut lines = Vec::with_capacity(events.len());
    for event in events {
        let before = watch.place.filter(|it| it.revision == event.revision);
        watch.place = Some(Cursor {
            revision: event.revision,
            seen: before.map_or(0, |it| it.seen) + 1,
        });
        lines.push(WatchLine {
            at,
            kind: event.kind,
            key: event.key,
            size: event.size,
            version: event.version,
            revision: event.revision,
        });
    }
    if app.frozen.is_none() {
        append(app, lines);
        return Effects::new();
    }
    app.changed |= app.screen == Screen::Watch;
    let watch = &mut app.watch;
    watch.held.extend(lines);
    while watch.held.len() > WatchScreen::KEPT {
        watch.held.pop_front();
        watch.dropped += 1;
    }
    Effects::new()
}

fn append(app: &mut App, lines: Vec<WatchLine>) {
    app.changed |= app.screen == Screen::Watch;
    let passes = lists::watch_filter(app);
    let new = lines.iter().filter(|line| passes(line)).count();
    let watch = &mut app.watch;
    watch.lines.extend(lines);
    let surplus = watch.lines.len().saturating_sub(WatchScreen::KEPT);
    watch.lines.drain(..surplus);
    // The newest one is followed; any other line is stayed on.
    if watch.selection.at > 0 {
        let listed = watch.lines.iter().filter(|line| passes(line)).count();
        let last = listed.saturating_sub(1);
        watch.selection = Selection {
            at: (watch.selection.at + new).min(last),
        };
    }
}

/// The watch was cut off, or is well again.
pub(crate) fn watch_state(app: &mut App, generation: u64, state: Result<(), String>) -> Effects {
    if generation != app.watch.generation || app.watch.state == WatchState::Off {
        return Effects::new();
    }
    let state = match state {
        Ok(()) => WatchState::Live,
        Err(reason) => WatchState::Broken(reason),
    };
    if app.watch.state != state {
        app.watch.state = state;
        app.changed = true;
    }
    Effects::new()
}

/// Changes were lost: it goes on from now, and says so.
pub(crate) fn gap(app: &mut App, generation: u64) -> Effects {
    if generation != app.watch.generation || app.watch.state == WatchState::Off {
        return Effects::new();
    }
    app.watch.place = None;
    app.notice = Some(Notice {
        text: "some changes are not kept any more: the watch goes on from now".to_owned(),
        bad: true,
        until: app.now + std::time::Duration::from_secs(5),
    });
    follow(app)
}

#[cfg(test)]
mod tests;
