//! What the clients do while faults are injected, and what each of them may conclude.
//!
//! ```text
//! caller       a client: pinned to one member, or roaming
//! check        from what was recorded to what the checker looks at
//!
//! registers    put, get, delete, compare-and-swap: linearizable key by key
//! appends      unique elements, each exactly once in its list
//! counters     additions of sessions, each exactly once
//! transfers    transactions over several keys; nothing is made or lost
//! locks        leases and locks: one holder after the other
//! namespaces   created, filled, deleted, listed, in each other's way
//! watches      every change of the registers, once and in order
//! ```
//!
//! A [`Shift`] is a set of workloads on namespaces of its own, with all their clients. A long run
//! works in shifts: what a shift recorded is checked and dropped when it ends, so that memory stays
//! bounded.

mod appends;
mod caller;
mod check;
mod counters;
mod locks;
mod namespaces;
mod registers;
mod shift;
mod transfers;
mod watches;

use std::{
    io::{self, Write},
    time::Duration,
};

use checker::revisions;

use caller::{Caller, TIMEOUT};
pub(crate) use shift::Shift;

/// The pause of a client whose call failed, before its next one: what is refused at once must not
/// fill the history.
const PAUSE: Duration = Duration::from_millis(100);

/// What a check found.
#[derive(Default)]
pub(crate) struct Checked {
    /// Keys, or sets of keys that are changed together.
    pub(crate) keys: usize,
    /// Calls that the check looked at.
    pub(crate) calls: usize,
    /// Changes that watchers were told.
    pub(crate) changes: usize,
    /// What must not be, in words.
    pub(crate) violations: Vec<String>,
}

impl Checked {
    /// Adds what another check found.
    fn absorb(&mut self, other: Self) {
        self.keys += other.keys;
        self.calls += other.calls;
        self.changes += other.changes;
        self.violations.extend(other.violations);
    }
}

/// What clients do.
trait Workload: Send + Sync + 'static {
    /// A few calls of one client, all recorded. Returns whether the last one was acknowledged.
    fn work(&self, caller: &mut Caller) -> impl Future<Output = bool> + Send;
}

/// What the check of a workload looks at.
trait Evidence {
    /// Checks everything recorded so far.
    fn check(&self) -> Checked;

    /// The acknowledged writes that changed something, with their revisions.
    fn written(&self) -> Vec<revisions::Write<String>>;

    /// Writes the history as JSON lines.
    fn write(&self, to: &mut dyn Write) -> io::Result<()>;
}
