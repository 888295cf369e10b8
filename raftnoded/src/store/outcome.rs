//! What applying a command answers.
//!
//! Sessions remember answers, so this is a replicated format: see the rules in
//! [`proposal`](super::proposal).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::NamespaceId;
use super::kv::Entry;
use super::lease::LeaseInfo;

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The value was set.
    Put {
        /// The revision of this change: the log index of the command.
        revision: u64,
        /// The version of the entry: 1 if the put created it, then one more for each put.
        version: u64,
        /// Whether the put created the namespace.
        namespace_created: bool,
        /// What was there before, if it was asked for.
        previous: Option<Entry>,
    },
    /// The keys were deleted.
    Deleted {
        /// The revision of this change.
        revision: u64,
        /// How many keys existed and are gone.
        count: u64,
        /// What was there before, if it was asked for.
        previous: Vec<(Bytes, Entry)>,
    },
    /// The lifetime was set.
    Touched {
        /// The index of the command.
        revision: u64,
        /// Whether there is such a key.
        found: bool,
    },
    /// The number was added to.
    Incremented {
        /// The revision of this change.
        revision: u64,
        /// The version of the entry.
        version: u64,
        /// The sum.
        value: i64,
    },
    /// The transaction was carried out.
    Txn {
        /// The revision of its changes.
        revision: u64,
        /// Whether the comparisons held.
        succeeded: bool,
        /// One result an operation.
        results: Vec<OperationResult>,
    },
    /// The namespace was created.
    NamespaceCreated {
        /// The revision of this change.
        revision: u64,
        /// The number given to the namespace.
        id: NamespaceId,
    },
    /// The settings of the namespace were changed.
    NamespaceSet {
        /// The index of the command.
        revision: u64,
    },
    /// The namespace was deleted.
    NamespaceDeleted {
        /// The revision of this change.
        revision: u64,
        /// How many keys it held.
        keys: u64,
    },
    /// Entries of deleted namespaces were removed.
    Reclaimed {
        /// How many.
        removed: u32,
        /// Whether there is more to remove.
        left: bool,
    },
    /// The lease was granted, or lives its full time again.
    Lease(LeaseInfo),
    /// The lease was ended.
    LeaseRevoked {
        /// The index of the command.
        revision: u64,
        /// How many keys lived with it.
        keys: u64,
    },
    /// The session was opened.
    SessionOpened {
        /// Its id.
        id: u64,
    },
    /// The session is not known any more.
    SessionClosed,
    /// What had outlived its time was removed.
    Expired {
        /// How many entries, leases and sessions.
        removed: u32,
        /// Whether more is due already.
        left: bool,
    },
}

/// What an operation of a transaction gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationResult {
    /// The value was set.
    Put {
        /// The version of the entry.
        version: u64,
        /// What was there before, if it was asked for.
        previous: Option<Entry>,
    },
    /// The key was read.
    Get(Option<Entry>),
    /// Keys were deleted.
    Deleted {
        /// How many existed.
        count: u64,
        /// What was there before, if it was asked for.
        previous: Option<Entry>,
    },
}

/// Why a command changed nothing: a reply like any other, the same on every replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// There is no such namespace.
    #[error("namespace {name:?} does not exist; create it first")]
    NamespaceNotFound {
        /// The name asked for.
        name: String,
    },
    /// The namespace exists already.
    #[error("namespace {name:?} exists already")]
    NamespaceExists {
        /// Its name.
        name: String,
    },
    /// The namespace was to be deleted only if empty, and it is not.
    #[error("namespace {name:?} is not empty (keys: {keys})")]
    NamespaceNotEmpty {
        /// Its name.
        name: String,
        /// How many keys it holds.
        keys: u64,
    },
    /// The name cannot be given to a namespace.
    #[error("{name:?} cannot name a namespace: {reason}")]
    InvalidNamespace {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        reason: NameFault,
    },
    /// A key is not as the command wanted it.
    #[error("the key {} does not meet the condition", .key.escape_ascii())]
    ConditionFailed {
        /// The namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Its version and the revision that last wrote it; none if it does not exist.
        current: Option<(u64, u64)>,
    },
    /// The namespace would hold more than it may.
    #[error("namespace {namespace:?} would hold {wanted} {quota}, its quota is {limit}")]
    QuotaExceeded {
        /// The namespace.
        namespace: String,
        /// Which quota.
        quota: Quota,
        /// What it would hold.
        wanted: u64,
        /// The quota.
        limit: u64,
    },
    /// The value is not a decimal number of 64 bits.
    #[error("the value of {} is not a whole number", .key.escape_ascii())]
    NotAnInteger {
        /// The namespace.
        namespace: String,
        /// The key.
        key: Bytes,
    },
    /// The sum does not fit 64 bits.
    #[error("{current} + {by} does not fit 64 bits")]
    IntegerOverflow {
        /// The value.
        current: i64,
        /// What was to be added.
        by: i64,
    },
    /// There is no such lease.
    #[error("lease {id} does not exist")]
    LeaseNotFound {
        /// The number asked for.
        id: u64,
    },
    /// What the command was to answer is too long.
    #[error("the answer of {size} bytes is longer than {limit}")]
    ReplyTooLarge {
        /// Its length, up to where it was given up.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The session of the tag is not known.
    #[error("session {session} is not known")]
    SessionExpired {
        /// The session.
        session: u64,
    },
    /// The client has said before that it has the answer to this write.
    #[error("write {seq} is below {low}, the lowest that its session remembers")]
    StaleTag {
        /// Its number.
        seq: u64,
        /// The lowest number that may be asked for.
        low: u64,
    },
    /// The tag belongs to another write.
    #[error("number {seq} was given to another write of the session")]
    TagReused {
        /// The number.
        seq: u64,
    },
    /// The number is too far ahead of the lowest unanswered one.
    #[error("write {seq} is {window} or more beyond {low}, the lowest unanswered one")]
    TagOutOfWindow {
        /// The number.
        seq: u64,
        /// The lowest unanswered number.
        low: u64,
        /// The size of the window.
        window: u64,
    },
    /// All namespace numbers have been used; 4,294,967,295 were created in this cluster's life.
    #[error("no more namespaces can be created in this cluster; reuse an existing one")]
    NamespacesExhausted,
}

/// What a namespace holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quota {
    /// Keys.
    Keys,
    /// Bytes of keys and values.
    Bytes,
    /// Bytes of one value.
    Value,
}

impl std::fmt::Display for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Quota::Keys => "keys",
            Quota::Bytes => "bytes",
            Quota::Value => "bytes in one value",
        })
    }
}

/// What is wrong with the name of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NameFault {
    /// It is empty.
    #[error("a name has at least one character")]
    Empty,
    /// It is longer than [`MAX_NAMESPACE_NAME`](super::MAX_NAMESPACE_NAME) bytes.
    #[error("a name has at most {} characters", super::MAX_NAMESPACE_NAME)]
    TooLong,
    /// It holds a character other than letters, digits, dot, underscore and hyphen.
    #[error("{0:?} is not one of A-Z a-z 0-9 . _ -")]
    Character(char),
    /// It begins with a dot, an underscore or a hyphen.
    #[error("a name begins with a letter or a digit, not with {0:?}")]
    First(char),
}

#[cfg(test)]
mod tests;
