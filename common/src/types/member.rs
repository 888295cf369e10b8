//! Members: who they are, how they are, and how the membership is changed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NodeId;

/// Where the leader is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// The address of its client API.
    pub address: String,
}

/// A member as the cluster's membership has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Whether it votes; a learner only receives the log.
    pub voter: bool,
    /// Whether it is to stay a learner. One that neither votes nor stays a learner is promoted by
    /// the cluster as soon as it has caught up.
    pub stays_learner: bool,
    /// The member that goes, in the same step, when this one is promoted.
    pub replaces: Option<NodeId>,
    /// The address of its client API.
    pub client_address: String,
    /// The address on which members talk to each other.
    pub peer_address: String,
}

/// What a member does in the consensus right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Orders the writes.
    Leader,
    /// Receives the log and votes.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Receives the log and does not vote.
    Learner,
    /// Has no cluster yet: waits for the other members of `--peers`.
    Forming,
    /// Has no cluster yet: waits to be added to one (`--wait`), or asks for it (`--join`).
    Joining,
    /// On its way out.
    Stopping,
}

impl Role {
    /// The word for it, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Forming => "forming",
            Self::Joining => "joining",
            Self::Stopping => "stopping",
        }
    }
}

/// What one member says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// The cluster, as 32 hexadecimal digits; empty while forming.
    pub cluster_id: String,
    /// Its id; 0 while forming.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its current term.
    pub term: u64,
    /// The leader it follows.
    pub leader: Option<NodeId>,
    /// The index of the last entry in its log.
    pub last_log: u64,
    /// The highest index it knows to be committed.
    pub commit: u64,
    /// The highest index its state machine has applied.
    pub applied: u64,
    /// The highest index its last snapshot covers; 0 for none.
    pub snapshot: u64,
    /// The highest index it has removed from its log; 0 for none.
    pub purged: u64,
    /// Its store: "memory" or "rocksdb".
    pub store: String,
    /// Whether an acknowledged write is on disk; false under `--fsync never`.
    pub durable: bool,
    /// The address of its client API.
    pub client_address: String,
    /// The address on which members talk to each other.
    pub peer_address: String,
    /// The program's version.
    pub version: String,
    /// How long the process has been running.
    pub uptime: Duration,
    /// Bytes of log on disk.
    pub log_bytes: u64,
    /// Bytes of state on disk: the store, or the memory store's snapshot file.
    pub state_bytes: u64,
    /// How long the slowest of a hundred log syncs took; zero before the first.
    pub fsync_p99: Duration,
    /// For the leader: the time since it last heard from a majority.
    pub since_quorum: Option<Duration>,
    /// The time since it last heard from a leader; none if it never did. For a leader that has a
    /// majority, the same as `since_quorum`.
    pub since_leader: Option<Duration>,
    /// Whether it answers requests: as soon as it has read its data, with or without a majority.
    pub ready: bool,
    /// Why it takes no writes at the moment, if so: its disk is full.
    pub read_only: Option<String>,
    /// The file system of its data directory.
    pub disk: Option<Disk>,
    /// Snapshots on their way, to and from other members.
    pub transfers: Vec<SnapshotTransfer>,
    /// For the leader: how far each other member is behind.
    pub lags: Vec<Lag>,
    /// The versions of all formats it reads and writes.
    pub formats: Formats,
    /// What an operator should look at, in words; empty when all is well.
    pub alarms: Vec<String>,
    /// What is well but may not stay so, in words: namespaces that used over 80 % of a quota.
    pub notices: Vec<String>,
    /// The members it knows, ordered by id.
    pub members: Vec<Member>,
}

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its size in bytes.
    pub total: u64,
    /// The bytes that are free for this process.
    pub free: u64,
}

/// A snapshot on its way from the leader to a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotTransfer {
    /// The way it goes, seen from the member that says so.
    pub direction: TransferDirection,
    /// The other member.
    pub peer: NodeId,
    /// Bytes that were sent or received so far.
    pub bytes: u64,
    /// About how many there will be, where that is known.
    pub total: Option<u64>,
}

/// See [`SnapshotTransfer::direction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferDirection {
    /// To the other member.
    Sending,
    /// From the other member.
    Receiving,
}

/// How far a member is behind the leader, as the leader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// The member.
    pub id: NodeId,
    /// The last index of the leader's log that it is known to have; none if nothing is known yet.
    pub matched: Option<u64>,
    /// How long the leader has had an entry that the member has not; zero if it has all.
    pub behind: Duration,
    /// The time since it last answered; none if it never did.
    pub last_contact: Option<Duration>,
}

/// The versions of what is written to disk and sent to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// The layout of the data directory.
    pub data_directory: u32,
    /// The client API.
    pub protocol: u32,
    /// What members say to each other.
    pub peer_protocol: u32,
    /// The commands in the log.
    pub command: u32,
    /// The stream of snapshots and backups.
    pub snapshot: u32,
}

/// Adds a node that waits (`--wait`) or asks (`--join`) as a learner. The cluster promotes it when it
/// has caught up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddMemberRequest {
    /// Where the node listens for other members (its `--peer-listen`); it must be there and empty.
    pub address: String,
    /// Let it stay a learner.
    pub learner: bool,
    /// The member to remove in the step that promotes it.
    pub replaces: Option<NodeId>,
}

/// Changes a member. What is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetMemberRequest {
    /// The member.
    pub id: NodeId,
    /// Whether it votes. A learner becomes a voter when it has caught up.
    pub voter: Option<bool>,
    /// The address of its client API.
    pub client_address: Option<String>,
    /// The address on which members talk to each other. It must answer there.
    pub peer_address: Option<String>,
    /// Make the change although the cluster may be without a majority after it.
    pub force: bool,
}

/// Removes a member. A leader hands its leadership over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveMemberRequest {
    /// The member.
    pub id: NodeId,
    /// Make the change although the cluster may be without a majority after it.
    pub force: bool,
}

/// Hands leadership to another voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferLeaderRequest {
    /// To whom; to the one furthest with the log if absent.
    pub to: Option<NodeId>,
}
