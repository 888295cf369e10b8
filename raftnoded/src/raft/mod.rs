//! Consensus: one ordered log of commands on a majority of the members (Ongaro and Ousterhout,
//! "In Search of an Understandable Consensus Algorithm", 2014), by openraft. The only room that
//! names openraft.
//!
//! # The way of a write
//!
//! [`Consensus::propose`] queues a command; the batcher hands all that wait to openraft as one
//! batch; [`log`] appends it to the write-ahead log while [`network`] sends it to the other
//! members; when a majority has synced it, [`machine`] applies it and the proposer gets its reply.
//!
//! # The way of a read
//!
//! [`Consensus::read_barrier`] asks a majority whether this member still leads, once for all reads
//! that wait, and returns when the state holds everything acknowledged before the call. The reader
//! then reads the engine. A stale read skips the barrier.
//!
//! # Invariants
//!
//! ```text
//! purged <= snapshot <= applied <= committed <= last log      (indexes on one member)
//! ```
//!
//! - What the state survives a restart with is never behind `purged` ([`machine`]).
//! - A member's node id belongs to one data directory for ever ([`formation`], [`peer`]), and to one
//!   process at a time ([`double`]). No id is used twice ([`roster`]).
//! - Who votes has started and caught up ([`membership`]).
//!
//! # Caveats
//!
//! - openraft 0.10 is an alpha, pinned exactly.
//! - Reads use the read index, not leases: a lease needs clocks of bounded drift, and a restarted
//!   member of openraft votes without remembering its lease.
//! - A leader whose process dies is replaced at once ([`failover`]); one that stands still, or cannot
//!   be reached, by the election timeout.

mod barrier;
mod batcher;
pub mod clock;
mod codec;
mod compaction;
mod contact;
pub mod double;
mod elections;
mod failover;
pub mod formation;
mod handover;
pub mod join;
mod lag;
pub mod log;
pub mod machine;
mod membership;
mod network;
mod peer;
mod room;
mod roster;
pub mod salvage;
mod server;
mod standing;
#[cfg(test)]
mod tests;
mod tracker;
mod transfers;
pub mod types;
mod view;
mod visit;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use openraft::{Config, Raft, SnapshotPolicy, async_runtime::WatchReceiver};
use tokio::sync::watch;

use crate::store::{Outcome, Rejection};
use barrier::Barrier;
use batcher::Batcher;
use clock::Clock;
use contact::Contact;
use elections::Elections;
use lag::Samples;
use log::LogStore;
use machine::{Machine, Progress, files::SnapshotFiles};
use membership::Governor;
use network::{Factory, Me, Shared, acknowledged::Ledger, addresses::Addresses};
use peer::Announcement;
use server::{Membered, Phase};
use tracker::Tracker;
use transfers::Transfers;
use types::{MemberInfo, TypeConfig};

pub use compaction::{CompactError, Compaction};
pub use lag::Lag;
pub use log::tail::{Content, Line};
pub use membership::{Addition, ChangeError, Edit};
pub use peer::{Admission, Candidate, Card, Founder, PEER_PROTOCOL, Stand};
pub use room::{NoRoom, Room};
pub use server::PeerServer;
pub use standing::Verdict;
pub use transfers::TransferView;
pub use view::{MemberView, Role, View};

type RaftHandle = Raft<TypeConfig, Machine>;

/// Why a command was not carried out, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This member does not lead, or cannot reach a majority. Not written.
    #[error("this member does not lead")]
    NotLeader,
    /// Too many bytes of commands wait already. Not written.
    #[error("too many writes are waiting")]
    Overloaded,
    /// No majority took the writes before this one in time. Not written.
    #[error("no majority took the writes before this one")]
    NoQuorum,
    /// The disks are full. Not written.
    #[error("there is no room on disk")]
    NoRoom(NoRoom),
    /// This member is stopping. Not written.
    #[error("this member is stopping")]
    Stopped,
    /// The command may or may not have been written.
    #[error("{reason}")]
    Unknown {
        /// What cut the answer off.
        reason: String,
    },
}

/// Why a read cannot be answered linearizably.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This member does not lead.
    #[error("this member does not lead")]
    NotLeader,
    /// No majority confirmed that this member leads.
    #[error("no majority answered")]
    NoQuorum,
    /// This member is stopping.
    #[error("this member is stopping")]
    Stopped,
}

/// Why consensus could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The timing settings contradict each other.
    #[error("the Raft settings are invalid: {0}")]
    Config(String),
    /// openraft could not read its state.
    #[error("cannot start from the log and state on disk: {0}")]
    State(String),
}

