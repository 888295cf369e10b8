//! What ends by itself: entries with a time to live, leases, unused sessions.
//!
//! # Invariants
//!
//! - The clock is the latest time stamped on a command that was applied; it never goes back, and
//!   nothing else is ever asked for the time.
//! - An entry shows while `clock < its end`, or while `clock < the end of its lease`. What is
//!   beyond its end is hidden at once, whether or not it has been removed: reads pass it over,
//!   writes take it for absent, and counts leave it out.
//! - Every end stands in an index ordered by time, so that [`Command::Expire`] finds what is due
//!   without a search. It removes a bounded number at a time.
//! - `swept <= clock`, and `swept <= every deadline in the index`. Reading the index from there
//!   on, and not from its beginning, spares an LSM tree the walk over its own tombstones.
//!
//! [`Command::Expire`]: super::Command::Expire

use super::apply::Applier;
use super::keys::{self, Due, Key, NamespaceId};
use super::record::{self, Life};
use super::{Outcome, clock, delete, entry, lease, namespace, scan, session};
use crate::engine::{EngineError, Reader, Scan};

/// The earliest time at which something is due; none if nothing ever is.
///
/// # Errors
/// If the state cannot be read.
pub fn next_deadline(reader: &dyn Reader) -> Result<Option<u64>, EngineError> {
    first_deadline(deadlines(reader)?)
}

/// The earliest time beyond the clock at which something is due: the next time at which reads
/// begin to show less. None if nothing ever is.
///
/// # Errors
/// If the state cannot be read.
pub fn next_end(reader: &dyn Reader) -> Result<Option<u64>, EngineError> {
    match clock(reader)?.checked_add(1) {
        Some(from) => first_deadline(scan(reader, keys::deadlines(from), false)),
        None => Ok(None),
    }
}

fn first_deadline(mut deadlines: Scan<'_>) -> Result<Option<u64>, EngineError> {
    match deadlines.next() {
        Some(found) => Ok(Some(deadline(&found?.0)?.0)),
        None => Ok(None),
    }
}

/// Everything in the index of deadlines, the earliest first.
pub(super) fn deadlines(reader: &dyn Reader) -> Result<Scan<'_>, EngineError> {
    Ok(scan(reader, keys::deadlines(swept(reader)?), false))
}

/// The time before which no deadline is left.
fn swept(reader: &dyn Reader) -> Result<u64, EngineError> {
    match reader.get(&Key::Swept.encode())? {
        Some(bytes) => record::decode(Key::Swept, &bytes),
        None => Ok(0),
    }
}

/// Time and meaning of a key in the index.
pub(super) fn deadline(key: &[u8]) -> Result<(u64, Due<'_>), EngineError> {
    match Key::decode(key)? {
        Key::Deadline(at, due) => Ok((at, due)),
        other => Err(record::corrupt(other, "it stands among the deadlines")),
    }
}

/// When an entry ends; none if it lives for ever. An entry whose lease is gone has ended.
pub(super) fn end_of(reader: &dyn Reader, life: Life) -> Result<Option<u64>, EngineError> {
    match life {
        Life::Forever => Ok(None),
        Life::Until(end) => Ok(Some(end)),
        Life::Lease(id) => Ok(Some(lease::find(reader, id)?.map_or(0, |lease| lease.ends))),
    }
}

/// Whether an entry shows at a time of the clock.
pub(super) fn shows(reader: &dyn Reader, life: Life, clock: u64) -> Result<bool, EngineError> {
    Ok(end_of(reader, life)?.is_none_or(|end| clock < end))
}

/// Enters an entry with a value of a length into the index of its life, in place of what stood
/// there under the same life. The entries of a lease are counted by the caller:
/// [`lease::recount`].
pub(super) fn track(
    applier: &mut Applier<'_>,
    id: NamespaceId,
    key: &[u8],
    life: Life,
    length: usize,
) {
    if let Some(place) = place(id, key, life) {
        applier.batch.put(place, record::encode(&(length as u64)));
    }
}

