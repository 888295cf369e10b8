//! Faults inside a member: it dies, fails or waits where it is told, or has a bug on purpose.
//!
//! The members are `raftnoded-faulty`, the same program built with failpoints; what they can be told
//! is in `raftnoded/src/failpoint.rs`. The variable is read at the start of the process: another
//! fault needs a restart.

#[cfg(test)]
mod tests;

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::process::Signal;

use crate::{
    cluster::{Cluster, Member, is_built},
    scenario::Run,
};

/// The program with failpoints.
const PROGRAM: &str = "raftnoded-faulty";

/// The variable that sets them.
const VARIABLE: &str = "RAFTNODED_FAILPOINTS";

/// What the log has not synced is lost with the process, as in a power cut.
pub(crate) const UNSYNCED: &str = "wal.unsynced";

/// Whether the program was built.
///
/// # Errors
/// What to do if not, in words.
pub(crate) fn are_built() -> Result<(), String> {
    if is_built(PROGRAM) {
        return Ok(());
    }
    Err(format!("{PROGRAM} is missing; `make soak` builds it"))
}

/// Gives a member failpoints from its next start on, in place of those it has.
pub(crate) fn set(member: &mut Member, failpoints: &[&str]) {
    member.set_program(PROGRAM);
    member.set_variable(VARIABLE, failpoints.join(";"));
}

/// Gives them to every member.
pub(crate) fn set_all(cluster: &mut Cluster, failpoints: &[&str]) {
    for index in 0..cluster.members().len() {
        set(cluster.member(index), failpoints);
    }
}

/// How often a member has said, over all its lives, that a point did to it what it was set to.
fn reached(member: &Member, point: &str) -> usize {
    let events = member.events("failpoint reached");
    events
        .iter()
        .filter(|event| event["point"] == point)
        .count()
}

/// Whether a process ended by SIGKILL, as one does that was told to.
pub(crate) fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}

impl Run {
    /// Restarts a member with failpoints.
    pub(crate) async fn restart_with(&mut self, index: usize, failpoints: &[&str]) {
        if self.cluster.members()[index].is_running() {
            self.kill(index).await;
        }
        set(self.cluster.member(index), failpoints);
        self.note(failpoints.join("; "));
        self.restart(index).await;
    }

    /// Waits until a member has ended at a point, which it was given with its last start; returns
    /// what it ended with. Only an end at this point and no other counts as the fault.
    pub(crate) async fn ends_at(
        &mut self,
        fault: &'static str,
        index: usize,
        point: &str,
        expected: impl Fn(ExitStatus) -> bool,
    ) {
        let member = self.cluster.member(index);
        let status = member.exited().await;
        // Each of its lives may have had the same point: the last one counts.
        let last = member.events("failpoint reached").pop();
        let there = last.is_some_and(|event| event["point"] == point);
        self.note(format!("{status}, at {point}: {there}"));
        if there && expected(status) {
            self.happened(fault);
        }
    }
}
