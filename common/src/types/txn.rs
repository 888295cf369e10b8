//! Transactions: compare, then do one thing or another, as one entry of the log.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Entry, Lifetime, Revision};

/// See [`Data::txn`](crate::api::Data::txn).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnRequest {
    /// What must hold, all of it, for [`TxnRequest::then`] to be carried out. None always holds.
    pub compare: Vec<Comparison>,
    /// Carried out in order if every comparison holds; each sees what those before it did.
    pub then: Vec<Operation>,
    /// Carried out otherwise.
    pub otherwise: Vec<Operation>,
}

/// One statement about one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The namespace. In one that does not exist, no key exists.
    pub namespace: String,
    /// The key.
    pub key: Bytes,
    /// What is compared, with what.
    pub target: Target,
}

/// What a [`Comparison`] looks at. A key that does not exist has no value, and version and
/// revisions 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Whether the key exists.
    Exists(bool),
    /// The value, byte by byte. Only [`Operator::NotEqual`] holds of a key that does not exist.
    Value(Operator, Bytes),
    /// The version.
    Version(Operator, u64),
    /// The revision that created the key.
    CreateRevision(Operator, Revision),
    /// The revision that last wrote the key.
    Revision(Operator, Revision),
}

/// How what is found relates to what is given: found OPERATOR given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Stores a value.
    Put {
        /// The namespace; created if the server allows it and it does not exist.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// How long it lives.
        lifetime: Lifetime,
        /// Return what was there before.
        previous: bool,
    },
    /// Reads a key.
    Get {
        /// The namespace. In one that does not exist, no key exists.
        namespace: String,
        /// The key.
        key: Bytes,
    },
    /// Deletes a key, which need not exist.
    Delete {
        /// The namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Return what was there before.
        previous: bool,
    },
    /// Deletes every key with a prefix.
    DeletePrefix {
        /// The namespace.
        namespace: String,
        /// The prefix; empty for all keys.
        prefix: Bytes,
    },
}

/// The answer to a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnReply {
    /// The revision of everything it changed.
    pub revision: Revision,
    /// Whether the comparisons held, so that `then` was carried out.
    pub succeeded: bool,
    /// One result an operation, in order.
    pub results: Vec<TxnResult>,
}

/// What one operation of a transaction gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxnResult {
    /// The value was stored.
    Put {
        /// The version of the key after it.
        version: u64,
        /// What was there before, if it was asked for.
        previous: Option<Entry>,
    },
    /// The key was read.
    Get {
        /// What was found.
        entry: Option<Entry>,
    },
    /// Keys were deleted.
    Deleted {
        /// How many existed.
        count: u64,
        /// What was there before, if it was asked for.
        previous: Option<Entry>,
    },
}
