//! What goes wrong, when and for how long: all of it drawn from the seed.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::atomic::Ordering::{Acquire, Relaxed},
};

use openraft::ChangeMembers;
use rand::{RngExt, seq::IteratorRandom};

use super::{
    member,
    network::Links,
    run::{Run, Slot},
    world::Event,
};
use crate::raft::RaftHandle;

/// Ids are given to so many members at most, one after the other.
const MOST_MEMBERS: u64 = 9;

/// How far a clock jumps at most, in milliseconds.
const JUMP: i64 = 600_000;

/// The end of a fault, or what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Repair {
    /// A member that crashed starts again.
    Start(u64),
    /// A member that was stopped goes on.
    Resume(u64),
    /// The network works as usual.
    Network,
    /// A member that has taken a snapshot lets go of its log.
    Purge(u64),
    /// A member that was removed ends for good.
    Retire(u64),
}

impl Run {
    fn draw(&self, from: u64, below: u64) -> u64 {
        self.world.with(|inner| inner.rng.random_range(from..below))
    }

    fn pick(&self, of: impl Iterator<Item = u64>) -> Option<u64> {
        self.world.with(|inner| of.choose(&mut inner.rng))
    }

    /// A running member: the leader, every other time.
    fn victim(&self) -> Option<u64> {
        let leader = self.leader();
        if leader.is_some() && self.draw(0, 2) == 0 {
            return leader;
        }
        self.pick(self.running().map(|(id, _)| id))
    }

    fn later(&self, from: u64, below: u64, repair: Repair) {
        let after = self.draw(from, below);
        self.world
            .with(|inner| inner.schedule(after, Event::Repair(repair)));
    }

    fn count(&mut self, fault: &'static str, detail: impl std::fmt::Debug) {
        *self.faults.entry(fault).or_default() += 1;
        self.world
            .with(|inner| inner.note(format_args!("fault: {fault} {detail:?}")));
    }

    /// Something breaks, and the next time something will is drawn.
    pub(super) fn fault(&mut self) {
        let after = self.draw(30, 900);
        self.world.with(|inner| inner.schedule(after, Event::Fault));
        let Some(victim) = self.victim() else { return };
        match self.draw(0, 100) {
            0..14 => {
                self.count("crash", victim);
                self.crash(victim);
                self.later(20, 2_500, Repair::Start(victim));
            }
            14..18 => self.power_cut(),
            18..25 => {
                self.count("isolation", victim);
                self.cut_off(victim);
                self.later(200, 3_000, Repair::Network);
            }
            25..32 => {
                let other = self.pick(self.slots.keys().copied().filter(|id| *id != victim));
                let Some(other) = other else { return };
                self.count("one-way cut", (victim, other));
                let way = if self.draw(0, 2) == 0 {
                    (victim, other)
                } else {
                    (other, victim)
                };
                self.world.with(|inner| inner.links.cut.insert(way));
                self.later(200, 3_000, Repair::Network);
            }
            32..37 => self.split(),
            37..45 => {
                self.count("pause", victim);
                if let Some(process) = self
                    .slots
                    .get(&victim)
                    .and_then(|slot| slot.process.as_ref())
                {
                    process.stop();
                }
                self.later(100, 2_500, Repair::Resume(victim));
            }
            45..50 => {
                let (loss, slowest) = (self.draw(0, 300) as u32, self.draw(6, 250));
                self.count("bad network", (loss, slowest));
                self.world.with(|inner| {
                    inner.links.loss = loss;
                    inner.links.slowest = slowest;
                });
                self.later(500, 4_000, Repair::Network);
            }
            50..57 => {
                let by = self.draw(0, 2 * JUMP as u64) as i64 - JUMP;
                self.count("clock jump", (victim, by));
                if let Some(slot) = self.slots.get(&victim) {
                    slot.ahead.fetch_add(by, Relaxed);
                }
            }
            57..64 => {
                let to = self.pick(self.running().map(|(id, _)| id));
                let (Some(leader), Some(to)) = (self.leader(), to) else {
                    return;
                };
                self.count("transfer", (leader, to));
                self.tell(leader, |raft| async move {
                    let _ = raft.trigger().transfer_leader(to).await;
                });
            }
            64..69 => {
                self.count("election", victim);
                let pre_vote = self.draw(0, 2) == 0;
                self.tell(victim, move |raft| async move {
                    let _ = raft.trigger().elect(pre_vote).await;
                });
            }
            69..84 => {
                self.count("snapshot", victim);
                self.tell(victim, |raft| async move {
                    let _ = raft.trigger().snapshot().await;
                });
                self.later(10, 200, Repair::Purge(victim));
            }
            _ => self.change_members(),
        }
    }

