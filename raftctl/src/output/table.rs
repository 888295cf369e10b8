//! The form for people: aligned columns, grouped digits, a little colour.

use std::{fmt::Write as _, time::Duration};

use dialoguer::console::{measure_text_width, truncate_str};

/// The space between two columns.
const GAP: &str = "  ";

/// What a text means, as far as colour can say it. Nothing is said by colour alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Normal,
    Heading,
    Accent,
    Good,
    Warning,
    Bad,
    Dim,
}

impl Tone {
    /// The text in this tone; unchanged without colour.
    pub(crate) fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            _ if !color || text.is_empty() => return text.to_owned(),
            Self::Normal => return text.to_owned(),
            Self::Heading => "1",
            Self::Accent => "1;36",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// On which side a column is filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// The head of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
}

/// A column of text.
pub(crate) const fn text(title: &'static str) -> Column {
    Column {
        title,
        align: Align::Left,
    }
}

/// A column of numbers.
pub(crate) const fn number(title: &'static str) -> Column {
    Column {
        title,
        align: Align::Right,
    }
}

/// One field of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Normal,
        }
    }

    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }

    /// A number with grouped digits.
    pub(crate) fn number(value: u64) -> Self {
        Self::new(grouped(value))
    }

    /// A number, or a dash.
    pub(crate) fn optional(value: Option<u64>) -> Self {
        match value {
            Some(value) => Self::number(value),
            None => Self::toned("-", Tone::Dim),
        }
    }
}

/// A table that is printed part by part: columns keep their width from one part to the next and
/// only ever grow, and the heading is printed once.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    widths: Vec<usize>,
    headed: bool,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            widths: columns
                .iter()
                .map(|column| measure_text_width(column.title))
                .collect(),
            columns: columns.to_vec(),
            headed: false,
        }
    }

    /// The first columns are so wide from the beginning, for rows that come one at a time.
    pub(crate) fn at_least(mut self, widths: &[usize]) -> Self {
        for (width, least) in self.widths.iter_mut().zip(widths) {
            *width = (*width).max(*least);
        }
        self
    }

    /// Makes the columns as wide as these rows want them; returns the width of a line.
    pub(crate) fn measure(&mut self, rows: &[Vec<Cell>]) -> usize {
        for row in rows {
            for (widest, cell) in self.widths.iter_mut().zip(row) {
                *widest = (*widest).max(measure_text_width(&cell.text));
            }
        }
        let gaps = self.widths.len().saturating_sub(1) * GAP.len();
        self.widths.iter().sum::<usize>() + gaps
    }

    /// These rows as lines, under the heading if it is the first part. With `width`, lines are cut
    /// there: only the last column is expected to be long.
    pub(crate) fn part(&mut self, rows: &[Vec<Cell>], color: bool, width: Option<usize>) -> String {
        self.measure(rows);
        let mut lines = String::new();
        if !self.headed {
            self.headed = true;
            let heading: Vec<Cell> = self
                .columns
                .iter()
                .map(|column| Cell::toned(column.title, Tone::Heading))
                .collect();
            self.line(&mut lines, &heading, color, width);
        }
        for row in rows {
            self.line(&mut lines, row, color, width);
        }
        lines
    }

    fn line(&self, lines: &mut String, cells: &[Cell], color: bool, width: Option<usize>) {
        let mut room = width.unwrap_or(usize::MAX);
        // Spaces are written before what follows them, so that no line ends in one.
        let mut pending = 0;
        for (index, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
            let gap = if index > 0 { GAP.len() } else { 0 };
            let fill = self.widths[index].saturating_sub(measure_text_width(&cell.text));
            let (before, after) = match column.align {
                Align::Left => (gap, fill),
                Align::Right => (gap + fill, 0),
            };
            pending += before;
            if !cell.text.is_empty() {
                if pending >= room {
                    break;
                }
                room -= pending;
                lines.extend(std::iter::repeat_n(' ', pending));
                pending = 0;
                let shown = truncate_str(&cell.text, room, "\u{2026}");
                room = room.saturating_sub(measure_text_width(&shown));
                lines.push_str(&cell.tone.paint(&shown, color));
            }
            pending += after;
        }
        lines.push('\n');
    }
}

