//! When this member last heard from a leader.
//!
//! openraft names the leader of the last vote until there is another one, and with pre-vote a member
//! that has lost its majority never gets that far. A follower therefore forgets a leader that has
//! been silent for longer than any election takes.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The time of the last message that a leader sent and this member accepted.
#[derive(Debug)]
pub(super) struct Contact {
    started: Instant,
    last: Heard,
    /// The last word of the leader before that one.
    former: Heard,
    /// Whether that leader is known to be gone.
    lost: AtomicBool,
}

#[derive(Debug, Default)]
struct Heard {
    leader: AtomicU64,
    /// Milliseconds after the start, plus one; 0 for never.
    at: AtomicU64,
}

impl Contact {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            last: Heard::default(),
            former: Heard::default(),
            lost: AtomicBool::new(false),
        }
    }

    /// A leader's message was accepted.
    pub(super) fn heard(&self, leader: u64) {
        let before = self.last.leader.load(Ordering::Relaxed);
        if before != leader {
            let at = self.last.at.load(Ordering::Relaxed);
            self.former.at.store(at, Ordering::Relaxed);
            self.former.leader.store(before, Ordering::Relaxed);
            self.last.leader.store(leader, Ordering::Relaxed);
        }
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.at.store(millis + 1, Ordering::Relaxed);
        self.lost.store(false, Ordering::Relaxed);
    }

    /// The leader is gone for certain.
    pub(super) fn lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// There is another leader.
    pub(super) fn found(&self) {
        self.lost.store(false, Ordering::Relaxed);
    }

    /// Whether the leader that was heard is known to be gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// How long ago a leader was heard; none if none ever was.
    pub(super) fn age(&self) -> Option<Duration> {
        let at = self.moment(&self.last)?;
        Some(self.started.elapsed().saturating_sub(at))
    }

    /// When this leader was heard last, if it is the last one that was heard or the one before.
    pub(super) fn last_word(&self, leader: u64) -> Option<Instant> {
        let of = |heard: &&Heard| heard.leader.load(Ordering::Relaxed) == leader;
        let heard = [&self.last, &self.former].into_iter().find(of)?;
        Some(self.started + self.moment(heard)?)
    }

    fn moment(&self, heard: &Heard) -> Option<Duration> {
        let at = heard.at.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_leader_is_known_when_the_next_one_has_spoken() {
        let contact = Contact::new();
        assert_eq!((contact.age(), contact.last_word(0)), (None, None));
        contact.heard(1);
        let word = contact.last_word(1);
        assert!(word.is_some());
        std::thread::sleep(Duration::from_millis(5));
        contact.heard(2);
        contact.heard(2);
        assert_eq!(contact.last_word(1), word);
        assert!(contact.last_word(2) > word);
        contact.heard(3);
        assert_eq!(contact.last_word(1), None);
    }
}
