//! The operations of the API, free of any transport: check, then propose or read, then reply. The
//! only room with rules.
//!
//! Every refusal happens before a command is proposed, so that a refused request certainly had no
//! effect. What needs the leader goes through [`route`]: carried out here if this member leads,
//! else forwarded, or answered with the leader's address if the caller prefers to go there itself.

mod activity;
mod backup;
mod convert;
mod forward;
mod limits;
mod members;
mod quota;
mod read;
mod route;
mod status;
mod views;
mod watch;
mod write;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use common::{
    Error,
    transport::{AwaitLeader, Welcome},
    types::{Leader, Member, Role, Tag},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Fsync, Store},
    disk::Disk,
    engine::Engine,
    raft::{
        Consensus, MemberView,
        types::{Aim, MemberInfo},
    },
    watch::Hub,
};
use activity::Counts;
use backup::Backups;
use forward::Forwarder;
use quota::QuotaNotices;
use views::Views;

pub use limits::Bounds;

/// The longest that a client may have its greeting wait for a leader.
const MAX_PATIENCE: Duration = Duration::from_secs(1);

/// What a member knows of itself from the start.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The address of its client API.
    pub client_address: String,
    /// The address on which members talk to each other.
    pub peer_address: String,
    /// The kind of store.
    pub store: Store,
    /// When a write counts as done.
    pub fsync: Fsync,
    /// The file system of its data directory.
    pub disk: Arc<Disk>,
    /// Whether a put into an unknown namespace creates it.
    pub auto_create_namespaces: bool,
    /// What is accepted.
    pub bounds: Bounds,
}

/// What a member has once it is part of a cluster.
pub struct Part {
    /// The cluster.
    pub cluster_id: u128,
    /// Its share in the consensus.
    pub consensus: Consensus,
    /// Its state.
    pub engine: Arc<dyn Engine>,
    /// What changed lately.
    pub hub: Hub,
}

/// One request's circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// When the request was taken up.
    pub began: Instant,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Whether the caller goes to the leader by itself.
    pub follow_leader: bool,
    /// What makes a write that is sent again be carried out once.
    pub tag: Option<Tag>,
}

impl Call {
    /// When an answer must be on its way so that the caller hears it: waiting ends here, with a
    /// reason, and not at the deadline, without one.
    fn last_word(&self) -> Instant {
        self.deadline
            .checked_sub(Duration::from_millis(50))
            .unwrap_or(self.deadline)
    }

    /// Whether a further attempt could still be answered in time.
    fn has_time(&self) -> bool {
        Instant::now() < self.last_word()
    }
}

/// The operations of one member.
pub struct Service {
    about: About,
    started: Instant,
    part: OnceLock<Arc<Part>>,
    forwarder: Forwarder,
    views: Views,
    backups: Backups,
    quotas: QuotaNotices,
    counts: Counts,
    ready: AtomicBool,
    draining: AtomicBool,
    /// Whether it waits for a cluster that exists, and not for the founders of a new one.
    joining: AtomicBool,
    /// Cancelled when the member begins to drain: ends what only waits.
    stopping: CancellationToken,
    active: AtomicUsize,
    idle: Notify,
}

/// A request under way; a stopping member waits until there is none.
pub(crate) struct Admitted<'a>(&'a Service);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Service {
    /// A member that has no cluster yet.
    pub fn new(about: About) -> Self {
        Self {
            about,
            started: Instant::now(),
            part: OnceLock::new(),
            forwarder: Forwarder::default(),
            views: Views::default(),
            backups: Backups::default(),
            quotas: QuotaNotices::default(),
            counts: Counts::default(),
            stopping: CancellationToken::new(),
            ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            joining: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }

    /// The member has become part of a cluster. Later calls change nothing.
    pub fn join(&self, part: Part) {
        // A member joins once in its life.
        let _ = self.part.set(Arc::new(part));
    }

    /// The member waits to become part of a cluster that exists.
    pub fn joins(&self) {
        self.joining.store(true, Ordering::Release);
    }

    /// The member has read its data.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    fn part(&self) -> Result<&Arc<Part>, Error> {
        self.part.get().ok_or_else(|| {
            let name = &self.about.name;
            let reason = if self.joining.load(Ordering::Acquire) {
                format!("{name} has no cluster yet: it waits to become a member of one")
            } else {
                format!("{name} waits for the other members of --peers to form the cluster")
            };
            Error::NoLeader { reason }
        })
    }

