//! What happened, line by line, and one number that stands for all of it.

use std::{collections::VecDeque, fmt::Write as _};

/// Lines kept to be shown when something is wrong.
const KEPT: usize = 120;

/// The events of a run, in order.
pub(super) struct Trace {
    hash: u64,
    lines: u64,
    last: VecDeque<String>,
    keep: usize,
}

impl Trace {
    /// One that keeps its last lines, or all of them.
    pub(super) fn new(all: bool) -> Self {
        Self {
            hash: super::FNV_BASIS,
            lines: 0,
            last: VecDeque::new(),
            keep: if all { usize::MAX } else { KEPT },
        }
    }

    /// Adds a line about what happened at a time, in milliseconds since the start.
    pub(super) fn add(&mut self, at: u64, what: std::fmt::Arguments<'_>) {
        let mut line = if self.last.len() >= self.keep {
            self.last.pop_front().unwrap_or_default()
        } else {
            String::new()
        };
        line.clear();
        // Writing to a string does not fail.
        let _ = write!(line, "{at:>6} {what}");
        self.hash = super::fnv(self.hash, line.as_bytes());
        self.lines += 1;
        self.last.push_back(line);
    }

    /// Stands for all lines, kept or not.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of lines.
    pub(super) fn len(&self) -> u64 {
        self.lines
    }

    /// The lines that are kept.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for line in &self.last {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
