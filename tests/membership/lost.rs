//! Members whose disk was lost, or copied.

use common::types::AddMemberRequest;

use super::{add, joined, members, operator, put, wait_for_members};
use crate::cluster::{Cluster, wait_for};

#[tokio::test]
async fn a_dead_member_is_replaced_by_an_empty_node() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    put(&client, "default", "k").await;
    let dead = cluster.leader().await;
    cluster.member(dead).kill();
    cluster.member(dead).wipe();
    cluster.leader().await;
    let index = cluster.add(&["--wait"]);
    cluster.member(index).start();
    wait_for("the node answers", async || cluster.status(index).await).await;
    let client = operator(&cluster).await;
    let request = AddMemberRequest {
        replaces: Some(dead as u64 + 1),
        ..add(cluster.members()[index].peer())
    };
    let member = wait_for("the node waits", async || {
        client.add_member(request.clone()).await.ok()
    })
    .await;
    assert_eq!(member.replaces, Some(dead as u64 + 1));
    let mut names = vec!["n1", "n2", "n3", "n4"];
    names.remove(dead);
    let members = wait_for_members(&cluster, &names, &[]).await;
    assert!(members.iter().all(|member| member.replaces.is_none()));
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn an_emptied_member_comes_back_under_a_new_id_only_if_told_to() {
    for join in [false, true] {
        let mut cluster = Cluster::start(&[]).await;
        let client = cluster.client().await;
        put(&client, "default", "k").await;
        cluster.settled().await;
        let index = cluster.follower().await;
        let old = index as u64 + 1;
        if join {
            let others: Vec<String> = (0..3)
                .filter(|other| *other != index)
                .map(|other| cluster.members()[other].peer().to_owned())
                .collect();
            cluster.member(index).forget_settings();
            cluster.member(index).set(&["--join", &others.join(",")]);
        }
        cluster.member(index).kill();
        cluster.member(index).wipe();
        let (code, said) = cluster.member(index).refused().await;
        assert_eq!(code, Some(3), "{said}");
        for words in ["--rejoin", "raftctl members replace"] {
            assert!(said.contains(words), "{words:?} is not in {said}");
        }
        cluster.member(index).set(&["--rejoin"]);
        cluster.member(index).start();
        let mut expected: Vec<u64> = (1..=4).filter(|id| *id != old).collect();
        expected.sort_unstable();
        wait_for("three voters, one of them with a new id", async || {
            let members = members(&cluster).await?;
            let ids: Vec<u64> = members.iter().map(|member| member.id).collect();
            (ids == expected && members.iter().all(|member| member.voter)).then_some(())
        })
        .await;
        assert_eq!(joined(&cluster, index).await.id, 4);
        // With a full directory the flag says nothing.
        cluster.member(index).kill();
        cluster.member(index).start();
        assert_eq!(joined(&cluster, index).await.id, 4);
        cluster.assert_replicas_equal("default").await;
    }
}

#[tokio::test]
async fn nobody_comes_back_in_place_of_a_member_that_is_alive() {
    let mut cluster = Cluster::start(&[]).await;
    let peer = cluster.members()[0].peer().to_owned();
    let index = cluster.add(&["--join", &peer, "--rejoin"]);
    cluster.member(index).rename("n2");
    let (code, said) = cluster.member(index).refused().await;
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("n2 is already a member"), "{said}");
    wait_for_members(&cluster, &["n1", "n2", "n3"], &[]).await;
}

#[tokio::test]
async fn the_second_process_with_a_copied_directory_is_refused() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    put(&client, "default", "k").await;
    cluster.settled().await;
    let original = cluster.follower().await;
    cluster.member(original).kill();
    let second = cluster.add(&[]);
    let name = cluster.members()[original].name().to_owned();
    let data = cluster.directory().join("copy");
    cluster.members()[original].copy_data(&data);
    cluster.member(second).rename(&name);
    cluster.member(second).set_data(&data);
    cluster.member(original).start();
    cluster.settled().await;
    let (code, said) = cluster.member(second).refused().await;
    assert_eq!(code, Some(3), "{said}");
    let expected = format!("with clients on {}", cluster.address(original));
    assert!(said.contains("is a copy of one in use"), "{said}");
    assert!(said.contains(&expected), "{said}");

    // The other way round: the copy has moved in, and the original comes back.
    cluster.member(original).kill();
    cluster.member(second).start();
    let id = original as u64 + 1;
    let moved = cluster.members()[second].peer().to_owned();
    wait_for("the cluster knows where the copy is", async || {
        let members = members(&cluster).await?;
        let found = members.iter().find(|member| member.id == id)?;
        (found.peer_address == moved).then_some(())
    })
    .await;
    let (code, said) = cluster.member(original).refused().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("is a copy of one in use"), "{said}");
}
