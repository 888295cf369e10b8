//! Requests, replies and what they are made of.
//!
//! Keys and values are bytes. Sizes are in bytes, revisions are Raft log indexes.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The identity of a member inside its cluster; never reused.
pub type NodeId = u64;

/// The Raft log index of a write: greater means later, for all namespaces together.
pub type Revision = u64;

/// The longest key accepted, in bytes. Fixed: keys are held in memory by indexes and caches.
pub const MAX_KEY_BYTES: usize = 4096;

/// The keys deleted by one request, in bytes together. Fixed: such a request is one entry of the log.
pub const MAX_DELETE_BYTES: usize = 1024 * 1024;

/// The longest name of a namespace, in bytes.
pub const MAX_NAMESPACE_NAME_BYTES: usize = 64;

/// The default of the server's `--max-value-bytes`.
pub const DEFAULT_MAX_VALUE_BYTES: usize = 1024 * 1024;

/// What a read may return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consistency {
    /// The value of some moment between the request and the reply: what was acknowledged before
    /// the request is seen. Costs one round trip to a majority, shared by all waiting reads.
    #[default]
    Linearizable,
    /// What the member asked has applied so far, without asking anyone; answers without a leader.
    Stale,
}

/// A key with its value and its history in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; empty when only keys were asked for.
    pub value: Bytes,
    /// The revision that created the key.
    pub create_revision: Revision,
    /// The revision that last wrote it.
    pub revision: Revision,
    /// How often it was written since it was created; 1 for a new key.
    pub version: u64,
}

/// See [`Data::put`](crate::api::Data::put).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutRequest {
    /// The namespace; created if the server allows it and it does not exist.
    pub namespace: String,
    /// 1 to [`MAX_KEY_BYTES`] bytes.
    pub key: Bytes,
    /// At most the server's `--max-value-bytes`.
    pub value: Bytes,
}

impl PutRequest {
    /// A request to store `value` under `key`.
    pub fn new(
        namespace: impl Into<String>,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            key: key.into(),
            value: value.into(),
        }
    }
}

/// The answer to a put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutReply {
    /// The revision of this write.
    pub revision: Revision,
    /// The version of the key after it; 1 when it created the key.
    pub version: u64,
}

/// See [`Data::get`](crate::api::Data::get).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRequest {
    /// The namespace.
    pub namespace: String,
    /// The key.
    pub key: Bytes,
    /// What may be returned.
    pub consistency: Consistency,
}

impl GetRequest {
    /// A request to read `key`.
    pub fn new(
        namespace: impl Into<String>,
        key: impl Into<Bytes>,
        consistency: Consistency,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            key: key.into(),
            consistency,
        }
    }
}

/// The answer to a get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetReply {
    /// The key's entry, or nothing if there is no such key.
    pub entry: Option<Entry>,
    /// The state that was read is that of this revision or a later one; never older than the entry.
    pub revision: Revision,
}

/// See [`Data::delete`](crate::api::Data::delete).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The namespace.
    pub namespace: String,
    /// The keys to delete, as one atomic operation; at most [`MAX_DELETE_BYTES`] together.
    pub keys: Vec<Bytes>,
}

/// See [`Data::delete_prefix`](crate::api::Data::delete_prefix).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletePrefixRequest {
    /// The namespace.
    pub namespace: String,
    /// The prefix; empty means every key of the namespace.
    pub prefix: Bytes,
}

/// The answer to a delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteReply {
    /// How many keys existed and were deleted.
    pub deleted: u64,
    /// The revision of the deletion.
    pub revision: Revision,
}

/// See [`Data::list`](crate::api::Data::list).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRequest {
    /// The namespace.
    pub namespace: String,
    /// Only keys with this prefix; empty for all.
    pub prefix: Bytes,
    /// Only keys at or after this one.
    pub start: Option<Bytes>,
    /// Only keys before this one.
    pub end: Option<Bytes>,
    /// At most this many entries; 0 for as many as one reply carries (about 1 MiB).
    pub limit: u32,
    /// Where the page before ended: [`ListReply::next`].
    pub page: Option<Bytes>,
    /// From the last key to the first.
    pub reverse: bool,
    /// Leave the values out.
    pub keys_only: bool,
    /// What may be returned.
    pub consistency: Consistency,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListReply {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Pass as [`ListRequest::page`] for the next page; none at the end.
    pub next: Option<Bytes>,
    /// The applied index of the member that read.
    pub revision: Revision,
}

/// See [`Data::count`](crate::api::Data::count).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRequest {
    /// The namespace.
    pub namespace: String,
    /// Only keys with this prefix; empty for all.
    pub prefix: Bytes,
    /// What may be returned.
    pub consistency: Consistency,
}

/// The answer to a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountReply {
    /// The number of keys.
    pub count: u64,
    /// The applied index of the member that read.
    pub revision: Revision,
}

/// See [`Data::create_namespace`](crate::api::Data::create_namespace).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateNamespaceRequest {
    /// The name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
    pub name: String,
}

/// See [`Data::describe_namespace`](crate::api::Data::describe_namespace).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeNamespaceRequest {
    /// The name.
    pub name: String,
    /// What may be returned.
    pub consistency: Consistency,
}

/// See [`Data::list_namespaces`](crate::api::Data::list_namespaces).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListNamespacesRequest {
    /// What may be returned.
    pub consistency: Consistency,
}

/// See [`Data::delete_namespace`](crate::api::Data::delete_namespace).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteNamespaceRequest {
    /// The name.
    pub name: String,
    /// Refuse with [`Error::NamespaceNotEmpty`](crate::Error::NamespaceNotEmpty) if it holds keys.
    pub only_if_empty: bool,
}

/// The answer to a namespace's deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteNamespaceReply {
    /// How many keys it held.
    pub keys: u64,
    /// The revision of the deletion.
    pub revision: Revision,
}

/// A namespace and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceInfo {
    /// Its name.
    pub name: String,
    /// Its number; never reused, also for a later namespace of the same name.
    pub id: u32,
    /// The revision that created it.
    pub create_revision: Revision,
    /// Its live keys; exact.
    pub keys: u64,
    /// The bytes of its live keys and values; exact.
    pub bytes: u64,
}

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
    /// What an operator should look at, in words; empty when all is well.
    pub alarms: Vec<String>,
    /// The members it knows, ordered by id.
    pub members: Vec<Member>,
}
