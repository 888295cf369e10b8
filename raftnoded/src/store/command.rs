//! What can be done to the state.
//!
//! These are replicated: the rules for changing them stand in [`proposal`](super::proposal).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::record::{Settings, SettingsChange};

/// What makes a write that is sent again be carried out once; see [`session`](super::session).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The session.
    pub session: u64,
    /// The number of the write in its session, beginning with 1.
    pub seq: u64,
    /// The lowest number whose reply the client may still ask for.
    pub first_unacked: u64,
}

/// What must hold of a key for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// There is no such key.
    Absent,
    /// It has this version.
    Version(u64),
    /// It was last written by this revision.
    Revision(u64),
}

/// How long a key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifetime {
    /// As the namespace has it.
    Default,
    /// As before; as the namespace has it for a new key.
    Keep,
    /// For ever.
    Forever,
    /// This many milliseconds from now.
    Ttl(u64),
    /// As long as a lease.
    Lease(u64),
}

/// How what is found relates to what is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// =
    Equal,
    /// !=
    NotEqual,
    /// <
    Less,
    /// <=
    LessOrEqual,
    /// >
    Greater,
    /// >=
    GreaterOrEqual,
}

/// What a comparison of a transaction looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Whether the key exists.
    Exists(bool),
    /// Its value, byte by byte.
    Value(Operator, Bytes),
    /// Its version; 0 if it does not exist.
    Version(Operator, u64),
    /// The revision that created it; 0 if it does not exist.
    CreateRevision(Operator, u64),
    /// The revision that last wrote it; 0 if it does not exist.
    ModRevision(Operator, u64),
}

/// A comparison of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the namespace.
    pub namespace: String,
    /// The key.
    pub key: Bytes,
    /// What is compared, with what.
    pub target: Target,
}

/// An operation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Sets the value of a key.
    Put {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// How long it lives.
        lifetime: Lifetime,
        /// Answer with what was there before.
        previous: bool,
    },
    /// Reads a key.
    Get {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
    },
    /// Deletes a key.
    Delete {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Answer with what was there before.
        previous: bool,
    },
    /// Deletes every key that begins with a prefix.
    DeletePrefix {
        /// Name of the namespace.
        namespace: String,
        /// The prefix; empty for all keys.
        prefix: Bytes,
    },
}

/// A change to the state, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Sets the value of a key.
    Put {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// Create the namespace if it does not exist, where otherwise the command is rejected.
        create_namespace: bool,
        /// What must hold of the key.
        condition: Option<Condition>,
        /// How long it lives.
        lifetime: Lifetime,
        /// Answer with what was there before.
        previous: bool,
    },
    /// Deletes the given keys, all at once. Keys that do not exist are not an error.
    Delete {
        /// Name of the namespace.
        namespace: String,
        /// The keys; one given twice counts once.
        keys: Vec<Bytes>,
        /// What must hold of each of them.
        condition: Option<Condition>,
        /// Answer with what was there before.
        previous: bool,
    },
    /// Deletes every key that begins with a prefix, all at once. Takes time in proportion to
    /// the number of keys deleted, during which nothing else is applied.
    DeletePrefix {
        /// Name of the namespace.
        namespace: String,
        /// The prefix; empty for all keys.
        prefix: Bytes,
    },
    /// Sets how long a key lives.
    Touch {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// How long it lives from now on.
        lifetime: Lifetime,
    },
    /// Adds to a decimal number; a key that does not exist counts as 0.
    Increment {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// What to add.
        by: i64,
        /// How long it lives.
        lifetime: Lifetime,
        /// See [`Command::Put`].
        create_namespace: bool,
    },
    /// Carries out one of two lists of operations, all of it or nothing.
    Txn {
        /// What must hold for `then` to be carried out.
        compare: Vec<Comparison>,
        /// Carried out if all of it holds.
        then: Vec<Operation>,
        /// Carried out otherwise.
        otherwise: Vec<Operation>,
        /// See [`Command::Put`].
        create_namespaces: bool,
    },
    /// Creates an empty namespace.
    CreateNamespace {
        /// Its name.
        name: String,
        /// What it allows.
        settings: Settings,
    },
    /// Changes what a namespace allows.
    SetNamespace {
        /// Its name.
        name: String,
        /// What changes.
        change: SettingsChange,
    },
    /// Deletes a namespace with all its keys, in constant time: the entries become unreachable
    /// at once, and [`Command::Reclaim`] removes them later.
    DeleteNamespace {
        /// Its name.
        name: String,
        /// Reject the command if there are keys in it.
        only_if_empty: bool,
    },
    /// Grants a lease; its id is the index of the command.
    GrantLease {
        /// How long it lives without being kept alive, in milliseconds.
        ttl: u64,
    },
    /// Lets a lease live its full time again.
    KeepAliveLease {
        /// The lease.
        id: u64,
    },
    /// Ends a lease and the life of its keys.
    RevokeLease {
        /// The lease.
        id: u64,
    },
    /// Opens a session; its id is the index of the command.
    OpenSession {
        /// How long it is kept without use, in milliseconds.
        ttl: u64,
    },
    /// Forgets a session.
    CloseSession {
        /// The session.
        id: u64,
    },
    /// Removes entries of deleted namespaces. Proposed by the leader as long as there are any.
    Reclaim {
        /// How many entries at most.
        limit: u32,
    },
    /// Removes what has outlived its time. Proposed by the leader when something is due.
    Expire {
        /// How many entries, leases and sessions at most.
        limit: u32,
    },
}
