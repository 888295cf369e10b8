//! What is counted while the clients work: calls by kind and outcome, and the time in which nothing
//! was acknowledged.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Calls of one kind, by outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
}

/// The counters of a run.
#[derive(Default)]
pub(crate) struct Progress {
    counts: BTreeMap<(&'static str, &'static str), Counts>,
    /// Errors that no fault excuses.
    faults: Vec<String>,
    acknowledged: usize,
    /// The faults that were begun and have not healed.
    during: Vec<&'static str>,
    last: Option<Instant>,
    standstill: BTreeMap<&'static str, Duration>,
}

impl Progress {
    fn counts(&mut self, workload: &'static str, kind: &'static str) -> &mut Counts {
        self.counts.entry((workload, kind)).or_default()
    }

    /// A call was acknowledged, now.
    pub(super) fn acknowledged(&mut self, workload: &'static str, kind: &'static str) {
        self.counts(workload, kind).acknowledged += 1;
        self.acknowledged += 1;
        self.note_standstill();
    }

    fn note_standstill(&mut self) {
        let now = Instant::now();
        let Some(last) = self.last.replace(now) else {
            return;
        };
        let faults: &[&str] = if self.during.is_empty() {
            &[""]
        } else {
            &self.during
        };
        for fault in faults {
            let longest = self.standstill.entry(fault).or_default();
            *longest = (*longest).max(now - last);
        }
    }

    pub(super) fn refused(&mut self, workload: &'static str, kind: &'static str) {
        self.counts(workload, kind).refused += 1;
    }

    pub(super) fn unknown(&mut self, workload: &'static str, kind: &'static str) {
        self.counts(workload, kind).unknown += 1;
    }

    pub(super) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// What follows happens under this fault, too.
    pub(crate) fn begins(&mut self, fault: &'static str) {
        self.during.push(fault);
    }

    /// What follows happens under no fault.
    pub(crate) fn healed(&mut self) {
        self.during.clear();
    }

    /// Nobody calls for a while, on purpose: that is no standstill.
    pub(crate) fn rest(&mut self) {
        self.last = None;
    }

    /// How many calls were acknowledged, over all.
    pub(crate) fn total(&self) -> usize {
        self.acknowledged
    }

    /// Calls by workload and kind.
    pub(crate) fn by_kind(&self) -> &BTreeMap<(&'static str, &'static str), Counts> {
        &self.counts
    }

    /// The longest time without an acknowledged call, by the faults it fell under; without any, by
    /// an empty name.
    pub(crate) fn standstill(&self) -> &BTreeMap<&'static str, Duration> {
        &self.standstill
    }

    /// Takes the errors that no fault excuses.
    pub(crate) fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }
}
