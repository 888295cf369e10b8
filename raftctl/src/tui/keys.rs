//! One table from keys to commands. The help prints it, the hints at the foot of the screen and the
//! palette come from it: what is not in it does not exist.
//!
//! A command may stand in several rows, where its meaning depends on the screen: `a` adds whatever
//! the screen lists. On one screen a key means one thing.

mod table;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::app::{App, Overlay, Screen};
use table::TABLE;

/// What the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Quit,
    Help,
    Palette,
    /// Begin to type a filter.
    Filter,
    /// The next row that contains what was filtered by, and the one before.
    NextMatch,
    PreviousMatch,
    Go(Screen),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Enter: whatever the selected row leads to.
    Open,
    /// Esc: out of the pane, the filter.
    Back,
    /// Tab: the other pane, else the next screen.
    Focus,
    FocusBack,
    /// Order by the next column; then the other way round.
    Sort,
    ReverseSort,
    Freeze,
    Faster,
    Slower,
    /// The next form of the value.
    Form,
    Edit,
    /// Put a key, create a namespace, add a member: whatever the screen lists.
    Add,
    /// Delete, or remove, what is selected.
    Delete,
    /// Watch the selected namespace, or the prefix of the browser.
    Watch,
    /// The selected key or name.
    Copy,
    /// The whole value of the selected key.
    CopyValue,
    Transfer,
    Promote,
    Mouse,
    Redraw,
    /// Ctrl-z: back to the shell, until it brings the program to the foreground again.
    Suspend,
    /// Palette only: open a namespace in the browser.
    Browse(String),
    /// Palette only: watch a namespace, and a prefix in it.
    WatchKeys {
        namespace: String,
        prefix: String,
    },
}

/// A key that is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    code: KeyCode,
    ctrl: bool,
}

impl Press {
    const fn of(code: KeyCode) -> Self {
        Self { code, ctrl: false }
    }

    const fn char(character: char) -> Self {
        Self::of(KeyCode::Char(character))
    }

    const fn ctrl(character: char) -> Self {
        Self {
            code: KeyCode::Char(character),
            ctrl: true,
        }
    }

    /// What a terminal reports; nothing if it is the release of a key, or one held with others that
    /// mean nothing here. Shift is in the character itself.
    pub(crate) fn from_event(event: &KeyEvent) -> Option<Self> {
        let others = KeyModifiers::CONTROL | KeyModifiers::SHIFT;
        if event.kind == KeyEventKind::Release || !others.contains(event.modifiers) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            KeyCode::Char(character) if ctrl => KeyCode::Char(character.to_ascii_lowercase()),
            code => code,
        };
        Some(Self { code, ctrl })
    }

    /// What is printed on it.
    fn shown(self, unicode: bool) -> String {
        let arrow =
            |unicode_arrow: &str, word: &str| if unicode { unicode_arrow } else { word }.to_owned();
        match self.code {
            KeyCode::Char(character) if self.ctrl => format!("Ctrl-{character}"),
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(character) => character.to_string(),
            KeyCode::Up => arrow("\u{2191}", "Up"),
            KeyCode::Down => arrow("\u{2193}", "Down"),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            code => format!("{code:?}"),
        }
    }
}

/// Under which title the help has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Of some screens only: under theirs.
    Screen,
    Move,
    Everywhere,
}

/// A row of the table.
struct Binding {
    keys: &'static [Press],
    command: Command,
    screens: &'static [Screen],
    group: Group,
    /// Whether it changes the cluster.
    changes: bool,
    /// Its name in the palette; empty if it makes no sense there.
    name: &'static str,
    /// What it does.
    about: &'static str,
    /// For the foot of the screen: its place, smaller further left, and a short word. None if there is
    /// no need to be reminded of it.
    hint: Option<(u8, &'static str)>,
    /// Whether the palette offers it on every screen: it needs nothing that is selected.
    anywhere: bool,
}

impl Binding {
    fn is_on(&self, screen: Screen) -> bool {
        self.screens.contains(&screen)
    }

    fn shown(&self, unicode: bool) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| key.shown(unicode)).collect();
        keys.join(" ")
    }
}

/// The rows that there are: without those that change something where that is not wanted.
fn offered(read_only: bool) -> impl Iterator<Item = &'static Binding> {
    TABLE
        .iter()
        .filter(move |binding| !(read_only && binding.changes))
}

