//! Faults of the network between members, one direction at a time.
//!
//! Every member listens for the others on a port of its own that nobody is told of. What the
//! others are told is the address of a proxy in this process. The membership holds *one* address
//! for each member, so that all others call the same proxy; it finds out which of them calls by
//! asking the kernel whose socket is at the other end ([`caller`]). Nothing of the protocol is
//! read, and nothing is hooked into the daemon: the bytes go on untouched.
//!
//! A *way* leads from one member to another and carries the bytes in that direction, on whichever
//! side the connection was opened. What can happen to a way:
//!
//! - **cut**: nothing arrives. Connections stay open, new ones are taken and hang. What was sent
//!   waits and arrives when the way is healed, as TCP would have sent it again: stale messages are
//!   the hard part of a partition.
//! - **delay**: every chunk arrives later, by a time of its own; the order is kept.
//! - **refusing**: connections opened in this direction are reset, open ones and new ones. If all
//!   others are refused, the port is closed: only then does the kernel itself refuse.
//! - **reset**: a chunk arrives but for its last byte, so that the frame it ends is incomplete, and
//!   then the connection is reset.
//!
//! # A process that is gone
//!
//! A member tells a dead process from a cut network by the refusal of the next call. A proxy that
//! accepts what it cannot pass on would hide the difference. So the port of a proxy is open only
//! while the member behind it listens: the call that finds it gone is reset at once, and closes the
//! port. A port knows no callers, so that a dead process is refused even to those who are cut off
//! from it; what they conclude is true.
//!
//! # What it cannot do
//!
//! Packets are not lost, doubled or reordered: that is TCP's to hide. The proxy acknowledges what
//! the other end has not seen, so that the time-outs of TCP itself never end a connection through a
//! cut. Clients, and members that pass a client's request on to the leader's client port, reach
//! every member all the time.

mod caller;
mod port;
mod relay;
mod tests;
mod way;

