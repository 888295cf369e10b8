//! The segments of a log on disk: room ahead of the writer, recycling behind it.
//!
//! A frontier of zero-filled space runs [`AHEAD`] bytes in front of the write position, across the
//! segment boundary: first the active segment is filled in chunks, then the next segment is made
//! (from a spare if there is one, which is filled already). So a new node starts without writing
//! 64 MiB first, and the writer finds the next segment ready when it rolls. All of this is done by
//! the tender thread; a writer that overtakes it only writes a little slower.
//!
//! Directory changes are made durable one by one, oldest segment first, so that a crash leaves a
//! contiguous range of sequence numbers.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::segment::{Gate, PAGE, Segment, spare_path, sync_dir};

/// Zero-filled bytes kept in front of the write position.
const AHEAD: u32 = 8 << 20;
/// Released files kept for reuse.
pub(super) const SPARES: usize = 2;

/// The segments, and the files around them.
pub(super) struct Space {
    pub dir: PathBuf,
    pub segment_bytes: u32,
    pub gate: Arc<dyn Gate>,
    /// Whether zeros are synced as they are written.
    pub fsync: bool,
    segments: RwLock<BTreeMap<u32, Arc<Segment>>>,
    reserve: Mutex<Reserve>,
    release_before: AtomicU32,
    low: AtomicBool,
}

/// Files that hold no records.
struct Reserve {
    next: Option<Arc<Segment>>,
    spares: Vec<PathBuf>,
}

impl Space {
    pub fn new(
        dir: PathBuf,
        segment_bytes: u32,
        fsync: bool,
        gate: Arc<dyn Gate>,
        segments: BTreeMap<u32, Arc<Segment>>,
        spares: Vec<PathBuf>,
    ) -> Self {
        Self {
            dir,
            segment_bytes,
            gate,
            fsync,
            segments: RwLock::new(segments),
            reserve: Mutex::new(Reserve { next: None, spares }),
            release_before: AtomicU32::new(0),
            low: AtomicBool::new(false),
        }
    }

    fn ahead(&self) -> u32 {
        AHEAD.min(self.segment_bytes / 2)
    }

    pub fn get(&self, sequence: u32) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.get(&sequence).cloned()
    }

    /// Oldest first; the last is the active one. Never empty.
    pub fn list(&self) -> Vec<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.values().cloned().collect()
    }

    /// Whether the last attempt to make room failed.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// The writer itself could not make room.
    pub fn set_low(&self) {
        self.low.store(true, Ordering::Relaxed);
    }

    fn make(&self, reserve: &mut Reserve, sequence: u32) -> io::Result<Arc<Segment>> {
        let spare = reserve.spares.pop();
        let draft = spare
            .clone()
            .unwrap_or_else(|| spare_path(&self.dir, sequence));
        let gate = Arc::clone(&self.gate);
        match Segment::create(&self.dir, sequence, spare, self.segment_bytes, gate) {
            Ok(segment) => Ok(Arc::new(segment)),
            Err(error) => {
                // What a failed write left there is unknown: it must not be reused. That it
                // cannot be removed either changes nothing for the log.
                let _ = std::fs::remove_file(draft);
                Err(error)
            }
        }
    }

    /// The segment with this number becomes the active one.
    pub fn roll(&self, sequence: u32) -> io::Result<Arc<Segment>> {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        let segment = match reserve.next.take() {
            Some(next) => next,
            None => self.make(&mut reserve, sequence)?,
        };
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        segments.insert(sequence, Arc::clone(&segment));
        Ok(segment)
    }

    /// Lets segments below `before` go; the tender does it.
    pub fn release(&self, before: u32) {
        self.release_before.fetch_max(before, Ordering::AcqRel);
    }

    /// Whether there is work for [`Space::tend`]. Does not wait for a tender at work.
    pub fn wants_tending(&self, active: &Segment) -> bool {
        let end = active.end();
        let near = end.saturating_add(self.ahead() / 2);
        if active.filled() < near.min(self.segment_bytes) {
            return true;
        }
        let oldest = {
            let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
            segments.keys().next().copied().unwrap_or(active.sequence)
        };
        let release = self.release_before.load(Ordering::Acquire);
        if oldest < release.min(active.sequence) {
            return true;
        }
        end.saturating_add(self.ahead()) > self.segment_bytes
            && self.reserve.try_lock().is_ok_and(|r| r.next.is_none())
    }

    /// Releases what may go, and makes room ahead. An error is a failed sync or directory change,
    /// after which nothing is known of what is on disk; a full disk is not an error here but
    /// shows in [`Space::is_low`].
    pub fn tend(&self) -> io::Result<()> {
        self.release_old()?;
        let Some(active) = self.list().pop() else {
            return Ok(());
        };
        let low = match self.make_room(&active)? {
            Ok(()) => false,
            Err(error) => {
                if !self.is_low() {
                    let dir = self.dir.display();
                    tracing::warn!(%dir, %error, "wal: cannot make room ahead; free disk space");
                }
                true
            }
        };
        self.low.store(low, Ordering::Relaxed);
        Ok(())
    }

    /// Moves the frontier. The outer error is a failed sync, the inner one any other failure.
    fn make_room(&self, active: &Segment) -> io::Result<io::Result<()>> {
        let target = active.end().saturating_add(self.ahead());
        let filled = self.fill(active, target.min(self.segment_bytes))?;
        if filled.is_err() || target <= self.segment_bytes {
            return Ok(filled);
        }
        let next = {
            let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
            // The writer may have rolled meanwhile; its segment is not the one prepared for here.
            if self.list().last().map(|s| s.sequence) != Some(active.sequence) {
                return Ok(Ok(()));
            }
            match &reserve.next {
                Some(next) => Arc::clone(next),
                None => match self.make(&mut reserve, active.sequence + 1) {
                    Ok(next) => Arc::clone(reserve.next.insert(next)),
                    Err(error) => return Ok(Err(error)),
                },
            }
        };
        let spill = PAGE.saturating_add(target - self.segment_bytes);
        self.fill(&next, spill.min(self.segment_bytes))
    }

    fn fill(&self, segment: &Segment, target: u32) -> io::Result<io::Result<()>> {
        loop {
            match segment.fill_towards(target) {
                Ok(true) if self.fsync => segment.sync()?,
                Ok(true) => {}
                Ok(false) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Renames or removes the segments that were released, except the active one.
    pub fn release_old(&self) -> io::Result<()> {
        let before = self.release_before.load(Ordering::Acquire);
        loop {
            let oldest = {
                let mut segments = self
                    .segments
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                let active = segments.keys().next_back().copied().unwrap_or(0);
                match segments.first_entry() {
                    Some(entry) if *entry.key() < before.min(active) => entry.remove(),
                    _ => return Ok(()),
                }
            };
            failpoint!(WalReleaseBefore);
            let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
            if reserve.spares.len() < SPARES {
                let spare = spare_path(&self.dir, oldest.sequence);
                std::fs::rename(&oldest.path, &spare)?;
                sync_dir(&self.dir)?;
                reserve.spares.push(spare);
            } else {
                std::fs::remove_file(&oldest.path)?;
                sync_dir(&self.dir)?;
            }
            failpoint!(WalReleaseAfter);
        }
    }
}
