//! The form of an export, which `export` writes and `import` reads: JSON lines.
//!
//! ```text
//! {"raftnode_export":1,"namespace":"default","prefix":"user/","revision":"1204"}
//! {"key":"user/1042","value":"{\"uid\":1042}"}
//! {"key_b64":"dXNlci//","value_b64":"gA==","ttl_ms":59000}
//! {"end":true,"keys":"2"}
//! ```
//!
//! The first line says what follows, the last one that nothing is missing. A key or value that is
//! not UTF-8 is base64; a key without `ttl_ms` lives for ever. Lines that somebody else has written
//! need neither the first line nor the last, and may have further fields: what `ls -o json` prints
//! is read, too.

use std::time::Duration;

use bytes::Bytes;
use common::types::{Entry, MAX_KEY_BYTES, MAX_TTL, Revision};
use serde::{Deserialize, Serialize};

use crate::output::{bytes::from_base64, json};

/// The version of the form. It changes when an older program would misread a newer file.
const VERSION: u64 = 1;

/// The first line.
#[derive(Serialize)]
struct Header<'a> {
    raftnode_export: u64,
    namespace: &'a str,
    #[serde(flatten)]
    prefix: json::Prefix<'a>,
    #[serde(serialize_with = "json::as_string")]
    revision: Revision,
}

/// A key.
#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(flatten)]
    value: json::Value<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
}

/// The last line.
#[derive(Serialize)]
struct End {
    end: bool,
    #[serde(serialize_with = "json::as_string")]
    keys: u64,
}

/// Appends the first line.
pub(super) fn write_header(
    lines: &mut Vec<u8>,
    namespace: &str,
    prefix: &[u8],
    revision: Revision,
) -> serde_json::Result<()> {
    write_line(
        lines,
        &Header {
            raftnode_export: VERSION,
            namespace,
            prefix: json::Prefix::new(prefix),
            revision,
        },
    )
}

/// Appends a line for a key.
pub(super) fn write_entry(lines: &mut Vec<u8>, entry: &Entry) -> serde_json::Result<()> {
    write_line(
        lines,
        &Item {
            key: json::Key::new(&entry.key),
            value: json::Value::new(&entry.value),
            ttl_ms: entry.ttl.map(|ttl| json::millis(ttl).max(1)),
        },
    )
}

/// Appends the last line.
pub(super) fn write_end(lines: &mut Vec<u8>, keys: u64) -> serde_json::Result<()> {
    write_line(lines, &End { end: true, keys })
}

fn write_line<T: Serialize>(lines: &mut Vec<u8>, line: &T) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *lines, line)?;
    lines.push(b'\n');
    Ok(())
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Header,
    Item {
        key: Bytes,
        value: Bytes,
        ttl: Option<Duration>,
    },
    End {
        keys: u64,
    },
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Counted from 1, in bytes; none if it is about the line as a whole.
    pub(super) column: Option<usize>,
    pub(super) message: String,
    /// Whether it makes sense as far as it goes, and does not go far enough.
    pub(super) is_cut: bool,
}

impl Malformed {
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self {
            column: None,
            message: message.into(),
            is_cut: false,
        }
    }
}

/// Any of the lines.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    raftnode_export: Option<u64>,
    key: Option<String>,
    key_b64: Option<String>,
    value: Option<String>,
    value_b64: Option<String>,
    ttl_ms: Option<u64>,
    end: Option<bool>,
    keys: Option<String>,
}

/// Reads a line.
pub(super) fn read_line(line: &[u8]) -> Result<Line, Malformed> {
    // An array would pass as the fields in their order.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(Malformed::whole("it is not a JSON object"));
    }
    let fields: Fields = serde_json::from_slice(line).map_err(|error| {
        let message = error.to_string();
        let end = message.rfind(" at line ").unwrap_or(message.len());
        Malformed {
            column: Some(error.column()),
            message: message[..end].to_owned(),
            is_cut: error.is_eof(),
        }
    })?;
    if let Some(version) = fields.raftnode_export {
        return match version {
            VERSION => Ok(Line::Header),
            _ => Err(Malformed::whole(format!(
                "it is an export of version {version}, and this raftctl reads version {VERSION}"
            ))),
        };
    }
    if fields.end == Some(true) {
        let keys = fields.keys.and_then(|keys| keys.parse().ok());
        return match keys {
            Some(keys) => Ok(Line::End { keys }),
            None => Err(Malformed::whole(
                "the end does not say how many `keys` there are",
            )),
        };
    }
    let key = field("key", fields.key, fields.key_b64)?;
    match key.len() {
        0 => return Err(Malformed::whole("`key` is empty")),
        1..=MAX_KEY_BYTES => {}
        length => {
            return Err(Malformed::whole(format!(
                "`key` has {length} bytes, the longest has {MAX_KEY_BYTES}"
            )));
        }
    }
    let value = field("value", fields.value, fields.value_b64)?;
    let ttl = fields.ttl_ms.map(Duration::from_millis);
    if ttl.is_some_and(|ttl| ttl.is_zero() || ttl > MAX_TTL) {
        return Err(Malformed::whole(format!(
            "`ttl_ms` is not between 1 and {}",
            MAX_TTL.as_millis()
        )));
    }
    Ok(Line::Item { key, value, ttl })
}

