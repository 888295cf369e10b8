//! Pictures as text.

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use crate::tui::{app::App, text, view};

/// The whole picture as text, a row a line; with `styles`, the same rows in letters of style below.
///
/// Letters: `.` as the terminal has it, `B` bold, `d` dim, `l` leader, `g` good, `w` warning, `e`
/// error, `c` chart; `S` selected.
pub(crate) fn picture(app: &App, width: u16, height: u16, styles: bool) -> String {
    let buffer = drawn(app, width, height);
    let mut text = rows(&buffer, |cell| cell.symbol().to_owned());
    if styles {
        text.push_str(&format!("{}\n", "-".repeat(usize::from(width))));
        text.push_str(&rows(&buffer, |cell| letter(cell).to_string()));
    }
    text
}

/// The cells of the picture.
pub(crate) fn drawn(app: &App, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            view::draw(frame, app);
        })
        .unwrap();
    terminal.backend().buffer().clone()
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

fn letter(cell: &Cell) -> char {
    let modifier = cell.modifier;
    match cell.fg {
        _ if modifier.contains(Modifier::REVERSED) => 'S',
        Color::Cyan => 'l',
        Color::Green => 'g',
        Color::Yellow => 'w',
        Color::Red => 'e',
        Color::Blue => 'c',
        _ if modifier.contains(Modifier::DIM) => 'd',
        _ if modifier.contains(Modifier::BOLD) => 'B',
        _ if cell.symbol() == " " => ' ',
        _ => '.',
    }
}
