//! Namespaces: names for separate key spaces, each with exact counts.
//!
//! A name leads to a record with a number; entries are stored under the number. Deleting a
//! namespace removes the name and marks the number as dropped, which takes the same time for ten
//! keys and for ten million; the entries are removed a bounded number at a time by
//! [`Command::Reclaim`](super::Command::Reclaim), proposed by the leader while
//! [`has_dropped`] says that something is left.

use std::ops::Bound;

use bytes::Bytes;

use super::keys::{self, Key, NamespaceId};
use super::record::{self, DroppedRecord, NamespaceRecord};
use super::{DEFAULT_NAMESPACE, NameFault, Outcome, ReadError, Rejection, scan};
use crate::engine::{Batch, EngineError, Reader};

/// The longest name of a namespace, in bytes.
pub const MAX_NAMESPACE_NAME: usize = 64;

const DEFAULT_ID: NamespaceId = 1;

/// A namespace and its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Its name.
    pub name: String,
    /// Its number, never given to another.
    pub id: NamespaceId,
    /// The revision of its creation; 0 for the one that exists from the start.
    pub create_revision: u64,
    /// The number of keys in it.
    pub keys: u64,
    /// The sum of the lengths of its keys and values, in bytes.
    pub bytes: u64,
}

impl NamespaceInfo {
    fn new(name: &str, record: &NamespaceRecord) -> Self {
        Self {
            name: name.to_owned(),
            id: record.id,
            create_revision: record.create_revision,
            keys: record.keys,
            bytes: record.bytes,
        }
    }
}

/// Checks a name: 1 to [`MAX_NAMESPACE_NAME`] characters out of `A-Z a-z 0-9 . _ -`.
pub fn check_namespace_name(name: &str) -> Result<(), NameFault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Err(NameFault::Empty)
    } else if let Some(other) = name.chars().find(|c| !allowed(*c)) {
        Err(NameFault::Character(other))
    } else if name.len() > MAX_NAMESPACE_NAME {
        Err(NameFault::TooLong)
    } else if let Some(first) = name.chars().next().filter(|c| !c.is_ascii_alphanumeric()) {
        Err(NameFault::First(first))
    } else {
        Ok(())
    }
}

/// One namespace.
///
/// # Errors
/// [`ReadError::NamespaceNotFound`] if there is none of this name.
pub fn describe(reader: &dyn Reader, name: &str) -> Result<NamespaceInfo, ReadError> {
    Ok(NamespaceInfo::new(name, &require(reader, name)?))
}

/// All namespaces, by name.
pub fn namespaces(reader: &dyn Reader) -> Result<Vec<NamespaceInfo>, EngineError> {
    let mut all = Vec::new();
    for found in scan(reader, keys::namespaces(), false) {
        let (key, value) = found?;
        let key = Key::decode(&key)?;
        let Key::Namespace(name) = key else {
            return Err(record::corrupt(key, "it stands among the namespaces"));
        };
        all.push(NamespaceInfo::new(name, &record::decode(key, &value)?));
    }
    Ok(all)
}

/// Whether entries of deleted namespaces are still to be removed.
pub fn has_dropped(reader: &dyn Reader) -> Result<bool, EngineError> {
    let first = scan(reader, keys::dropped(), false).next();
    first.transpose().map(|found| found.is_some())
}

pub(super) fn initialize(batch: &mut Batch<'_>) {
    batch.put(
        Key::NextNamespaceId.encode(),
        record::encode_number(DEFAULT_ID + 1),
    );
    let record = NamespaceRecord {
        id: DEFAULT_ID,
        create_revision: 0,
        keys: 0,
        bytes: 0,
    };
    store(batch, DEFAULT_NAMESPACE, &record);
}

/// The record of a namespace, if it exists.
pub(super) fn find(
    reader: &dyn Reader,
    name: &str,
) -> Result<Option<NamespaceRecord>, EngineError> {
    let key = Key::Namespace(name);
    match reader.get(&key.encode())? {
        Some(bytes) => record::decode(key, &bytes).map(Some),
        None => Ok(None),
    }
}

/// The record of a namespace that a read needs.
pub(super) fn require(reader: &dyn Reader, name: &str) -> Result<NamespaceRecord, ReadError> {
    find(reader, name)?.ok_or_else(|| ReadError::NamespaceNotFound {
        name: name.to_owned(),
    })
}

