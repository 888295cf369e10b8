//! Changes of the membership, at the leader.
//!
//! What is wanted stands in the membership itself, as the aim of each member. A request changes
//! aims and addresses; the [`reconciler`] of whoever leads carries them out, a step at a time
//! ([`plan`]). So a leader that dies in the middle leaves nothing half done.
//!
//! A node is added as a learner first, and told so afterwards ([`admission`]): it votes only when it
//! has started and caught up. Its id was never used before ([`roster`](super::roster)).
//!
//! Changes are made one after another, and each is based on the membership that it was decided on:
//! openraft refuses it if there is another one by then.

mod admission;
mod edit;
mod operations;
mod plan;
mod reconciler;
mod requests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use openraft::{
    ChangeMembers, Instant as _, Precondition,
    async_runtime::WatchReceiver,
    errors::{ChangeMembershipError, ClientWriteError, RaftError},
};
use tokio::sync::{Mutex, MutexGuard, Notify};

use super::{
    RaftHandle,
    barrier::Barrier,
    machine::Progress,
    network::Me,
    types::{LogId, MemberInfo, TypeConfig},
};
use plan::{Situation, quorum};

pub use edit::Edit;
pub(super) use reconciler::run as reconcile;
pub use requests::Addition;

/// How long a change may take to be committed: much longer than it needs with a majority.
const COMMIT: Duration = Duration::from_secs(5);

/// How long a change waits for the one before it.
const TURN: Duration = Duration::from_secs(2);

type Changes = ChangeMembers<u64, MemberInfo>;

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// This member does not lead.
    #[error("this member does not lead")]
    NotLeader,
    /// This member leads, and the change takes its vote: it must hand leadership over first.
    #[error("the leader must hand over first")]
    HandOverFirst,
    /// No majority answers.
    #[error("no majority answers")]
    NoQuorum,
    /// There is no such member.
    #[error("there is no member {0}")]
    NotFound(u64),
    /// There is such a member already.
    #[error("{what} is already a member: {name}, id {id}")]
    Exists {
        /// What was found again.
        what: String,
        /// The member's name.
        name: String,
        /// Its id.
        id: u64,
    },
    /// The node cannot become a member, or is not where it is said to be.
    #[error("the node at {address}: {reason}")]
    Unavailable {
        /// Where it was looked for.
        address: String,
        /// What was found there.
        reason: String,
    },
    /// A member of this name is known with another data directory.
    #[error("{name} is known as member {id} with another data directory")]
    Wiped {
        /// The name.
        name: String,
        /// The id.
        id: u64,
    },
    /// After the change no majority would answer.
    #[error("{reachable} of {voters} voters would answer, {quorum} are needed")]
    AtRisk {
        /// The voters after the change.
        voters: usize,
        /// How many of them answer.
        reachable: usize,
        /// How many are needed.
        quorum: usize,
    },
    /// Another change is under way.
    #[error("another change is under way: {0}")]
    InProgress(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It may or may not have been made.
    #[error("{0}")]
    Unknown(String),
    /// This member is stopping.
    #[error("this member is stopping")]
    Stopped,
}

/// Makes the changes of the membership while this member leads.
pub(super) struct Governor {
    me: Me,
    pub(super) raft: RaftHandle,
    progress: Arc<Progress>,
    barrier: Barrier,
    /// A member that did not answer for this long is not there.
    silence: Duration,
    election_timeout: Duration,
    turn: Mutex<()>,
    /// The term in which this member was last seen to lead, and when it was first seen so.
    reign: std::sync::Mutex<Option<(u64, Instant)>>,
    /// What the change under way does, in words.
    current: std::sync::Mutex<String>,
    /// Wakes the reconciler before its time.
    wake: Notify,
}

/// A change has its turn; the next one waits.
struct Turn<'a>(#[expect(dead_code, reason = "held")] MutexGuard<'a, ()>);

impl Governor {
    pub(super) fn new(
        me: Me,
        raft: RaftHandle,
        progress: Arc<Progress>,
        barrier: Barrier,
        silence: Duration,
        election_timeout: Duration,
    ) -> Self {
        Self {
            me,
            raft,
            progress,
            barrier,
            silence,
            election_timeout,
            turn: Mutex::new(()),
            reign: std::sync::Mutex::default(),
            current: std::sync::Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(super) fn leads(&self) -> bool {
        self.raft.server_metrics().borrow_watched().current_leader == Some(self.me.id)
    }

    /// Where the leader talks to members, if another one leads.
    pub(super) fn leader_elsewhere(&self) -> Option<String> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let leader = metrics.current_leader.filter(|id| *id != self.me.id)?;
        let info = metrics.membership_config.get_node(&leader)?;
        Some(info.peer_address.clone())
    }

    /// All members of the membership in force, which may not be committed yet.
    pub(super) fn members(&self) -> BTreeMap<u64, MemberInfo> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let nodes = metrics.membership_config.nodes();
        nodes.map(|(id, info)| (*id, info.clone())).collect()
    }

    /// For how long this leader has heard of no majority.
    pub(super) fn silent_for(&self) -> Duration {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let alone = metrics
            .membership_config
            .voter_ids()
            .all(|id| id == self.me.id);
        match metrics.last_quorum_acked {
            _ if alone => Duration::ZERO,
            Some(at) => at.elapsed(),
            None => self.reign(),
        }
    }

