//! Scenario 11: a follower is cut off until the log has been purged beyond what it has, and is
//! killed before and after it installs the snapshot that it then needs.

use common::types::PutRequest;

use crate::{
    cluster::{PATIENCE, wait_at_most, wait_for},
    scenario::{Plan, Run},
};

/// So many calls are acknowledged before the cut.
const CALLS: usize = 100;

/// A follower that hears nothing.
const CUT_OFF: &str = "follower cut off until the log is purged";

/// It is killed when it has received a part of the snapshot.
const KILLED_BEFORE: &str = "killed before the snapshot is installed";

/// It is killed when it has installed the snapshot.
const KILLED_AFTER: &str = "killed after the snapshot is installed";

/// Values that make the log longer than what is kept of it, and the snapshot so large that it takes
/// a while.
const BALLAST: usize = 32;
const BALLAST_BYTES: usize = 1 << 20;

/// How often the transfer of a snapshot is caught in the middle at the latest.
const ATTEMPTS: usize = 5;

fn receiving(run: &Run, index: usize) -> usize {
    let member = &run.cluster.members()[index];
    member.events("receiving a snapshot").len()
}

fn installed(run: &Run, index: usize) -> usize {
    let member = &run.cluster.members()[index];
    member.events("snapshot installed").len()
}

async fn a_laggard_is_killed(store: &'static str) {
    let plan = Plan::new(store);
    let (cluster, links) = plan.prepare_behind_links();
    let mut run = Run::start_prepared(cluster, plan).await;
    run.work(CALLS).await;
    let client = run.cluster.client().await;
    let behind = run.cluster.follower().await;
    let name = run.cluster.members()[behind].name().to_owned();
    let mut caught = false;
    for attempt in 0..ATTEMPTS {
        let has = run.cluster.status(behind).await.expect("a status").last_log;
        let already = links.seen_in_all().held;
        run.begins(CUT_OFF, &name);
        links.isolate(behind);
        for number in 0..BALLAST {
            let value = vec![u8::try_from(attempt).unwrap_or(0); BALLAST_BYTES];
            let put = PutRequest::new("ballast", format!("{number}"), value);
            client
                .put(put)
                .await
                .expect("a put with the majority of two");
        }
        let leader = run.leader().await;
        wait_for("the log is purged beyond what it has", async || {
            (run.cluster.status(leader).await?.purged > has).then_some(())
        })
        .await;
        if links.seen_in_all().held > already {
            run.happened(CUT_OFF);
        }

        let (received, before) = (receiving(&run, behind), installed(&run, behind));
        links.heal();
        wait_for("it receives a snapshot", async || {
            (receiving(&run, behind) > received).then_some(())
        })
        .await;
        run.kill(behind).await;
        // All may have come before the kill: then it is tried again.
        caught = installed(&run, behind) == before;
        if caught {
            run.begins(KILLED_BEFORE, &name);
            run.happened(KILLED_BEFORE);
            break;
        }
        run.restart(behind).await;
        run.healed().await;
    }
    assert!(caught, "every snapshot was installed before the kill");

    let before = installed(&run, behind);
    run.begins(KILLED_AFTER, &name);
    run.restart(behind).await;
    wait_at_most(PATIENCE, "it installs the snapshot", async || {
        (installed(&run, behind) > before).then_some(())
    })
    .await;
    run.kill(behind).await;
    run.happened(KILLED_AFTER);
    run.restart(behind).await;
    run.healed().await;
    run.finish(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s11_a_laggard_is_killed_before_and_after_it_installs_a_snapshot_on_memory() {
    a_laggard_is_killed("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s11_a_laggard_is_killed_before_and_after_it_installs_a_snapshot_on_rocksdb() {
    a_laggard_is_killed("rocksdb").await;
}
