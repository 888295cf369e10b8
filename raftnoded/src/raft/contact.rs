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
    /// Milliseconds after `started`, plus one; 0 for never.
    last: AtomicU64,
    /// Whether that leader is known to be gone.
    lost: AtomicBool,
}

impl Contact {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        }
    }

    /// A leader's message was accepted.
    pub(super) fn heard(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(millis + 1, Ordering::Relaxed);
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

    /// How long ago that was; none if it never was.
    pub(super) fn age(&self) -> Option<Duration> {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1)?;
        Some(
            self.started
                .elapsed()
                .saturating_sub(Duration::from_millis(last)),
        )
    }
}
