//! A question or a form: what it will do, what is bad about it, and the way out of it first.
//!
//! The buttons are always seen. Where the rest has no room, empty lines and hints go first; then the
//! part is shown that matters: the line that is typed in, the reason of a failure, else the effect.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    text::Span,
};

use super::{dim, middle, wrapped};
use crate::tui::{
    app::{App, Areas, Button, Dialog, DialogState, Field, Focus, Input},
    text,
    theme::Theme,
    view::{glyph, line, panel, panel::Panel},
};

/// How wide it is, where there is room: with lines to read, and with lines to fill in.
const WIDTHS: (usize, usize) = (60, 78);

/// A line of the body.
struct Line {
    spans: Vec<Span<'static>>,
    /// It goes where room is short.
    blank: bool,
    /// It is shown before the others.
    matters: bool,
}

impl Line {
    fn of(spans: Vec<Span<'static>>) -> Self {
        Self {
            spans,
            blank: false,
            matters: false,
        }
    }

    fn blank() -> Self {
        Self {
            blank: true,
            ..Self::of(Vec::new())
        }
    }
}

/// It.
pub(super) fn draw(frame: &mut Frame, whole: Rect, app: &App, dialog: &Dialog, areas: &mut Areas) {
    let theme = app.settings.theme;
    dim(frame, whole, theme);
    let width = usize::from(whole.width).min(wanted(dialog, theme));
    let cells = width.saturating_sub(4);
    let mut lines = body(dialog, cells, theme);
    // The border and the buttons.
    let room = usize::from(whole.height).saturating_sub(3);
    if lines.len() > room {
        lines.retain(|line| !line.blank);
    }
    let area = middle(frame, whole, width, lines.len().min(room) + 3);
    let title = line::typed(theme, &dialog.title);
    let first = first(&lines, room);
    let hidden = lines.len().saturating_sub(room);
    let hidden = if hidden > 0 {
        format!("{hidden} more")
    } else {
        String::new()
    };
    let inner = Panel::titled(theme, title)
        .bottom(theme, hidden, String::new())
        .draw(frame, area, theme);
    let inside = Rect {
        x: inner.x.saturating_add(1).min(inner.right()),
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let text = Rect {
        height: inside.height.saturating_sub(1),
        ..inside
    };
    for (at, line) in lines.into_iter().skip(first).take(room).enumerate() {
        panel::put(frame, text, at, line.spans, theme);
    }
    if inside.height > 0 {
        let row = Rect {
            y: inside.bottom() - 1,
            height: 1,
            ..inside
        };
        buttons(frame, row, dialog, theme, areas);
    }
}

/// As wide as its longest line, within bounds, so that a short question is a small box.
fn wanted(dialog: &Dialog, theme: Theme) -> usize {
    let least = if dialog.fields.is_empty() {
        WIDTHS.0
    } else {
        WIDTHS.1
    };
    let texts = dialog.effect.iter().chain(&dialog.warning);
    let longest = texts
        .map(|text| text::width(&line::typed(theme, text)) + 4)
        .max()
        .unwrap_or(0);
    longest.clamp(least, WIDTHS.1)
}

/// Which line is the first that is shown, of those that fit.
fn first(lines: &[Line], room: usize) -> usize {
    let last = lines.len().saturating_sub(room);
    let matters = lines.iter().position(|line| line.matters);
    let ends = lines.iter().rposition(|line| line.matters);
    match (matters, ends) {
        (Some(matters), Some(ends)) => {
            let lowest = (ends + 1).saturating_sub(room);
            lowest.min(matters).min(last)
        }
        _ => 0,
    }
}

/// All lines but the buttons.
fn body(dialog: &Dialog, cells: usize, theme: Theme) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let paragraph = |text: &str, style: Style| {
        let lines = wrapped(theme, text, cells);
        let lines = lines
            .into_iter()
            .map(move |line| Line::of(vec![Span::styled(line, style)]));
        lines.collect::<Vec<_>>()
    };
    for effect in &dialog.effect {
        lines.extend(paragraph(effect, Style::new()));
    }
    let part = |lines: &mut Vec<Line>| {
        if !lines.is_empty() {
            lines.push(Line::blank());
        }
    };
    if let Some(warning) = &dialog.warning {
        part(&mut lines);
        lines.extend(paragraph(warning, theme.warning()));
    }
    if !dialog.fields.is_empty() {
        part(&mut lines);
        lines.extend(fields(dialog, cells, theme));
    }
    if let Some((word, input)) = &dialog.word {
        if dialog.warning.is_none() {
            part(&mut lines);
        }
        lines.push(asked(dialog, word, input, cells, theme));
    }
    if let DialogState::Failed(reason) = &dialog.state {
        part(&mut lines);
        let mark = theme.glyph("✗ ", "x ");
        let mut failed = paragraph(&format!("{mark}{reason}"), theme.bad());
        // Beside a line that is typed in, the reason of the last attempt can wait.
        let typing = !matches!(dialog.focus, Focus::Button(_));
        for line in &mut failed {
            line.matters = !typing;
        }
        lines.extend(failed);
    }
    lines.push(Line::blank());
    lines
}