    /// How long this member has led, as far as it was noticed.
    fn reign(&self) -> Duration {
        let term = {
            let metrics = self.raft.server_metrics();
            let metrics = metrics.borrow_watched();
            let leads = metrics.current_leader == Some(self.me.id);
            leads.then_some(metrics.vote.leader_id.term)
        };
        let mut reign = self.reign.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(term) = term else {
            *reign = None;
            return Duration::ZERO;
        };
        match *reign {
            Some((known, since)) if known == term => since.elapsed(),
            _ => {
                *reign = Some((term, Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// What this leader sees. Who has caught up is for the reconciler to know.
    fn situation(&self) -> Situation {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let stored = &metrics.membership_config;
        let mut alive = BTreeSet::from([self.me.id]);
        for (id, at) in metrics.heartbeat.iter().flatten() {
            if at.is_some_and(|at| at.elapsed() < self.silence) {
                alive.insert(*id);
            }
        }
        Situation {
            version: *stored.log_id(),
            me: self.me.id,
            configs: stored.membership().get_joint_config().clone(),
            members: stored
                .nodes()
                .map(|(id, info)| (*id, info.clone()))
                .collect(),
            alive,
            caught_up: BTreeSet::new(),
        }
    }

    /// The same, when everybody has had the time to answer: who leads since a moment ago has not
    /// heard from anybody yet.
    async fn settled_situation(&self) -> Situation {
        loop {
            let situation = self.situation();
            let all = situation
                .members
                .keys()
                .all(|id| situation.alive.contains(id));
            if all || !self.leads() || self.reign() >= self.silence {
                return situation;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for the turn of a change, which `what` describes to others that wait.
    async fn turn(&self, what: String) -> Result<Turn<'_>, ChangeError> {
        if !self.leads() {
            return Err(ChangeError::NotLeader);
        }
        let Ok(guard) = tokio::time::timeout(TURN, self.turn.lock()).await else {
            return Err(ChangeError::InProgress(self.under_way()));
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = what;
        let turn = Turn(guard);
        // What a dead leader left over comes first.
        let situation = self.situation();
        if situation.configs.len() > 1
            && let Some(step) = situation.next()
        {
            self.carry_out(&situation, &step).await?;
        }
        Ok(turn)
    }

    fn under_way(&self) -> String {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes a change that was decided on in a situation, and waits until it is committed. Voters
    /// that lose their vote stay as learners if `retain`, and go otherwise.
    async fn change(
        &self,
        situation: &Situation,
        changes: Vec<Changes>,
        retain: bool,
    ) -> Result<(), ChangeError> {
        let based_on = situation.version;
        let precondition = Precondition::LastMembershipLogId {
            last_membership_log_id: based_on,
        };
        let change =
            self.raft
                .change_membership_if(ChangeMembers::Batch(changes), retain, [precondition]);
        let Ok(result) = tokio::time::timeout(COMMIT, change).await else {
            return Err(ChangeError::Unknown(format!(
                "the change was not committed within {COMMIT:?}; it will be if a majority comes \
                 back"
            )));
        };
        // The second of two steps may fail when the first is done.
        let begun = || self.membership_log_id() != based_on;
        let half = || ChangeError::Unknown("leadership changed on the way".to_owned());
        match result {
            Ok(_) => Ok(()),
            // It may have been sent to others before.
            Err(RaftError::Fatal(_)) => Err(ChangeError::Unknown("the member stopped".to_owned())),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) if !begun() => {
                Err(ChangeError::NotLeader)
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                ChangeMembershipError::InProgress(_)
                | ChangeMembershipError::UncommittedLeaderLog(_),
            ))) => Err(ChangeError::InProgress(self.under_way())),
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(other))) => {
                Err(ChangeError::Invalid(other.to_string()))
            }
            Err(RaftError::APIError(ClientWriteError::PreconditionFailed(_))) if !begun() => {
                Err(ChangeError::InProgress(self.under_way()))
            }
            Err(RaftError::APIError(
                ClientWriteError::ForwardToLeader(_)
                | ClientWriteError::PreconditionFailed(_)
                | ClientWriteError::LogEntryDiscarded(_),
            )) => Err(half()),
        }
    }

    fn membership_log_id(&self) -> Option<LogId> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        *metrics.membership_config.log_id()
    }
}

impl Situation {
    /// Refuses voters of which no majority answers.
    fn check(&self, voters: &BTreeSet<u64>, force: bool) -> Result<(), ChangeError> {
        if force || self.reachable(voters) {
            return Ok(());
        }
        Err(ChangeError::AtRisk {
            voters: voters.len(),
            reachable: voters.intersection(&self.alive).count(),
            quorum: quorum(voters.len()),
        })
    }

    fn member(&self, id: u64) -> Result<&MemberInfo, ChangeError> {
        self.members.get(&id).ok_or(ChangeError::NotFound(id))
    }
}

/// One member's entry.
fn set(id: u64, info: MemberInfo) -> Changes {
    ChangeMembers::SetNodes(BTreeMap::from([(id, info)]))
}

fn only(id: u64) -> BTreeSet<u64> {
    BTreeSet::from([id])
}

type RaftMetrics = openraft::RaftMetrics<TypeConfig>;