use std::{
    net::SocketAddrV4,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{runtime::Runtime, sync::watch};

use crate::{
    cluster::{Cluster, free_port},
    scenario::Plan,
};
use port::Port;
use way::Way;
pub(crate) use way::{Delay, Seen};

/// The ways between the members of one cluster.
pub(crate) struct Links {
    network: Arc<Network>,
    /// A thread of its own: what a test does must not delay what members say to each other.
    runtime: Option<Runtime>,
}

/// What all proxies share.
struct Network {
    seed: u64,
    places: RwLock<Places>,
    /// Is sent whenever something was done to a way.
    changes: watch::Sender<()>,
}

/// The members behind the proxies, and the ways between them.
#[derive(Default)]
struct Places {
    /// The process of each member; 0 for none.
    processes: Vec<Arc<AtomicU32>>,
    /// From each to each, and from each to itself, which nobody uses.
    ways: Vec<Vec<Arc<Way>>>,
}

impl Network {
    fn way(&self, from: usize, to: usize) -> Arc<Way> {
        let places = self.places.read().expect("nobody panics with it");
        Arc::clone(&places.ways[from][to])
    }

    fn count(&self) -> usize {
        let places = self.places.read().expect("nobody panics with it");
        places.processes.len()
    }

    /// The processes of the members, by index.
    fn processes(&self) -> Vec<u32> {
        let places = self.places.read().expect("nobody panics with it");
        let all = places.processes.iter();
        all.map(|process| process.load(Ordering::Relaxed)).collect()
    }

    /// Whether nobody may call this member.
    fn refuses_all(&self, to: usize) -> bool {
        let places = self.places.read().expect("nobody panics with it");
        let mut others = (0..places.ways.len()).filter(|from| *from != to).peekable();
        others.peek().is_some() && others.all(|from| places.ways[from][to].condition().refusing)
    }

    /// Another member; returns its index.
    fn add(&self, process: Arc<AtomicU32>) -> usize {
        let mut places = self.places.write().expect("nobody panics with it");
        let index = places.processes.len();
        places.processes.push(process);
        let way = |from: usize, to: usize| {
            let seed = self.seed ^ ((from as u64) << 32 | to as u64);
            Arc::new(Way::new(seed, self.changes.clone()))
        };
        for (from, ways) in places.ways.iter_mut().enumerate() {
            ways.push(way(from, index));
        }
        let own = (0..=index).map(|to| way(index, to)).collect();
        places.ways.push(own);
        index
    }
}

impl Links {
    /// Links between nobody yet. The seed decides how long each chunk is delayed.
    fn new(seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("links")
            .enable_all()
            .build()
            .expect("a runtime");
        Self {
            network: Arc::new(Network {
                seed,
                places: RwLock::default(),
                changes: watch::Sender::new(()),
            }),
            runtime: Some(runtime),
        }
    }

    /// A proxy on `address` in front of what listens on `target`, run by `process`.
    fn put_before(&self, address: SocketAddrV4, target: SocketAddrV4, process: Arc<AtomicU32>) {
        let index = self.network.add(process);
        let port = Port::new(Arc::clone(&self.network), index, address, target);
        let runtime = self.runtime.as_ref().expect("there until it is dropped");
        runtime.spawn(port.run());
    }

    /// Nothing arrives at `to` that `from` sends.
    pub(crate) fn cut_one_way(&self, from: usize, to: usize) {
        self.network.way(from, to).change(|now| now.cut = true);
    }

    /// Neither hears the other.
    pub(crate) fn cut(&self, one: usize, other: usize) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// This member neither hears anybody nor is heard.
    pub(crate) fn isolate(&self, index: usize) {
        for other in self.others(index) {
            self.cut(index, other);
        }
    }

    /// Bytes arrive again, those that waited first.
    pub(crate) fn mend(&self, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            self.network.way(from, to).change(|now| now.cut = false);
        }
    }

    /// Nobody can open a connection to this member, nor keep one: as if no process listened.
    pub(crate) fn refuse_calls_to(&self, index: usize) {
        for other in self.others(index) {
            self.refuse(other, index);
        }
    }

    /// What `from` opens to `to` is reset, now and from now on.
    pub(crate) fn refuse(&self, from: usize, to: usize) {
        self.network.way(from, to).change(|now| {
            now.refusing = true;
            now.broken += 1;
        });
    }

    /// Resets all connections that others have opened to this member; new ones are passed on.
    pub(crate) fn break_connections_to(&self, index: usize) {
        for other in self.others(index) {
            self.network.way(other, index).change(|now| now.broken += 1);
        }
    }

    /// Everything arrives later, on all ways.
    pub(crate) fn delay(&self, delay: Delay) {
        self.each_way(|way| way.change(|now| now.delay = Some(delay)));
    }

    /// Resets a connection in the middle of the next frame that `from` sends to `to`.
    pub(crate) fn reset_in_a_frame(&self, from: usize, to: usize) {
        self.network.way(from, to).reset_next();
    }

    /// Ends whatever was done; what waited arrives.
    pub(crate) fn heal(&self) {
        self.each_way(Way::heal);
    }

    /// What was done so far to the bytes from one member to another.
    pub(crate) fn seen(&self, from: usize, to: usize) -> Seen {
        self.network.way(from, to).seen()
    }

    /// What was done so far to all bytes.
    pub(crate) fn seen_in_all(&self) -> Seen {
        let mut sum = Seen::default();
        self.each_way(|way| sum.add(way.seen()));
        sum
    }

    fn others(&self, index: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.network.count()).filter(move |other| *other != index)
    }

    fn each_way(&self, mut act: impl FnMut(&Way)) {
        for from in self.others(usize::MAX) {
            for to in self.others(from) {
                act(&self.network.way(from, to));
            }
        }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its tasks is not allowed within another runtime.
            runtime.shutdown_background();
        }
    }
}

impl Cluster {
    /// Members n1, n2, ... that reach each other through links only, and that nobody has started
    /// yet.
    pub(crate) fn prepare_behind_links(
        count: usize,
        settings: &[&str],
        seed: u64,
    ) -> (Self, Links) {
        let mut cluster = Self::prepare(count, settings);
        let links = Links::new(seed);
        for index in 0..count {
            let member = cluster.member(index);
            // The static list names the addresses of the proxies, so that they are what members
            // tell each other.
            let address = member.peer().parse().expect("an address");
            let own = format!("127.0.0.1:{}", free_port());
            member.set_peer(&own);
            links.put_before(address, own.parse().expect("an address"), member.watched());
        }
        (cluster, links)
    }
}

impl Plan {
    /// The members, behind links, as nobody has started them yet.
    pub(crate) fn prepare_behind_links(&self) -> (Cluster, Links) {
        Cluster::prepare_behind_links(self.members, &self.arguments(), self.seed)
    }
}
