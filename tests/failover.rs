//! The leader is killed, paused or asked to stop in the middle of writes.

use std::time::{Duration, Instant};

use common::{
    Error,
    types::{Consistency, Role},
};

use crate::{
    cluster::{Cluster, Direct, wait_at_most, wait_for},
    journal::{Journal, Load},
};

/// How many writes are acknowledged before the fault, and how many must be after it.
const WRITES: usize = 300;

/// Of the links, which are not left to chance here.
const SEED: u64 = 1;

/// kill -9 of the leader under eight writers, three times; every acknowledged write is read back
/// from each of the survivors, and from the killed member when it is back.
async fn killed_under_load(settings: &[&str]) {
    let mut cluster = Cluster::start(settings).await;
    let mut journal = Journal::default();
    for round in 0..3 {
        let load = Load::start(&cluster, &format!("round {round}")).await;
        load.more(WRITES).await;
        let killed = cluster.leader().await;
        cluster.member(killed).kill();
        load.more(WRITES).await;
        let successor = cluster.leader().await;
        assert_ne!(successor, killed);
        let recorded = load.stop().await;
        eprintln!(
            "round {round}: {} acknowledged, writes stood still for {:?}",
            recorded.acknowledged(),
            recorded.standstill()
        );
        journal.absorb(recorded);
        journal.verify(&cluster).await;
        cluster.member(killed).start();
        cluster.settled().await;
    }
    journal.verify(&cluster).await;
    assert!(
        journal.standstill() < Duration::from_secs(15),
        "writes stood still for {:?}",
        journal.standstill()
    );
}

#[tokio::test]
async fn a_killed_leader_takes_no_acknowledged_write_along() {
    killed_under_load(&[]).await;
}

#[tokio::test]
async fn a_killed_leader_takes_no_acknowledged_write_along_on_rocksdb() {
    killed_under_load(&["--store", "rocksdb"]).await;
}

#[tokio::test]
async fn a_leader_whose_connections_are_cut_goes_on_to_lead() {
    let (mut cluster, links) = Cluster::prepare_behind_links(3, &[], SEED);
    cluster.start_all();
    let leader = cluster.leader().await;
    let term = cluster.status(leader).await.expect("a status").term;
    let load = Load::start(&cluster, "cut").await;
    for _ in 0..5 {
        load.more(WRITES).await;
        links.break_connections_to(leader);
    }
    load.more(WRITES).await;
    let status = cluster.status(leader).await.expect("a status");
    assert_eq!((status.role, status.term), (Role::Leader, term));
    load.stop().await.verify(&cluster).await;
    for member in cluster.members() {
        assert!(member.events("the leader's process is gone").is_empty());
    }
}

/// Survivors tell a dead process from a cut network, also through links: the call is refused.
#[tokio::test]
async fn behind_links_it_is_seen_that_the_leaders_process_is_gone() {
    let (mut cluster, links) = Cluster::prepare_behind_links(3, &[], SEED);
    cluster.start_all();
    let load = Load::start(&cluster, "gone").await;
    for round in 0..3 {
        load.more(WRITES).await;
        let killed = cluster.leader().await;
        // A leader can only be missed by those who know it.
        cluster.settled().await;
        let alarms = |cluster: &Cluster| -> usize {
            let survivors = cluster.members().iter().enumerate();
            survivors
                .filter(|(index, _)| *index != killed)
                .map(|(_, member)| member.events("the leader's process is gone").len())
                .sum()
        };
        let before = alarms(&cluster);
        // And one of them hears nothing of what it says.
        links.cut_one_way((killed + 1) % 3, killed);
        cluster.member(killed).kill();
        load.more(WRITES).await;
        assert!(alarms(&cluster) > before, "round {round}");
        links.heal();
        cluster.member(killed).start();
        cluster.settled().await;
    }
    load.stop().await.verify(&cluster).await;
}

