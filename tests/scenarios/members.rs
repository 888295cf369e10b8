//! Scenario 12: members change, and come back as they must not, while others are killed.

use std::time::Duration;

use common::{
    Client, ClientConfig, Error,
    types::{AddMemberRequest, RemoveMemberRequest, Role},
};

use crate::{
    cluster::{PATIENCE, wait_at_most, wait_for},
    membership::{add, members, operator, wait_for_members},
    scenario::{Plan, Run},
};

/// So many calls are acknowledged between two faults.
const CALLS: usize = 100;

/// The leader is killed while it replaces a member.
const REPLACED: &str = "leader killed while it replaces a member";

/// All are killed while two majorities are needed.
const JOINT: &str = "all killed in the joint configuration";

/// A member comes back with an empty data directory.
const WIPED: &str = "wiped member started under its old id";

/// Two processes have the data directory of one member.
const COPIED: &str = "copied data directory started";

/// The exit code of a member that was removed.
const REMOVED: i32 = 6;

/// The exit code of a process whose data directory is refused.
const REFUSED: i32 = 3;

/// The names of n1, n2 and n3 but for one, and others.
fn names(without: usize, and: &[&'static str]) -> Vec<&'static str> {
    let mut names = vec!["n1", "n2", "n3"];
    names.remove(without);
    names.extend(and);
    names
}

/// Waits until a process has ended by itself, and says how.
async fn exit_code(run: &mut Run, index: usize) -> Option<i32> {
    run.cluster.member(index).exited().await.code()
}

async fn replaced_while_the_leader_is_killed(store: &'static str) {
    let plan = Plan::new(store);
    let mut run = Run::start(plan.clone()).await;
    run.work(CALLS).await;
    let leader = run.leader().await;
    let old = run.cluster.follower().await;
    let node = run.cluster.add(&plan.arguments());
    run.cluster.member(node).set(&["--wait"]);
    run.cluster.member(node).start();
    wait_for("the node waits", async || {
        (run.cluster.status(node).await?.role == Role::Joining).then_some(())
    })
    .await;
    let request = AddMemberRequest {
        replaces: Some(old as u64 + 1),
        ..add(run.cluster.members()[node].peer())
    };

    run.begins(REPLACED, format!("n{} by n{}", old + 1, node + 1));
    let client = operator(&run.cluster).await;
    let (asking, asked) = (client.clone(), request.clone());
    let asked = tokio::spawn(async move { asking.add_member(asked).await });
    wait_for("the replacement has begun", async || {
        let known = run.cluster.status(leader).await?.members;
        known.iter().any(|member| member.name == "n4").then_some(())
    })
    .await;
    run.kill(leader).await;
    let outcome = asked.await.expect("a task");
    run.note(format!("the one who asked was told: {outcome:?}"));
    run.happened(REPLACED);
    run.restart(leader).await;
    // Whoever leads next finishes what is in its log; what is not, never happened.
    let voters = names(old, &["n4"]);
    wait_for("the replacement is finished or undone", async || {
        let members = members(&run.cluster).await?;
        if members.iter().all(|member| member.name != "n4") {
            let again = client.add_member(request.clone()).await;
            assert!(!matches!(again, Err(Error::Invalid { .. })), "{again:?}");
            return None;
        }
        let mut names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        (names == voters).then_some(())
    })
    .await;
    wait_for_members(&run.cluster, &voters, &[]).await;
    assert_eq!(exit_code(&mut run, old).await, Some(REMOVED));
    run.healed().await;
    run.finish(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_a_member_is_replaced_while_the_leader_is_killed_on_memory() {
    replaced_while_the_leader_is_killed("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_a_member_is_replaced_while_the_leader_is_killed_on_rocksdb() {
    replaced_while_the_leader_is_killed("rocksdb").await;
}

/// The majority of the old voters is there and that of the new ones is not: the cluster is stuck
/// between the two when all of it dies.
async fn killed_in_the_joint_configuration(store: &'static str) {
    let mut run = Run::start(Plan::new(store)).await;
    run.work(CALLS).await;
    let leader = run.leader().await;
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    let (dead, gone) = (others[0], others[1]);
    run.kill(dead).await;
    let mut config = ClientConfig::new([run.cluster.address(leader)]);
    config.timeout = Duration::from_secs(3);
    let client = Client::connect(config).await.expect("a connection");
    let forced = RemoveMemberRequest {
        id: gone as u64 + 1,
        force: true,
    };
    run.begins(JOINT, format!("n{} is being removed", gone + 1));
    let stuck = client.remove_member(forced).await;
    if matches!(stuck, Err(Error::OutcomeUnknown { .. })) {
        run.happened(JOINT);
    }
    for index in run.cluster.running() {
        run.kill(index).await;
    }
    for index in 0..3 {
        run.restart(index).await;
    }
    wait_for_members(&run.cluster, &names(gone, &[]), &[]).await;
    assert_eq!(exit_code(&mut run, gone).await, Some(REMOVED));
    run.healed().await;
    run.work(CALLS).await;
    run.finish(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_all_are_killed_in_the_joint_configuration_on_memory() {
    killed_in_the_joint_configuration("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_all_are_killed_in_the_joint_configuration_on_rocksdb() {
    killed_in_the_joint_configuration("rocksdb").await;
}

/// A member whose disk was emptied has forgotten its votes: it is refused until it is told to come
/// back as another.
async fn a_wiped_member_is_refused(store: &'static str) {
    let mut run = Run::start(Plan::new(store)).await;
    run.work(CALLS).await;
    let wiped = run.cluster.follower().await;
    run.kill(wiped).await;
    run.cluster.member(wiped).wipe();
    for _ in 0..2 {
        run.begins(WIPED, format!("n{}", wiped + 1));
        let (code, said) = run.cluster.member(wiped).refused().await;
        assert_eq!(code, Some(REFUSED), "{said}");
        let words = "must not come back under its old id";
        assert!(said.contains(words), "{said}");
        run.happened(WIPED);
        run.work(CALLS).await;
    }
    run.cluster.member(wiped).set(&["--rejoin"]);
    run.restart(wiped).await;
    let old = wiped as u64 + 1;
    wait_for("three voters, one of them with a new id", async || {
        let members = members(&run.cluster).await?;
        let new = members.iter().any(|member| member.id == 4 && member.voter);
        let three = members.len() == 3 && members.iter().all(|member| member.id != old);
        (new && three).then_some(())
    })
    .await;
    run.healed().await;
    run.finish(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_a_wiped_member_is_refused_under_its_old_id_on_memory() {
    a_wiped_member_is_refused("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_a_wiped_member_is_refused_under_its_old_id_on_rocksdb() {
    a_wiped_member_is_refused("rocksdb").await;
}

/// Of two processes with the same votes and the same log at most one takes part.
async fn a_copied_directory_is_refused(store: &'static str) {
    let plan = Plan::new(store);
    let mut run = Run::start(plan.clone()).await;
    run.work(CALLS).await;
    let original = run.cluster.follower().await;
    run.kill(original).await;
    let second = run.cluster.add(&plan.arguments());
    let name = run.cluster.members()[original].name().to_owned();
    let copy = run.cluster.directory().join("copy");
    run.cluster.members()[original].copy_data(&copy);
    run.cluster.member(second).rename(&name);
    run.cluster.member(second).set_data(&copy);
    run.restart(original).await;
    run.healed().await;

    run.begins(COPIED, format!("{name} runs, and its copy starts"));
    let (code, said) = run.cluster.member(second).refused().await;
    assert_eq!(code, Some(REFUSED), "{said}");
    assert!(said.contains("is a copy of one in use"), "{said}");
    run.happened(COPIED);
    run.work(CALLS).await;

    run.kill(original).await;
    run.begins(COPIED, format!("{name} and its copy start together"));
    run.restart(original).await;
    run.restart(second).await;
    wait_at_most(PATIENCE, "one of them ends", async || {
        let both = [original, second];
        both.iter()
            .any(|index| run.cluster.member(*index).is_gone())
            .then_some(())
    })
    .await;
    run.happened(COPIED);
    run.work(CALLS).await;
    run.healed().await;
    run.finish(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_a_copied_directory_is_refused_beside_the_original_on_memory() {
    a_copied_directory_is_refused("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s12_a_copied_directory_is_refused_beside_the_original_on_rocksdb() {
    a_copied_directory_is_refused("rocksdb").await;
}
