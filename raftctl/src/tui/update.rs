//! The only place that changes the model. Pure: no clock, no I/O; what is to be done outside is said
//! by the effects.
//!
//! - [`command`]: what the user wants, by key, palette or mouse. [`screens`]: where it leads.
//! - [`palette`], [`filter`], [`dialog`]: what is open above the screen and takes the keys.
//!   [`ask`]: what the dialogs say, and what they make of what was filled in.
//! - [`edit`]: the way of a value to the editor and back.
//! - [`cluster`], [`namespaces`], [`browser`], [`watch`], [`raft`], [`lists`]: what data do to the
//!   model, and what each moment asks for.

pub(crate) mod ask;
pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod dialog;
pub(crate) mod edit;
pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod lists;
pub(crate) mod mouse;
pub(crate) mod namespaces;
pub(crate) mod palette;
pub(crate) mod raft;
pub(crate) mod screens;
pub(crate) mod typed;
pub(crate) mod watch;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{
    app::{App, Notice, Overlay},
    keys::{self, Command},
    message::{Copied, Effect, Effects, Message, Moment, Pane},
};
use crate::output::table::size;

/// How long a notice stands: one that tells of something wrong has more to be read.
const NOTICE: Duration = Duration::from_secs(4);
const BAD_NOTICE: Duration = Duration::from_secs(8);

/// Takes a message in, and says what is to be done.
pub(crate) fn update(app: &mut App, message: Message, moment: Moment) -> Effects {
    app.now = moment.now;
    app.clock = moment.clock;
    match message {
        Message::Tick => tick(app),
        Message::Key(event) => key(app, &event),
        Message::Mouse(event) => mouse::mouse(app, &event),
        Message::Paste(text) => paste(app, &text),
        Message::Resize(columns, lines) => {
            app.size = (columns, lines);
            app.changed = true;
            Effects::new()
        }
        Message::Command(command) => command::run(app, command),
        Message::Looked {
            address,
            took,
            answer,
        } => {
            let effects = cluster::looked(app, address, took, answer);
            dialog::refresh(app);
            effects
        }
        Message::Namespaces(answer) => {
            let effects = namespaces::listed(app, answer);
            dialog::refresh(app);
            effects
        }
        Message::Page {
            generation,
            side,
            answer,
        } => browser::page(app, generation, side, answer),
        Message::Counted { generation, answer } => browser::counted(app, generation, answer),
        Message::Got { key, answer } => {
            dialog::got(app, &key, &answer);
            browser::got(app, key, answer)
        }
        Message::Changes {
            pane,
            generation,
            events,
        } => {
            let effects = match pane {
                Pane::Browser => browser::changes(app, generation, events),
                Pane::Watch => watch::changes(app, generation, events),
            };
            dialog::refresh(app);
            effects
        }
        Message::WatchState {
            pane,
            generation,
            state,
        } => match pane {
            Pane::Browser => browser::watch_state(app, generation, state),
            Pane::Watch => watch::watch_state(app, generation, state),
        },
        Message::WatchGap { pane, generation } => match pane {
            Pane::Browser => browser::gap(app, generation),
            Pane::Watch => watch::gap(app, generation),
        },
        Message::Done { change, result } => dialog::done(app, change, result),
        Message::ToEdit {
            namespace,
            key,
            text,
            answer,
        } => edit::read(app, namespace, key, text, answer),
        Message::Edited {
            namespace,
            key,
            base,
            size,
            result,
        } => edit::edited(app, namespace, key, base, size, result),
        Message::ToCopy(answer) => match answer {
            Ok(bytes) => vec![Effect::Copy(Copied::Bytes(bytes))],
            Err(reason) => {
                complain(app, format!("not copied: {reason}"));
                Effects::new()
            }
        },
        Message::Copied(bytes) => {
            say(app, format!("copied {}", size(bytes as u64)));
            Effects::new()
        }
        Message::Trouble(reason) => {
            complain(app, reason);
            Effects::new()
        }
    }
}