pub(super) fn store(batch: &mut Batch<'_>, name: &str, record: &NamespaceRecord) {
    batch.put(Key::Namespace(name).encode(), record::encode(record));
}

/// Makes the record of a new namespace, not stored yet; the number is taken.
pub(super) fn found(
    batch: &mut Batch<'_>,
    index: u64,
    name: &str,
) -> Result<Result<NamespaceRecord, Rejection>, EngineError> {
    if let Err(reason) = check_namespace_name(name) {
        return Ok(Err(Rejection::InvalidNamespace {
            name: name.to_owned(),
            reason,
        }));
    }
    let key = Key::NextNamespaceId;
    let next = batch
        .get(&key.encode())?
        .ok_or_else(|| record::corrupt(key, "it is missing: the data was never initialized"))?;
    let id = record::decode_number(key, &next)?;
    let Some(next) = id.checked_add(1) else {
        return Ok(Err(Rejection::NamespacesExhausted));
    };
    batch.put(key.encode(), record::encode_number(next));
    Ok(Ok(NamespaceRecord {
        id,
        create_revision: index,
        keys: 0,
        bytes: 0,
    }))
}

pub(super) fn create(
    batch: &mut Batch<'_>,
    index: u64,
    name: String,
) -> Result<Result<Outcome, Rejection>, EngineError> {
    if find(batch, &name)?.is_some() {
        return Ok(Err(Rejection::NamespaceExists { name }));
    }
    let record = match found(batch, index, &name)? {
        Ok(record) => record,
        Err(rejection) => return Ok(Err(rejection)),
    };
    store(batch, &name, &record);
    Ok(Ok(Outcome::NamespaceCreated {
        revision: index,
        id: record.id,
    }))
}

pub(super) fn delete(
    batch: &mut Batch<'_>,
    index: u64,
    name: String,
    only_if_empty: bool,
) -> Result<Result<Outcome, Rejection>, EngineError> {
    let Some(record) = find(batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    let keys = record.keys;
    if only_if_empty && keys > 0 {
        return Ok(Err(Rejection::NamespaceNotEmpty { name, keys }));
    }
    batch.delete(Key::Namespace(&name).encode());
    if keys > 0 {
        store_dropped(batch, record.id, None);
    }
    Ok(Ok(Outcome::NamespaceDeleted {
        revision: index,
        keys,
    }))
}

/// Removes up to `limit` entries of dropped namespaces, lowest number first.
pub(super) fn reclaim(batch: &mut Batch<'_>, limit: u32) -> Result<Outcome, EngineError> {
    let mut removed = 0;
    while removed < limit {
        let Some(dropped) = scan(batch, keys::dropped(), false).next() else {
            break;
        };
        let (key, value) = dropped?;
        let key = Key::decode(&key)?;
        let Key::Dropped(id) = key else {
            return Err(record::corrupt(
                key,
                "it stands among the dropped namespaces",
            ));
        };
        let state: DroppedRecord = record::decode(key, &value)?;
        let (mut start, end) = keys::entries(id, &[]);
        if let Some(last) = state.reclaimed_to {
            start = Bound::Excluded(Key::Entry(id, &last).encode());
        }
        let wanted = (limit - removed) as usize;
        let mut doomed = Vec::new();
        let mut left = false;
        for entry in scan(batch, (start, end), false) {
            let (place, _) = entry?;
            if doomed.len() == wanted {
                left = true;
                break;
            }
            doomed.push(place);
        }
        if left && let Some(last) = doomed.last() {
            let Key::Entry(_, last) = Key::decode(last)? else {
                return Err(record::corrupt(
                    key,
                    "its entries have keys of another kind",
                ));
            };
            store_dropped(batch, id, Some(Bytes::copy_from_slice(last)));
        } else {
            batch.delete(key.encode());
        }
        // Never above `limit`, which is of this type.
        removed += doomed.len() as u32;
        for place in doomed {
            batch.delete(place);
        }
    }
    Ok(Outcome::Reclaimed {
        removed,
        left: has_dropped(batch)?,
    })
}

fn store_dropped(batch: &mut Batch<'_>, id: NamespaceId, reclaimed_to: Option<Bytes>) {
    batch.put(
        Key::Dropped(id).encode(),
        record::encode(&DroppedRecord { reclaimed_to }),
    );
}
