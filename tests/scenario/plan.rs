//! What a run is made of.

use crate::cluster::Cluster;

/// The variable that gives a run its seed.
const SEED: &str = "RAFTNODE_SEED";

/// Settings of every member beyond the defaults: snapshots are taken and logs purged within seconds,
/// and what is kept of a failed run is small.
const SETTINGS: [&str; 6] = [
    "--log-segment",
    "4MiB",
    "--snapshot-every",
    "1MiB",
    "--log-retain",
    "256KiB",
];

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many members there are at the beginning.
    pub(crate) members: usize,
    /// The store: "memory" or "rocksdb".
    pub(crate) store: &'static str,
    /// Whether they reach each other through links, which can be cut.
    pub(crate) links: bool,
    /// Further arguments of every member.
    pub(crate) settings: Vec<String>,
    /// What the schedule and the clients' choices come from.
    pub(crate) seed: u64,
    /// What runs this again, given the seed.
    pub(crate) command: String,
}

impl Plan {
    /// Three members; the seed of the environment's `RAFTNODE_SEED`, else one by chance. It is
    /// printed.
    pub(crate) fn new(store: &'static str) -> Self {
        let seed = match std::env::var(SEED) {
            Ok(given) => given.parse().expect("RAFTNODE_SEED is a number"),
            Err(_) => rand::random_range(0..1_000_000_000),
        };
        eprintln!("seed {seed}");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        Self {
            command: format!("cargo test -p tests {test}"),
            members: 3,
            store,
            links: false,
            settings: SETTINGS.map(str::to_owned).to_vec(),
            seed,
        }
    }

    /// The arguments of every member.
    pub(crate) fn arguments(&self) -> Vec<&str> {
        let settings = self.settings.iter().map(String::as_str);
        ["--store", self.store]
            .into_iter()
            .chain(settings)
            .collect()
    }

    /// The members, as nobody has started them yet.
    pub(crate) fn prepare(&self) -> Cluster {
        Cluster::prepare(self.members, &self.arguments())
    }

    /// How to run it again in the same way.
    pub(crate) fn again(&self) -> String {
        format!("{SEED}={} {}", self.seed, self.command)
    }
}
