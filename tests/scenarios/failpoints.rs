//! Scenarios 8 and 14: a sync of the log fails; a process is killed at named points.
//!
//! Members keep back what they have not synced ([`UNSYNCED`]): each kill, the ones that only restart
//! a member with another failpoint included, is a power cut.

use std::time::Duration;

use common::{
    Client,
    types::{PutRequest, TransferLeaderRequest},
};
use rand::RngExt;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    cluster::wait_for,
    faults::failpoints::{UNSYNCED, is_killed, set_all},
    scenario::{Plan, Run},
};

/// `fdatasync` of the log fails.
const SYNC_FAILS: &str = "EIO from fdatasync";

/// The process is killed at a point.
const KILLED: &str = "killed at a point";

/// The pause between two attempts to bring a member to its point.
const ATTEMPT: Duration = Duration::from_millis(20);

/// Snapshots, purges and new segments come with every megabyte written.
const SETTINGS: [&str; 8] = [
    "--log-segment",
    "1MiB",
    "--max-value-bytes",
    "64KiB",
    "--snapshot-every",
    "1MiB",
    "--log-retain",
    "0",
];

async fn start(store: &'static str) -> Run {
    let mut plan = Plan::new(store);
    plan.settings = SETTINGS.map(str::to_owned).to_vec();
    let mut cluster = plan.prepare();
    set_all(&mut cluster, &[UNSYNCED]);
    Run::start_prepared(cluster, plan).await
}

/// What brings a member to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The load does.
    Load,
    /// Leadership moves from one to the next.
    Elections,
    /// So much is written that it takes snapshots, purges its log, and fills segments.
    Ballast,
    /// It was gone for so long that it gets a snapshot from the leader.
    Lagging,
}

const POINTS: [(&str, Way); 20] = [
    ("log.append.before", Way::Load),
    ("log.append.after", Way::Load),
    ("wal.write.before", Way::Load),
    ("wal.write.after", Way::Load),
    ("wal.sync.before", Way::Load),
    ("wal.sync.after", Way::Load),
    ("apply.before", Way::Load),
    ("apply.after", Way::Load),
    ("log.vote.before", Way::Elections),
    ("log.vote.after", Way::Elections),
    ("log.purge.before", Way::Ballast),
    ("log.purge.after", Way::Ballast),
    ("wal.release.before", Way::Ballast),
    ("wal.release.after", Way::Ballast),
    ("snapshot.save.before", Way::Ballast),
    ("snapshot.save.after", Way::Ballast),
    // The memory store would also come there by its own snapshots, RocksDB only by the leader's.
    ("snapshot.rename.before", Way::Lagging),
    ("snapshot.rename.after", Way::Lagging),
    ("snapshot.install.before", Way::Lagging),
    ("snapshot.install.after", Way::Lagging),
];

/// Writes until it is dropped.
fn ballast(client: Client) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        for number in 0_usize.. {
            let key = format!("ballast{}", number % 4);
            let put = PutRequest::new("default", key, vec![b'b'; 50 << 10]);
            // The member that is to die may be the one that was asked.
            if client.put(put).await.is_err() {
                tokio::time::sleep(ATTEMPT).await;
            }
        }
    }))
}

/// Moves leadership until it is dropped.
fn elections(client: Client) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            // Refused while the one that is to have it lags, or has just died.
            let _ = client
                .transfer_leader(TransferLeaderRequest { to: None })
                .await;
            tokio::time::sleep(ATTEMPT).await;
        }
    }))
}

/// A client that knows all members, and gives up soon.
async fn client(run: &Run) -> Client {
    run.cluster
        .client()
        .await
        .with_timeout(Duration::from_secs(2))
}

/// Makes a member the leader.
pub(crate) async fn promote(run: &Run, index: usize) {
    let client = client(run).await;
    wait_for("the member leads", async || {
        // Its number is another one when its disk was replaced.
        let to = Some(run.cluster.status(index).await?.id);
        let _ = client.transfer_leader(TransferLeaderRequest { to }).await;
        (run.cluster.leader_now().await? == index).then_some(())
    })
    .await;
}

/// Waits until the others have purged what a member that does not run has not seen.
pub(crate) async fn leave_behind(run: &mut Run, index: usize) {
    let before = run.cluster.status(index).await.expect("a status").last_log;
    run.kill(index).await;
    let writing = ballast(client(run).await);
    wait_for("the others purge what it lacks", async || {
        for other in run.cluster.running() {
            let purged = run.cluster.status(other).await?.purged;
            if purged <= before {
                return None;
            }
        }
        Some(())
    })
    .await;
    drop(writing);
}

/// Scenario 14: killed at every point, started again each time.
async fn killed_at_named_points(store: &'static str) {
    let mut run = start(store).await;
    for (point, way) in POINTS {
        let victim = run.rng.random_range(0..3);
        // Of the points that a load passes all the time, one in the midst of it.
        let time = match way {
            Way::Load => run.rng.random_range(1..100),
            _ => 1,
        };
        if way == Way::Lagging {
            leave_behind(&mut run, victim).await;
        }
        run.begins(KILLED, format!("n{}, {point}", victim + 1));
        run.restart_with(victim, &[UNSYNCED, &format!("{point}=kill@{time}")])
            .await;
        let client = client(&run).await;
        let bringing = match way {
            Way::Load | Way::Lagging => None,
            Way::Elections => Some(elections(client)),
            Way::Ballast => Some(ballast(client)),
        };
        run.ends_at(KILLED, victim, point, is_killed).await;
        drop(bringing);
        run.restart_with(victim, &[UNSYNCED]).await;
        run.healed().await;
    }
    run.finish(1000).await;
}

/// Scenario 8: a follower's sync fails, then the leader's. The process ends, with the documented
/// exit code and words: had it tried again, the sync would have succeeded, for only one fails.
async fn a_sync_of_the_log_fails(store: &'static str) {
    let mut run = start(store).await;
    for leads in [false, true] {
        let victim = run.cluster.follower().await;
        run.begins(SYNC_FAILS, format!("n{}, leader: {leads}", victim + 1));
        // Far enough for a leader to be made of it first.
        let time = run.rng.random_range(150..250);
        let sync = format!("wal.sync.before=eio@{time}");
        run.restart_with(victim, &[UNSYNCED, &sync]).await;
        if leads {
            promote(&run, victim).await;
        }
        run.ends_at(SYNC_FAILS, victim, "wal.sync.before", |status| {
            status.code() == Some(1)
        })
        .await;
        let said = run.cluster.members()[victim].stderr();
        let last = said.lines().last().expect("a last word");
        for words in [
            "the log could not be written or synced",
            "Input/output error",
            "Check the disk, then restart",
        ] {
            assert!(last.contains(words), "{words}: {last}");
        }
        // The cluster goes on without it.
        run.leader().await;
        run.work(100).await;
        run.restart_with(victim, &[UNSYNCED]).await;
        run.healed().await;
    }
    run.finish(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s08_a_sync_of_the_log_fails_on_memory() {
    a_sync_of_the_log_fails("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s08_a_sync_of_the_log_fails_on_rocksdb() {
    a_sync_of_the_log_fails("rocksdb").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s14_killed_at_named_points_on_memory() {
    killed_at_named_points("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s14_killed_at_named_points_on_rocksdb() {
    killed_at_named_points("rocksdb").await;
}
