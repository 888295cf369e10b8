//! Members in one process whose clocks are passed in, and go wrong.

use std::{
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use common::{
    Client, ClientConfig,
    types::{Consistency, GetRequest, Lifetime, PutRequest, Role},
};
use tokio::runtime::Runtime;

use super::*;
use crate::config::Options;

const TEN_MINUTES: u64 = 600_000;

/// For whatever is waited for: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A member on threads of its own, so that it can be taken down in one blow.
struct Member {
    runtime: Option<Runtime>,
    address: String,
    /// What is added to its clock, in milliseconds.
    skew: Arc<AtomicU64>,
}

impl Member {
    fn start(name: &str, peers: &str, root: &Path, ahead: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let data = root.join(name);
        let given: Options = toml::from_str(&format!(
            "name = '{name}'\npeers = '{peers}'\nlisten = '127.0.0.1:0'\ndata-dir = '{}'",
            data.display()
        ))
        .unwrap();
        let config = Config::new(&given).unwrap();
        let skew = Arc::new(AtomicU64::new(ahead));
        let (began, added) = (Instant::now(), Arc::clone(&skew));
        let clock: clock::Source =
            Arc::new(move || began.elapsed() + Duration::from_millis(added.load(Ordering::SeqCst)));
        let node = runtime.block_on(Node::bind(config)).unwrap();
        let node = node.with_clock(clock);
        let address = node.client_address().to_owned();
        runtime.spawn(async move {
            let (_never, shutdown) = watch::channel(false);
            node.run(shutdown).await
        });
        Self {
            runtime: Some(runtime),
            address,
            skew,
        }
    }

    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Cluster {
    members: Vec<Member>,
    client: Client,
    runtime: Runtime,
    _directory: tempfile::TempDir,
}

impl Cluster {
    /// Three members; the clock of the first is ten minutes ahead of the second's, that of the third
    /// as much behind it.
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listeners: Vec<_> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let peers: Vec<String> = listeners
            .iter()
            .enumerate()
            .map(|(n, listener)| format!("n{}={}", n + 1, listener.local_addr().unwrap()))
            .collect();
        drop(listeners);
        let peers = peers.join(",");
        let members: Vec<Member> = [2 * TEN_MINUTES, TEN_MINUTES, 0]
            .into_iter()
            .enumerate()
            .map(|(n, ahead)| {
                Member::start(&format!("n{}", n + 1), &peers, directory.path(), ahead)
            })
            .collect();
        let mut config = ClientConfig::new(members.iter().map(|member| member.address.clone()));
        config.timeout = PATIENCE;
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(Client::connect(config)).unwrap();
        Self {
            members,
            client,
            runtime,
            _directory: directory,
        }
    }

    fn put(&self, key: &'static str, ttl: Duration) {
        let mut request = PutRequest::new("default", key, "v");
        request.lifetime = Lifetime::Ttl(ttl);
        self.runtime.block_on(self.client.put(request)).unwrap();
    }

    fn there(&self, key: &'static str) -> bool {
        let request = GetRequest::new("default", key, Consistency::Linearizable);
        let reply = self.runtime.block_on(self.client.get(request)).unwrap();
        reply.entry.is_some()
    }

    fn leader(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for (index, member) in self.members.iter().enumerate() {
                let status = Client::status_of(&member.address, Duration::from_secs(1));
                if member.runtime.is_some()
                    && let Ok(status) = self.runtime.block_on(status)
                    && status.role == Role::Leader
                {
                    return index;
                }
            }
            assert!(Instant::now() < deadline, "no leader");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a key has ended; returns when it had, counted from a moment.
    fn ends(&self, key: &'static str, since: Instant) -> Duration {
        while self.there(key) {
            assert!(since.elapsed() < PATIENCE, "{key} is kept for ever");
            thread::sleep(Duration::from_millis(10));
        }
        since.elapsed()
    }
}

#[test]
fn members_whose_clocks_differ_by_ten_minutes_expire_neither_early_nor_never() {
    let mut cluster = Cluster::start();
    let ttl = Duration::from_secs(2);
    let hour = Duration::from_secs(3600);
    cluster.put("kept", hour);
    // Whoever leads: the one ahead, the one behind.
    for (key, kill) in [("a", true), ("b", false)] {
        let began = Instant::now();
        cluster.put(key, ttl);
        if kill {
            let leader = cluster.leader();
            cluster.members[leader].kill();
        }
        let ended = cluster.ends(key, began);
        assert!(
            ended >= ttl - Duration::from_millis(500),
            "{key}: {ended:?}"
        );
    }
    assert!(cluster.there("kept"));
}

#[test]
fn a_follower_whose_clock_jumps_by_ten_minutes_ends_nothing_early_when_it_leads() {
    let mut cluster = Cluster::start();
    let ttl = Duration::from_secs(3);
    let began = Instant::now();
    cluster.put("k", ttl);
    cluster.put("kept", Duration::from_secs(300));
    let leader = cluster.leader();
    for (index, member) in cluster.members.iter().enumerate() {
        if index != leader {
            member.skew.fetch_add(TEN_MINUTES, Ordering::SeqCst);
        }
    }
    // The next command sets their copies right.
    cluster.put("another", ttl);
    cluster.members[leader].kill();
    assert!(cluster.there("kept"));
    let ended = cluster.ends("k", began);
    // A copy that was set back may be ahead by a second.
    assert!(ended >= ttl - Duration::from_millis(1_500), "{ended:?}");
    assert!(cluster.there("kept"));
}
