//! The one error of the API.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::{Current, Leader, LeaseId, NodeId, Revision};

/// Why a request failed. The same type travels on the wire and is returned by the client.
///
/// What matters most to a caller is whether the request may have had an effect:
/// [`Error::is_retryable`] is true only when it certainly had none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Error {
    /// This member is not the leader, and the connection asked not to be forwarded.
    #[error("this member is not the leader{}", leader_suffix(.leader.as_ref()))]
    NotLeader {
        /// The leader, where this member knows it.
        leader: Option<Leader>,
    },
    /// There was no leader, or no majority to confirm it, until the deadline. Not applied.
    #[error("no leader: {reason}; nothing was changed")]
    NoLeader {
        /// What was seen, in words.
        reason: String,
    },
    /// The write was sent, and it cannot be known whether it was applied.
    #[error("outcome unknown: {reason}; the write may or may not have been applied")]
    OutcomeUnknown {
        /// What cut the answer off.
        reason: String,
    },
    /// The member has as much work as it accepts. Not applied.
    #[error("the member is overloaded ({reason}); nothing was changed")]
    Overloaded {
        /// Which bound was reached.
        reason: String,
        /// How long to wait before the next attempt.
        retry_after: Duration,
    },
    /// The deadline passed before an answer came to a read, or before a write was sent.
    #[error("no answer within {timeout:?}; nothing was changed")]
    DeadlineExceeded {
        /// The time the request was given.
        timeout: Duration,
    },
    /// The member is stopping. Not applied.
    #[error("the member is shutting down; nothing was changed")]
    ShuttingDown,
    /// No namespace of this name.
    #[error("namespace {namespace:?} does not exist")]
    NamespaceNotFound {
        /// The name asked for.
        namespace: String,
    },
    /// A namespace of this name exists already.
    #[error("namespace {namespace:?} exists already")]
    NamespaceExists {
        /// The name asked for.
        namespace: String,
    },
    /// The namespace still holds keys, and the request wanted it empty.
    #[error("namespace {namespace:?} holds {keys} keys")]
    NamespaceNotEmpty {
        /// The name asked for.
        namespace: String,
        /// Its live keys.
        keys: u64,
    },
    /// A key is not as the request wanted it. Not applied.
    #[error(
        "{} in namespace {namespace:?} {}",
        .key.escape_ascii(), found(.current.as_ref())
    )]
    ConditionFailed {
        /// The namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// What the key is; none if there is no such key.
        current: Option<Current>,
    },
    /// The namespace holds as much as it may. Not applied; deletes still work.
    #[error("namespace {namespace:?} would hold {wanted} {what}, its quota is {limit} ({setting})")]
    QuotaExceeded {
        /// The namespace.
        namespace: String,
        /// What is bounded: "keys", "bytes", "bytes in one value".
        what: String,
        /// What it would be.
        wanted: u64,
        /// The quota.
        limit: u64,
        /// The setting of the namespace: "max-keys", "max-bytes", "max-value".
        setting: String,
    },
    /// The value is no decimal number between -2^63 and 2^63-1. Not applied.
    #[error(
        "the value of {} in namespace {namespace:?} is not a whole number of 64 bits",
        .key.escape_ascii()
    )]
    NotAnInteger {
        /// The namespace.
        namespace: String,
        /// The key.
        key: Bytes,
    },
    /// The sum does not fit 64 bits. Not applied.
    #[error("{current} + {by} exceeds what 64 bits hold; the value stays {current}")]
    IntegerOverflow {
        /// The value.
        current: i64,
        /// What was to be added.
        by: i64,
    },
    /// There is no such lease; it expired, was revoked, or never was. Not applied.
    #[error("lease {id} does not exist: it expired, was revoked, or was never granted")]
    LeaseNotFound {
        /// The number asked for.
        id: LeaseId,
    },
    /// The session is not known any more: it was not used for its time to live. Whether an earlier
    /// attempt of this write was carried out cannot be known.
    #[error("session {session} has expired; the write may or may not have been applied before")]
    SessionExpired {
        /// The session.
        session: u64,
    },
    /// A tag that its session does not accept: a bug of the client. Not applied by this attempt.
    #[error("the write's tag is not accepted: {message}")]
    InvalidTag {
        /// Why.
        message: String,
    },
    /// The changes from the place asked for are not kept any more. A watcher reads the keys anew and
    /// goes on from there.
    #[error("changes before revision {oldest} are not kept any more")]
    Compacted {
        /// The oldest revision from which changes are kept.
        oldest: Revision,
    },
    /// The view was closed, was idle for too long, or its member does not lead any more.
    #[error(
        "the view of the listing is gone: it was idle for too long, or the leader changed; begin \
         the listing again"
    )]
    ViewNotFound,
    /// The backup was closed, was idle for too long, or its member was restarted.
    #[error(
        "the backup is gone: it was idle for too long, or the member was restarted; begin anew"
    )]
    BackupNotFound,
    /// No member of this id. Not applied.
    #[error("there is no member {id}")]
    MemberNotFound {
        /// The id asked for.
        id: NodeId,
    },
    /// There is such a member already. Not applied.
    #[error("{what} is already a member: {name}, id {id}")]
    MemberExists {
        /// What was found again: a name, an address.
        what: String,
        /// The member's name.
        name: String,
        /// Its id.
        id: NodeId,
    },
    /// The node that is to become a member cannot: it does not answer, or belongs to a cluster.
    /// Not applied.
    #[error("the node at {address} cannot become a member: {reason}")]
    NodeUnavailable {
        /// The address asked.
        address: String,
        /// What was found there.
        reason: String,
    },
    /// After the change no majority of the voters would be there. Not applied.
    #[error(
        "after this change {reachable} of {voters} voters would be reachable, and a quorum is \
         {quorum}; nothing was changed"
    )]
    QuorumAtRisk {
        /// The voters after the change.
        voters: u32,
        /// How many of them answer.
        reachable: u32,
        /// How many are needed.
        quorum: u32,
    },
    /// Another change of the membership is under way. Not applied.
    #[error("another change of the membership is under way ({what}); nothing was changed")]
    ChangeInProgress {
        /// Which.
        what: String,
    },
    /// The disk of the leader is full, or those of a majority. Not applied; reads still work.
    #[error("the cluster takes no writes: {reason}; nothing was changed")]
    ReadOnly {
        /// Whose disk, and how full.
        reason: String,
    },
    /// The member's state is older than the request accepts.
    #[error(
        "the member's state may be {}, and the request accepts {max_age:?}",
        .age.map_or_else(|| "of any age".to_owned(), |age| format!("{age:?} old"))
    )]
    TooStale {
        /// The time since the member last heard from a leader; none if it never did.
        age: Option<Duration>,
        /// What the request accepts.
        max_age: Duration,
    },
    /// A size limit of the server was exceeded. Not applied.
    #[error("{what} of {size} bytes exceeds the limit of {limit} bytes ({setting})")]
    TooLarge {
        /// What was too large: "key", "value", "request".
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
        /// The setting of the server that sets the limit, or "fixed".
        setting: String,
    },
    /// The request makes no sense; the message says why.
    #[error("invalid request: {message}")]
    Invalid {
        /// What is wrong with it.
        message: String,
    },
    /// The client and the server do not speak the same protocol.
    #[error("incompatible: {message}")]
    Incompatible {
        /// Both sides' versions, in words.
        message: String,
    },
    /// No endpoint could be reached.
    #[error("no member could be reached: {reason}")]
    Unreachable {
        /// Each endpoint tried and why it failed.
        reason: String,
    },
    /// A fault of the server.
    #[error("the member failed: {message}")]
    Internal {
        /// What failed.
        message: String,
    },
}

