//! Entries of a namespace: put, delete, get, list, count.

use std::ops::Bound;

use bytes::Bytes;

use super::keys::{self, Key, NamespaceId};
use super::record::{self, EntryHead, NamespaceRecord};
use super::{Outcome, ReadError, Rejection, namespace, scan};
use crate::engine::{Batch, EngineError, Reader, Slice};

/// The form of page tokens; see [`Page::next`].
const TOKEN_FORM: u8 = 1;

/// A value and its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value; empty in a listing of keys only.
    pub value: Bytes,
    /// The revision that created the entry.
    pub create_revision: u64,
    /// The revision of the last put.
    pub mod_revision: u64,
    /// How many puts there were since the creation, that one included.
    pub version: u64,
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
    let id = namespace::require(reader, namespace)?.id;
    let key = Key::Entry(id, key);
    match reader.get(&key.encode())? {
        Some(stored) => Ok(Some(entry(key, stored, false)?)),
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
    let mut entries: Vec<(Bytes, Entry)> = Vec::new();
    let mut bytes = 0usize;
    for found in scan(reader, range(id, request)?, request.reverse) {
        let (stored_key, stored) = found?;
        let name = Key::decode(&stored_key)?;
        let Key::Entry(_, key) = name else {
            return Err(record::corrupt(name, "it stands among the entries").into());
        };
        let entry = entry(name, stored, request.keys_only)?;
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

/// How many keys of a namespace begin with `prefix`: read from the namespace if the prefix is
/// empty, else counted one by one.
///
/// # Errors
/// [`ReadError::NamespaceNotFound`] if the namespace does not exist.
pub fn count(reader: &dyn Reader, namespace: &str, prefix: &[u8]) -> Result<u64, ReadError> {
    let record = namespace::require(reader, namespace)?;
    if prefix.is_empty() {
        return Ok(record.keys);
    }
    let mut count = 0;
    for found in scan(reader, keys::entries(record.id, prefix), false) {
        found?;
        count += 1;
    }
    Ok(count)
}

pub(super) fn put(
    batch: &mut Batch<'_>,
    index: u64,
    name: String,
    key: &[u8],
    value: &[u8],
    create_namespace: bool,
) -> Result<Result<Outcome, Rejection>, EngineError> {
    let existing = namespace::find(batch, &name)?;
    let namespace_created = existing.is_none();
    let mut space = match existing {
        Some(space) => space,
        None if create_namespace => match namespace::found(batch, index, &name)? {
            Ok(space) => space,
            Err(rejection) => return Ok(Err(rejection)),
        },
        None => return Ok(Err(Rejection::NamespaceNotFound { name })),
    };
    let name_of_entry = Key::Entry(space.id, key);
    let place = name_of_entry.encode();
    let head = match batch.get(&place)? {
        Some(stored) => {
            let (old, old_value) = record::decode_entry(name_of_entry, &stored)?;
            discount(&mut space, key, old_value)?;
            EntryHead {
                create_revision: old.create_revision,
                mod_revision: index,
                version: old.version + 1,
            }
        }
        None => EntryHead {
            create_revision: index,
            mod_revision: index,
            version: 1,
        },
    };
    space.keys += 1;
    space.bytes += size(key, value);
    batch.put(place, record::encode_entry(&head, value));
    namespace::store(batch, &name, &space);
    Ok(Ok(Outcome::Put {
        revision: index,
        version: head.version,
        namespace_created,
    }))
}

pub(super) fn delete(
    batch: &mut Batch<'_>,
    index: u64,
    name: String,
    keys: &[Bytes],
) -> Result<Result<Outcome, Rejection>, EngineError> {
    let Some(mut space) = namespace::find(batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    let mut count = 0;
    for key in keys {
        let name_of_entry = Key::Entry(space.id, key);
        let place = name_of_entry.encode();
        if let Some(stored) = batch.get(&place)? {
            let (_, value) = record::decode_entry(name_of_entry, &stored)?;
            discount(&mut space, key, value)?;
            batch.delete(place);
            count += 1;
        }
    }
    Ok(Ok(deleted(batch, index, &name, &space, count)))
}

pub(super) fn delete_prefix(
    batch: &mut Batch<'_>,
    index: u64,
    name: String,
    prefix: &[u8],
) -> Result<Result<Outcome, Rejection>, EngineError> {
    let Some(mut space) = namespace::find(batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    let mut places: Vec<Slice> = Vec::new();
    for found in scan(batch, keys::entries(space.id, prefix), false) {
        let (place, stored) = found?;
        let name_of_entry = Key::decode(&place)?;
        let Key::Entry(_, key) = name_of_entry else {
            return Err(record::corrupt(
                name_of_entry,
                "it stands among the entries",
            ));
        };
        let (_, value) = record::decode_entry(name_of_entry, &stored)?;
        discount(&mut space, key, value)?;
        places.push(place);
    }
    let count = places.len() as u64;
    for place in places {
        batch.delete(place);
    }
    Ok(Ok(deleted(batch, index, &name, &space, count)))
}

fn deleted(
    batch: &mut Batch<'_>,
    index: u64,
    name: &str,
    space: &NamespaceRecord,
    count: u64,
) -> Outcome {
    if count > 0 {
        namespace::store(batch, name, space);
    }
    Outcome::Deleted {
        revision: index,
        count,
    }
}

/// Takes one entry out of the counts. Counts that do not cover it are damage: going on would
/// spread it.
fn discount(space: &mut NamespaceRecord, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
    let keys = space.keys.checked_sub(1);
    let bytes = space.bytes.checked_sub(size(key, value));
    let (Some(keys), Some(bytes)) = (keys, bytes) else {
        return Err(EngineError::Corrupt {
            what: format!("the counts of namespace {}", space.id),
            reason: "they are smaller than what the namespace holds".into(),
        });
    };
    (space.keys, space.bytes) = (keys, bytes);
    Ok(())
}

fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

fn entry(key: Key<'_>, stored: Slice, keys_only: bool) -> Result<Entry, EngineError> {
    let (head, value) = record::decode_entry(key, &stored)?;
    let start = stored.len() - value.len();
    Ok(Entry {
        value: if keys_only {
            Bytes::new()
        } else {
            // Shares the engine's own bytes.
            Bytes::from_owner(stored).slice(start..)
        },
        create_revision: head.create_revision,
        mod_revision: head.mod_revision,
        version: head.version,
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
