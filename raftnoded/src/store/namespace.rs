//! Namespaces: names for separate key spaces, each with exact counts.
//!
//! A name leads to a record with a number; entries are stored under the number. Deleting a
//! namespace removes the name and marks the number as dropped, which takes the same time for ten
//! keys and for ten million; the entries are removed later, see [`reclaim`].

use super::apply::{Applier, Reply};
use super::hidden::{self, Hidden};
use super::keys::{self, Key, NamespaceId};
use super::record::{self, NamespaceRecord, Settings, SettingsChange};
use super::{DEFAULT_NAMESPACE, NameFault, Outcome, ReadError, Rejection, clock, reclaim, scan};
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
    /// What it allows.
    pub settings: Settings,
}

impl NamespaceInfo {
    fn new(name: &str, record: &NamespaceRecord, hidden: Hidden) -> Self {
        Self {
            name: name.to_owned(),
            id: record.id,
            create_revision: record.create_revision,
            keys: record.keys.saturating_sub(hidden.keys),
            bytes: record.bytes.saturating_sub(hidden.bytes),
            settings: record.settings,
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
    let record = require(reader, name)?;
    let hidden = hidden::of(reader, record.id, clock(reader)?, usize::MAX)?;
    Ok(NamespaceInfo::new(name, &record, hidden))
}

/// Whether there is a namespace of this name.
pub fn exists(reader: &dyn Reader, name: &str) -> Result<bool, EngineError> {
    find(reader, name).map(|found| found.is_some())
}

/// All namespaces, by name.
pub fn namespaces(reader: &dyn Reader) -> Result<Vec<NamespaceInfo>, EngineError> {
    let hidden = hidden::everywhere(reader, clock(reader)?)?;
    let mut all = Vec::new();
    for found in scan(reader, keys::namespaces(), false) {
        let (key, value) = found?;
        let key = Key::decode(&key)?;
        let Key::Namespace(name) = key else {
            return Err(record::corrupt(key, "it stands among the namespaces"));
        };
        let record: NamespaceRecord = record::decode(key, &value)?;
        let hidden = hidden.get(&record.id).copied().unwrap_or_default();
        all.push(NamespaceInfo::new(name, &record, hidden));
    }
    Ok(all)
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
        settings: Settings::default(),
    };
    batch.put(Key::Name(DEFAULT_ID).encode(), DEFAULT_NAMESPACE.as_bytes());
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

/// Name and record of a live namespace; none if it was deleted.
pub(super) fn by_id(
    reader: &dyn Reader,
    id: NamespaceId,
) -> Result<Option<(String, NamespaceRecord)>, EngineError> {
    let key = Key::Name(id);
    let Some(name) = reader.get(&key.encode())? else {
        return Ok(None);
    };
    let name = String::from_utf8(name.to_vec())
        .map_err(|error| record::corrupt(key, error.to_string()))?;
    let record =
        find(reader, &name)?.ok_or_else(|| record::corrupt(key, "no namespace has the name"))?;
    Ok(Some((name, record)))
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

/// The record of a new namespace. Nothing is written: see [`establish`].
pub(super) fn draft(
    applier: &Applier<'_>,
    name: &str,
    settings: Settings,
) -> Result<Result<NamespaceRecord, Rejection>, EngineError> {
    if let Err(reason) = check_namespace_name(name) {
        return Ok(Err(Rejection::InvalidNamespace {
            name: name.to_owned(),
            reason,
        }));
    }
    let key = Key::NextNamespaceId;
    let next = applier
        .batch
        .get(&key.encode())?
        .ok_or_else(|| record::corrupt(key, "it is missing: the data was never initialized"))?;
    let id = record::decode_number(key, &next)?;
    if id == NamespaceId::MAX {
        return Ok(Err(Rejection::NamespacesExhausted));
    }
    Ok(Ok(NamespaceRecord {
        id,
        create_revision: applier.index,
        keys: 0,
        bytes: 0,
        settings,
    }))
}

/// Gives number and name to a namespace drafted before; storing its record is left to the caller.
pub(super) fn establish(applier: &mut Applier<'_>, name: &str, space: &NamespaceRecord) {
    let next = record::encode_number(space.id + 1);
    applier.batch.put(Key::NextNamespaceId.encode(), next);
    applier
        .batch
        .put(Key::Name(space.id).encode(), name.as_bytes());
}

pub(super) fn create(
    applier: &mut Applier<'_>,
    name: String,
    settings: Settings,
) -> Result<Reply, EngineError> {
    if find(&applier.batch, &name)?.is_some() {
        return Ok(Err(Rejection::NamespaceExists { name }));
    }
    let space = match draft(applier, &name, settings)? {
        Ok(space) => space,
        Err(rejection) => return Ok(Err(rejection)),
    };
    establish(applier, &name, &space);
    store(&mut applier.batch, &name, &space);
    Ok(Ok(Outcome::NamespaceCreated {
        revision: applier.index,
        id: space.id,
    }))
}

pub(super) fn set(
    applier: &mut Applier<'_>,
    name: String,
    change: SettingsChange,
) -> Result<Reply, EngineError> {
    let Some(mut record) = find(&applier.batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    record.settings.change(change);
    store(&mut applier.batch, &name, &record);
    Ok(Ok(Outcome::NamespaceSet {
        revision: applier.index,
    }))
}

pub(super) fn delete(
    applier: &mut Applier<'_>,
    name: String,
    only_if_empty: bool,
) -> Result<Reply, EngineError> {
    let Some(record) = find(&applier.batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    let hidden = hidden::of(&applier.batch, record.id, applier.clock, usize::MAX)?;
    let keys = record.keys.saturating_sub(hidden.keys);
    if only_if_empty && keys > 0 {
        return Ok(Err(Rejection::NamespaceNotEmpty { name, keys }));
    }
    applier.batch.delete(Key::Namespace(&name).encode());
    applier.batch.delete(Key::Name(record.id).encode());
    applier.tell_namespace_deleted(&name);
    if record.keys > 0 {
        reclaim::drop_namespace(&mut applier.batch, record.id);
    }
    Ok(Ok(Outcome::NamespaceDeleted {
        revision: applier.index,
        keys,
    }))
}

/// Namespace and key of an entry.
pub(super) fn entry_key(place: &[u8]) -> Result<(NamespaceId, &[u8]), EngineError> {
    match Key::decode(place)? {
        Key::Entry(id, key) => Ok((id, key)),
        other => Err(record::corrupt(other, "it stands among the entries")),
    }
}
