//! What to do when a disk is full: which writes a leader still takes, and who should lead.
//!
//! Each member says in every answer to its leader how much room it has ([`Level`]). From that and
//! its own disk a leader concludes what it may accept:
//!
//! - its own disk is full, and another voter has room: it hands leadership over, and goes on
//!   meanwhile;
//! - else, or if fewer than a majority of the voters have room: no users' writes, but deletes and
//!   upkeep, which free what they can;
//! - fewer than a majority have more than the last of their reserve: nothing at all.
//!
//! It says no before a write is queued, so that a refused one certainly had no effect. A follower
//! takes what comes until the last of its reserve; then it refuses entries that carry commands, and
//! is sent them again and again until it has room. Votes, heartbeats, the first entry of a leader
//! and changes of the membership go into the file of the log that is laid out already.
//!
//! A log that could not make room for its next file counts as exhausted, however much the file
//! system says is free.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytesize::ByteSize;
use openraft::async_runtime::WatchReceiver;
use tokio::task::JoinHandle;

use super::{Consensus, log::LogStore};
use crate::disk::{Disk, Level};

/// How often a member concludes anew.
const EVERY: Duration = Duration::from_millis(50);

/// How long a handover for want of room may take.
const HAND_OVER: Duration = Duration::from_secs(2);

/// After a handover that led back here, the next one is tried so much later; doubled each time.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// The longest pause between two handovers.
const MAX_TRY_AGAIN: Duration = Duration::from_secs(300);

/// What a leader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Accepts {
    All,
    /// Nothing for a moment: another member takes over.
    NothingYet,
    /// What frees room.
    Relief,
    Nothing,
}

/// Why a write is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Another member is about to lead.
    HandingOver,
    /// Whose disk, and how full.
    Full(String),
}

/// The room of this member, and what it knows of that of the others.
pub struct Room {
    disk: Arc<Disk>,
    log: LogStore,
    accepts: AtomicU8,
    /// Why not all is accepted.
    reason: Mutex<String>,
    /// What the other members said of their room.
    others: RwLock<HashMap<u64, Arc<AtomicU8>>>,
    /// Whether the last snapshot that was due was put off.
    snapshot_waits: AtomicBool,
}

impl Room {
    /// For a log and the disk that it lies on.
    pub fn new(disk: Arc<Disk>, log: LogStore) -> Arc<Self> {
        Arc::new(Self {
            disk,
            log,
            accepts: AtomicU8::new(Accepts::All as u8),
            reason: Mutex::default(),
            others: RwLock::default(),
            snapshot_waits: AtomicBool::new(false),
        })
    }

    /// How much room this member has.
    pub fn level(&self) -> Level {
        if self.log.is_space_low() {
            Level::Exhausted
        } else {
            self.disk.level()
        }
    }

    /// Whether so many bytes more fit. Asks the file system.
    pub fn has(&self, bytes: u64) -> bool {
        self.disk.has_room(bytes)
    }

    /// Whether a leader accepts a write now; `relief` is one that frees room.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn accepts(&self, relief: bool) -> Result<(), NoRoom> {
        let accepts = self.accepts.load(Relaxed);
        if accepts == Accepts::All as u8 && self.level() < Level::Exhausted {
            return Ok(());
        }
        // Under way, or about to be concluded.
        if accepts <= Accepts::NothingYet as u8 {
            return Err(NoRoom::HandingOver);
        }
        if relief && accepts < Accepts::Nothing as u8 && self.level() < Level::Exhausted {
            return Ok(());
        }
        let reason = self.reason().clone();
        Err(NoRoom::Full(if reason.is_empty() {
            self.describe()
        } else {
            reason
        }))
    }

    /// Why this member takes no writes, if so: its own disk is full, or those of a majority.
    pub fn read_only(&self) -> Option<String> {
        if self.level() >= Level::Full {
            return Some(self.describe());
        }
        let reason = self.reason();
        (!reason.is_empty()).then(|| reason.clone())
    }

    /// What an operator should do something about.
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms = Vec::new();
        if let Some(reason) = self.read_only() {
            alarms.push(format!("takes no writes: {reason}"));
        } else if self.level() == Level::Low {
            alarms.push(format!("disk space is low: {}", self.figures()));
        }
        if self.snapshot_waits.load(Relaxed) {
            alarms.push(format!(
                "no room for a snapshot, so the log grows: {}",
                self.figures()
            ));
        }
        alarms
    }

    /// The file system.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The last index of the log that lies on this disk; 0 if it is empty.
    pub(super) fn last_index(&self) -> u64 {
        self.log.last_index()
    }

    pub(super) fn snapshot_waits(&self, waits: bool) {
        self.snapshot_waits.store(waits, Relaxed);
    }

    /// Where what a member says of its room is kept.
    pub(super) fn of(&self, id: u64) -> Arc<AtomicU8> {
        let known = {
            let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
            others.get(&id).cloned()
        };
        known.unwrap_or_else(|| {
            let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(others.entry(id).or_default())
        })
    }

    /// What a member last said of its room.
    pub(super) fn level_of(&self, id: u64) -> Level {
        Level::from_u8(self.of(id).load(Relaxed))
    }

    fn reason(&self) -> MutexGuard<'_, String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self) -> String {
        if self.log.is_space_low() {
            format!("the log has no room for its next file: {}", self.figures())
        } else {
            format!("the disk is full: {}", self.figures())
        }
    }

    fn figures(&self) -> String {
        format!(
            "{} of {} are free, and {} are kept in reserve (--disk-reserve)",
            ByteSize(self.disk.free()),
            ByteSize(self.disk.total()),
            ByteSize(self.disk.reserve())
        )
    }

    fn set(&self, accepts: Accepts, reason: String) {
        let before = self.accepts.load(Relaxed);
        if (before > Accepts::NothingYet as u8) != (accepts > Accepts::NothingYet) {
            if accepts > Accepts::NothingYet {
                tracing::warn!(reason, "taking no writes");
            } else {
                tracing::info!("taking writes again");
            }
        }
        *self.reason() = reason;
        self.accepts.store(accepts as u8, Relaxed);
    }
}

