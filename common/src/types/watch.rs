//! Watches: what changed, in the order of the log.
//!
//! A watch is a sequence of questions, each naming the place where the answer before ended. Any
//! member answers from the changes it keeps in memory; nothing is held for a watcher between two
//! questions, so a slow one costs nothing and is told by [`Error::Compacted`](crate::Error) when it
//! has fallen too far behind.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Revision;

/// The longest time a member waits for a change before it answers that there was none.
pub const MAX_WATCH_WAIT: Duration = Duration::from_secs(60);

/// Which keys of a namespace are watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchTarget {
    /// One key.
    Key(Bytes),
    /// Every key that begins with this; all keys if it is empty.
    Prefix(Bytes),
}

impl WatchTarget {
    /// Whether a key is watched.
    pub fn includes(&self, key: &[u8]) -> bool {
        match self {
            Self::Key(watched) => watched == key,
            Self::Prefix(prefix) => key.starts_with(prefix),
        }
    }
}

/// A place among the changes that a watch is about. It means the same on every member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// The lowest revision that is of interest.
    pub revision: Revision,
    /// How many changes of that revision were delivered already: one transaction, or one deletion
    /// of a prefix, makes many.
    pub seen: u64,
}

impl Cursor {
    /// The first change of a revision.
    pub fn at(revision: Revision) -> Self {
        Self { revision, seen: 0 }
    }
}

/// See [`Data::watch`](crate::api::Data::watch).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRequest {
    /// The namespace; it need not exist yet.
    pub namespace: String,
    /// The keys.
    pub target: WatchTarget,
    /// Where to begin.
    pub from: Cursor,
    /// Return what was there before each change.
    pub previous: bool,
    /// Leave the values out, the new ones and those before.
    pub keys_only: bool,
    /// How long to wait for a change; at most [`MAX_WATCH_WAIT`].
    pub max_wait: Duration,
}

/// Changes in the order of the log; none if nothing changed in the time given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchReply {
    /// The changes; about 1 MiB at most.
    pub events: Vec<Event>,
    /// Pass as [`WatchRequest::from`] to go on.
    pub next: Cursor,
    /// Whether the member leads or hears from a leader. One that does not may be cut off: changes
    /// then go on elsewhere.
    pub in_contact: bool,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// It was written.
    Put,
    /// It was deleted.
    Delete,
    /// Its time to live, or its lease, ended.
    Expire,
    /// Its namespace was deleted with all keys in it: one event for all of them, with an empty key.
    NamespaceDeleted,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which key.
    pub key: Bytes,
    /// The revision of the change: the log index. Changes made together share one.
    pub revision: Revision,
    /// The new value; empty unless it is a [`EventKind::Put`], and when only keys were asked for.
    pub value: Bytes,
    /// The bytes of the new value, also when it was left out.
    pub size: u64,
    /// The new version of the key; 0 unless it is a [`EventKind::Put`].
    pub version: u64,
    /// The revision that created the key; 0 unless it is a [`EventKind::Put`].
    pub create_revision: Revision,
    /// What was there before, if it was asked for and there was something.
    pub previous: Option<PreviousValue>,
}

/// What a change replaced or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousValue {
    /// The value; empty when only keys were asked for.
    pub value: Bytes,
    /// The revision that wrote it.
    pub revision: Revision,
    /// The version of the key.
    pub version: u64,
}
