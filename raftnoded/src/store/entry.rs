//! What writes find under a key, and what must hold of it.

use bytes::Bytes;

use super::apply::Applier;
use super::command::Condition;
use super::keys::Key;
use super::kv::{self, Entry, size};
use super::record::{self, EntryHead, NamespaceRecord};
use super::{Rejection, expiry};
use crate::engine::{EngineError, Reader, Slice};

/// What is stored under a key.
pub(super) struct Found {
    pub head: EntryHead,
    /// Its record.
    pub stored: Slice,
    /// Where the value begins in `stored`.
    value_at: usize,
    /// Whether a read shows it.
    pub shows: bool,
}

impl Found {
    pub(super) fn new(
        applier: &Applier<'_>,
        key: Key<'_>,
        stored: Slice,
    ) -> Result<Self, EngineError> {
        let (head, value) = record::decode_entry(key, &stored)?;
        let value_at = stored.len() - value.len();
        Ok(Self {
            shows: expiry::shows(&applier.batch, head.life, applier.clock)?,
            head,
            stored,
            value_at,
        })
    }

    pub(super) fn value(&self) -> &[u8] {
        &self.stored[self.value_at..]
    }

    /// As it is answered to whoever asks for what was there before.
    pub(super) fn entry(&self, applier: &Applier<'_>, key: Key<'_>) -> Result<Entry, EngineError> {
        kv::entry(&applier.batch, key, Slice::clone(&self.stored), false)
    }
}

/// What is stored under a key, hidden or not.
pub(super) fn find(applier: &Applier<'_>, key: Key<'_>) -> Result<Option<Found>, EngineError> {
    match applier.batch.get(&key.encode())? {
        Some(stored) => Found::new(applier, key, stored).map(Some),
        None => Ok(None),
    }
}

/// Refuses a write if a condition does not hold of what a read shows of a key.
pub(super) fn check(
    condition: Option<Condition>,
    namespace: &str,
    key: &[u8],
    shown: Option<&Found>,
) -> Result<(), Rejection> {
    let head = shown.map(|found| &found.head);
    let holds = match (condition, head) {
        (None, _) | (Some(Condition::Absent), None) => true,
        (Some(Condition::Absent), Some(_)) | (Some(_), None) => false,
        (Some(Condition::Version(version)), Some(head)) => head.version == version,
        (Some(Condition::Revision(revision)), Some(head)) => head.mod_revision == revision,
    };
    if holds {
        return Ok(());
    }
    Err(Rejection::ConditionFailed {
        namespace: namespace.to_owned(),
        key: Bytes::copy_from_slice(key),
        current: head.map(|head| (head.version, head.mod_revision)),
    })
}

/// Takes one entry out of the counts of its namespace. Counts that do not cover it are damage:
/// going on would spread it.
pub(super) fn discount(
    space: &mut NamespaceRecord,
    key: &[u8],
    value: &[u8],
) -> Result<(), EngineError> {
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
