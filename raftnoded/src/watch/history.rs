//! The latest events, bounded in bytes.

use std::collections::VecDeque;

use super::{Bounds, Compacted, Found, Interest, Place};
use crate::store::Event;

/// Events in the order of the log, the oldest in front.
pub(super) struct History {
    events: VecDeque<Event>,
    /// The number of the event in front, counted from the first ever pushed.
    first: u64,
    bytes: usize,
    budget: usize,
    /// Every event with a greater revision is here.
    floor: u64,
}

/// How far a look has come.
pub(super) enum Look {
    /// There is more to look at.
    More,
    /// As much was found as a poll may return.
    Full,
    /// Everything was looked at.
    End,
}

impl History {
    pub(super) fn new(budget: usize, floor: u64) -> Self {
        Self {
            events: VecDeque::new(),
            first: 0,
            bytes: 0,
            budget,
            floor,
        }
    }

    /// The greatest revision of which something may be missing.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.events.capacity()
    }

    pub(super) fn push(&mut self, events: Vec<Event>) {
        for event in events {
            if event.revision <= self.floor {
                // Of a revision that is larger than all there is room for.
                self.first += 1;
                continue;
            }
            self.bytes += event.size();
            self.events.push_back(event);
            while self.bytes > self.budget {
                self.drop_oldest();
            }
        }
    }

    /// A revision goes as a whole: of what remained of it nobody could say what is missing.
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.events.front() {
            self.floor = oldest.revision;
        }
        while let Some(oldest) = self.events.front()
            && oldest.revision <= self.floor
        {
            self.bytes -= oldest.size();
            self.first += 1;
            self.events.pop_front();
        }
    }

    /// Forgets everything; what happened up to `floor` was not seen here.
    pub(super) fn forget(&mut self, floor: u64) {
        self.first += self.events.len() as u64;
        self.events.clear();
        self.bytes = 0;
        self.floor = floor;
    }

    /// Goes on with a search, over at most `piece` events.
    pub(super) fn look(&self, search: &mut Search<'_>, piece: usize) -> Result<Look, Compacted> {
        let lost = match search.at {
            Some(at) => at < self.first,
            None => search.current.revision <= self.floor,
        };
        if lost {
            // What was found before it was lost is whole: the next poll meets the gap.
            if search.has_events() {
                return Ok(Look::Full);
            }
            return Err(Compacted {
                oldest: self.floor + 1,
            });
        }
        let start = match search.at {
            Some(at) => usize::try_from(at - self.first).unwrap_or(usize::MAX),
            None => {
                let revision = search.current.revision;
                self.events
                    .partition_point(|event| event.revision < revision)
            }
        };
        let rest = self.events.range(start.min(self.events.len())..);
        for (looked, event) in rest.enumerate() {
            if looked == piece {
                search.at = Some(self.first + (start + looked) as u64);
                return Ok(Look::More);
            }
            search.take(event);
            if search.is_full() {
                return Ok(Look::Full);
            }
        }
        search.at = None;
        Ok(Look::End)
    }
}

/// A poll on its way through the history.
pub(super) struct Search<'a> {
    interest: &'a Interest,
    from: Place,
    bounds: Bounds,
    /// The revision reached, and how many events of the interest it has had so far.
    current: Place,
    /// The number of the next event to look at; none to find it by its revision.
    at: Option<u64>,
    events: Vec<Event>,
    bytes: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(interest: &'a Interest, from: Place, bounds: Bounds) -> Self {
        Self {
            interest,
            from,
            bounds,
            current: Place::at(from.revision),
            at: None,
            events: Vec::new(),
            bytes: 0,
        }
    }

    fn take(&mut self, event: &Event) {
        if event.revision > self.current.revision {
            self.current = Place::at(event.revision);
        }
        if !self.interest.includes(event) {
            return;
        }
        self.current.seen += 1;
        // Not what an earlier poll has returned of this revision.
        if self.current > self.from {
            self.bytes += event.size();
            self.events.push(event.clone());
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.bounds.events || self.bytes >= self.bounds.bytes
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Everything up to a published index was looked at.
    pub(super) fn pass(&mut self, published: u64) {
        self.skip_to(published + 1);
    }

    /// Nothing below a revision is of interest any more.
    pub(super) fn skip_to(&mut self, revision: u64) {
        if revision > self.current.revision {
            self.current = Place::at(revision);
        }
    }

    pub(super) fn found(self) -> Found {
        Found {
            next: self.current.max(self.from),
            events: self.events,
        }
    }
}
