//! A run for as long as it is told, with faults composed at random: `make soak`.
//!
//! It works in rounds: one fault or two that overlap, the end of them, a leader, equal states, the
//! check of everything that the clients recorded in the round. What was recorded is dropped then, so
//! that the memory of the test stays bounded.
//!
//! ```text
//! SOAK_MINUTES     how long (60)
//! SOAK_STORE       memory or rocksdb (memory)
//! SOAK_REPORT      a file for the report, as Markdown
//! RAFTNODE_SEED    the same choices again
//! ```

mod equipment;
mod faults;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use rand::{RngExt, seq::SliceRandom};

use crate::scenario::{Plan, Run};
use equipment::Equipment;

/// So many faults are to be injected in an hour at least.
const INJECTIONS_AN_HOUR: f64 = 200.0;

/// So many calls are to be checked in an hour at least.
const CALLS_AN_HOUR: f64 = 200_000.0;

/// How likely a second fault joins the first.
const OVERLAP: f64 = 0.4;

/// So many calls are acknowledged between two rounds.
const CALLS: usize = 150;

fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(given) => match given.parse() {
            Ok(value) => value,
            Err(_) => panic!("{name}={given} makes no sense"),
        },
        Err(_) => default,
    }
}

/// Faults are begun one after the other, last together for a while, and end in any order.
async fn round(run: &mut Run, equipment: &mut Equipment) {
    run.work(CALLS).await;
    let fault = faults::choose(&mut run.rng, None);
    let mut endings = fault.begin(run, equipment).await;
    if fault.may_be_joined() && run.rng.random_bool(OVERLAP) {
        let millis = run.rng.random_range(0..500);
        run.hold(Duration::from_millis(millis)).await;
        let second = faults::choose(&mut run.rng, Some(fault));
        endings.extend(second.begin(run, equipment).await);
    }
    let millis = run.rng.random_range(200..2500);
    run.hold(Duration::from_millis(millis)).await;
    endings.shuffle(&mut run.rng);
    for ending in endings {
        ending.happens(run, equipment).await;
    }
    run.healed().await;
    run.next_shift().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "runs for an hour: make soak"]
async fn faults_composed_at_random() {
    let minutes: f64 = variable("SOAK_MINUTES", 60.0);
    let store = match variable("SOAK_STORE", "memory".to_owned()).as_str() {
        "memory" => "memory",
        "rocksdb" => "rocksdb",
        other => panic!("SOAK_STORE={other} is neither memory nor rocksdb"),
    };
    let mut plan = Plan::new(store);
    plan.command = format!("SOAK_MINUTES={minutes} SOAK_STORE={store} make soak");
    plan.settings.extend(equipment::RESERVE.map(str::to_owned));
    let (mut cluster, links) = plan.prepare_behind_links();
    // Before the run, which must be gone when the disks go.
    let mut equipment = Equipment::of(&mut cluster);
    let mut run = Run::start_behind_links(cluster, links, plan).await;
    if let Some(file) = std::env::var_os("SOAK_REPORT").filter(|file| !file.is_empty()) {
        run.report_to(PathBuf::from(file));
    }
    let (began, duration) = (Instant::now(), Duration::from_secs_f64(60.0 * minutes));
    while began.elapsed() < duration {
        round(&mut run, &mut equipment).await;
    }
    let hours = began.elapsed().as_secs_f64() / 3600.0;
    let report = run.finish(0).await;
    let (injections, calls) = (report.injections() as f64, report.calls() as f64);
    assert!(
        injections >= INJECTIONS_AN_HOUR * hours && calls >= CALLS_AN_HOUR * hours,
        "{injections} faults and {calls} calls are too few for {minutes} minutes"
    );
}
