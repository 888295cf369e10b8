use common::{
    Error,
    types::{Formats, Lag, Role},
};

use super::{
    ask::{Reply, assemble},
    *,
};

pub(crate) fn member(id: u64) -> Member {
    Member {
        id,
        name: format!("n{id}"),
        voter: true,
        stays_learner: false,
        replaces: None,
        client_address: format!("127.0.0.1:742{id}"),
        peer_address: format!("127.0.0.1:752{id}"),
    }
}

pub(crate) fn status(id: u64, role: Role, leader: Option<u64>) -> MemberStatus {
    let Member {
        name,
        client_address,
        peer_address,
        ..
    } = member(id);
    MemberStatus {
        cluster_id: "c0ffee".to_owned(),
        id,
        name,
        role,
        term: 7,
        leader,
        last_log: 1_284_913,
        commit: 1_284_913,
        applied: 1_284_913,
        snapshot: 0,
        purged: 0,
        store: "memory".to_owned(),
        durable: true,
        client_address,
        peer_address,
        version: "0.1.0".to_owned(),
        uptime: Duration::from_secs(60),
        log_bytes: 1,
        state_bytes: 2,
        fsync_p99: Duration::from_micros(300),
        since_leader: None,
        ready: true,
        read_only: None,
        disk: None,
        transfers: Vec::new(),
        lags: Vec::new(),
        formats: Formats::default(),
        since_quorum: (role == Role::Leader).then_some(Duration::from_millis(50)),
        alarms: Vec::new(),
        notices: Vec::new(),
        members: vec![member(1), member(2), member(3)],
    }
}

/// Replies from where the members say they are.
pub(crate) fn survey(statuses: Vec<MemberStatus>, down: &[u64]) -> Survey {
    let mut replies: Vec<Reply> = statuses
        .into_iter()
        .map(|status| (status.client_address.clone(), Ok(status)))
        .collect();
    replies.extend(down.iter().map(|id| {
        let reason = "Connection refused".to_owned();
        (
            member(*id).client_address,
            Err(Error::Unreachable { reason }),
        )
    }));
    assemble(replies).unwrap()
}

fn all_well() -> Vec<MemberStatus> {
    vec![
        status(2, Role::Leader, Some(2)),
        status(1, Role::Follower, Some(2)),
        status(3, Role::Follower, Some(2)),
    ]
}

#[test]
fn three_that_answer_are_healthy() {
    let survey = survey(all_well(), &[]);
    assert_eq!(survey.verdict(), Verdict::Healthy);
    assert_eq!(survey.leader.as_ref().unwrap().name, "n2");
    assert_eq!(
        (survey.voters_up, survey.voters, survey.quorum()),
        (3, 3, 2)
    );
    let ids: Vec<u64> = survey.members.iter().map(|seen| seen.member.id).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert!(survey.remarks.is_empty());
}

#[test]
fn a_member_that_is_down_is_still_there_and_degrades() {
    let mut answers = all_well();
    answers.pop();
    let survey = survey(answers, &[3]);
    let down = &survey.members[2];
    assert_eq!(down.health, Health::Unreachable);
    assert_eq!(down.detail(), "Connection refused");
    assert!(survey.has_quorum());
    assert_eq!(survey.verdict(), Verdict::Degraded);
    assert_eq!(survey.reasons(), ["n3 unreachable (Connection refused)"]);
}

#[test]
fn one_of_three_is_no_quorum_even_if_it_still_thinks_it_leads() {
    let survey = survey(vec![status(2, Role::Leader, Some(2))], &[1, 3]);
    let (verdict, reasons) = (survey.verdict(), survey.reasons());
    assert_eq!(verdict, Verdict::NoQuorum);
    assert_eq!(reasons[0], "1 of 3 voters up, 2 needed");
}

#[test]
fn a_leader_that_hears_no_majority_has_no_quorum() {
    let mut answers = all_well();
    answers[0].since_quorum = Some(Duration::from_secs(4));
    let survey = survey(answers, &[]);
    let (verdict, reasons) = (survey.verdict(), survey.reasons());
    assert_eq!(verdict, Verdict::NoQuorum);
    assert_eq!(
        reasons,
        ["the leader has not heard from a majority for 4.0 s"]
    );
}

#[test]
fn an_election_is_seen_as_one() {
    let mut candidate = status(1, Role::Candidate, None);
    candidate.term = 8;
    let survey = survey(vec![candidate, status(3, Role::Follower, None)], &[2]);
    assert_eq!(survey.leader, None);
    assert_eq!(survey.term, 8);
    let (verdict, reasons) = (survey.verdict(), survey.reasons());
    assert_eq!(verdict, Verdict::NoQuorum);
    assert_eq!(
        reasons,
        [
            "no leader",
            "n1 electing",
            "n2 unreachable (Connection refused)",
            "n3 electing"
        ]
    );
}

