//! Changes of the membership under load, and under the death of leaders.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{
    Client, ClientConfig, Error,
    types::{AddMemberRequest, Consistency, RemoveMemberRequest, Role},
};
use tokio::task::JoinHandle;

use super::{add, members, operator, put, remove, wait_for_members};
use crate::cluster::{Cluster, wait_for};

/// Writers of which no write may fail: each client has a session, and sends again what was cut off.
struct Writers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    async fn start(cluster: &Cluster, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for number in 0..count {
            let mut config = ClientConfig::new([cluster.address(0)]);
            config.timeout = Duration::from_secs(30);
            config.exactly_once = true;
            let client = Client::connect(config).await.expect("a connection");
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            tasks.push(tokio::spawn(async move {
                let mut keys = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let key = format!("w{number}-{}", keys.len());
                    put(&client, "load", &key).await;
                    keys.push(key);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                keys
            }));
        }
        Self { stop, done, tasks }
    }

    /// Waits for some more writes.
    async fn more(&self) {
        let goal = self.done.load(Ordering::Relaxed) + 50;
        wait_for("writing goes on", async || {
            (self.done.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut keys = Vec::new();
        for task in self.tasks {
            keys.extend(task.await.expect("no write fails"));
        }
        keys
    }
}

/// Starts a node that waits, and returns its index once it does.
async fn waiting(cluster: &mut Cluster) -> usize {
    let index = cluster.add(&["--wait"]);
    cluster.member(index).start();
    wait_for("the node waits", async || {
        let status = cluster.status(index).await?;
        (status.role == Role::Joining).then_some(())
    })
    .await;
    index
}

#[tokio::test]
async fn from_one_to_seven_and_back_with_no_failed_write() {
    let mut cluster = Cluster::single(&[]).await;
    let writers = Writers::start(&cluster, 4).await;
    let names = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"];
    for goal in [3, 5, 7] {
        while cluster.members().len() < goal {
            let index = waiting(&mut cluster).await;
            let address = cluster.members()[index].peer().to_owned();
            let client = operator(&cluster).await;
            client.add_member(add(&address)).await.expect("an addition");
        }
        wait_for_members(&cluster, &names[..goal], &[]).await;
        writers.more().await;
    }
    // The leader goes first each time.
    for left in (1..7).rev() {
        let leader = cluster.leader().await;
        let client = operator(&cluster).await;
        let id = cluster.status(leader).await.expect("a status").id;
        client.remove_member(remove(id)).await.expect("a removal");
        let status = cluster.member(leader).exited().await;
        assert_eq!(status.code(), Some(6));
        writers.more().await;
        let voters = members(&cluster).await.map(|members| members.len());
        assert!(voters.is_none_or(|voters| voters == left), "{voters:?}");
    }
    let keys = writers.stop().await;
    let last = cluster.leader().await;
    let found = cluster.replica(last, "load").await;
    assert_eq!(found.len(), keys.len());
    let direct = cluster.direct(last).await;
    for key in keys.iter().rev().take(100) {
        let got = direct
            .get("load", key.clone(), Consistency::Linearizable)
            .await
            .expect("a get");
        assert!(got.entry.is_some(), "{key}");
    }
}

/// Whether the members are voters with nothing pending, and stay so: a change that is under way is
/// not seen before it is through.
async fn at_rest(cluster: &Cluster) -> Option<Vec<u64>> {
    let before = at_rest_now(cluster).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = at_rest_now(cluster).await?;
    (before == after).then_some(after)
}

async fn at_rest_now(cluster: &Cluster) -> Option<Vec<u64>> {
    let members = members(cluster).await?;
    let pending = members
        .iter()
        .any(|member| member.voter == member.stays_learner || member.replaces.is_some());
    (!pending).then(|| members.iter().map(|member| member.id).collect())
}

/// Kills whoever is no member, and waits for the others.
async fn only_members_run(cluster: &mut Cluster) {
    let ids = wait_for("nothing is pending", async || at_rest(cluster).await).await;
    for index in cluster.running() {
        let deadline = std::time::Instant::now() + crate::cluster::PATIENCE;
        while !cluster.member(index).is_gone() {
            if let Some(status) = cluster.status(index).await {
                if !ids.contains(&status.id) {
                    cluster.member(index).kill();
                }
                break;
            }
            assert!(std::time::Instant::now() < deadline, "n{index} is silent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The leader dies a moment after it was asked for a change; the next one finishes or undoes it.
async fn leader_dies_in_the_middle(kind: &str, delays: &[u64]) {
    let mut cluster = Cluster::start(&[]).await;
    for delay in delays {
        let before = wait_for("nothing is pending", async || at_rest(&cluster).await).await;
        let leader = cluster.leader().await;
        let id = cluster.status(leader).await.expect("a status").id;
        let other = *before.iter().find(|one| **one != id).expect("another one");
        let node = waiting(&mut cluster).await;
        let address = cluster.members()[node].peer().to_owned();
        let client = operator(&cluster).await;
        let changing = async {
            match kind {
                "add" => client.add_member(add(&address)).await.map(|_| ()),
                "replace" => {
                    let request = AddMemberRequest {
                        replaces: Some(other),
                        ..add(&address)
                    };
                    client.add_member(request).await.map(|_| ())
                }
                _ => client.remove_member(remove(other)).await.map(|_| ()),
            }
        };
        let dying = async {
            tokio::time::sleep(Duration::from_millis(*delay)).await;
            cluster.member(leader).kill();
        };
        let (outcome, ()) = tokio::join!(changing, dying);
        if let Err(error) = &outcome {
            assert!(
                matches!(
                    error,
                    Error::OutcomeUnknown { .. }
                        | Error::MemberExists { .. }
                        | Error::MemberNotFound { .. }
                        // The next leader was asked while the one before was down.
                        | Error::QuorumAtRisk { .. }
                ) || error.is_retryable(),
                "{error}"
            );
        }
        cluster.member(leader).start();
        let (fewest, most) = match kind {
            "add" => (before.len(), before.len() + 1),
            // Both vote for a moment, on the way.
            "replace" => (before.len(), before.len()),
            _ => (before.len() - 1, before.len()),
        };
        let after = wait_for("the change is finished or undone", async || {
            let ids = at_rest(&cluster).await?;
            (fewest..=most).contains(&ids.len()).then_some(ids)
        })
        .await;
        if outcome.is_ok() && kind != "remove" {
            assert!(after.iter().any(|id| !before.contains(id)), "{after:?}");
        }
        // It serves.
        let leader = cluster.leader().await;
        let direct = cluster.direct(leader).await;
        direct
            .put("default", format!("{delay}"), "v")
            .await
            .expect("a put");
        // For the next round: three voters that run, and nobody else.
        let client = operator(&cluster).await;
        for id in after.iter().rev().take(after.len().saturating_sub(3)) {
            let leads = cluster.status(leader).await.expect("a status").id;
            if *id != leads {
                client.remove_member(remove(*id)).await.expect("a removal");
            }
        }
        if kind == "remove" && after.len() < before.len() {
            let address = cluster.members()[node].peer().to_owned();
            client.add_member(add(&address)).await.expect("an addition");
        }
        only_members_run(&mut cluster).await;
    }
    wait_for("nothing is pending", async || at_rest(&cluster).await).await;
}

/// A joint configuration that nobody could leave: its leader dies, and another one does.
#[tokio::test]
async fn a_change_that_is_stuck_is_finished_when_the_majority_is_back() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    let (dead, gone) = (others[0], others[1]);
    cluster.member(dead).kill();
    let client = operator(&cluster).await;
    // The old voters have a majority, the new ones have none.
    let forced = RemoveMemberRequest {
        id: gone as u64 + 1,
        force: true,
    };
    let stuck = client.remove_member(forced).await;
    assert!(
        matches!(stuck, Err(Error::OutcomeUnknown { .. })),
        "{stuck:?}"
    );
    cluster.kill_all();
    cluster.start_all();
    let mut names = vec!["n1", "n2", "n3"];
    names.remove(gone);
    wait_for_members(&cluster, &names, &[]).await;
    let status = cluster.member(gone).exited().await;
    assert_eq!(status.code(), Some(6));
    let leader = cluster.leader().await;
    let direct = cluster.direct(leader).await;
    direct.put("default", "k", "v").await.expect("a put");
}

#[tokio::test]
async fn a_leader_that_dies_while_it_adds_leaves_nothing_half_done() {
    leader_dies_in_the_middle("add", &[0, 2, 5, 10, 30, 100, 200]).await;
}

#[tokio::test]
async fn a_leader_that_dies_while_it_replaces_leaves_nothing_half_done() {
    leader_dies_in_the_middle("replace", &[0, 5, 20, 100, 200, 300]).await;
}

#[tokio::test]
async fn a_leader_that_dies_while_it_removes_leaves_nothing_half_done() {
    leader_dies_in_the_middle("remove", &[0, 1, 2, 4, 8]).await;
}
