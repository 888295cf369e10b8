//! How the values of the engine are written: one form byte, then the fields in postcard.
//!
//! The form byte lets a later version add fields (an expiry, a lease, a quota) beside the
//! records already stored: it reads every form, and writes the oldest that can say what is
//! needed.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::{Key, NamespaceId};
use crate::engine::{EngineError, Slice};

const FORM: u8 = 0;

/// A live namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceRecord {
    pub id: NamespaceId,
    pub create_revision: u64,
    pub keys: u64,
    pub bytes: u64,
}

/// What stands before the value of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHead {
    pub create_revision: u64,
    pub mod_revision: u64,
    pub version: u64,
}

/// A dropped namespace: everything of it up to this key is gone already. Going on from here, and
/// not from the first key, spares an LSM tree the walk over its own tombstones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRecord {
    pub reclaimed_to: Option<Bytes>,
}

/// Encodes a record without a tail.
pub fn encode<T: Serialize>(record: &T) -> Slice {
    with_tail(record, &[])
}

/// Decodes a record without a tail, stored under `key`.
pub fn decode<T: DeserializeOwned>(key: Key<'_>, bytes: &[u8]) -> Result<T, EngineError> {
    let (record, rest) = split(key, bytes)?;
    if !rest.is_empty() {
        return Err(corrupt(
            key,
            format!("{} bytes follow the record", rest.len()),
        ));
    }
    Ok(record)
}

/// Encodes an entry: its head, then the value up to the end.
pub fn encode_entry(head: &EntryHead, value: &[u8]) -> Slice {
    with_tail(head, value)
}

/// Decodes the head of an entry; what is left is the value.
pub fn decode_entry<'a>(
    key: Key<'_>,
    bytes: &'a [u8],
) -> Result<(EntryHead, &'a [u8]), EngineError> {
    split(key, bytes)
}

/// Encodes a single number.
pub fn encode_number(number: u32) -> Slice {
    encode(&number)
}

/// Decodes a single number, stored under `key`.
pub fn decode_number(key: Key<'_>, bytes: &[u8]) -> Result<u32, EngineError> {
    decode(key, bytes)
}

/// A record that must exist does not, or does not read.
pub fn corrupt(key: Key<'_>, reason: impl Into<String>) -> EngineError {
    EngineError::Corrupt {
        what: format!("the record of {key}"),
        reason: reason.into(),
    }
}

fn with_tail<T: Serialize>(record: &T, tail: &[u8]) -> Slice {
    // Room for a form byte and four numbers, the largest head there is.
    let mut buffer = Vec::with_capacity(1 + 4 * 10 + tail.len());
    buffer.push(FORM);
    let mut buffer = postcard::to_extend(record, buffer)
        .expect("plain structs of numbers and bytes always encode into a vector");
    buffer.extend_from_slice(tail);
    buffer.into()
}

fn split<'a, T: Deserialize<'a>>(
    key: Key<'_>,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), EngineError> {
    match bytes.split_first() {
        Some((&FORM, body)) => {
            postcard::take_from_bytes(body).map_err(|error| corrupt(key, error.to_string()))
        }
        Some((form, _)) => Err(corrupt(
            key,
            format!("form {form} is not known to this version"),
        )),
        None => Err(corrupt(key, "it is empty")),
    }
}
