//! Text for a grid of cells: widths, cuts, escapes, numbers that do not jump.

use std::time::Duration;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::output::bytes::escape;

/// How many cells a text takes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, no wider than so many cells; `ellipsis` stands for what was cut off.
pub(crate) fn cut(text: &str, cells: usize, ellipsis: &str) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let room = cells.saturating_sub(width(ellipsis));
    let mut kept = String::new();
    let mut taken = 0;
    for grapheme in text.graphemes(true) {
        let wide = width(grapheme);
        if taken + wide > room {
            break;
        }
        taken += wide;
        kept.push_str(grapheme);
    }
    if cells >= width(ellipsis) {
        kept.push_str(ellipsis);
    }
    kept
}

/// The same, filled up with spaces on the right to exactly so many cells.
pub(crate) fn left(text: &str, cells: usize, ellipsis: &str) -> String {
    let mut text = cut(text, cells, ellipsis);
    let missing = cells.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// The same, filled up on the left.
pub(crate) fn right(text: &str, cells: usize, ellipsis: &str) -> String {
    let text = cut(text, cells, ellipsis);
    let missing = cells.saturating_sub(width(&text));
    format!("{}{text}", " ".repeat(missing))
}

/// A key or another field as one harmless line, at most so many cells: a long one is not escaped as
/// a whole first.
pub(crate) fn line(bytes: &[u8], cells: usize, ellipsis: &str) -> String {
    // No character takes more than four bytes; marks without width are cut where they are too many.
    let some = &bytes[..bytes.len().min(cells.saturating_mul(4).saturating_add(16))];
    let mut text = escape(some);
    if some.len() < bytes.len() {
        text.push_str(ellipsis);
    }
    cut(&text, cells, ellipsis)
}

/// A rate a second, in at most five characters: `0`, `0.4`, `12`, `999`, `1.2k`, `48k`, `1.2M`.
pub(crate) fn rate(value: f64) -> String {
    let scaled = |value: f64, unit: &str| {
        if value < 9.95 {
            format!("{value:.1}{unit}")
        } else {
            format!("{value:.0}{unit}")
        }
    };
    if value < 0.05 {
        "0".to_owned()
    } else if value < 999.5 {
        scaled(value, "")
    } else if value < 999_500.0 {
        scaled(value / 1e3, "k")
    } else {
        scaled(value / 1e6, "M")
    }
}

/// A latency in milliseconds, always the same unit: `0.3 ms`, `12 ms`.
pub(crate) fn latency(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    if millis < 9.95 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}

/// How long something has been so: `340 ms` is told where it is short, else `4 s`, `2m 11s`, `3d 04h`.
pub(crate) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_cells_whatever_they_are() {
        assert_eq!(cut("abcdef", 4, "…"), "abc…");
        assert_eq!(cut("abcd", 4, "…"), "abcd");
        assert_eq!(cut("日本語", 5, "…"), "日本…");
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(left("日", 4, "…"), "日  ");
        assert_eq!(right("7", 3, "…"), "  7");
        assert_eq!(cut("abc", 0, "…"), "");
        assert_eq!(line(b"a\x1b[31m", 20, "…"), r"a\x1b[31m");
        assert_eq!(width(&line("é".repeat(9000).as_bytes(), 10, "…")), 10);
        assert_eq!(line(&[0xff; 3], 20, "…"), r"\xff\xff\xff");
    }

    #[test]
    fn rates_and_ages_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.44, "0.4"),
            (12.3, "12"),
            (999.4, "999"),
            (1234.0, "1.2k"),
            (48_123.0, "48k"),
            (999_999.0, "1.0M"),
        ] {
            assert_eq!(rate(value), text);
        }
        for (millis, text) in [
            (340, "340 ms"),
            (4_200, "4 s"),
            (131_000, "2m 11s"),
            (7_860_000, "2h 11m"),
            (273_600_000, "3d 04h"),
        ] {
            assert_eq!(age(Duration::from_millis(millis)), text);
        }
        assert_eq!(latency(Duration::from_micros(340)), "0.3 ms");
        assert_eq!(latency(Duration::from_micros(12_400)), "12 ms");
    }
}