/// A handover for want of room.
#[derive(Default)]
struct Handover {
    running: Option<JoinHandle<()>>,
    /// No further one before this moment.
    next: Option<Instant>,
    pause: Duration,
}

impl Handover {
    fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|run| !run.is_finished())
    }

    /// Begins one, unless the last one was tried too lately. Whether one is under way.
    fn begin(&mut self, consensus: &Consensus) -> bool {
        if self.is_running() {
            return true;
        }
        if self.next.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        self.pause = (self.pause * 2).clamp(TRY_AGAIN, MAX_TRY_AGAIN);
        self.next = Some(Instant::now() + self.pause);
        let consensus = consensus.clone();
        tracing::warn!("the disk is full: another member should lead");
        self.running = Some(tokio::spawn(async move {
            consensus.hand_over(None, HAND_OVER).await;
        }));
        true
    }
}

/// A voter, as the decision sees it.
struct Voter {
    name: String,
    level: Level,
}

impl Consensus {
    /// Concludes again and again what this member accepts, and hands leadership over when its disk
    /// is full. Ends with the consensus.
    pub async fn keep_room(self) {
        let mut handover = Handover::default();
        while self.raft.metrics().borrow_watched().running_state.is_ok() {
            if self.room.log.is_space_low() {
                self.room.log.make_room();
            }
            let own = self.room.level();
            if own < Level::Full {
                handover.next = None;
                handover.pause = Duration::ZERO;
            }
            let (accepts, reason) = if self.leads() {
                self.decide(own, &mut handover)
            } else {
                // Whoever leads decides.
                (Accepts::All, String::new())
            };
            self.room.set(accepts, reason);
            tokio::time::sleep(EVERY).await;
        }
    }

    fn decide(&self, own: Level, handover: &mut Handover) -> (Accepts, String) {
        let voters = self.voters(own);
        let full: Vec<&str> = voters
            .iter()
            .filter(|voter| voter.level >= Level::Full)
            .map(|voter| voter.name.as_str())
            .collect();
        if full.is_empty() && own < Level::Full {
            return (Accepts::All, String::new());
        }
        let majority = voters.len() / 2 + 1;
        let below = |level| voters.iter().filter(|voter| voter.level < level).count();
        if own >= Level::Full {
            let majority_has_room = below(Level::Full) >= majority;
            if majority_has_room && handover.begin(self) {
                return match own {
                    Level::Exhausted => (Accepts::NothingYet, String::new()),
                    _ => (Accepts::All, String::new()),
                };
            }
            let accepts = if own == Level::Exhausted || below(Level::Exhausted) < majority {
                Accepts::Nothing
            } else {
                Accepts::Relief
            };
            return (accepts, self.room.describe());
        }
        if below(Level::Full) >= majority {
            return (Accepts::All, String::new());
        }
        let accepts = if below(Level::Exhausted) < majority {
            Accepts::Nothing
        } else {
            Accepts::Relief
        };
        let reason = format!(
            "the disks of {} are full, and {majority} of {} voters must take a write",
            full.join(", "),
            voters.len()
        );
        (accepts, reason)
    }

    fn voters(&self, own: Level) -> Vec<Voter> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics
            .membership_config
            .voter_ids()
            .map(|id| Voter {
                name: metrics
                    .membership_config
                    .get_node(&id)
                    .map_or_else(|| id.to_string(), |info| info.name.clone()),
                level: if id == self.node_id {
                    own
                } else {
                    self.room.level_of(id)
                },
            })
            .collect()
    }

    /// What this member's disk still takes.
    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }
}
