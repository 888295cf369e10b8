//! Screen 3: elections, the log's growth, the end of the log.

use std::time::Instant;

use common::types::LogLine;

use super::{Narrowing, Selection};

/// The state of the screen; elections and samples are the cluster's.
#[derive(Clone, Debug, Default)]
pub(crate) struct RaftScreen {
    /// The last entries of the leader's log, the oldest first; kept while there is no leader.
    pub(crate) tail: Vec<LogLine>,
    /// Whose log that is, by name.
    pub(crate) of: Option<String>,
    /// When it was told.
    pub(crate) told: Option<Instant>,
    /// Whether most of it was new then: it goes by faster than anybody reads.
    pub(crate) rushes: bool,
    pub(crate) selection: Selection,
    pub(crate) narrowing: Narrowing,
    /// Whether the elections have the keys that move; else the log has.
    pub(crate) in_elections: bool,
    /// The first election that is shown, counted from the newest.
    pub(crate) elections_scroll: usize,
}
