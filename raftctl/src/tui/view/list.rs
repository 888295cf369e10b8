//! Lists. Columns keep their widths whatever is in them, so that nothing jumps, and whole columns go
//! where a line is too narrow; only rows that are seen are asked for, so that a list of ten thousand
//! costs what a screen of it does.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    text::Span,
};

use super::{glyph, panel, wrap};
use crate::tui::{app::Order, text, theme::Theme};

/// The least space between two columns, and the most where there is plenty.
const GAPS: (usize, usize) = (2, 4);

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    width: usize,
    right: bool,
    /// The highest goes first where room is short; 0 stays.
    spare: u8,
    /// How wide it becomes at most, where there is room.
    most: usize,
}

impl Column {
    /// Of words, so wide.
    pub(crate) const fn text(title: &'static str, width: usize) -> Self {
        Self {
            title,
            width,
            right: false,
            spare: 0,
            most: width,
        }
    }

    /// Of numbers.
    pub(crate) const fn number(title: &'static str, width: usize) -> Self {
        Self {
            right: true,
            ..Self::text(title, width)
        }
    }

    /// It may be left out, before those of a lower number.
    pub(crate) const fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }

    /// It takes what the others leave, up to so many cells in all.
    pub(crate) const fn grows(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// A field of a row: its text, harmless, and its style.
pub(crate) type Cell = (String, Style);

/// A list to be drawn.
pub(crate) struct List<'a> {
    pub(crate) columns: &'a [Column],
    /// How many rows there are.
    pub(crate) rows: usize,
    /// The selected row, if one can be.
    pub(crate) selected: Option<usize>,
    /// The row that was at the top of the picture before, or is to be where none is selected.
    pub(crate) before: usize,
    /// Which column the rows are ordered by, and which way.
    pub(crate) order: Option<Order>,
    /// Whether it has the keys that move; else the selected row is only marked.
    pub(crate) focused: bool,
}

impl List<'_> {
    /// Draws it, and says where its rows are and which one is at the top. The first cell of a row is
    /// for the mark of the selected one.
    pub(crate) fn draw(
        &self,
        frame: &mut Frame,
        area: Rect,
        theme: Theme,
        cells: impl Fn(usize) -> Vec<Cell>,
    ) -> (Rect, usize) {
        let titles = u16::from(area.height > 1);
        let rows = Rect {
            y: area.y + titles,
            height: area.height - titles,
            ..area
        };
        let lines = usize::from(rows.height);
        let last = self.rows.saturating_sub(1);
        let selected = self.selected.map(|at| at.min(last));
        let first = offset(
            self.before,
            selected.unwrap_or(self.before),
            lines,
            self.rows,
        );
        // One for the mark, one so that nothing touches the border.
        let columns = chosen(self.columns, usize::from(area.width).saturating_sub(2));
        if titles > 0 {
            let head: Vec<Cell> = (0..self.columns.len())
                .map(|at| (self.title(at, theme), self.title_style(at, theme)))
                .collect();
            let spans = self.spans(" ", &columns, &head, theme);
            panel::put(frame, area, 0, spans, theme);
        }
        for line in 0..lines.min(self.rows.saturating_sub(first)) {
            let row = first + line;
            let chosen = selected == Some(row);
            let mark = if chosen { glyph::cursor(theme) } else { " " };
            let spans = self.spans(mark, &columns, &cells(row), theme);
            panel::put(frame, rows, line, spans, theme);
            if chosen {
                // No taller than a u16: it is a line of the area.
                let y = rows.y + u16::try_from(line).unwrap_or(0);
                let whole = Rect::new(rows.x, y, rows.width, 1);
                let style = if self.focused {
                    theme.selected()
                } else {
                    Style::new().add_modifier(Modifier::BOLD)
                };
                frame.buffer_mut().set_style(whole, style);
            }
        }
        (rows, first)
    }

    /// With the mark of the order at the side where it moves nothing.
    fn title(&self, at: usize, theme: Theme) -> String {
        let column = &self.columns[at];
        match self.order.filter(|order| order.column == at) {
            Some(order) => {
                let mark = if order.descending {
                    theme.glyph("▼", "v")
                } else {
                    theme.glyph("▲", "^")
                };
                if column.right {
                    format!("{mark} {}", column.title)
                } else {
                    format!("{} {mark}", column.title)
                }
            }
            None => column.title.to_owned(),
        }
    }

    fn title_style(&self, at: usize, theme: Theme) -> Style {
        if self.order.is_some_and(|order| order.column == at) {
            theme.heading()
        } else {
            theme.dim()
        }
    }

    fn spans(
        &self,
        mark: &'static str,
        columns: &[(usize, usize, usize)],
        cells: &[Cell],
        theme: Theme,
    ) -> Vec<Span<'static>> {
        let ellipsis = glyph::ellipsis(theme);
        let mut spans = vec![Span::styled(mark, theme.leader())];
        for (at, gap, width) in columns {
            let Some((text, style)) = cells.get(*at) else {
                continue;
            };
            spans.push(Span::raw(" ".repeat(*gap)));
            let text = if self.columns[*at].right {
                text::right(text, *width, ellipsis)
            } else {
                text::left(text, *width, ellipsis)
            };
            spans.push(Span::styled(text, *style));
        }
        spans
    }
}

