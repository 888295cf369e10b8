//! The one thread that writes.
//!
//! The writer swaps the whole queue for its own empty buffers, completes the checksums, writes each contiguous range at once, syncs
//! once, and fires the callbacks in order. What it is writing stays readable in `flight` until
//! the file has it.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::error::copy_of;
use super::queue::{Batch, Queue, Run};
use super::record::{self, HEADER, Position, RecordRef, Role};
use super::segment::{PAGE, Segment};
use super::space::Space;
use super::stats::Stats;
use super::{Done, OnFailure};
use crate::disk::is_lack_of_room;

/// Records that nobody waits for are written, unsynced, when this many bytes of them wait.
const LAZY_BYTES: usize = 1 << 20;

/// How long a writer that has no room for the next segment waits before it tries again.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(50);

/// What callers, the writer and the tender share.
pub(super) struct Shared {
    pub queue: Mutex<Queue>,
    wake: Condvar,
    pub flight: RwLock<Batch>,
    pub space: Space,
    pub stats: Stats,
    pub queued_bytes: AtomicUsize,
    /// Packed positions; records below are in the files, or durable.
    pub written: AtomicU64,
    pub durable: AtomicU64,
    failure: OnceLock<io::Error>,
    on_failure: OnFailure,
}

impl Shared {
    pub fn new(space: Space, end: Position, on_failure: OnFailure) -> Self {
        let durable = if space.fsync { end.to_u64() } else { 0 };
        Self {
            queue: Mutex::new(Queue::new(end)),
            wake: Condvar::new(),
            flight: RwLock::new(Batch::default()),
            space,
            stats: Stats::new(),
            queued_bytes: AtomicUsize::new(0),
            written: AtomicU64::new(end.to_u64()),
            durable: AtomicU64::new(durable),
            failure: OnceLock::new(),
            on_failure,
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in what waits behind the records just pushed. A callback for a closed log is given
    /// back.
    pub fn enqueue(&self, queue: &mut Queue, done: Option<Done>, bytes: usize) -> Option<Done> {
        if queue.closing {
            return done;
        }
        let waiting = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(done) = done {
            queue.callbacks.push(done);
            self.hurry(queue);
        } else if waiting >= LAZY_BYTES && !queue.urgent {
            self.wake.notify_one();
        }
        None
    }

    pub fn release(&self, before: u32) {
        let queue = &mut *self.lock();
        queue.release_before = queue.release_before.max(before);
        self.hurry(queue);
    }

    pub fn close(&self) {
        let queue = &mut *self.lock();
        queue.closing = true;
        self.hurry(queue);
    }

    fn hurry(&self, queue: &mut Queue) {
        if !std::mem::replace(&mut queue.urgent, true) {
            self.wake.notify_one();
        }
    }

    /// The first failure, once there was one.
    pub fn failure(&self) -> Option<io::Error> {
        self.failure.get().map(copy_of)
    }

    /// Records the failure that ends this log; only the first counts.
    pub fn fail(&self, error: io::Error) {
        if self.failure.set(error).is_ok()
            && let Some(error) = self.failure.get()
        {
            tracing::error!(dir = %self.space.dir.display(), %error, "wal: failed for good");
            (self.on_failure)(error);
        }
    }
}

/// What the writer took from the queue besides the records.
struct Taken {
    callbacks: VecDeque<Done>,
    release_before: u32,
    sync: bool,
    closing: bool,
}

/// The state of the writer thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    active: Arc<Segment>,
    /// Everything below in the active segment, and all segments before, is durable. Zero: nothing
    /// is known to be.
    synced_upto: u32,
    dirty: bool,
    /// Who makes room; without one the writer does it.
    tender: Option<Thread>,
    spare_callbacks: Vec<Done>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, active: Arc<Segment>, tender: Option<Thread>) -> Self {
        let synced_upto = if shared.space.fsync { active.end() } else { 0 };
        Self {
            shared,
            active,
            synced_upto,
            dirty: false,
            tender,
            spare_callbacks: Vec::new(),
        }
    }

