//! Members that are removed, and what must not be.

use std::time::Duration;

use common::{
    Error,
    types::{SetMemberRequest, TransferLeaderRequest},
};

use super::{add_waiting, operator, put, remove, set, wait_for_members};
use crate::cluster::{Cluster, wait_for};

/// Waits until the leader knows that a member does not answer any more.
async fn missed(cluster: &Cluster, dead: usize) {
    // Four election timeouts: what is shorter may be a pause.
    let silence = Duration::from_millis(4 * 300);
    wait_for("the leader misses the dead one", async || {
        let status = cluster.status(cluster.leader_now().await?).await?;
        let lag = status.lags.iter().find(|lag| lag.id == dead as u64 + 1)?;
        (lag.last_contact? > silence).then_some(())
    })
    .await;
}

/// Waits until a removed member exits by itself, and tries it again.
async fn is_gone(cluster: &mut Cluster, index: usize) {
    let status = cluster.member(index).exited().await;
    assert_eq!(
        status.code(),
        Some(6),
        "{}",
        cluster.members()[index].stderr()
    );
    let said = cluster.members()[index].stderr();
    assert!(said.contains("was removed from the cluster"), "{said}");
    let (code, said) = cluster.member(index).refused().await;
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("was removed from the cluster"), "{said}");
}

#[tokio::test]
async fn a_removed_member_says_so_and_stays_away() {
    let mut cluster = Cluster::start(&[]).await;
    let client = operator(&cluster).await;
    let index = cluster.follower().await;
    let removed = client.remove_member(remove(index as u64 + 1)).await;
    assert_eq!(removed.expect("a removal").id, index as u64 + 1);
    is_gone(&mut cluster, index).await;
    let again = client.remove_member(remove(index as u64 + 1)).await;
    assert!(
        matches!(again, Err(Error::MemberNotFound { .. })),
        "{again:?}"
    );
    put(&client, "default", "k").await;
}

#[tokio::test]
async fn a_leader_hands_over_before_it_is_removed() {
    let mut cluster = Cluster::start(&[]).await;
    let client = operator(&cluster).await;
    let index = cluster.leader().await;
    client
        .remove_member(remove(index as u64 + 1))
        .await
        .expect("a removal");
    is_gone(&mut cluster, index).await;
    put(&client, "default", "k").await;
    let next = cluster.leader().await;
    assert_ne!(next, index);
    // Two are left; the one that leads goes, too, and then the last one stays.
    client
        .remove_member(remove(next as u64 + 1))
        .await
        .expect("a removal");
    is_gone(&mut cluster, next).await;
    let last = cluster.leader().await;
    let refused = client.remove_member(remove(last as u64 + 1)).await;
    let Err(Error::Invalid { message }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(message.contains("is the only voter"), "{message}");
    let forced = common::types::RemoveMemberRequest {
        id: last as u64 + 1,
        force: true,
    };
    assert!(client.remove_member(forced).await.is_err());
    put(&client, "default", "k").await;
}

#[tokio::test]
async fn a_member_removed_while_it_was_away_finds_out() {
    let mut cluster = Cluster::start(&[]).await;
    let client = operator(&cluster).await;
    let index = cluster.follower().await;
    cluster.member(index).kill();
    client
        .remove_member(remove(index as u64 + 1))
        .await
        .expect("a removal");
    cluster.member(index).start();
    is_gone(&mut cluster, index).await;

    // A learner does not campaign, and the leader that could have told it is gone, too: it asks.
    let other = cluster.add(&["--wait", "--learner"]);
    cluster.member(other).start();
    let added = add_waiting(&cluster, other).await;
    cluster.settled().await;
    cluster.member(other).kill();
    client
        .remove_member(remove(added.id))
        .await
        .expect("a removal");
    let leader = cluster.leader().await;
    cluster.member(leader).kill();
    cluster.member(leader).start();
    cluster.leader().await;
    cluster.member(other).start();
    is_gone(&mut cluster, other).await;
}

#[tokio::test]
async fn a_removal_that_would_lose_the_majority_is_refused() {
    let mut cluster = Cluster::start(&[]).await;
    let client = operator(&cluster).await;
    let leader = cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    cluster.member(others[0]).kill();
    let gone = others[1] as u64 + 1;
    missed(&cluster, others[0]).await;
    let Err(Error::QuorumAtRisk {
        voters,
        reachable,
        quorum,
    }) = client.remove_member(remove(gone)).await
    else {
        panic!("no refusal");
    };
    assert_eq!((voters, reachable, quorum), (2, 1, 2));
    let demote = SetMemberRequest {
        voter: Some(false),
        ..set(gone)
    };
    let refused = client.set_member(demote).await;
    assert!(
        matches!(refused, Err(Error::QuorumAtRisk { .. })),
        "{refused:?}"
    );
    // The dead one may go.
    client
        .remove_member(remove(others[0] as u64 + 1))
        .await
        .expect("the dead one is removed");
    put(&client, "default", "k").await;
}

#[tokio::test]
async fn no_id_is_used_twice() {
    let mut cluster = Cluster::single(&[]).await;
    for expected in 2..5 {
        let index = cluster.add(&["--wait"]);
        cluster.member(index).start();
        let member = add_waiting(&cluster, index).await;
        assert_eq!(member.id, expected);
        operator(&cluster)
            .await
            .remove_member(remove(member.id))
            .await
            .expect("a removal");
        cluster.member(index).kill();
        if expected == 3 {
            // Not from memory: the highest id is part of the state.
            cluster.member(0).kill();
            cluster.member(0).start();
            cluster.leader().await;
        }
    }
    wait_for_members(&cluster, &["n1"], &[]).await;
}

#[tokio::test]
async fn leadership_goes_to_the_one_named() {
    let mut cluster = Cluster::start(&[]).await;
    let index = cluster.add(&["--wait", "--learner"]);
    cluster.member(index).start();
    add_waiting(&cluster, index).await;
    let client = operator(&cluster).await;
    for _ in 0..4 {
        let to = cluster.follower().await;
        if to == index {
            continue;
        }
        let id = to as u64 + 1;
        let leader = client
            .transfer_leader(TransferLeaderRequest { to: Some(id) })
            .await
            .expect("a transfer");
        assert_eq!(leader.id, id);
        assert_eq!(cluster.leader().await, to);
    }
    let before = cluster.leader().await as u64 + 1;
    let leader = client
        .transfer_leader(TransferLeaderRequest { to: None })
        .await
        .expect("a transfer");
    assert_ne!(leader.id, before);
    let refused = client
        .transfer_leader(TransferLeaderRequest { to: Some(4) })
        .await;
    let Err(Error::Invalid { message }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(message.contains("is a learner"), "{message}");
    let refused = client
        .transfer_leader(TransferLeaderRequest { to: Some(9) })
        .await;
    assert!(
        matches!(refused, Err(Error::MemberNotFound { id: 9 })),
        "{refused:?}"
    );
    let dead = cluster.follower().await;
    if dead != index {
        cluster.member(dead).kill();
        missed(&cluster, dead).await;
        let to = Some(dead as u64 + 1);
        let refused = client.transfer_leader(TransferLeaderRequest { to }).await;
        assert!(
            matches!(refused, Err(Error::NodeUnavailable { .. })),
            "{refused:?}"
        );
    }
}
