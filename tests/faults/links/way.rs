//! What happens to the bytes from one member to another, and what has happened to them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{sync::watch, time::Instant};

/// How much later bytes arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    least: Duration,
    /// At most so much more than that.
    spread: Duration,
}

impl Delay {
    /// A delay of `mean`, give or take up to `jitter`, every value of which is as likely.
    pub(crate) fn new(mean: Duration, jitter: Duration) -> Self {
        assert!(jitter <= mean, "nothing arrives before it is sent");
        Self {
            least: mean - jitter,
            spread: jitter * 2,
        }
    }
}

/// What is done to a way at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Condition {
    /// Nothing arrives.
    pub(super) cut: bool,
    /// Connections opened in this direction are reset.
    pub(super) refusing: bool,
    /// Everything arrives later.
    pub(super) delay: Option<Delay>,
    /// How often all connections opened in this direction were reset.
    pub(super) broken: u64,
}

/// What was done so far: the proof that a fault happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Chunks and calls that had to wait because the way was cut.
    pub(crate) held: u64,
    /// Chunks that arrived later.
    pub(crate) delayed: u64,
    /// Connections reset in the middle of a frame.
    pub(crate) resets: u64,
    /// Calls that were reset because the way was refusing.
    pub(crate) refused: u64,
    /// Bytes that arrived.
    pub(crate) bytes: u64,
}

impl Seen {
    pub(super) fn add(&mut self, other: Self) {
        self.held += other.held;
        self.delayed += other.delayed;
        self.resets += other.resets;
        self.refused += other.refused;
        self.bytes += other.bytes;
    }
}

/// The way from one member to another.
pub(super) struct Way {
    condition: Mutex<Condition>,
    changes: watch::Sender<()>,
    jitter: Mutex<StdRng>,
    /// How many connections are yet to be reset in the middle of a frame.
    resets_wanted: AtomicU64,
    held: AtomicU64,
    delayed: AtomicU64,
    resets: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
}

impl Way {
    /// A way on which nothing is wrong. Whoever listens to `changes` learns of every fault.
    pub(super) fn new(seed: u64, changes: watch::Sender<()>) -> Self {
        Self {
            condition: Mutex::default(),
            changes,
            jitter: Mutex::new(StdRng::seed_from_u64(seed)),
            resets_wanted: AtomicU64::default(),
            held: AtomicU64::default(),
            delayed: AtomicU64::default(),
            resets: AtomicU64::default(),
            refused: AtomicU64::default(),
            bytes: AtomicU64::default(),
        }
    }

    pub(super) fn condition(&self) -> Condition {
        *self
            .condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Condition)) {
        let mut now = self
            .condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut now);
        drop(now);
        self.changes.send_replace(());
    }

    /// Ends whatever is done to it.
    pub(super) fn heal(&self) {
        self.resets_wanted.store(0, Ordering::Relaxed);
        self.change(|now| {
            *now = Condition {
                broken: now.broken,
                ..Condition::default()
            };
        });
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            held: self.held.load(Ordering::Relaxed),
            delayed: self.delayed.load(Ordering::Relaxed),
            resets: self.resets.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Waits until `met` holds of its condition.
    pub(super) async fn until(&self, met: impl Fn(&Condition) -> bool) {
        let mut changes = self.changes.subscribe();
        while !met(&self.condition()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until something may pass.
    pub(super) async fn pass(&self) {
        if self.condition().cut {
            self.held.fetch_add(1, Ordering::Relaxed);
            self.until(|now| !now.cut).await;
        }
    }

    /// When something that was sent now arrives.
    pub(super) fn arrival(&self) -> Instant {
        let now = Instant::now();
        let Some(Delay { least, spread }) = self.condition().delay else {
            return now;
        };
        self.delayed.fetch_add(1, Ordering::Relaxed);
        let mut rng = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        now + least + spread.mul_f64(rng.random_range(0.0..=1.0))
    }

    /// So many bytes have arrived.
    pub(super) fn arrived(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A call was reset.
    pub(super) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// One more connection is to be reset in the middle of a frame.
    pub(super) fn reset_next(&self) {
        self.resets_wanted.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether this chunk is the one in which the connection is to be reset.
    pub(super) fn takes_reset(&self) -> bool {
        let taken = self
            .resets_wanted
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        if taken {
            self.resets.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}