/// The lines to fill in: labels, what is typed, and hints where there is room for all of them.
fn fields(dialog: &Dialog, cells: usize, theme: Theme) -> Vec<Line> {
    let widest = |of: fn(&Field) -> &'static str| {
        let widths = dialog.fields.iter().map(|field| text::width(of(field)));
        widths.max().unwrap_or(0)
    };
    let label = widest(|field| field.label).min(cells / 2);
    let hint = widest(|field| field.hint);
    // A mark, the label, two spaces before what is typed and before the hint.
    let left = cells.saturating_sub(2 + label + 2);
    let hint = if hint > 0 && left >= 20 + 2 + hint {
        hint + 2
    } else {
        0
    };
    let typed = left - hint;
    let line = |(at, field): (usize, &Field)| {
        let focused = dialog.focus == Focus::Field(at);
        let mark = if focused { glyph::cursor(theme) } else { " " };
        let style = if focused {
            theme.heading()
        } else {
            Style::new()
        };
        let mut spans = vec![
            Span::styled(mark, theme.leader()),
            Span::raw(" "),
            Span::styled(
                text::left(field.label, label, glyph::ellipsis(theme)),
                style,
            ),
            Span::raw("  "),
        ];
        spans.extend(entered(&field.input, typed, focused, theme));
        if hint > 0 {
            spans.push(Span::styled(format!("  {}", field.hint), theme.dim()));
        }
        Line {
            matters: focused,
            ..Line::of(spans)
        }
    };
    dialog.fields.iter().enumerate().map(line).collect()
}

/// `Type the name to go on: n3`.
fn asked(dialog: &Dialog, word: &str, input: &Input, cells: usize, theme: Theme) -> Line {
    let focused = dialog.focus == Focus::Word;
    // The title has the name; what it does not have is told.
    let what = if dialog.title.contains(word) {
        "the name".to_owned()
    } else {
        line::typed(theme, word)
    };
    let label = format!("Type {what} to go on: ");
    let label = text::cut(&label, cells.saturating_sub(8), glyph::ellipsis(theme));
    let room = cells
        .saturating_sub(text::width(&label))
        .min(word.len() + 12);
    let mut spans = vec![Span::raw(label)];
    spans.extend(entered(input, room, focused, theme));
    Line {
        matters: focused,
        ..Line::of(spans)
    }
}

/// What is typed, on a line that shows how much room there is.
fn entered(input: &Input, cells: usize, focused: bool, theme: Theme) -> Vec<Span<'static>> {
    let style = Style::new().add_modifier(Modifier::UNDERLINED);
    line::spans(input, cells, focused, style, theme)
}

/// `[ Cancel ]  Remove ` at the right, as wide whichever has the focus; before them what goes on.
fn buttons(frame: &mut Frame, row: Rect, dialog: &Dialog, theme: Theme, areas: &mut Areas) {
    let ready = dialog
        .word
        .as_ref()
        .is_none_or(|(word, input)| input.text == *word);
    let working = dialog.state == DialogState::Working;
    let labels = [
        (Button::Cancel, "Cancel"),
        (Button::Confirm, dialog.confirm),
    ];
    let taken: usize = labels.iter().map(|(_, word)| text::width(word) + 4).sum();
    let cells = usize::from(row.width);
    let mut spans = Vec::new();
    let before = cells.saturating_sub(taken);
    let words = if working {
        format!("working{}", theme.glyph("…", "..."))
    } else {
        String::new()
    };
    spans.push(Span::styled(text::left(&words, before, ""), theme.dim()));
    let mut x = before;
    for (button, word) in labels {
        let focused = dialog.focus == Focus::Button(button) && !working;
        let wide = text::width(word) + 4;
        if focused {
            spans.push(Span::styled(
                format!("[ {word} ]"),
                Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            ));
        } else {
            let able = !working && (button == Button::Cancel || ready);
            let style = if able { Style::new() } else { theme.dim() };
            spans.push(Span::styled(format!("  {word}  "), style));
        }
        let offset = u16::try_from(x).unwrap_or(u16::MAX);
        let place = Rect {
            x: row.x.saturating_add(offset),
            width: u16::try_from(wide).unwrap_or(u16::MAX),
            ..row
        };
        let place = place.intersection(row);
        if place.width > 0 {
            areas.buttons.push((place, button));
        }
        x += wide;
    }
    panel::put(frame, row, 0, spans, theme);
}
