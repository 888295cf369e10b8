//! Members that change: their vote, their addresses.

use common::{
    Error,
    types::{Role, SetMemberRequest},
};

use super::{add_waiting, joined, members, operator, put, set, wait_for_members};
use crate::cluster::{Cluster, free_port, wait_for};

#[tokio::test]
async fn a_voter_is_demoted_and_promoted_again_even_if_it_leads() {
    let cluster = Cluster::start(&[]).await;
    let client = operator(&cluster).await;
    for _ in 0..2 {
        let index = cluster.leader().await;
        let id = index as u64 + 1;
        let demote = SetMemberRequest {
            voter: Some(false),
            ..set(id)
        };
        let member = client.set_member(demote).await.expect("a demotion");
        assert!(!member.voter && member.stays_learner);
        put(&client, "default", "k").await;
        wait_for("it is a learner", async || {
            let status = cluster.status(index).await?;
            (status.role == Role::Learner).then_some(())
        })
        .await;
        let promote = SetMemberRequest {
            voter: Some(true),
            ..set(id)
        };
        client.set_member(promote).await.expect("a promotion");
        wait_for_members(&cluster, &["n1", "n2", "n3"], &[]).await;
    }
}

#[tokio::test]
async fn a_member_that_moved_tells_the_cluster_where_it_is() {
    let mut cluster = Cluster::start(&[]).await;
    let client = operator(&cluster).await;
    put(&client, "default", "k").await;
    // All of them in turn: every address that the founders had is gone in the end.
    for index in 0..3 {
        cluster.settled().await;
        let (client_address, peer_address) = (
            format!("127.0.0.1:{}", free_port()),
            format!("127.0.0.1:{}", free_port()),
        );
        let member = cluster.member(index);
        member.kill();
        member.forget_settings();
        member.move_to(&client_address, &peer_address);
        member.start();
        wait_for("the cluster knows the new addresses", async || {
            let members = members(&cluster).await?;
            let found = members
                .iter()
                .find(|member| member.id == index as u64 + 1)?;
            let now = (&*found.client_address, &*found.peer_address);
            (now == (&*client_address, &*peer_address)).then_some(())
        })
        .await;
    }
    cluster.settled().await;
    // Votes go to the new addresses, too.
    let leader = cluster.leader().await;
    cluster.member(leader).kill();
    let next = cluster.leader().await;
    assert_ne!(next, leader);
    let direct = cluster.direct(next).await;
    direct.put("default", "k2", "v").await.expect("a put");
    cluster.member(leader).start();
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn an_address_is_taken_only_if_the_member_answers_there() {
    let mut cluster = Cluster::start(&[]).await;
    let index = cluster.add(&["--wait"]);
    cluster.member(index).start();
    let id = add_waiting(&cluster, index).await.id;
    wait_for_members(&cluster, &["n1", "n2", "n3", "n4"], &[]).await;
    let client = operator(&cluster).await;
    let unused = format!("127.0.0.1:{}", free_port());
    let wrong = SetMemberRequest {
        peer_address: Some(unused.clone()),
        ..set(id)
    };
    let refused = client.set_member(wrong).await;
    assert!(
        matches!(&refused, Err(Error::NodeUnavailable { reason, .. }) if reason.contains("does not answer")),
        "{refused:?}"
    );
    let taken = SetMemberRequest {
        peer_address: Some(cluster.members()[0].peer().to_owned()),
        ..set(id)
    };
    let refused = client.set_member(taken).await;
    assert!(
        matches!(&refused, Err(Error::NodeUnavailable { reason, .. }) if reason.contains("n1 answers there, not n4")),
        "{refused:?}"
    );
    // By another name for the same place.
    let (_, port) = cluster.members()[index]
        .peer()
        .rsplit_once(':')
        .expect("a port");
    let same = format!("localhost:{port}");
    let right = SetMemberRequest {
        peer_address: Some(same.clone()),
        ..set(id)
    };
    let member = client.set_member(right).await.expect("a change");
    assert_eq!(member.peer_address, same);
    assert_eq!(joined(&cluster, index).await.id, id);
    let nobody = client.set_member(set(99)).await;
    assert!(
        matches!(nobody, Err(Error::MemberNotFound { id: 99 })),
        "{nobody:?}"
    );
}
