//! Screen 5: the keys of a namespace.
//!
//! `rows` is a window on the namespace: keys that follow each other without a gap. It grows by pages
//! at either end as the selection gets near, and lets go of what is far away, so that a namespace of
//! a million keys takes no more memory than one of some thousand. A watch keeps the window true.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::types::Revision;

use super::{Narrowing, Order, Selection};

/// The state of the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    /// The namespace; none before one was chosen.
    pub(crate) namespace: Option<String>,
    /// Goes up with every new window: answers to earlier questions are dropped.
    pub(crate) generation: u64,
    /// The window, ordered by key.
    pub(crate) rows: Vec<Row>,
    /// Whether the window begins with the first key, and ends with the last.
    pub(crate) from_first: bool,
    pub(crate) to_last: bool,
    /// Whether a page is awaited before the first row, or after the last.
    pub(crate) loading_before: bool,
    pub(crate) loading_after: bool,
    /// How many keys there are with the prefix; none before it is known.
    pub(crate) total: Option<u64>,
    /// Why there is nothing, if so.
    pub(crate) error: Option<String>,
    /// Whether the changes are told at this moment, and why not; none before the first answer.
    pub(crate) live: Option<Result<(), String>>,
    pub(crate) selection: Selection,
    /// `filter` is the prefix of the keys, as typed, with the escapes of `raftctl ls`.
    pub(crate) narrowing: Narrowing,
    /// Columns: key, size, version, revision, time to live. Other than by key only where the window
    /// is the whole listing.
    pub(crate) order: Order,
    /// The value of the selected key.
    pub(crate) value: Value,
    /// Whether the pane with the value has the keys that scroll.
    pub(crate) in_value: bool,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Bytes,
    pub(crate) size: u64,
    pub(crate) version: u64,
    pub(crate) revision: Revision,
    pub(crate) create_revision: Revision,
    /// When it ends, if it does and that is known.
    pub(crate) ends: Option<Instant>,
    /// What happened to it while it was listed, and until when that is shown.
    pub(crate) flash: Option<(Flash, Instant)>,
}

/// What happened to a key that is listed. One that is gone stays listed until its flash is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flash {
    New,
    Changed,
    Gone,
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// As text, with escapes.
    Text,
    /// As JSON with indents, where it is JSON; else as text.
    #[default]
    Json,
    Hex,
}

/// The pane with the value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    pub(crate) form: Form,
    /// The first line that is shown.
    pub(crate) scroll: usize,
    pub(crate) shown: Shown,
}

/// What the pane shows.
#[derive(Clone, Debug, Default)]
pub(crate) enum Shown {
    /// No key is selected.
    #[default]
    Nothing,
    /// The value of this key is awaited.
    Loading(Bytes),
    /// It. Only its beginning is kept where it is large.
    Value {
        key: Bytes,
        /// The first bytes, at most [`Shown::PREVIEW`].
        head: Bytes,
        size: u64,
        revision: Revision,
        create_revision: Revision,
        version: u64,
        ends: Option<Instant>,
        lease: Option<u64>,
        /// What `head` looks like in the form chosen, line by line, harmless for a terminal.
        lines: Vec<String>,
    },
    /// There is no such key any more.
    Gone(Bytes),
    /// It could not be read.
    Failed { key: Bytes, reason: String },
}

impl Shown {
    /// The bytes of a value that are shown, at most.
    pub(crate) const PREVIEW: usize = 64 * 1024;

    /// The key it is about.
    pub(crate) fn key(&self) -> Option<&Bytes> {
        match self {
            Self::Nothing => None,
            Self::Loading(key)
            | Self::Gone(key)
            | Self::Failed { key, .. }
            | Self::Value { key, .. } => Some(key),
        }
    }
}

/// How long a row shows what happened to it.
pub(crate) const FLASH: Duration = Duration::from_millis(1500);
