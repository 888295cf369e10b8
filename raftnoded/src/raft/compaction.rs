//! Keeps the log bounded by bytes: takes a snapshot when the log behind the last one has grown
//! enough, and purges what the snapshot covers, but for a stretch kept for members that lag a
//! little.
//!
//! openraft's own policies count entries, and an entry is 60 bytes or a megabyte. They are
//! switched off; this task triggers both.
//!
//! With S the size of the last snapshot, a snapshot is due when `log behind it >= max(every, S)`:
//! writing it again and again then costs at most as much as the log itself.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use openraft::async_runtime::WatchReceiver;

use super::{Consensus, RaftHandle, log::LogStore, machine::Progress, room::Room};

/// How often the log is measured.
const EVERY: Duration = Duration::from_millis(250);

/// openraft drops a request for a snapshot while it is busy with another, without a word.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Likewise, where somebody waits for it.
const INSISTENCE: Duration = Duration::from_millis(500);

/// How often whoever waits looks.
const SHORTLY: Duration = Duration::from_millis(10);

/// When to take a snapshot and what to keep of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// Bytes of log behind the last snapshot that call for another one.
    pub snapshot_every: u64,
    /// Bytes of log kept for members that lag, though a snapshot covers them.
    pub retain: u64,
}

/// Why the log was not compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// The member is stopping.
    #[error("the member is stopping")]
    Stopped,
    /// It was not done in time. It goes on.
    #[error("the snapshot is not finished yet")]
    TooLong,
}

impl Consensus {
    /// Makes the state survive a restart without the log before it, and purges what of the log need
    /// not be retained; waits at most until a moment. Returns the index that the snapshot stands for,
    /// and the one up to which the log is gone, if any of it is.
    ///
    /// # Errors
    /// [`CompactError`]
    pub async fn compact(&self, until: Instant) -> Result<(u64, Option<u64>), CompactError> {
        let goal = self.applied();
        let durable = || self.progress.durable.load(Ordering::Acquire);
        while durable() <= goal {
            // Asked again and again: dropped while another snapshot is under way, which may be an
            // older one.
            let asked = self.raft.trigger().snapshot().await;
            asked.map_err(|_| CompactError::Stopped)?;
            let again = Instant::now() + INSISTENCE;
            while durable() <= goal && Instant::now() < again {
                if Instant::now() >= until {
                    return Err(CompactError::TooLong);
                }
                tokio::time::sleep(SHORTLY).await;
            }
        }
        let covered = durable().saturating_sub(1);
        let purged = || {
            let metrics = self.raft.metrics();
            let purged = metrics.borrow_watched().purged;
            purged.map(|id| id.index())
        };
        if let Some(upto) = self
            .log
            .purgeable(self.compaction.retain)
            .min(Some(covered))
            && purged() < Some(upto)
        {
            let asked = self.raft.trigger().purge_log(upto).await;
            asked.map_err(|_| CompactError::Stopped)?;
            let enough = until.min(Instant::now() + INSISTENCE);
            while purged() < Some(upto) && Instant::now() < enough {
                tokio::time::sleep(SHORTLY).await;
            }
        }
        Ok((covered, purged()))
    }
}

pub(super) async fn run(
    raft: RaftHandle,
    log: LogStore,
    progress: Arc<Progress>,
    room: Arc<Room>,
    compaction: Compaction,
) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut asked: Option<Instant> = None;
    let mut before = 0;
    loop {
        clock.tick().await;
        let (applied, purged) = {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            if metrics.running_state.is_err() {
                return;
            }
            (
                metrics.last_applied.map_or(0, |id| id.index()),
                metrics.purged.map(|id| id.index()),
            )
        };
        // Never openraft's own idea of the snapshot: see `Progress::durable`.
        let durable = progress.durable.load(Ordering::Acquire);
        if durable > before || asked.is_some_and(|at| at.elapsed() > ASK_AGAIN) {
            asked = None;
        }
        before = durable;
        let size = progress.snapshot_bytes.load(Ordering::Relaxed);
        let behind = log.bytes_from(durable);
        if asked.is_none() && applied >= durable && behind >= compaction.snapshot_every.max(size) {
            // About as large as the last one, or all new. One that fails for want of room all the
            // same does no harm.
            let fits = room.has(size.max(behind));
            room.snapshot_waits(!fits);
            if fits && raft.trigger().snapshot().await.is_ok() {
                asked = Some(Instant::now());
            }
        }
        let covered = durable.checked_sub(1);
        if let Some(upto) = log.purgeable(compaction.retain).min(covered)
            && purged.is_none_or(|purged| purged < upto)
            && raft.trigger().purge_log(upto).await.is_err()
        {
            return;
        }
    }
}
