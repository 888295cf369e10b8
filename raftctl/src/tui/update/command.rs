//! What the user wants, whatever it came from: a key, the palette, the mouse.

use std::time::Duration;

use super::{ask, browser, close, complain, edit, filter, lists, palette, say, screens, watch};
use crate::{
    output::time::exact,
    tui::{
        app::{App, Overlay, Screen},
        keys::{self, Command},
        message::{Copied, Effect, Effects},
    },
};

/// How often members can be asked.
const INTERVALS: [Duration; 7] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Rows of a page where nothing was drawn yet.
const PAGE: usize = 10;

/// To the end of a value, however long.
const FAR: isize = 1 << 40;

/// Does it.
pub(crate) fn run(app: &mut App, command: Command) -> Effects {
    if app.settings.read_only && keys::changes(&command) || !keys::is_on(&command, app.screen) {
        return Effects::new();
    }
    match command {
        Command::Quit => app.quit = true,
        Command::Help => {
            app.overlay = Some(Overlay::Help { scroll: 0 });
            app.changed = true;
        }
        Command::Palette => palette::open(app),
        Command::Filter => filter::open(app),
        Command::NextMatch => return lists::next_match(app, true),
        Command::PreviousMatch => return lists::next_match(app, false),
        Command::Go(screen) => return screens::go(app, screen),
        Command::Up => return step(app, -1),
        Command::Down => return step(app, 1),
        // The list of members is short; what is told of one may not be.
        Command::PageUp if app.screen == Screen::Members => scroll_pane(app, -pane_page(app)),
        Command::PageDown if app.screen == Screen::Members => scroll_pane(app, pane_page(app)),
        Command::PageUp => return step(app, -page(app)),
        Command::PageDown => return step(app, page(app)),
        Command::First => return end(app, false),
        Command::Last => return end(app, true),
        Command::Open => return screens::open(app),
        Command::Back => return back(app),
        Command::Focus => return focus(app, true),
        Command::FocusBack => return focus(app, false),
        Command::Sort => {
            lists::sort(app);
            app.changed = true;
        }
        Command::ReverseSort => {
            lists::reverse(app);
            app.changed = true;
        }
        Command::Freeze => return freeze(app),
        Command::Faster => interval(app, true),
        Command::Slower => interval(app, false),
        Command::Form => {
            browser::next_form(app);
            app.changed = true;
        }
        Command::Edit => return edit::begin(app),
        Command::Add => return ask::add(app),
        Command::Delete => return ask::delete(app),
        Command::Promote => ask::promote(app),
        Command::Transfer => ask::transfer(app),
        Command::Watch => return screens::watch(app),
        Command::Copy => return copy(app),
        Command::CopyValue => return copy_value(app),
        Command::Mouse => {
            app.settings.mouse = !app.settings.mouse;
            say(
                app,
                if app.settings.mouse {
                    "the mouse selects rows and scrolls"
                } else {
                    "the mouse is the terminal's: it selects text"
                },
            );
            return vec![Effect::Mouse(app.settings.mouse)];
        }
        Command::Redraw => {
            app.changed = true;
            return vec![Effect::Redraw];
        }
        Command::Suspend => return vec![Effect::Suspend],
        Command::Browse(namespace) => return screens::browse(app, namespace, String::new()),
        Command::WatchKeys { namespace, prefix } => {
            return screens::watch_keys(app, namespace, prefix);
        }
    }
    Effects::new()
}

fn in_value(app: &App) -> bool {
    app.screen == Screen::Browser && app.browser.in_value
}

fn in_elections(app: &App) -> bool {
    app.screen == Screen::Raft && app.raft.in_elections
}

fn pane_page(app: &App) -> isize {
    let height = app.areas.pane.map_or(1, |(area, _)| area.height);
    isize::from(i16::try_from(height).unwrap_or(i16::MAX))
        .saturating_sub(1)
        .max(1)
}

/// Scrolls what is told of a member, or the elections.
pub(crate) fn scroll_pane(app: &mut App, lines: isize) {
    let (height, all) = app
        .areas
        .pane
        .map_or((1, 0), |(area, all)| (usize::from(area.height), all));
    let most = all.saturating_sub(height);
    let first = match app.screen {
        Screen::Raft => &mut app.raft.elections_scroll,
        _ => &mut app.member_scroll,
    };
    let to = first.saturating_add_signed(lines).min(most);
    app.changed |= to != *first;
    *first = to;
}

