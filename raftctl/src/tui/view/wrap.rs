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
        // It has a line of its own already, unless it is the first.
        for part in parts(word, cells, 0) {
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(part);
        }
        taken = text::width(&line);
    }
    lines.push(line);
    lines
}

/// How many rows of so many cells a line takes when it is broken wherever a row is full; at least
/// one. Nothing is copied, and a line of ASCII is not taken apart.
pub(crate) fn rows(line: &str, cells: usize) -> usize {
    if line.is_ascii() {
        return line.len().div_ceil(cells.max(1)).max(1);
    }
    // No character takes more cells than bytes.
    if line.len() <= cells {
        return 1;
    }
    parts(line, cells, 0).count()
}

/// These rows, from one on.
pub(crate) fn parts(line: &str, cells: usize, from: usize) -> impl Iterator<Item = &str> {
    let cells = cells.max(1);
    let ascii = line.is_ascii();
    let skipped = if ascii {
        from.saturating_mul(cells).min(line.len())
    } else {
        0
    };
    // Where nothing is left, or nothing was.
    let mut rest = (skipped < line.len() || from == 0).then_some(&line[skipped..]);
    let parts = std::iter::from_fn(move || {
        let text = rest?;
        let end = if ascii {
            cells.min(text.len())
        } else {
            full(text, cells)
        };
        let (part, behind) = text.split_at(end);
        rest = (!behind.is_empty()).then_some(behind);
        Some(part)
    });
    parts.skip(if ascii { 0 } else { from })
}

/// Where a row is full: at least one grapheme is in it.
fn full(text: &str, cells: usize) -> usize {
    let mut taken = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let wide = text::width(grapheme);
        if taken + wide > cells && at > 0 {
            return at;
        }
        taken += wide;
    }
    text.len()
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
        for line in [
            "",
            "abcdefghij",
            "ab日本語cd",
            "e\u{301}e\u{301}e\u{301}",
            "👨‍👩‍👧👨‍👩‍👧x",
        ] {
            for cells in 1..12 {
                let all: Vec<&str> = parts(line, cells, 0).collect();
                assert_eq!(all.concat(), line, "{cells}");
                assert_eq!(all.len(), rows(line, cells), "{cells}");
                assert!(all.iter().all(|it| text::width(it) <= cells.max(2)));
                for from in 0..=all.len() {
                    let rest: Vec<&str> = parts(line, cells, from).collect();
                    assert_eq!(rest, all[from..], "{line} {cells} {from}");
                }
            }
        }
    }
}
