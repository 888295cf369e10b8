//! `/`: the last line while a filter is typed. The list above follows at once.

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::bottom;
use crate::tui::{
    app::{App, Filter, Screen},
    keys,
    view::{line, panel},
};

/// It.
pub(super) fn draw(frame: &mut Frame, whole: Rect, app: &App, filter: &Filter) {
    let theme = app.settings.theme;
    let area = bottom(frame, whole);
    let cells = usize::from(area.width);
    let label = if app.screen == Screen::Browser {
        "prefix"
    } else {
        "filter"
    };
    let mut spans = vec![Span::raw(" ")];
    if cells >= 24 {
        spans.push(Span::styled(format!("{label} "), theme.dim()));
    }
    spans.push(Span::styled("/", theme.heading()));
    let taken: usize = spans.iter().map(Span::width).sum();
    let hints = hints(app);
    let hinted: usize = hints.iter().map(Span::width).sum();
    // What is typed needs room more than the hints do.
    let hinted = if taken + 20 + hinted < cells {
        hinted + 1
    } else {
        0
    };
    let room = cells.saturating_sub(taken + hinted);
    spans.extend(line::spans(&filter.input, room, true, Style::new(), theme));
    if hinted > 0 {
        spans.extend(hints);
    }
    panel::put(frame, area, 0, spans, theme);
}

fn hints(app: &App) -> Vec<Span<'static>> {
    let theme = app.settings.theme;
    let mut spans = Vec::new();
    for (key, word) in keys::hints(app) {
        let gap = if spans.is_empty() { 0 } else { 3 };
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(key, theme.heading()));
        spans.push(Span::styled(format!(" {word}"), theme.dim()));
    }
    spans
}
