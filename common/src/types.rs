//! Requests, replies and what they are made of.
//!
//! Keys and values are bytes. Sizes are in bytes, revisions are Raft log indexes.

mod activity;
mod backup;
mod lease;
mod member;
mod namespace;
mod session;
mod txn;
mod watch;

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use activity::{
    Activity, ActivityRequest, Election, ElectionCause, Latencies, LogLine, MAX_LOG_TAIL,
    NamespaceActivity, OperationActivity, OperationKind,
};
pub use backup::{
    BACKUP_IDLE, BackupId, CloseBackupRequest, OpenBackupReply, OpenBackupRequest, ReadBackupReply,
    ReadBackupRequest, TriggerSnapshotReply,
};
pub use lease::{
    DescribeLeaseReply, DescribeLeaseRequest, GrantLeaseRequest, KeepAliveLeaseRequest, LeaseId,
    LeaseInfo, ListLeasesReply, ListLeasesRequest, MAX_TTL, MIN_LEASE_TTL, RevokeLeaseReply,
    RevokeLeaseRequest,
};
pub use member::{
    AddMemberRequest, Disk, Formats, Lag, Leader, Member, MemberStatus, RemoveMemberRequest, Role,
    SetMemberRequest, SnapshotTransfer, TransferDirection, TransferLeaderRequest,
};
pub use namespace::{
    Change, CreateNamespaceRequest, DeleteNamespaceReply, DeleteNamespaceRequest,
    DescribeNamespaceRequest, ListNamespacesRequest, NamespaceInfo, NamespaceSettings,
    SetNamespaceRequest,
};
pub use session::{
    CloseSessionRequest, MAX_SESSION_TTL, MIN_SESSION_TTL, OpenSessionReply, OpenSessionRequest,
    SESSION_WINDOW, Tag,
};
pub use txn::{Comparison, Operation, Operator, Target, TxnReply, TxnRequest, TxnResult};
pub use watch::{
    Cursor, Event, EventKind, MAX_WATCH_WAIT, PreviousValue, WatchReply, WatchRequest, WatchTarget,
};

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
    /// The reply says how old it may be: [`Staleness`].
    Stale {
        /// Refuse with [`Error::TooStale`](crate::Error::TooStale) where the member last heard from
        /// a leader longer ago than this, or never did; none for any age.
        max_age: Option<Duration>,
    },
}

impl Consistency {
    /// A stale read of any age.
    pub const STALE: Self = Self::Stale { max_age: None };

    /// Whether any member may answer, without asking the others.
    pub fn is_stale(self) -> bool {
        matches!(self, Self::Stale { .. })
    }
}

/// How old the answer to a [stale](Consistency::Stale) read may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staleness {
    /// The state that was read holds every write up to this index of the log.
    pub applied: u64,
    /// The time since the member last heard from a leader, taken before the read; for a leader, the
    /// time since a majority answered it. None if that never happened since it was started. What was
    /// acknowledged before that time may be missing only if the member lags, or heard from a leader
    /// that had been deposed without knowing it.
    pub age: Option<Duration>,
}

/// A key with its value and its history in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; empty when only keys were asked for.
    pub value: Bytes,
    /// The bytes of the value, also when it was left out.
    pub size: u64,
    /// The revision that created the key.
    pub create_revision: Revision,
    /// The revision that last wrote it.
    pub revision: Revision,
    /// How often it was written since it was created; 1 for a new key.
    pub version: u64,
    /// How long it will live on, for a key that expires by itself or with its lease.
    pub ttl: Option<Duration>,
    /// The lease it lives with.
    pub lease: Option<LeaseId>,
}

/// What must hold of a key for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// There is no such key.
    Absent,
    /// Its version is this. A key that was deleted and created again begins anew at 1.
    Version(u64),
    /// It was last written by this revision. No two states of a key share one.
    Revision(Revision),
}

