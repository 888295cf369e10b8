use common::types::{MemberStatus, Role};

use super::*;
use crate::survey::tests::{member, status, survey};

/// `voters` members led by n1; the last `down` of them do not answer.
fn cluster(voters: u64, down: u64) -> Survey {
    let members: Vec<_> = (1..=voters).map(member).collect();
    let up: Vec<MemberStatus> = (1..=voters - down)
        .map(|id| {
            let role = if id == 1 {
                Role::Leader
            } else {
                Role::Follower
            };
            MemberStatus {
                members: members.clone(),
                ..status(id, role, Some(1))
            }
        })
        .collect();
    let down: Vec<u64> = (voters - down + 1..=voters).collect();
    survey(up, &down)
}

fn effect(change: impl Fn(&Survey) -> Change<'_>, survey: &Survey) -> Effect {
    Effect::of(change(survey), survey)
}

fn removes(id: u64) -> impl Fn(&Survey) -> Change<'_> {
    move |survey| Change::Remove(survey.member(id).unwrap())
}

fn adds(_: &Survey) -> Change<'_> {
    Change::Add { learner: false }
}

#[test]
fn a_fourth_voter_raises_the_quorum_and_tolerates_no_more() {
    let effect = effect(adds, &cluster(3, 0));
    assert_eq!(
        effect.to_string(),
        "voters 3 -> 4, quorum 2 -> 3, tolerates 1 -> 1"
    );
    assert_eq!(
        effect.warnings,
        ["4 voters tolerate no more failures than 3"]
    );
    assert_eq!(effect.risk(), None);
}

#[test]
fn a_fifth_voter_and_a_learner_need_no_warning() {
    let fifth = effect(adds, &cluster(4, 0));
    assert_eq!(
        fifth.to_string(),
        "voters 4 -> 5, quorum 3 -> 3, tolerates 1 -> 2"
    );
    assert!(fifth.warnings.is_empty());
    let learner = effect(|_| Change::Add { learner: true }, &cluster(4, 0));
    assert_eq!(
        learner.to_string(),
        "voters 4 -> 4, quorum 3 -> 3, tolerates 1 -> 1"
    );
    assert!(learner.warnings.is_empty(), "the four were there before");
}

#[test]
fn adding_beside_a_member_that_is_down_points_to_replace() {
    let effect = effect(adds, &cluster(3, 1));
    assert_eq!(
        effect.warnings[..2],
        [
            "n3 is down and counts: 3 of 4 voters will be up, none may fail",
            "to put the new node in the place of n3: `raftctl members replace n3 HOST:PORT`"
        ]
    );
}

#[test]
fn removing_down_to_two_and_one_is_told() {
    let two = effect(removes(3), &cluster(3, 0));
    assert_eq!(
        two.to_string(),
        "voters 3 -> 2, quorum 2 -> 2, tolerates 1 -> 0"
    );
    assert_eq!(two.warnings, ["of two voters neither may fail"]);
    let one = effect(removes(2), &cluster(2, 0));
    assert_eq!(
        one.warnings,
        ["one voter tolerates no failure, and has the only copy"]
    );
    assert_eq!(one.risk(), None);
}

#[test]
fn removing_the_one_that_is_down_is_no_risk_but_removing_another_is() {
    let cluster = cluster(3, 1);
    let dead = effect(removes(3), &cluster);
    assert_eq!((dead.up, dead.risk()), (2, None));
    let alive = effect(removes(2), &cluster);
    assert_eq!(
        alive.risk(),
        Some(Error::QuorumAtRisk {
            voters: 2,
            reachable: 1,
            quorum: 2
        })
    );
    let demoted = effect(|survey| Change::Demote(survey.member(2).unwrap()), &cluster);
    assert_eq!(demoted.risk(), alive.risk());
}

#[test]
fn the_only_voter_cannot_go_without_risk() {
    let effect = effect(removes(1), &cluster(1, 0));
    assert_eq!(
        effect.to_string(),
        "voters 1 -> 0, quorum 1 -> 0, tolerates 0 -> 0"
    );
    assert!(effect.risk().is_some());
}

#[test]
fn a_leader_that_goes_hands_over_first() {
    let effect = effect(removes(1), &cluster(5, 0));
    assert_eq!(
        effect.warnings[0],
        "n1 leads: it hands leadership over first"
    );
}

#[test]
fn replacing_the_dead_changes_no_numbers_and_brings_one_more_up() {
    let effect = effect(
        |survey| Change::Replace(survey.member(3).unwrap()),
        &cluster(3, 1),
    );
    assert_eq!(
        effect.to_string(),
        "voters 3 -> 3, quorum 2 -> 2, tolerates 1 -> 1"
    );
    assert_eq!(effect.up, 3);
    assert!(effect.warnings.is_empty(), "{:?}", effect.warnings);
}

#[test]
fn numbers_hold_for_every_cluster_and_change() {
    for voters in 1..=9_u64 {
        for down in 0..=(voters - 1) / 2 {
            let cluster = cluster(voters, down);
            for id in 1..=voters {
                let effect = effect(removes(id), &cluster);
                let after = effect.after;
                assert_eq!(after.voters + 1, cluster.voters);
                if after.voters > 0 {
                    assert!(after.quorum * 2 > after.voters);
                    assert!((after.quorum - 1) * 2 <= after.voters);
                }
                let gone_is_down = id > voters - down;
                let up = voters - down - u64::from(!gone_is_down);
                assert_eq!(effect.up as u64, up);
                assert_eq!(
                    effect.risk().is_some(),
                    effect.up < after.quorum.max(1),
                    "{voters} voters, {down} down, n{id} goes"
                );
            }
        }
    }
}
