//! Bytes as text: escapes, base64 and hexadecimal.
//!
//! Keys and values are arbitrary bytes. What is not harmless text is escaped wherever it could
//! break a line apart or drive a terminal; [`escape`] can be undone byte for byte.

use std::fmt::Write as _;

/// Escapes bytes so that they are one printable field: a backslash becomes `\\`, a tab `\t`, a
/// newline `\n`, a carriage return `\r`, and every byte of another control or direction-changing
/// character, or that is not UTF-8, `\xNN`.
pub(crate) fn escape(bytes: &[u8]) -> String {
    escape_with(bytes, |character| match character {
        '\\' => Some(r"\\"),
        '\t' => Some(r"\t"),
        '\n' => Some(r"\n"),
        _ => None,
    })
}

/// Escapes only what could drive a terminal; newlines and tabs stay, as does a backslash.
pub(crate) fn escape_for_terminal(bytes: &[u8]) -> String {
    escape_with(bytes, |character| match character {
        '\t' => Some("\t"),
        '\n' => Some("\n"),
        _ => None,
    })
}

/// Between double quotes, for messages.
pub(crate) fn quote(bytes: &[u8]) -> String {
    format!("\"{}\"", escape(bytes).replace('"', "\\\""))
}

fn escape_with(bytes: &[u8], special: impl Fn(char) -> Option<&'static str>) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if let Some(replacement) = special(character) {
                text.push_str(replacement);
            } else if character == '\r' {
                text.push_str(r"\r");
            } else if is_unsafe(character) {
                push_hex(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        push_hex(&mut text, chunk.invalid());
    }
    text
}

/// Control characters, and those that reorder or hide the text around them.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for digit in 0..4 {
            if digit <= group.len() {
                let index = bits >> (18 - 6 * digit) & 0x3f;
                text.push(char::from(BASE64[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// What each byte means as a digit of base64; [`NO_DIGIT`] if nothing.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < BASE64.len() {
        digits[BASE64[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

const NO_DIGIT: u8 = 0xff;

/// Undoes [`base64`]; nothing if the text is not exactly its output.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            let value = DIGITS[usize::from(*digit)];
            if value == NO_DIGIT {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        let whole = group.len() * 6 / 8;
        let rest = group.len() * 6 % 8;
        // Bits that belong to no byte are zero.
        if group.len() == 1 || bits & ((1 << rest) - 1) != 0 {
            return None;
        }
        bytes.extend_from_slice(&(bits >> rest).to_be_bytes()[4 - whole..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_a_line_or_drive_a_terminal_is_escaped() {
        let table: [(&[u8], &str, &str); 8] = [
            (b"plain text", "plain text", "plain text"),
            (
                "gr\u{fc}\u{df}e".as_bytes(),
                "gr\u{fc}\u{df}e",
                "gr\u{fc}\u{df}e",
            ),
            (b"a\tb\nc\\d", r"a\tb\nc\\d", "a\tb\nc\\d"),
            (b"\x1b[31mred\x07", r"\x1b[31mred\x07", r"\x1b[31mred\x07"),
            (b"\r\x00\x7f", r"\r\x00\x7f", r"\r\x00\x7f"),
            (b"\xff\xfe!", r"\xff\xfe!", r"\xff\xfe!"),
            ("\u{9b}1m".as_bytes(), r"\xc2\x9b1m", r"\xc2\x9b1m"),
            ("\u{202e}x".as_bytes(), r"\xe2\x80\xaex", r"\xe2\x80\xaex"),
        ];
        for (bytes, field, terminal) in table {
            assert_eq!(escape(bytes), field);
            assert_eq!(escape_for_terminal(bytes), terminal);
        }
        assert_eq!(quote(b"say \"hi\"\n"), r#""say \"hi\"\n""#);
    }

    /// Undoes [`escape`], as its documentation tells a script to.
    fn unescape(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'\\' => match rest.next().unwrap() {
                    b'\\' => b'\\',
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b'x' => {
                        let digits = [rest.next().unwrap(), rest.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    other => panic!("unknown escape {other}"),
                },
                byte => byte,
            });
        }
        bytes
    }

    #[test]
    fn an_escaped_field_can_be_undone_byte_for_byte() {
        let every_pair: Vec<u8> = (0..=255u8).flat_map(|a| [a, a.wrapping_mul(31)]).collect();
        let escaped = escape(&every_pair);
        assert!(!escaped.chars().any(char::is_control));
        assert_eq!(unescape(&escaped), every_pair);
        assert_eq!(unescape(&escape(br"\x41\n")), br"\x41\n");
    }

    #[test]
    fn base64_matches_the_vectors_of_rfc_4648_and_reads_itself() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
            assert_eq!(from_base64(encoded).unwrap(), plain.as_bytes());
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_base64(&base64(&all)).unwrap(), all);
        for wrong in [
            "Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm9v!A==", "Zm 9", "Zg==Zg==",
        ] {
            assert_eq!(from_base64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hexadecimal_is_lower_case_and_two_digits_a_byte() {
        assert_eq!(hex(&[0, 9, 0xab, 0xff]), "0009abff");
    }
}
