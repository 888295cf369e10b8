//! A box with a title, and lines that fit.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    symbols::border,
    text::{Line, Span},
    widgets::{Block, Widget},
};

use super::glyph;
use crate::tui::{text, theme::Theme};

/// Boxes without characters beyond ASCII.
const ASCII: border::Set = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// What stands in the border of a box.
#[derive(Default)]
pub(crate) struct Panel<'a> {
    title: Vec<Span<'a>>,
    right: Vec<Span<'a>>,
    bottom_left: Option<Span<'a>>,
    bottom_right: Option<Span<'a>>,
    focused: bool,
}

impl<'a> Panel<'a> {
    /// With this title.
    pub(crate) fn titled(theme: Theme, title: impl Into<String>) -> Self {
        Self {
            title: vec![Span::styled(title.into(), theme.heading())],
            ..Self::default()
        }
    }

    /// Marked, and with a strong border, if it has the keys that move.
    pub(crate) fn focused(mut self, theme: Theme, focused: bool) -> Self {
        self.focused = focused;
        if focused {
            let mark = format!("{} ", glyph::cursor(theme));
            self.title.insert(0, Span::styled(mark, theme.heading()));
        }
        self
    }

    /// More of the title, dim: what is listed, by what it is narrowed.
    pub(crate) fn about(mut self, theme: Theme, about: impl Into<String>) -> Self {
        let about = about.into();
        if !about.is_empty() {
            let rule = glyph::rule(theme);
            self.title
                .push(Span::styled(format!(" {rule} "), theme.dim()));
            self.title.push(Span::styled(about, theme.dim()));
        }
        self
    }

    /// At the right of the title.
    pub(crate) fn right(mut self, text: impl Into<String>, style: Style) -> Self {
        self.right.push(Span::styled(text.into(), style));
        self
    }

    /// In the lower border.
    pub(crate) fn bottom(mut self, theme: Theme, left: String, right: String) -> Self {
        self.bottom_left = Some(Span::styled(left, theme.dim()));
        self.bottom_right = Some(Span::styled(right, theme.dim()));
        self
    }

    /// Draws it, and says what is inside.
    pub(crate) fn draw(self, frame: &mut Frame, area: Rect, theme: Theme) -> Rect {
        let set = if theme.unicode { border::PLAIN } else { ASCII };
        let border = if self.focused {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            theme.dim()
        };
        let mut block = Block::bordered().border_set(set).border_style(border);
        let room = usize::from(area.width.saturating_sub(4));
        let title = fit(self.title, room, theme);
        let right = Line::from(self.right);
        let taken = title.width();
        block = block.title_top(framed(title));
        if right.width() > 0 && taken + right.width() + 3 <= room {
            block = block.title_top(framed(right).right_aligned());
        }
        let bottoms = [&self.bottom_left, &self.bottom_right];
        let widths: usize = bottoms.iter().copied().flatten().map(Span::width).sum();
        if widths + 3 <= room {
            if let Some(left) = self.bottom_left.filter(|span| span.width() > 0) {
                block = block.title_bottom(framed(Line::from(left)));
            }
            if let Some(right) = self.bottom_right.filter(|span| span.width() > 0) {
                block = block.title_bottom(framed(Line::from(right)).right_aligned());
            }
        }
        let inner = block.inner(area);
        block.render(area, frame.buffer_mut());
        inner
    }
}

/// Which of how many lines are shown, in the lower border of a box that cannot show them all.
pub(crate) fn part(
    frame: &mut Frame,
    area: Rect,
    first: usize,
    lines: usize,
    all: usize,
    theme: Theme,
) {
    if all <= lines || area.height <= 2 {
        return;
    }
    let text = format!(" {}-{} of {all} ", first + 1, (first + lines).min(all));
    let wide = u16::try_from(text.len()).unwrap_or(u16::MAX);
    if wide.saturating_add(4) <= area.width {
        let place = Rect::new(area.right() - wide - 1, area.bottom() - 1, wide, 1);
        let style = Style::reset().patch(theme.dim());
        put(frame, place, 0, vec![Span::styled(text, style)], theme);
    }
}

/// With a space at either side, and in its own style whatever that of the border is.
fn framed(line: Line<'_>) -> Line<'_> {
    if line.width() == 0 {
        return line;
    }
    let mut spans = vec![Span::raw(" ")];
    spans.extend(line.spans.into_iter().map(|span| {
        let style = Style::reset().patch(span.style);
        span.style(style)
    }));
    spans.push(Span::raw(" "));
    Line::from(spans)
}

/// The line no wider than so many cells; an ellipsis stands for what was cut off.
pub(crate) fn fit(spans: Vec<Span<'_>>, cells: usize, theme: Theme) -> Line<'_> {
    let whole: usize = spans.iter().map(Span::width).sum();
    if whole <= cells {
        return Line::from(spans);
    }
    let ellipsis = glyph::ellipsis(theme);
    let mut left = cells;
    let mut kept = Vec::new();
    for span in spans {
        let wide = span.width();
        // The ellipsis needs its place in the last one.
        if wide + text::width(ellipsis) <= left {
            left -= wide;
            kept.push(span);
            continue;
        }
        let mut longer = span.content.into_owned();
        // So that it is cut even where only the following ones do not fit.
        longer.extend(std::iter::repeat_n(' ', left + 1));
        kept.push(Span::styled(text::cut(&longer, left, ellipsis), span.style));
        break;
    }
    Line::from(kept)
}

/// Writes a line at this line of the area, cut to it. Nothing outside.
pub(crate) fn put(frame: &mut Frame, area: Rect, line: usize, spans: Vec<Span<'_>>, theme: Theme) {
    let Ok(line) = u16::try_from(line) else {
        return;
    };
    if line >= area.height || area.width == 0 {
        return;
    }
    let row = Rect::new(area.x, area.y + line, area.width, 1);
    fit(spans, usize::from(area.width), theme).render(row, frame.buffer_mut());
}

/// A few dim words where there is nothing to show, in the middle of it.
pub(crate) fn empty(frame: &mut Frame, area: Rect, words: &str, theme: Theme) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let row = Rect::new(area.x, area.y + (area.height - 1) / 2, area.width, 1);
    fit(
        vec![Span::styled(words.to_owned(), theme.dim())],
        usize::from(area.width),
        theme,
    )
    .centered()
    .render(row, frame.buffer_mut());
}
