//! What each other member has acknowledged to this one as its leader, and that it takes nothing of
//! it back.
//!
//! What a follower acknowledged is on its disk, and counted towards majorities (Ongaro and
//! Ousterhout, 2014, section 5.3). Within one term nothing may void it: only a later leader makes a
//! follower drop entries. So a follower that lacks what it acknowledged in this term has lost it: its
//! files were cut, or an older copy of them was put in their place, or its disk lied about a sync. It
//! must not be brought up to date as if nothing had happened, since it may have voted, or may yet,
//! for a leader without entries that are committed. openraft assumes that this never happens, and
//! asserts it in a debug build.
//!
//! # Caveats
//!
//! A leader knows only what was acknowledged to itself, in its own term. A member whose log was cut
//! while it was stopped, and that comes back under another leader than the one that heard its last
//! acknowledgement, is not found out here; [`crate::node`] finds it out if it had stopped in order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use crate::raft::types::LogId;

/// How often a member is told what it has lost, until it is gone.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What the other members have acknowledged, by id. Clones share it.
#[derive(Clone, Default)]
pub(in crate::raft) struct Ledger(Arc<RwLock<HashMap<u64, Arc<Acknowledged>>>>);

impl Ledger {
    /// Where it is kept for one member.
    pub(super) fn of(&self, id: u64) -> Arc<Acknowledged> {
        let known = {
            let members = self.0.read().unwrap_or_else(PoisonError::into_inner);
            members.get(&id).cloned()
        };
        known.unwrap_or_else(|| {
            let mut members = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(members.entry(id).or_default())
        })
    }

    /// The last entry that a member has acknowledged to a leader of this term, if it lacks it now.
    pub(in crate::raft) fn lost(&self, id: u64, term: u64) -> Option<LogId> {
        let acknowledged = self.of(id);
        let state = acknowledged.state();
        state.last.filter(|_| state.lost && state.term == term)
    }
}

/// What one member has acknowledged.
#[derive(Default)]
pub(in crate::raft) struct Acknowledged(Mutex<State>);

#[derive(Default)]
struct State {
    /// The term of the leader that this is about.
    term: u64,
    last: Option<LogId>,
    /// Whether it was found not to have it any more.
    lost: bool,
    told: Option<Instant>,
}

/// A member lacks what it has acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// The last entry that it has acknowledged.
    pub(super) acknowledged: LogId,
    /// Whether this was not known before.
    pub(super) new: bool,
    /// Whether it is time to tell it.
    pub(super) tell: bool,
}

impl Acknowledged {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member has on disk all up to an entry, as it says to the leader of a term.
    pub(super) fn note(&self, term: u64, id: LogId) {
        let mut state = self.state();
        if term > state.term {
            *state = State {
                term,
                ..State::default()
            };
        }
        if term == state.term && state.last <= Some(id) {
            state.last = Some(id);
            // The right files were put back.
            state.lost = false;
        }
    }

    /// The member says to the leader of a term that it lacks an entry. None if that may be.
    pub(super) fn lacks(&self, term: u64, id: LogId, now: Instant) -> Option<Loss> {
        let mut state = self.state();
        let acknowledged = state
            .last
            .filter(|last| term == state.term && id <= *last)?;
        let new = !state.lost;
        state.lost = true;
        let tell = state
            .told
            .is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY);
        if tell {
            state.told = Some(now);
        }
        Some(Loss {
            acknowledged,
            new,
            tell,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::log_id;

    #[test]
    fn only_what_was_acknowledged_in_the_same_term_can_be_lost() {
        let now = Instant::now();
        let acknowledged = Acknowledged::default();
        assert_eq!(acknowledged.lacks(3, log_id(3, 10), now), None);
        acknowledged.note(3, log_id(2, 10));
        acknowledged.note(3, log_id(3, 20));
        // A late answer on another connection.
        acknowledged.note(3, log_id(3, 15));
        // Entries sent ahead of an answer.
        assert_eq!(acknowledged.lacks(3, log_id(3, 21), now), None);
        let loss = acknowledged.lacks(3, log_id(3, 20), now).unwrap();
        assert_eq!(loss.acknowledged, log_id(3, 20));
        assert!(loss.new && loss.tell);
        let again = acknowledged.lacks(3, log_id(2, 10), now).unwrap();
        assert!(!again.new && !again.tell);
        assert!(
            acknowledged
                .lacks(3, log_id(2, 1), now + TELL_EVERY)
                .unwrap()
                .tell
        );
        // A later leader may have voided it, and a late answer to an earlier one means nothing.
        assert_eq!(acknowledged.lacks(4, log_id(3, 20), now), None);
        acknowledged.note(4, log_id(3, 12));
        assert_eq!(acknowledged.lacks(3, log_id(3, 12), now), None);
        assert_eq!(acknowledged.lacks(4, log_id(3, 13), now), None);
        assert!(acknowledged.lacks(4, log_id(3, 12), now).unwrap().new);
    }

    #[test]
    fn a_loss_is_known_until_the_files_are_back_or_another_leader_asks() {
        let ledger = Ledger::default();
        ledger.of(2).note(3, log_id(3, 20));
        assert_eq!(ledger.lost(2, 3), None);
        ledger.of(2).lacks(3, log_id(3, 9), Instant::now());
        assert_eq!(ledger.lost(2, 3), Some(log_id(3, 20)));
        assert_eq!((ledger.lost(2, 4), ledger.lost(1, 3)), (None, None));
        ledger.of(2).note(3, log_id(3, 19));
        assert_eq!(ledger.lost(2, 3), Some(log_id(3, 20)));
        ledger.of(2).note(3, log_id(3, 20));
        assert_eq!(ledger.lost(2, 3), None);
    }
}
