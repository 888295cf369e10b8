//! The faults that a soak composes, and how likely each is.

use rand::{RngExt, rngs::StdRng};

use crate::scenario::Run;

/// A fault that can be injected.
pub(super) struct Fault {
    /// What it is called where it is skipped.
    pub(super) name: &'static str,
    /// How likely it is, relative to the others.
    weight: u32,
    /// Whether this machine and this build have what it takes; if not, why.
    pub(super) needs: fn() -> Result<(), String>,
    kind: Kind,
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
}

/// What ends a fault.
pub(super) enum Ending {
    Restart(usize),
    Resume(usize),
    MendNetwork,
}

const fn fault(name: &'static str, weight: u32, kind: Kind) -> Fault {
    Fault {
        name,
        weight,
        needs: || Ok(()),
        kind,
    }
}

/// All of them.
const TABLE: &[Fault] = &[
    fault("the leader is killed", 4, Kind::KillLeader),
    fault("a follower is killed", 2, Kind::KillFollower),
    fault("a majority is killed", 1, Kind::KillMajority),
    fault("all are killed", 1, Kind::KillAll),
    fault("the leader is paused", 4, Kind::PauseLeader),
    fault("a follower is paused", 2, Kind::PauseFollower),
    fault("a majority is paused", 1, Kind::PauseMajority),
    fault("the leader is cut off", 4, Kind::IsolateLeader),
    fault("a follower is cut off", 2, Kind::IsolateFollower),
    fault("a follower does not hear the leader", 2, Kind::MuteLeader),
    fault("the leader does not hear a follower", 2, Kind::DeafenLeader),
    fault("everything is late", 2, Kind::Delay),
    fault("a connection is reset in a frame", 2, Kind::Reset),
];

/// A fault by chance, according to the weights.
pub(super) fn choose(rng: &mut StdRng) -> &'static Fault {
    let sum: u32 = TABLE.iter().map(|fault| fault.weight).sum();
    let mut place = rng.random_range(0..sum);
    for fault in TABLE {
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
    /// Injects it, as far as an earlier one that has not ended leaves something to inject it into.
    /// Returns what is to be done for its end.
    pub(super) async fn begin(&self, run: &mut Run) -> Vec<Ending> {
        let members = line_up(run).await;
        let majority = members.len() / 2 + 1;
        match self.kind {
            Kind::KillLeader => kill(run, &members[..1]).await,
            Kind::KillFollower => kill(run, &members[1..2]).await,
            Kind::KillMajority => kill(run, &members[..majority]).await,
            Kind::KillAll => kill(run, &members).await,
            Kind::PauseLeader => pause(run, &members[..1]).await,
            Kind::PauseFollower => pause(run, &members[1..2]).await,
            Kind::PauseMajority => pause(run, &members[..majority]).await,
            _ => self.begin_in_the_network(run, &members).await,
        }
    }

    async fn begin_in_the_network(&self, run: &mut Run, members: &[usize]) -> Vec<Ending> {
        // Where somebody is stopped, there may be nothing to be held back.
        if members.iter().any(|index| !at_work(run, *index)) {
            run.note(format!(
                "not now, while others do not answer: {}",
                self.name
            ));
            return Vec::new();
        }
        let (leader, follower) = (members[0], members[1]);
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
    pub(super) async fn happens(self, run: &mut Run) {
        match self {
            Self::Restart(index) => run.restart(index).await,
            // One that was killed while it was paused is started again instead.
            Self::Resume(index) if run.cluster.members()[index].is_paused() => {
                run.resume(index).await;
            }
            Self::Resume(_) => {}
            Self::MendNetwork => run.mend_network(),
        }
    }
}
