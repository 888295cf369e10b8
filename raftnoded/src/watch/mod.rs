//! What changed lately, and who waits for more.
//!
//! The state machine publishes the events of each run it has written; [`Hub::poll`] answers from
//! the latest of them, bounded in bytes, and waits where there is none yet. Nothing is kept for a
//! watcher between two polls.
//!
//! # Invariants
//!
//! ```text
//! floor <= revision of the oldest event kept <= revision of the newest <= published
//! ```
//!
//! - Every event with a revision above `floor` is here, in the order of the log. A poll from a
//!   revision at or below it is refused ([`Compacted`]), never answered with a gap.
//! - An event is here only after the state shows it.
//! - Whoever waits is woken by the first event that concerns it, and by no other: the way of a
//!   write past a thousand watchers of other keys is one look into a map.
//!
//! # Caveats
//!
//! - The history is in memory. A restarted member has what its log replays; the others have more.
//! - A revision that makes more events than the history holds, such as the deletion of a million
//!   keys by prefix, is not kept at all: its watchers are refused and read the keys anew.

mod history;
#[cfg(test)]
mod tests;
mod waiters;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use tokio::time::timeout_at;

use crate::store::{Event, EventKind};
use history::{History, Look, Search};
use waiters::{Ticket, Waiters};

/// Events looked at while writers wait.
const PIECE: usize = 2048;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The name of the namespace.
    pub namespace: String,
    /// The keys.
    pub keys: Keys,
}

/// The keys that are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// One.
    One(Bytes),
    /// Those that begin with this; all if it is empty.
    Prefix(Bytes),
}

impl Interest {
    fn includes(&self, event: &Event) -> bool {
        *event.namespace == *self.namespace
            && (event.kind == EventKind::NamespaceDeleted
                || match &self.keys {
                    Keys::One(key) => event.key() == key,
                    Keys::Prefix(prefix) => event.key().starts_with(prefix),
                })
    }
}

/// A place among the events of an interest; the same on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The lowest revision of interest.
    pub revision: u64,
    /// How many events of that revision were delivered.
    pub seen: u64,
}

impl Place {
    fn at(revision: u64) -> Self {
        Self { revision, seen: 0 }
    }
}

/// Events are not kept from the place asked for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The oldest revision from which all are kept.
    pub oldest: u64,
}

/// How much one poll returns.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Events, at most.
    pub events: usize,
    /// Bytes of events after which no further one is added.
    pub bytes: usize,
}

/// The events of one poll.
#[derive(Debug)]
pub struct Found {
    /// In the order of the log.
    pub events: Vec<Event>,
    /// The place behind them.
    pub next: Place,
}

/// The history and those who wait for more.
#[derive(Clone)]
pub struct Hub(Arc<Mutex<State>>);

struct State {
    history: History,
    waiters: Waiters,
    /// Everything up to this index is published.
    published: u64,
}

impl Hub {
    /// A hub that keeps events of about `budget` bytes, from behind `applied` on.
    pub fn new(budget: usize, applied: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            history: History::new(budget, applied),
            waiters: Waiters::default(),
            published: applied,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state shows everything up to `applied`; `events` are those since the last call.
    pub fn publish(&self, applied: u64, events: Vec<Event>) {
        let mut state = self.state();
        state.published = applied;
        if !state.waiters.is_empty() {
            for event in &events {
                state.waiters.wake(event);
            }
        }
        state.history.push(events);
    }

    /// The state was replaced as a whole by one at `applied`: what happened in between is not known
    /// here, and whoever waits for it is told so.
    pub fn skip_to(&self, applied: u64) {
        let mut state = self.state();
        state.history.forget(applied);
        state.published = applied;
        state.waiters.wake_all();
    }

    /// The revision below which changes are not kept, and the bytes that are.
    pub fn extent(&self) -> (u64, usize) {
        let state = self.state();
        (state.history.floor() + 1, state.history.bytes())
    }

    /// The events of an interest from a place on. Where there is none it waits for the first, at
    /// most until a moment.
    ///
    /// # Errors
    /// [`Compacted`]
    pub async fn poll(
        &self,
        interest: &Interest,
        from: Place,
        bounds: Bounds,
        until: Instant,
    ) -> Result<Found, Compacted> {
        let mut search = Search::new(interest, from, bounds);
        loop {
            let waiting = {
                let mut state = self.state();
                match state.history.look(&mut search, PIECE)? {
                    Look::More => None,
                    Look::Full => return Ok(search.found()),
                    Look::End => {
                        search.pass(state.published);
                        if search.has_events() || Instant::now() >= until {
                            return Ok(search.found());
                        }
                        let ticket = state.waiters.enter(interest);
                        Some(Waiting {
                            hub: self,
                            interest,
                            ticket,
                        })
                    }
                }
            };
            match waiting {
                // Others have their turn, writers first of all.
                None => tokio::task::yield_now().await,
                Some(mut waiting) => match timeout_at(until.into(), waiting.woken()).await {
                    Ok(revision) => search.skip_to(revision),
                    Err(_) => return Ok(search.found()),
                },
            }
        }
    }
}

/// A place among those who wait, given back whatever happens.
struct Waiting<'a> {
    hub: &'a Hub,
    interest: &'a Interest,
    ticket: Ticket,
}

impl Waiting<'_> {
    /// The revision of the first event that concerns the interest; 0 to look anew.
    async fn woken(&mut self) -> u64 {
        (&mut self.ticket.woken).await.unwrap_or(0)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        state.waiters.leave(self.interest, self.ticket.id);
    }
}