/// Up or down by so many rows, or lines of the value.
pub(crate) fn step(app: &mut App, rows: isize) -> Effects {
    if in_value(app) {
        browser::scroll(app, rows);
        app.changed = true;
        return Effects::new();
    }
    if in_elections(app) {
        scroll_pane(app, rows);
        return Effects::new();
    }
    let last = lists::len(app).saturating_sub(1);
    match lists::selected_mut(app) {
        Some(selection) => {
            let at = selection.at.saturating_add_signed(rows).min(last);
            select(app, at)
        }
        None => Effects::new(),
    }
}

/// Selects a row.
pub(crate) fn select(app: &mut App, at: usize) -> Effects {
    let Some(selection) = lists::selected_mut(app) else {
        return Effects::new();
    };
    if selection.at == at {
        // At the end of the window there may be more to load all the same.
        return moved(app);
    }
    selection.at = at;
    app.member_scroll = 0;
    app.changed = true;
    moved(app)
}

fn moved(app: &mut App) -> Effects {
    if app.screen == Screen::Browser {
        browser::moved(app)
    } else {
        Effects::new()
    }
}

fn end(app: &mut App, last: bool) -> Effects {
    if in_value(app) || in_elections(app) {
        return step(app, if last { FAR } else { -FAR });
    }
    if app.screen == Screen::Browser {
        app.changed = true;
        return browser::jump(app, last);
    }
    let at = if last {
        lists::len(app).saturating_sub(1)
    } else {
        0
    };
    select(app, at)
}

/// The rows of a page; one stays in sight.
fn page(app: &App) -> isize {
    let area = if in_value(app) || in_elections(app) {
        app.areas.pane
    } else {
        app.areas.list
    };
    let rows = area.map_or(PAGE, |(area, _)| usize::from(area.height));
    isize::try_from(rows.saturating_sub(1).max(1)).unwrap_or(1)
}

fn back(app: &mut App) -> Effects {
    if in_value(app) {
        app.browser.in_value = false;
        app.changed = true;
    } else if in_elections(app) {
        app.raft.in_elections = false;
        app.changed = true;
    } else if !lists::filter(app).is_empty() {
        app.changed = true;
        return lists::set_filter(app, "");
    } else if app.notice.take().is_some() {
        app.changed = true;
    }
    Effects::new()
}

fn focus(app: &mut App, forward: bool) -> Effects {
    if app.screen == Screen::Browser && app.browser.namespace.is_some() {
        app.browser.in_value = !app.browser.in_value;
        app.changed = true;
        return Effects::new();
    }
    if app.screen == Screen::Raft {
        // From the log to the elections and on, and the same way back.
        let here = if forward {
            !app.raft.in_elections
        } else {
            app.raft.in_elections
        };
        if here && app.areas.pane.is_some() {
            app.raft.in_elections = forward;
            app.changed = true;
            return Effects::new();
        }
    }
    let count = Screen::ALL.len();
    let by = if forward { 1 } else { count - 1 };
    screens::go(app, Screen::ALL[(app.screen as usize + by) % count])
}

fn freeze(app: &mut App) -> Effects {
    app.changed = true;
    if app.frozen.take().is_none() {
        app.frozen = Some(Box::new((app.now, app.cluster.clone())));
        return Effects::new();
    }
    // What came meanwhile is made up for.
    screens::enter(app)
}

fn interval(app: &mut App, faster: bool) {
    let now = app.settings.interval;
    let next = if faster {
        INTERVALS.iter().rfind(|it| **it < now)
    } else {
        INTERVALS.iter().find(|it| **it > now)
    };
    app.settings.interval = next.copied().unwrap_or(now);
    let every = exact(app.settings.interval);
    say(app, format!("each member is asked every {every}"));
}

fn copy(app: &mut App) -> Effects {
    match lists::selected_text(app) {
        Some(text) => vec![Effect::Copy(Copied::Text(text))],
        None => {
            complain(app, "nothing is selected");
            Effects::new()
        }
    }
}

fn copy_value(app: &mut App) -> Effects {
    let selected = match app.screen {
        Screen::Watch => {
            let key = watch::selected(app).map(|line| line.key.clone());
            app.watch.namespace.clone().zip(key)
        }
        _ => {
            let key = browser::selected(app).map(|row| row.key.clone());
            app.browser.namespace.clone().zip(key)
        }
    };
    match selected {
        Some((namespace, key)) => vec![Effect::Copy(Copied::Value { namespace, key })],
        None => {
            complain(app, "no key is selected");
            Effects::new()
        }
    }
}

/// A command of the palette, on the screen where it is at home.
pub(crate) fn run_on(app: &mut App, screen: Option<Screen>, command: Command) -> Effects {
    close(app);
    let mut effects = Effects::new();
    if let Some(screen) = screen {
        effects.extend(screens::go(app, screen));
    }
    effects.extend(run(app, command));
    effects
}
