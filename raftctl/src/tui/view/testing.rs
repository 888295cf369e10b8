//! Models to draw, the same in every run, and pictures of them as text.

pub(crate) mod contents;
mod picture;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::types::{
    Election, ElectionCause, Lag, LogLine, Member as Node, MemberStatus, NodeId, OperationKind,
    Role, SnapshotTransfer, TransferDirection,
};
pub(crate) use picture::{SIZES, at_all_sizes, drawn, picture, pictured};

use crate::{
    survey,
    tui::{
        app::{App, Electing, Event, EventWeight, Member, OperationRate, Sample, Settings},
        theme::{Depth, Theme},
    },
};

/// The looks of most pictures: no colour, but characters beyond ASCII.
pub(crate) const PLAIN: Theme = Theme {
    depth: Depth::None,
    unicode: true,
};

/// 2026-11-24 13:43:19 UTC.
const CLOCK: u64 = 1_795_527_799;

/// Before the first answer.
pub(crate) fn unanswered() -> App {
    let settings = Settings {
        endpoints: vec!["127.0.0.1:7421".to_owned()],
        read_only: false,
        interval: Duration::from_millis(250),
        mouse: true,
        theme: PLAIN,
    };
    // Far from the beginning of that clock: ages are taken from it.
    let now = Instant::now() + Duration::from_secs(400 * 86_400);
    App::new(settings, now, clock())
}

fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(CLOCK)
}

/// So long before [`clock`].
fn ago(seconds: u64) -> SystemTime {
    clock() - Duration::from_secs(seconds)
}

/// Three members under load: n2 leads since two hours, n1 was there before.
pub(crate) fn healthy() -> App {
    with_members(3)
}

/// Seven of them.
pub(crate) fn seven() -> App {
    with_members(7)
}

/// Their statuses: n2 leads.
pub(crate) fn statuses(count: NodeId) -> Vec<MemberStatus> {
    let nodes: Vec<Node> = (1..=count).map(survey::tests::member).collect();
    (1..=count)
        .map(|id| {
            let role = if id == 2 {
                Role::Leader
            } else {
                Role::Follower
            };
            let mut status = survey::tests::status(id, role, Some(2));
            status.cluster_id = "7d0f3a91c2b84e6f9a3b5c7d9e0f1a2b".to_owned();
            status.members = nodes.clone();
            status.store = "rocksdb".to_owned();
            let behind = [2, 0, 6, 1, 0, 412, 3][usize::try_from(id - 1).unwrap() % 7];
            status.applied -= behind;
            status.last_log -= if id == 3 { behind } else { 0 };
            status.snapshot = 1_280_000;
            status.purged = 1_275_000;
            status.log_bytes = 96 << 20;
            status.state_bytes = (314 + id) << 20;
            status.disk = Some(common::types::Disk {
                total: 480 << 30,
                free: 300 << 30,
            });
            status.fsync_p99 = Duration::from_micros(if id == 3 { 4100 } else { 300 + 40 * id });
            status.uptime = Duration::from_secs(if id == 1 { 7_860 } else { 273_600 });
            status.since_leader = (id != 2).then_some(Duration::from_millis(20 + id));
            status
        })
        .collect()
}

fn with_members(count: NodeId) -> App {
    let mut app = unanswered();
    app.cluster.probes.clear();
    for status in statuses(count) {
        let operation = |kind, rate, p50, p99| OperationRate {
            kind,
            rate,
            p50: Some(Duration::from_micros(p50)),
            p99: Some(Duration::from_micros(p99)),
        };
        let mut probe = Member {
            answered: Some(app.now - Duration::from_millis(120)),
            round_trip: Some(Duration::from_micros(200 + 50 * status.id)),
            ..Member::default()
        };
        probe.rates.operations = vec![
            operation(OperationKind::Put, 12_400.0, 1100, 3900),
            operation(OperationKind::Txn, 3.2, 2100, 12_900),
            operation(OperationKind::Get, 48_100.0, 300, 1200),
        ];
        let address = status.client_address.clone();
        probe.status = Some(status);
        app.cluster.probes.insert(address, probe);
    }
    app.cluster.heard = Some(app.now - Duration::from_millis(120));
    app.cluster.survey = Some(survey::tests::survey(statuses(count), &[]));
    app.cluster.samples = (0..240u32).map(sample).collect();
    let now = CLOCK * 1000;
    let election = |term, ago: u64, from, to, leaderless, cause| Election {
        term,
        at_ms: now - ago * 1000,
        from,
        to,
        leaderless: Duration::from_millis(leaderless),
        cause,
    };
    app.cluster.elections = vec![
        election(4, 20_900, None, 3, 0, ElectionCause::First),
        election(5, 17_000, Some(3), 1, 4, ElectionCause::HandedOver),
        election(6, 9_100, Some(1), 1, 1420, ElectionCause::Silence),
        election(7, 7_871, Some(1), 2, 31, ElectionCause::ProcessEnded),
    ];
    for (seconds, weight, text) in [
        (7_871, EventWeight::Bad, "n1 down"),
        (
            7_871,
            EventWeight::Warning,
            "n2 elected in term 7, 31 ms without a leader (n1's process ended)",
        ),
        (
            7_779,
            EventWeight::Good,
            "n1 back, caught up 412 entries in 0.1 s",
        ),
        (
            868,
            EventWeight::Info,
            "snapshot on n3: 1.2 M keys, 301 MiB, 0.9 s",
        ),
    ] {
        app.cluster.events.push_back(Event {
            at: ago(seconds),
            weight,
            text: text.to_owned(),
        });
    }
    app.raft.of = Some("n2".to_owned());
    app.raft.tail = (0..200).map(log_line).collect();
    app
}

