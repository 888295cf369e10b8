//! What is open above a screen and takes the keys.

mod dialog;
mod filter;
mod help;
mod palette;

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    widgets::{Clear, Widget},
};

use super::{line, wrap};
use crate::tui::{
    app::{App, Areas, Overlay},
    theme::Theme,
};

/// It, if anything is.
pub(crate) fn draw(frame: &mut Frame, whole: Rect, app: &App, areas: &mut Areas) {
    if whole.width == 0 || whole.height == 0 {
        return;
    }
    match &app.overlay {
        None => {}
        Some(Overlay::Help { scroll }) => help::draw(frame, whole, app, *scroll, areas),
        Some(Overlay::Palette(palette)) => palette::draw(frame, whole, app, palette),
        Some(Overlay::Filter(filter)) => filter::draw(frame, whole, app, filter),
        Some(Overlay::Dialog(dialog)) => dialog::draw(frame, whole, app, dialog, areas),
    }
}

/// Where a box may be: the header above stays to be seen, and the keys below, where there is room.
fn stage(whole: Rect) -> Rect {
    match whole.height {
        0..12 => whole,
        _ => Rect {
            y: whole.y + 2,
            height: whole.height - 3,
            ..whole
        },
    }
}

/// The screen steps back.
fn dim(frame: &mut Frame, whole: Rect, theme: Theme) {
    let style = Style::reset().patch(theme.dim());
    frame.buffer_mut().set_style(stage(whole), style);
}

/// A place in the middle of so many columns and lines, as far as there is room; empty. A little air
/// stays around it where there is plenty.
fn middle(frame: &mut Frame, whole: Rect, width: usize, height: usize) -> Rect {
    let fit = |wanted: usize, room: u16| u16::try_from(wanted).unwrap_or(u16::MAX).min(room);
    // What does not fit below the header covers it.
    let whole = match stage(whole) {
        stage if height <= usize::from(stage.height) => stage,
        _ => whole,
    };
    let (width, height) = (fit(width, whole.width), fit(height, whole.height));
    let area = Rect {
        x: whole.x + (whole.width - width) / 2,
        // A little above the middle, where one looks first.
        y: whole.y + u16::try_from(u32::from(whole.height - height) * 2 / 5).unwrap_or(0),
        width,
        height,
    };
    clear(frame, area);
    area
}

/// Nothing there. A wide character that reaches into it from the left goes as a whole.
fn clear(frame: &mut Frame, area: Rect) {
    Clear.render(area, frame.buffer_mut());
    if area.x == 0 {
        return;
    }
    for y in area.top()..area.bottom() {
        if let Some(cell) = frame.buffer_mut().cell_mut((area.x - 1, y))
            && crate::tui::text::width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
}

/// The last line, empty: what is typed there takes the place of the footer.
fn bottom(frame: &mut Frame, whole: Rect) -> Rect {
    let area = Rect {
        y: whole.bottom().saturating_sub(1),
        height: 1,
        ..whole
    };
    clear(frame, area);
    area
}

/// A message, harmless, in lines of at most so many cells.
fn wrapped(theme: Theme, text: &str, cells: usize) -> Vec<String> {
    let lines = text.lines().map(|text| line::typed(theme, text));
    lines.flat_map(|text| wrap::words(&text, cells)).collect()
}
