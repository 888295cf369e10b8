//! What is to be done next, so that the membership becomes what its aims say. A pure function:
//! whoever leads computes the same, so that a change begun by one leader is finished by another.
//!
//! One step at a time, each a change of its own:
//!
//! - A joint configuration that a dead leader left is finished first.
//! - A learner that is to vote is promoted once it has caught up, and not before. One that replaces
//!   a member takes its place in the same joint change.
//! - A voter that is to be a learner is demoted.
//! - What would take the leader's own vote waits until another one leads.
//!
//! No step leaves voters of which no majority answers: such a step waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::raft::types::{Aim, LogId, MemberInfo};

/// What the leader knows when it looks for the next step.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    /// The entry that holds the membership: a step is made only if it still is the last one.
    pub(super) version: Option<LogId>,
    /// The leader.
    pub(super) me: u64,
    /// The sets of voters: one, or two while a change is on its way.
    pub(super) configs: Vec<BTreeSet<u64>>,
    /// All members.
    pub(super) members: BTreeMap<u64, MemberInfo>,
    /// Those that answered lately, the leader among them.
    pub(super) alive: BTreeSet<u64>,
    /// The learners that have what the leader had a moment ago.
    pub(super) caught_up: BTreeSet<u64>,
}

/// A step towards what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Leave the joint configuration; those who lose their vote stay as learners, or go.
    Finish {
        /// Whether they stay.
        stay: bool,
    },
    /// Let a learner vote; another member goes in the same change.
    Promote {
        /// The learner.
        id: u64,
        /// The member that goes.
        instead_of: Option<u64>,
    },
    /// Drop a member whose replacement votes already.
    Supersede {
        /// The member that goes.
        of: u64,
        /// Its replacement.
        by: u64,
    },
    /// Take a voter's vote.
    Demote {
        /// The voter.
        id: u64,
    },
    /// Note that a voter replaces nobody any more.
    Settle {
        /// The voter.
        id: u64,
    },
    /// Hand leadership over: the next step takes the leader's vote.
    HandOver,
}

/// How many of some voters make a majority.
pub(super) fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

impl Situation {
    /// The voters, or what they are to be.
    pub(super) fn voters(&self) -> BTreeSet<u64> {
        self.configs.last().cloned().unwrap_or_default()
    }

    /// Whether a majority of these answers.
    pub(super) fn reachable(&self, voters: &BTreeSet<u64>) -> bool {
        !voters.is_empty() && voters.intersection(&self.alive).count() >= quorum(voters.len())
    }

    fn others_can_lead(&self, voters: &BTreeSet<u64>) -> bool {
        voters.intersection(&self.alive).any(|id| *id != self.me)
    }

    /// Those who are about to lose their vote.
    pub(super) fn leaving(&self) -> BTreeSet<u64> {
        let last = self.voters();
        let all = self.configs.iter().flatten();
        all.filter(|id| !last.contains(id)).copied().collect()
    }

    /// The next step; none if all is as it should be, or must wait.
    pub(super) fn next(&self) -> Option<Step> {
        if self.configs.len() > 1 {
            let learners = |id: &u64| {
                self.members
                    .get(id)
                    .is_some_and(|info| info.aim == Aim::Learner)
            };
            let leaving = self.leaving();
            let stay = !leaving.is_empty() && leaving.iter().all(learners);
            return Some(Step::Finish { stay });
        }
        let voters = self.voters();
        let aims = self.members.iter().map(|(id, info)| (*id, info.aim));
        aims.filter_map(|(id, aim)| {
            if voters.contains(&id) {
                self.for_voter(id, aim, &voters)
            } else {
                self.for_learner(id, aim, &voters)
            }
        })
        .next()
    }

    fn for_learner(&self, id: u64, aim: Aim, voters: &BTreeSet<u64>) -> Option<Step> {
        if aim == Aim::Learner || !self.caught_up.contains(&id) || !self.alive.contains(&id) {
            return None;
        }
        let mut after = voters.clone();
        after.insert(id);
        let mut instead_of = None;
        if let Aim::Replacement { of } = aim
            && self.members.contains_key(&of)
        {
            if of != self.me {
                after.remove(&of);
                instead_of = Some(of);
            } else if self.others_can_lead(voters) {
                return Some(Step::HandOver);
            }
            // Else the leader is the only one who can lead: two steps, with a handover between.
        }
        self.reachable(&after)
            .then_some(Step::Promote { id, instead_of })
    }

