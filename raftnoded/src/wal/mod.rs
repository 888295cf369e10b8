//! An append-only write-ahead log of checksummed records in recycled segment files.
//!
//! The log numbers nothing and interprets nothing: a record is a kind, two numbers and bytes, and
//! the caller rebuilds its state from all of them, in order, when the log is opened.
//!
//! # Writing
//!
//! [`Wal::append`] assigns positions and copies the records into a queue; it does no I/O. One
//! writer thread takes the WHOLE queue, writes it with one call for each contiguous range, syncs
//! once, and fires the callbacks in order (group commit). A callback is cumulative: when it fires
//! with `Ok`, everything appended before it is durable too. Records can be read from the moment
//! `append` returns.
//!
//! A failed write or sync is permanent. After a failed `fdatasync` the kernel may have dropped the
//! dirty pages and a second one would report success (Rebello et al., "Can Applications Recover
//! from fsync Failures?", USENIX ATC 2020), so nothing is retried: every later callback gets an
//! error, and the failure hook runs once, to end the process.
//!
//! A full disk is no failed write: the next file is made ahead of time, and where that does not
//! succeed, [`Wal::is_space_low`] says so while the active one still has room. If it is written to
//! its end all the same, the writer waits for room, and everybody with it.
//!
//! # Files
//!
//! `segment-NNNNNNNNNN.wal` holds a 4 KiB header page (magic, version, sequence number, nonce,
//! checksum) and then 8-aligned records (layout in `record.rs`). The checksum of a record covers
//! sequence number, nonce and offset, and the nonce is drawn afresh for each life of a file: the
//! bytes of an earlier life never verify. The header is durable before the file gets its name.
//! `spare-NNNNNNNNNN.wal` is a file without records, to be recycled. `space.rs` keeps zero-filled
//! room ahead of the writer, so that a sync commits no metadata.
//!
//! The first record of a segment is its *link*: the offset at which the previous segment ended.
//! With E(n) the end of segment n, the writer keeps:
//!
//! - all of segments `<= n` is durable before a byte of link n+1 is written;
//! - link n+1 is durable before any other record of segment n+1 is written.
//!
//! # What a crash leaves, and what `open` makes of it
//!
//! One write of many sectors is not atomic: later ones may survive without earlier ones. Each
//! record therefore carries `synced_upto`, an offset in its own segment, and makes the claim
//!
//! `durable(R) = (R.segment, R.synced_upto)` if `R.synced_upto >= 4096`, else nothing:
//! *every byte of the log before this position was durable before R was written*.
//!
//! Reading stops at the first bad record, at X (a segment that does not reach the end its
//! successor's link names has a bad record where it stops; a missing or bad link is a bad record at
//! offset 4096). The verdict:
//!
//! - **damage** if some intact header R behind X has `durable(R) > X`: X had been durable, and a
//!   disk lost it. The log is refused, and the error names file and offset.
//! - **torn tail** otherwise. X and all behind it are cut: later segments become spares (and get a
//!   new nonce before reuse), and the segment of X is truncated to X and synced before anything is
//!   appended, so that what was cut never comes back.
//!
//! A crash alone never yields damage: sectors written after a sync claim at most that sync. And a
//! torn tail never holds an acknowledged record. A clean [`Wal::close`] appends a mark with
//! `synced_upto` = its own offset, so that the log of a stopped process shows damage up to the last
//! record.
//!
//! # Caveats
//!
//! - After a kill, damage to the very last synced batch looks like a torn tail: nothing was written
//!   behind it that could testify. Peers hold what was acknowledged.
//! - Removing the oldest segments, or all of them, by hand is not noticed here; the caller's own
//!   records must tell.
//! - With `fsync: false` records are not synced, `synced_upto` stays 0 and nothing is evidence:
//!   after a power cut the log ends at its first bad record. Segment headers and directory changes
//!   are synced even then.
//! - The directory is not locked: two logs in one directory destroy each other.
//! - Callers bound what they queue, by [`Wal::queued_bytes`].

mod error;
mod queue;
mod read;
mod record;
mod recovery;
mod segment;
mod space;
mod stats;
#[cfg(any(test, feature = "failpoints"))]
mod unsynced;
mod writer;

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use record::{HEADER, Role};
use segment::{Gate, OpenGate, PAGE};
use space::Space;
use writer::{Shared, Writer};

pub use error::{OpenError, RecordTooLarge};
pub use record::{Position, Record, RecordRef, encoded_size};
pub use stats::WalStats;

