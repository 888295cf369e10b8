//! A set of writes that reads its own writes.
//!
//! Several commands are applied in one engine write. Each must see what the ones before it did,
//! though nothing has reached the engine yet: the batch is an overlay, and its scans merge the
//! overlay with the reader below.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;

use super::{EngineError, Reader, Record, Scan, Slice, is_empty_range};

/// Puts and deletes to be written together, at most one for each key.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Writes(BTreeMap<Slice, Option<Slice>>);

impl Writes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of keys written or deleted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The writes in key order; `None` deletes.
    pub fn iter(&self) -> impl Iterator<Item = (&Slice, Option<&Slice>)> {
        self.0.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// Puts or deletes `key`, in place of an earlier write of the same key.
    pub fn set(&mut self, key: impl Into<Slice>, value: Option<Slice>) {
        self.0.insert(key.into(), value);
    }
}

impl IntoIterator for Writes {
    type Item = (Slice, Option<Slice>);
    type IntoIter = btree_map::IntoIter<Slice, Option<Slice>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Collects writes over a reader and shows what the reader will hold once they are written.
pub struct Batch<'a> {
    base: &'a dyn Reader,
    writes: Writes,
    /// What stood in `writes` where it was changed since the savepoint, oldest first.
    undo: Option<Vec<(Slice, Option<Option<Slice>>)>>,
}

impl<'a> Batch<'a> {
    /// An empty batch over `base`.
    pub fn new(base: &'a dyn Reader) -> Self {
        Self {
            base,
            writes: Writes::default(),
            undo: None,
        }
    }

    /// Puts `value` under `key`.
    pub fn put(&mut self, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.set(key.into(), Some(value.into()));
    }

    /// Deletes `key`, whether or not it exists.
    pub fn delete(&mut self, key: impl Into<Slice>) {
        self.set(key.into(), None);
    }

    fn set(&mut self, key: Slice, value: Option<Slice>) {
        match &mut self.undo {
            None => {
                self.writes.0.insert(key, value);
            }
            Some(undo) => {
                let before = self.writes.0.insert(key.clone(), value);
                undo.push((key, before));
            }
        }
    }

    /// From here on, writes can be taken back together. There is one savepoint at a time.
    pub fn set_savepoint(&mut self) {
        self.undo = Some(Vec::new());
    }

    /// Takes back everything since the savepoint, which is gone then.
    pub fn roll_back(&mut self) {
        for (key, before) in self.undo.take().into_iter().flatten().rev() {
            match before {
                Some(value) => self.writes.0.insert(key, value),
                None => self.writes.0.remove(&key),
            };
        }
    }

    /// Keeps everything since the savepoint, which is gone then.
    pub fn release_savepoint(&mut self) {
        self.undo = None;
    }

    /// The writes collected so far.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// The writes, to be handed to [`Engine::write`](super::Engine::write).
    pub fn into_writes(self) -> Writes {
        self.writes
    }
}

impl Reader for Batch<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        match self.writes.0.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        if is_empty_range(start, end) {
            return Box::new(std::iter::empty());
        }
        let base = self.base.scan(start, end, reverse);
        let written = self.writes.0.range::<[u8], _>((start, end));
        if reverse {
            Box::new(Merge::new(base, written.rev(), true))
        } else {
            Box::new(Merge::new(base, written, false))
        }
    }
}

/// Merges the records below with the writes above; a write hides the record of its key.
struct Merge<'a, W> {
    base: Scan<'a>,
    written: W,
    next_base: Option<Record>,
    next_written: Option<(&'a Slice, &'a Option<Slice>)>,
    reverse: bool,
    started: bool,
    failed: bool,
}

impl<'a, W: Iterator<Item = (&'a Slice, &'a Option<Slice>)>> Merge<'a, W> {
    fn new(base: Scan<'a>, written: W, reverse: bool) -> Self {
        Self {
            base,
            written,
            next_base: None,
            next_written: None,
            reverse,
            started: false,
            failed: false,
        }
    }

    fn advance(&mut self) -> Result<Option<Record>, EngineError> {
        if !self.started {
            self.started = true;
            self.next_base = self.base.next().transpose()?;
            self.next_written = self.written.next();
        }
        loop {
            let written_is_due = match (&self.next_base, self.next_written) {
                (None, None) => return Ok(None),
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (Some((below, _)), Some((above, _))) => {
                    if below == above {
                        self.next_base = self.base.next().transpose()?;
                        true
                    } else {
                        (above < below) != self.reverse
                    }
                }
            };
            if !written_is_due {
                let following = self.base.next().transpose()?;
                return Ok(std::mem::replace(&mut self.next_base, following));
            }
            if let Some((key, value)) =
                std::mem::replace(&mut self.next_written, self.written.next())
                && let Some(value) = value
            {
                return Ok(Some((key.clone(), value.clone())));
            }
        }
    }
}

impl<'a, W: Iterator<Item = (&'a Slice, &'a Option<Slice>)>> Iterator for Merge<'a, W> {
    type Item = Result<Record, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.advance();
        self.failed = step.is_err();
        step.transpose()
    }
}
