//! A member that fell behind the purge catches up by snapshot; disk stays bounded.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Client,
    types::{Consistency, GetRequest, PutRequest},
};

use crate::cluster::{Cluster, Slots, wait_at_most, wait_for};

/// Writes of the long absence.
const WRITES: u64 = 200_000;

/// Tasks that write at the same time, and the connections they share.
const TASKS: u64 = 256;
const CONNECTIONS: usize = 4;

/// The value of a key: 100 bytes that name it.
fn value_of(number: u64) -> Bytes {
    format!("{number:0>100}").into()
}

fn key_of(number: u64) -> Bytes {
    format!("key/{number:06}").into()
}

/// Puts keys 0 to `count`, each once, every one of which must succeed.
async fn fill(clients: &[Client], count: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let client = clients[task as usize % clients.len()].clone();
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let request = PutRequest::new("bulk", key_of(number), value_of(number));
                    client.put(request).await.expect("a put");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a writer");
    }
}

async fn catches_up_by_snapshot(store: &str) {
    let _alone = Slots::alone();
    let sizes = [
        "--snapshot-every",
        "2MiB",
        "--log-retain",
        "1MiB",
        "--log-segment",
        "4MiB",
    ];
    let mut cluster = Cluster::start(&[&["--store", store], &sizes[..]].concat()).await;
    let behind = cluster.follower().await;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(cluster.client().await);
    }
    clients[0]
        .put(PutRequest::new("bulk", "first", "1"))
        .await
        .expect("a put");
    cluster.settled().await;
    let before = cluster.status(behind).await.expect("a status");
    cluster.member(behind).kill();

    let began = Instant::now();
    fill(&clients, WRITES).await;
    eprintln!("{WRITES} writes in {:?}", began.elapsed());
    let leader = cluster.leader().await;
    let purged = wait_for(
        "the log is purged beyond what the absent member has",
        async || {
            let purged = cluster.status(leader).await?.purged;
            (purged > before.last_log + 1000).then_some(purged)
        },
    )
    .await;

    // The leader goes on serving while the other catches up.
    let stop = Arc::new(AtomicBool::new(false));
    let serving = tokio::spawn({
        let (stop, client) = (Arc::clone(&stop), clients[0].clone());
        async move {
            let (mut served, mut slowest) = (0_u64, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let value = Bytes::from(served.to_string());
                let request = PutRequest::new("bulk", "during", value.clone());
                client
                    .put(request)
                    .await
                    .expect("a put while a snapshot is sent");
                let get = GetRequest::new("bulk", "during", Consistency::Linearizable);
                let found = client
                    .get(get)
                    .await
                    .expect("a get while a snapshot is sent");
                assert_eq!(found.entry.expect("the key").value, value);
                slowest = slowest.max(began.elapsed());
                served += 1;
            }
            (served, slowest)
        }
    });
    cluster.member(behind).start();
    let status = wait_for("the member that was away has caught up", async || {
        let goal = cluster.status(leader).await?.commit;
        let status = cluster.status(behind).await?;
        (status.applied + 100 >= goal && status.applied > purged).then_some(status)
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let (served, slowest) = serving.await.expect("the client that goes on");
    eprintln!("{served} rounds while it caught up, the slowest took {slowest:?}");
    assert!(served >= 3, "{served} rounds");
    assert!(slowest < Duration::from_secs(5), "a round took {slowest:?}");

    assert!(status.snapshot > before.last_log, "{status:?}");
    let installed = cluster.members()[behind].events("snapshot installed");
    let index = installed.last().and_then(|event| event["index"].as_u64());
    assert!(
        index.is_some_and(|index| index >= purged),
        "a snapshot of at least {purged} was installed: {installed:?}"
    );

    cluster.settled().await;
    let direct = cluster.direct(behind).await;
    let counted = direct.count("bulk", Consistency::STALE).await;
    assert_eq!(counted.expect("a count").count, WRITES + 2);
    cluster.assert_replicas_equal("bulk").await;
    let held = cluster.replica(behind, "bulk").await;
    for number in 0..WRITES {
        assert_eq!(held[&key_of(number)], value_of(number));
    }

    // Now it carries the majority.
    let other = (0..3).find(|index| *index != behind && *index != leader);
    cluster.member(other.expect("a third member")).kill();
    direct
        .put("bulk", "last", "x")
        .await
        .expect("a put with the majority of two");
    // And what it received survives its own restart.
    cluster.member(behind).kill();
    cluster.member(behind).start();
    cluster.settled().await;
    let counted = cluster
        .direct(behind)
        .await
        .count("bulk", Consistency::STALE)
        .await;
    assert_eq!(counted.expect("a count").count, WRITES + 3);
}

#[tokio::test]
async fn a_member_away_during_200_000_writes_catches_up_by_snapshot() {
    catches_up_by_snapshot("memory").await;
}

#[tokio::test]
async fn a_member_away_during_200_000_writes_catches_up_by_snapshot_on_rocksdb() {
    catches_up_by_snapshot("rocksdb").await;
}

/// A member killed before, while and after it installs a snapshot catches up all the same.
#[tokio::test]
async fn a_member_killed_while_it_catches_up_begins_again() {
    let _alone = Slots::alone();
    let sizes = [
        "--snapshot-every",
        "2MiB",
        "--log-retain",
        "0",
        "--log-segment",
        "2MiB",
    ];
    for store in ["memory", "rocksdb"] {
        let mut cluster = Cluster::start(&[&["--store", store], &sizes[..]].concat()).await;
        let behind = cluster.follower().await;
        cluster.member(behind).kill();
        let clients = [cluster.client().await];
        fill(&clients, 60_000).await;
        let leader = cluster.leader().await;
        wait_for("the log is purged", async || {
            (cluster.status(leader).await?.purged > 1000).then_some(())
        })
        .await;
        for message in [
            "receiving a snapshot",
            "receiving a snapshot",
            "snapshot installed",
        ] {
            let seen = cluster.members()[behind].events(message).len();
            cluster.member(behind).start();
            wait_for(message, async || {
                (cluster.members()[behind].events(message).len() > seen).then_some(())
            })
            .await;
            cluster.member(behind).kill();
        }
        cluster.member(behind).start();
        cluster.settled().await;
        let held = cluster.replica(behind, "bulk").await;
        assert_eq!(held.len(), 60_000, "{store}");
        cluster.assert_replicas_equal("bulk").await;
    }
}

/// So many bytes of log may be on disk: the log behind a snapshot while the next one is written,
/// what is kept for laggards, and segments prepared for reuse.
const LOG_BOUND: u64 = 24 << 20;

/// And with the state, a snapshot being written beside the last one included.
const DISK_BOUND: u64 = 48 << 20;

#[tokio::test]
async fn endless_overwrites_of_the_same_keys_need_no_more_disk() {
    let _alone = Slots::alone();
    let sizes = [
        "--snapshot-every",
        "2MiB",
        "--log-retain",
        "1MiB",
        "--log-segment",
        "4MiB",
    ];
    for store in ["memory", "rocksdb"] {
        let cluster = Cluster::start(&[&["--store", store], &sizes[..]].concat()).await;
        let client = cluster.client().await;
        let value = Bytes::from(vec![7; 16 * 1024]);
        // Ten times the bound, in 32 keys that hold half a MiB.
        let writes = 10 * LOG_BOUND / value.len() as u64;
        let next = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..16)
            .map(|_| {
                let (client, value, next) = (client.clone(), value.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= writes {
                            return;
                        }
                        let key = format!("k{}", number % 32);
                        let request = PutRequest::new("default", key, value.clone());
                        client.put(request).await.expect("a put");
                    }
                })
            })
            .collect();
        // Bounded all the time, and not only in the end.
        let mut most = 0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            for index in 0..3 {
                most = most.max(cluster.members()[index].disk_bytes());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for writer in writers {
            writer.await.expect("a writer");
        }
        eprintln!("{store}: at most {most} bytes on disk");
        assert!(
            most < 2 * DISK_BOUND,
            "{store}: {most} bytes on disk while writing"
        );
        for index in 0..3 {
            let bound = Duration::from_secs(30);
            wait_at_most(bound, "log and disk fall below their bounds", async || {
                let status = cluster.status(index).await?;
                let disk = cluster.members()[index].disk_bytes();
                (status.log_bytes < LOG_BOUND && disk < DISK_BOUND && status.purged > 0)
                    .then_some(())
            })
            .await;
        }
        cluster.assert_replicas_equal("default").await;
    }
}