/// The columns that are shown: their place among all, the space before them and their width.
fn chosen(columns: &[Column], width: usize) -> Vec<(usize, usize, usize)> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let needed = |kept: &[usize]| {
        let widths: usize = kept.iter().map(|at| columns[*at].width).sum();
        widths + GAPS.0 * kept.len().saturating_sub(1)
    };
    while needed(&kept) > width {
        let least = kept.iter().copied().max_by_key(|at| columns[*at].spare);
        match least.filter(|at| columns[*at].spare > 0) {
            Some(least) => kept.retain(|at| *at != least),
            None => break,
        }
    }
    let mut left = width.saturating_sub(needed(&kept));
    let mut places = Vec::with_capacity(kept.len());
    for at in &kept {
        let extra = left.min(columns[*at].most - columns[*at].width);
        left -= extra;
        places.push((*at, GAPS.0, columns[*at].width + extra));
    }
    // What nothing grows into goes between them, up to a point.
    let gaps = places.len().saturating_sub(1).max(1);
    for (place, (_, gap, _)) in places.iter_mut().enumerate() {
        *gap = match place {
            0 => 0,
            _ => (*gap + left / gaps + usize::from(place <= left % gaps)).min(GAPS.1),
        };
    }
    places
}

/// The first row that is shown: as it was, and moved as little as needed to show the selected one.
pub(crate) fn offset(before: usize, selected: usize, lines: usize, rows: usize) -> usize {
    let last = rows.saturating_sub(lines);
    let highest = selected;
    let lowest = (selected + 1).saturating_sub(lines);
    before.clamp(lowest.min(highest), highest).min(last)
}

/// A few words where there is nothing to list, in the middle of it: what is so, then what can be
/// done about it.
pub(crate) fn words(frame: &mut Frame, area: Rect, words: &[Cell], theme: Theme) {
    let cells = usize::from(area.width).saturating_sub(4).min(72);
    let lines: Vec<Span> = words
        .iter()
        .flat_map(|(text, style)| {
            let lines = wrap::words(text, cells);
            lines
                .into_iter()
                .map(move |line| Span::styled(line, *style))
        })
        .collect();
    let room = usize::from(area.height);
    // A little above the middle, where one looks first.
    let top = room.saturating_sub(lines.len()) * 2 / 5;
    for (at, line) in lines.into_iter().enumerate().take(room) {
        let before = usize::from(area.width).saturating_sub(line.width()) / 2;
        let spans = vec![Span::raw(" ".repeat(before)), line];
        panel::put(frame, area, top + at, spans, theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_priority_and_keep_their_width() {
        let columns = [
            Column::text("a", 4).grows(9),
            Column::number("b", 6).spare(1),
            Column::number("c", 5).spare(2),
        ];
        assert_eq!(chosen(&columns, 19), [(0, 0, 4), (1, 2, 6), (2, 2, 5)]);
        assert_eq!(chosen(&columns, 18), [(0, 0, 9), (1, 3, 6)]);
        assert_eq!(chosen(&columns, 3), [(0, 0, 4)]);
        assert_eq!(chosen(&columns, 21), [(0, 0, 6), (1, 2, 6), (2, 2, 5)]);
        assert_eq!(chosen(&columns, 90), [(0, 0, 9), (1, 4, 6), (2, 4, 5)]);
    }

    #[test]
    fn the_offset_moves_as_little_as_needed() {
        assert_eq!(offset(0, 4, 5, 20), 0);
        assert_eq!(offset(0, 5, 5, 20), 1);
        assert_eq!(offset(7, 8, 5, 20), 7);
        assert_eq!(offset(7, 3, 5, 20), 3);
        // Fewer rows than before: no empty lines below.
        assert_eq!(offset(18, 19, 5, 20), 15);
        assert_eq!(offset(9, 0, 5, 0), 0);
        assert_eq!(offset(3, 2, 0, 9), 2);
    }
}
