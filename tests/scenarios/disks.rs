//! Scenarios 6 and 9: the power is cut, the disks are full.

use std::time::Duration;

use common::{Error, types::PutRequest};
use rand::seq::SliceRandom;

use crate::{
    cluster::wait_for,
    faults::disks::Disks,
    scenario::{Plan, Run},
};

/// So many calls are acknowledged between two faults.
const CALLS: usize = 100;

/// Room for a log of several segments, state and snapshots.
const DISK: u64 = 128 << 20;

/// What members on such disks keep free: more than one segment of their logs.
const RESERVE: [&str; 2] = ["--disk-reserve", "16MiB"];

/// How often one, two and all three members lose their power.
const ROUNDS: usize = 3;

/// A run on disks of its own; none, and a loud word, where this machine has no such disks.
async fn start(store: &'static str, what: &str) -> Option<(Disks, Run)> {
    let mut plan = Plan::new(store);
    plan.settings.extend(RESERVE.map(str::to_owned));
    let mut cluster = plan.prepare();
    match Disks::under(&mut cluster, DISK) {
        Ok(disks) => Some((disks, Run::start_prepared(cluster, plan).await)),
        Err(why) => {
            drop(cluster);
            let mut run = Run::start(plan).await;
            run.skipped(what, &why);
            run.finish(0).await;
            None
        }
    }
}

/// Scenario 6: the power of one member, of two, of all three is cut under load, and comes back.
async fn the_power_is_cut(store: &'static str) {
    let Some((disks, mut run)) = start(store, "power cuts").await else {
        return;
    };
    for _ in 0..ROUNDS {
        for count in 1..=3 {
            run.work(CALLS).await;
            let mut dark = [0, 1, 2];
            dark.shuffle(&mut run.rng);
            let dark = &dark[..count];
            disks.cut_power(&mut run, dark);
            if count == 1 {
                run.work(CALLS).await;
            }
            disks.restore_power(&mut run, dark).await;
            run.healed().await;
        }
    }
    // The leader, once for certain.
    let leader = run.leader().await;
    disks.cut_power(&mut run, &[leader]);
    run.work(CALLS).await;
    disks.restore_power(&mut run, &[leader]).await;
    run.finish(ROUNDS * 4 * CALLS).await;
}

/// Scenario 9: one disk is full, then those of a majority; nobody ends, and nothing is lost.
async fn disks_are_full(store: &'static str) {
    let Some((disks, mut run)) = start(store, "full disks").await else {
        return;
    };
    let processes = processes(&run);
    run.work(CALLS).await;
    let leader = run.leader().await;
    let followers = [(leader + 1) % 3, (leader + 2) % 3];

    // A follower: the others go on.
    let full = disks.fill(&mut run, &followers[..1], 0).await;
    run.work(CALLS).await;
    disks.empty(&mut run, &followers[..1], full).await;
    run.healed().await;

    // The leader: another one leads, and they go on.
    let leader = run.leader().await;
    let full = disks.fill(&mut run, &[leader], 0).await;
    wait_for("a member with room leads", async || {
        let now = run.cluster.leader_now().await?;
        (now != leader).then_some(())
    })
    .await;
    run.work(CALLS).await;
    disks.empty(&mut run, &[leader], full).await;
    run.healed().await;

    // A majority: writes are refused until there is room again.
    let majority = [leader, (leader + 1) % 3];
    let full = disks.fill(&mut run, &majority, 0).await;
    refused(&run).await;
    disks.empty(&mut run, &majority, full).await;
    run.healed().await;

    assert_eq!(self::processes(&run), processes, "a member was replaced");
    for member in run.cluster.members() {
        let ended = member.events("failed");
        assert!(ended.is_empty(), "{} has ended: {ended:?}", member.name());
    }
    run.finish(3 * CALLS).await;
}

fn processes(run: &Run) -> Vec<u32> {
    let members = run.cluster.members().iter();
    members.map(|member| member.process_id()).collect()
}

/// Waits until a write is refused for want of room. One of the moment in which the room went may
/// still be carried out, or wait for members that take it no more.
async fn refused(run: &Run) {
    let client = run.cluster.client().await;
    let client = client.with_timeout(Duration::from_secs(2));
    wait_for("a write is refused for want of room", async || {
        let put = PutRequest::new("default", "probe", "x");
        matches!(client.put(put).await, Err(Error::ReadOnly { .. })).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s06_the_power_is_cut_on_memory() {
    the_power_is_cut("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s06_the_power_is_cut_on_rocksdb() {
    the_power_is_cut("rocksdb").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s09_disks_are_full_on_memory() {
    disks_are_full("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s09_disks_are_full_on_rocksdb() {
    disks_are_full("rocksdb").await;
}