/// Takes an entry out of the index of its life.
pub(super) fn untrack(
    applier: &mut Applier<'_>,
    id: NamespaceId,
    key: &[u8],
    life: Life,
) -> Result<(), EngineError> {
    if let Some(place) = place(id, key, life) {
        applier.batch.delete(place);
    }
    match life {
        Life::Lease(lease) => lease::recount(applier, lease, -1),
        Life::Forever | Life::Until(_) => Ok(()),
    }
}

/// Where the life of an entry stands in an index.
fn place(id: NamespaceId, key: &[u8], life: Life) -> Option<crate::engine::Slice> {
    match life {
        Life::Forever => None,
        Life::Until(end) => Some(Key::Deadline(end, Due::Entry(id, key)).encode()),
        Life::Lease(lease) => Some(Key::Leased(lease, id, key).encode()),
    }
}

/// Removes up to `limit` of what is due, earliest first.
pub(super) fn expire(applier: &mut Applier<'_>, limit: u32) -> Result<Outcome, EngineError> {
    // One more than is removed tells whether more is left. What is removed here never makes
    // anything else due, so that one look is enough.
    let mut due = Vec::new();
    for found in deadlines(&applier.batch)?.take(limit as usize + 1) {
        let (place, _) = found?;
        if deadline(&place)?.0 > applier.clock {
            break;
        }
        due.push(place);
    }
    let mut removed = 0;
    let mut left = None;
    for place in &due {
        let (at, what) = deadline(place)?;
        if removed == limit {
            left = Some(at);
            break;
        }
        match what {
            Due::Entry(id, key) => {
                remove(applier, id, key)?;
                removed += 1;
            }
            Due::Lease(id) => {
                let (entries, gone) = end_lease(applier, id, limit - removed)?;
                removed += entries + u32::from(gone);
                if !gone {
                    left = Some(at);
                    break;
                }
            }
            Due::Session(id) => {
                session::look_at(applier, id)?;
                removed += 1;
            }
        }
    }
    if removed > 0 {
        // From now on, nothing begins to be due before the clock.
        let swept = left.unwrap_or(applier.clock);
        applier
            .batch
            .put(Key::Swept.encode(), record::encode(&swept));
    }
    Ok(Outcome::Expired {
        removed,
        left: left.is_some(),
    })
}

/// Removes an entry that has ended.
fn remove(applier: &mut Applier<'_>, id: NamespaceId, key: &[u8]) -> Result<(), EngineError> {
    let place = Key::Entry(id, key);
    let found = entry::find(applier, place)?
        .ok_or_else(|| record::corrupt(place, "it has an end, and does not exist"))?;
    // The entries of a deleted namespace are counted no more, and nobody is told.
    match namespace::by_id(&applier.batch, id)? {
        Some((name, mut space)) => {
            delete::drop_entry(applier, &name, &mut space, key, &found)?;
            namespace::store(&mut applier.batch, &name, &space);
        }
        None => {
            untrack(applier, id, key, found.head.life)?;
            applier.batch.delete(place.encode());
        }
    }
    Ok(())
}

/// Removes up to `limit` entries of a lease that has ended, and the lease itself if there is room
/// left. Returns the number of entries, and whether the lease is gone.
fn end_lease(applier: &mut Applier<'_>, id: u64, limit: u32) -> Result<(u32, bool), EngineError> {
    let entries = lease::entries(&applier.batch, id)?.take(limit as usize);
    let doomed = entries
        .map(|found| found.map(|(place, _)| place))
        .collect::<Result<Vec<_>, _>>()?;
    for place in &doomed {
        let (space, key) = lease::attached(place)?;
        remove(applier, space, key)?;
    }
    // Never above `limit`, which is of this type.
    let removed = doomed.len() as u32;
    if removed < limit {
        lease::forget(applier, id)?;
        return Ok((removed, true));
    }
    if let Some(last) = doomed.last() {
        let (space, key) = lease::attached(last)?;
        lease::removed_to(applier, id, space, key)?;
    }
    Ok((removed, false))
}

/// Adds a time to live to the clock; a sum beyond all time is the end of time.
pub(super) fn after(clock: u64, ttl: u64) -> u64 {
    clock.saturating_add(ttl)
}
