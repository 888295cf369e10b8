//! `:`: a command by its name, with completion.
//!
//! What is typed matches a name if its characters are in it in that order. The names of this screen
//! are offered, those of the screens, and what takes an argument: `ns NAME`, `watch NAME PREFIX`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{close, command, complain};
use crate::tui::{
    app::{App, Overlay, Palette, Screen, Suggestion, Typed},
    keys::{self, Command},
    message::Effects,
};

/// What takes the name of a namespace.
const BROWSE: &str = "ns";
const WATCH: &str = "watch";

pub(super) fn open(app: &mut App) {
    let palette = Palette {
        suggestions: suggestions(app, ""),
        ..Palette::default()
    };
    app.overlay = Some(Overlay::Palette(palette));
    app.changed = true;
}

pub(super) fn key(app: &mut App, event: &KeyEvent) -> Effects {
    let Some(Overlay::Palette(palette)) = &mut app.overlay else {
        return Effects::new();
    };
    let count = palette.suggestions.len().max(1);
    let ctrl = event.modifiers == KeyModifiers::CONTROL;
    match event.code {
        KeyCode::Esc => close(app),
        KeyCode::Backspace if palette.input.text.is_empty() => close(app),
        KeyCode::Enter => return enter(app),
        KeyCode::Tab => complete(app),
        KeyCode::Down => turn(app, 1),
        KeyCode::Up | KeyCode::BackTab => turn(app, count - 1),
        KeyCode::Char('n') if ctrl => turn(app, 1),
        KeyCode::Char('p') if ctrl => turn(app, count - 1),
        _ => match palette.input.key(event) {
            Typed::Text => follow(app),
            Typed::Cursor => app.changed = true,
            Typed::Nothing => {}
        },
    }
    Effects::new()
}

pub(super) fn paste(app: &mut App, text: &str) -> Effects {
    if let Some(Overlay::Palette(palette)) = &mut app.overlay {
        palette.input.paste(text);
        follow(app);
    }
    Effects::new()
}

fn turn(app: &mut App, by: usize) {
    if let Some(Overlay::Palette(palette)) = &mut app.overlay
        && !palette.suggestions.is_empty()
    {
        palette.selected = (palette.selected + by) % palette.suggestions.len();
        app.changed = true;
    }
}

/// The suggestions for what is typed now.
fn follow(app: &mut App) {
    let Some(Overlay::Palette(palette)) = &app.overlay else {
        return;
    };
    let found = suggestions(app, &palette.input.text);
    if let Some(Overlay::Palette(palette)) = &mut app.overlay {
        palette.suggestions = found;
        palette.selected = 0;
    }
    app.changed = true;
}

/// Tab: the line becomes the suggestion; once more, and it becomes the next one.
fn complete(app: &mut App) {
    let Some(Overlay::Palette(palette)) = &mut app.overlay else {
        return;
    };
    let Some(chosen) = palette.suggestions.get(palette.selected) else {
        return;
    };
    if palette.input.text == chosen.line {
        return turn(app, 1);
    }
    palette.input = crate::tui::app::Input::of(chosen.line.clone());
    if palette.input.text.ends_with(' ') {
        // What it takes is offered now.
        return follow(app);
    }
    app.changed = true;
}

fn enter(app: &mut App) -> Effects {
    let Some(Overlay::Palette(palette)) = &app.overlay else {
        return Effects::new();
    };
    let typed = palette.input.text.trim().to_owned();
    let chosen = palette.suggestions.get(palette.selected);
    let line = chosen.map_or(typed.clone(), |chosen| chosen.line.clone());
    if line.ends_with(' ') {
        // It wants a name.
        complete(app);
        return Effects::new();
    }
    match meaning(app, &line) {
        Some((screen, command)) => command::run_on(app, screen, command),
        None => {
            close(app);
            if !typed.is_empty() {
                complain(
                    app,
                    format!("there is no command {typed:?}; ? shows the keys"),
                );
            }
            Effects::new()
        }
    }
}

/// What a whole line means: where to go first, and the command.
fn meaning(app: &App, line: &str) -> Option<(Option<Screen>, Command)> {
    let named = keys::named(app.screen, app.settings.read_only).find(|(name, ..)| *name == line);
    if let Some((_, _, screen, command)) = named {
        return Some((screen, command));
    }
    let mut words = line.split_whitespace();
    let command = match (words.next()?, words.next()?) {
        (BROWSE, name) => Command::Browse(name.to_owned()),
        (WATCH, name) => Command::WatchKeys {
            namespace: name.to_owned(),
            prefix: words.next().unwrap_or_default().to_owned(),
        },
        _ => return None,
    };
    words.next().is_none().then_some((None, command))
}