/// Called once on the writer thread (or on the caller's, for a closed log): `Ok` when all that
/// was appended so far is durable, an error when the log has failed or is closed. Must not block.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Called once, on the first failed write or sync, before any callback learns of it.
pub type OnFailure = Box<dyn Fn(&io::Error) + Send + Sync>;

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of a segment file in bytes, 64 MiB by default. Brought into 16 KiB..=1 GiB and rounded
    /// up to a page. It bounds the size of a record, and may differ from one open to the next.
    pub segment_bytes: u32,
    /// Whether callbacks wait for `fdatasync`. Without, they fire after the write, and a power cut
    /// loses what the operating system had not written by itself.
    pub fsync: bool,
}

/// Sees each record of a log that is opened. It breaks off where it cannot use the log, which is then
/// left as it is.
pub type Visit<'a> = dyn FnMut(Position, RecordRef<'_>) -> ControlFlow<()> + 'a;

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            fsync: true,
        }
    }
}

/// An open log. Dropping it closes it.
pub struct Wal {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    tender: Option<std::thread::Thread>,
}

impl std::fmt::Debug for Wal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wal")
            .field("dir", &self.shared.space.dir)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}

impl Wal {
    /// Opens the log in `dir`, which is created if missing, and calls `visit` with each record, in
    /// order. A torn tail is cut (see the essay above); with `fsync` all that was visited is
    /// durable on return. Reads all of the log, one segment in memory at a time: call it where
    /// blocking is allowed.
    ///
    /// # Errors
    ///
    /// Damage, foreign files, a newer format, an I/O error, or [`OpenError::Unwanted`] if a visit
    /// broke off. Records may have been visited before an error is returned.
    pub fn open(
        dir: impl Into<PathBuf>,
        options: Options,
        on_failure: OnFailure,
        visit: &mut Visit<'_>,
    ) -> Result<Self, OpenError> {
        let gate = Arc::new(OpenGate);
        Self::open_through(dir.into(), options, gate, true, on_failure, visit)
    }

