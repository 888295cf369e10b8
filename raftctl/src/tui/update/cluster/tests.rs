use std::time::{Duration, Instant, SystemTime};

use common::types::{Latencies, NamespaceActivity, OperationActivity, OperationKind};

use super::*;
use crate::{
    survey::tests::{member, status},
    tui::{
        app::Settings,
        theme::{Depth, Theme},
    },
};

/// A dashboard of the members 1 to 3, before the first answer.
pub(crate) fn app() -> App {
    let settings = Settings {
        endpoints: vec![member(1).client_address],
        read_only: false,
        interval: Duration::from_millis(250),
        mouse: false,
        theme: Theme {
            depth: Depth::None,
            unicode: true,
        },
    };
    let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    App::new(settings, Instant::now(), clock)
}

/// Time passes.
pub(crate) fn later(app: &mut App, millis: u64) {
    app.now += Duration::from_millis(millis);
    app.clock += Duration::from_millis(millis);
}

/// The member answers this.
pub(crate) fn answer(app: &mut App, status: MemberStatus, activity: Activity) {
    let address = status.client_address.clone();
    looked(
        app,
        address,
        Duration::from_micros(300),
        Ok(Box::new((status, activity))),
    );
}

/// The member does not answer.
pub(crate) fn silence(app: &mut App, id: u64) {
    let reason = "Connection refused".to_owned();
    looked(app, member(id).client_address, Duration::ZERO, Err(reason));
}

/// Three members, and n2 leads.
pub(crate) fn well() -> App {
    let mut app = app();
    for id in [1, 2, 3] {
        answer(&mut app, of(id), Activity::default());
    }
    app.changed = false;
    app
}

/// What a member says while n2 leads.
pub(crate) fn of(id: u64) -> MemberStatus {
    let role = if id == 2 {
        Role::Leader
    } else {
        Role::Follower
    };
    status(id, role, Some(2))
}

fn asked(effects: &Effects) -> Vec<(&str, ActivityRequest)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Look { address, request } => Some((address.as_str(), *request)),
            _ => None,
        })
        .collect()
}

fn texts(app: &App) -> Vec<&str> {
    app.cluster
        .events
        .iter()
        .map(|it| it.text.as_str())
        .collect()
}

#[test]
fn every_member_is_asked_on_its_own_clock() {
    let mut app = app();
    let addresses: Vec<String> = (1..=3).map(|id| member(id).client_address).collect();
    assert_eq!(asked(&tick(&mut app)).len(), 1);
    assert!(tick(&mut app).is_empty());
    answer(&mut app, of(1), Activity::default());
    // The others were heard of, and are asked at once.
    let effects = tick(&mut app);
    let names: Vec<&str> = asked(&effects).iter().map(|it| it.0).collect();
    assert_eq!(names, [&addresses[1], &addresses[2]]);
    answer(&mut app, of(2), Activity::default());
    later(&mut app, 249);
    assert!(tick(&mut app).is_empty());
    later(&mut app, 51);
    // The third hangs, and holds up nobody.
    let effects = tick(&mut app);
    let names: Vec<&str> = asked(&effects).iter().map(|it| it.0).collect();
    assert_eq!(names, [&addresses[0], &addresses[1]]);
    for id in [1, 2] {
        answer(&mut app, of(id), Activity::default());
    }
    // Due at 250, asked at 300, due again at 500.
    later(&mut app, 200);
    assert_eq!(asked(&tick(&mut app)).len(), 2);
}

#[test]
fn screens_ask_for_what_they_show() {
    let mut app = well();
    later(&mut app, 250);
    app.screen = Screen::Raft;
    let effects = tick(&mut app);
    let tails: Vec<u32> = asked(&effects).iter().map(|it| it.1.log_tail).collect();
    assert_eq!(tails, [0, LOG_TAIL, 0]);
    let mut app = well();
    later(&mut app, 250);
    app.screen = Screen::Namespaces;
    let effects = tick(&mut app);
    assert!(
        asked(&effects)
            .iter()
            .all(|it| it.1.namespaces && it.1.log_tail == 0)
    );
}