/// The stable name of each kind of [`Error`], as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// [`Error::NotLeader`]
    NotLeader,
    /// [`Error::NoLeader`]
    NoLeader,
    /// [`Error::OutcomeUnknown`]
    OutcomeUnknown,
    /// [`Error::Overloaded`]
    Overloaded,
    /// [`Error::DeadlineExceeded`]
    DeadlineExceeded,
    /// [`Error::ShuttingDown`]
    ShuttingDown,
    /// [`Error::NamespaceNotFound`]
    NamespaceNotFound,
    /// [`Error::NamespaceExists`]
    NamespaceExists,
    /// [`Error::NamespaceNotEmpty`]
    NamespaceNotEmpty,
    /// [`Error::ConditionFailed`]
    ConditionFailed,
    /// [`Error::QuotaExceeded`]
    QuotaExceeded,
    /// [`Error::NotAnInteger`]
    NotAnInteger,
    /// [`Error::IntegerOverflow`]
    IntegerOverflow,
    /// [`Error::LeaseNotFound`]
    LeaseNotFound,
    /// [`Error::SessionExpired`]
    SessionExpired,
    /// [`Error::InvalidTag`]
    InvalidTag,
    /// [`Error::Compacted`]
    Compacted,
    /// [`Error::ViewNotFound`]
    ViewNotFound,
    /// [`Error::BackupNotFound`]
    BackupNotFound,
    /// [`Error::MemberNotFound`]
    MemberNotFound,
    /// [`Error::MemberExists`]
    MemberExists,
    /// [`Error::NodeUnavailable`]
    NodeUnavailable,
    /// [`Error::QuorumAtRisk`]
    QuorumAtRisk,
    /// [`Error::ChangeInProgress`]
    ChangeInProgress,
    /// [`Error::ReadOnly`]
    ReadOnly,
    /// [`Error::TooStale`]
    TooStale,
    /// [`Error::TooLarge`]
    TooLarge,
    /// [`Error::Invalid`]
    Invalid,
    /// [`Error::Incompatible`]
    Incompatible,
    /// [`Error::Unreachable`]
    Unreachable,
    /// [`Error::Internal`]
    Internal,
}

