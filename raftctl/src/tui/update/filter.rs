//! `/`: a filter while it is typed. The list follows at once.

use crossterm::event::{KeyCode, KeyEvent};

use super::{close, command, lists};
use crate::tui::{
    app::{App, Filter, Input, Overlay, Typed},
    keys::Command,
    message::Effects,
};

pub(super) fn open(app: &mut App) {
    let before = lists::filter(app).to_owned();
    app.browser.in_value = false;
    app.raft.in_elections = false;
    app.overlay = Some(Overlay::Filter(Filter {
        input: Input::of(before.clone()),
        before,
    }));
    app.changed = true;
}

pub(super) fn key(app: &mut App, event: &KeyEvent) -> Effects {
    let Some(Overlay::Filter(filter)) = &mut app.overlay else {
        return Effects::new();
    };
    match event.code {
        KeyCode::Enter => close(app),
        KeyCode::Esc => {
            let before = std::mem::take(&mut filter.before);
            close(app);
            if lists::filter(app) != before {
                return lists::set_filter(app, &before);
            }
        }
        // One sees what is found, and can go there at once.
        KeyCode::Up => return command::run(app, Command::Up),
        KeyCode::Down => return command::run(app, Command::Down),
        KeyCode::PageUp => return command::run(app, Command::PageUp),
        KeyCode::PageDown => return command::run(app, Command::PageDown),
        _ => match filter.input.key(event) {
            Typed::Text => return follow(app),
            Typed::Cursor => app.changed = true,
            Typed::Nothing => {}
        },
    }
    Effects::new()
}

pub(super) fn paste(app: &mut App, text: &str) -> Effects {
    if let Some(Overlay::Filter(filter)) = &mut app.overlay {
        filter.input.paste(text);
    }
    follow(app)
}

fn follow(app: &mut App) -> Effects {
    app.changed = true;
    let Some(Overlay::Filter(filter)) = &app.overlay else {
        return Effects::new();
    };
    let text = filter.input.text.clone();
    lists::set_filter(app, &text)
}
