//! Faults of processes: killed, paused, started again.
//!
//! A kill is seen by the exit status, a pause by the state of the process in `/proc`.

use std::{fs, os::unix::process::ExitStatusExt, time::Duration};

use crate::{cluster::wait_at_most, scenario::Run};

/// SIGKILL of a member.
const KILL: &str = "kill";

/// SIGSTOP of a member.
const PAUSE: &str = "pause";

/// How long a signal may take to be seen.
const SIGNALLED_WITHIN: Duration = Duration::from_secs(5);

/// Linux's number of SIGKILL.
const SIGKILL: i32 = 9;

impl Run {
    pub(super) fn name(&self, index: usize) -> String {
        self.cluster.members()[index].name().to_owned()
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) async fn kill(&mut self, index: usize) {
        let name = self.name(index);
        self.begins(KILL, &name);
        let status = self.cluster.member(index).kill();
        if status.and_then(|status| status.signal()) == Some(SIGKILL) {
            self.happened(KILL);
        }
    }

    /// Starts a member that does not run. It takes its place by itself.
    pub(crate) async fn restart(&mut self, index: usize) {
        let name = self.name(index);
        self.note(format!("start {name}"));
        self.cluster.member(index).start();
    }

    /// SIGSTOP: the process stands still, its connections stay open.
    pub(crate) async fn pause(&mut self, index: usize) {
        let name = self.name(index);
        self.begins(PAUSE, &name);
        self.cluster.member(index).pause();
        let process = self.cluster.members()[index].process_id();
        wait_at_most(SIGNALLED_WITHIN, "the process is stopped", async || {
            is_stopped(process).then_some(())
        })
        .await;
        self.happened(PAUSE);
    }

    /// SIGCONT.
    pub(crate) async fn resume(&mut self, index: usize) {
        let name = self.name(index);
        self.note(format!("resume {name}"));
        self.cluster.member(index).resume();
    }
}

/// Whether Linux says that a process is stopped by a signal.
fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name before it is in parentheses, and may hold anything.
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('T'))
}
