//! Scenario 15: one member, the leader, is given far more than it can take, in four ways at once.
//! It refuses what it cannot take, in bounded memory, and heartbeats are on time.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{
    Error,
    transport::MAX_HANDSHAKE_BYTES,
    types::{Cursor, WatchReply, WatchRequest, WatchTarget},
};
use futures::future::join_all;
use tokio::task::JoinHandle;

use crate::{
    cluster::{Direct, within},
    hostile::wire::{connect, greeted, hello, is_hung_up},
    scenario::{Plan, Run},
};

/// So many calls are acknowledged before the flood, and while it lasts.
const CALLS: usize = 100;

/// Writers that write as fast as they can.
const FLOOD: &str = "flood";

/// Connections on which nothing, or half a greeting, was said.
const HALF_OPEN: &str = "half-open connections";

/// Frames of lengths that nobody may send.
const OVERSIZED: &str = "oversized frames";

/// A watcher that asks, and asks no more until much has changed.
const SLOW: &str = "slow watcher";

/// Twenty connections of the flood, the writes under way on each, and the size of each: twice
/// what a leader lets wait.
const FLOOD_CONNECTIONS: usize = 20;
const FLOOD_WRITES: usize = 32;
const FLOOD_BYTES: usize = 256 * 1024;

/// Half-open connections to each of the two ports.
const HALF_OPEN_PER_PORT: usize = 1000;

/// So little is kept of the changes that a flood is more in any case. The flood and all members share
/// two cores: heartbeats count as on time for ten times as long as by default.
const SETTINGS: [&str; 4] = ["--watch-history", "1MiB", "--election-timeout", "3s"];

/// Where the flood goes.
const NAMESPACE: &str = "flood";

/// How long one call may take in the flood.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The flood, and what became of it.
struct Flood {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    writers: Vec<JoinHandle<()>>,
}

impl Flood {
    async fn start(address: &str) -> Self {
        let mut flood = Self {
            stop: Arc::default(),
            acknowledged: Arc::default(),
            refused: Arc::default(),
            writers: Vec::new(),
        };
        let value = bytes::Bytes::from(vec![7; FLOOD_BYTES]);
        for _ in 0..FLOOD_CONNECTIONS {
            let direct = Direct::open(address, true).await.expect("a connection");
            let direct = direct.with_timeout(TIMEOUT);
            let value = value.clone();
            let stop = Arc::clone(&flood.stop);
            let (acknowledged, refused) =
                (Arc::clone(&flood.acknowledged), Arc::clone(&flood.refused));
            flood.writers.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let puts = (0..FLOOD_WRITES)
                        .map(|key| direct.put(NAMESPACE, format!("{}", key % 8), value.clone()));
                    for outcome in join_all(puts).await {
                        match outcome {
                            Ok(_) => acknowledged.fetch_add(1, Ordering::Relaxed),
                            Err(Error::Overloaded { .. }) => {
                                refused.fetch_add(1, Ordering::Relaxed)
                            }
                            // Too late, or elsewhere by now: no business of a flood.
                            Err(_) => 0,
                        };
                    }
                }
            }));
        }
        flood
    }

    /// Lets the writers finish; how many writes were acknowledged, and how many refused.
    async fn stop(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer of the flood");
        }
        (
            self.acknowledged.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        )
    }
}

/// Opens connections to both ports, and says little on them.
fn half_open(ports: &[String; 2]) -> Vec<std::net::TcpStream> {
    let hello = hello();
    let mut held = Vec::new();
    for number in 0..HALF_OPEN_PER_PORT {
        for address in ports {
            let mut socket = connect(address);
            let said = [0, 2, 4, hello.len() / 2][number % 4];
            // It may be hung up on already.
            let _ = socket.write_all(&hello[..said]);
            held.push(socket);
        }
    }
    held
}

/// Sends heads of frames that are too long, before and after the greeting; whether each was hung up
/// on.
fn oversized([client, peer]: &[String; 2]) -> bool {
    let lengths = [MAX_HANDSHAKE_BYTES as u32 + 1, 64 << 20, u32::MAX];
    let strangers = [client, peer].into_iter().flat_map(|address| {
        let sockets = lengths.map(|length| (connect(address), length));
        sockets.into_iter()
    });
    let known = [64 << 20, u32::MAX].map(|length| (greeted(client), length));
    let mut all = strangers.chain(known);
    all.all(|(mut socket, length)| {
        let _ = socket.write_all(&length.to_be_bytes());
        is_hung_up(&mut socket)
    })
}

/// Asks for the changes from a place on.
async fn watch(direct: &Direct, from: Cursor) -> Result<WatchReply, Error> {
    let request = WatchRequest {
        namespace: NAMESPACE.to_owned(),
        target: WatchTarget::Prefix(bytes::Bytes::new()),
        from,
        previous: false,
        keys_only: false,
        max_wait: Duration::ZERO,
    };
    let answered = direct.data.watch(within(TIMEOUT), request).await;
    answered.expect("an answer to a watcher")
}

async fn overload(store: &'static str) {
    let mut plan = Plan::new(store);
    plan.settings.extend(SETTINGS.map(str::to_owned));
    let mut run = Run::start(plan).await;
    run.work(CALLS).await;
    let leader = run.leader().await;
    let term = run.cluster.status(leader).await.expect("a status").term;
    let member = &run.cluster.members()[leader];
    let ports = [member.client().to_owned(), member.peer().to_owned()];

    let watcher = run.cluster.direct(leader).await;
    let put = watcher.put(NAMESPACE, "0", "before").await.expect("a put");
    let watched = watch(&watcher, Cursor::at(put.revision)).await;
    let place = watched.expect("a watch").next;
    run.begins(SLOW, "asks once before the flood, and once after it");
    run.begins(HALF_OPEN, format!("{HALF_OPEN_PER_PORT} on each port"));
    let targets = ports.clone();
    let held = tokio::task::spawn_blocking(move || half_open(&targets));
    let held = held.await.expect("the sockets");
    run.begins(FLOOD, format!("{FLOOD_CONNECTIONS} connections"));
    let flood = Flood::start(&ports[0]).await;
    run.begins(OVERSIZED, "on both ports");
    let refused = tokio::task::spawn_blocking(move || oversized(&ports));
    if refused.await.expect("the sockets") {
        run.happened(OVERSIZED);
    }
    // Clients of every member go on.
    run.work(CALLS).await;
    let gone = tokio::task::spawn_blocking(move || {
        let mut held = held;
        held.iter_mut().all(is_hung_up)
    });
    if gone.await.expect("the sockets") {
        run.happened(HALF_OPEN);
    }
    let late = watch(&watcher, place).await;
    assert!(matches!(late, Err(Error::Compacted { .. })), "{late:?}");
    run.happened(SLOW);
    let (acknowledged, refused) = flood.stop().await;
    run.note(format!(
        "flood: {acknowledged} acknowledged, {refused} refused"
    ));
    if acknowledged > 0 && refused > 0 {
        run.happened(FLOOD);
    }
    let status = run.cluster.status(leader).await.expect("a status");
    assert_eq!(status.term, term, "heartbeats were late");
    run.healed().await;
    run.finish(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s15_the_leader_is_overloaded_in_four_ways_on_memory() {
    overload("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s15_the_leader_is_overloaded_in_four_ways_on_rocksdb() {
    overload("rocksdb").await;
}