    fn for_voter(&self, id: u64, aim: Aim, voters: &BTreeSet<u64>) -> Option<Step> {
        let goes = match aim {
            Aim::Voter => return None,
            Aim::Learner => id,
            Aim::Replacement { of } if self.members.contains_key(&of) => of,
            Aim::Replacement { .. } => return Some(Step::Settle { id }),
        };
        let mut after = voters.clone();
        after.remove(&goes);
        if !self.reachable(&after) {
            return None;
        }
        if goes == self.me {
            return Some(Step::HandOver);
        }
        Some(match aim {
            Aim::Replacement { of } => Step::Supersede { of, by: id },
            Aim::Voter | Aim::Learner => Step::Demote { id },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What carrying a step out makes of a situation; a joint configuration may be left over.
    fn carry_out(situation: &mut Situation, step: &Step, die_in_the_middle: bool) {
        let before = situation.voters();
        let mut after = before.clone();
        let mut gone = None;
        match step {
            Step::Finish { stay } => {
                for id in situation.leaving() {
                    if !stay {
                        situation.members.remove(&id);
                    }
                }
                situation.configs = vec![after];
                return;
            }
            Step::Promote { id, instead_of } => {
                after.insert(*id);
                gone = *instead_of;
                let kept = situation.members[id].aim == Aim::Replacement { of: situation.me };
                if !kept {
                    situation.members.get_mut(id).unwrap().aim = Aim::Voter;
                }
            }
            Step::Supersede { of, by } => {
                gone = Some(*of);
                situation.members.get_mut(by).unwrap().aim = Aim::Voter;
            }
            Step::Demote { id } => {
                after.remove(id);
            }
            Step::Settle { id } => {
                situation.members.get_mut(id).unwrap().aim = Aim::Voter;
                return;
            }
            Step::HandOver => {
                let heirs = before.intersection(&situation.alive);
                let heir = heirs.copied().find(|id| *id != situation.me);
                situation.me = heir.expect("somebody can take over");
                return;
            }
        }
        if let Some(gone) = gone {
            after.remove(&gone);
            if !before.contains(&gone) {
                situation.members.remove(&gone);
            }
        }
        if before == after {
            // Nobody's vote changes hands: one entry, and nothing in the middle.
            assert!(gone.is_some(), "{step:?} changes something");
            return;
        }
        situation.configs = vec![before.clone(), after.clone()];
        if die_in_the_middle {
            // Any other voter may lead next.
            let heirs = before.union(&after).copied();
            let heir = heirs.filter(|id| situation.alive.contains(id)).last();
            situation.me = heir.expect("a majority is alive");
            return;
        }
        situation.configs = vec![after.clone()];
        if let Some(gone) = gone {
            situation.members.remove(&gone);
        }
    }

    fn info(aim: Aim) -> MemberInfo {
        MemberInfo {
            aim,
            ..MemberInfo::default()
        }
    }

    fn aims(ids: u64) -> impl Strategy<Value = Aim> {
        prop_oneof![
            3 => Just(Aim::Voter),
            1 => Just(Aim::Learner),
            1 => (1..=ids).prop_map(|of| Aim::Replacement { of }),
        ]
    }

    fn situations() -> impl Strategy<Value = Situation> {
        let ids = 6;
        let each = (aims(ids), any::<bool>(), any::<bool>(), any::<bool>());
        proptest::collection::vec(each, 2..=6).prop_map(|all| {
            let mut voters = BTreeSet::new();
            let mut situation = Situation {
                version: None,
                me: 1,
                configs: Vec::new(),
                members: BTreeMap::new(),
                alive: BTreeSet::from([1]),
                caught_up: BTreeSet::new(),
            };
            for (id, (aim, votes, alive, caught_up)) in (1..).zip(all) {
                if votes || id == 1 {
                    voters.insert(id);
                }
                if alive {
                    situation.alive.insert(id);
                }
                if caught_up && alive {
                    situation.caught_up.insert(id);
                }
                let own = aim == Aim::Replacement { of: id };
                let aim = if own { Aim::Voter } else { aim };
                situation.members.insert(id, info(aim));
            }
            situation.configs.push(voters);
            situation
        })
    }

    proptest! {
        /// Wherever it begins, and whoever dies on the way, it comes to an end; and on the way a
        /// majority of the voters is always there, and only who has caught up gets a vote.
        #[test]
        fn the_steps_end_and_never_lose_the_majority(
            mut situation in situations(),
            deaths in proptest::collection::vec(any::<bool>(), 40),
        ) {
            let began = situation.voters();
            prop_assume!(situation.reachable(&began));
            let mut deaths = deaths.into_iter();
            let mut last = None;
            for _ in 0..40 {
                last = situation.next();
                let Some(step) = &last else { break };
                if let Step::Promote { id, .. } = step {
                    prop_assert!(situation.caught_up.contains(id));
                }
                carry_out(&mut situation, step, deaths.next().unwrap_or(false));
                for voters in &situation.configs {
                    prop_assert!(situation.reachable(voters), "{step:?}: {situation:?}");
                    for voter in voters {
                        prop_assert!(situation.members.contains_key(voter), "{step:?}");
                    }
                }
                for id in situation.voters().difference(&began) {
                    prop_assert!(situation.caught_up.contains(id), "{step:?}");
                }
            }
            prop_assert_eq!(last, None);
        }
    }

    fn three(aims: [Aim; 4]) -> Situation {
        Situation {
            version: None,
            me: 1,
            configs: vec![BTreeSet::from([1, 2, 3])],
            members: (1..).zip(aims.map(info)).collect(),
            alive: BTreeSet::from([1, 2, 3, 4]),
            caught_up: BTreeSet::from([4]),
        }
    }

    #[test]
    fn a_learner_votes_when_it_has_caught_up_and_the_majority_stays() {
        let mut situation = three([Aim::Voter; 4]);
        let promote = Some(Step::Promote {
            id: 4,
            instead_of: None,
        });
        assert_eq!(situation.next(), promote);
        situation.alive.remove(&3);
        assert_eq!(situation.next(), promote, "three of four");
        situation.caught_up.clear();
        assert_eq!(situation.next(), None);
        let stays = three([Aim::Voter, Aim::Voter, Aim::Voter, Aim::Learner]);
        assert_eq!(stays.next(), None);
    }

    #[test]
    fn a_replacement_takes_the_place_of_a_dead_member_in_one_step() {
        let aim = Aim::Replacement { of: 3 };
        let mut situation = three([Aim::Voter, Aim::Voter, Aim::Voter, aim]);
        situation.alive.remove(&3);
        let step = Some(Step::Promote {
            id: 4,
            instead_of: Some(3),
        });
        assert_eq!(situation.next(), step);
        situation.configs.push(BTreeSet::from([1, 2, 4]));
        assert_eq!(situation.next(), Some(Step::Finish { stay: false }));
    }

    #[test]
    fn the_leader_hands_over_before_it_loses_its_vote() {
        let aim = Aim::Replacement { of: 1 };
        let situation = three([Aim::Voter, Aim::Voter, Aim::Voter, aim]);
        assert_eq!(situation.next(), Some(Step::HandOver));
        let situation = three([Aim::Learner, Aim::Voter, Aim::Voter, Aim::Learner]);
        assert_eq!(situation.next(), Some(Step::HandOver));
    }

    #[test]
    fn the_only_voter_is_replaced_in_two_steps() {
        let mut situation = Situation {
            version: None,
            me: 1,
            configs: vec![BTreeSet::from([1])],
            members: BTreeMap::from([(1, info(Aim::Voter)), (2, info(Aim::Replacement { of: 1 }))]),
            alive: BTreeSet::from([1, 2]),
            caught_up: BTreeSet::from([2]),
        };
        let mut steps = Vec::new();
        while let Some(step) = situation.next() {
            carry_out(&mut situation, &step, false);
            steps.push(step);
        }
        let expected = [
            Step::Promote {
                id: 2,
                instead_of: None,
            },
            Step::HandOver,
            Step::Supersede { of: 1, by: 2 },
        ];
        assert_eq!(steps, expected);
    }
}
