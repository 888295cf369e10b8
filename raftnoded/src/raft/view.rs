//! What a member knows of the consensus at a moment.

use std::{collections::BTreeMap, time::Duration};

use openraft::{Instant as _, ServerState, async_runtime::WatchReceiver};

use super::{
    Consensus,
    types::{self, MemberInfo, TypeConfig},
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
    /// Whether it votes.
    pub voter: bool,
}

impl Consensus {
    /// The leader that this member follows, itself included; none if it has been silent for long.
    pub fn leader(&self) -> Option<(u64, MemberInfo)> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let id = self.audible(metrics.current_leader)?;
        let info = metrics.membership_config.get_node(&id)?.clone();
        Some((id, info))
    }

    fn audible(&self, leader: Option<u64>) -> Option<u64> {
        leader.filter(|id| {
            if *id == self.node_id {
                // It does not step down when it is cut off, and must not hold clients then.
                return self.in_contact();
            }
            self.contact.age().is_some_and(|age| age < self.silence)
        })
    }

    /// The members, by id.
    pub fn members(&self) -> BTreeMap<u64, MemberView> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        metrics
            .membership_config
            .nodes()
            .map(|(id, info)| {
                let view = MemberView {
                    info: info.clone(),
                    voter: voters.contains(id),
                };
                (*id, view)
            })
            .collect()
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
            leader: self.audible(metrics.current_leader),
            last_log: metrics.last_log_index.unwrap_or(0),
            committed: index(metrics.cluster_committed),
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            since_quorum: self.quorum_age(&metrics),
        }
    }

    /// How long ago this member last heard from a leader; for a leader, how long ago a majority
    /// answered it. None if that never happened.
    pub fn since_leader(&self) -> Option<Duration> {
        if self.leads() {
            let metrics = self.raft.metrics();
            return self.quorum_age(&metrics.borrow_watched());
        }
        self.contact.age()
    }

    /// Whether this member leads with a majority, or hears from a leader.
    pub fn in_contact(&self) -> bool {
        if !self.leads() {
            return self.leader().is_some();
        }
        let metrics = self.raft.metrics();
        let age = self.quorum_age(&metrics.borrow_watched());
        age.is_some_and(|age| age < self.silence)
    }

    /// How long ago a majority answered a leader; none if it never did. One that is the majority
    /// answers itself at all times, which openraft does not count.
    fn quorum_age(&self, metrics: &openraft::RaftMetrics<TypeConfig>) -> Option<Duration> {
        let mut voters = metrics.membership_config.voter_ids();
        if voters.next() == Some(self.node_id) && voters.next().is_none() {
            return (metrics.current_leader == Some(self.node_id)).then_some(Duration::ZERO);
        }
        metrics.last_quorum_acked.map(|at| at.elapsed())
    }
}