fn tick(app: &mut App) -> Effects {
    if app.notice.as_ref().is_some_and(|it| it.until <= app.now) {
        app.notice = None;
        app.changed = true;
    }
    let mut effects = cluster::tick(app);
    effects.extend(namespaces::tick(app));
    effects.extend(browser::tick(app));
    effects.extend(watch::tick(app));
    effects
}

/// A key goes to what is open above the screen, else to the table.
fn key(app: &mut App, event: &KeyEvent) -> Effects {
    if event.kind == KeyEventKind::Release {
        return Effects::new();
    }
    let ctrl = event.modifiers == KeyModifiers::CONTROL;
    match (ctrl, event.code) {
        (true, KeyCode::Char('c')) => return command::run(app, Command::Quit),
        (true, KeyCode::Char('l')) => return command::run(app, Command::Redraw),
        (true, KeyCode::Char('z')) => return command::run(app, Command::Suspend),
        _ => {}
    }
    match &app.overlay {
        Some(Overlay::Help { .. }) => help_key(app, event),
        Some(Overlay::Palette(_)) => palette::key(app, event),
        Some(Overlay::Filter(_)) => filter::key(app, event),
        Some(Overlay::Dialog(_)) => dialog::key(app, event),
        None => match keys::command(app, event) {
            Some(command) => command::run(app, command),
            None => Effects::new(),
        },
    }
}

fn paste(app: &mut App, text: &str) -> Effects {
    match &app.overlay {
        Some(Overlay::Palette(_)) => palette::paste(app, text),
        Some(Overlay::Filter(_)) => filter::paste(app, text),
        Some(Overlay::Dialog(_)) => dialog::paste(app, text),
        // Elsewhere each character would be a command.
        Some(Overlay::Help { .. }) | None => Effects::new(),
    }
}

fn help_key(app: &mut App, event: &KeyEvent) -> Effects {
    let page = isize::from(i16::try_from(app.size.1 / 2).unwrap_or(10).max(1));
    match event.code {
        KeyCode::Char('j') | KeyCode::Down => scroll_help(app, 1),
        KeyCode::Char('k') | KeyCode::Up => scroll_help(app, -1),
        KeyCode::PageDown | KeyCode::Char(' ' | 'f') => scroll_help(app, page),
        KeyCode::PageUp | KeyCode::Char('b') => scroll_help(app, -page),
        KeyCode::Home | KeyCode::Char('g') => scroll_help(app, isize::MIN),
        KeyCode::End | KeyCode::Char('G') => scroll_help(app, isize::MAX),
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') => close(app),
        _ => {}
    }
    Effects::new()
}

/// Scrolls the help; at least a line of it stays.
pub(crate) fn scroll_help(app: &mut App, lines: isize) {
    // A title, its keys, and an empty line each.
    let sections = keys::help(app).into_iter();
    let total: usize = sections.map(|(_, rows)| rows.len() + 2).sum();
    if let Some(Overlay::Help { scroll }) = &mut app.overlay {
        let moved = scroll.saturating_add_signed(lines);
        let moved = moved.min(total.saturating_sub(2));
        app.changed |= moved != *scroll;
        *scroll = moved;
    }
}

/// Closes what is open above the screen.
pub(crate) fn close(app: &mut App) {
    app.changed |= app.overlay.take().is_some();
}

/// Says at the foot of the screen what came of something.
pub(crate) fn say(app: &mut App, text: impl Into<String>) {
    notice(app, text.into(), false);
}

/// Says that something did not work, and why.
pub(crate) fn complain(app: &mut App, text: impl Into<String>) {
    notice(app, text.into(), true);
}

fn notice(app: &mut App, text: String, bad: bool) {
    let stands = if bad { BAD_NOTICE } else { NOTICE };
    app.notice = Some(Notice {
        text,
        bad,
        until: app.now + stands,
    });
    app.changed = true;
}

#[cfg(test)]
pub(crate) mod tests;