    /// `open`, with a gate before each write and sync, and without a tender thread unless
    /// `background`.
    fn open_through(
        dir: PathBuf,
        options: Options,
        gate: Arc<dyn Gate>,
        background: bool,
        on_failure: OnFailure,
        visit: &mut Visit<'_>,
    ) -> Result<Self, OpenError> {
        let segment_bytes = options
            .segment_bytes
            .clamp(16 << 10, 1 << 30)
            .next_multiple_of(PAGE);
        let fsync = options.fsync;
        if !dir.is_dir() {
            std::fs::create_dir_all(&dir).map_err(OpenError::io("create", &dir))?;
            if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
                segment::sync_dir(parent).map_err(OpenError::io("sync", parent))?;
            }
        }
        let log = recovery::recover(&dir, segment_bytes, fsync, &gate, visit)?;
        let space = Space::new(dir, segment_bytes, fsync, gate, log.segments, log.spares);
        let mut wal = Self {
            shared: Arc::new(Shared::new(space, log.end, on_failure)),
            threads: Mutex::new(Vec::new()),
            tender: None,
        };
        wal.tender = if background {
            let shared = Arc::clone(&wal.shared);
            Some(wal.spawn("wal-tender", move || {
                if catch_unwind(AssertUnwindSafe(|| tend(&shared))).is_err() {
                    shared.fail(io::Error::other("the log's tender thread panicked"));
                }
            })?)
        } else {
            None
        };
        let writer = Writer::new(Arc::clone(&wal.shared), log.active, wal.tender.clone());
        if let Err(error) = wal.spawn("wal-writer", move || writer.run()) {
            // Nobody else would wake the tender, which the drop of the log waits for.
            wal.shared.close();
            wal.make_room();
            return Err(error);
        }
        Ok(wal)
    }

    fn spawn(
        &self,
        name: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<std::thread::Thread, OpenError> {
        let handle = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(OpenError::io("start a thread for", &self.shared.space.dir))?;
        let thread = handle.thread().clone();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(handle);
        Ok(thread)
    }

    /// Queues `records` and returns their positions, in order. Does no I/O. The records can be
    /// read at once.
    ///
    /// `done` fires when everything appended up to here is durable; with no records it is a
    /// barrier. Without `done` the records wait for the next batch that somebody waits for, for a
    /// release, for the close of the log, or for 1 MiB of their kind; a crash may lose them,
    /// though never out of order.
    ///
    /// # Errors
    ///
    /// [`RecordTooLarge`] if one of the records cannot fit in a segment: nothing is queued and
    /// `done` is dropped. All other errors go to `done`.
    pub fn append(
        &self,
        records: &[RecordRef<'_>],
        done: Option<Done>,
    ) -> Result<Vec<Position>, RecordTooLarge> {
        let segment_bytes = self.shared.space.segment_bytes;
        let limit = self.max_payload();
        if let Some(record) = records.iter().find(|r| r.payload.len() > limit) {
            let size = record.payload.len();
            return Err(RecordTooLarge { size, limit });
        }
        let mut positions = Vec::with_capacity(records.len());
        let refused = {
            let queue = &mut *self.shared.lock();
            let before = queue.batch.len();
            for record in records {
                positions.push(queue.push(Role::Data, record, segment_bytes));
            }
            let bytes = queue.batch.len() - before;
            self.shared.enqueue(queue, done, bytes)
        };
        if let Some(done) = refused {
            done(Err(io::Error::other("the log is closed")));
        }
        Ok(positions)
    }

    /// Lets segments below number `before_segment` go. They are renamed for reuse or removed once
    /// everything appended before this call is durable; the active segment stays. A position in a
    /// released segment cannot be read any more.
    pub fn release(&self, before_segment: u32) {
        self.shared.release(before_segment);
    }

    /// Writes and syncs what is queued, marks the log as cleanly closed, and ends its threads.
    /// Later appends get an error; reads still work. Blocks for the sync, unless called from a
    /// callback of this log.
    ///
    /// # Errors
    ///
    /// The failure of the log, now or earlier.
    pub fn close(&self) -> io::Result<()> {
        self.shared.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in threads.into_iter().rev() {
            // A callback may own the last handle to the log; a thread cannot join itself. A panic
            // of these threads is reported as a failure already.
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
        self.shared.failure().map_or(Ok(()), Err)
    }

    /// The longest payload that a record may have, in bytes.
    pub fn max_payload(&self) -> usize {
        self.shared.space.segment_bytes as usize - PAGE as usize - 2 * HEADER
    }

    /// Bytes that `payload` bytes take up in the log.
    pub const fn size_on_disk(payload: usize) -> usize {
        encoded_size(payload)
    }

    /// Bytes appended and not written yet: what a caller bounds itself by.
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued_bytes.load(Ordering::Relaxed)
    }

    /// Where the next record would go, if it fits in the active segment.
    pub fn end(&self) -> Position {
        self.shared.lock().end
    }

    /// Records before this position are in the files.
    pub fn written(&self) -> Position {
        Position::from_u64(self.shared.written.load(Ordering::Acquire))
    }

    /// Records before this position are durable. With `fsync: false` it stays zero.
    pub fn durable(&self) -> Position {
        Position::from_u64(self.shared.durable.load(Ordering::Acquire))
    }

    /// The failure that ended this log, if it has failed.
    pub fn failure(&self) -> Option<io::Error> {
        self.shared.failure()
    }

    /// Number and bytes of records (the header page included) of each segment, oldest first.
    pub fn segments(&self) -> Vec<(u32, u32)> {
        let segments = self.shared.space.list();
        segments.iter().map(|s| (s.sequence, s.end())).collect()
    }

    /// Number of the oldest segment.
    pub fn oldest_segment(&self) -> u32 {
        self.segments().first().map_or(1, |s| s.0)
    }

    /// Number of the segment that is written to.
    pub fn active_segment(&self) -> u32 {
        self.segments().last().map_or(1, |s| s.0)
    }

    /// Bytes that the log's files occupy on disk, spare and reserved ones included. Asks the file
    /// system: not for every request.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn disk_bytes(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt;
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.shared.space.dir)? {
            match entry?.metadata() {
                Ok(metadata) => bytes += metadata.blocks() * 512,
                // Renamed or removed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    /// Whether the log could not make room ahead of its writer, for want of disk space: refuse
    /// writes now, while the active segment still takes what must be written.
    pub fn is_space_low(&self) -> bool {
        self.shared.space.is_low()
    }

    /// Tries to make room again, in the background. Otherwise only a write does, and while writes
    /// are refused for want of room, there may be none.
    pub fn make_room(&self) {
        if let Some(tender) = &self.tender {
            tender.unpark();
        }
    }

    /// Counts and latencies since the log was opened.
    pub fn stats(&self) -> WalStats {
        self.shared.stats.snapshot()
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        // Whoever wants to know of a failure has the hook and the callbacks.
        let _ = self.close();
    }
}

/// The tender thread: makes room when the writer asks for it.
fn tend(shared: &Shared) {
    loop {
        std::thread::park();
        if shared.failure().is_some() {
            return;
        }
        let closing = shared.lock().closing;
        let tended = if closing {
            shared.space.release_old()
        } else {
            shared.space.tend()
        };
        if let Err(error) = tended {
            shared.fail(error);
        }
        if closing {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
