//! Data directories made while no process runs on them: a new cluster from a backup ([`restore`]),
//! or from the one survivor of a cluster that lost its quorum for good ([`recover`]).
//!
//! Both end in the same thing: the state of another cluster as the first state of a new one with
//! one member, id 1. What changes, and why:
//!
//! - *Cluster id and incarnation are new.* Members of the old cluster are refused by the new one, and
//!   the other way round, in the handshake: the two can never mix.
//! - *Revisions go on beyond the old ones.* The applied position jumps by [`DEFAULT_BUMP`], so that a
//!   watcher that saw later revisions of the old cluster than the state holds is told that they are
//!   gone (`Compacted`), and a condition on such a revision never holds by chance.
//! - *The membership is empty.* The first start writes an entry that names the member with the
//!   addresses it has then.
//!
//! What stays, and why:
//!
//! - *The cluster's clock goes on from the saved time.* Whatever ends by itself lives its rest; the
//!   time in between does not count, as it does not while no leader is elected.
//! - *Leases* live their rest from the first start on, with their keys. One granted later than the
//!   state is unknown, and its holder is told so.
//! - *Sessions.* A client of the old cluster that repeats a write which the state holds gets the
//!   first reply; one that it does not hold is carried out once, here; one of a session opened later
//!   is refused as expired. Ids of sessions and leases are log indexes: new ones lie beyond the
//!   bump, and are never mistaken for old ones.
//!
//! # Invariants
//!
//! - A source that is damaged, cut off, foreign or newer is refused before anything is written.
//! - A directory appears under its name when it is complete and synced, by one rename; in a mount
//!   point, which cannot be renamed over, the identity appears last. What an interrupted run leaves is
//!   hidden beside it, and removed by the next.
//! - It belongs to the user to whom the one that was there belonged.

mod copy;
mod draft;
mod error;
pub mod recover;
pub mod restore;
#[cfg(test)]
mod tests;

pub use error::OfflineError;

use crate::store::{Header, LAYOUT_VERSION, Position};

/// By how much the revisions of a new cluster are beyond those of the state it begins with, unless it
/// is said otherwise: more than any cluster writes between its last backup and its end.
pub const DEFAULT_BUMP: u64 = 1_000_000_000;

/// The header of the first state of a new cluster.
fn first_state(
    cluster_id: u128,
    saved: Option<Position>,
    bump: u64,
) -> Result<Header, OfflineError> {
    let saved = saved.unwrap_or(Position { term: 1, index: 0 });
    let index = saved
        .index
        .checked_add(bump)
        .filter(|index| *index < u64::MAX / 2);
    Ok(Header {
        cluster_id,
        layout: LAYOUT_VERSION,
        applied: Some(Position {
            term: saved.term,
            index: index.ok_or(OfflineError::BumpTooLarge {
                saved: saved.index,
                bump,
            })?,
        }),
        membership: None,
    })
}