/// How a member takes part.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster.
    pub cluster_id: u128,
    /// This member's id.
    pub node_id: u64,
    /// This member's incarnation.
    pub incarnation: u64,
    /// Where clients reach it.
    pub client_address: String,
    /// Where members reach it.
    pub peer_address: String,
    /// How often a leader says that it is there.
    pub heartbeat: Duration,
    /// The shortest time without a leader after which a member campaigns; the longest is twice
    /// that.
    pub election_timeout: Duration,
    /// Append requests that may be unanswered on one connection.
    pub append_in_flight: usize,
    /// When the log is compacted.
    pub compaction: Compaction,
}

/// A running member.
#[derive(Clone)]
pub struct Consensus {
    raft: RaftHandle,
    log: LogStore,
    batcher: Batcher,
    barrier: Barrier,
    progress: Arc<Progress>,
    clock: Clock,
    tracker: Tracker,
    contact: Arc<Contact>,
    elections: Elections,
    governor: Arc<Governor>,
    dismissal: standing::Dismissal,
    room: Arc<Room>,
    transfers: Transfers,
    samples: Samples,
    ledger: Ledger,
    /// A leader that was silent for this long is none.
    silence: Duration,
    compaction: Compaction,
    node_id: u64,
}

impl Consensus {
    /// Starts to take part, with a log and a state machine that were opened before, and answers
    /// other members through `server` from now on.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(
        settings: &Settings,
        log: LogStore,
        machine: Machine,
        files: SnapshotFiles,
        room: Arc<Room>,
        server: &PeerServer,
    ) -> Result<Self, StartError> {
        let me = Me {
            cluster_id: settings.cluster_id,
            id: settings.node_id,
            incarnation: settings.incarnation,
        };
        let progress = machine.progress();
        let clock = machine.clock();
        let addresses = Addresses::default();
        let (dismissal, _) = watch::channel(None);
        let transfers = Transfers::default();
        let ledger = Ledger::default();
        let elections = Elections::new(Instant::now(), settings.election_timeout);
        let shared = Shared::new(
            Arc::clone(&room),
            transfers.clone(),
            Arc::clone(&progress),
            addresses.clone(),
            dismissal.clone(),
            elections.clone(),
            ledger.clone(),
        );
        let factory = Factory::new(me, settings.append_in_flight, shared);
        let raft = Raft::new(
            settings.node_id,
            Arc::new(config(settings)?),
            factory,
            log.clone(),
            machine,
        )
        .await
        .map_err(|error| StartError::State(error.to_string()))?;
        tokio::spawn(compaction::run(
            raft.clone(),
            log.clone(),
            Arc::clone(&progress),
            Arc::clone(&room),
            settings.compaction,
        ));
        let silence = settings.election_timeout * 4;
        let samples = Samples::default();
        tokio::spawn(samples.clone().take(raft.clone()));
        let contact = Arc::new(Contact::new());
        let rivals = Arc::new(failover::Rivals::new());
        tokio::spawn(failover::run(
            me,
            raft.clone(),
            Arc::clone(&contact),
            Arc::clone(&rivals),
            elections.clone(),
            settings.election_timeout,
        ));
        let barrier = Barrier::start(raft.clone());
        let governor = Arc::new(Governor::new(
            me,
            raft.clone(),
            Arc::clone(&progress),
            barrier.clone(),
            silence,
            settings.election_timeout,
        ));
        server.set_phase(Phase::Member(Arc::new(Membered {
            me,
            raft: raft.clone(),
            log: log.clone(),
            files,
            contact: Arc::clone(&contact),
            rivals,
            elections: elections.clone(),
            progress: Arc::clone(&progress),
            governor: Arc::clone(&governor),
            dismissal: dismissal.clone(),
            room: Arc::clone(&room),
            transfers: transfers.clone(),
        })));
        tokio::spawn(addresses.follow(raft.clone()));
        tokio::spawn(standing::run(
            Arc::clone(&governor),
            Arc::clone(&contact),
            dismissal.clone(),
            Announcement {
                cluster_id: settings.cluster_id,
                id: settings.node_id,
                incarnation: settings.incarnation,
                client_address: settings.client_address.clone(),
                peer_address: settings.peer_address.clone(),
            },
        ));
        let tracker = Tracker::start(
            settings.node_id,
            raft.clone(),
            Arc::clone(&contact),
            elections.clone(),
            silence,
        );
        let consensus = Self {
            batcher: Batcher::start(raft.clone(), clock.clone(), Arc::clone(&room)),
            barrier,
            raft,
            log,
            progress,
            clock,
            tracker,
            contact,
            elections,
            governor,
            dismissal,
            room,
            transfers,
            samples,
            ledger,
            silence,
            compaction: settings.compaction,
            node_id: settings.node_id,
        };
        tokio::spawn(membership::reconcile(consensus.clone()));
        Ok(consensus)
    }

    /// Writes the first entry of a new cluster. Every founder does it, with the same members.
    ///
    /// # Errors
    /// If the log is not empty, or cannot be written.
    pub async fn initialize(&self, founders: &[(u64, MemberInfo)]) -> Result<(), StartError> {
        let founders: BTreeMap<u64, MemberInfo> = founders.iter().cloned().collect();
        self.raft
            .initialize(founders)
            .await
            .map_err(|error| StartError::State(error.to_string()))
    }

    /// This member's id.
    pub fn node_id(&self) -> u64 {
        self.node_id
    }

    /// Replicates a command and returns what applying it gave; waits at most until a moment.
    ///
    /// # Errors
    /// [`ProposeError`]; it says whether the command may have been written.
    pub async fn propose(
        &self,
        command: Vec<u8>,
        until: Instant,
    ) -> Result<Result<Outcome, Rejection>, ProposeError> {
        self.batcher.propose(command, until).await
    }

    /// Waits until a read of the engine is linearizable.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn read_barrier(&self) -> Result<(), ReadError> {
        self.barrier.wait().await
    }

    /// Whether this member believes to lead.
    pub fn leads(&self) -> bool {
        self.raft.server_metrics().borrow_watched().current_leader == Some(self.node_id)
    }

    /// Whether this member believes to lead, though no majority has answered it for longer than an
    /// election takes: what it proposed now would wait in vain.
    pub fn leads_nobody(&self) -> bool {
        self.leads() && self.tracker.misses(self.node_id)
    }

    /// Waits until the membership is another one.
    pub async fn membership_changed(&self) {
        let mut metrics = self.raft.server_metrics();
        let before = *metrics.borrow_watched().membership_config.log_id();
        while metrics.changed().await.is_ok() {
            if *metrics.borrow_watched().membership_config.log_id() != before {
                return;
            }
        }
        // Consensus has stopped.
        std::future::pending().await
    }

    /// The log, for its sizes and latencies.
    pub fn log(&self) -> &LogStore {
        &self.log
    }

    /// The highest index whose effect the engine shows. A read that begins after it was asked for
    /// shows at least that.
    pub fn applied(&self) -> u64 {
        self.progress.applied.load(Ordering::Acquire)
    }

    /// The cluster's clock as this member has it, in milliseconds.
    pub fn clock(&self) -> u64 {
        self.clock.now()
    }

    /// Bytes of state on disk as of the last snapshot.
    pub fn state_bytes(&self) -> u64 {
        self.progress.snapshot_bytes.load(Ordering::Relaxed)
    }

    /// Waits until consensus has stopped, and says why. It stops by itself only on a fault: an
    /// unreadable log, a state machine that cannot go on.
    pub async fn stopped(&self) -> String {
        let mut metrics = self.raft.metrics();
        loop {
            if let Err(fatal) = &metrics.borrow_watched().running_state {
                return fatal.to_string();
            }
            if metrics.changed().await.is_err() {
                return "the consensus task ended".to_owned();
            }
        }
    }

    /// Waits until another member says that this one must not go on, and why.
    pub async fn dismissed(&self) -> Verdict {
        let mut dismissal = self.dismissal.subscribe();
        let verdict = dismissal.wait_for(Option::is_some).await.ok();
        match verdict.and_then(|verdict| verdict.clone()) {
            Some(verdict) => verdict,
            None => std::future::pending().await,
        }
    }

    /// What this member as the leader has against others: those that lack what they acknowledged.
    pub fn alarms(&self) -> Vec<String> {
        let (term, leads) = (self.view().term, self.leads());
        let members = self.members().into_iter().filter(|_| leads);
        members
            .filter_map(|(id, member)| {
                let acknowledged = self.ledger.lost(id, term)?;
                let name = member.info.name;
                Some(format!(
                    "{name} has lost log that it had acknowledged, up to index {}: replace it",
                    acknowledged.index()
                ))
            })
            .collect()
    }

    /// Stops taking part, and writes out the log.
    ///
    /// # Errors
    /// If the log cannot be written out.
    pub async fn shutdown(&self) -> io::Result<()> {
        // The core may have stopped by itself; its reason was reported then.
        let _ = self.raft.shutdown().await;
        let log = self.log.clone();
        tokio::task::spawn_blocking(move || log.close())
            .await
            .map_err(io::Error::other)?
    }
}

fn config(settings: &Settings) -> Result<Config, StartError> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let election = millis(settings.election_timeout);
    let config = Config {
        cluster_name: format!("{:032x}", settings.cluster_id),
        heartbeat_interval: millis(settings.heartbeat),
        election_timeout_min: election,
        election_timeout_max: election.saturating_mul(2),
        enable_pre_vote: Some(true),
        quorum_loss_probe_interval: Some(election.saturating_mul(4)),
        max_payload_entries: 4096,
        // A restarted leader that went on in its old term would not know what of its log is
        // committed: its reads could miss acknowledged writes.
        enable_leader_restore: Some(false),
        // Compaction goes by bytes: see `compaction`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        purge_batch_size: 1,
        install_snapshot_timeout: 600_000,
        ..Config::default()
    };
    config
        .validate()
        .map_err(|error| StartError::Config(error.to_string()))
}
