//! Reads of the entries of a namespace: get, list, count.

use std::ops::Bound;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::{self, Key, NamespaceId};
use super::record::{self, EntryHead, Life};
use super::{ReadError, clock, expiry, namespace, scan};
use crate::engine::{Engine, EngineError, Reader, Slice};

/// The form of page tokens; see [`Page::next`].
const TOKEN_FORM: u8 = 1;

/// A value and its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The value; empty in a listing of keys only.
    pub value: Bytes,
    /// The bytes of a value that was left out. No part of what is replicated: replies that
    /// sessions remember have their values.
    #[serde(skip)]
    pub left_out: u64,
    /// The revision that created the entry.
    pub create_revision: u64,
    /// The revision of the last put.
    pub mod_revision: u64,
    /// How many puts there were since the creation, that one included.
    pub version: u64,
    /// The time of the clock at which it ends, in milliseconds; none if it lives for ever.
    pub ends: Option<u64>,
    /// The lease it lives with.
    pub lease: Option<u64>,
}

/// What to list of a namespace. Every bound that is set must hold.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// Keys that begin with this; empty for all.
    pub prefix: &'a [u8],
    /// Keys equal to or above this.
    pub start: Option<&'a [u8]>,
    /// Keys below this.
    pub end: Option<&'a [u8]>,
    /// Descending order.
    pub reverse: bool,
    /// Leave the values out.
    pub keys_only: bool,
    /// How many entries a page holds at most; 0 counts as 1.
    pub limit: usize,
    /// How many bytes of keys and values a page holds at most. The first entry is returned
    /// whatever its size, so that a listing always goes on.
    pub max_bytes: usize,
    /// The token of the page before, or none for the first.
    pub page: Option<&'a [u8]>,
}

impl Default for List<'_> {
    fn default() -> Self {
        Self {
            prefix: &[],
            start: None,
            end: None,
            reverse: false,
            keys_only: false,
            limit: 1000,
            max_bytes: 1 << 20,
            page: None,
        }
    }
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Keys and entries, in the order asked for.
    pub entries: Vec<(Bytes, Entry)>,
    /// What to pass as [`List::page`] for the rest; none if this was all. It names the last key
    /// returned, so it stays valid whatever is written in between.
    pub next: Option<Bytes>,
}

/// One entry, or none if the key does not exist.
///
/// # Errors
/// [`ReadError::NamespaceNotFound`] if the namespace does not exist.
pub fn get(reader: &dyn Reader, namespace: &str, key: &[u8]) -> Result<Option<Entry>, ReadError> {
    let Some(entry) = find(reader, namespace, key)? else {
        return Ok(None);
    };
    // Most keys live for ever: they need no look at the clock.
    match entry.ends {
        Some(end) if end <= clock(reader)? => Ok(None),
        _ => Ok(Some(entry)),
    }
}

/// Like [`get`], while writes are applied.
///
/// Key, lease and clock are looked up one after the other. What was there at the first look was
/// there, but only one state can tell that it has ended: it may have got more time in between.
///
/// # Errors
/// As [`get`].
pub fn get_live(
    engine: &dyn Engine,
    namespace: &str,
    key: &[u8],
) -> Result<Option<Entry>, ReadError> {
    let Some(entry) = find(engine, namespace, key)? else {
        return Ok(None);
    };
    match entry.ends {
        Some(end) if end <= clock(engine)? => get(&*engine.snapshot(), namespace, key),
        _ => Ok(Some(entry)),
    }
}

/// Like [`get`], at a time of the clock that the state does not have yet.
pub(super) fn get_at(
    reader: &dyn Reader,
    namespace: &str,
    key: &[u8],
    clock: u64,
) -> Result<Option<Entry>, ReadError> {
    let entry = find(reader, namespace, key)?;
    Ok(entry.filter(|entry| entry.ends.is_none_or(|end| clock < end)))
}

fn find(reader: &dyn Reader, namespace: &str, key: &[u8]) -> Result<Option<Entry>, ReadError> {
    let id = namespace::require(reader, namespace)?.id;
    let key = Key::Entry(id, key);
    match reader.get(&key.encode())? {
        Some(stored) => Ok(Some(entry(reader, key, stored, false)?)),
        None => Ok(None),
    }
}

