//! What a terminal has no room for: columns that matter less are left out, long lines are broken
//! between words.

use dialoguer::console::measure_text_width;

use super::table::{Cell, Column, Table};

/// The table of these rows, and the rows for it. Where lines would be wider than the terminal,
/// columns are left out, the one at the first place of `dispensable` before all others.
pub(crate) fn fitted(
    columns: &[Column],
    rows: Vec<Vec<Cell>>,
    dispensable: &[usize],
    width: Option<usize>,
) -> (Table, Vec<Vec<Cell>>) {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let mut dispensable = dispensable.iter();
    loop {
        let chosen: Vec<Column> = kept.iter().map(|index| columns[*index]).collect();
        let cells: Vec<Vec<Cell>> = rows
            .iter()
            .map(|row| {
                kept.iter()
                    .filter_map(|index| row.get(*index).cloned())
                    .collect()
            })
            .collect();
        let mut table = Table::new(&chosen);
        if table.measure(&cells) <= width.unwrap_or(usize::MAX) {
            return (table, cells);
        }
        match dispensable.next() {
            Some(least) => kept.retain(|index| index != least),
            None => return (table, cells),
        }
    }
}

/// The text in lines no wider than the terminal; from the second on they are indented. A command in
/// backquotes stays in one piece where it can, to be copied.
pub(crate) fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let mut lines = String::new();
    let mut room = width;
    for (index, word) in pieces(text, width.saturating_sub(indent)).enumerate() {
        let needed = measure_text_width(word);
        if index > 0 && needed + 1 > room && width > indent {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            room = width - indent;
        } else if index > 0 {
            lines.push(' ');
            room = room.saturating_sub(1);
        }
        lines.push_str(word);
        room = room.saturating_sub(needed);
    }
    lines
}

/// The words, and commands in backquotes as one where they are no longer than `longest`.
fn pieces(text: &str, longest: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let space = |from: usize| text[from..].find(' ').map(|at| from + at);
        let mut end = space(0);
        let quote = text.find('`').filter(|at| end.is_none_or(|end| *at < end));
        if let Some(open) = quote
            && let Some(length) = text[open + 1..].find('`')
        {
            let whole = space(open + length + 2);
            let piece = whole.map_or(text, |end| &text[..end]);
            if measure_text_width(piece) <= longest {
                end = whole;
            }
        }
        let (piece, following) = match end {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        };
        rest = following;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::{number, text};

    fn shown(width: Option<usize>) -> String {
        let columns = [text("NAME"), text("STORE"), number("LAG"), text("HEALTH")];
        let row = ["n1", "memory", "0", "ok"].map(Cell::new).to_vec();
        let (mut table, rows) = fitted(&columns, vec![row], &[1, 2], width);
        table.part(&rows, false, width)
    }

    #[test]
    fn columns_that_matter_less_go_first() {
        let all = "NAME  STORE   LAG  HEALTH\nn1    memory    0  ok\n";
        assert_eq!(shown(None), all);
        assert_eq!(shown(Some(25)), all);
        assert_eq!(shown(Some(24)), "NAME  LAG  HEALTH\nn1      0  ok\n");
        assert_eq!(shown(Some(16)), "NAME  HEALTH\nn1    ok\n");
        // Then lines are cut.
        assert_eq!(shown(Some(8)), "NAME  H\u{2026}\nn1    ok\n");
    }

    #[test]
    fn lines_break_between_words() {
        let text = "problem: n3 unreachable (Connection refused)";
        assert_eq!(wrapped(text, 2, None), text);
        assert_eq!(wrapped(text, 2, Some(44)), text);
        assert_eq!(
            wrapped(text, 2, Some(23)),
            "problem: n3 unreachable\n  (Connection refused)"
        );
        assert_eq!(wrapped("endless", 2, Some(3)), "endless");
    }

    #[test]
    fn a_command_stays_in_one_piece_where_it_can() {
        let text = "start it, or `raftctl members ls`.";
        assert_eq!(
            wrapped(text, 2, Some(26)),
            "start it, or\n  `raftctl members ls`."
        );
        assert_eq!(
            wrapped(text, 2, Some(20)),
            "start it, or\n  `raftctl members\n  ls`."
        );
        assert_eq!(wrapped("an odd ` mark", 2, Some(8)), "an odd `\n  mark");
    }
}
