//! The overview of a small terminal: a line a member, then what happened.

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::{glyph, list, overview, panel};
use crate::{
    output::table::grouped,
    survey::{Health, Seen, Survey, label},
    tui::{
        app::{App, Areas},
        text,
        update::lists,
    },
};

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let listed = lists::members(app);
    let Some(survey) = &app.shown().survey else {
        overview::no_answer(frame, area, app);
        return;
    };
    let names = listed
        .iter()
        .map(|seen| text::width(&glyph::harmless(theme, label(&seen.member))));
    let name = names.max().unwrap_or(0).clamp(2, 12);
    let lines = usize::from(area.height);
    let selected = app.member.at.min(listed.len().saturating_sub(1));
    let before = app.areas.list.map_or(0, |list| list.1);
    let first = list::offset(before, selected, lines, listed.len());
    for (line, seen) in listed.iter().skip(first).take(lines).enumerate() {
        let mut spans = row(app, survey, seen, name, usize::from(area.width));
        let chosen = first + line == selected;
        let mark = if chosen { glyph::cursor(theme) } else { " " };
        spans.insert(0, Span::styled(mark, theme.leader()));
        panel::put(frame, area, line, spans, theme);
    }
    let taken = u16::try_from(listed.len())
        .unwrap_or(u16::MAX)
        .min(area.height);
    areas.list = Some((
        Rect {
            height: taken,
            ..area
        },
        first,
    ));
    // An empty line between them.
    let rest = Rect {
        x: area.x + 1.min(area.width),
        y: area.y + taken + 1.min(area.height - taken),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(taken + 1),
    };
    if rest.height > 0 && !app.shown().events.is_empty() {
        overview::event_lines(frame, rest, app);
    }
}

/// `★ n2  leader       t7  1 284 913           -`
fn row(app: &App, survey: &Survey, seen: &Seen, name: usize, width: usize) -> Vec<Span<'static>> {
    let theme = app.settings.theme;
    let ellipsis = glyph::ellipsis(theme);
    let silent = app.shown().error.is_some();
    let old = silent || seen.health == Health::Unreachable;
    let plain = if old { theme.dim() } else { Style::new() };
    let emphasis = |style: Style| if silent { theme.dim() } else { style };
    let (mark, mark_style) = glyph::of(theme, seen);
    let (word, word_style) = glyph::word(app, seen, survey);
    let label = glyph::harmless(theme, label(&seen.member));
    let status = overview::last(app, seen);
    let figure = |text: Option<String>, cells| {
        let text = text.unwrap_or_else(|| "-".to_owned());
        Span::styled(text::right(&text, cells, ellipsis), plain)
    };
    let mut row = vec![
        Span::styled(format!("{mark} "), emphasis(mark_style)),
        Span::styled(text::left(&label, name, ellipsis), emphasis(mark_style)),
        Span::raw("  "),
        Span::styled(text::left(&word, 11, ellipsis), emphasis(word_style)),
        figure(status.map(|status| format!("t{}", status.term)), 4),
        figure(status.map(|status| grouped(status.last_log)), 11),
    ];
    // The lag has what is left, the first cell is for the mark of the selected row.
    let taken: usize = row.iter().map(Span::width).sum();
    let room = width.saturating_sub(taken + 3).min(11);
    if room >= 3 {
        let (lag, style) = overview::lag(app, seen, room);
        let lag = text::right(&lag, room, ellipsis);
        row.push(Span::styled(format!(" {lag}"), emphasis(style)));
    }
    row
}
