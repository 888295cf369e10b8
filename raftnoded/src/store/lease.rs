//! Leases: one life for many keys.
//!
//! A lease ends at a time that a keep-alive moves on; its entries end with it. Ending one takes
//! constant time, whatever the number of its entries: they are hidden at once, and removed a
//! bounded number at a time.
//!
//! # Invariants
//!
//! - `keys` of a lease equals, at all times, the number of its entries in the index. Those of
//!   deleted namespaces are among them until they are reclaimed.
//! - A lease is there as long as an entry lives with it; it is forgotten when the last is removed.
//! - Nothing is attached to a lease that has ended, and none lives again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::apply::{Applier, Reply};
use super::keys::{self, Due, Key, NamespaceId};
use super::record::{self, LeaseRecord};
use super::{Outcome, Rejection, clock, expiry, namespace, scan};
use crate::engine::{EngineError, Reader, Scan};

/// A lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseInfo {
    /// Its id: the index of the command that granted it.
    pub id: u64,
    /// How long it lives without being kept alive, in milliseconds.
    pub ttl: u64,
    /// How long it will live on, in milliseconds of the clock.
    pub remaining: u64,
    /// How many entries live with it, those of deleted namespaces included until they are
    /// reclaimed.
    pub keys: u64,
}

/// The leases above an id, lowest first, at most `limit` of them.
///
/// # Errors
/// If the state cannot be read.
pub fn leases(
    reader: &dyn Reader,
    above: Option<u64>,
    limit: usize,
) -> Result<Vec<LeaseInfo>, EngineError> {
    let clock = clock(reader)?;
    let mut all = Vec::new();
    for found in scan(reader, keys::leases(above), false) {
        if all.len() >= limit {
            break;
        }
        let (place, bytes) = found?;
        let key = Key::decode(&place)?;
        let Key::Lease(id) = key else {
            return Err(record::corrupt(key, "it stands among the leases"));
        };
        let lease: LeaseRecord = record::decode(key, &bytes)?;
        if clock < lease.ends {
            all.push(info(id, &lease, clock));
        }
    }
    Ok(all)
}

/// A lease, and namespace and key of entries that live with it.
pub type DescribedLease = (LeaseInfo, Vec<(String, Bytes)>);

/// One lease, and the first entries that live with it, at most `limit` of them; none if there is
/// no such lease.
///
/// # Errors
/// If the state cannot be read.
pub fn describe_lease(
    reader: &dyn Reader,
    id: u64,
    limit: usize,
) -> Result<Option<DescribedLease>, EngineError> {
    let clock = clock(reader)?;
    let Some(lease) = live(reader, id, clock)? else {
        return Ok(None);
    };
    let mut keys = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        next = None;
        let mut named: Option<(NamespaceId, String)> = None;
        for found in scan(reader, keys::leased(id, from), false) {
            if keys.len() >= limit {
                break;
            }
            let (place, _) = found?;
            let (space, key) = attached(&place)?;
            let name = match named.take() {
                Some((id, name)) if id == space => name,
                _ => match namespace::by_id(reader, space)? {
                    Some((name, _)) => name,
                    // Past all that it left behind in a deleted namespace.
                    None => {
                        next = space.checked_add(1);
                        break;
                    }
                },
            };
            keys.push((name.clone(), Bytes::copy_from_slice(key)));
            named = Some((space, name));
        }
    }
    Ok(Some((info(id, &lease, clock), keys)))
}

fn info(id: u64, lease: &LeaseRecord, clock: u64) -> LeaseInfo {
    LeaseInfo {
        id,
        ttl: lease.ttl,
        remaining: lease.ends.saturating_sub(clock),
        keys: lease.keys,
    }
}

pub(super) fn find(reader: &dyn Reader, id: u64) -> Result<Option<LeaseRecord>, EngineError> {
    let key = Key::Lease(id);
    match reader.get(&key.encode())? {
        Some(bytes) => record::decode(key, &bytes).map(Some),
        None => Ok(None),
    }
}

/// The record of a lease that must exist.
fn require(reader: &dyn Reader, id: u64, why: &str) -> Result<LeaseRecord, EngineError> {
    find(reader, id)?.ok_or_else(|| record::corrupt(Key::Lease(id), why))
}

