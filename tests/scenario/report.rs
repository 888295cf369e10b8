//! What a run did and found, as Markdown.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use super::Plan;
use crate::{
    history::{Counts, Progress},
    workload::Checked,
};

/// How often a kind of fault was injected.
#[derive(Clone, Copy, Debug, Default)]
struct Injected {
    begun: usize,
    happened: usize,
}

/// The report of a run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    store: &'static str,
    members: usize,
    seed: u64,
    began: Instant,
    duration: Duration,
    faults: BTreeMap<&'static str, Injected>,
    skipped: BTreeMap<String, (String, usize)>,
    operations: BTreeMap<(&'static str, &'static str), Counts>,
    standstill: BTreeMap<&'static str, Duration>,
    leader_after: Duration,
    equal_after: Duration,
    memory: BTreeMap<String, u64>,
    keys: usize,
    calls: usize,
    changes: usize,
    violations: Vec<String>,
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            store: plan.store,
            members: plan.members,
            seed: plan.seed,
            began: Instant::now(),
            duration: Duration::ZERO,
            faults: BTreeMap::new(),
            skipped: BTreeMap::new(),
            operations: BTreeMap::new(),
            standstill: BTreeMap::new(),
            leader_after: Duration::ZERO,
            equal_after: Duration::ZERO,
            memory: BTreeMap::new(),
            keys: 0,
            calls: 0,
            changes: 0,
            violations: Vec::new(),
        }
    }

    pub(super) fn begins(&mut self, fault: &'static str) {
        self.faults.entry(fault).or_default().begun += 1;
    }

    pub(super) fn happened(&mut self, fault: &'static str) {
        self.faults.entry(fault).or_default().happened += 1;
    }

    pub(super) fn skipped(&mut self, what: &str, why: &str) {
        let told = self.skipped.entry(what.to_owned());
        told.or_insert_with(|| (why.to_owned(), 0)).1 += 1;
    }

    /// Faults that were begun and not seen to happen as often.
    pub(super) fn not_happened(&self) -> Vec<String> {
        let fewer = self
            .faults
            .iter()
            .filter(|(_, counts)| counts.happened < counts.begun);
        fewer
            .map(|(fault, counts)| {
                let Injected { begun, happened } = counts;
                format!("{fault}: begun {begun} times, seen to happen {happened} times")
            })
            .collect()
    }

    pub(super) fn leader_after(&mut self, took: Duration) {
        self.leader_after = self.leader_after.max(took);
    }

    pub(super) fn equal_after(&mut self, took: Duration) {
        self.equal_after = self.equal_after.max(took);
    }

    pub(super) fn checked(&mut self, checked: &Checked) {
        self.keys += checked.keys;
        self.calls += checked.calls;
        self.changes += checked.changes;
    }

    pub(super) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Takes over what others counted.
    pub(super) fn complete(&mut self, progress: &Progress, memory: BTreeMap<String, u64>) {
        self.duration = self.began.elapsed();
        self.operations.clone_from(progress.by_kind());
        self.standstill.clone_from(progress.standstill());
        self.memory = memory;
    }

    /// How many faults were seen to happen.
    pub(crate) fn injections(&self) -> usize {
        self.faults.values().map(|counts| counts.happened).sum()
    }

    /// How many calls were checked.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = env!("CARGO_PKG_VERSION");
        let profile = if cfg!(debug_assertions) {
            "with debug assertions"
        } else {
            "without debug assertions"
        };
        writeln!(f, "| run | |\n| --- | --- |")?;
        writeln!(f, "| build | raftnode {build}, {profile} |")?;
        writeln!(f, "| members, store | {}, {} |", self.members, self.store)?;
        writeln!(f, "| seed | {} |", self.seed)?;
        writeln!(f, "| duration | {:.0} s |", self.duration.as_secs_f64())?;
        writeln!(f, "| faults injected | {} |", self.injections())?;
        writeln!(f, "| calls checked | {} |", self.calls)?;
        writeln!(f, "| keys checked | {} |", self.keys)?;
        writeln!(
            f,
            "| changes told to watchers, checked | {} |",
            self.changes
        )?;
        let leader = seconds(self.leader_after);
        writeln!(f, "| longest time to a leader after a fault | {leader} |")?;
        let equal = seconds(self.equal_after);
        writeln!(
            f,
            "| longest time to equal states after a fault | {equal} |"
        )?;
        for (member, bytes) in &self.memory {
            writeln!(f, "| memory of {member} at most | {} MiB |", bytes >> 20)?;
        }
        writeln!(f, "| violations | {} |", self.violations.len())?;

        writeln!(
            f,
            "\n| fault | begun | seen to happen | longest time without an acknowledged call |"
        )?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        for (fault, Injected { begun, happened }) in &self.faults {
            let longest = self.standstill.get(fault).copied().unwrap_or_default();
            let longest = seconds(longest);
            writeln!(f, "| {fault} | {begun} | {happened} | {longest} |")?;
        }
        let none = self.standstill.get("").copied().unwrap_or_default();
        writeln!(f, "| none | | | {} |", seconds(none))?;

        writeln!(f, "\n| call | acknowledged | refused | unknown |")?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        for ((workload, kind), counts) in &self.operations {
            let Counts {
                acknowledged,
                refused,
                unknown,
            } = counts;
            writeln!(
                f,
                "| {workload}: {kind} | {acknowledged} | {refused} | {unknown} |"
            )?;
        }
        for (what, (why, times)) in &self.skipped {
            writeln!(f, "\nSkipped {times} times: {what}: {why}")?;
        }
        for violation in &self.violations {
            writeln!(f, "\nViolation: {violation}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_was_not_seen_to_happen_each_time_is_told() {
        let mut report = Report::new(&Plan::new("memory"));
        for _ in 0..2 {
            report.begins("kill");
            report.begins("pause");
            report.happened("pause");
        }
        report.happened("kill");
        assert_eq!(
            report.not_happened(),
            ["kill: begun 2 times, seen to happen 1 times"]
        );
    }
}
