//! Lines that are longer than there is room: broken between words, or wherever they are full.

use unicode_segmentation::UnicodeSegmentation;

use crate::tui::text;

/// The text in lines of at most so many cells, broken between words; a word that is longer is broken
/// where the line is full. An empty text is an empty line.
pub(crate) fn words(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut taken = 0;
    for (at, word) in text.split(' ').enumerate() {
        let wide = text::width(word);
        if at > 0 && taken + 1 + wide > cells {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        } else if at > 0 {
            line.push(' ');
            taken += 1;
        }
        if wide <= cells {
            line.push_str(word);
            taken += wide;
            continue;
        }
        let rows = rows(word, cells);
        for row in 0..rows {
            let part = part(word, cells, row);
            if row + 1 < rows {
                lines.push(part.to_owned());
            } else {
                line.push_str(part);
                taken = text::width(part);
            }
        }
    }
    lines.push(line);
    lines
}

/// How many rows of so many cells a line takes when it is broken wherever a row is full; at least
/// one. Nothing is copied; for a line of ASCII it is not even looked through twice.
pub(crate) fn rows(line: &str, cells: usize) -> usize {
    let cells = cells.max(1);
    if line.is_ascii() {
        return line.len().div_ceil(cells).max(1);
    }
    let mut rows = 1;
    let mut taken = 0;
    for grapheme in line.graphemes(true) {
        let wide = text::width(grapheme);
        if taken + wide > cells && taken > 0 {
            rows += 1;
            taken = 0;
        }
        taken += wide;
    }
    rows
}

/// One of these rows; empty beyond the last.
pub(crate) fn part(line: &str, cells: usize, row: usize) -> &str {
    let cells = cells.max(1);
    if line.is_ascii() {
        let from = row.saturating_mul(cells).min(line.len());
        return &line[from..(from + cells).min(line.len())];
    }
    let (mut at, mut taken, mut from) = (0, 0, 0);
    for (place, grapheme) in line.grapheme_indices(true) {
        let wide = text::width(grapheme);
        if taken + wide > cells && taken > 0 {
            if at == row {
                return &line[from..place];
            }
            at += 1;
            taken = 0;
            from = place;
        }
        taken += wide;
    }
    if at == row { &line[from..] } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(words("one two three", 8), ["one two", "three"]);
        assert_eq!(words("one two", 7), ["one two"]);
        assert_eq!(words("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
        assert_eq!(words("", 4), [""]);
        assert_eq!(words("日本語", 4), ["日本", "語"]);
        // Never endless.
        assert_eq!(words("日本", 1), ["日", "本"]);
        assert_eq!(words("ab", 0), ["a", "b"]);
    }

    #[test]
    fn rows_put_together_are_the_line() {
        for line in ["", "abcdefghij", "ab日本語cd", "e\u{301}e\u{301}e\u{301}", "👨‍👩‍👧👨‍👩‍👧x"] {
            for cells in 1..12 {
                let rows = rows(line, cells);
                let parts: Vec<&str> = (0..rows).map(|row| part(line, cells, row)).collect();
                assert_eq!(parts.concat(), line, "{cells}");
                assert!(parts.iter().all(|it| text::width(it) <= cells.max(2)));
                assert_eq!(part(line, cells, rows), "");
            }
        }
    }
}