/// One page of the entries of a namespace, in key order.
///
/// # Errors
/// [`ReadError::NamespaceNotFound`] if the namespace does not exist, [`ReadError::InvalidPage`]
/// if the token was not made by a listing in the same direction.
pub fn list(reader: &dyn Reader, namespace: &str, request: &List<'_>) -> Result<Page, ReadError> {
    let id = namespace::require(reader, namespace)?.id;
    let clock = clock(reader)?;
    let mut entries: Vec<(Bytes, Entry)> = Vec::new();
    let mut bytes = 0usize;
    for found in scan(reader, range(id, request)?, request.reverse) {
        let (stored_key, stored) = found?;
        let name = Key::decode(&stored_key)?;
        let Key::Entry(_, key) = name else {
            return Err(record::corrupt(name, "it stands among the entries").into());
        };
        let entry = entry(reader, name, stored, request.keys_only)?;
        if entry.ends.is_some_and(|end| end <= clock) {
            continue;
        }
        bytes = bytes.saturating_add(key.len() + entry.value.len());
        let full = entries.len() >= request.limit.max(1)
            || (bytes > request.max_bytes && !entries.is_empty());
        if full {
            let next = entries.last().map(|(last, _)| token(request.reverse, last));
            return Ok(Page { entries, next });
        }
        entries.push((Bytes::copy_from_slice(key), entry));
    }
    Ok(Page {
        entries,
        next: None,
    })
}

impl Entry {
    /// The bytes of the value, also when it was left out.
    pub fn size(&self) -> u64 {
        self.value.len() as u64 + self.left_out
    }
}

/// How many keys of a namespace begin with `prefix`: read from the namespace if the prefix is
/// empty, else counted one by one.
///
/// # Errors
/// [`ReadError::NamespaceNotFound`] if the namespace does not exist.
pub fn count(reader: &dyn Reader, namespace: &str, prefix: &[u8]) -> Result<u64, ReadError> {
    if prefix.is_empty() {
        return Ok(namespace::describe(reader, namespace)?.keys);
    }
    let id = namespace::require(reader, namespace)?.id;
    let clock = clock(reader)?;
    let mut count = 0;
    for found in scan(reader, keys::entries(id, prefix), false) {
        let (place, stored) = found?;
        let (head, _) = record::decode_entry(Key::decode(&place)?, &stored)?;
        count += u64::from(expiry::shows(reader, head.life, clock)?);
    }
    Ok(count)
}

/// What an entry counts in the bytes of its namespace.
pub(super) fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

/// An entry as it is stored, hidden or not.
pub(super) fn entry(
    reader: &dyn Reader,
    key: Key<'_>,
    stored: Slice,
    keys_only: bool,
) -> Result<Entry, EngineError> {
    let (head, value) = record::decode_entry(key, &stored)?;
    let start = stored.len() - value.len();
    let EntryHead {
        create_revision,
        mod_revision,
        version,
        life,
    } = head;
    let (value, left_out) = if keys_only {
        (Bytes::new(), value.len() as u64)
    } else {
        // Shares the engine's own bytes.
        (Bytes::from_owner(stored).slice(start..), 0)
    };
    Ok(Entry {
        value,
        left_out,
        create_revision,
        mod_revision,
        version,
        ends: expiry::end_of(reader, life)?,
        lease: match life {
            Life::Lease(id) => Some(id),
            Life::Forever | Life::Until(_) => None,
        },
    })
}

/// The engine's range for a request: prefix, bounds and page token together.
fn range(id: NamespaceId, request: &List<'_>) -> Result<keys::Range, ReadError> {
    let (mut start, mut end) = keys::entries(id, request.prefix);
    let place = |key: &[u8]| Key::Entry(id, key).encode();
    let mut raise = |bound: Slice, inclusive: bool| {
        if matches!(&start, Bound::Included(now) if *now <= bound) {
            start = if inclusive {
                Bound::Included(bound)
            } else {
                Bound::Excluded(bound)
            };
        }
    };
    let mut lower = |bound: Slice| {
        if matches!(&end, Bound::Excluded(now) if *now > bound) {
            end = Bound::Excluded(bound);
        }
    };
    if let Some(key) = request.start {
        raise(place(key), true);
    }
    if let Some(key) = request.end {
        lower(place(key));
    }
    match request.page {
        None => {}
        Some([TOKEN_FORM, reverse, last @ ..]) if *reverse == u8::from(request.reverse) => {
            if request.reverse {
                lower(place(last));
            } else {
                raise(place(last), false);
            }
        }
        Some(_) => return Err(ReadError::InvalidPage),
    }
    Ok((start, end))
}

fn token(reverse: bool, last: &[u8]) -> Bytes {
    [&[TOKEN_FORM, u8::from(reverse)], last].concat().into()
}
