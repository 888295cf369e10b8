//! Who waits for what: found by the key of an event, not by asking each.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Interest, Keys};
use crate::store::{Event, EventKind};

/// Those who wait for the same.
type Crowd = HashMap<u64, oneshot::Sender<u64>>;

/// Everybody who waits, by namespace.
#[derive(Default)]
pub(super) struct Waiters {
    spaces: HashMap<String, Space>,
    last: u64,
}

#[derive(Default)]
struct Space {
    keys: HashMap<Bytes, Crowd>,
    prefixes: HashMap<Bytes, Crowd>,
    /// How many prefixes of each length there are: the ones to look up for a key.
    lengths: BTreeMap<usize, usize>,
}

/// A place among those who wait.
pub(super) struct Ticket {
    pub(super) id: u64,
    /// The revision of the first event that concerns it; 0 to look anew.
    pub(super) woken: oneshot::Receiver<u64>,
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    pub(super) fn enter(&mut self, interest: &Interest) -> Ticket {
        self.last += 1;
        let (wake, woken) = oneshot::channel();
        let space = self.spaces.entry(interest.namespace.clone()).or_default();
        let crowd = match &interest.keys {
            Keys::One(key) => space.keys.entry(key.clone()).or_default(),
            Keys::Prefix(prefix) => {
                if !space.prefixes.contains_key(prefix) {
                    *space.lengths.entry(prefix.len()).or_default() += 1;
                }
                space.prefixes.entry(prefix.clone()).or_default()
            }
        };
        crowd.insert(self.last, wake);
        Ticket {
            id: self.last,
            woken,
        }
    }

    /// Gives a place back; one that was woken is gone already.
    pub(super) fn leave(&mut self, interest: &Interest, id: u64) {
        let Some(space) = self.spaces.get_mut(&interest.namespace) else {
            return;
        };
        match &interest.keys {
            Keys::One(key) => {
                if let Some(crowd) = space.keys.get_mut(key) {
                    crowd.remove(&id);
                    if crowd.is_empty() {
                        space.keys.remove(key);
                    }
                }
            }
            Keys::Prefix(prefix) => {
                if let Some(crowd) = space.prefixes.get_mut(prefix) {
                    crowd.remove(&id);
                    if crowd.is_empty() {
                        space.take_prefix(prefix);
                    }
                }
            }
        }
        if space.is_empty() {
            self.spaces.remove(&interest.namespace);
        }
    }

    /// Wakes those whom an event concerns.
    pub(super) fn wake(&mut self, event: &Event) {
        let Some(space) = self.spaces.get_mut(&*event.namespace) else {
            return;
        };
        if event.kind == EventKind::NamespaceDeleted {
            let space = self.spaces.remove(&*event.namespace).unwrap_or_default();
            space.wake_all(event.revision);
            return;
        }
        let key = event.key();
        if let Some(crowd) = space.keys.remove(key) {
            wake(crowd, event.revision);
        }
        let lengths: Vec<usize> = space
            .lengths
            .range(..=key.len())
            .map(|(length, _)| *length)
            .collect();
        for length in lengths {
            if let Some(crowd) = space.take_prefix(&key[..length]) {
                wake(crowd, event.revision);
            }
        }
        if space.is_empty() {
            self.spaces.remove(&*event.namespace);
        }
    }

    /// Lets everybody look anew.
    pub(super) fn wake_all(&mut self) {
        for (_, space) in self.spaces.drain() {
            space.wake_all(0);
        }
    }
}

impl Space {
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.prefixes.is_empty()
    }

    fn take_prefix(&mut self, prefix: &[u8]) -> Option<Crowd> {
        let crowd = self.prefixes.remove(prefix)?;
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
        Some(crowd)
    }

    fn wake_all(self, revision: u64) {
        for crowd in self.keys.into_values().chain(self.prefixes.into_values()) {
            wake(crowd, revision);
        }
    }
}

fn wake(crowd: Crowd, revision: u64) {
    for waiter in crowd.into_values() {
        // One that gave up meanwhile needs nothing.
        let _ = waiter.send(revision);
    }
}