/// What a line may become, the best first.
pub(super) fn suggestions(app: &App, typed: &str) -> Vec<Suggestion> {
    let typed = typed.trim_start();
    if let Some((verb, rest)) = typed.split_once(' ')
        && (verb == BROWSE || verb == WATCH)
    {
        let found = with_argument(app, verb, rest.trim_start());
        if !found.is_empty() {
            return found;
        }
    }
    let mut found: Vec<(u32, Suggestion)> = Vec::new();
    let mut offer = |name: &str, line: &str, about: &str| {
        if let Some(score) = score(name, typed.trim_end()) {
            let suggestion = Suggestion {
                line: line.to_owned(),
                about: about.to_owned(),
            };
            found.push((score, suggestion));
        }
    };
    for (name, about, ..) in keys::named(app.screen, app.settings.read_only) {
        offer(name, name, about);
    }
    offer(BROWSE, "ns ", "open a namespace in the browser");
    offer("watch", "watch ", "watch a namespace, and a prefix in it");
    // The order of the table among equals.
    found.sort_by_key(|(score, _)| *score);
    found
        .into_iter()
        .map(|(_, suggestion)| suggestion)
        .collect()
}

/// Namespaces that fit, and the line as it is typed if it names one.
fn with_argument(app: &App, verb: &str, rest: &str) -> Vec<Suggestion> {
    let about = match verb {
        BROWSE => "open it in the browser",
        _ => "watch it",
    };
    let suggestion = |line: String| Suggestion {
        line,
        about: about.to_owned(),
    };
    let mut words = rest.split_whitespace();
    let name = words.next().unwrap_or_default();
    if let Some(prefix) = words.next().filter(|_| verb == WATCH) {
        return vec![suggestion(format!("{verb} {name} {prefix}"))];
    }
    let listed = app.namespaces.listed.iter().flatten();
    let mut found: Vec<(u32, &str)> = listed
        .filter_map(|it| Some((score(&it.name, name)?, it.name.as_str())))
        .collect();
    found.sort();
    let mut found: Vec<Suggestion> = found
        .into_iter()
        .map(|(_, name)| suggestion(format!("{verb} {name}")))
        .collect();
    let typed = format!("{verb} {name}");
    if !name.is_empty() && found.iter().all(|known| known.line != typed) {
        // One that is not listed may be there all the same.
        found.push(suggestion(typed));
    }
    found
}

/// How well a name fits what was typed, smaller is better; nothing if it does not. All its
/// characters are in the name, in their order: best together, at the beginning of a word, early.
fn score(name: &str, typed: &str) -> Option<u32> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let mut cost = 0;
    let mut at = 0;
    let mut last = None;
    for wanted in typed.to_lowercase().chars() {
        let found = at + name[at..].iter().position(|it| *it == wanted)?;
        let starts_word = found == 0 || matches!(name[found - 1], ' ' | '-' | '_' | '.' | '/');
        let follows = last.is_none_or(|last| last + 1 == found);
        let gap = u32::try_from(found - at).unwrap_or(u32::MAX);
        cost += match (follows, starts_word) {
            (true, _) => gap * 2,
            (false, true) => gap.min(4),
            (false, false) => gap + 10,
        };
        last = Some(found);
        at = found + 1;
    }
    // The whole name before one that goes on.
    let rest = u32::try_from(name.len() - at).unwrap_or(u32::MAX);
    Some(
        cost.saturating_mul(100)
            .saturating_add(if typed.is_empty() { 0 } else { rest }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::update::tests::{app, namespace};

    fn lines(app: &App, typed: &str) -> Vec<String> {
        let found = suggestions(app, typed).into_iter();
        found.map(|suggestion| suggestion.line).collect()
    }

    #[test]
    fn the_best_match_comes_first() {
        let mut app = app();
        app.screen = Screen::Browser;
        assert_eq!(lines(&app, "q")[0], "quit");
        assert_eq!(lines(&app, "del")[0], "delete key");
        assert_eq!(lines(&app, "dk")[0], "delete key");
        assert_eq!(lines(&app, "w")[..2], ["watch", "watch "]);
        assert_eq!(lines(&app, "put")[0], "put");
        assert_eq!(lines(&app, "tl")[0], "transfer leadership");
        assert!(lines(&app, "xyz").is_empty());
        assert!(lines(&app, "").len() > 15);
    }

    #[test]
    fn a_namespace_is_completed_and_may_be_unlisted() {
        let mut app = app();
        app.namespaces.listed = Some(vec![namespace("sessions", 1), namespace("default", 2)]);
        assert_eq!(lines(&app, "ns "), ["ns default", "ns sessions"]);
        assert_eq!(lines(&app, "ns se"), ["ns sessions", "ns se"]);
        assert_eq!(lines(&app, "watch default user:"), ["watch default user:"]);
        let meant = meaning(&app, "watch default user:").unwrap();
        let command = Command::WatchKeys {
            namespace: "default".to_owned(),
            prefix: "user:".to_owned(),
        };
        assert_eq!(meant, (None, command));
        assert_eq!(meaning(&app, "watch a b c"), None);
        assert_eq!(meaning(&app, "ns"), None);
        assert_eq!(meaning(&app, ""), None);
    }

    #[test]
    fn read_only_knows_no_change_by_any_name() {
        let mut app = app();
        app.settings.read_only = true;
        for screen in Screen::ALL {
            app.screen = screen;
            for line in [
                "put",
                "add member",
                "create namespace",
                "delete key",
                "edit",
            ] {
                assert_eq!(meaning(&app, line), None);
            }
            assert!(
                lines(&app, "transfer")
                    .iter()
                    .all(|line| line != "transfer leadership")
            );
        }
    }
}
