//! One table from keys to commands. The help prints it, the hints at the foot of the screen and the
//! palette come from it.

use super::app::{App, Overlay, Screen};

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
    /// Palette only: open a namespace in the browser.
    Browse(String),
    /// Palette only: watch a namespace, and a prefix in it.
    WatchKeys {
        namespace: String,
        prefix: String,
    },
}

/// Keys and words for the foot of the screen, the most important first.
pub(crate) fn hints(app: &App) -> Vec<(String, &'static str)> {
    let fixed = |hints: &[(&str, &'static str)]| {
        let owned = hints.iter().map(|(key, word)| ((*key).to_owned(), *word));
        owned.collect()
    };
    match &app.overlay {
        Some(Overlay::Help { .. }) => return fixed(&[("j/k", "scroll"), ("Esc", "close")]),
        Some(Overlay::Filter(_)) => return fixed(&[("Enter", "keep"), ("Esc", "undo")]),
        Some(Overlay::Dialog(_)) => {
            return fixed(&[("Tab", "next"), ("Enter", "choose"), ("Esc", "cancel")]);
        }
        _ => {}
    }
    [
        ("j/k", "move"),
        ("Enter", "open"),
        ("/", "filter"),
        (":", "command"),
        ("s", "sort"),
        ("a", "add"),
        ("Ctrl-d", "delete"),
        ("Space", "freeze"),
        ("q", "quit"),
    ]
    .map(|(key, word)| (key.to_owned(), word))
    .to_vec()
}

/// For the help: a title, and under it keys and what they do.
pub(crate) fn help(_app: &App) -> Vec<(&'static str, Vec<(String, &'static str)>)> {
    let rows = |rows: &[(&str, &'static str)]| {
        let rows = rows.iter().map(|(key, word)| ((*key).to_owned(), *word));
        rows.collect::<Vec<_>>()
    };
    vec![
        (
            "Browser",
            rows(&[
                ("Enter", "show the value"),
                ("v", "the next form of the value: text, JSON, hex"),
                ("e", "edit the value in $EDITOR"),
                ("a", "put a key"),
                ("Ctrl-d", "delete the key"),
                ("w", "watch these keys"),
                ("y", "copy the key"),
                ("Y", "copy the value"),
            ]),
        ),
        (
            "Move",
            rows(&[
                ("j Down", "the next row"),
                ("k Up", "the row before"),
                ("PgDn Ctrl-f", "a page further"),
                ("PgUp Ctrl-b", "a page back"),
                ("g Home", "the first row"),
                ("G End", "the last row"),
                ("Tab", "the other pane, or the next screen"),
                ("Esc", "out of the pane; drop the filter"),
            ]),
        ),
        (
            "Everywhere",
            rows(&[
                ("1 2 3 4 5 6", "go to a screen"),
                ("/", "filter"),
                (":", "a command, with completion"),
                ("Space", "freeze the picture, or go on"),
                ("+ -", "ask more often, or less"),
                ("?", "this help"),
                ("q", "quit"),
            ]),
        ),
    ]
}