#[test]
fn a_leader_only_we_cannot_reach_still_leads() {
    let answers = vec![
        status(1, Role::Follower, Some(2)),
        status(3, Role::Follower, Some(2)),
    ];
    let survey = survey(answers, &[2]);
    assert_eq!(survey.leader.as_ref().unwrap().id, 2);
    assert_eq!(survey.verdict(), Verdict::Degraded);
}

#[test]
fn of_two_that_think_they_lead_the_later_term_does() {
    let mut old = status(1, Role::Leader, Some(1));
    old.term = 6;
    old.applied -= 5000;
    let mut answers = all_well();
    answers[1] = old;
    let survey = survey(answers, &[]);
    assert_eq!(survey.leader.as_ref().unwrap().id, 2);
    assert_eq!(survey.term, 7);
    assert_eq!(survey.members[0].lag, Some(5000));
    assert_eq!(survey.members[0].health, Health::CatchingUp);
}

#[test]
fn an_alarm_degrades() {
    let mut answers = all_well();
    answers[1].alarms = vec!["disk 95 % full".to_owned()];
    let survey = survey(answers, &[]);
    let (verdict, reasons) = (survey.verdict(), survey.reasons());
    assert_eq!(verdict, Verdict::Degraded);
    assert_eq!(reasons, ["n1 alarm (disk 95 % full)"]);
}

#[test]
fn a_notice_is_no_alarm_and_is_told_once() {
    let soon_full = |percent| vec![format!("namespace x uses {percent} % of its max-keys")];
    let mut answers = all_well();
    answers[0].notices = soon_full(85);
    answers[1].notices = soon_full(84);
    let led = survey(answers.clone(), &[]);
    assert_eq!(led.verdict(), Verdict::Healthy);
    assert_eq!(led.notices(), ["namespace x uses 85 % of its max-keys"]);
    answers[2].notices = soon_full(84);
    let led_from_afar = survey(answers.split_off(1), &[2]);
    assert_eq!(
        led_from_afar.notices(),
        ["namespace x uses 84 % of its max-keys"]
    );
}

#[test]
fn a_member_reached_twice_counts_once_and_a_wrong_endpoint_is_told() {
    let mut replies: Vec<Reply> = vec![("localhost:7422".to_owned(), Ok(all_well().remove(0)))];
    replies.extend(
        all_well()
            .into_iter()
            .map(|status| (status.client_address.clone(), Ok(status))),
    );
    let reason = "Connection refused".to_owned();
    replies.push(("127.0.0.1:9".to_owned(), Err(Error::Unreachable { reason })));
    let mut foreign = status(1, Role::Leader, Some(1));
    foreign.cluster_id = "beef".to_owned();
    replies.push(("other:7420".to_owned(), Ok(foreign)));
    let survey = assemble(replies).unwrap();
    assert_eq!(survey.members.len(), 3);
    assert_eq!(survey.verdict(), Verdict::Healthy);
    assert_eq!(
        survey.remarks,
        [
            "other:7420 belongs to another cluster (beef) and is left out",
            "127.0.0.1:9 did not answer: Connection refused"
        ]
    );
}

#[test]
fn members_that_wait_for_each_other_are_forming() {
    let forming = |id| MemberStatus {
        cluster_id: String::new(),
        id: 0,
        members: Vec::new(),
        commit: 0,
        applied: 0,
        term: 0,
        ..status(id, Role::Forming, None)
    };
    let survey = survey(vec![forming(1), forming(2)], &[]);
    assert_eq!(survey.members.len(), 2);
    let (verdict, reasons) = (survey.verdict(), survey.reasons());
    assert_eq!(verdict, Verdict::NoQuorum);
    assert_eq!(
        reasons,
        ["the cluster is not formed yet", "n1 forming", "n2 forming"]
    );
}

#[test]
fn if_nobody_answers_every_attempt_is_named() {
    let reason = || "Connection refused".to_owned();
    let error = assemble(vec![
        (
            "a:1".to_owned(),
            Err(Error::Unreachable { reason: reason() }),
        ),
        (
            "b:2".to_owned(),
            Err(Error::Unreachable { reason: reason() }),
        ),
    ])
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no member could be reached: a:1: Connection refused; b:2: Connection refused"
    );
}

fn leader_with(lags: Vec<Lag>) -> MemberStatus {
    MemberStatus {
        lags,
        ..status(2, Role::Leader, Some(2))
    }
}

