//! Scenarios 1, 2 and 7: processes are killed and paused.

use crate::scenario::{Plan, Run};

/// So many calls are acknowledged between two faults.
const CALLS: usize = 100;

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
    run.finish(1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s01_the_leader_is_killed_five_times_on_memory() {
    the_leader_is_killed_five_times("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s01_the_leader_is_killed_five_times_on_rocksdb() {
    the_leader_is_killed_five_times("rocksdb").await;
}