/// A load that rises, with a dent.
fn sample(second: u32) -> Sample {
    let wave = (f64::from(second) / 17.0).sin() * 0.2 + 0.8;
    let rise = f64::from(second.min(200)) / 200.0;
    let dent = if (210..214).contains(&second) {
        0.05
    } else {
        1.0
    };
    let micros = |base: u64, peak: u64| {
        let time = if second.is_multiple_of(41) {
            peak
        } else {
            base + u64::from(second % 7) * 30
        };
        Some(Duration::from_micros(time))
    };
    let last_log = 1_284_913 - u64::from(239 - second) * 400 - u64::from(second % 5) * 30;
    Sample {
        writes: 12_400.0 * wave * rise * dent,
        reads: 48_100.0 * wave * (0.5 + rise / 2.0),
        put_p50: Some(Duration::from_micros(1100)),
        put_p99: micros(3900, 14_000),
        get_p50: Some(Duration::from_micros(300)),
        get_p99: micros(1200, 6_000),
        last_log,
        commit: last_log - 12,
    }
}

fn log_line(place: u64) -> LogLine {
    let operation = ["put", "put", "put", "delete", "txn"][usize::try_from(place % 5).unwrap()];
    LogLine {
        index: 1_284_714 + place,
        term: 7,
        operation: if place == 180 { "blank" } else { operation }.to_owned(),
        namespace: (place != 180).then(|| "sessions".to_owned()),
        key: (place != 180).then(|| format!("user:{}", 1000 + place * 37 % 900).into()),
        size: 180 + place * 13 % 90,
    }
}

/// n2, which led, does not answer for four seconds; n3 leads since.
pub(crate) fn one_down() -> App {
    let mut app = electing();
    app.cluster.electing = None;
    let now = CLOCK * 1000;
    let mut answers: Vec<MemberStatus> = statuses(3);
    answers.remove(1);
    for status in &mut answers {
        status.term = 8;
        status.leader = Some(3);
        status.applied = 1_284_930;
        status.commit = 1_284_930;
        status.last_log = 1_284_930;
    }
    answers[1].role = Role::Leader;
    app.cluster.survey = Some(survey::tests::survey(answers.clone(), &[2]));
    for status in answers {
        if let Some(probe) = app.cluster.probes.get_mut(&status.client_address) {
            probe.status = Some(status);
        }
    }
    app.cluster.elections.push(Election {
        term: 8,
        at_ms: now - 4_100,
        from: Some(2),
        to: 3,
        leaderless: Duration::from_millis(340),
        cause: ElectionCause::ProcessEnded,
    });
    app.cluster.events.push_back(Event {
        at: ago(4),
        weight: EventWeight::Warning,
        text: "n3 elected in term 8, 340 ms without a leader (n2's process ended)".to_owned(),
    });
    app
}

/// n2, which led, does not answer; nobody leads yet.
pub(crate) fn electing() -> App {
    let mut app = healthy();
    let mut answers: Vec<MemberStatus> = statuses(3);
    answers.remove(1);
    for status in &mut answers {
        status.leader = None;
        status.role = Role::Candidate;
        status.term = 8;
    }
    app.cluster.survey = Some(survey::tests::survey(answers.clone(), &[2]));
    for status in answers {
        if let Some(probe) = app.cluster.probes.get_mut(&status.client_address) {
            probe.status = Some(status);
        }
    }
    let gone = survey::tests::member(2).client_address;
    if let Some(probe) = app.cluster.probes.get_mut(&gone) {
        probe.error = Some("Connection refused".to_owned());
        probe.down_since = Some(app.now - Duration::from_millis(4_440));
        probe.answered = Some(app.now - Duration::from_millis(4_500));
    }
    app.cluster.electing = Some(Electing {
        since: app.now - Duration::from_millis(340),
        term: 8,
    });
    app.cluster.events.push_back(Event {
        at: ago(4),
        weight: EventWeight::Bad,
        text: "n2 down".to_owned(),
    });
    app
}