fn lag(id: u64, matched: u64, behind: Duration) -> Lag {
    Lag {
        id,
        matched: Some(matched),
        behind,
        last_contact: Some(Duration::from_millis(20)),
    }
}

#[test]
fn the_time_behind_decides_who_lags() {
    let late = |entries: u64, behind| {
        let mut follower = status(1, Role::Follower, Some(2));
        follower.applied -= entries;
        let leader = leader_with(vec![lag(1, follower.applied, behind)]);
        survey(
            vec![leader, follower, status(3, Role::Follower, Some(2))],
            &[],
        )
        .members[0]
            .health
    };
    // Many entries within a moment are load, few for long are a fault.
    assert_eq!(late(20_000, Duration::from_millis(30)), Health::Ok);
    assert_eq!(late(3, Duration::from_secs(6)), Health::CatchingUp);
    assert_eq!(late(500_000, Duration::ZERO), Health::CatchingUp);
}

#[test]
fn a_member_that_joins_is_no_problem_and_one_that_is_full_is() {
    let joins = Member {
        voter: false,
        ..member(4)
    };
    let mut answers = all_well();
    for status in &mut answers {
        status.members.push(joins.clone());
    }
    let mut newcomer = status(4, Role::Learner, Some(2));
    newcomer.applied = 0;
    newcomer.last_log = 642_456;
    answers.push(newcomer);
    let joined = survey(answers.clone(), &[]);
    assert_eq!(joined.verdict(), Verdict::Healthy);
    assert_eq!(joined.members[3].health, Health::Joining);
    assert_eq!(
        joined.notices(),
        ["n4 receives the log (49 %), then it votes"]
    );
    answers[1].read_only = Some("its disk is full".to_owned());
    let full = survey(answers, &[]);
    assert_eq!(full.verdict(), Verdict::Degraded);
    assert_eq!(full.reasons(), ["n1 read-only (its disk is full)"]);
}

fn empty(id: u64) -> MemberStatus {
    MemberStatus {
        cluster_id: String::new(),
        id: 0,
        members: Vec::new(),
        commit: 0,
        applied: 0,
        term: 0,
        ..status(id, Role::Joining, None)
    }
}

#[test]
fn a_node_that_waits_to_be_added_says_so() {
    let alone = survey(vec![empty(4)], &[]);
    assert_eq!(alone.verdict(), Verdict::NoQuorum);
    assert_eq!(alone.reasons()[0], "the node belongs to no cluster");
    let mut answers = all_well();
    answers.push(empty(4));
    let beside = survey(answers, &[]);
    assert_eq!(beside.verdict(), Verdict::Healthy);
    assert_eq!(beside.membership().count(), 3);
    assert_eq!(beside.notices(), ["n4 waits to be added"]);
}

#[test]
fn an_empty_node_in_the_place_of_a_voter_is_not_that_voter() {
    let mut answers = all_well();
    answers[2] = empty(3);
    let survey = survey(answers, &[]);
    assert_eq!((survey.voters_up, survey.voters), (2, 3));
    let voter = survey.member(3).unwrap();
    assert_eq!(voter.health, Health::Unreachable);
    assert_eq!(voter.detail(), "an empty node answers there");
}

#[test]
fn a_removed_node_that_still_runs_is_told_and_is_no_member() {
    let mut answers = all_well();
    for status in &mut answers[..2] {
        status.members.pop();
    }
    // It still believes what it knew when it was removed.
    answers[2].term = 6;
    let survey = survey(answers, &[]);
    assert_eq!(survey.voters, 2);
    assert!(survey.member(3).is_none());
    assert_eq!(survey.reasons(), ["n3 removed (it is no member any more)"]);
}

#[test]
fn a_disk_is_nearly_full_by_share_and_by_size() {
    let with = |total: u64, free: u64| {
        let mut answers = all_well();
        answers[1].disk = Some(common::types::Disk { total, free });
        survey(answers, &[])
    };
    let gib = 1_u64 << 30;
    assert_eq!(with(100 * gib, 11 * gib).notices(), [""; 0]);
    assert_eq!(
        with(100 * gib, 9 * gib).notices(),
        ["n1: disk 91 % full, 9.0 GiB free"]
    );
    assert_eq!(with(100 * gib, 4 * gib).verdict(), Verdict::Degraded);
    // A twentieth of a large disk is much.
    assert_eq!(with(10_000 * gib, 100 * gib).verdict(), Verdict::Healthy);
    assert_eq!(with(10_000 * gib, 100 * gib).notices(), [""; 0]);
    assert_eq!(with(0, 0).verdict(), Verdict::Healthy);
}
