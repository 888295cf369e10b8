//! Clusters from a static list of members: in whatever order they start, and again after any of
//! them, or all, were killed.

use common::{
    Error,
    types::{Consistency, Role},
};

use crate::cluster::{Cluster, wait_for};

const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// Puts a key through one member and reads it through all that run.
async fn write_and_read(cluster: &Cluster, through: usize, key: &str) {
    let direct = cluster.direct(through).await;
    direct
        .put("default", key.to_owned(), "v")
        .await
        .expect("a put");
    for index in cluster.running() {
        let direct = cluster.direct(index).await;
        let found = direct
            .get("default", key.to_owned(), Consistency::Linearizable)
            .await
            .expect("a get");
        assert_eq!(found.entry.expect("the key").value, "v");
    }
}

#[tokio::test]
async fn three_members_form_one_cluster_in_every_start_order_and_again_after_a_kill() {
    for order in ORDERS {
        let mut cluster = Cluster::prepare(3, &[]);
        for index in order {
            cluster.member(index).start();
            // The next one starts only when this one is up, so that the order is the order.
            wait_for("the member answers", async || cluster.status(index).await).await;
        }
        cluster.leader().await;
        write_and_read(&cluster, order[0], "before").await;

        let mut ids = Vec::new();
        for index in 0..3 {
            let status = cluster.status(index).await.expect("a status");
            assert_eq!(status.id, index as u64 + 1, "ids follow the names");
            assert_eq!(status.cluster_id.len(), 32);
            assert_eq!(status.members.len(), 3);
            assert!(status.members.iter().all(|member| member.voter));
            ids.push(status.cluster_id);
        }
        assert!(ids.iter().all(|id| *id == ids[0]), "one cluster: {ids:?}");

        cluster.kill_all();
        for index in order.into_iter().rev() {
            cluster.member(index).start();
        }
        cluster.leader().await;
        write_and_read(&cluster, order[1], "after").await;
        let found = cluster.replica(order[2], "default").await;
        assert_eq!(found.len(), 2, "{order:?}: {found:?}");
        assert_eq!(
            cluster.status(0).await.expect("a status").cluster_id,
            ids[0]
        );
    }
}

#[tokio::test]
async fn founders_killed_while_they_wait_for_each_other_still_form_one_cluster() {
    let mut cluster = Cluster::prepare(3, &[]);
    for index in [0, 1] {
        cluster.member(index).start();
        wait_for("the member answers", async || cluster.status(index).await).await;
        cluster.member(index).kill();
    }
    cluster.start_all();
    // One of them dies at the moment the cluster comes into being, whatever it has noted so far.
    wait_for("somebody is part of a cluster", async || {
        cluster.status(2).await.filter(|status| status.id != 0)
    })
    .await;
    cluster.member(0).kill();
    cluster.member(0).start();
    cluster.leader().await;
    wait_for("the killed founder is a member, too", async || {
        cluster.status(0).await.filter(|status| status.id == 1)
    })
    .await;
    write_and_read(&cluster, 0, "k").await;
    let of = |index| cluster.status(index);
    let (first, last) = (
        of(0).await.expect("a status"),
        of(2).await.expect("a status"),
    );
    assert_eq!(first.cluster_id, last.cluster_id);
}

#[tokio::test]
async fn a_member_that_waits_for_the_others_says_so() {
    let mut cluster = Cluster::prepare(3, &[]);
    cluster.member(0).start();
    let status = wait_for("the member answers", async || cluster.status(0).await).await;
    assert_eq!(status.role, Role::Forming);
    assert_eq!((status.id, status.cluster_id.as_str()), (0, ""));
    let refused = cluster.direct(0).await.put("default", "k", "v").await;
    let Err(Error::NoLeader { reason }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        reason.contains("n1 waits for the other members"),
        "{reason}"
    );
    wait_for("it logs whom it misses", async || {
        cluster.members()[0]
            .events("waiting for the other founders")
            .pop()
    })
    .await;
    cluster.member(0).terminate();
    assert!(cluster.member(0).exited().await.success());
}

#[tokio::test]
async fn every_member_may_be_killed_in_turn_and_the_list_is_needed_only_once() {
    let mut cluster = Cluster::start(&[]).await;
    for index in 0..3 {
        cluster.member(index).kill();
        cluster.leader().await;
        let survivor = (index + 1) % 3;
        write_and_read(&cluster, survivor, &format!("without n{}", index + 1)).await;
        cluster.member(index).forget_settings();
        cluster.member(index).start();
        cluster.settled().await;
    }
    assert_eq!(cluster.replica(0, "default").await.len(), 3);
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn founders_with_different_lists_do_not_form_a_cluster_and_say_why() {
    let mut cluster = Cluster::prepare(3, &[]);
    let list: Vec<String> = [0, 1]
        .map(|index| {
            let member = &cluster.members()[index];
            format!("{}={}", member.name(), member.peer())
        })
        .to_vec();
    cluster.member(0).forget_settings();
    cluster.member(0).set(&["--peers", &list.join(",")]);
    cluster.member(0).start();
    cluster.member(1).start();
    wait_for("the lists are compared", async || {
        let said = cluster.members()[0].stderr() + &cluster.members()[1].stderr();
        said.contains("give all of them the same list")
            .then_some(())
    })
    .await;
    for index in [0, 1] {
        let status = cluster.status(index).await.expect("a status");
        assert_eq!(status.role, Role::Forming);
    }
}
