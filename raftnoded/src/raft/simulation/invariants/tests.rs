//! Each property fails where it should, and only there.

use super::*;
use crate::raft::{
    codec::{encode_membership, encode_vote},
    simulation::member::info,
    types::{MemberInfo, Membership},
};

fn written(kind: u8, term: u64, index: u64, payload: &[u8]) -> Record {
    Record {
        kind,
        term,
        index,
        payload: payload.to_vec().into(),
    }
}

/// A command that was stamped with a time.
fn command(term: u64, index: u64, stamp: u64, text: &str) -> Record {
    let payload = [&[2], &stamp.to_le_bytes()[..], text.as_bytes()].concat();
    written(kind::COMMAND, term, index, &payload)
}

fn digest(text: &str) -> u64 {
    mirror::command_digest(&[&[0; 9], text.as_bytes()].concat())
}

fn vote(term: u64, node: u64, committed: bool) -> Record {
    let mut vote = Vote::new(term, node);
    vote.committed = committed;
    written(record::VOTE, term, 0, &encode_vote(vote))
}

fn at(term: u64, index: u64) -> Position {
    Position { term, index }
}

/// Three members that hold entries 0 and 1 of term 1, synced; member 1 led and committed the first.
fn cluster() -> Invariants {
    let mut all = Invariants::default();
    let nodes: BTreeMap<u64, MemberInfo> = (1..=3).map(|id| (id, info(id))).collect();
    let voters = Membership::new(vec![[1, 2, 3].into()], nodes).unwrap();
    let voters = encode_membership(&voters);
    for node in 1..=3 {
        for found in [
            vote(1, 1, node == 1),
            written(kind::MEMBERSHIP, 1, 0, &voters),
            command(1, 1, 10, "a"),
        ] {
            all.recorded(node, &found);
            all.durable(node, &found);
            all.claimed(node, &found);
        }
    }
    all.leads(1, 1);
    all.recorded(1, &written(record::COMMITTED, 1, 0, &[]));
    all
}

fn violated(act: impl FnOnce(&mut Invariants)) -> Option<Property> {
    let mut all = cluster();
    act(&mut all);
    all.violation().map(|violation| violation.property)
}

fn votes(all: &mut Invariants, node: u64, vote: &Record) {
    all.recorded(node, vote);
    all.claimed(node, vote);
}

fn commit(all: &mut Invariants, node: u64, index: u64) {
    all.recorded(node, &written(record::COMMITTED, 1, index, &[]));
}

#[test]
fn what_a_cluster_does_is_no_violation() {
    let found = violated(|all| {
        commit(all, 1, 1);
        all.applied(1, at(1, 1), 5);
        all.acknowledged(digest("a"), 1);
        all.says(1, Some(1), Some(1));
        for node in [2, 3] {
            votes(all, node, &vote(2, 2, false));
        }
        all.grants(3, Vote::new(2, 2));
        all.recorded(2, &vote(2, 2, true));
        all.leads(2, 2);
        all.recorded(2, &command(2, 2, 20, "b"));
        all.recorded(1, &vote(2, 2, true));
        commit(all, 3, 1);
        all.applied(3, at(1, 1), 5);
        all.refused(digest("c"));
    });
    assert_eq!(found, None);
}

#[test]
fn two_leaders_or_two_votes_in_a_term() {
    assert_eq!(
        violated(|all| all.leads(3, 1)),
        Some(Property::ElectionSafety)
    );
    let found = violated(|all| {
        all.claimed(2, &vote(2, 2, false));
        all.claimed(2, &vote(2, 3, false));
    });
    assert_eq!(found, Some(Property::ElectionSafety));
    let again = violated(|all| {
        all.recorded(2, &vote(2, 2, false));
        // A crash takes the vote, of which nobody has heard.
        all.recovered(2, &[vote(1, 1, false)], None);
        votes(all, 2, &vote(2, 3, false));
    });
    assert_eq!(again, None);
}

#[test]
fn a_vote_that_goes_back() {
    let back = violated(|all| {
        all.recorded(2, &vote(3, 2, false));
        all.recorded(2, &vote(2, 2, false));
    });
    assert_eq!(back, Some(Property::HardState));
    let lost = violated(|all| {
        all.claimed(2, &vote(2, 2, false));
        all.recovered(2, &[vote(1, 1, false)], None);
    });
    assert_eq!(lost, Some(Property::HardState));
}

