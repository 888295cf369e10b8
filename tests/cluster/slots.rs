//! How many clusters run at once: a test thread waits for its turn before it starts processes.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex, PoisonError},
};

/// Two cores carry so many clusters.
pub(crate) const SLOTS: usize = 2;

static FREE: Mutex<usize> = Mutex::new(SLOTS);
static RETURNED: Condvar = Condvar::new();

thread_local! {
    /// A test that has its turn may start a second cluster: waiting for another turn while it
    /// holds one would be a deadlock.
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
}

/// A turn, given back when dropped.
pub(crate) struct Slots {
    taken: usize,
}

impl Slots {
    /// Waits for `wanted` slots, unless this thread has its turn already.
    pub(crate) fn take(wanted: usize) -> Self {
        if HAS_TURN.get() {
            return Self { taken: 0 };
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < wanted {
            free = RETURNED.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= wanted;
        HAS_TURN.set(true);
        Self { taken: wanted }
    }

    /// Waits until this thread runs alone: for tests that load the machine.
    pub(crate) fn alone() -> Self {
        Self::take(SLOTS)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        if self.taken > 0 {
            HAS_TURN.set(false);
            *FREE.lock().unwrap_or_else(PoisonError::into_inner) += self.taken;
            RETURNED.notify_all();
        }
    }
}
