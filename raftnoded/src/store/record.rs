//! How the values of the engine are written: one form byte, then the fields in postcard.
//!
//! The form byte lets a later version add fields beside the records already stored: it reads
//! every form, and writes the oldest that can say what is needed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::{self, Key, NamespaceId};
use crate::engine::{EngineError, Slice};

const FORM: u8 = 0;

/// An entry that does not live for ever: its life stands behind the numbers of its head.
const FORM_MORTAL: u8 = 1;

/// What a namespace allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The most keys.
    pub max_keys: Option<u64>,
    /// The most bytes of keys and values.
    pub max_bytes: Option<u64>,
    /// The longest value, in bytes.
    pub max_value: Option<u64>,
    /// How long a key lives that is written without a lifetime, in milliseconds.
    pub default_ttl: Option<u64>,
}

/// A change to [`Settings`]: what is none stays, what is some is put in its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// See [`Settings::max_keys`].
    pub max_keys: Option<Option<u64>>,
    /// See [`Settings::max_bytes`].
    pub max_bytes: Option<Option<u64>>,
    /// See [`Settings::max_value`].
    pub max_value: Option<Option<u64>>,
    /// See [`Settings::default_ttl`].
    pub default_ttl: Option<Option<u64>>,
}

impl Settings {
    /// Carries a change out.
    pub fn change(&mut self, change: SettingsChange) {
        let set = |setting: &mut Option<u64>, to: Option<Option<u64>>| {
            if let Some(to) = to {
                *setting = to;
            }
        };
        set(&mut self.max_keys, change.max_keys);
        set(&mut self.max_bytes, change.max_bytes);
        set(&mut self.max_value, change.max_value);
        set(&mut self.default_ttl, change.default_ttl);
    }
}

/// A live namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceRecord {
    pub id: NamespaceId,
    pub create_revision: u64,
    pub keys: u64,
    pub bytes: u64,
    pub settings: Settings,
}

/// What stands before the value of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHead {
    pub create_revision: u64,
    pub mod_revision: u64,
    pub version: u64,
    pub life: Life,
}

/// How long an entry lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Life {
    Forever,
    /// Up to this time of the clock.
    Until(u64),
    /// As long as this lease.
    Lease(u64),
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    pub ttl: u64,
    /// When it ends, by the clock.
    pub ends: u64,
    /// How many entries live with it.
    pub keys: u64,
    /// Once it has ended: its entries before this namespace are gone already, and those of this
    /// namespace up to the key. See [`DroppedRecord`].
    pub removed_to: Option<(NamespaceId, Bytes)>,
}

/// What stands before the replies of a client session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHead {
    pub ttl: u64,
    /// The clock when it was last used.
    pub used: u64,
    /// Where its deadline stands in the index: not after its end.
    pub due: u64,
    /// The lowest number whose reply is remembered.
    pub low: u64,
}

/// A dropped namespace: everything of it up to this key is gone already. Going on from here, and
/// not from the first key, spares an LSM tree the walk over its own tombstones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRecord {
    pub reclaimed_to: Option<Bytes>,
}

/// Encodes a record without a tail.
pub fn encode<T: Serialize>(record: &T) -> Slice {
    with_tail(FORM, record, &[])
}

/// Encodes a session: its head, then the replies up to the end.
pub fn encode_session(head: &SessionHead, replies: &[&[u8]]) -> Slice {
    with_tail(FORM, head, replies)
}

/// Decodes the head of a session; what is left are the replies.
pub fn decode_session<'a>(
    key: Key<'_>,
    bytes: &'a [u8],
) -> Result<(SessionHead, &'a [u8]), EngineError> {
    split(key, bytes)
}

/// Decodes a record without a tail, stored under `key`.
pub fn decode<'a, T: Deserialize<'a>>(key: Key<'_>, bytes: &'a [u8]) -> Result<T, EngineError> {
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
    let numbers = (head.create_revision, head.mod_revision, head.version);
    match head.life {
        Life::Forever => with_tail(FORM, &numbers, &[value]),
        life => with_tail(FORM_MORTAL, &(numbers, life), &[value]),
    }
}

/// Decodes the head of an entry; what is left is the value.
pub fn decode_entry<'a>(
    key: Key<'_>,
    bytes: &'a [u8],
) -> Result<(EntryHead, &'a [u8]), EngineError> {
    let ((numbers, life), value) = match bytes.split_first() {
        Some((&FORM_MORTAL, body)) => take(key, body)?,
        _ => {
            let (numbers, value) = split(key, bytes)?;
            ((numbers, Life::Forever), value)
        }
    };
    let (create_revision, mod_revision, version) = numbers;
    let head = EntryHead {
        create_revision,
        mod_revision,
        version,
        life,
    };
    Ok((head, value))
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

fn with_tail<T: Serialize>(form: u8, record: &T, tail: &[&[u8]]) -> Slice {
    // Room for all but the few records that hold a key.
    let mut short = [0; 96];
    let long;
    let record = match postcard::to_slice(record, &mut short) {
        Ok(record) => &*record,
        Err(_) => {
            long = postcard::to_stdvec(record)
                .expect("plain structs of numbers and bytes always encode into a vector");
            &long[..]
        }
    };
    match tail {
        [] => keys::join(&[&[form], record]),
        [one] => keys::join(&[&[form], record, one]),
        parts => keys::join(&[&[&[form][..], record], parts].concat()),
    }
}

fn split<'a, T: Deserialize<'a>>(
    key: Key<'_>,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), EngineError> {
    match bytes.split_first() {
        Some((&FORM, body)) => take(key, body),
        Some((form, _)) => Err(corrupt(
            key,
            format!("form {form} is not known to this version"),
        )),
        None => Err(corrupt(key, "it is empty")),
    }
}

fn take<'a, T: Deserialize<'a>>(
    key: Key<'_>,
    body: &'a [u8],
) -> Result<(T, &'a [u8]), EngineError> {
    postcard::take_from_bytes(body).map_err(|error| corrupt(key, error.to_string()))
}

#[cfg(test)]
mod tests;