#[test]
fn a_vote_that_counts_before_it_is_saved() {
    let granted = violated(|all| {
        all.recorded(2, &vote(2, 3, false));
        all.grants(2, Vote::new(2, 3));
    });
    assert_eq!(granted, Some(Property::HardState));
    let own = violated(|all| {
        all.recorded(2, &vote(2, 2, false));
        all.leads(2, 2);
    });
    assert_eq!(own, Some(Property::HardState));
}

#[test]
fn a_leader_that_cuts_its_log() {
    let cut = |node| violated(|all| all.recorded(node, &written(record::TRUNCATE, 1, 0, &[])));
    assert_eq!(cut(1), Some(Property::LeaderAppendOnly));
    assert_eq!(cut(2), None, "a follower may");
}

#[test]
fn logs_that_do_not_match() {
    let other = violated(|all| {
        all.recorded(2, &written(record::TRUNCATE, 1, 0, &[]));
        all.recorded(2, &command(1, 1, 10, "b"));
    });
    assert_eq!(other, Some(Property::LogMatching));
    let gap = violated(|all| all.recorded(2, &command(1, 3, 10, "b")));
    assert_eq!(gap, Some(Property::LogMatching));
    let before = violated(|all| {
        all.recorded(1, &command(1, 2, 10, "c"));
        all.recorded(2, &written(record::TRUNCATE, 1, 0, &[]));
        all.recorded(2, &command(9, 1, 10, "b"));
        all.recorded(2, &command(1, 2, 10, "c"));
    });
    assert_eq!(before, Some(Property::LogMatching));
}

#[test]
fn a_leader_without_a_committed_entry() {
    let found = violated(|all| {
        commit(all, 1, 1);
        all.recorded(3, &written(record::TRUNCATE, 1, 0, &[]));
        votes(all, 3, &vote(2, 3, false));
        all.leads(3, 2);
    });
    assert_eq!(found, Some(Property::LeaderCompleteness));
}

#[test]
fn a_commit_without_a_majority_on_disk() {
    let found = violated(|all| {
        let next = command(1, 2, 10, "b");
        all.recorded(1, &next);
        all.durable(1, &next);
        all.recorded(2, &next);
        commit(all, 1, 2);
    });
    assert_eq!(found, Some(Property::Durability));
    let lost = violated(|all| all.recovered(2, &[vote(1, 1, false)], Some(1)));
    assert_eq!(lost, Some(Property::Durability));
}

#[test]
fn entries_that_are_committed_or_applied_differently() {
    let committed = violated(|all| {
        commit(all, 1, 1);
        all.recorded(2, &vote(2, 3, false));
        all.recorded(2, &written(record::TRUNCATE, 1, 0, &[]));
        all.recorded(2, &command(2, 1, 10, "b"));
        commit(all, 2, 1);
    });
    assert_eq!(committed, Some(Property::StateMachineSafety));
    let applied = violated(|all| all.applied(2, at(2, 0), 5));
    assert_eq!(applied, Some(Property::StateMachineSafety));
    let state = violated(|all| {
        all.applied(1, at(1, 0), 5);
        all.applied(2, at(1, 0), 6);
    });
    assert_eq!(state, Some(Property::EqualReplicas));
}

#[test]
fn what_is_applied_before_it_is_committed_or_again() {
    let expected = Some(Property::AppliedIsCommitted);
    assert_eq!(violated(|all| all.applied(2, at(1, 1), 5)), expected);
    assert_eq!(violated(|all| all.says(2, Some(1), Some(0))), expected);
    assert_eq!(violated(|all| commit(all, 1, 7)), expected);
    let again = violated(|all| {
        all.applied(2, at(1, 0), 5);
        all.applied(2, at(1, 0), 5);
    });
    assert_eq!(again, expected);
}

#[test]
fn what_clients_are_told_and_is_not_so() {
    let nowhere = violated(|all| all.acknowledged(digest("a"), 1));
    assert_eq!(nowhere, Some(Property::Acknowledged));
    let other = violated(|all| {
        commit(all, 1, 1);
        all.acknowledged(digest("b"), 1);
    });
    assert_eq!(other, Some(Property::Acknowledged));
    let before = violated(|all| {
        commit(all, 1, 1);
        all.refused(digest("a"));
    });
    assert_eq!(before, Some(Property::Refused));
    let after = violated(|all| {
        all.refused(digest("a"));
        commit(all, 1, 1);
    });
    assert_eq!(after, Some(Property::Refused));
}

#[test]
fn a_stamp_that_goes_back() {
    let leader = violated(|all| all.recorded(1, &command(1, 2, 9, "b")));
    assert_eq!(leader, Some(Property::Clock));
    let follower = violated(|all| all.recorded(2, &command(1, 2, 9, "b")));
    assert_eq!(follower, None, "who stamped it is to blame");
}
