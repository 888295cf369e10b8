use common::types::{Activity, Election, ElectionCause, Role};

use super::*;
use crate::tui::update::cluster::tests::{answer, later, of, silence, well};

fn texts(app: &App) -> Vec<&str> {
    app.cluster
        .events
        .iter()
        .map(|it| it.text.as_str())
        .collect()
}

fn election(term: u64, cause: ElectionCause, leaderless: u64) -> Election {
    Election {
        term,
        at_ms: 1_699_999_000_000 + term,
        from: Some(1),
        to: 2,
        leaderless: Duration::from_millis(leaderless),
        cause,
    }
}

fn tells(app: &mut App, id: u64, elections: Vec<Election>) {
    let activity = Activity {
        elections,
        ..Activity::default()
    };
    answer(app, of(id), activity);
}

#[test]
fn what_members_know_of_an_election_is_put_together() {
    let mut app = well();
    // It was just started, and knows no more.
    tells(
        &mut app,
        1,
        vec![Election {
            from: None,
            at_ms: 1_700_000_000_900,
            ..election(7, ElectionCause::First, 900)
        }],
    );
    assert_eq!(texts(&app), ["n2 elected in term 7"]);
    tells(&mut app, 2, vec![election(7, ElectionCause::Silence, 20)]);
    assert_eq!(
        texts(&app),
        ["n2 elected in term 7, 20 ms without a leader (n1 was silent)"]
    );
    tells(
        &mut app,
        3,
        vec![election(7, ElectionCause::ProcessEnded, 31)],
    );
    let all = "n2 elected in term 7, 31 ms without a leader (n1's process ended)";
    assert_eq!(texts(&app), [all]);
    app.changed = false;
    tells(
        &mut app,
        3,
        vec![election(7, ElectionCause::ProcessEnded, 31)],
    );
    assert!(!app.changed);
    assert_eq!(texts(&app), [all]);
    // An earlier one that was told of later stands before it, in its own time.
    tells(&mut app, 3, vec![election(6, ElectionCause::HandedOver, 0)]);
    assert_eq!(
        texts(&app),
        ["n2 elected in term 6 (handed over by n1)", all]
    );
    let terms: Vec<u64> = app.cluster.elections.iter().map(|it| it.term).collect();
    assert_eq!(terms, [6, 7]);
}

#[test]
fn members_come_go_and_are_promoted() {
    let mut app = well();
    let mut leader = of(2);
    let mut learner = crate::survey::tests::member(4);
    learner.voter = false;
    leader.members.push(learner);
    answer(&mut app, leader.clone(), Activity::default());
    leader.members[3].voter = true;
    answer(&mut app, leader.clone(), Activity::default());
    // A follower that is behind says nothing new.
    answer(&mut app, of(1), Activity::default());
    leader.members.remove(2);
    answer(&mut app, leader, Activity::default());
    assert_eq!(
        texts(&app),
        [
            "n4 added and votes when it has caught up",
            "n4 promoted to a voter",
            "n3 removed"
        ]
    );
}

#[test]
fn snapshots_and_alarms_are_events() {
    let mut app = well();
    let mut status = of(3);
    status.snapshot = 1_284_000;
    status.alarms = vec!["disk 96 % full".to_owned()];
    answer(&mut app, status.clone(), Activity::default());
    status.alarms = vec!["disk 97 % full".to_owned()];
    answer(&mut app, status.clone(), Activity::default());
    status.alarms.clear();
    status.read_only = Some("its disk is full".to_owned());
    answer(&mut app, status.clone(), Activity::default());
    status.read_only = None;
    answer(&mut app, status, Activity::default());
    let snapshot = format!("snapshot on n3 up to index {}", grouped(1_284_000));
    assert_eq!(
        texts(&app),
        [
            snapshot.as_str(),
            "n3: disk 96 % full",
            "n3, over: disk 97 % full",
            "n3 takes no writes: its disk is full",
            "n3 takes writes again",
        ]
    );
    let weights: Vec<EventWeight> = app.cluster.events.iter().map(|it| it.weight).collect();
    let (info, good) = (EventWeight::Info, EventWeight::Good);
    assert_eq!(
        weights,
        [info, EventWeight::Warning, good, EventWeight::Bad, good]
    );
}

#[test]
fn catching_up_begins_and_ends() {
    let mut app = well();
    let mut behind = of(3);
    behind.applied -= 40_213;
    answer(&mut app, behind.clone(), Activity::default());
    later(&mut app, 1200);
    behind.applied += 20_000;
    answer(&mut app, behind, Activity::default());
    answer(&mut app, of(3), Activity::default());
    let entries = entries(40_213);
    assert_eq!(
        texts(&app),
        [
            format!("n3 is catching up, {entries} behind"),
            format!("n3 caught up {entries} in 1.2 s")
        ]
    );
}

#[test]
fn no_leader_for_long_is_told_once() {
    let mut app = well();
    silence(&mut app, 2);
    for id in [1, 3] {
        let mut status = crate::survey::tests::status(id, Role::Candidate, None);
        status.term = 8;
        answer(&mut app, status, Activity::default());
    }
    later(&mut app, 999);
    overdue(&mut app);
    assert_eq!(texts(&app).len(), 1);
    later(&mut app, 1);
    overdue(&mut app);
    overdue(&mut app);
    assert_eq!(texts(&app)[1..], ["no leader since 1 s, term 8"]);
}

#[test]
fn old_events_are_let_go() {
    let mut app = well();
    for number in 0..250 {
        tell(&mut app, EventWeight::Info, number.to_string());
    }
    assert_eq!(app.cluster.events.len(), KEPT);
    assert_eq!(texts(&app)[0], "50");
}
