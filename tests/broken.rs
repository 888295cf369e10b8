//! Checks that can fail: three builds with a known bug each, which a run must find.
//!
//! Each test runs twice, with the bug and without: the same members, the same faults. With it, the
//! run must find that its history is not linearizable; without, it must pass.

use std::{any::Any, panic::AssertUnwindSafe};

use futures::FutureExt;

use crate::{
    faults::failpoints::{UNSYNCED, set, set_all},
    scenario::{Plan, Run},
    scenarios::failpoints::promote,
};

/// All members lose their power at once.
const POWER_CUT: &str = "power cut of all members";

/// Entries are applied late.
const SLOW: &str = "entries are applied late";

/// How the checker begins what it says.
const NOT_LINEARIZABLE: &str = "not linearizable";

/// What a run found: nothing, or what it failed with.
async fn verdict(run: impl Future<Output = ()>) -> Result<(), String> {
    let ended = AssertUnwindSafe(run).catch_unwind().await;
    ended.map_err(|panic| words(&*panic))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    let fixed = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    owned.or(fixed).unwrap_or_default()
}

/// Asserts that a run without the bug passes, and that the check of one with it says why not.
async fn assert_found(scenario: impl AsyncFn(bool)) {
    assert_eq!(verdict(scenario(false)).await, Ok(()));
    let found = verdict(scenario(true)).await.expect_err("it is found");
    assert!(found.contains(NOT_LINEARIZABLE), "{found}");
}

/// Members of the faulty program, which take no snapshots: a state on disk would outlive the log.
fn plan() -> Plan {
    let mut plan = Plan::new("memory");
    plan.settings = vec!["--snapshot-every".to_owned(), "1GiB".to_owned()];
    plan
}

/// Acknowledged before it is synced, and then the power goes.
async fn power_cut(broken: bool) {
    let plan = plan();
    let mut cluster = plan.prepare();
    set_all(&mut cluster, &[UNSYNCED]);
    let mut run = Run::start_prepared(cluster, plan).await;
    run.is_to_fail(broken);
    let bug: &[&str] = if broken { &["broken.skip_sync"] } else { &[] };
    // Twice: the bug begins with the second life, for a log without its first record is refused.
    for failpoints in [&[&[UNSYNCED], bug].concat()[..], &[UNSYNCED]] {
        run.work(200).await;
        run.begins(POWER_CUT, "once a life");
        run.cluster.kill_all();
        run.happened(POWER_CUT);
        set_all(&mut run.cluster, failpoints);
        run.cluster.start_all();
        run.healed().await;
    }
    run.finish(400).await;
}

/// Everybody answers reads from the state that it has, and one that does not lead has it late.
async fn late_follower(broken: bool) {
    let plan = plan();
    let mut cluster = plan.prepare();
    let bug: &[&str] = if broken { &["broken.local_reads"] } else { &[] };
    set_all(&mut cluster, bug);
    let late = 0;
    set(
        cluster.member(late),
        &[&["apply.before=delay(100ms)"], bug].concat(),
    );
    let mut run = Run::start_prepared(cluster, plan).await;
    run.is_to_fail(broken);
    promote(&run, 1).await;
    run.sound_out().await;
    run.begins(SLOW, "on n1");
    let told = run.cluster.members()[late].events("failpoint reached");
    if told.len() == 1 {
        run.happened(SLOW);
    }
    run.work(300).await;
    run.finish(300).await;
}

/// The leader dies with applied writes that nobody was told of, so that they are sent again.
async fn leader_dies_before_it_answers(broken: bool) {
    let plan = plan();
    let mut cluster = plan.prepare();
    let bug: &[&str] = if broken { &["broken.no_sessions"] } else { &[] };
    set_all(&mut cluster, &[&["apply.after=delay(100ms)"], bug].concat());
    let mut run = Run::start_prepared(cluster, plan).await;
    run.is_to_fail(broken);
    for _ in 0..3 {
        run.work(50).await;
        let leader = run.leader().await;
        run.kill(leader).await;
        run.work(50).await;
        run.restart(leader).await;
        run.healed().await;
    }
    run.finish(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_log_that_does_not_sync_is_found() {
    assert_found(power_cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_local_read_that_claims_to_be_linearizable_is_found() {
    assert_found(late_follower).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_that_is_carried_out_twice_is_found() {
    assert_found(leader_dies_before_it_answers).await;
}
