//! The state machine: namespaces of ordered keys, changed only by replicated commands.
//!
//! Everything here is a function of the engine's content and the log: no clock, no random
//! number, no thread, no file. Replaying the same commands at the same indexes over the same
//! content gives the same bytes on every node, whichever engine it runs; [`hash`] compares them.
//!
//! # Invariants
//!
//! - [`initialize`] is run once at start, before anything else, and gives every node the same
//!   first state: the namespace `default` with id 1 and nothing in it.
//! - The revision of a change is the log index of its command. For every entry:
//!   `create_revision <= mod_revision <= applied index`, and `version` counts the puts since the
//!   creation, beginning at 1.
//! - The `keys` and `bytes` in the record of a namespace equal, at all times, the number of its
//!   entries and the sum of the lengths of their keys and values, those that have ended and are
//!   not removed yet included ([`hidden`]).
//! - `every id in use < next namespace id`, which never falls: a name deleted and created again
//!   is another namespace, and no entry of the old one shows through.
//! - An entry belongs to a live namespace, or its namespace is marked as dropped and its
//!   entries are on their way out ([`Command::Reclaim`]).
//! - An entry, a lease or a session that ends some day stands in the index of deadlines, an entry
//!   that lives with a lease in the index of the lease; nothing else does.
//! - A rejected command writes nothing, save the reply that its session remembers, and tells
//!   nothing.
//! - Time is the clock of [`expiry`]: the greatest time stamped on a command so far.
//! - What a command costs is bounded by its own length, or by the limit that it states; only
//!   [`Command::DeletePrefix`] and the same in a transaction grow with what they delete, and
//!   [`Command::DeleteNamespace`] with what is due and not removed yet.
//!
//! # Caveats
//!
//! - Refusals and faults differ by type: a [`Rejection`] is a reply, the same on every replica;
//!   an [`EngineError`] means that this node must stop.
//! - The applied position is written in the batch that holds the data ([`Applier::finish`]).
//! - Limits on the size of keys and values that hold for a whole member are checked before a
//!   command is proposed, not here: a committed command is applied by all or by none. The quotas of
//!   a namespace are part of the state, and checked here.

#![deny(clippy::disallowed_methods)]

mod apply;
mod command;
mod counter;
mod delete;
mod entry;
mod event;
mod expiry;
#[cfg(test)]
mod fuzz;
mod hidden;
mod keys;
mod kv;
mod lease;
mod namespace;
mod outcome;
mod proposal;
mod put;
mod quota;
mod reclaim;
mod record;
mod replies;
mod session;
mod snapshot;
#[cfg(test)]
mod tests;
mod txn;

pub use apply::{Applied, Applier, Reply};
pub use command::{Command, Comparison, Condition, Lifetime, Operation, Operator, Tag, Target};
pub use common::snapshot::{LAYOUT_VERSION, Position};
pub use event::{Event, EventKind, Version};
pub use expiry::{next_deadline, next_end};
pub use keys::NamespaceId;
pub use kv::{Entry, List, Page, count, get, get_live, list};
pub use lease::{DescribedLease, LeaseInfo, describe_lease, leases};
pub use namespace::{
    MAX_NAMESPACE_NAME, NamespaceInfo, check_namespace_name, describe, exists, namespaces,
};
pub use outcome::{NameFault, OperationResult, Outcome, Quota, Rejection};
pub use proposal::{COMMAND_VERSION, CommandError, Proposal, stamp};
pub use reclaim::has_dropped;
pub use record::{Settings, SettingsChange};
pub use session::WINDOW;
pub use snapshot::{
    CopyError, FormatError, Header, Part, SNAPSHOT_VERSION, SnapshotError, SnapshotReader,
    SnapshotWriter, Summary, copy_as, restore, transplant, verify,
};

use crate::engine::{Batch, EngineError, Reader, Slice};
use keys::Key;

/// The namespace that exists from the start.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Why the data of a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Newer software wrote the data.
    #[error(
        "the data has layout version {found}, this program (raftnode {}) reads up to \
         {LAYOUT_VERSION}; run the newer program that wrote it",
        env!("CARGO_PKG_VERSION")
    )]
    NewerLayout {
        /// The version of the data.
        found: u32,
    },
    /// A version before the first release wrote the data.
    #[error(
        "the data has layout version {found}, this node reads {LAYOUT_VERSION}: it was written \
         before the first release; begin with an empty data directory"
    )]
    OlderLayout {
        /// The version of the data.
        found: u32,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such namespace.
    #[error("namespace {name:?} does not exist")]
    NamespaceNotFound {
        /// The name asked for.
        name: String,
    },
    /// The page token was not made by this listing.
    #[error("the page token does not belong to this listing; list again without a token")]
    InvalidPage,
    /// The engine failed: the node must stop.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Writes the first state into an empty engine; checks the layout version of any other.
///
/// # Errors
/// [`OpenError::NewerLayout`] or [`OpenError::OlderLayout`] if the data is of another version;
/// nothing is changed then.
pub fn initialize(batch: &mut Batch<'_>) -> Result<(), OpenError> {
    if let Some(bytes) = batch.get(&Key::Layout.encode())? {
        let found = record::decode_number(Key::Layout, &bytes)?;
        if found > LAYOUT_VERSION {
            return Err(OpenError::NewerLayout { found });
        }
        if found < LAYOUT_VERSION {
            return Err(OpenError::OlderLayout { found });
        }
        return Ok(());
    }
    batch.put(Key::Layout.encode(), record::encode_number(LAYOUT_VERSION));
    namespace::initialize(batch);
    Ok(())
}

/// The position of the last command applied; none before the first.
pub fn applied(reader: &dyn Reader) -> Result<Option<Position>, EngineError> {
    match reader.get(&Key::Applied.encode())? {
        Some(bytes) => record::decode(Key::Applied, &bytes).map(Some),
        None => Ok(None),
    }
}

/// The cluster's clock, in milliseconds: the latest time stamped on a command applied.
///
/// # Errors
/// If the state cannot be read.
pub fn clock(reader: &dyn Reader) -> Result<u64, EngineError> {
    match reader.get(&Key::Clock.encode())? {
        Some(bytes) => record::decode(Key::Clock, &bytes),
        None => Ok(0),
    }
}

/// The membership last set; none before the first.
pub fn membership(reader: &dyn Reader) -> Result<Option<Slice>, EngineError> {
    reader.get(&Key::Membership.encode())
}

/// A hash of the replicated data: equal on replicas that applied the same log up to the same
/// index, on every engine. It leaves out the applied position and the membership.
///
/// FNV-1a with 64 bits over the records in key order, each part preceded by its length. It
/// finds replicas that drifted apart; it does not withstand an adversary. Reads everything: run
/// it over a pinned view, off the path of requests.
pub fn hash(reader: &dyn Reader) -> Result<u64, EngineError> {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    fn feed(hash: u64, bytes: &[u8]) -> u64 {
        bytes.iter().fold(hash, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
        })
    }
    let mut hash = OFFSET_BASIS;
    for record in scan(reader, keys::data(), false) {
        let (key, value) = record?;
        for part in [&key, &value] {
            hash = feed(hash, &(part.len() as u64).to_le_bytes());
            hash = feed(hash, part);
        }
    }
    Ok(hash)
}

fn scan(reader: &dyn Reader, (start, end): keys::Range, reverse: bool) -> crate::engine::Scan<'_> {
    reader.scan(
        start.as_ref().map(AsRef::as_ref),
        end.as_ref().map(AsRef::as_ref),
        reverse,
    )
}
