//! The life of a cluster: nodes join, members are promoted, demoted, replaced and removed.

mod change;
mod join;
mod lost;
mod removal;
mod turmoil;

use std::time::Duration;

use common::{
    Client, ClientConfig, Error,
    types::{
        AddMemberRequest, Member, MemberStatus, PutRequest, RemoveMemberRequest, SetMemberRequest,
    },
};

use crate::cluster::{Cluster, wait_for};

/// A client that knows the running members.
pub(crate) async fn operator(cluster: &Cluster) -> Client {
    let running = cluster.running();
    let mut config = ClientConfig::new(running.iter().map(|index| cluster.address(*index)));
    config.timeout = Duration::from_secs(30);
    config.connect_timeout = Duration::from_secs(5);
    wait_for("a client connects", async || {
        Client::connect(config.clone()).await.ok()
    })
    .await
}

/// Writes, and panics if that fails.
async fn put(client: &Client, namespace: &str, key: &str) {
    let request = PutRequest::new(namespace, key.to_owned(), "v");
    if let Err(error) = client.put(request).await {
        panic!("{key}: {error}");
    }
}

pub(crate) fn add(address: &str) -> AddMemberRequest {
    AddMemberRequest {
        address: address.to_owned(),
        learner: false,
        replaces: None,
    }
}

fn remove(id: u64) -> RemoveMemberRequest {
    RemoveMemberRequest { id, force: false }
}

fn set(id: u64) -> SetMemberRequest {
    SetMemberRequest {
        id,
        voter: None,
        client_address: None,
        peer_address: None,
        force: false,
    }
}

/// The status of a member that follows or leads, by its index.
async fn joined(cluster: &Cluster, index: usize) -> MemberStatus {
    wait_for("the node is part of a cluster", async || {
        let status = cluster.status(index).await?;
        (status.id != 0).then_some(status)
    })
    .await
}

/// What the leader knows of the members.
pub(crate) async fn members(cluster: &Cluster) -> Option<Vec<Member>> {
    let leader = cluster.leader_now().await?;
    Some(cluster.status(leader).await?.members)
}

/// Waits until the cluster has exactly these voters and learners, by name, and no change is left.
pub(crate) async fn wait_for_members(
    cluster: &Cluster,
    voters: &[&str],
    learners: &[&str],
) -> Vec<Member> {
    let what = format!("voters {voters:?} and learners {learners:?}");
    wait_for(&what, async || {
        let members = members(cluster).await?;
        let named = |votes: bool| -> Vec<&str> {
            let mut names: Vec<&str> = members
                .iter()
                .filter(|member| member.voter == votes)
                .map(|member| &*member.name)
                .collect();
            names.sort_unstable();
            names
        };
        (named(true) == voters && named(false) == learners).then(|| members.clone())
    })
    .await
}

/// Adds a node that waits, as soon as it does.
async fn add_waiting(cluster: &Cluster, index: usize) -> Member {
    let client = operator(cluster).await;
    let address = cluster.members()[index].peer().to_owned();
    wait_for("the node is added", async || {
        match client.add_member(add(&address)).await {
            Ok(member) => Some(member),
            Err(Error::NodeUnavailable { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await
}