#[test]
fn the_same_answer_draws_nothing() {
    let mut app = well();
    let mut again = of(2);
    again.uptime += Duration::from_millis(250);
    again.since_quorum = Some(Duration::from_millis(7));
    answer(&mut app, again.clone(), Activity::default());
    assert!(!app.changed);
    again.last_log += 1;
    answer(&mut app, again, Activity::default());
    assert!(app.changed);
    // An idle cluster: its charts stand still.
    let mut app = well();
    tick(&mut app);
    for second in 0..3u64 {
        later(&mut app, 1000);
        tick(&mut app);
        for id in [1, 2, 3] {
            let mut same = of(id);
            // Long enough for days and hours.
            same.uptime = Duration::from_secs(200_000 + second);
            answer(&mut app, same, Activity::default());
        }
        app.changed &= second < 2;
    }
    assert!(!app.changed);
}

#[test]
fn a_leader_that_dies_is_told_and_followed_by_another() {
    let mut app = well();
    let down = app.now;
    silence(&mut app, 2);
    assert!(app.changed);
    // The others follow it still: it is not known to be gone.
    assert_eq!(
        app.cluster
            .survey
            .as_ref()
            .unwrap()
            .leader
            .as_ref()
            .unwrap()
            .id,
        2
    );
    assert_eq!(app.cluster.electing, None);
    later(&mut app, 100);
    for id in [1, 3] {
        let mut candidate = status(id, Role::Candidate, None);
        candidate.term = 8;
        answer(&mut app, candidate, Activity::default());
    }
    let electing = app.cluster.electing.unwrap();
    assert_eq!((electing.since, electing.term), (app.now, 8));
    app.changed = false;
    later(&mut app, 100);
    tick(&mut app);
    assert!(app.changed, "its time runs");
    let mut elected = status(3, Role::Leader, Some(3));
    elected.term = 8;
    answer(&mut app, elected, Activity::default());
    assert_eq!(app.cluster.electing, None);
    let survey = app.cluster.survey.as_ref().unwrap();
    assert_eq!(
        (survey.leader.as_ref().unwrap().id, survey.voters_up),
        (3, 2)
    );
    let probe = app.cluster.last_word(2).unwrap();
    assert_eq!(probe.down_since, Some(down));
    assert_eq!(probe.status.as_ref().unwrap().last_log, of(2).last_log);
    assert_eq!(texts(&app), ["n2 down (Connection refused)"]);
    later(&mut app, 4000);
    answer(
        &mut app,
        status(2, Role::Follower, Some(3)),
        Activity::default(),
    );
    assert_eq!(texts(&app)[1], "n2 back after 4 s");
    assert_eq!(app.cluster.last_word(2).unwrap().down_since, None);
}

#[test]
fn a_leader_that_hangs_does_not_lead_against_the_others() {
    let mut app = well();
    later(&mut app, 250);
    tick(&mut app);
    later(&mut app, 300);
    for id in [1, 3] {
        let mut candidate = status(id, Role::Candidate, None);
        candidate.term = 8;
        answer(&mut app, candidate, Activity::default());
    }
    assert!(app.cluster.electing.is_some());
}

#[test]
fn when_nobody_answers_the_last_picture_stays() {
    let mut app = well();
    for id in [1, 2, 3] {
        silence(&mut app, id);
    }
    let survey = app.cluster.survey.as_ref().unwrap();
    assert_eq!((survey.voters, survey.voters_up, survey.term), (3, 0, 7));
    assert!(survey.leader.is_none());
    assert!(
        survey
            .members
            .iter()
            .all(|seen| seen.health == Health::Unreachable)
    );
    assert!(app.cluster.error.as_ref().unwrap().contains("refused"));
    // That is no election.
    assert_eq!(app.cluster.electing, None);
    answer(&mut app, of(2), Activity::default());
    assert_eq!(app.cluster.error, None);
}

#[test]
fn an_address_is_let_go_with_its_member() {
    let mut app = well();
    let mut fewer = of(2);
    fewer.members.pop();
    answer(&mut app, fewer.clone(), Activity::default());
    let known: Vec<&String> = app.cluster.probes.keys().collect();
    assert_eq!(
        known,
        [&member(1).client_address, &member(2).client_address]
    );
    // Its last answer comes too late.
    answer(&mut app, of(3), Activity::default());
    assert_eq!(app.cluster.probes.len(), 2);
    assert_eq!(texts(&app), ["n3 removed"]);
    // An endpoint stays.
    fewer.members.remove(0);
    answer(&mut app, fewer, Activity::default());
    assert!(app.cluster.probes.contains_key(&member(1).client_address));
}