    /// Does something with the consensus of a member, in a task of its process. It may come to
    /// nothing: that is no fault.
    fn tell<F>(&self, node: u64, act: impl FnOnce(RaftHandle) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some((member, process)) = self.running_member(node) {
            process.spawn(act(member.raft.clone()));
        }
    }

    fn power_cut(&mut self) {
        let all: Vec<u64> = self.running().map(|(id, _)| id).collect();
        self.count("power cut", &all);
        for node in all {
            self.crash(node);
            self.later(20, 1_500, Repair::Start(node));
        }
    }

    fn cut_off(&self, node: u64) {
        let others: Vec<u64> = self
            .slots
            .keys()
            .copied()
            .filter(|id| *id != node)
            .collect();
        self.world.with(|inner| {
            for other in others {
                inner.links.cut.extend([(node, other), (other, node)]);
            }
        });
    }

    /// Two halves that do not hear of each other, or a bridge: one member that hears both.
    fn split(&mut self) {
        let bridge = self.draw(0, 3) == 0;
        let mut sides: Vec<(u64, u64)> = Vec::new();
        for id in self.slots.keys() {
            sides.push((*id, self.draw(0, 2)));
        }
        self.count("split", &sides);
        self.world.with(|inner| {
            let skip = usize::from(bridge);
            for (one, left) in sides.iter().skip(skip) {
                for (other, right) in sides.iter().skip(skip) {
                    if left != right {
                        inner.links.cut.insert((*one, *other));
                    }
                }
            }
        });
        self.later(200, 3_000, Repair::Network);
    }

    /// Adds a learner, promotes one, or removes a voter.
    fn change_members(&mut self) {
        let Some(leader) = self.leader() else { return };
        let voters = self.world.with(|inner| inner.invariants.voters());
        let voters: BTreeSet<u64> = voters.into_iter().flatten().collect();
        let learner = self
            .slots
            .keys()
            .copied()
            .find(|id| !voters.contains(id) && *id > self.founders);
        if let Some(id) = learner
            && voters.len() < 5
        {
            self.count("promotion", id);
            let change = ChangeMembers::AddVoterIds(BTreeSet::from([id]));
            self.tell(leader, |raft| async move {
                let _ = raft.change_membership(change, true).await;
            });
        } else if voters.len() > 3 && self.draw(0, 2) == 0 {
            let Some(id) = self.pick(voters.into_iter()) else {
                return;
            };
            self.count("removal", id);
            let change = ChangeMembers::RemoveVoters(BTreeSet::from([id]));
            let world = self.world.clone();
            self.tell(leader, |raft| async move {
                if raft.change_membership(change, false).await.is_ok() {
                    let retire = Event::Repair(Repair::Retire(id));
                    world.with(|inner| inner.schedule(500, retire));
                }
            });
        } else if learner.is_none() && self.highest < MOST_MEMBERS {
            self.highest += 1;
            let id = self.highest;
            self.count("addition", id);
            self.slots
                .insert(id, Slot::new(id, &self.world, Vec::new()));
            self.start(id);
            self.tell(leader, |raft| async move {
                let _ = raft.add_learner(id, member::info(id), false).await;
            });
        }
    }

    /// Finishes a change of the membership that its leader did not come to finish.
    pub(super) fn finish_change(&self) {
        if let Some(leader) = self.leader() {
            self.tell(leader, |raft| async move {
                let change = ChangeMembers::AddVoterIds(BTreeSet::new());
                let _ = raft.change_membership(change, true).await;
            });
        }
    }

    /// Something is made good.
    pub(super) fn repair(&mut self, repair: Repair) {
        self.world
            .with(|inner| inner.note(format_args!("repair: {repair:?}")));
        match repair {
            Repair::Start(node) => self.start(node),
            Repair::Resume(node) => {
                if let Some(process) = self.slots.get(&node).and_then(|slot| slot.process.as_ref())
                {
                    process.resume();
                }
            }
            Repair::Network => self.world.with(|inner| {
                inner.links.cut.clear();
                inner.links.loss = 0;
                inner.links.slowest = Links::USUAL;
            }),
            Repair::Purge(node) => {
                let keep = self.draw(0, 12);
                let durable = self
                    .running_member(node)
                    .map(|(member, _)| member.progress.durable.load(Acquire));
                if let Some(upto) = durable.and_then(|durable| durable.checked_sub(keep + 1)) {
                    self.tell(node, move |raft| async move {
                        let _ = raft.trigger().purge_log(upto).await;
                    });
                }
            }
            Repair::Retire(node) => {
                self.crash(node);
                self.slots.remove(&node);
            }
        }
    }

    /// The faults end: everything is made good.
    pub(super) fn calm(&mut self) {
        self.repair(Repair::Network);
        let all: Vec<u64> = self.slots.keys().copied().collect();
        for node in all {
            self.repair(Repair::Resume(node));
            self.start(node);
        }
    }
}
