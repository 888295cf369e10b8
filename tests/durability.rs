//! What was acknowledged survives the death of all members at once.

use crate::{
    cluster::{Cluster, Slots},
    journal::{Journal, Load},
};

/// kill -9 of all three under eight writers, three times.
async fn all_killed(settings: &[&str]) {
    let mut cluster = Cluster::start(settings).await;
    let mut journal = Journal::default();
    for round in 0..3 {
        let load = Load::start(&cluster, &format!("round {round}")).await;
        load.more(400).await;
        cluster.kill_all();
        let recorded = load.stop().await;
        assert!(recorded.acknowledged() >= 400);
        journal.absorb(recorded);
        cluster.start_all();
        cluster.leader().await;
        journal.verify(&cluster).await;
    }
}

#[tokio::test]
async fn all_members_killed_at_once_lose_nothing_acknowledged() {
    all_killed(&[]).await;
}

#[tokio::test]
async fn all_members_killed_at_once_lose_nothing_acknowledged_on_rocksdb() {
    all_killed(&["--store", "rocksdb"]).await;
}

/// Killed again and again while snapshots are taken and the log is purged under it.
async fn killed_while_compacting(store: &str) {
    // With small segments and snapshots a few seconds hold many of both.
    let _alone = Slots::alone();
    let settings = [
        "--store",
        store,
        "--snapshot-every",
        "1MiB",
        "--log-retain",
        "0",
    ];
    let small = ["--log-segment", "2MiB"];
    let mut cluster = Cluster::start(&[&settings[..], &small[..]].concat()).await;
    let mut journal = Journal::default();
    for round in 0..4 {
        let load = Load::start(&cluster, &format!("round {round}")).await;
        load.more(6_000).await;
        cluster.kill_all();
        journal.absorb(load.stop().await);
        cluster.start_all();
        cluster.leader().await;
    }
    journal.verify(&cluster).await;
    let status = cluster.status(0).await.expect("a status");
    assert!(status.purged > 0, "the log was purged: {status:?}");
}

#[tokio::test]
async fn members_killed_while_they_compact_the_log_lose_nothing() {
    killed_while_compacting("memory").await;
}

#[tokio::test]
async fn members_killed_while_they_compact_the_log_lose_nothing_on_rocksdb() {
    killed_while_compacting("rocksdb").await;
}

#[tokio::test]
async fn a_single_member_keeps_what_it_acknowledged() {
    for store in ["memory", "rocksdb"] {
        let mut cluster = Cluster::single(&["--store", store]).await;
        let mut journal = Journal::default();
        for round in 0..3 {
            let load = Load::start(&cluster, &format!("round {round}")).await;
            load.more(200).await;
            cluster.kill_all();
            journal.absorb(load.stop().await);
            cluster.start_all();
            cluster.leader().await;
            journal.verify(&cluster).await;
        }
    }
}
