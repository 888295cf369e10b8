//! What a member knows of the consensus at a moment.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::types::Election;
use openraft::{ServerState, async_runtime::WatchReceiver};

use super::{
    Consensus,
    tracker::quorum_age,
    types::{self, MemberInfo},
};

/// What this member knows of the consensus.
#[derive(Clone, Debug)]
pub struct View {
    /// What it does.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// The leader it follows.
    pub leader: Option<u64>,
    /// The last index in its log.
    pub last_log: u64,
    /// The highest index it knows to be committed.
    pub committed: u64,
    /// The highest index its state holds.
    pub applied: u64,
    /// The highest index its last snapshot covers.
    pub snapshot: u64,
    /// The highest index removed from its log.
    pub purged: u64,
    /// For a leader, how long ago a majority answered.
    pub since_quorum: Option<Duration>,
}

/// See [`View::role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Orders the writes.
    Leader,
    /// Follows and votes.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Follows without a vote.
    Learner,
}

/// A member, as the membership has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// What it says of itself.
    pub info: MemberInfo,
    /// Whether it votes, and could if others were lost now.
    pub voter: bool,
}

impl Consensus {
    /// The leader that this member follows, itself included; none if it has been silent for long.
    pub fn leader(&self) -> Option<(u64, MemberInfo)> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let id = self.tracker.leader()?;
        let info = metrics.membership_config.get_node(&id)?.clone();
        Some((id, info))
    }

    /// The members, by id: those of a change that is under way too. Who votes is said as of the
    /// last change that is through, since until then the cluster needs a majority from before it.
    pub fn members(&self) -> BTreeMap<u64, MemberView> {
        let roster = &self.progress.roster;
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let membership = &metrics.membership_config;
        let voters = roster
            .voters()
            .unwrap_or_else(|| membership.voter_ids().collect());
        let mut members: BTreeMap<u64, MemberInfo> = roster.members().into_iter().collect();
        members.extend(membership.nodes().map(|(id, info)| (*id, info.clone())));
        let view = |(id, info)| {
            let voter = voters.contains(&id);
            (id, MemberView { info, voter })
        };
        members.into_iter().map(view).collect()
    }

    /// The state of the consensus as this member sees it.
    pub fn view(&self) -> View {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let index = |id: Option<types::LogId>| id.map_or(0, |id| id.index());
        View {
            role: match metrics.state {
                ServerState::Leader => Role::Leader,
                ServerState::Candidate => Role::Candidate,
                ServerState::Learner => Role::Learner,
                _ => Role::Follower,
            },
            term: metrics.current_term,
            leader: self.tracker.leader(),
            last_log: metrics.last_log_index.unwrap_or(0),
            committed: index(metrics.cluster_committed),
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            since_quorum: quorum_age(self.node_id, &metrics),
        }
    }

    /// Waits until the engine shows the effect of an index, at most until a moment. Whether it does.
    pub async fn reaches(&self, index: u64, until: Instant) -> bool {
        let mut metrics = self.raft.data_metrics();
        let reached = async {
            while self.applied() < index {
                if metrics.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        let waited = tokio::time::timeout_at(until.into(), reached).await;
        waited.unwrap_or(false)
    }

    /// How long ago this member last heard from a leader; for a leader, how long ago a majority
    /// answered it. None if that never happened.
    pub fn since_leader(&self) -> Option<Duration> {
        if self.leads() {
            let metrics = self.raft.metrics();
            return quorum_age(self.node_id, &metrics.borrow_watched());
        }
        self.contact.age()
    }

    /// The leaders that were elected lately, as this member saw it; the oldest first.
    pub fn elections(&self) -> Vec<Election> {
        self.elections.told()
    }

    /// Whether this member leads with a majority, or hears from a leader.
    pub fn in_contact(&self) -> bool {
        self.tracker.leader().is_some()
    }

    /// Waits until the leader that counts is another one than `before`, for at most a time.
    pub async fn leader_changed(&self, before: Option<u64>, timeout: Duration) {
        // That the time is over is no failure: the caller looks again.
        let _ = tokio::time::timeout(timeout, self.tracker.changed(before)).await;
    }
}
