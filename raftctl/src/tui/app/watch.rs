//! Screen 6: changes as they happen.

use std::{collections::VecDeque, time::SystemTime};

use bytes::Bytes;
use common::types::{Cursor, EventKind, Revision};

use super::{Narrowing, Selection};

/// The state of the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchScreen {
    /// The namespace; none before one was chosen.
    pub(crate) namespace: Option<String>,
    /// The prefix of the keys.
    pub(crate) prefix: Bytes,
    /// Goes up with every new watch.
    pub(crate) generation: u64,
    /// The newest changes, the oldest first; at most [`WatchScreen::KEPT`].
    pub(crate) lines: VecDeque<WatchLine>,
    /// How many there were in all.
    pub(crate) told: u64,
    /// Those that came while the picture was frozen, and how many did not fit.
    pub(crate) held: VecDeque<WatchLine>,
    pub(crate) dropped: u64,
    /// The place behind the last change that was told, to go on from.
    pub(crate) place: Option<Cursor>,
    pub(crate) state: WatchState,
    /// Counted from the newest: 0 follows the stream.
    pub(crate) selection: Selection,
    pub(crate) narrowing: Narrowing,
}

impl WatchScreen {
    /// How many changes are kept.
    pub(crate) const KEPT: usize = 2000;
}

/// How the stream is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum WatchState {
    /// Nothing is watched.
    #[default]
    Off,
    /// The first answer is awaited.
    Starting,
    Live,
    /// It was cut off, and begins anew by itself.
    Broken(String),
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchLine {
    /// When it was told.
    pub(crate) at: SystemTime,
    pub(crate) kind: EventKind,
    pub(crate) key: Bytes,
    pub(crate) size: u64,
    pub(crate) version: u64,
    pub(crate) revision: Revision,
}