    /// Works until the log is closed.
    pub fn run(mut self) {
        self.tend();
        loop {
            let mut taken = self.take();
            let closing = taken.closing;
            // A callback that panics must not leave the others waiting for ever.
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(&mut taken)));
            if turn.is_err() {
                let error = io::Error::other("the log's writer thread panicked");
                self.shared.fail(error);
                self.land();
                self.answer(&mut taken);
            }
            if closing {
                break;
            }
        }
        if let Some(tender) = &self.tender {
            tender.unpark();
        }
    }

    /// Waits for work and takes all of it.
    fn take(&mut self) -> Taken {
        let mut queue = self.shared.lock();
        while !queue.urgent && queue.batch.len() < LAZY_BYTES {
            queue = self
                .shared
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut flight = self
            .shared
            .flight
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.batch, &mut flight);
        let spare = std::mem::take(&mut self.spare_callbacks);
        Taken {
            callbacks: std::mem::replace(&mut queue.callbacks, spare).into(),
            release_before: std::mem::take(&mut queue.release_before),
            sync: std::mem::take(&mut queue.urgent),
            closing: queue.closing,
        }
    }

    fn turn(&mut self, taken: &mut Taken) {
        if self.shared.failure.get().is_none()
            && let Err(error) = self.persist(taken)
        {
            self.shared.fail(error);
        }
        self.land();
        self.answer(taken);
        self.spare_callbacks = std::mem::take(&mut taken.callbacks).into();
        if self.shared.failure.get().is_none() {
            if taken.release_before > 0 {
                self.shared.space.release(taken.release_before);
            }
            self.tend();
        }
    }

    /// Forgets the batch: the files have it, or the log has failed.
    fn land(&self) {
        let flight = &mut *self
            .shared
            .flight
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let bytes = flight.bytes.len();
        flight.clear();
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn answer(&self, taken: &mut Taken) {
        while let Some(done) = taken.callbacks.pop_front() {
            done(self.shared.failure().map_or(Ok(()), Err));
        }
    }

    fn tend(&self) {
        if !self.shared.space.wants_tending(&self.active) {
            return;
        }
        if let Some(tender) = &self.tender {
            tender.unpark();
        } else if let Err(error) = self.shared.space.tend() {
            self.shared.fail(error);
        }
    }

    fn persist(&mut self, taken: &Taken) -> io::Result<()> {
        let runs = {
            let flight = self.shared.flight.read();
            flight.unwrap_or_else(PoisonError::into_inner).runs.clone()
        };
        for run in runs {
            self.write_run(run)?;
        }
        if taken.sync {
            self.sync()?;
        }
        if taken.closing {
            self.mark_close()?;
        }
        Ok(())
    }

    fn write_run(&mut self, run: Run) -> io::Result<()> {
        let Run {
            sequence,
            mut offset,
            mut bytes,
        } = run;
        if sequence != self.active.sequence {
            // The link promises that all before it is durable.
            self.sync()?;
            self.active = self.roll(sequence)?;
            self.synced_upto = if self.shared.space.fsync { PAGE } else { 0 };
        }
        if offset == PAGE {
            // And every other record of a segment promises that its link is.
            let link = bytes.start..bytes.start + HEADER;
            bytes.start = link.end;
            offset += HEADER as u32;
            self.write(link, PAGE)?;
            self.sync()?;
        }
        self.write(bytes, offset)
    }

    /// Goes on to the next segment. Where the disk has no room for its file, nothing of the log was
    /// attempted yet, and nothing is lost by waiting: callers see [`Space::is_low`] meanwhile.
    fn roll(&self, sequence: u32) -> io::Result<Arc<Segment>> {
        loop {
            match self.shared.space.roll(sequence) {
                Err(error) if is_lack_of_room(&error) && !self.shared.lock().closing => {
                    self.shared.space.set_low();
                    std::thread::sleep(WAIT_FOR_ROOM);
                }
                rolled => return rolled,
            }
        }
    }

    /// Completes and writes these bytes of the flight.
    fn write(&mut self, range: Range<usize>, offset: u32) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let end = offset + range.len() as u32;
        {
            let mut flight = self
                .shared
                .flight
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let records = &mut flight.bytes[range.clone()];
            record::stamp(records, self.active.seed, offset, self.synced_upto);
        }
        let flight = self
            .shared
            .flight
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        failpoint!(WalWriteBefore);
        self.active.write_at(&flight.bytes[range.clone()], offset)?;
        failpoint!(WalWriteAfter);
        self.dirty = true;
        self.active.set_end(end);
        let position = Position::new(self.active.sequence, end);
        self.shared
            .written
            .store(position.to_u64(), Ordering::Release);
        self.shared.stats.wrote(range.len());
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.dirty || !self.shared.space.fsync {
            return Ok(());
        }
        let began = Instant::now();
        failpoint!(WalSyncBefore);
        self.active.sync()?;
        failpoint!(WalSyncAfter);
        self.shared.stats.synced(began.elapsed());
        self.dirty = false;
        self.synced_upto = self.active.end();
        let position = Position::new(self.active.sequence, self.synced_upto);
        self.shared
            .durable
            .store(position.to_u64(), Ordering::Release);
        Ok(())
    }

    /// Leaves evidence that the last records are durable, so that damage to them is not taken for
    /// a torn tail on the next open.
    fn mark_close(&mut self) -> io::Result<()> {
        let end = self.active.end();
        let fits = end + HEADER as u32 <= self.shared.space.segment_bytes;
        if !self.shared.space.fsync || end == PAGE || !fits {
            return Ok(());
        }
        let mark = RecordRef {
            kind: 0,
            term: 0,
            index: 0,
            payload: &[],
        };
        let mut bytes = Vec::with_capacity(HEADER);
        record::encode(&mut bytes, Role::Close, &mark, 0);
        record::stamp(&mut bytes, self.active.seed, end, self.synced_upto);
        self.active.write_at(&bytes, end)?;
        self.active.set_end(end + HEADER as u32);
        self.dirty = true;
        self.sync()
    }
}