#[test]
fn a_member_is_asked_at_one_address() {
    let mut app = app();
    app.settings.endpoints = vec!["localhost:7421".to_owned()];
    app.cluster = Cluster::new(&app.settings.endpoints);
    let took = Duration::from_millis(1);
    let alias = |app: &mut App, answer| looked(app, "localhost:7421".to_owned(), took, answer);
    alias(&mut app, Ok(Box::new((of(1), Activity::default()))));
    assert!(!app.cluster.probes.contains_key(&member(1).client_address));
    assert_eq!(app.cluster.probes.len(), 3);
    // The name leads nowhere any more: the address may.
    answer(&mut app, of(2), Activity::default());
    alias(&mut app, Err("no such host".to_owned()));
    assert!(app.cluster.probes.contains_key(&member(1).client_address));
}

fn latencies(micros: &[u64]) -> Latencies {
    let mut counted = histogram::Histogram::with_config(&Latencies::config());
    for micros in micros {
        counted.increment(*micros).unwrap();
    }
    Latencies::of(&counted)
}

fn activity(puts: &[u64], gets: &[u64]) -> Activity {
    let of = |kind, micros| OperationActivity {
        kind,
        latencies: latencies(micros),
    };
    Activity {
        operations: vec![of(OperationKind::Put, puts), of(OperationKind::Get, gets)],
        namespaces: vec![NamespaceActivity {
            name: "default".to_owned(),
            writes: puts.len() as u64,
            reads: gets.len() as u64,
        }],
        ..Activity::default()
    }
}

#[test]
fn rates_are_differences_over_time() {
    let mut app = app();
    answer(&mut app, of(1), activity(&[1000; 10], &[]));
    assert!(
        app.cluster
            .last_word(1)
            .unwrap()
            .rates
            .operations
            .is_empty()
    );
    later(&mut app, 500);
    let mut up = of(1);
    up.uptime += Duration::from_millis(500);
    answer(&mut app, up.clone(), activity(&[1000; 60], &[200; 5]));
    let rates = &app.cluster.last_word(1).unwrap().rates;
    assert_eq!((rates.writes, rates.reads), (100.0, 10.0));
    assert_eq!(rates.namespaces["default"], (100.0, 10.0));
    let put = &rates.operations[0];
    assert_eq!((put.kind, put.rate), (OperationKind::Put, 100.0));
    let p99 = put.p99.unwrap();
    assert!(p99 >= Duration::from_micros(1000) && p99 < Duration::from_micros(1080));
    // Another process counts from nothing.
    later(&mut app, 500);
    up.uptime = Duration::from_secs(1);
    answer(&mut app, up, activity(&[1000; 70], &[200; 5]));
    assert_eq!(app.cluster.last_word(1).unwrap().rates.writes, 0.0);
    assert_eq!(texts(&app), ["n1 restarted"]);
}

#[test]
fn a_sample_is_what_all_members_did_in_a_second() {
    let mut app = app();
    answer(&mut app, of(1), activity(&[], &[]));
    answer(&mut app, of(2), activity(&[], &[]));
    later(&mut app, 800);
    // It is told later than a second, and counts for the time it was done in.
    answer(&mut app, of(1), activity(&[1000; 80], &[100; 40]));
    answer(&mut app, of(2), activity(&[9000; 80], &[]));
    later(&mut app, 199);
    tick(&mut app);
    assert!(app.cluster.samples.is_empty());
    later(&mut app, 1);
    app.changed = false;
    tick(&mut app);
    assert!(app.changed);
    let sample = &app.cluster.samples[0];
    assert_eq!((sample.writes, sample.reads), (200.0, 50.0));
    assert_eq!(sample.last_log, of(1).last_log);
    let (p50, p99) = (sample.put_p50.unwrap(), sample.put_p99.unwrap());
    assert!(p50 < Duration::from_micros(1100) && p99 > Duration::from_micros(8900));
    assert!(sample.get_p99.unwrap() < Duration::from_micros(110));
    for _ in 0..700 {
        later(&mut app, 1000);
        tick(&mut app);
    }
    assert_eq!(app.cluster.samples.len(), 600);
    assert_eq!(app.cluster.samples[599].put_p50, None);
}