/// A leader that no majority answers says so, instead of keeping callers until their time is over;
/// also those who come behind a write that it cannot finish.
#[tokio::test]
async fn a_leader_that_is_cut_off_sends_its_clients_away() {
    let (mut cluster, links) = Cluster::prepare_behind_links(3, &[], SEED);
    cluster.start_all();
    let cut_off = cluster.leader().await;
    let address = cluster.address(cut_off);
    let client = Direct::open(address, true).await.expect("a connection");
    client.put("default", "k", "before").await.expect("a put");
    links.isolate(cut_off);
    let waiting = client.clone().with_timeout(Duration::from_secs(10));
    let waiting = tokio::spawn(async move { waiting.put("default", "waiting", "x").await });
    wait_for("a write that nobody confirms", async || {
        let status = cluster.status(cut_off).await?;
        (status.last_log > status.commit).then_some(())
    })
    .await;
    // The election timeout is 300 ms, and a leader is none after four times that.
    let lease = Duration::from_secs(5);
    wait_at_most(lease, "it knows that it leads nobody", async || {
        let status = cluster.status(cut_off).await?;
        status.leader.is_none().then_some(())
    })
    .await;
    let began = Instant::now();
    let read = client.get("default", "k", Consistency::Linearizable).await;
    let write = client.put("default", "k", "lost").await;
    assert!(matches!(read, Err(Error::NotLeader { .. })), "{read:?}");
    assert!(matches!(write, Err(Error::NotLeader { .. })), "{write:?}");
    assert!(began.elapsed() < lease, "{:?}", began.elapsed());
    let waited = waiting.await.expect("a task");
    let unknown = matches!(waited, Err(Error::OutcomeUnknown { .. }));
    assert!(unknown, "it is in the log: {waited:?}");
    let successor = cluster.leader().await;
    assert_ne!(successor, cut_off);
    let other = cluster.direct(successor).await;
    other.put("default", "k", "after").await.expect("a put");
    links.heal();
    cluster.settled().await;
    let found = client.get("default", "k", Consistency::STALE).await;
    let value = found.expect("a get").entry.expect("the key").value;
    assert_eq!(value, "after");
}

#[tokio::test]
async fn one_member_that_takes_the_leader_for_dead_does_not_depose_it() {
    let (mut cluster, links) = Cluster::prepare_behind_links(3, &[], SEED);
    cluster.start_all();
    let leader = cluster.leader().await;
    let term = cluster.status(leader).await.expect("a status").term;
    let wrong = cluster.follower().await;
    let bystander = 3 - leader - wrong;
    let load = Load::start(&cluster, "alarm").await;
    load.more(WRITES).await;
    // Only one of the followers sees that calls to the leader are refused.
    cluster.member(bystander).pause();
    links.refuse_calls_to(leader);
    wait_for("a false alarm", async || {
        let alarms = cluster.members()[wrong].events("the leader's process is gone");
        (!alarms.is_empty()).then_some(())
    })
    .await;
    load.more(WRITES).await;
    links.heal();
    cluster.member(bystander).resume();
    load.more(WRITES).await;
    let status = cluster.status(leader).await.expect("a status");
    assert_eq!((status.role, status.term), (Role::Leader, term));
    load.stop().await.verify(&cluster).await;
}

/// A follower that lacks the last entries is the first in turn, and must not win.
#[tokio::test]
async fn the_survivor_with_the_shorter_log_does_not_win() {
    let mut cluster = Cluster::start(&[]).await;
    let mut journal = Journal::default();
    for round in 0..3 {
        let leader = cluster.leader().await;
        let behind = cluster.follower().await;
        let ahead = 3 - leader - behind;
        cluster.member(behind).pause();
        let load = Load::start(&cluster, &format!("behind {round}")).await;
        load.more(WRITES).await;
        let recorded = load.stop().await;
        // The one that is behind wakes up to a dead leader.
        cluster.member(leader).kill();
        cluster.member(behind).resume();
        assert_eq!(cluster.leader().await, ahead);
        journal.absorb(recorded);
        cluster.member(leader).start();
        cluster.settled().await;
        journal.verify(&cluster).await;
    }
}

/// Five members are restarted one after the other under eight writers, none of whose writes fails.
#[tokio::test]
async fn a_rolling_restart_is_not_noticed() {
    let mut cluster = Cluster::start_many(5, &[]).await;
    let load = Load::start_roaming(&cluster, "rolling", 8).await;
    for index in 0..5 {
        load.more(WRITES).await;
        cluster.member(index).terminate();
        let status = cluster.member(index).exited().await;
        assert_eq!(status.code(), Some(0));
        cluster.member(index).start();
        cluster.settled().await;
    }
    load.more(WRITES).await;
    let recorded = load.stop().await;
    eprintln!("writes stood still for {:?}", recorded.standstill());
    recorded.assert_no_failure();
    recorded.verify(&cluster).await;
}

#[tokio::test]
async fn a_killed_follower_is_not_missed() {
    let mut cluster = Cluster::start(&[]).await;
    let load = Load::start(&cluster, "follower").await;
    load.more(WRITES).await;
    let follower = cluster.follower().await;
    let before = cluster.leader().await;
    cluster.member(follower).kill();
    load.more(WRITES).await;
    assert_eq!(cluster.leader().await, before, "no election was needed");
    cluster.member(follower).start();
    load.more(WRITES).await;
    load.stop().await.verify(&cluster).await;
}

