//! The types openraft is configured with, and their short names inside this room.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::{Outcome, Position, Rejection};

/// A write on its way through the log: a [`Command`](crate::store::Command) in its replicated
/// form, encoded once by the member that proposes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proposal(pub Bytes);

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the content: values do not belong into logs.
        write!(f, "Proposal({} bytes)", self.0.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What applying an entry gave; none for entries that carry no command.
pub type Reply = Option<Result<Outcome, Rejection>>;

/// What the membership says of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// The name people use.
    pub name: String,
    /// Distinguishes this member from an impostor with its id: drawn when its data directory was
    /// made, and checked in every handshake between members.
    pub incarnation: u64,
    /// The address of its client API.
    pub client_address: String,
    /// The address on which members talk to each other.
    pub peer_address: String,
    /// What is to become of it; the leader carries it out.
    pub aim: Aim,
}

/// What the cluster wants of a member. It stands in the membership, so that whoever leads next
/// finishes what was begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aim {
    /// It votes, as soon as it has caught up.
    #[default]
    Voter,
    /// It votes in place of another member, which goes in the same step.
    Replacement {
        /// The member that goes.
        of: u64,
    },
    /// It stays a learner, or becomes one.
    Learner,
}

openraft::declare_raft_types!(
    /// One leader a term (Raft's own rule), so that a log id is (term, index).
    pub TypeConfig:
        D = Proposal,
        R = Reply,
        NodeId = u64,
        Node = MemberInfo,
        Term = u64,
        LeaderId = openraft::impls::leader_id_std::LeaderId<Self::Term, Self::NodeId>,
);

pub(super) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(super) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(super) type Entry = openraft::alias::EntryOf<TypeConfig>;
pub(super) type Payload = openraft::alias::PayloadOf<TypeConfig>;
pub(super) type Membership = openraft::Membership<u64, MemberInfo>;
pub(super) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub(super) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;

/// The place of an entry, as the store has it.
pub(super) fn position(id: LogId) -> Position {
    Position {
        term: id.committed_leader_id().term,
        index: id.index(),
    }
}

/// A log id from its parts.
pub(super) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new_term_index(term, index)
}
