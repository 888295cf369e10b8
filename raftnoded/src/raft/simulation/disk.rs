//! A disk that forgets: what was written and not synced is gone after a crash, all of it or all
//! behind some record.
//!
//! One sync is under way at a time. It covers what was written before it began, and takes a few
//! milliseconds, or many. A record that a crash cuts in the middle is a torn tail, which the log
//! itself recognizes and drops: so a crash is taken to cut between two records.

use std::{
    collections::VecDeque,
    io,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rand::RngExt;

use super::{
    mirror::is_entry,
    plan::Sabotage,
    world::{Event, World},
};
use crate::{
    raft::log::{LogError, LogStore, index::record, journal::Journal},
    wal::{
        Done, OpenError, Position, Record, RecordRef, RecordTooLarge, Visit, WalStats, encoded_size,
    },
};

/// A file of the log: small, so that some are let go.
const SEGMENT_BYTES: u64 = 16 << 10;

/// The disk of one member. It outlives the processes that write to it.
pub(super) struct Disk {
    node: u64,
    world: Arc<World>,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    /// Which process has it open: what an earlier one still holds is void.
    opened: u64,
    records: VecDeque<Stored>,
    /// How many records were dropped before the first one.
    dropped: u64,
    /// How many records survive a crash, and how many the member believes to. The same, but for
    /// sabotage.
    durable: u64,
    claimed: u64,
    /// How many records the sync under way covers.
    syncing: Option<u64>,
    /// Who waits for so many records to be synced.
    waiting: VecDeque<(u64, Done)>,
    /// Segments to be let go when so many records are durable.
    releases: VecDeque<(u64, u32)>,
    end: u64,
}

struct Stored {
    position: u64,
    record: Record,
    /// Whether the disk really keeps it.
    kept: bool,
}

impl Content {
    fn written(&self) -> u64 {
        self.dropped + self.records.len() as u64
    }

    fn range(&self, from: u64, upto: u64) -> impl Iterator<Item = &Stored> {
        let skip = usize::try_from(from.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let take = usize::try_from(upto.saturating_sub(from)).unwrap_or(usize::MAX);
        self.records.iter().skip(skip).take(take)
    }

    fn place(&mut self, payload: usize) -> Position {
        let size = encoded_size(payload) as u64;
        if self.end % SEGMENT_BYTES + size > SEGMENT_BYTES {
            self.end = self.end.next_multiple_of(SEGMENT_BYTES);
        }
        let position = position(self.end);
        self.end += size;
        position
    }

    /// Lets go of the segments that nobody needs any more.
    fn release(&mut self) {
        while let Some((upto, segment)) = self.releases.front().copied()
            && upto <= self.durable
        {
            self.releases.pop_front();
            while let Some(first) = self.records.front()
                && position(first.position).segment() < segment
                && self.dropped < upto
            {
                self.records.pop_front();
                self.dropped += 1;
            }
        }
    }
}

fn position(linear: u64) -> Position {
    Position::from_u64(((linear / SEGMENT_BYTES) << 32) | (linear % SEGMENT_BYTES))
}

fn linear(position: Position) -> u64 {
    u64::from(position.segment()) * SEGMENT_BYTES + u64::from(position.offset())
}

impl Disk {
    pub(super) fn new(node: u64, world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            node,
            world,
            content: Mutex::default(),
        })
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the log that lies on it.
    ///
    /// # Errors
    /// If its records do not hold together.
    pub(super) fn open(self: &Arc<Self>) -> Result<LogStore, LogError> {
        let directory = format!("disk-{}", self.node).into();
        LogStore::recover(directory, SEGMENT_BYTES, |_, visit| {
            self.open_journal(visit)
        })
    }

    fn open_journal(
        self: &Arc<Self>,
        visit: &mut Visit<'_>,
    ) -> Result<Box<dyn Journal>, OpenError> {
        let content = self.content();
        for stored in &content.records {
            let Record {
                kind,
                term,
                index,
                payload,
            } = &stored.record;
            let found = RecordRef {
                kind: *kind,
                term: *term,
                index: *index,
                payload,
            };
            if let ControlFlow::Break(()) = visit(position(stored.position), found) {
                break;
            }
        }
        Ok(Box::new(File {
            disk: Arc::clone(self),
            opened: content.opened,
        }))
    }

    /// The process that wrote to it ends: only what is durable is certain to be left.
    pub(super) fn crash(&self) {
        let mut content = self.content();
        content.opened += 1;
        content.syncing = None;
        content.waiting.clear();
        content.releases.clear();
        let (written, durable) = (content.written(), content.durable);
        let left = self.world.with(|inner| {
            let lost = inner.plan.sabotage == Some(Sabotage::SyncedIsLost);
            let least = if lost {
                durable.saturating_sub(3)
            } else {
                durable
            };
            let left = inner.rng.random_range(least..=written);
            let node = self.node;
            inner.note(format_args!(
                "disk {node} keeps {left} records of {written}, {durable} synced"
            ));
            left.max(content.dropped)
        });
        let lost = content
            .range(left, content.claimed)
            .find(|stored| is_entry(&stored.record))
            .map(|stored| stored.record.index);
        let keep = usize::try_from(left - content.dropped).unwrap_or(usize::MAX);
        content.records.truncate(keep);
        content.records.retain(|stored| stored.kept);
        // All that is found is synced before anything is built on it.
        content.durable = content.written();
        content.claimed = content.durable;
        content.end = content.records.back().map_or(content.end, |last| {
            last.position + encoded_size(last.record.payload.len()) as u64
        });
        let found = content.records.iter().map(|stored| &stored.record);
        self.world
            .with(|inner| inner.invariants.recovered(self.node, found, lost));
    }

    /// The sync under way ends, and the next one begins if somebody waits.
    pub(super) fn synced(&self, opened: u64) {
        let mut done = Vec::new();
        {
            let mut content = self.content();
            if content.opened != opened {
                return;
            }
            let Some(upto) = content.syncing.take() else {
                return;
            };
            self.advance(&mut content, upto, upto);
            content.release();
            while content
                .waiting
                .front()
                .is_some_and(|(for_, _)| *for_ <= upto)
            {
                done.extend(content.waiting.pop_front().map(|(_, done)| done));
            }
            if !content.waiting.is_empty() {
                self.begin_sync(&mut content);
            }
        }
        for done in done {
            done(Ok(()));
        }
    }

    /// So many records are durable, and the member believes so many to be.
    fn advance(&self, content: &mut Content, durable: u64, claimed: u64) {
        self.world.with(|inner| {
            let invariants = &mut inner.invariants;
            for stored in content.range(content.durable, durable) {
                if stored.kept {
                    invariants.durable(self.node, &stored.record);
                }
            }
            for stored in content.range(content.claimed, claimed) {
                invariants.claimed(self.node, &stored.record);
            }
        });
        content.durable = content.durable.max(durable);
        content.claimed = content.claimed.max(claimed);
    }

    fn begin_sync(&self, content: &mut Content) {
        content.syncing = Some(content.written());
        let (node, opened) = (self.node, content.opened);
        self.world.with(|inner| {
            let takes = if inner.rng.random_ratio(1, 50) {
                inner.rng.random_range(20..150)
            } else {
                inner.rng.random_range(1..=3)
            };
            inner.schedule(takes, Event::Synced { node, opened });
        });
    }

    fn append(&self, opened: u64, records: &[RecordRef<'_>], done: Option<Done>) -> Vec<Position> {
        let mut content = self.content();
        if content.opened != opened {
            // Nobody is left to be told.
            let placed = records
                .iter()
                .map(|found| content.place(found.payload.len()));
            return placed.collect();
        }
        let sabotage = self.world.with(|inner| inner.plan.sabotage);
        let mut positions = Vec::with_capacity(records.len());
        for found in records {
            let position = content.place(found.payload.len());
            positions.push(position);
            let record = Record {
                kind: found.kind,
                term: found.term,
                index: found.index,
                payload: found.payload.to_vec().into(),
            };
            let (node, end) = (self.node, content.written());
            self.world.with(|inner| {
                inner.note(format_args!(
                    "disk {node} record {end}: kind {} at {}-{}",
                    record.kind, record.term, record.index
                ));
                inner.invariants.recorded(node, &record);
            });
            let forgets = sabotage == Some(Sabotage::VoteIsNotSaved);
            content.records.push_back(Stored {
                position: linear(position),
                kept: !(forgets && record.kind == record::VOTE),
                record,
            });
        }
        let Some(done) = done else {
            return positions;
        };
        let written = content.written();
        if sabotage == Some(Sabotage::AcknowledgedBeforeSync) {
            let durable = content.durable;
            self.advance(&mut content, durable, written);
            drop(content);
            done(Ok(()));
            return positions;
        }
        content.waiting.push_back((written, done));
        if content.syncing.is_none() {
            self.begin_sync(&mut content);
        }
        positions
    }
}

/// The log of one process, open.
struct File {
    disk: Arc<Disk>,
    opened: u64,
}

impl Journal for File {
    fn append(
        &self,
        records: &[RecordRef<'_>],
        done: Option<Done>,
    ) -> Result<Vec<Position>, RecordTooLarge> {
        Ok(self.disk.append(self.opened, records, done))
    }

    fn read_range(&self, from: Position, max_bytes: usize) -> io::Result<Vec<(Position, Record)>> {
        let content = self.disk.content();
        let from = linear(from);
        let first = content
            .records
            .partition_point(|stored| stored.position < from);
        let mut found = Vec::new();
        let mut taken = 0;
        for stored in content.records.range(first..) {
            taken += encoded_size(stored.record.payload.len());
            if taken > max_bytes && !found.is_empty() {
                break;
            }
            found.push((position(stored.position), stored.record.clone()));
        }
        Ok(found)
    }

    fn release(&self, before_segment: u32) {
        let mut content = self.disk.content();
        if content.opened == self.opened {
            let written = content.written();
            content.releases.push_back((written, before_segment));
            if content.syncing.is_none() {
                self.disk.begin_sync(&mut content);
            }
        }
    }

    fn end(&self) -> Position {
        position(self.disk.content().end)
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }

    fn disk_bytes(&self) -> io::Result<u64> {
        let content = self.disk.content();
        let first = content.records.front();
        Ok(content.end - first.map_or(content.end, |stored| stored.position))
    }

    fn stats(&self) -> WalStats {
        WalStats::default()
    }

    fn is_space_low(&self) -> bool {
        false
    }

    fn make_room(&self) {}
}
