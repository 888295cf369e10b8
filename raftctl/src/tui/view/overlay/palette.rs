//! `:`: a command in the last line, and above it what it may become.

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::{bottom, clear, stage};
use crate::tui::{
    app::{App, Palette},
    text,
    view::{glyph, line, list, panel, panel::Panel},
};

/// The most suggestions seen at once, and the widest box of them.
const LINES: usize = 8;
const WIDTH: u16 = 90;

/// It.
pub(super) fn draw(frame: &mut Frame, whole: Rect, app: &App, palette: &Palette) {
    let theme = app.settings.theme;
    let area = bottom(frame, whole);
    let cells = usize::from(area.width);
    let mut spans = vec![Span::styled(" :", theme.heading())];
    let room = cells.saturating_sub(2);
    spans.extend(line::spans(&palette.input, room, true, Style::new(), theme));
    panel::put(frame, area, 0, spans, theme);

    // As high whatever is typed: it does not dance above the line.
    let above = area.y - stage(whole).y;
    let height = u16::try_from(LINES + 2).unwrap_or(above).min(above);
    if height < 3 {
        return;
    }
    let place = Rect {
        y: area.y - height,
        width: WIDTH.min(whole.width),
        height,
        ..whole
    };
    clear(frame, place);
    let ellipsis = glyph::ellipsis(theme);
    let count = palette.suggestions.len();
    let lines = usize::from(height - 2);
    let selected = palette.selected.min(count.saturating_sub(1));
    let position = if count > lines {
        format!("{} of {count}", selected + 1)
    } else {
        String::new()
    };
    let inner = Panel::titled(theme, "Commands")
        .bottom(
            theme,
            "Enter run   Tab complete   Esc close".to_owned(),
            position,
        )
        .draw(frame, place, theme);
    if count == 0 {
        panel::empty(frame, inner, "no such command", theme);
        return;
    }
    let first = list::offset(0, selected, lines, count);
    let room = usize::from(inner.width).saturating_sub(2);
    // Two columns, the first one as wide whichever suggestions there are. It matters more.
    let wide = match room {
        0..30 => room,
        30..56 => room * 3 / 5,
        _ => (room * 2 / 5).min(34),
    };
    for (at, it) in palette
        .suggestions
        .iter()
        .enumerate()
        .skip(first)
        .take(lines)
    {
        let chosen = at == selected;
        let name = text::left(&line::typed(theme, &it.line), wide, ellipsis);
        let about = line::typed(theme, &it.about);
        let about = text::left(&about, room.saturating_sub(wide + 2), ellipsis);
        let spans = vec![
            Span::styled(
                if chosen { glyph::cursor(theme) } else { " " },
                theme.leader(),
            ),
            Span::styled(name, theme.heading()),
            Span::raw("  "),
            Span::styled(about, theme.dim()),
        ];
        panel::put(frame, inner, at - first, spans, theme);
        if chosen {
            let y = inner.y + u16::try_from(at - first).unwrap_or(0);
            let row = Rect {
                y,
                height: 1,
                ..inner
            };
            frame.buffer_mut().set_style(row, theme.selected());
        }
    }
}
