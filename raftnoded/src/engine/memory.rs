//! An engine in RAM: a persistent (structure-sharing) B+ tree behind a lock.
//!
//! A view is a clone of the root pointer, so it costs the same for ten keys and for ten
//! million. While a view is held, a write copies the nodes on its path, not the tree; the
//! memory this takes is bounded by what is written during the life of the view.
//!
//! Nothing is kept on disk here: the caller writes a snapshot of a view to a file and replays
//! its log.

mod key;

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use imbl::OrdMap;

use key::{Key, Probe};

use super::{
    Aborted, Engine, EngineError, Reader, Record, ReplaceError, Scan, Slice, View, Writes,
    is_empty_range,
};

/// What a record costs besides its bytes, measured: two allocations with a header of two counters
/// each and their rounding, 56 bytes in a leaf that is about two thirds full.
const RECORD_OVERHEAD: u64 = 150;

/// Changes in a batch beyond which it is not applied in place: some ten milliseconds of work.
const LARGE: usize = 10_000;

/// Records a live scan reads at once, at first and at most.
const FIRST_CHUNK: usize = 16;
const LARGEST_CHUNK: usize = 512;

type Map = OrdMap<Key, Slice>;

/// The engine in RAM.
#[derive(Default)]
pub struct Memory {
    content: RwLock<Content>,
}

#[derive(Clone, Default)]
struct Content {
    map: Map,
    bytes: u64,
}

impl Content {
    fn put(&mut self, key: Slice, value: Slice) {
        self.bytes += cost(&key, &value);
        let key_len = key.len();
        if let Some(old) = self.map.insert(key.into(), value) {
            self.bytes -= (key_len + old.len()) as u64 + RECORD_OVERHEAD;
        }
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some(old) = self.map.remove(&Probe::new(key)) {
            self.bytes -= cost(key, &old);
        }
    }

    fn write(&mut self, writes: Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.put(key, value),
                None => self.delete(&key),
            }
        }
    }
}

fn cost(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64 + RECORD_OVERHEAD
}

impl Memory {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }

    // No writer can leave the map half changed for a reader to find: only a panic inside the
    // map itself poisons the lock, and that already takes the node down.
    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        Ok(self.read().map.get(&Probe::new(key)).cloned())
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        if is_empty_range(start, end) {
            return Box::new(std::iter::empty());
        }
        Box::new(Cursor {
            map: self.read().map.clone(),
            start: start.map(Slice::from),
            end: end.map(Slice::from),
            reverse,
            chunk: FIRST_CHUNK,
            ready: VecDeque::new(),
        })
    }
}

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn write(&self, writes: Writes) -> Result<(), EngineError> {
        let stopped = || EngineError::Stopped { engine: "memory" };
        if writes.len() > LARGE {
            // On a copy that shares its nodes, so that readers do not wait for a second. Small
            // batches are cheaper in place, where nothing is shared.
            let mut content = self.read().clone();
            content.write(writes);
            let old =
                std::mem::replace(&mut *self.content.write().map_err(|_| stopped())?, content);
            drop(old);
        } else {
            self.content.write().map_err(|_| stopped())?.write(writes);
        }
        Ok(())
    }

    fn snapshot(&self) -> View {
        Arc::new(Pinned(self.read().map.clone()))
    }

    fn persist(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn replace(
        &self,
        records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
    ) -> Result<(), ReplaceError> {
        let mut fresh = Content::default();
        for record in records {
            let (key, value) = record.map_err(|Aborted| ReplaceError::Aborted)?;
            fresh.put(key, value);
        }
        let old = {
            let Ok(mut content) = self.content.write() else {
                return Err(EngineError::Stopped { engine: "memory" }.into());
            };
            std::mem::replace(&mut *content, fresh)
        };
        // Freeing millions of records takes a while: outside the lock.
        drop(old);
        Ok(())
    }

    fn may_block(&self) -> bool {
        false
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn memory_bytes(&self) -> u64 {
        self.read().bytes
    }
}

/// A view: a clone of the map.
struct Pinned(Map);

impl Reader for Pinned {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        Ok(self.0.get(&Probe::new(key)).cloned())
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        if is_empty_range(start, end) {
            return Box::new(std::iter::empty());
        }
        let range = self.0.range((start.map(Probe::new), end.map(Probe::new)));
        let record = |(key, value): (&Key, &Slice)| Ok((key.bytes().clone(), value.clone()));
        if reverse {
            Box::new(range.rev().map(record))
        } else {
            Box::new(range.map(record))
        }
    }
}

/// A scan of the live engine: owns its clone of the map, so it holds no lock, and reads it in
/// chunks, since an iterator cannot borrow from a map stored beside it.
struct Cursor {
    map: Map,
    start: Bound<Slice>,
    end: Bound<Slice>,
    reverse: bool,
    chunk: usize,
    ready: VecDeque<Record>,
}

impl Cursor {
    fn refill(&mut self) {
        let (start, end) = (as_bytes(&self.start), as_bytes(&self.end));
        if is_empty_range(start, end) {
            return;
        }
        let range = self.map.range((start.map(Probe::new), end.map(Probe::new)));
        let record = |(key, value): (&Key, &Slice)| (key.bytes().clone(), value.clone());
        if self.reverse {
            self.ready.extend(range.rev().take(self.chunk).map(record));
        } else {
            self.ready.extend(range.take(self.chunk).map(record));
        }
        self.chunk = (self.chunk * 2).min(LARGEST_CHUNK);
        if let Some((last, _)) = self.ready.back() {
            let edge = Bound::Excluded(last.clone());
            if self.reverse {
                self.end = edge;
            } else {
                self.start = edge;
            }
        }
    }
}

impl Iterator for Cursor {
    type Item = Result<Record, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            self.refill();
        }
        self.ready.pop_front().map(Ok)
    }
}

fn as_bytes(bound: &Bound<Slice>) -> Bound<&[u8]> {
    bound.as_ref().map(|key| key.as_ref())
}
