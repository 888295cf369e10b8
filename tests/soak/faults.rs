//! The faults that a soak composes, and how likely each is.

use rand::{RngExt, rngs::StdRng};

use super::equipment::{self, Equipment};
use crate::{faults::disks::Filler, scenario::Run};

/// A fault that can be injected.
pub(super) struct Fault {
    /// What it is called where it is skipped.
    name: &'static str,
    /// How likely it is, relative to the others.
    weight: u32,
    joins: Joins,
    /// Whether there is what it takes; if not, why.
    needs: fn(&Equipment) -> Result<(), String>,
    kind: Kind,
}

/// Which other fault a fault may join before that one ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joins {
    Any,
    /// Any but another one of the network: a way that is cut shows nothing else.
    Processes,
    /// It is seen to happen only while all others are at work.
    None,
}

#[derive(Clone, Copy)]
enum Kind {
    KillLeader,
    KillFollower,
    KillMajority,
    KillAll,
    PauseLeader,
    PauseFollower,
    PauseMajority,
    IsolateLeader,
    IsolateFollower,
    MuteLeader,
    DeafenLeader,
    Delay,
    Reset,
    CutPowerOfLeader,
    CutPowerOfMajority,
    CutPowerOfAll,
    FillLeader,
    FillMajority,
    SetClock,
    KillAtAPoint,
    FailASync,
    LeaveBehind,
    ReplaceDisk,
}

/// What ends a fault.
pub(super) enum Ending {
    Restart(usize),
    /// Without failpoints.
    RestartPlain(usize),
    Resume(usize),
    MendNetwork,
    Power(Vec<usize>),
    Room(Vec<usize>, Vec<Filler>),
    RightClock,
}

/// A fault that may join another one.
const fn joining(name: &'static str, weight: u32, kind: Kind) -> Fault {
    Fault {
        name,
        weight,
        joins: Joins::Any,
        needs: |_| Ok(()),
        kind,
    }
}

/// A fault of the network.
const fn of_the_network(name: &'static str, weight: u32, kind: Kind) -> Fault {
    Fault {
        joins: Joins::Processes,
        ..joining(name, weight, kind)
    }
}

/// The same where there are disks.
const fn on_disks(name: &'static str, weight: u32, kind: Kind) -> Fault {
    Fault {
        needs: Equipment::has_disks,
        ..joining(name, weight, kind)
    }
}

/// A fault that joins no other.
const fn alone(
    name: &'static str,
    weight: u32,
    kind: Kind,
    needs: fn(&Equipment) -> Result<(), String>,
) -> Fault {
    Fault {
        joins: Joins::None,
        needs,
        ..joining(name, weight, kind)
    }
}

/// All of them.
const TABLE: &[Fault] = &[
    joining("the leader is killed", 4, Kind::KillLeader),
    joining("a follower is killed", 2, Kind::KillFollower),
    joining("a majority is killed", 1, Kind::KillMajority),
    joining("all are killed", 1, Kind::KillAll),
    joining("the leader is paused", 4, Kind::PauseLeader),
    joining("a follower is paused", 2, Kind::PauseFollower),
    joining("a majority is paused", 1, Kind::PauseMajority),
    of_the_network("the leader is cut off", 4, Kind::IsolateLeader),
    of_the_network("a follower is cut off", 2, Kind::IsolateFollower),
    of_the_network("a follower does not hear the leader", 2, Kind::MuteLeader),
    of_the_network("the leader does not hear a follower", 2, Kind::DeafenLeader),
    of_the_network("everything is late", 2, Kind::Delay),
    of_the_network("a connection is reset in a frame", 2, Kind::Reset),
    on_disks("the power of the leader is cut", 2, Kind::CutPowerOfLeader),
    on_disks(
        "the power of a majority is cut",
        1,
        Kind::CutPowerOfMajority,
    ),
    on_disks("the power of all is cut", 2, Kind::CutPowerOfAll),
    alone(
        "the leader's disk is full",
        1,
        Kind::FillLeader,
        Equipment::has_disks,
    ),
    alone(
        "a majority's disks are full",
        1,
        Kind::FillMajority,
        Equipment::has_disks,
    ),
    alone("a clock is set", 2, Kind::SetClock, Equipment::has_clock),
    alone(
        "a member is killed at a point",
        3,
        Kind::KillAtAPoint,
        Equipment::has_failpoints,
    ),
    alone(
        "a sync of the log fails",
        2,
        Kind::FailASync,
        Equipment::has_failpoints,
    ),
    alone("a follower needs a snapshot", 2, Kind::LeaveBehind, |_| {
        Ok(())
    }),
    alone("a disk is replaced", 1, Kind::ReplaceDisk, |_| Ok(())),
];

/// A fault by chance, according to the weights; one that may join `first`, if there is one.
pub(super) fn choose(rng: &mut StdRng, first: Option<&Fault>) -> &'static Fault {
    let fits = |fault: &Fault| {
        first.is_none_or(|first| {
            let both = first.joins == Joins::Processes && fault.joins == Joins::Processes;
            fault.joins != Joins::None && !both
        })
    };
    let eligible = || TABLE.iter().filter(|fault| fits(fault));
    let sum = eligible().map(|fault| fault.weight).sum();
    let mut place = rng.random_range(0..sum);
    for fault in eligible() {
        if place < fault.weight {
            return fault;
        }
        place -= fault.weight;
    }
    unreachable!("the place is below the sum of all weights")
}