/// Bytes that stand in a line as text or as base64.
fn field(name: &str, text: Option<String>, encoded: Option<String>) -> Result<Bytes, Malformed> {
    match (text, encoded) {
        (Some(text), None) => Ok(text.into()),
        (None, Some(encoded)) => match from_base64(&encoded) {
            Some(bytes) => Ok(bytes.into()),
            None => Err(Malformed::whole(format!("`{name}_b64` is not base64"))),
        },
        (None, None) => Err(Malformed::whole(format!(
            "it has neither `{name}` nor `{name}_b64`"
        ))),
        (Some(_), Some(_)) => Err(Malformed::whole(format!(
            "it has both `{name}` and `{name}_b64`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &'static [u8], value: &'static [u8], ttl: Option<u64>) -> Entry {
        Entry {
            key: key.into(),
            value: value.into(),
            create_revision: 1,
            size: 0,
            revision: 1,
            version: 1,
            ttl: ttl.map(Duration::from_micros),
            lease: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again_byte_for_byte() {
        let all: &'static [u8] = (0..=255).collect::<Vec<u8>>().leak();
        let entries = [
            entry(b"a", b"", None),
            entry(
                "\u{fc}\n\u{2028}".as_bytes(),
                b"\"\\\x00\x7f",
                Some(59_000_000),
            ),
            entry(all, all, Some(1)),
        ];
        let mut lines = Vec::new();
        write_header(&mut lines, "default", b"\xff", 1204).unwrap();
        for entry in &entries {
            write_entry(&mut lines, entry).unwrap();
        }
        write_end(&mut lines, 3).unwrap();
        let text = String::from_utf8(lines).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"raftnode_export":1,"namespace":"default","prefix_b64":"/w==","revision":"1204"}"#
        );
        assert_eq!(lines[1], r#"{"key":"a","value":""}"#);
        assert_eq!(lines[4], r#"{"end":true,"keys":"3"}"#);
        let read: Vec<Line> = lines
            .iter()
            .map(|line| read_line(line.as_bytes()).unwrap())
            .collect();
        assert_eq!(read[0], Line::Header);
        for (line, entry) in read[1..4].iter().zip(&entries) {
            let Line::Item { key, value, ttl } = line else {
                panic!("{line:?}");
            };
            assert_eq!((key, value), (&entry.key, &entry.value));
            // Whole milliseconds, and at least one: none would be for ever.
            let expected = entry.ttl.map(|ttl| ttl.max(Duration::from_millis(1)));
            assert_eq!(*ttl, expected);
        }
        assert_eq!(read[4], Line::End { keys: 3 });
    }

    #[test]
    fn a_listing_is_read_too() {
        let line = br#"{"namespace":"default","key":"k","value":"v","revision":"12","version":2}"#;
        assert_eq!(
            read_line(line).unwrap(),
            Line::Item {
                key: "k".into(),
                value: "v".into(),
                ttl: None
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let table = [
            ("", None, "it is not a JSON object"),
            (r#"["k"]"#, None, "it is not a JSON object"),
            (
                r#"{"key":"k"}"#,
                None,
                "it has neither `value` nor `value_b64`",
            ),
            (
                r#"{"value":"v"}"#,
                None,
                "it has neither `key` nor `key_b64`",
            ),
            (
                r#"{"key":"k","key_b64":"aw==","value":""}"#,
                None,
                "it has both `key` and `key_b64`",
            ),
            (r#"{"key":"","value":""}"#, None, "`key` is empty"),
            (
                r#"{"key":"k","value_b64":"?"}"#,
                None,
                "`value_b64` is not base64",
            ),
            (
                r#"{"key":"k","value":"","ttl_ms":0}"#,
                None,
                "`ttl_ms` is not between 1 and 315360000000",
            ),
            (
                r#"{"raftnode_export":2}"#,
                None,
                "it is an export of version 2, and this raftctl reads version 1",
            ),
            (
                r#"{"end":true}"#,
                None,
                "the end does not say how many `keys` there are",
            ),
            (
                r#"{"key":5,"value":""}"#,
                Some(8),
                "invalid type: integer `5`, expected a string",
            ),
            (r#"{"key":"k","val"#, Some(15), "EOF while parsing a string"),
            (r#"{"key":"k"} x"#, Some(13), "trailing characters"),
        ];
        for (line, column, message) in table {
            let malformed = read_line(line.as_bytes()).unwrap_err();
            assert_eq!(malformed.column, column, "{line}");
            assert_eq!(malformed.message, message, "{line}");
        }
        let long = format!(r#"{{"key":"{}","value":""}}"#, "k".repeat(4097));
        let message = read_line(long.as_bytes()).unwrap_err().message;
        assert_eq!(message, "`key` has 4097 bytes, the longest has 4096");
    }
}