/// Nobody answers for twelve seconds.
pub(crate) fn silent() -> App {
    let mut app = healthy();
    app.cluster.heard = Some(app.now - Duration::from_secs(12));
    app.cluster.error = Some("Connection refused".to_owned());
    for probe in app.cluster.probes.values_mut() {
        probe.answered = app.cluster.heard;
        probe.down_since = Some(app.now - Duration::from_secs(12));
        probe.error = Some("Connection refused".to_owned());
    }
    app
}

/// Only n1 answers: no leader, and none to be had.
pub(crate) fn no_quorum() -> App {
    let mut app = electing();
    app.cluster.electing = None;
    let mut answers = statuses(1);
    for status in &mut answers {
        status.leader = None;
        status.role = Role::Candidate;
        status.term = 9;
        status.members = (1..=3).map(survey::tests::member).collect();
    }
    app.cluster.survey = Some(survey::tests::survey(answers, &[2, 3]));
    app
}

/// Whatever a member can be besides well, and nothing to do: an alarm, a learner, one that joins,
/// one that is behind, one with a full disk.
pub(crate) fn mixed() -> App {
    let mut app = seven();
    let mut answers = statuses(7);
    for status in &mut answers {
        status.members[3].voter = false;
        status.members[3].stays_learner = true;
        status.members[4].voter = false;
    }
    answers[0].alarms = vec!["the clock is 3 s ahead of the leader's".to_owned()];
    answers[3].role = Role::Learner;
    answers[4].role = Role::Learner;
    answers[4].applied = 0;
    answers[4].transfers = vec![SnapshotTransfer {
        direction: TransferDirection::Receiving,
        peer: 2,
        bytes: 124 << 20,
        total: Some(301 << 20),
    }];
    answers[5].applied = 1_184_501;
    answers[5].last_log = 1_184_501;
    answers[6].read_only = Some("its disk is full".to_owned());
    answers[6].disk = Some(common::types::Disk {
        total: 480 << 30,
        free: 0,
    });
    answers[1].lags = (1..=7)
        .filter(|id| *id != 2)
        .map(|id| Lag {
            id,
            matched: Some(if id == 6 { 1_184_501 } else { 1_284_913 }),
            behind: Duration::from_millis(if id == 6 { 12_300 } else { id }),
            last_contact: Some(Duration::from_millis(20)),
        })
        .collect();
    for status in &answers {
        if let Some(probe) = app.cluster.probes.get_mut(&status.client_address) {
            probe.status = Some(status.clone());
            probe.rates.operations.clear();
        }
    }
    app.cluster.survey = Some(survey::tests::survey(answers, &[]));
    for sample in &mut app.cluster.samples {
        *sample = Sample {
            last_log: 1_284_913,
            commit: 1_284_913,
            ..Sample::default()
        };
    }
    app
}

/// Names, keys and texts that could break a picture.
pub(crate) fn hostile() -> App {
    let mut app = seven();
    let names = [
        "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{540d}\u{524d}".repeat(5),
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}".to_owned(),
        "\x1b[2J\x07\r\n\t\u{202e}".to_owned(),
        "n".repeat(64),
        "e\u{301}\u{301}\u{301}\u{301}".repeat(9),
        "\u{200b}\u{200b}".to_owned(),
        String::new(),
    ];
    let mut answers = statuses(7);
    for status in &mut answers {
        for (member, name) in status.members.iter_mut().zip(&names) {
            member.name.clone_from(name);
        }
        status.alarms = names.to_vec();
        status.notices = names.to_vec();
        status.term = u64::MAX;
        status.commit = u64::MAX;
        status.store.clone_from(&names[2]);
    }
    app.cluster.survey = Some(survey::tests::survey(answers, &[]));
    let events = names.iter().map(|name| Event {
        at: SystemTime::UNIX_EPOCH,
        weight: EventWeight::Bad,
        text: name.clone(),
    });
    app.cluster.events.extend(events.collect::<Vec<_>>());
    for (line, name) in app.raft.tail.iter_mut().rev().zip(names.iter().cycle()) {
        line.key = Some(format!("{name}\u{0}").repeat(60).into());
        line.operation.clone_from(name);
        line.namespace = Some(name.clone());
    }
    app.settings.endpoints = names.to_vec();
    app
}
