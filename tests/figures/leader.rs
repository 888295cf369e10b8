//! How long writes stand still when the leader changes.
//!
//! Eight clients that know all members write back to back. What is printed is the longest time that
//! any of them was without an acknowledgement, if it began within [`WINDOW`] of the change of leader,
//! over [`ROUNDS`] changes. Later ones are no matter of the change: the disk stalls at times.

mod etcd;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use common::types::{PutRequest, TransferLeaderRequest};
use tokio::task::JoinSet;

use crate::cluster::Cluster;

/// Changes of leader in one figure.
const ROUNDS: usize = 20;

/// Clients that write.
const WRITERS: usize = 8;

/// A time without acknowledgements that begins later has another cause.
const WINDOW: Duration = Duration::from_millis(500);

/// How long they write before and after the change.
const AROUND: Duration = Duration::from_millis(1500);

/// The moments of acknowledgements, one list a writer.
type Acknowledged = Vec<Vec<Instant>>;

/// The longest time without an acknowledgement that began soon after a moment, or before and lasted
/// until then, over all writers.
fn longest_gap(acknowledged: &Acknowledged, from: Instant) -> Duration {
    let gaps = acknowledged.iter().map(|moments| {
        let before = moments.partition_point(|at| *at < from);
        let gaps = moments[before.saturating_sub(1)..].windows(2);
        let soon = gaps.take_while(|pair| pair[0] < from + WINDOW);
        soon.map(|pair| pair[1] - pair[0]).max().unwrap_or(AROUND)
    });
    gaps.max().unwrap_or_default()
}

fn print(what: &str, mut gaps: Vec<Duration>) {
    gaps.sort();
    let millis = |gap: &Duration| format!("{:.1}", gap.as_secs_f64() * 1000.0);
    let (first, last) = (gaps.first(), gaps.last());
    println!(
        "{what:<34} min {:>7} ms   median {:>7} ms   max {:>7} ms   of {}",
        first.map(millis).unwrap_or_default(),
        gaps.get(gaps.len() / 2).map(millis).unwrap_or_default(),
        last.map(millis).unwrap_or_default(),
        gaps.len()
    );
}

/// Writers that go on until they are stopped.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Vec<Instant>>,
}

impl Writers {
    async fn start(cluster: &Cluster) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            let client = cluster.client().await;
            let stop = Arc::clone(&stop);
            tasks.spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0_u32.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let key = format!("{writer}-{}", number % 1000);
                    let request = PutRequest::new("figures", key, vec![b'x'; 256]);
                    client.put(request).await.expect("no write fails");
                    acknowledged.push(Instant::now());
                }
                acknowledged
            });
        }
        tokio::time::sleep(AROUND).await;
        Self { stop, tasks }
    }

    async fn stop(self) -> Acknowledged {
        tokio::time::sleep(AROUND).await;
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await
    }
}

/// How a leader ends to lead.
#[derive(Clone, Copy)]
enum End {
    Killed,
    Stopped,
    HandsOver,
}

async fn changes_of_leader(what: &str, end: End) {
    let mut cluster = Cluster::start(&[]).await;
    let mut gaps = Vec::new();
    for _ in 0..ROUNDS {
        let writers = Writers::start(&cluster).await;
        let client = cluster.client().await;
        let leader = cluster.leader().await;
        let from = Instant::now();
        match end {
            End::Killed => cluster.member(leader).send_kill(),
            End::Stopped => cluster.member(leader).terminate(),
            End::HandsOver => {
                let request = TransferLeaderRequest { to: None };
                client.transfer_leader(request).await.expect("a transfer");
            }
        }
        let gap = longest_gap(&writers.stop().await, from);
        println!("  n{}: {:.1} ms", leader + 1, gap.as_secs_f64() * 1000.0);
        gaps.push(gap);
        if !matches!(end, End::HandsOver) {
            cluster.member(leader).exited().await;
            cluster.member(leader).start();
        }
        cluster.settled().await;
    }
    print(what, gaps);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: run `make bench-failover`"]
async fn kill_of_the_leader() {
    changes_of_leader("raftnode, kill -9 of the leader", End::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: run `make bench-failover`"]
async fn stop_of_the_leader() {
    changes_of_leader("raftnode, SIGTERM to the leader", End::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: run `make bench-failover`"]
async fn transfer_of_leadership() {
    changes_of_leader("raftnode, leader transfer", End::HandsOver).await;
}
