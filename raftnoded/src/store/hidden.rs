//! What namespaces count and nobody sees any more: entries that have ended and were not removed
//! yet.
//!
//! The counts in the record of a namespace are of all its entries; what a user is told, and what
//! a quota is measured by, leaves the hidden ones out. They are counted where it is asked for,
//! along the index of deadlines: that costs a put nothing, and next to nothing where it is asked,
//! since the leader removes what is due many times a second.

use std::collections::BTreeMap;

use super::keys::{Due, Key, NamespaceId};
use super::{expiry, lease, record};
use crate::engine::{EngineError, Reader};

/// Keys, and bytes of keys and values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    pub keys: u64,
    pub bytes: u64,
}

/// The hidden entries of one namespace, after a look at no more than `look` places in the indexes:
/// too few if more than that is due.
pub(super) fn of(
    reader: &dyn Reader,
    id: NamespaceId,
    clock: u64,
    look: usize,
) -> Result<Hidden, EngineError> {
    let mut sum = Hidden::default();
    walk(reader, clock, look, |space, bytes| {
        if space == id {
            sum.keys += 1;
            sum.bytes += bytes;
        }
    })?;
    Ok(sum)
}

/// The hidden entries of all namespaces. Takes time in proportion to what is due.
pub(super) fn everywhere(
    reader: &dyn Reader,
    clock: u64,
) -> Result<BTreeMap<NamespaceId, Hidden>, EngineError> {
    let mut sums: BTreeMap<NamespaceId, Hidden> = BTreeMap::new();
    walk(reader, clock, usize::MAX, |space, bytes| {
        let sum = sums.entry(space).or_default();
        sum.keys += 1;
        sum.bytes += bytes;
    })?;
    Ok(sums)
}

/// Shows each hidden entry with its bytes.
fn walk(
    reader: &dyn Reader,
    clock: u64,
    mut look: usize,
    mut show: impl FnMut(NamespaceId, u64),
) -> Result<(), EngineError> {
    for found in expiry::deadlines(reader)? {
        let (place, length) = found?;
        let (at, due) = expiry::deadline(&place)?;
        if at > clock || look == 0 {
            break;
        }
        look -= 1;
        match due {
            Due::Entry(id, key) => show(id, bytes(Key::Deadline(at, due), key, &length)?),
            Due::Session(_) => {}
            Due::Lease(lease) => {
                for found in lease::entries(reader, lease)?.take(look) {
                    let (place, length) = found?;
                    let (id, key) = lease::attached(&place)?;
                    show(id, bytes(Key::Leased(lease, id, key), key, &length)?);
                    look -= 1;
                }
            }
        }
    }
    Ok(())
}

/// What an entry counts, by its key and the length of its value in an index.
fn bytes(place: Key<'_>, key: &[u8], length: &[u8]) -> Result<u64, EngineError> {
    let length: u64 = record::decode(place, length)?;
    length
        .checked_add(key.len() as u64)
        .ok_or_else(|| record::corrupt(place, "no value is that long"))
}