impl ErrorCode {
    /// The name in snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotLeader => "not_leader",
            Self::NoLeader => "no_leader",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::ShuttingDown => "shutting_down",
            Self::NamespaceNotFound => "namespace_not_found",
            Self::NamespaceExists => "namespace_exists",
            Self::NamespaceNotEmpty => "namespace_not_empty",
            Self::ConditionFailed => "condition_failed",
            Self::QuotaExceeded => "quota_exceeded",
            Self::NotAnInteger => "not_an_integer",
            Self::IntegerOverflow => "integer_overflow",
            Self::LeaseNotFound => "lease_not_found",
            Self::SessionExpired => "session_expired",
            Self::InvalidTag => "invalid_tag",
            Self::Compacted => "compacted",
            Self::ViewNotFound => "view_not_found",
            Self::BackupNotFound => "backup_not_found",
            Self::MemberNotFound => "member_not_found",
            Self::MemberExists => "member_exists",
            Self::NodeUnavailable => "node_unavailable",
            Self::QuorumAtRisk => "quorum_at_risk",
            Self::ChangeInProgress => "change_in_progress",
            Self::ReadOnly => "read_only",
            Self::TooStale => "too_stale",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Incompatible => "incompatible",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The kind of this error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotLeader { .. } => ErrorCode::NotLeader,
            Self::NoLeader { .. } => ErrorCode::NoLeader,
            Self::OutcomeUnknown { .. } => ErrorCode::OutcomeUnknown,
            Self::Overloaded { .. } => ErrorCode::Overloaded,
            Self::DeadlineExceeded { .. } => ErrorCode::DeadlineExceeded,
            Self::ShuttingDown => ErrorCode::ShuttingDown,
            Self::NamespaceNotFound { .. } => ErrorCode::NamespaceNotFound,
            Self::NamespaceExists { .. } => ErrorCode::NamespaceExists,
            Self::NamespaceNotEmpty { .. } => ErrorCode::NamespaceNotEmpty,
            Self::ConditionFailed { .. } => ErrorCode::ConditionFailed,
            Self::QuotaExceeded { .. } => ErrorCode::QuotaExceeded,
            Self::NotAnInteger { .. } => ErrorCode::NotAnInteger,
            Self::IntegerOverflow { .. } => ErrorCode::IntegerOverflow,
            Self::LeaseNotFound { .. } => ErrorCode::LeaseNotFound,
            Self::SessionExpired { .. } => ErrorCode::SessionExpired,
            Self::InvalidTag { .. } => ErrorCode::InvalidTag,
            Self::Compacted { .. } => ErrorCode::Compacted,
            Self::ViewNotFound => ErrorCode::ViewNotFound,
            Self::BackupNotFound => ErrorCode::BackupNotFound,
            Self::MemberNotFound { .. } => ErrorCode::MemberNotFound,
            Self::MemberExists { .. } => ErrorCode::MemberExists,
            Self::NodeUnavailable { .. } => ErrorCode::NodeUnavailable,
            Self::QuorumAtRisk { .. } => ErrorCode::QuorumAtRisk,
            Self::ChangeInProgress { .. } => ErrorCode::ChangeInProgress,
            Self::ReadOnly { .. } => ErrorCode::ReadOnly,
            Self::TooStale { .. } => ErrorCode::TooStale,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::Invalid { .. } => ErrorCode::Invalid,
            Self::Incompatible { .. } => ErrorCode::Incompatible,
            Self::Unreachable { .. } => ErrorCode::Unreachable,
            Self::Internal { .. } => ErrorCode::Internal,
        }
    }

    /// Whether it is no answer of the state machine, which a session remembers, and no reason to try
    /// again: it says nothing of earlier attempts of the same write.
    pub(crate) fn is_about_the_attempt(&self) -> bool {
        let remembered = matches!(
            self,
            Self::NamespaceNotFound { .. }
                | Self::NamespaceExists { .. }
                | Self::NamespaceNotEmpty { .. }
                | Self::ConditionFailed { .. }
                | Self::QuotaExceeded { .. }
                | Self::NotAnInteger { .. }
                | Self::IntegerOverflow { .. }
                | Self::LeaseNotFound { .. }
        );
        !remembered && !self.is_retryable()
    }

    /// Whether the request certainly had no effect and may succeed if it is sent again as it is.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::NotLeader { .. }
                | Self::NoLeader { .. }
                | Self::Overloaded { .. }
                | Self::DeadlineExceeded { .. }
                | Self::ChangeInProgress { .. }
                | Self::TooStale { .. }
                | Self::ShuttingDown
                | Self::Unreachable { .. }
        )
    }
}

fn leader_suffix(leader: Option<&Leader>) -> String {
    match leader {
        Some(leader) => format!("; {} at {} is", leader.name, leader.address),
        None => String::new(),
    }
}

fn found(current: Option<&Current>) -> String {
    match current {
        Some(Current { version, revision }) => {
            format!("has version {version} (revision {revision})")
        }
        None => "does not exist".to_owned(),
    }
}
