//! Pictures as text.

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::{Modifier, Style},
};

use crate::tui::{
    app::{App, Areas},
    text,
    theme::{Depth, Theme},
    view,
};

/// The whole picture as text, a row a line; with `styles`, the same rows in letters of style below.
///
/// Letters: `.` as the terminal has it, `B` bold, `d` dim, `l` leader, `g` good, `w` warning, `e`
/// error, `c` chart, `u` underlined; `S` selected, or the cursor.
pub(crate) fn picture(app: &App, width: u16, height: u16, styles: bool) -> String {
    let (buffer, _) = drawn(app, width, height);
    let mut text = rows(&buffer, |cell| cell.symbol().to_owned());
    if styles {
        text.push_str(&format!("{}\n", "-".repeat(usize::from(width))));
        text.push_str(&rows(&buffer, |cell| {
            letter(app.settings.theme, cell).to_string()
        }));
    }
    text
}

/// The cells of the picture, and where things are.
pub(crate) fn drawn(app: &App, width: u16, height: u16) -> (Buffer, Areas) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut areas = Areas::default();
    terminal
        .draw(|frame| areas = view::draw(frame, app))
        .unwrap();
    (terminal.backend().buffer().clone(), areas)
}

fn rows(buffer: &Buffer, show: impl Fn(&Cell) -> String) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut hidden = 0;
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            // A wide character covers the cell after it.
            if hidden == 0 {
                row.push_str(&show(cell));
                hidden = text::width(cell.symbol()).saturating_sub(1);
            } else {
                hidden -= 1;
            }
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn letter(theme: Theme, cell: &Cell) -> char {
    let modifier = cell.modifier;
    let colored = |style: Style| style.fg.is_some_and(|color| color == cell.fg);
    let chosen = theme.selected().bg;
    match () {
        () if modifier.contains(Modifier::REVERSED) => 'S',
        () if chosen.is_some_and(|color| color == cell.bg) => 'S',
        () if colored(theme.leader()) => 'l',
        () if colored(theme.good()) => 'g',
        () if colored(theme.warning()) => 'w',
        () if colored(theme.bad()) => 'e',
        () if colored(theme.chart()) => 'c',
        () if modifier.contains(Modifier::UNDERLINED) => 'u',
        () if modifier.contains(Modifier::DIM) || colored(theme.dim()) => 'd',
        () if modifier.contains(Modifier::BOLD) => 'B',
        () if cell.symbol() == " " => ' ',
        () => '.',
    }
}

/// Compares with `snapshots/NAME.snap`.
macro_rules! pictured {
    ($name:expr, $picture:expr) => {{
        let mut settings = insta::Settings::clone_current();
        // Tests run in the directory of their package.
        let directory = std::env::current_dir().unwrap().join("src/tui/snapshots");
        settings.set_snapshot_path(directory);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $picture));
    }};
}

pub(crate) use pictured;

/// Columns and lines that a picture is made for.
pub(crate) const SIZES: [(u16, u16); 3] = [(120, 35), (80, 24), (50, 12)];

/// Compares the pictures at the sizes that matter, in sixteen colours, with
/// `snapshots/NAME_WIDTHxHEIGHT.snap`. Without colour they say the same, and in true colour each
/// cell is of the same kind.
pub(crate) fn at_all_sizes(name: &str, app: &mut App) {
    for (width, height) in SIZES {
        app.settings.theme.depth = Depth::None;
        let plain = picture(app, width, height, false);
        app.settings.theme.depth = Depth::True;
        let all = picture(app, width, height, true);
        app.settings.theme.depth = Depth::Sixteen;
        let some = picture(app, width, height, true);
        assert!(some.starts_with(&plain), "colour changes words of {name}");
        assert_eq!(all, some, "{name}, true colour beside sixteen");
        pictured!(format!("{name}_{width}x{height}"), some);
    }
}
