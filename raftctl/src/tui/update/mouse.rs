//! The mouse: tabs, rows, buttons, and the wheel.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{browser, command, dialog, lists, screens, scroll_help};
use crate::tui::{
    app::{App, Overlay, Screen},
    message::Effects,
};

/// Rows by which a notch of the wheel scrolls.
const NOTCH: isize = 3;

pub(super) fn mouse(app: &mut App, event: &MouseEvent) -> Effects {
    let at = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => click(app, at),
        MouseEventKind::ScrollDown => wheel(app, at, NOTCH),
        MouseEventKind::ScrollUp => wheel(app, at, -NOTCH),
        _ => Effects::new(),
    }
}

fn click(app: &mut App, at: Position) -> Effects {
    match &app.overlay {
        Some(Overlay::Dialog(_)) => {
            let hit = app.areas.buttons.iter().find(|(area, _)| area.contains(at));
            return match hit.map(|(_, button)| *button) {
                Some(button) => dialog::press(app, button),
                None => Effects::new(),
            };
        }
        Some(_) => return Effects::new(),
        None => {}
    }
    let tab = app.areas.tabs.iter().find(|(area, _)| area.contains(at));
    if let Some(screen) = tab.map(|(_, screen)| *screen) {
        return screens::go(app, screen);
    }
    if let Some((area, top)) = app.areas.list.filter(|(area, _)| area.contains(at)) {
        return click_row(app, area, top, at);
    }
    if is_over_pane(app, at, Screen::Browser) && !app.browser.in_value {
        return screens::open(app);
    }
    if is_over_pane(app, at, Screen::Raft) {
        app.changed |= !app.raft.in_elections;
        app.raft.in_elections = true;
    }
    Effects::new()
}

fn click_row(app: &mut App, area: Rect, top: usize, at: Position) -> Effects {
    let row = top + usize::from(at.y - area.y);
    if row >= lists::len(app) {
        return Effects::new();
    }
    app.changed |= app.browser.in_value || app.raft.in_elections;
    app.browser.in_value = false;
    app.raft.in_elections = false;
    // A click on what is selected opens it.
    if lists::selected_mut(app).is_some_and(|selection| selection.at == row) {
        return screens::open(app);
    }
    command::select(app, row)
}

fn wheel(app: &mut App, at: Position, rows: isize) -> Effects {
    match &app.overlay {
        Some(Overlay::Help { .. }) => {
            scroll_help(app, rows);
            Effects::new()
        }
        Some(_) => Effects::new(),
        None if is_over_pane(app, at, Screen::Browser) => {
            browser::scroll(app, rows);
            Effects::new()
        }
        None if is_over_pane(app, at, Screen::Members) || is_over_pane(app, at, Screen::Raft) => {
            command::scroll_pane(app, rows);
            Effects::new()
        }
        None => {
            // The list under the pointer, also while another pane has the keys.
            let in_value = std::mem::take(&mut app.browser.in_value);
            let in_elections = std::mem::take(&mut app.raft.in_elections);
            let effects = command::step(app, rows);
            app.browser.in_value = in_value;
            app.raft.in_elections = in_elections;
            effects
        }
    }
}

fn is_over_pane(app: &App, at: Position, screen: Screen) -> bool {
    let pane = app.areas.pane;
    app.screen == screen && pane.is_some_and(|(area, _)| area.contains(at))
}
