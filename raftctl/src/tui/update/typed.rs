//! What was typed into a form, read.

use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;

use crate::{cli::parse_endpoint, commands::lifetime::parse_ttl};

/// A key as it is shown everywhere: the escapes of [`escape`](crate::output::bytes::escape) undone.
pub(crate) fn key(text: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut characters = escaped.chars();
        rest = match characters.next() {
            Some('\\') => {
                bytes.push(b'\\');
                characters.as_str()
            }
            Some('n') => {
                bytes.push(b'\n');
                characters.as_str()
            }
            Some('t') => {
                bytes.push(b'\t');
                characters.as_str()
            }
            Some('r') => {
                bytes.push(b'\r');
                characters.as_str()
            }
            Some('x') => {
                let digits = escaped.get(1..3).unwrap_or_default();
                let both = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                match u8::from_str_radix(digits, 16) {
                    Ok(byte) if both => bytes.push(byte),
                    _ => return Err("after \\x stand two hexadecimal digits".to_owned()),
                }
                &escaped[3..]
            }
            _ => return Err("a backslash is written \\\\; there are \\n \\t \\r \\xNN".to_owned()),
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes.into())
}

/// A key that may be written.
pub(super) fn new_key(text: &str) -> Result<Bytes, String> {
    if text.is_empty() {
        return Err("the key is missing".to_owned());
    }
    key(text)
}

/// A time to live; empty for none.
pub(super) fn ttl(text: &str) -> Result<Option<Duration>, String> {
    optional(text, |text| {
        parse_ttl(text).map_err(|error| format!("time to live: {error}"))
    })
}

/// A number of keys; empty for none.
pub(super) fn count(text: &str) -> Result<Option<u64>, String> {
    optional(text, |text| {
        text.parse()
            .map_err(|_| format!("most keys: {text:?} is not a whole number"))
    })
}

/// A size; empty for none.
pub(super) fn bytes(text: &str) -> Result<Option<u64>, String> {
    optional(text, |text| {
        text.parse::<ByteSize>()
            .map(|size| size.as_u64())
            .map_err(|_| format!("most bytes: {text:?} is not a size; write it like 64MiB"))
    })
}

/// Where a node listens.
pub(super) fn address(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the address is missing".to_owned());
    }
    parse_endpoint(text)
}

/// Yes or no; empty for no.
pub(super) fn yes(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "n" | "no" => Ok(false),
        "y" | "yes" => Ok(true),
        _ => Err("as a learner: yes or no".to_owned()),
    }
}

fn optional<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::bytes::escape;

    #[test]
    fn a_key_is_typed_as_it_is_shown() {
        for bytes in [
            &b"user:1"[..],
            b"a\\b\n\t\r\x00\x1b\xff",
            "日\u{202e}x".as_bytes(),
            b"",
        ] {
            assert_eq!(key(&escape(bytes)).unwrap(), bytes);
        }
        for wrong in ["\\", "a\\q", "\\x", "\\x1", "\\x+1", "\\x日"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
        assert!(new_key("").is_err());
    }

    #[test]
    fn an_empty_field_is_none_and_nonsense_is_named() {
        assert_eq!(ttl(" "), Ok(None));
        assert_eq!(ttl("5m"), Ok(Some(Duration::from_secs(300))));
        assert!(ttl("0s").unwrap_err().starts_with("time to live:"));
        assert_eq!(count("12"), Ok(Some(12)));
        assert!(count("1k").unwrap_err().contains("\"1k\""));
        assert_eq!(bytes("64MiB"), Ok(Some(64 << 20)));
        assert!(bytes("much").is_err());
        assert_eq!(address("h"), Ok("h:7420".to_owned()));
        assert!(address("").is_err());
        assert_eq!(
            (yes(""), yes("Yes"), yes("no")),
            (Ok(false), Ok(true), Ok(false))
        );
        assert!(yes("perhaps").is_err());
    }
}
