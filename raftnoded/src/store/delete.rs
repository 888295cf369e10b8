//! Deleting entries: by key, by prefix.
//!
//! Everything that can refuse a command is looked at before anything is written.

use bytes::Bytes;

use super::apply::{Applier, Reply};
use super::command::Condition;
use super::entry::{self, Found};
use super::keys::{self, Key};
use super::kv::size;
use super::record::NamespaceRecord;
use super::{EventKind, Outcome, Rejection, expiry, namespace, scan};
use crate::engine::{EngineError, Slice};

/// The most bytes of keys and values that one command answers with.
pub(super) const MAX_REPLY: u64 = 8 << 20;

pub(super) fn delete(
    applier: &mut Applier<'_>,
    name: String,
    keys: &[Bytes],
    condition: Option<Condition>,
    previous: bool,
) -> Result<Reply, EngineError> {
    let Some(mut space) = namespace::find(&applier.batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    // A key given twice counts once.
    let mut keys: Vec<&Bytes> = keys.iter().collect();
    keys.sort_unstable();
    keys.dedup();
    let mut doomed: Vec<(&Bytes, Found)> = Vec::with_capacity(keys.len());
    for key in keys {
        let place = Key::Entry(space.id, key);
        let found = entry::find(applier, place)?.filter(|found| found.shows);
        if let Err(rejection) = entry::check(condition, &name, key, found.as_ref()) {
            return Ok(Err(rejection));
        }
        doomed.extend(found.map(|found| (key, found)));
    }
    let mut entries = Vec::new();
    if previous {
        let bytes = doomed.iter().map(|(key, found)| size(key, found.value()));
        if let Err(rejection) = check_reply(bytes.sum()) {
            return Ok(Err(rejection));
        }
        for (key, found) in &doomed {
            let entry = found.entry(applier, Key::Entry(space.id, key))?;
            entries.push((Bytes::clone(key), entry));
        }
    }
    for (key, found) in &doomed {
        drop_entry(applier, &name, &mut space, key, found)?;
    }
    if !doomed.is_empty() {
        namespace::store(&mut applier.batch, &name, &space);
    }
    Ok(Ok(Outcome::Deleted {
        revision: applier.index,
        count: doomed.len() as u64,
        previous: entries,
    }))
}

/// Refuses an answer that is too long.
pub(super) fn check_reply(size: u64) -> Result<(), Rejection> {
    if size > MAX_REPLY {
        let limit = MAX_REPLY;
        return Err(Rejection::ReplyTooLarge { size, limit });
    }
    Ok(())
}

pub(super) fn delete_prefix(
    applier: &mut Applier<'_>,
    name: String,
    prefix: &[u8],
) -> Result<Reply, EngineError> {
    let Some(mut space) = namespace::find(&applier.batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    let doomed = scan(&applier.batch, keys::entries(space.id, prefix), false)
        .collect::<Result<Vec<_>, _>>()?;
    let mut count = 0;
    for (place, stored) in &doomed {
        let (_, key) = namespace::entry_key(place)?;
        let found = Found::new(applier, Key::Entry(space.id, key), Slice::clone(stored))?;
        count += u64::from(found.shows);
        drop_entry(applier, &name, &mut space, key, &found)?;
    }
    if !doomed.is_empty() {
        namespace::store(&mut applier.batch, &name, &space);
    }
    Ok(Ok(Outcome::Deleted {
        revision: applier.index,
        count,
        previous: Vec::new(),
    }))
}

/// Removes an entry; the record of its namespace is left to the caller.
pub(super) fn drop_entry(
    applier: &mut Applier<'_>,
    name: &str,
    space: &mut NamespaceRecord,
    key: &[u8],
    found: &Found,
) -> Result<(), EngineError> {
    entry::discount(space, key, found.value())?;
    expiry::untrack(applier, space.id, key, found.head.life)?;
    let place = Key::Entry(space.id, key).encode();
    applier.batch.delete(Slice::clone(&place));
    let kind = if found.shows {
        EventKind::Deleted
    } else {
        EventKind::Expired
    };
    applier.tell_gone(kind, name, place, Slice::clone(&found.stored));
    Ok(())
}
