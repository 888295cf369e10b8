//! The form for programs: one JSON object a line, snake_case.
//!
//! - 64-bit numbers that name or order something (ids, terms, log indexes, revisions) are strings:
//!   many readers hold numbers as doubles and lose precision above 2^53. Counts, sizes and
//!   durations are numbers, with the unit in the name.
//! - A key is `key` where it is UTF-8, else `key_b64`; a value likewise.
//! - Fields are only ever added.

use std::{borrow::Cow, fmt::Display, time::Duration};

use serde::{Serialize, Serializer};

use super::bytes::base64;
use crate::failure::Failure;

/// For `#[serde(serialize_with)]`: the number as a string.
pub(crate) fn as_string<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// For `#[serde(serialize_with)]`: the number as a string, or null.
pub(crate) fn as_optional_string<T: Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// A duration, for a field whose name ends in `_ms`.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A key, to be flattened into an object.
#[derive(Debug, Serialize)]
pub(crate) struct Key<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
}

impl<'a> Key<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                key: Some(text),
                key_b64: None,
            },
            Err(_) => Self {
                key: None,
                key_b64: Some(base64(bytes)),
            },
        }
    }
}

/// A prefix of keys, to be flattened into an object.
#[derive(Debug, Serialize)]
pub(crate) struct Prefix<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_b64: Option<String>,
}

impl<'a> Prefix<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let prefix = std::str::from_utf8(bytes).ok();
        Self {
            prefix,
            prefix_b64: prefix.is_none().then(|| base64(bytes)),
        }
    }
}

/// A value, to be flattened into an object. Empty when only keys were asked for.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Value<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<String>,
}

impl<'a> Value<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                value: Some(text),
                ..Self::default()
            },
            Err(_) => Self::base64(bytes),
        }
    }

    /// As base64, whatever it holds.
    pub(crate) fn base64(bytes: &[u8]) -> Self {
        Self {
            value_b64: Some(base64(bytes)),
            ..Self::default()
        }
    }

    /// As hexadecimal, whatever it holds.
    pub(crate) fn hex(bytes: &[u8]) -> Self {
        Self {
            value_hex: Some(super::bytes::hex(bytes)),
            ..Self::default()
        }
    }
}

/// A failure as `-o json` prints it on stderr.
#[derive(Debug, Serialize)]
pub(crate) struct FailureObject<'a> {
    code: &'static str,
    message: String,
    hint: Option<String>,
    retryable: bool,
    #[serde(flatten)]
    conflict: Option<ConflictObject<'a>>,
    #[serde(flatten)]
    unwritten: Option<UnwrittenObject<'a>>,
}

/// What an edit adds that came too late.
#[derive(Debug, Serialize)]
struct UnwrittenObject<'a> {
    difference: &'a str,
    kept: Cow<'a, str>,
}

/// What a failed condition adds: the key, and what it is; null if there is no such key.
#[derive(Debug, Serialize)]
struct ConflictObject<'a> {
    #[serde(flatten)]
    key: Key<'a>,
    current: Option<CurrentObject>,
}

#[derive(Debug, Serialize)]
struct CurrentObject {
    version: u64,
    #[serde(serialize_with = "as_string")]
    revision: u64,
}

impl<'a> From<&'a Failure> for FailureObject<'a> {
    fn from(failure: &'a Failure) -> Self {
        let unwritten = match failure {
            Failure::Conflict(conflict) => Some(UnwrittenObject {
                difference: &conflict.difference,
                kept: conflict.kept.to_string_lossy(),
            }),
            _ => None,
        };
        Self {
            unwritten,
            code: failure.code(),
            message: failure.to_string(),
            hint: failure.hint(),
            retryable: failure.retryable(),
            conflict: failure.conflict().map(|(key, current)| ConflictObject {
                key: Key::new(key),
                current: current.map(|current| CurrentObject {
                    version: current.version,
                    revision: current.revision,
                }),
            }),
        }
    }
}

/// An object as a line, newline included.
pub(crate) fn line<T: Serialize>(object: &T) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(object)?;
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair<'a> {
        #[serde(flatten)]
        key: Key<'a>,
        #[serde(flatten)]
        value: Value<'a>,
        #[serde(serialize_with = "as_string")]
        revision: u64,
        #[serde(serialize_with = "as_optional_string")]
        leader: Option<u64>,
    }

    fn pair(key: &[u8], value: &[u8], leader: Option<u64>) -> String {
        line(&Pair {
            key: Key::new(key),
            value: Value::new(value),
            revision: u64::MAX,
            leader,
        })
        .unwrap()
    }

    #[test]
    fn text_stays_text_bytes_become_base64_and_revisions_strings() {
        assert_eq!(
            pair(b"a\n", b"", Some(3)),
            "{\"key\":\"a\\n\",\"value\":\"\",\"revision\":\"18446744073709551615\",\"leader\":\"3\"}\n"
        );
        assert_eq!(
            pair(b"\xff", b"\xfe", None),
            "{\"key_b64\":\"/w==\",\"value_b64\":\"/g==\",\"revision\":\"18446744073709551615\",\"leader\":null}\n"
        );
    }

    #[test]
    fn a_failure_says_code_message_hint_and_whether_to_retry() {
        let failure = Failure::Api(common::Error::NoLeader {
            reason: "n1 knows no leader".to_owned(),
        });
        assert_eq!(
            line(&FailureObject::from(&failure)).unwrap(),
            "{\"code\":\"no_leader\",\"message\":\"no leader: n1 knows no leader; nothing was \
             changed\",\"hint\":\"a majority of the voters must be up and reach each other; see \
             `raftctl status`\",\"retryable\":true}\n"
        );
    }

    #[test]
    fn a_failed_condition_adds_what_the_key_is() {
        let failed = |current| {
            let failure = Failure::Api(common::Error::ConditionFailed {
                namespace: "default".to_owned(),
                key: "k".into(),
                current,
            });
            let line = line(&FailureObject::from(&failure)).unwrap();
            serde_json::from_str::<serde_json::Value>(&line).unwrap()
        };
        let other = failed(Some(common::types::Current {
            version: 3,
            revision: 1200,
        }));
        assert_eq!(other["code"], "condition_failed");
        assert_eq!(other["key"], "k");
        assert_eq!(
            other["current"],
            serde_json::json!({"version": 3, "revision": "1200"})
        );
        let missing = failed(None);
        assert_eq!(missing.get("current"), Some(&serde_json::Value::Null));
    }
}
