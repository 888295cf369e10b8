//! Scenarios 1, 2 and 7: processes are killed and paused.

use std::time::Duration;

use rand::{RngExt, seq::SliceRandom};

use crate::scenario::{Plan, Run};

/// So many calls are acknowledged between two faults.
const CALLS: usize = 250;

/// Scenario 1: SIGKILL of the leader, five times.
async fn the_leader_is_killed_five_times(store: &'static str) {
    let mut run = Run::start(Plan::new(store)).await;
    for _ in 0..5 {
        run.work(CALLS).await;
        let leader = run.leader().await;
        run.kill(leader).await;
        run.work(CALLS).await;
        run.restart(leader).await;
        run.healed().await;
    }
    run.finish(10 * CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s01_the_leader_is_killed_five_times_on_memory() {
    the_leader_is_killed_five_times("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s01_the_leader_is_killed_five_times_on_rocksdb() {
    the_leader_is_killed_five_times("rocksdb").await;
}

/// Scenario 2: SIGSTOP of the leader for 2 to 4 s, long enough for another to take over, then
/// SIGCONT. Reads go to every member all the time, those to the stopped one wait in its sockets: when
/// it goes on it still takes itself for the leader, and must not answer them from its own state.
async fn the_leader_is_paused(store: &'static str) {
    let mut run = Run::start(Plan::new(store)).await;
    run.sound_out().await;
    for _ in 0..3 {
        run.work(CALLS).await;
        let leader = run.leader().await;
        run.pause(leader).await;
        let successor = run.leader().await;
        assert_ne!(successor, leader, "a stopped process does not lead");
        let millis = run.rng.random_range(2000..4000);
        run.hold(Duration::from_millis(millis)).await;
        run.resume(leader).await;
        run.work(CALLS).await;
        run.healed().await;
    }
    run.finish(6 * CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s02_the_leader_is_paused_and_reads_stay_fresh_on_memory() {
    the_leader_is_paused("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s02_the_leader_is_paused_and_reads_stay_fresh_on_rocksdb() {
    the_leader_is_paused("rocksdb").await;
}

/// Scenario 7: two members are paused and the third is cut off, or killed, each in its turn. Nobody
/// has a majority; then one after the other comes back, in any order.
async fn two_are_paused_and_the_third_is_gone(store: &'static str) {
    let mut plan = Plan::new(store);
    plan.links = true;
    let mut run = Run::start(plan).await;
    for third in 0..3 {
        run.work(CALLS).await;
        let killed = run.rng.random_bool(0.5);
        let mut others = [(third + 1) % 3, (third + 2) % 3];
        others.shuffle(&mut run.rng);
        run.pause(others[0]).await;
        if killed {
            run.kill(third).await;
        } else {
            run.isolate(third).await;
        }
        run.pause(others[1]).await;
        let millis = run.rng.random_range(500..1500);
        run.hold(Duration::from_millis(millis)).await;
        let mut back = [0, 1, 2];
        back.shuffle(&mut run.rng);
        for index in back {
            if index != third {
                run.resume(index).await;
            } else if killed {
                run.restart(index).await;
            } else {
                run.mend_network();
            }
        }
        run.healed().await;
    }
    run.finish(3 * CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s07_two_are_paused_and_the_third_is_gone_on_memory() {
    two_are_paused_and_the_third_is_gone("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s07_two_are_paused_and_the_third_is_gone_on_rocksdb() {
    two_are_paused_and_the_third_is_gone("rocksdb").await;
}
