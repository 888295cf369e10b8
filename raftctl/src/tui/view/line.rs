//! A line that is being typed. Its cursor is a reversed cell: the terminal's own stays hidden, and
//! nothing blinks.

use ratatui::{
    style::{Modifier, Style},
    text::Span,
};
use unicode_segmentation::UnicodeSegmentation;

use super::glyph;
use crate::{
    output::bytes::escape,
    tui::{app::Input, text, theme::Theme},
};

/// What was typed, harmless, and otherwise as it was typed: a backslash stays one.
pub(crate) fn typed(theme: Theme, text: &str) -> String {
    let parts = text.split('\\').map(|part| escape(part.as_bytes()));
    glyph::ascii(theme, parts.collect::<Vec<_>>().join("\\"))
}

/// The part of it around the cursor that fits, filled up with spaces to exactly so many cells. The
/// cursor is shown only if it has the keys.
pub(crate) fn spans(
    input: &Input,
    cells: usize,
    focused: bool,
    style: Style,
    theme: Theme,
) -> Vec<Span<'static>> {
    let shown = |grapheme: &str| typed(theme, grapheme);
    let at = if input.text.is_char_boundary(input.cursor) {
        input.cursor
    } else {
        input.text.len()
    };
    let (before, behind) = input.text.split_at(at);
    let mut behind = behind.graphemes(true);
    let under = match behind.next().map(shown) {
        Some(under) if focused && text::width(&under) > 0 => under,
        Some(under) if !focused => under,
        _ => " ".to_owned(),
    };
    let mut left = cells.saturating_sub(text::width(&under));
    // Never more than fits is looked at, however long the text is.
    let mut kept = Vec::new();
    for grapheme in before.graphemes(true).rev().take(cells + 1) {
        let grapheme = shown(grapheme);
        let wide = text::width(&grapheme);
        if wide > left {
            break;
        }
        left -= wide;
        kept.push(grapheme);
    }
    kept.reverse();
    let mut rest = String::new();
    for grapheme in behind.take(cells + 1).map(shown) {
        let wide = text::width(&grapheme);
        if wide > left {
            break;
        }
        left -= wide;
        rest.push_str(&grapheme);
    }
    rest.extend(std::iter::repeat_n(' ', left));
    let cursor = if focused {
        style.add_modifier(Modifier::REVERSED)
    } else {
        style
    };
    if cells == 0 {
        return Vec::new();
    }
    vec![
        Span::styled(kept.concat(), style),
        Span::styled(text::cut(&under, cells, ""), cursor),
        Span::styled(rest, style),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Depth;

    fn shown(text: &str, cursor: usize, cells: usize) -> String {
        let input = Input {
            text: text.to_owned(),
            cursor,
        };
        let theme = Theme {
            depth: Depth::None,
            unicode: true,
        };
        let spans = spans(&input, cells, true, Style::new(), theme);
        let mark = |span: &Span| {
            if span.style.add_modifier.contains(Modifier::REVERSED) {
                format!("[{}]", span.content)
            } else {
                span.content.to_string()
            }
        };
        spans.iter().map(mark).collect()
    }

    #[test]
    fn the_cursor_is_always_to_be_seen() {
        assert_eq!(shown("abc", 3, 6), "abc[ ]  ");
        assert_eq!(shown("abc", 1, 6), "a[b]c   ");
        assert_eq!(shown("abcdef", 6, 4), "def[ ]");
        assert_eq!(shown("abcdef", 0, 4), "[a]bcd");
        assert_eq!(shown("abcdef", 4, 4), "bcd[e]");
        assert_eq!(shown("日本語", 9, 4), "語[ ] ");
        assert_eq!(shown("", 0, 1), "[ ]");
        assert_eq!(shown("abc", 3, 0), "");
        assert_eq!(shown("é", 1, 3), "é[ ] ");
    }

    #[test]
    fn what_is_typed_is_harmless() {
        assert_eq!(shown("a\x1b[2J\\t", 0, 12), r"[a]\x1b[2J\t  ");
        assert_eq!(shown("a\tb", 3, 6), r"a\tb[ ] ");
    }
}
