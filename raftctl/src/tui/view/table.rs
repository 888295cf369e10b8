//! Columns that fit. Each has its width for good, whatever is in it, so that nothing jumps; where a
//! line is too narrow for all, whole columns go.

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::{glyph, panel};
use crate::tui::{text, theme::Theme};

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
    /// Whether it takes what the others leave.
    grows: bool,
}

impl Column {
    /// Of words, so wide.
    pub(crate) const fn text(title: &'static str, width: usize) -> Self {
        Self {
            title,
            width,
            right: false,
            spare: 0,
            grows: false,
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

    /// It takes what the others leave.
    pub(crate) const fn grows(self) -> Self {
        Self {
            grows: true,
            ..self
        }
    }
}

/// A field of a row: its text, harmless, and its style.
pub(crate) type Cell = (String, Style);

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
    let left = width.saturating_sub(needed(&kept));
    let growing = kept.iter().filter(|at| columns[**at].grows).count();
    let gaps = kept.len().saturating_sub(1).max(1);
    let places = kept.iter().enumerate().map(|(place, at)| {
        let gap = match place {
            0 => 0,
            _ if growing > 0 => GAPS.0,
            // What cannot be divided goes to the first ones.
            _ => (GAPS.0 + left / gaps + usize::from(place <= left % gaps)).min(GAPS.1),
        };
        let extra = if columns[*at].grows {
            left / growing
        } else {
            0
        };
        (*at, gap, columns[*at].width + extra)
    });
    places.collect()
}

/// The first row that is shown: as it was, and moved as little as needed to show the selected one.
pub(crate) fn offset(before: usize, selected: usize, lines: usize, rows: usize) -> usize {
    let last = rows.saturating_sub(lines);
    let highest = selected;
    let lowest = (selected + 1).saturating_sub(lines);
    before.clamp(lowest.min(highest), highest).min(last)
}

/// A table to be drawn.
pub(crate) struct Table<'a> {
    pub(crate) columns: &'a [Column],
    /// How many rows there are.
    pub(crate) rows: usize,
    pub(crate) selected: Option<usize>,
    /// The row that was at the top.
    pub(crate) before: usize,
    /// Whether the titles of the columns are shown.
    pub(crate) titles: bool,
}

impl Table<'_> {
    /// Draws it, and says where its rows are and which one is at the top. The first column of the
    /// area is for the mark of the selected row. Only rows that are seen are asked for.
    pub(crate) fn draw(
        &self,
        frame: &mut Frame,
        area: Rect,
        theme: Theme,
        cells: impl Fn(usize) -> Vec<Cell>,
    ) -> (Rect, usize) {
        let titles = u16::from(self.titles && area.height > 1);
        let rows = Rect {
            y: area.y + titles,
            height: area.height - titles,
            ..area
        };
        let lines = usize::from(rows.height);
        let selected = self.selected.unwrap_or(0).min(self.rows.saturating_sub(1));
        let first = offset(self.before, selected, lines, self.rows);
        // One for the mark, one so that nothing touches the border.
        let room = usize::from(area.width).saturating_sub(2);
        let columns = chosen(self.columns, room);
        let ellipsis = glyph::ellipsis(theme);
        let spans = |mark: &'static str, cells: Vec<Cell>| -> Vec<Span<'static>> {
            let mut spans = vec![Span::styled(mark, theme.leader())];
            for (at, gap, width) in &columns {
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
        };
        if titles > 0 {
            let head = self.columns.iter();
            let head = head.map(|column| (column.title.to_owned(), theme.dim()));
            panel::put(frame, area, 0, spans(" ", head.collect()), theme);
        }
        for line in 0..lines.min(self.rows.saturating_sub(first)) {
            let row = first + line;
            let chosen = self.selected == Some(row);
            let mark = if chosen { glyph::cursor(theme) } else { " " };
            panel::put(frame, rows, line, spans(mark, cells(row)), theme);
            if chosen {
                // No taller than a u16: it is a line of the area.
                let y = rows.y + u16::try_from(line).unwrap_or(0);
                let whole = Rect::new(rows.x, y, rows.width, 1);
                frame.buffer_mut().set_style(whole, theme.selected());
            }
        }
        (rows, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_priority_and_keep_their_width() {
        let columns = [
            Column::text("a", 4),
            Column::number("b", 6).spare(1),
            Column::number("c", 5).spare(2),
        ];
        let places = |width| -> Vec<usize> {
            let kept = chosen(&columns, width);
            kept.iter().map(|(at, ..)| *at).collect()
        };
        assert_eq!(places(19), [0, 1, 2]);
        assert_eq!(places(18), [0, 1]);
        assert_eq!(places(12), [0, 1]);
        assert_eq!(places(11), [0]);
        assert_eq!(places(1), [0]);
        // What is left goes between them, up to a point.
        assert_eq!(chosen(&columns, 20), [(0, 0, 4), (1, 3, 6), (2, 2, 5)]);
        assert_eq!(chosen(&columns, 90), [(0, 0, 4), (1, 4, 6), (2, 4, 5)]);
        let growing = [Column::text("a", 4), Column::text("b", 4).grows()];
        assert_eq!(chosen(&growing, 20), [(0, 0, 4), (1, 2, 14)]);
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
