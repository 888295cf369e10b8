//! What a value looks like: as text, as JSON, as bytes. Made once for a value and a form.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

use crate::{output::bytes::escape_for_terminal, tui::app::Form};

/// JSON that is nested deeper is shown as text: indents would be most of it.
const MAX_DEPTH: usize = 64;

/// Cells from one tab stop to the next.
const TAB: usize = 4;

/// The lines of a value, harmless for a terminal. Only a whole one can be JSON.
pub(super) fn lines(form: Form, value: &[u8], whole: bool) -> Vec<String> {
    match form {
        Form::Hex => hex(value),
        Form::Json if whole => match json(value) {
            Some(json) => text(&json),
            None => text(value),
        },
        Form::Json | Form::Text => text(value),
    }
}

fn text(value: &[u8]) -> Vec<String> {
    let escaped = escape_for_terminal(value);
    let mut lines: Vec<&str> = escaped.split('\n').collect();
    // A newline ends a line; it begins none.
    if lines.len() > 1 && lines.last() == Some(&"") {
        lines.pop();
    }
    lines.into_iter().map(without_tabs).collect()
}

fn without_tabs(line: &str) -> String {
    if !line.contains('\t') {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len() + 2 * TAB);
    let mut column = 0;
    for part in line.split_inclusive('\t') {
        let words = part.trim_end_matches('\t');
        text.push_str(words);
        column += crate::tui::text::width(words);
        if words.len() < part.len() {
            let blank = TAB - column % TAB;
            text.extend(std::iter::repeat_n(' ', blank));
            column += blank;
        }
    }
    text
}

/// JSON with indents, if it is JSON. Numbers and strings stay as they are written: a number that is
/// read and written again may be another one.
fn json(value: &[u8]) -> Option<Vec<u8>> {
    if !matches!(value.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return None;
    }
    serde_json::from_slice::<IgnoredAny>(value).ok()?;
    let mut pretty = Vec::with_capacity(value.len() * 2);
    let mut depth = 0;
    let mut rest = value.iter().copied().peekable();
    let (mut in_string, mut escaped) = (false, false);
    while let Some(byte) = rest.next() {
        if in_string {
            pretty.push(byte);
            in_string = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                pretty.push(byte);
                while rest.next_if(u8::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|next| matches!(next, b'}' | b']')) {
                    pretty.push(end);
                } else {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    indent(&mut pretty, depth);
                }
            }
            b'}' | b']' => {
                depth -= 1;
                indent(&mut pretty, depth);
                pretty.push(byte);
            }
            b',' => {
                pretty.push(byte);
                indent(&mut pretty, depth);
            }
            b':' => pretty.extend_from_slice(b": "),
            byte => {
                in_string = byte == b'"';
                pretty.push(byte);
            }
        }
    }
    Some(pretty)
}

fn indent(pretty: &mut Vec<u8>, depth: usize) {
    pretty.push(b'\n');
    pretty.extend(std::iter::repeat_n(b' ', 2 * depth));
}

/// `00000000  68 65 6c 6c 6f 00 ff 0a  77 6f 72 6c 64           hello...world`
fn hex(value: &[u8]) -> Vec<String> {
    let line = |(number, bytes): (usize, &[u8])| {
        let mut line = format!("{:08x} ", 16 * number);
        for place in 0..16 {
            if place % 8 == 0 {
                line.push(' ');
            }
            // Writing to a string cannot fail.
            let _ = match bytes.get(place) {
                Some(byte) => write!(line, "{byte:02x} "),
                None => write!(line, "   "),
            };
        }
        line.push(' ');
        line.extend(bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        }));
        line
    };
    value.chunks(16).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_in_lines_and_drives_no_terminal() {
        let lines = |value: &[u8]| lines(Form::Text, value, true);
        assert_eq!(lines(b"one\ntwo\n"), ["one", "two"]);
        assert_eq!(lines(b"one\n\n"), ["one", ""]);
        assert_eq!(lines(b""), [""]);
        assert_eq!(lines(b"a\tb\t\tc"), ["a   b       c"]);
        assert_eq!(lines("日\tb".as_bytes()), ["日  b"]);
        assert_eq!(lines(b"\x1b[2J\xff\r\n"), [r"\x1b[2J\xff\r"]);
    }

    #[test]
    fn json_gets_indents_and_stays_what_it_was() {
        let value =
            br#" {"b":1.10e400,"a":[ ],"s":"x, {\"\\","n":[12345678901234567890,{}],"b":2}"#;
        let expected = [
            "{",
            r#"  "b": 1.10e400,"#,
            r#"  "a": [],"#,
            r#"  "s": "x, {\"\\","#,
            r#"  "n": ["#,
            "    12345678901234567890,",
            "    {}",
            "  ],",
            r#"  "b": 2"#,
            "}",
        ];
        assert_eq!(lines(Form::Json, value, true), expected);
        // Half of it is none.
        assert_eq!(lines(Form::Json, value, false).len(), 1);
        assert_eq!(lines(Form::Json, b"[1,2", true), ["[1,2"]);
        assert_eq!(lines(Form::Json, b"{1:2}", true), ["{1:2}"]);
        assert_eq!(lines(Form::Json, b"12 ", true), ["12 "]);
        let control = "[\"\u{202e}\u{9b}\"]".as_bytes();
        let shown = lines(Form::Json, control, true);
        assert_eq!(shown[1], r#"  "\xe2\x80\xae\xc2\x9b""#);
    }

    #[test]
    fn deep_json_is_text() {
        let deep = "[".repeat(60_000) + &"]".repeat(60_000);
        assert_eq!(lines(Form::Json, deep.as_bytes(), true).len(), 1);
    }

    #[test]
    fn bytes_have_their_offsets() {
        let value = b"hello\x00\xff\nworld and more";
        assert_eq!(
            lines(Form::Hex, value, true),
            [
                "00000000  68 65 6c 6c 6f 00 ff 0a  77 6f 72 6c 64 20 61 6e  hello...world an",
                "00000010  64 20 6d 6f 72 65                                 d more",
            ]
        );
    }
}