/// How long a key lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifetime {
    /// As the namespace has it: its default time to live, else for ever.
    #[default]
    Default,
    /// As it was; [`Lifetime::Default`] for a key that is created.
    Keep,
    /// For ever, whatever the namespace's default.
    Forever,
    /// This long from now, counted by the cluster's clock; at most [`MAX_TTL`].
    Ttl(Duration),
    /// As long as a lease.
    Lease(LeaseId),
}

/// The state of a key that did not meet a [`Condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Its version.
    pub version: u64,
    /// The revision that last wrote it.
    pub revision: Revision,
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
    /// Write only if this holds; else [`Error::ConditionFailed`](crate::Error::ConditionFailed).
    pub condition: Option<Condition>,
    /// How long the key lives.
    pub lifetime: Lifetime,
    /// Return what was there before.
    pub previous: bool,
}

impl PutRequest {
    /// A request to store `value` under `key`, whatever is there.
    pub fn new(
        namespace: impl Into<String>,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            key: key.into(),
            value: value.into(),
            condition: None,
            lifetime: Lifetime::Default,
            previous: false,
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
    /// What was there before, if it was asked for and there was something.
    pub previous: Option<Entry>,
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
    /// For a stale read, how old the answer may be.
    pub staleness: Option<Staleness>,
}

/// See [`Data::delete`](crate::api::Data::delete).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The namespace.
    pub namespace: String,
    /// The keys to delete, as one atomic operation; at most [`MAX_DELETE_BYTES`] together.
    pub keys: Vec<Bytes>,
    /// Delete only if this holds of every key named; else
    /// [`Error::ConditionFailed`](crate::Error::ConditionFailed).
    pub condition: Option<Condition>,
    /// Return what was there before; at most 8 MiB.
    pub previous: bool,
}

impl DeleteRequest {
    /// A request to delete `keys`, whatever they hold.
    pub fn new(namespace: impl Into<String>, keys: Vec<Bytes>) -> Self {
        Self {
            namespace: namespace.into(),
            keys,
            condition: None,
            previous: false,
        }
    }
}

/// See [`Data::touch`](crate::api::Data::touch).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchRequest {
    /// The namespace.
    pub namespace: String,
    /// The key.
    pub key: Bytes,
    /// How long it lives from now on. [`Lifetime::Keep`] changes nothing.
    pub lifetime: Lifetime,
}

/// The answer to a touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchReply {
    /// The revision of the request; the revision and version of the key stay as they are.
    pub revision: Revision,
    /// Whether there is such a key.
    pub found: bool,
}

/// See [`Data::increment`](crate::api::Data::increment).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncrementRequest {
    /// The namespace; created if the server allows it and it does not exist.
    pub namespace: String,
    /// The key. Its value is a decimal number between -2^63 and 2^63-1; one that does not exist
    /// counts as 0.
    pub key: Bytes,
    /// What to add.
    pub by: i64,
    /// How long the key lives. [`Lifetime::Keep`] leaves the life of an existing counter alone.
    pub lifetime: Lifetime,
}

/// The answer to an increment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncrementReply {
    /// The revision of this write.
    pub revision: Revision,
    /// The version of the key after it.
    pub version: u64,
    /// The value after it.
    pub value: i64,
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
    /// What was there before, if it was asked for.
    pub previous: Vec<Entry>,
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
    /// Read from a view, so that all pages show one revision. It overrides `consistency`.
    pub view: Option<ViewId>,
}

/// The number of a [view](crate::api::Data::open_view).
pub type ViewId = u64;

/// How long a view is kept without being read.
pub const VIEW_IDLE: Duration = Duration::from_secs(60);

/// See [`Data::open_view`](crate::api::Data::open_view).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenViewReply {
    /// Pass as [`ListRequest::view`].
    pub view: ViewId,
    /// The revision that it shows.
    pub revision: Revision,
}

/// See [`Data::close_view`](crate::api::Data::close_view).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseViewRequest {
    /// The view. One that is not known is closed already.
    pub view: ViewId,
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
    /// For a stale read, how old the answer may be.
    pub staleness: Option<Staleness>,
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
    /// For a stale read, how old the answer may be.
    pub staleness: Option<Staleness>,
}
