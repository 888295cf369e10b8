//! What a namespace may hold.
//!
//! # Caveats
//!
//! What has ended takes no room, though it still lies there. A backlog of more than [`LOOK`]
//! things that are due and not removed yet is not counted out to its end: what lies beyond takes
//! room for the moments until it is removed. Counting it out for every put would let one burst of
//! expiries hold up all writes.

use super::apply::Applier;
use super::entry::Found;
use super::hidden;
use super::kv::size;
use super::record::{NamespaceRecord, Settings};
use super::{Quota, Rejection};
use crate::engine::EngineError;

/// Places in the indexes of what is due that a put looks at.
const LOOK: usize = 1000;

/// Refuses a put that makes a namespace hold more than it may. What does not make it hold more is
/// never refused, so that a namespace whose quota was lowered can still be used.
pub(super) fn check(
    applier: &Applier<'_>,
    name: &str,
    space: &NamespaceRecord,
    key: &[u8],
    value: &[u8],
    found: Option<&Found>,
) -> Result<Result<(), Rejection>, EngineError> {
    let exceeded = |quota, wanted, limit| {
        Ok(Err(Rejection::QuotaExceeded {
            namespace: name.to_owned(),
            quota,
            wanted,
            limit,
        }))
    };
    let Settings {
        max_keys,
        max_bytes,
        max_value,
        default_ttl: _,
    } = space.settings;
    let length = value.len() as u64;
    if let Some(limit) = max_value.filter(|limit| length > *limit) {
        return exceeded(Quota::Value, length, limit);
    }
    let shown = found.filter(|found| found.shows);
    let old = shown.map_or(0, |found| size(key, found.value()));
    let new = size(key, value);
    let max_keys = max_keys.filter(|_| shown.is_none());
    let max_bytes = max_bytes.filter(|_| new > old);
    let beyond = |keys, bytes| {
        let keys = max_keys.filter(|limit| keys > *limit);
        let bytes = max_bytes.filter(|limit| bytes > *limit);
        (keys, bytes)
    };
    // With all that is hidden counted in, most puts are within the quota already.
    let keys = space.keys + u64::from(shown.is_none());
    let bytes = space.bytes + new - old;
    if beyond(keys, bytes) == (None, None) {
        return Ok(Ok(()));
    }
    // A hidden entry that the put replaces is among those.
    let hidden = hidden::of(&applier.batch, space.id, applier.clock, LOOK)?;
    let keys = keys.saturating_sub(hidden.keys);
    let bytes = bytes.saturating_sub(hidden.bytes);
    match beyond(keys, bytes) {
        (Some(limit), _) => exceeded(Quota::Keys, keys, limit),
        (None, Some(limit)) => exceeded(Quota::Bytes, bytes, limit),
        (None, None) => Ok(Ok(())),
    }
}