    /// Lets a request in, unless the member is stopping.
    pub(crate) fn admit(&self) -> Result<Admitted<'_>, Error> {
        self.active.fetch_add(1, Ordering::AcqRel);
        let admitted = Admitted(self);
        if self.draining.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        Ok(admitted)
    }

    /// Refuses new requests from now on, and waits for those under way, for at most `patience`.
    pub async fn drain(&self, patience: Duration) {
        self.draining.store(true, Ordering::Release);
        self.stopping.cancel();
        let _ = tokio::time::timeout(patience, async {
            loop {
                let idle = self.idle.notified();
                if self.active.load(Ordering::Acquire) == 0 {
                    return;
                }
                idle.await;
            }
        })
        .await;
    }

    /// The greeting for a client.
    pub fn welcome(&self) -> Welcome {
        let part = self.part.get();
        Welcome {
            protocol: common::transport::PROTOCOL_VERSION,
            cluster_id: part.map_or_else(String::new, |part| format!("{:032x}", part.cluster_id)),
            node_id: part.map_or(0, |part| part.consensus.node_id()),
            leader: part
                .filter(|_| !self.draining.load(Ordering::Acquire))
                .and_then(|part| part.leader()),
            members: part.map_or_else(Vec::new, |part| part.members()),
            limits: self.about.bounds.advertised(),
        }
    }

    /// Waits for a leader that a client can go to, for as long as the client wants, but not long.
    pub(crate) async fn leader_known(&self, awaited: &AwaitLeader) {
        let until = Instant::now() + awaited.patience.min(MAX_PATIENCE);
        while let Some(part) = self.part.get() {
            let leader = part.leader();
            let left = until.saturating_duration_since(Instant::now());
            let gone = |leader: &Leader| awaited.other_than.as_ref() == Some(&leader.address);
            if left.is_zero() || leader.as_ref().is_some_and(|leader| !gone(leader)) {
                return;
            }
            let before = leader.map(|leader| leader.id);
            part.consensus.leader_changed(before, left).await;
        }
    }

    /// What this member accepts.
    pub fn bounds(&self) -> &Bounds {
        &self.about.bounds
    }

    fn role(&self) -> Role {
        use crate::raft::Role as Raft;
        if self.draining.load(Ordering::Acquire) {
            return Role::Stopping;
        }
        match self.part.get().map(|part| part.consensus.view().role) {
            None if self.joining.load(Ordering::Acquire) => Role::Joining,
            None => Role::Forming,
            Some(Raft::Leader) => Role::Leader,
            Some(Raft::Follower) => Role::Follower,
            Some(Raft::Candidate) => Role::Candidate,
            Some(Raft::Learner) => Role::Learner,
        }
    }
}

impl Part {
    fn leader(&self) -> Option<Leader> {
        self.consensus.leader().map(leader)
    }

    fn members(&self) -> Vec<Member> {
        self.consensus.members().into_iter().map(member).collect()
    }
}

fn leader((id, info): (u64, MemberInfo)) -> Leader {
    Leader {
        id,
        name: info.name,
        address: info.client_address,
    }
}

fn member((id, view): (u64, MemberView)) -> Member {
    Member {
        id,
        name: view.info.name,
        voter: view.voter,
        stays_learner: view.info.aim == Aim::Learner,
        replaces: match view.info.aim {
            Aim::Replacement { of } => Some(of),
            Aim::Voter | Aim::Learner => None,
        },
        client_address: view.info.client_address,
        peer_address: view.info.peer_address,
    }
}