/// Name and value a line, the values aligned.
pub(crate) fn facts(facts: &[(&str, String)], color: bool) -> String {
    let width = facts
        .iter()
        .map(|(name, _)| measure_text_width(name))
        .max()
        .unwrap_or(0);
    let mut lines = String::new();
    for (name, value) in facts {
        let name = format!("{name:<width$}");
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}{GAP}{value}", Tone::Dim.paint(&name, color));
    }
    lines
}

/// A line of text that ends at the edge of the terminal, if there is one.
pub(crate) fn cut(line: &str, width: Option<usize>) -> String {
    truncate_str(line, width.unwrap_or(usize::MAX), "\u{2026}").into_owned()
}

/// The digits in groups of three: `1 284 913`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A size with a binary unit: `512 B`, `1.5 KiB`, `412 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Precise enough: three digits are shown.
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// A latency in milliseconds, always the same unit: `0.12 ms`.
pub(crate) fn milliseconds(latency: Duration) -> String {
    format!("{:.2} ms", latency.as_secs_f64() * 1e3)
}

/// `1 key`, `12 keys`.
pub(crate) fn counted(count: u64, singular: &str) -> String {
    counted_as(count, singular, &format!("{singular}s"))
}

/// `1 entry`, `12 entries`.
pub(crate) fn counted_as(count: u64, singular: &str, plural: &str) -> String {
    let noun = if count == 1 { singular } else { plural };
    format!("{} {noun}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_in_threes() {
        let table = [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (1_284_913, "1 284 913"),
            (u64::MAX, "18 446 744 073 709 551 615"),
        ];
        for (value, text) in table {
            assert_eq!(grouped(value), text);
        }
        assert_eq!(counted(1, "key"), "1 key");
        assert_eq!(counted(1200, "key"), "1 200 keys");
    }

    #[test]
    fn sizes_have_at_most_three_digits_and_a_unit() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10 * 1024, "10 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (412 * 1024 * 1024, "412 MiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn latencies_keep_one_unit() {
        assert_eq!(milliseconds(Duration::from_micros(120)), "0.12 ms");
        assert_eq!(milliseconds(Duration::from_secs(2)), "2000.00 ms");
    }

    #[test]
    fn numbers_are_right_aligned_and_no_line_ends_in_spaces() {
        let mut table = Table::new(&[text("NAME"), number("KEYS"), text("NOTE")]);
        let rows = [
            vec![Cell::new("a"), Cell::number(1234), Cell::default()],
            vec![Cell::new("longer"), Cell::optional(None), Cell::new("ok")],
        ];
        assert_eq!(
            table.part(&rows, false, None),
            "NAME     KEYS  NOTE\n\
             a       1 234\n\
             longer      -  ok\n"
        );
        let later = [vec![Cell::new("b"), Cell::number(5), Cell::new("x")]];
        assert_eq!(table.part(&later, false, None), "b           5  x\n");
    }

    #[test]
    fn wide_characters_take_two_cells() {
        let mut table = Table::new(&[text("K"), text("V")]);
        let rows = [
            vec![Cell::new("\u{6f22}"), Cell::new("1")],
            vec![Cell::new("ab"), Cell::new("2")],
        ];
        assert_eq!(
            table.part(&rows, false, None),
            "K   V\n\u{6f22}  1\nab  2\n"
        );
    }

    #[test]
    fn on_a_terminal_a_line_ends_at_its_edge() {
        let mut table = Table::new(&[text("KEY"), text("VALUE")]);
        let rows = [vec![Cell::new("k"), Cell::new("0123456789")]];
        assert_eq!(
            table.part(&rows, false, Some(10)),
            "KEY  VALUE\nk    0123\u{2026}\n"
        );
        assert_eq!(table.part(&rows, false, Some(4)), "k\n");
    }

    #[test]
    fn colour_is_added_only_where_it_is_wanted() {
        assert_eq!(Tone::Bad.paint("x", true), "\x1b[31mx\x1b[0m");
        assert_eq!(Tone::Bad.paint("x", false), "x");
        assert_eq!(
            facts(
                &[("key", "a".to_owned()), ("revision", "1".to_owned())],
                false
            ),
            "key       a\nrevision  1\n"
        );
    }
}
