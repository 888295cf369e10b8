//! What a member does: how much, how fast, and what happened lately. For those who watch it live.
//!
//! Counts and latencies are sums since the process began, of what this member carried out itself: a
//! request that it passed on to the leader is counted there. Two answers, one taken from the other
//! ([`Latencies::since`]), tell a rate, and any number of observers can do so.

use std::time::Duration;

use histogram::{Config, Histogram, SparseHistogram};
use serde::{Deserialize, Serialize};

use super::{NodeId, Revision};

/// The most entries of the log that are told at once.
pub const MAX_LOG_TAIL: u32 = 500;

/// Buckets within each power of two, as a power of two: a latency is known to 1/16, or 6 %.
const GROUPING: u8 = 4;

/// Latencies are counted in microseconds below two to this power, some 67 s; longer ones as that.
const MAX_POWER: u8 = 26;

/// See [`Control::activity`](crate::api::Control::activity).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRequest {
    /// How many of the last entries of the log to tell; at most [`MAX_LOG_TAIL`], and fewer where
    /// they are large: some MiB of entries are looked at.
    pub log_tail: u32,
    /// Whether to tell what was done in each namespace.
    pub namespaces: bool,
}

/// What a member did since its process began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// What it carried out, one entry for each kind that ever occurred.
    pub operations: Vec<OperationActivity>,
    /// What was done in each namespace, ordered by name; empty unless asked for.
    pub namespaces: Vec<NamespaceActivity>,
    /// Leaders that were elected lately, as this member saw it; the oldest first.
    pub elections: Vec<Election>,
    /// The last entries of its log, the oldest first; empty unless asked for.
    pub log: Vec<LogLine>,
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OperationKind {
    /// A value was stored.
    Put,
    /// Keys were deleted, by name or prefix.
    Delete,
    /// A transaction.
    Txn,
    /// Any other write to keys, leases or namespaces.
    Write,
    /// One key was read.
    Get,
    /// Keys were listed.
    List,
    /// Any other read of keys, leases or namespaces.
    Read,
}

impl OperationKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Put,
        Self::Delete,
        Self::Txn,
        Self::Write,
        Self::Get,
        Self::List,
        Self::Read,
    ];

    /// Whether it changes something.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Put | Self::Delete | Self::Txn | Self::Write)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Delete => "delete",
            Self::Txn => "txn",
            Self::Write => "other write",
            Self::Get => "get",
            Self::List => "list",
            Self::Read => "other read",
        }
    }
}

/// How often requests of a kind were carried out, and how long they took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationActivity {
    /// The kind.
    pub kind: OperationKind,
    /// How long each took at this member, from the request to the reply, refusals included. What
    /// is refused at sight, such as a key that is too long, was not carried out by anybody.
    pub latencies: Latencies,
}

/// How often something took how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies(SparseHistogram);

impl Default for Latencies {
    fn default() -> Self {
        Self(SparseHistogram::with_config(&Self::config()))
    }
}

impl Latencies {
    /// How latencies are counted; for whoever does.
    ///
    /// # Panics
    /// Never: the figures are valid.
    pub fn config() -> Config {
        Config::new(GROUPING, MAX_POWER).expect("valid powers")
    }

    /// The value under which a latency is counted.
    pub fn value(latency: Duration) -> u64 {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        micros.min((1 << MAX_POWER) - 1)
    }

    /// From what was counted.
    pub fn of(counted: &Histogram) -> Self {
        Self(SparseHistogram::from(counted))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        let counts = self.0.count().iter();
        // A member may tell any numbers.
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Those that came after an earlier answer of the same process. Of another process, all.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        match self.0.checked_sub(&earlier.0) {
            Ok(later) => Self(later),
            Err(_) => self.clone(),
        }
    }

    /// These and others together.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        match self.0.wrapping_add(&others.0) {
            Ok(sum) => Self(sum),
            // Counted in another way by another program: not comparable.
            Err(_) => self.clone(),
        }
    }

    /// The time that so large a part of them did not exceed: 0.99 for the slowest of a hundred. None
    /// if there are none.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let found = self.0.quantile(part).ok().flatten()?;
        let bucket = found.entries().values().next()?;
        Some(Duration::from_micros(bucket.end()))
    }
}

/// What was done in a namespace since the process began, or since it was last found to be deleted.
/// A member counts some 10,000 of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceActivity {
    /// Its name.
    pub name: String,
    /// Requests to change keys in it, refusals included; a transaction counts as one in each
    /// namespace that it names.
    pub writes: u64,
    /// Requests to read keys in it, refusals included.
    pub reads: u64,
}

/// Why there was an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElectionCause {
    /// The first leader that this process heard of.
    First,
    /// The process of the leader ended.
    ProcessEnded,
    /// Leadership was handed over.
    HandedOver,
    /// The leader was silent for longer than the election timeout.
    Silence,
}

/// A leader was elected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Election {
    /// The term.
    pub term: u64,
    /// When this member knew, in milliseconds of Unix time by its own clock.
    pub at_ms: u64,
    /// Who led before, as far as this member knows.
    pub from: Option<NodeId>,
    /// Who leads since.
    pub to: NodeId,
    /// How long this member had no leader: since the process of the one before ended, since it gave
    /// its leadership away, or since its last word. Zero for a handover that was never noticed.
    pub leaderless: Duration,
    /// Why it came to it, as far as this member knows.
    pub cause: ElectionCause,
}

/// An entry of the log, without what it stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its index; as the revision of what it changed.
    pub index: Revision,
    /// Its term.
    pub term: u64,
    /// The name of the operation, as `raftctl` has it if there is one: "put", "del", "delete
    /// prefix", "txn", "lease grant", "session", "expire", "membership", "blank".
    pub operation: String,
    /// The namespace, if it is about one.
    pub namespace: Option<String>,
    /// The key, if it is about one; the first of several.
    pub key: Option<bytes::Bytes>,
    /// How many bytes it takes in the log on disk.
    pub size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_beyond_all_counting_are_as_many_as_can_be_counted() {
        let config = Latencies::config();
        let told = SparseHistogram::from_parts(config, vec![1, 2], vec![u64::MAX, 7]);
        assert_eq!(Latencies(told.unwrap()).count(), u64::MAX);
    }
}
