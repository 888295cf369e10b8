//! Freeing what deleted namespaces left behind, a bounded number of entries at a time, by
//! [`Command::Reclaim`](super::Command::Reclaim): the leader proposes it while [`has_dropped`] says
//! that something is left.

use std::ops::Bound;

use bytes::Bytes;

use super::apply::Applier;
use super::keys::{self, Key, NamespaceId};
use super::namespace::entry_key;
use super::record::{self, DroppedRecord};
use super::{Outcome, expiry, scan};
use crate::engine::{Batch, EngineError, Reader};

/// Whether entries of deleted namespaces are still to be removed.
///
/// # Errors
/// If the state cannot be read.
pub fn has_dropped(reader: &dyn Reader) -> Result<bool, EngineError> {
    let first = scan(reader, keys::dropped(), false).next();
    first.transpose().map(|found| found.is_some())
}

/// Marks a namespace whose entries are to be removed.
pub(super) fn drop_namespace(batch: &mut Batch<'_>, id: NamespaceId) {
    store(batch, id, None);
}

fn store(batch: &mut Batch<'_>, id: NamespaceId, reclaimed_to: Option<Bytes>) {
    batch.put(
        Key::Dropped(id).encode(),
        record::encode(&DroppedRecord { reclaimed_to }),
    );
}

/// Removes up to `limit` entries of dropped namespaces, lowest number first.
pub(super) fn reclaim(applier: &mut Applier<'_>, limit: u32) -> Result<Outcome, EngineError> {
    let dropped = scan(&applier.batch, keys::dropped(), false)
        .take(limit as usize)
        .collect::<Result<Vec<_>, _>>()?;
    let mut removed = 0;
    for (place, state) in &dropped {
        if removed == limit {
            break;
        }
        let key = Key::decode(place)?;
        let Key::Dropped(id) = key else {
            return Err(record::corrupt(
                key,
                "it stands among the dropped namespaces",
            ));
        };
        let state: DroppedRecord = record::decode(key, state)?;
        removed += reclaim_from(applier, id, state, limit - removed)?;
    }
    Ok(Outcome::Reclaimed {
        removed,
        left: has_dropped(&applier.batch)?,
    })
}

/// Removes up to `limit` entries of one dropped namespace, and its mark if those are the last.
fn reclaim_from(
    applier: &mut Applier<'_>,
    id: NamespaceId,
    state: DroppedRecord,
    limit: u32,
) -> Result<u32, EngineError> {
    let (mut start, end) = keys::entries(id, &[]);
    if let Some(last) = state.reclaimed_to {
        start = Bound::Excluded(Key::Entry(id, &last).encode());
    }
    // One more than is removed tells whether more is left.
    let mut doomed = scan(&applier.batch, (start, end), false)
        .take(limit as usize + 1)
        .collect::<Result<Vec<_>, _>>()?;
    let left = doomed.len() > limit as usize;
    doomed.truncate(limit as usize);
    match doomed.last() {
        Some((last, _)) if left => {
            let (_, last) = entry_key(last)?;
            let last = Bytes::copy_from_slice(last);
            store(&mut applier.batch, id, Some(last));
        }
        _ => applier.batch.delete(Key::Dropped(id).encode()),
    }
    for (place, stored) in &doomed {
        let (_, key) = entry_key(place)?;
        let (head, _) = record::decode_entry(Key::Entry(id, key), stored)?;
        expiry::untrack(applier, id, key, head.life)?;
        applier.batch.delete(place.clone());
    }
    // Never above `limit`, which is of this type.
    Ok(doomed.len() as u32)
}
