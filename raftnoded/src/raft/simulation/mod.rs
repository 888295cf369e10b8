//! A whole cluster in one thread, with simulated time, network and disks: a seed decides all that is
//! left to chance, so that a run can be had again, line by line.
//!
//! Real are openraft, the log over its journal, the state machine with the memory engine, the batcher,
//! the read barrier and the cluster's clock. Simulated are what lies below and between them:
//!
//! - **Time** is tokio's paused clock: it jumps to the next timer when no task has anything to do.
//! - **The network** ([`network`]) delays, loses and cuts.
//! - **The disks** ([`disk`]) sync late, and a crash takes what was not synced.
//! - **Processes** ([`runtime`]) stop, continue and are killed with all their tasks.
//! - **Chance**: openraft draws its election timeouts from the seed ([`runtime`]), and its channels
//!   wake in order ([`watch`]).
//!
//! Everything runs on one thread, and in the order of its events ([`world`]): a message or reply that
//! arrives, a sync that ends, a step of a client ([`clients`]), a fault ([`faults`]). After each one
//! all tasks run until none has anything to do, and then the [`invariants`] are looked at. They know
//! the cluster from the records on its disks, from what its members say and from what clients are
//! told.
//!
//! # Running it
//!
//! `RAFTNODE_SEEDS=0..1000` runs other seeds than the usual ones, and `RAFTNODE_TRACE=1` prints the
//! whole trace of one that fails:
//!
//! ```text
//! RAFTNODE_SEEDS=17..18 RAFTNODE_TRACE=1 cargo test -p raftnoded simulation::tests::seeds
//! ```
//!
//! # Caveats
//!
//! - A member takes a step at a time: two threads that race are not simulated.
//! - Snapshots pass from member to member in one piece, and a snapshot file is there whole or not at
//!   all.
//! - What finds out that a leader is gone by its connection ([`failover`](super::failover)), and the
//!   conversation of members that greet each other, are not part of it.

mod clients;
mod disk;
mod engine;
mod faults;
mod invariants;
mod member;
mod mirror;
mod network;
mod plan;
mod run;
pub(super) mod runtime;
mod tests;
mod trace;
mod watch;
mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use plan::Plan;
use run::{Report, Run};

/// A run that takes no step for so long hangs.
const HANGS: Duration = Duration::from_secs(30);

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Feeds bytes to an FNV-1a hash of 64 bits.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

/// Runs a plan on a thread of its own and returns what it was like.
///
/// # Panics
/// If it panics, or takes no step for [`HANGS`]: a task that never waits lets time stand still.
fn simulate(plan: Plan) -> Report {
    let seed = plan.seed;
    let steps = Arc::new(AtomicU64::new(0));
    let (done, report) = channel();
    let counter = Arc::clone(&steps);
    let thread = thread::spawn(move || {
        runtime::simulate(seed);
        let files = tempfile::tempdir().expect("a directory for temporary files");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // The run itself goes on only when no other task has anything to do.
            .event_interval(u32::MAX)
            .build()
            .expect("a runtime");
        let report = runtime.block_on(Run::go(plan, files.path(), &counter));
        // Nobody is left to receive it if the run was taken to hang.
        let _ = done.send(report);
    });
    let mut before = u64::MAX;
    loop {
        match report.recv_timeout(HANGS) {
            Ok(report) => {
                thread.join().expect("a run that was reported ends");
                return report;
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("seed {seed} panicked after {} steps", steps.load(Relaxed))
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = steps.load(Relaxed);
                assert!(now != before, "seed {seed} hangs after {now} steps");
                before = now;
            }
        }
    }
}
