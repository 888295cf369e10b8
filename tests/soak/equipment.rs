//! What some faults need beyond the processes: disks and clocks of their own, and the program with
//! failpoints. Where this machine or this build lacks it, the faults are skipped, loudly.

use std::{collections::BTreeSet, time::Duration};

use rand::RngExt;

use super::faults::Ending;
use crate::{
    cluster::{Cluster, wait_at_most, wait_for},
    faults::{
        clocks::WallClock,
        disks::{Disks, Filler},
        failpoints::{UNSYNCED, are_built, is_killed},
    },
    scenario::Run,
    scenarios::failpoints::{leave_behind, promote},
};

/// What members on such disks keep free: more than one segment of their logs.
pub(super) const RESERVE: [&str; 2] = ["--disk-reserve", "16MiB"];

/// Room for a log of several segments, state and snapshots.
const DISK: u64 = 256 << 20;

/// The member whose clock can be set.
const CLOCK: usize = 0;

/// So far it is set, in seconds.
const AHEAD: [i64; 2] = [600, -600];

/// The wall clock of a member is set.
const CLOCK_SET: &str = "clock set";

/// The process is killed at a point in its code.
const KILLED: &str = "killed at a point";

/// `fdatasync` of the log fails.
const SYNC_FAILS: &str = "EIO from fdatasync";

/// A follower needs a snapshot, for the log was purged while it was gone.
const LEFT_BEHIND: &str = "left behind by the log";

/// A follower comes back with an empty disk, as a new member.
const REPLACED: &str = "disk replaced";

/// Points that every member passes all the time.
const POINTS: [&str; 8] = [
    "log.append.before",
    "log.append.after",
    "wal.write.before",
    "wal.write.after",
    "wal.sync.before",
    "wal.sync.after",
    "apply.before",
    "apply.after",
];

/// How long something may take to be seen that is done already.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// What there is, or why not.
pub(super) struct Equipment {
    disks: Result<Disks, String>,
    clock: Result<WallClock, String>,
    /// Who has the flag to come back as a new member.
    rejoining: BTreeSet<usize>,
}

impl Equipment {
    /// Equips members that nobody has started yet.
    pub(super) fn of(cluster: &mut Cluster) -> Self {
        Self {
            disks: Disks::under(cluster, DISK),
            clock: WallClock::of(cluster, CLOCK),
            rejoining: BTreeSet::new(),
        }
    }

    /// Whether there are disks.
    ///
    /// # Errors
    /// Why not; of the next two likewise.
    pub(super) fn has_disks(&self) -> Result<(), String> {
        self.disks.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Whether there is a clock.
    pub(super) fn has_clock(&self) -> Result<(), String> {
        self.clock.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Whether there are failpoints.
    pub(super) fn has_failpoints(&self) -> Result<(), String> {
        are_built()
    }

    fn disks(&self) -> &Disks {
        self.disks.as_ref().expect("asked for before")
    }

    /// Cuts the power of members.
    pub(super) fn cut_power(&self, run: &mut Run, members: Vec<usize>) -> Vec<Ending> {
        if members.is_empty() {
            return Vec::new();
        }
        self.disks().cut_power(run, &members);
        vec![Ending::Power(members)]
    }

    pub(super) async fn restore_power(&self, run: &mut Run, members: &[usize]) {
        self.disks().restore_power(run, members).await;
    }

    /// Fills the disks of members.
    pub(super) async fn fill(&self, run: &mut Run, members: Vec<usize>) -> Vec<Ending> {
        let fillers = self.disks().fill(run, &members, 0).await;
        vec![Ending::Room(members, fillers)]
    }

    pub(super) async fn empty(&self, run: &mut Run, members: &[usize], fillers: Vec<Filler>) {
        self.disks().empty(run, members, fillers).await;
    }

    /// Sets a clock by ten minutes. Its member says something with every change of leader.
    pub(super) async fn set_clock(&mut self, run: &mut Run) -> Vec<Ending> {
        let ahead = AHEAD[run.rng.random_range(0..AHEAD.len())];
        run.begins(CLOCK_SET, format!("n{} {ahead:+} s", CLOCK + 1));
        let clock = self.clock.as_mut().expect("asked for before");
        clock.set(ahead);
        let leader = run.leader().await;
        promote(run, (leader + 1) % run.cluster.members().len()).await;
        wait_at_most(SEEN_WITHIN, "the time of the clock is logged", async || {
            clock.is_seen(&run.cluster.members()[CLOCK]).then_some(())
        })
        .await;
        run.happened(CLOCK_SET);
        vec![Ending::RightClock]
    }

    pub(super) fn set_right(&mut self, run: &mut Run) {
        run.note("the clock is right again");
        if let Ok(clock) = &mut self.clock {
            clock.set(0);
        }
    }

    /// Lets the wiped follower come back under its name, as a new member.
    pub(super) async fn replace_disk(&mut self, run: &mut Run, index: usize) -> Vec<Ending> {
        let name = run.cluster.members()[index].name().to_owned();
        let old = run.cluster.status(index).await.map(|status| status.id);
        run.begins(REPLACED, &name);
        run.kill(index).await;
        let member = run.cluster.member(index);
        member.wipe();
        if self.rejoining.insert(index) {
            member.set(&["--rejoin"]);
        }
        run.restart(index).await;
        wait_for("it votes as a new member", async || {
            let leader = run.cluster.leader_now().await?;
            let members = run.cluster.status(leader).await?.members;
            let new = members.iter().find(|member| member.name == name)?;
            (new.voter && Some(new.id) != old).then_some(())
        })
        .await;
        run.happened(REPLACED);
        Vec::new()
    }
}

/// Kills a member at a point that it passes all the time, in the midst of it.
pub(super) async fn kill_at_a_point(run: &mut Run, index: usize) -> Vec<Ending> {
    let point = POINTS[run.rng.random_range(0..POINTS.len())];
    let time = run.rng.random_range(1..100);
    run.begins(KILLED, format!("n{}, {point}", index + 1));
    run.restart_with(index, &[UNSYNCED, &format!("{point}=kill@{time}")])
        .await;
    run.ends_at(KILLED, index, point, is_killed).await;
    vec![Ending::RestartPlain(index)]
}

/// Lets one sync of a member's log fail: its process ends.
pub(super) async fn fail_a_sync(run: &mut Run, index: usize) -> Vec<Ending> {
    run.begins(SYNC_FAILS, format!("n{}", index + 1));
    let time = run.rng.random_range(20..150);
    let sync = format!("wal.sync.before=eio@{time}");
    run.restart_with(index, &[UNSYNCED, &sync]).await;
    run.ends_at(SYNC_FAILS, index, "wal.sync.before", |status| {
        status.code() == Some(1)
    })
    .await;
    vec![Ending::RestartPlain(index)]
}

/// Keeps a follower away until it needs a snapshot, which it then installs.
pub(super) async fn leave_a_follower_behind(run: &mut Run, index: usize) -> Vec<Ending> {
    let installed = |run: &Run| {
        let member = &run.cluster.members()[index];
        member.events("snapshot installed").len()
    };
    let before = installed(run);
    run.begins(LEFT_BEHIND, format!("n{}", index + 1));
    leave_behind(run, index).await;
    run.restart(index).await;
    wait_for("it installs a snapshot", async || {
        (installed(run) > before).then_some(())
    })
    .await;
    run.happened(LEFT_BEHIND);
    Vec::new()
}