/// What a key means on this screen.
pub(crate) fn command(app: &App, event: &KeyEvent) -> Option<Command> {
    let press = Press::from_event(event)?;
    offered(app.settings.read_only)
        .find(|binding| binding.is_on(app.screen) && binding.keys.contains(&press))
        .map(|binding| binding.command.clone())
}

/// Whether a command changes the cluster.
pub(crate) fn changes(command: &Command) -> bool {
    TABLE
        .iter()
        .any(|binding| binding.changes && binding.command == *command)
}

/// Whether a command can be given on a screen.
pub(crate) fn is_on(command: &Command, screen: Screen) -> bool {
    let mut rows = TABLE
        .iter()
        .filter(|binding| binding.command == *command)
        .peekable();
    // What is in no row is the palette's own.
    rows.peek().is_none() || rows.any(|binding| binding.is_on(screen))
}

/// What the palette offers on a screen: name, what it does, the screen to go to first, and the
/// command.
pub(crate) fn named(
    screen: Screen,
    read_only: bool,
) -> impl Iterator<Item = (&'static str, &'static str, Option<Screen>, Command)> {
    offered(read_only)
        .filter(move |binding| {
            !binding.name.is_empty() && (binding.is_on(screen) || binding.anywhere)
        })
        .map(move |binding| {
            let there = (!binding.is_on(screen)).then(|| binding.screens[0]);
            (binding.name, binding.about, there, binding.command.clone())
        })
}

/// Keys and words for the foot of the screen, the most important first.
pub(crate) fn hints(app: &App) -> Vec<(String, &'static str)> {
    let fixed = |hints: &[(&str, &'static str)]| {
        let owned = hints.iter().map(|(key, word)| ((*key).to_owned(), *word));
        owned.collect()
    };
    match &app.overlay {
        Some(Overlay::Help { .. }) => return fixed(&[("j/k", "scroll"), ("Esc", "close")]),
        Some(Overlay::Palette(_)) => {
            return fixed(&[("Enter", "run"), ("Tab", "complete"), ("Esc", "close")]);
        }
        Some(Overlay::Filter(_)) => return fixed(&[("Enter", "keep"), ("Esc", "undo")]),
        Some(Overlay::Dialog(_)) => {
            return fixed(&[("Tab", "next"), ("Enter", "choose"), ("Esc", "cancel")]);
        }
        None => {}
    }
    let in_value = app.screen == Screen::Browser && app.browser.in_value;
    let mut hints: Vec<_> = offered(app.settings.read_only)
        .filter(|binding| binding.is_on(app.screen))
        .filter_map(|binding| {
            let (place, word) = binding.hint?;
            let (key, word) = match binding.command {
                Command::Down if in_value => ("j/k".to_owned(), "scroll"),
                Command::Open if in_value => ("Esc".to_owned(), "back"),
                Command::Down => ("j/k".to_owned(), word),
                Command::Freeze if app.frozen.is_some() => ("Space".to_owned(), "go on"),
                _ => (binding.keys[0].shown(app.settings.theme.unicode), word),
            };
            Some((place, key, word))
        })
        .collect();
    hints.sort_by_key(|(place, ..)| *place);
    let hints = hints.into_iter().map(|(_, key, word)| (key, word));
    hints.collect()
}

/// A title, and under it keys and what they do.
pub(crate) type Section = (&'static str, Vec<(String, &'static str)>);

/// For the help: the keys of this screen, those that move, those of all screens, and then the other
/// screens.
pub(crate) fn help(app: &App) -> Vec<Section> {
    let rows = |keep: &dyn Fn(&Binding) -> bool| {
        offered(app.settings.read_only)
            .filter(|binding| keep(binding))
            .map(|binding| (binding.shown(app.settings.theme.unicode), binding.about))
            .collect::<Vec<_>>()
    };
    let of = |screen: Screen| {
        let on = rows(&|binding| binding.group == Group::Screen && binding.is_on(screen));
        (screen.title(), on)
    };
    let mut sections = vec![
        of(app.screen),
        ("Move", rows(&|binding| binding.group == Group::Move)),
        (
            "Everywhere",
            rows(&|binding| binding.group == Group::Everywhere),
        ),
    ];
    let others = Screen::ALL
        .into_iter()
        .filter(|screen| *screen != app.screen);
    sections.extend(others.map(of));
    sections.retain(|(_, rows)| !rows.is_empty());
    sections
}

#[cfg(test)]
mod tests;