#[tokio::test]
async fn a_leader_that_was_paused_serves_nothing_outdated() {
    let mut cluster = Cluster::start(&[]).await;
    let paused = cluster.leader().await;
    let old = cluster.direct(paused).await;
    old.put("default", "k", "old").await.expect("a put");
    cluster.member(paused).pause();
    let successor = cluster.leader().await;
    assert_ne!(successor, paused);
    let new = cluster.direct(successor).await;
    let put = new.put("default", "k", "new").await.expect("a put");
    // The question waits in the socket of the paused leader: the first thing it finds.
    let question =
        tokio::spawn(async move { old.get("default", "k", Consistency::Linearizable).await });
    tokio::task::yield_now().await;
    cluster.member(paused).resume();
    let answer = question.await.expect("a task");
    let entry = answer.expect("a get").entry.expect("the key");
    assert_eq!((entry.value, entry.revision), ("new".into(), put.revision));
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn writes_go_on_while_the_leader_is_paused_under_load() {
    let mut cluster = Cluster::start(&[]).await;
    let load = Load::start(&cluster, "pause").await;
    load.more(WRITES).await;
    let paused = cluster.leader().await;
    cluster.member(paused).pause();
    let successor = cluster.leader().await;
    assert_ne!(successor, paused);
    load.more(50).await;
    cluster.member(paused).resume();
    load.more(WRITES).await;
    load.stop().await.verify(&cluster).await;
}

#[tokio::test]
async fn a_leader_asked_to_stop_hands_over_and_no_write_is_cut_off() {
    let mut cluster = Cluster::start(&[]).await;
    let load = Load::start(&cluster, "stop").await;
    load.more(WRITES).await;
    let stopped = cluster.leader().await;
    cluster.member(stopped).terminate();
    let status = cluster.member(stopped).exited().await;
    assert_eq!(status.code(), Some(0));
    load.more(WRITES).await;
    assert_ne!(cluster.leader().await, stopped);
    let journal = load.stop().await;
    // The clients that roam have sessions. A request of the others may reach a connection in the
    // moment in which it is closed, and nobody can tell them what became of it.
    let cut_off: Vec<_> = (0..4)
        .flat_map(|writer| {
            let keys = format!("stop/{writer}/");
            let mine = move |key: &&String| key.starts_with(&keys);
            journal.unknown().keys().filter(mine)
        })
        .collect();
    assert!(cut_off.is_empty(), "writes were cut off: {cut_off:?}");
    assert!(
        journal.standstill() < Duration::from_secs(5),
        "writes stood still for {:?}",
        journal.standstill()
    );
    journal.verify(&cluster).await;
    // A stop is not a leave.
    cluster.member(stopped).start();
    cluster.settled().await;
    let status = cluster.status(stopped).await.expect("a status");
    assert_eq!(status.id, stopped as u64 + 1);
    assert_eq!(status.members.len(), 3);
    journal.verify(&cluster).await;
}

#[tokio::test]
async fn every_member_stops_on_either_signal_and_the_last_one_does_not_wait_for_the_others() {
    let mut cluster = Cluster::start(&[]).await;
    let direct = cluster.direct(0).await;
    direct.put("default", "k", "v").await.expect("a put");
    for index in 0..3 {
        if index == 1 {
            cluster.member(index).interrupt();
        } else {
            cluster.member(index).terminate();
        }
        let status = cluster.member(index).exited().await;
        assert_eq!(status.code(), Some(0), "n{}", index + 1);
    }
    cluster.start_all();
    cluster.leader().await;
    let found = cluster.direct(2).await;
    let found = found.get("default", "k", Consistency::Linearizable).await;
    assert_eq!(found.expect("a get").entry.expect("the key").value, "v");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let mut cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let direct = cluster.direct(leader).await;
    for index in (0..3).filter(|index| *index != leader) {
        cluster.member(index).pause();
    }
    // A write that nobody confirms: the leader waits for it when it is asked to stop.
    let waiting = tokio::spawn(async move { direct.put("default", "k", "v").await });
    wait_for("the write is in the log", async || {
        let status = cluster.status(leader).await?;
        (status.last_log > status.commit).then_some(())
    })
    .await;
    cluster.member(leader).terminate();
    wait_for("the leader begins to stop", async || {
        (cluster.status(leader).await?.role == Role::Stopping).then_some(())
    })
    .await;
    cluster.member(leader).terminate();
    let status = cluster.member(leader).exited().await;
    assert_eq!(status.code(), Some(1), "not the code of an orderly stop");
    let outcome = waiting.await.expect("a task");
    assert!(
        matches!(outcome, Err(Error::OutcomeUnknown { .. })),
        "{outcome:?}"
    );
}