/// The leader, or whoever comes first while there is none, and the others in an order by chance.
async fn line_up(run: &mut Run) -> Vec<usize> {
    let leader = run.cluster.leader_now().await.unwrap_or(0);
    let count = run.cluster.members().len();
    let turn = run.rng.random_range(1..count);
    let others = (0..count - 1).map(|step| (leader + 1 + (turn + step) % (count - 1)) % count);
    [leader].into_iter().chain(others).collect()
}

impl Fault {
    /// Whether another one may join it.
    pub(super) fn may_be_joined(&self) -> bool {
        self.joins != Joins::None
    }

    /// Injects it, as far as an earlier one that has not ended leaves something to inject it into.
    /// Returns what is to be done for its end.
    pub(super) async fn begin(&self, run: &mut Run, equipment: &mut Equipment) -> Vec<Ending> {
        if let Err(why) = (self.needs)(equipment) {
            run.skipped(self.name, &why);
            return Vec::new();
        }
        let members = line_up(run).await;
        let (leader, follower) = (members[0], members[1]);
        let majority = members.len() / 2 + 1;
        let running = |members: &[usize]| -> Vec<usize> {
            let all = members.iter().copied();
            all.filter(|index| run.cluster.members()[*index].is_running())
                .collect()
        };
        match self.kind {
            Kind::KillLeader => kill(run, &members[..1]).await,
            Kind::KillFollower => kill(run, &members[1..2]).await,
            Kind::KillMajority => kill(run, &members[..majority]).await,
            Kind::KillAll => kill(run, &members).await,
            Kind::PauseLeader => pause(run, &members[..1]).await,
            Kind::PauseFollower => pause(run, &members[1..2]).await,
            Kind::PauseMajority => pause(run, &members[..majority]).await,
            Kind::CutPowerOfLeader => {
                let dark = running(&members[..1]);
                equipment.cut_power(run, dark)
            }
            Kind::CutPowerOfMajority => {
                let dark = running(&members[..majority]);
                equipment.cut_power(run, dark)
            }
            Kind::CutPowerOfAll => {
                let dark = running(&members);
                equipment.cut_power(run, dark)
            }
            Kind::FillLeader => equipment.fill(run, vec![leader]).await,
            Kind::FillMajority => equipment.fill(run, members[..majority].to_vec()).await,
            Kind::SetClock => equipment.set_clock(run).await,
            Kind::KillAtAPoint => {
                let victim = run.rng.random_range(0..members.len());
                equipment::kill_at_a_point(run, victim).await
            }
            Kind::FailASync => equipment::fail_a_sync(run, follower).await,
            Kind::LeaveBehind => equipment::leave_a_follower_behind(run, follower).await,
            Kind::ReplaceDisk => equipment.replace_disk(run, follower).await,
            Kind::IsolateLeader
            | Kind::IsolateFollower
            | Kind::MuteLeader
            | Kind::DeafenLeader
            | Kind::Delay
            | Kind::Reset => self.begin_in_the_network(run, &members).await,
        }
    }

    async fn begin_in_the_network(&self, run: &mut Run, members: &[usize]) -> Vec<Ending> {
        // Between those who do not speak there is nothing to be held back.
        let speaking: Vec<usize> = members
            .iter()
            .copied()
            .filter(|index| at_work(run, *index))
            .collect();
        let [leader, follower, ..] = speaking[..] else {
            run.note(format!(
                "not now, while others do not answer: {}",
                self.name
            ));
            return Vec::new();
        };
        match self.kind {
            Kind::IsolateLeader => run.isolate(leader).await,
            Kind::IsolateFollower => run.isolate(follower).await,
            Kind::MuteLeader => run.cut_one_way(leader, follower).await,
            Kind::DeafenLeader => run.cut_one_way(follower, leader).await,
            Kind::Delay => run.delay().await,
            _ => run.reset_in_a_frame(leader, follower).await,
        }
        vec![Ending::MendNetwork]
    }
}

fn at_work(run: &Run, index: usize) -> bool {
    let member = &run.cluster.members()[index];
    member.is_running() && !member.is_paused()
}

/// Kills those that run, paused or not.
async fn kill(run: &mut Run, members: &[usize]) -> Vec<Ending> {
    let mut endings = Vec::new();
    for index in members {
        if run.cluster.members()[*index].is_running() {
            run.kill(*index).await;
            endings.push(Ending::Restart(*index));
        }
    }
    endings
}

/// Pauses those that run and are not paused.
async fn pause(run: &mut Run, members: &[usize]) -> Vec<Ending> {
    let mut endings = Vec::new();
    for index in members {
        if at_work(run, *index) {
            run.pause(*index).await;
            endings.push(Ending::Resume(*index));
        }
    }
    endings
}

impl Ending {
    /// Ends a fault.
    pub(super) async fn happens(self, run: &mut Run, equipment: &mut Equipment) {
        match self {
            Self::Restart(index) => run.restart(index).await,
            Self::RestartPlain(index) => run.restart_with(index, &[]).await,
            // One that was killed while it was paused is started by another ending.
            Self::Resume(index) if run.cluster.members()[index].is_paused() => {
                run.resume(index).await;
            }
            Self::Resume(_) => {}
            Self::MendNetwork => run.mend_network(),
            Self::Power(members) => equipment.restore_power(run, &members).await,
            Self::Room(members, fillers) => equipment.empty(run, &members, fillers).await,
            Self::RightClock => equipment.set_right(run),
        }
    }
}
