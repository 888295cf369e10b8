//! Screen 5: the keys of a namespace.
//!
//! `rows` is a window on the namespace: keys that follow each other without a gap. It grows by pages
//! at either end as the selection gets near, and lets go of what is far away, so that a namespace of
//! a million keys takes no more memory than one of some thousand. A watch keeps the window true.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::types::{Event, Revision};

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

    /// The prefix of the keys, without escapes.
    pub(crate) prefix: Bytes,
    pub(crate) limits: Limits,
    /// Which revision each part of the window was read at, ordered by key.
    pub(crate) spans: Vec<Span>,
    /// Whether a page is awaited that is the whole window.
    pub(crate) loading: bool,
    /// What is selected when it is there, and the key that it begins with, if with any.
    pub(crate) aim: Aim,
    pub(crate) aim_start: Option<Bytes>,
    /// Failed pages are asked for again after this.
    pub(crate) retry: Option<Instant>,
    /// The generation of the watch; none if nothing is watched. Windows come and go within one.
    pub(crate) watching: Option<u64>,
    /// The revision that the watch began behind.
    pub(crate) started: Revision,
    /// The highest revision that the watch told of.
    pub(crate) delivered: Revision,
    /// The same when the pages were asked for that are awaited: older ones are of no use.
    pub(crate) floor: Revision,
    /// Changes that came while a page was awaited: it may be older.
    pub(crate) late: Vec<Event>,
    /// The generation of the count that is awaited.
    pub(crate) counting: Option<u64>,
    /// The revision of the total: changes up to it are in it.
    pub(crate) counted_at: Revision,
    /// Created and deleted keys before the total is known: the revision, and 1 or -1.
    pub(crate) uncounted: Vec<(Revision, i64)>,
    /// The value that is awaited: the namespace and the key.
    pub(crate) getting: Option<(String, Bytes)>,
    /// Whether the key of the value was written since it was read.
    pub(crate) value_old: bool,
    /// Whether changes were dropped, so that the window is to be read anew.
    pub(crate) missed: bool,
    /// The last flash is over then.
    pub(crate) flashing: Option<Instant>,
    /// Whether times to live may differ from those shown, when they were last read, and whether
    /// they are being read.
    pub(crate) lives_old: bool,
    pub(crate) lives_at: Option<Instant>,
    pub(crate) lives_loading: bool,
    /// The tick before.
    pub(crate) ticked: Option<Instant>,
}

impl Browser {
    /// Whether the window is the whole listing.
    pub(crate) fn is_whole(&self) -> bool {
        self.from_first && self.to_last
    }

    /// Whether the rows are listed as they are in the window.
    pub(crate) fn is_by_key(&self) -> bool {
        self.order == Order::default() || !self.is_whole()
    }
}

/// How much is read and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Keys of the first page, and of a further one.
    pub(crate) first: u32,
    pub(crate) page: u32,
    /// Rows that are kept at most.
    pub(crate) kept: usize,
    /// So near to an end of the window, the next page is read.
    pub(crate) margin: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first: 200,
            page: 500,
            kept: 5000,
            margin: 50,
        }
    }
}

/// A part of the window: from a key to the next part, as it was at a revision. What is not listed in
/// it did not exist then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Bytes,
    pub(crate) revision: Revision,
}

/// What is to be selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Aim {
    #[default]
    First,
    Last,
    /// This key, or the one behind it.
    Key(Bytes),
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