/// The record of a lease that has not ended.
pub(super) fn live(
    reader: &dyn Reader,
    id: u64,
    clock: u64,
) -> Result<Option<LeaseRecord>, EngineError> {
    Ok(find(reader, id)?.filter(|lease| clock < lease.ends))
}

/// The entries of a lease that are left, in the order in which they are removed.
pub(super) fn entries(reader: &dyn Reader, id: u64) -> Result<Scan<'_>, EngineError> {
    let lease = require(reader, id, "it has an end, and does not exist")?;
    let (mut start, end) = keys::leased(id, 0);
    if let Some((space, key)) = &lease.removed_to {
        start = std::ops::Bound::Excluded(Key::Leased(id, *space, key).encode());
    }
    Ok(scan(reader, (start, end), false))
}

/// Namespace and key of an entry in the index of a lease.
pub(super) fn attached(place: &[u8]) -> Result<(NamespaceId, &[u8]), EngineError> {
    match Key::decode(place)? {
        Key::Leased(_, id, key) => Ok((id, key)),
        other => Err(record::corrupt(other, "it stands among entries of a lease")),
    }
}

pub(super) fn grant(applier: &mut Applier<'_>, ttl: u64) -> Reply {
    let id = applier.index;
    let lease = LeaseRecord {
        ttl,
        ends: expiry::after(applier.clock, ttl),
        keys: 0,
        removed_to: None,
    };
    store(applier, id, &lease);
    let due = Key::Deadline(lease.ends, Due::Lease(id)).encode();
    applier.batch.put(due, &[][..]);
    Ok(Outcome::Lease(info(id, &lease, applier.clock)))
}

pub(super) fn keep_alive(applier: &mut Applier<'_>, id: u64) -> Result<Reply, EngineError> {
    let Some(mut lease) = live(&applier.batch, id, applier.clock)? else {
        return Ok(Err(Rejection::LeaseNotFound { id }));
    };
    let ends = expiry::after(applier.clock, lease.ttl);
    end_at(applier, id, &mut lease, ends);
    Ok(Ok(Outcome::Lease(info(id, &lease, applier.clock))))
}

pub(super) fn revoke(applier: &mut Applier<'_>, id: u64) -> Result<Reply, EngineError> {
    let Some(mut lease) = live(&applier.batch, id, applier.clock)? else {
        return Ok(Err(Rejection::LeaseNotFound { id }));
    };
    let now = applier.clock;
    end_at(applier, id, &mut lease, now);
    Ok(Ok(Outcome::LeaseRevoked {
        revision: applier.index,
        keys: lease.keys,
    }))
}

fn end_at(applier: &mut Applier<'_>, id: u64, lease: &mut LeaseRecord, ends: u64) {
    let due = |at| Key::Deadline(at, Due::Lease(id)).encode();
    applier.batch.delete(due(lease.ends));
    lease.ends = ends;
    applier.batch.put(due(ends), &[][..]);
    store(applier, id, lease);
}

fn store(applier: &mut Applier<'_>, id: u64, lease: &LeaseRecord) {
    applier
        .batch
        .put(Key::Lease(id).encode(), record::encode(lease));
}

/// Counts entries that begin or cease to live with a lease.
pub(super) fn recount(
    applier: &mut Applier<'_>,
    id: u64,
    difference: i64,
) -> Result<(), EngineError> {
    let mut lease = require(&applier.batch, id, "an entry lives with it")?;
    lease.keys = lease
        .keys
        .checked_add_signed(difference)
        .ok_or_else(|| record::corrupt(Key::Lease(id), "it has more entries than it counts"))?;
    store(applier, id, &lease);
    Ok(())
}

/// Notes how far the removal of the entries of a lease has come.
pub(super) fn removed_to(
    applier: &mut Applier<'_>,
    id: u64,
    space: NamespaceId,
    key: &[u8],
) -> Result<(), EngineError> {
    let mut lease = require(&applier.batch, id, "it has entries, and does not exist")?;
    lease.removed_to = Some((space, Bytes::copy_from_slice(key)));
    store(applier, id, &lease);
    Ok(())
}

/// Removes a lease that has ended and has no entries.
pub(super) fn forget(applier: &mut Applier<'_>, id: u64) -> Result<(), EngineError> {
    let lease = require(&applier.batch, id, "it has an end, and does not exist")?;
    applier
        .batch
        .delete(Key::Deadline(lease.ends, Due::Lease(id)).encode());
    applier.batch.delete(Key::Lease(id).encode());
    Ok(())
}
