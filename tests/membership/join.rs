//! Nodes that join, wait to be added, or must not.

use common::{
    Error,
    types::{AddMemberRequest, Role},
};

use super::{add, add_waiting, joined, operator, put, wait_for_members};
use crate::cluster::{Cluster, free_port, wait_for};

#[tokio::test]
async fn a_node_that_joins_through_any_member_ends_as_a_voter() {
    let mut cluster = Cluster::single(&[]).await;
    let client = cluster.client().await;
    put(&client, "default", "k").await;
    // By the address of the first one's peers, then by the second one's clients.
    let peer = cluster.members()[0].peer().to_owned();
    let second = cluster.add(&["--join", &peer]);
    cluster.member(second).start();
    wait_for_members(&cluster, &["n1", "n2"], &[]).await;
    let clients = cluster.address(second).to_owned();
    let third = cluster.add(&["--join", &clients]);
    cluster.member(third).start();
    let members = wait_for_members(&cluster, &["n1", "n2", "n3"], &[]).await;
    assert_eq!(members.iter().map(|m| m.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(members.iter().all(|member| !member.stays_learner));
    cluster.assert_replicas_equal("default").await;

    // It is a full member: the first one may die, and it need not be told to join again.
    cluster.member(0).kill();
    let leader = cluster.leader().await;
    let direct = cluster.direct(leader).await;
    direct.put("default", "k2", "v").await.expect("a put");
    cluster.member(third).kill();
    cluster.member(third).start();
    cluster.member(0).start();
    cluster.settled().await;
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn a_node_that_waits_says_so_and_is_added() {
    let mut cluster = Cluster::start(&[]).await;
    let index = cluster.add(&["--wait"]);
    cluster.member(index).start();
    let status = wait_for("the node answers", async || {
        let status = cluster.status(index).await?;
        (status.role == Role::Joining).then_some(status)
    })
    .await;
    assert_eq!(status.id, 0);
    assert_eq!(status.peer_address, cluster.members()[index].peer());
    let refused = cluster.direct(index).await.put("default", "k", "v").await;
    let Err(Error::NoLeader { reason }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("waits to become a member"), "{reason}");
    let member = add_waiting(&cluster, index).await;
    assert_eq!((member.id, &*member.name), (4, "n4"));
    assert!(!member.stays_learner);
    wait_for_members(&cluster, &["n1", "n2", "n3", "n4"], &[]).await;
    // With the same flags again: it knows where it belongs.
    cluster.member(index).kill();
    cluster.member(index).start();
    cluster.settled().await;
}

#[tokio::test]
async fn a_learner_stays_one_until_it_is_promoted() {
    let mut cluster = Cluster::single(&[]).await;
    let peer = cluster.members()[0].peer().to_owned();
    let index = cluster.add(&["--join", &peer, "--learner"]);
    cluster.member(index).start();
    let members = wait_for_members(&cluster, &["n1"], &["n2"]).await;
    assert!(members[1].stays_learner);
    let client = operator(&cluster).await;
    put(&client, "default", "k").await;
    cluster.settled().await;
    assert_eq!(joined(&cluster, index).await.role, Role::Learner);
    let promote = common::types::SetMemberRequest {
        voter: Some(true),
        ..super::set(2)
    };
    client.set_member(promote).await.expect("a promotion");
    wait_for_members(&cluster, &["n1", "n2"], &[]).await;
}

#[tokio::test]
async fn what_is_no_node_that_waits_cannot_be_added() {
    let mut cluster = Cluster::start(&[]).await;
    let other = Cluster::single(&[]).await;
    let founder = {
        let peers = format!("n4=127.0.0.1:{},n9=127.0.0.1:{}", free_port(), free_port());
        let index = cluster.add(&["--peers", &peers]);
        cluster.member(index).start();
        wait_for("it answers", async || cluster.status(index).await).await;
        cluster.members()[index].peer().to_owned()
    };
    let client = operator(&cluster).await;
    let foreign = other.status(0).await.expect("a status").cluster_id;
    let clients = cluster.address(1).to_owned();
    for (address, words) in [
        (
            format!("127.0.0.1:{}", free_port()),
            "no node answers there",
        ),
        (clients, "that is the client port of n2"),
        (other.members()[0].peer().to_owned(), &*foreign),
        (founder, "waits for the founders of its --peers"),
    ] {
        let refused = client.add_member(add(&address)).await;
        let Err(Error::NodeUnavailable { reason, .. }) = &refused else {
            panic!("{address}: {refused:?}");
        };
        assert!(reason.contains(words), "{words:?} is not in {reason}");
    }
    let own = cluster.members()[1].peer().to_owned();
    let refused = client.add_member(add(&own)).await;
    assert!(
        matches!(&refused, Err(Error::MemberExists { id: 2, .. })),
        "{refused:?}"
    );
    let refused = client.add_member(add("nonsense")).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    let request = AddMemberRequest {
        replaces: Some(77),
        ..add("127.0.0.1:1")
    };
    assert!(client.add_member(request).await.is_err());
    wait_for_members(&cluster, &["n1", "n2", "n3"], &[]).await;
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let mut cluster = Cluster::start(&[]).await;
    let peer = cluster.members()[0].peer().to_owned();
    let index = cluster.add(&["--wait"]);
    cluster.member(index).rename("n2");
    cluster.member(index).start();
    let client = operator(&cluster).await;
    let address = cluster.members()[index].peer().to_owned();
    wait_for("the node waits", async || {
        let status = cluster.status(index).await?;
        (status.role == Role::Joining).then_some(())
    })
    .await;
    let refused = client.add_member(add(&address)).await;
    assert!(
        matches!(&refused, Err(Error::MemberExists { what, id: 2, .. }) if what == "n2"),
        "{refused:?}"
    );
    cluster.member(index).kill();
    cluster.member(index).forget_settings();
    cluster.member(index).set(&["--join", &peer]);
    let (code, said) = cluster.member(index).refused().await;
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("n2 is already a member"), "{said}");
    wait_for_members(&cluster, &["n1", "n2", "n3"], &[]).await;
}

#[tokio::test]
async fn who_joins_keeps_trying_until_there_is_a_leader() {
    let mut cluster = Cluster::prepare(1, &[]);
    let peer = cluster.members()[0].peer().to_owned();
    let index = cluster.add(&["--join", &peer]);
    cluster.member(index).start();
    wait_for("it logs what it waits for", async || {
        cluster.members()[index]
            .events("waiting to join the cluster")
            .pop()
    })
    .await;
    assert_eq!(
        cluster.status(index).await.expect("a status").role,
        Role::Joining
    );
    cluster.member(0).start();
    wait_for_members(&cluster, &["n1", "n2"], &[]).await;
}

#[tokio::test]
async fn the_settings_name_one_way_into_a_cluster() {
    let mut cluster = Cluster::prepare(1, &["--wait", "--join", "127.0.0.1:1"]);
    let (code, said) = cluster.member(0).refused().await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--wait"), "{said}");
}
