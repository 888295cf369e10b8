//! What the clients do while faults are injected, and what each of them may conclude.
//!
//! ```text
//! caller       a client: pinned to one member, or roaming
//!
//! registers    put, get, delete, compare-and-swap: linearizable key by key
//! ```
//!
//! A [`Shift`] is a set of workloads on namespaces of its own, with all their clients. A long run
//! works in shifts: what a shift recorded is checked and dropped when it ends, so that memory stays
//! bounded.

mod caller;
mod registers;

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use tokio::{sync::RwLock, task::JoinHandle};

pub(crate) use caller::Caller;
use registers::Registers;

use crate::{
    cluster::{Cluster, Member},
    history::Recorder,
};

/// The pause of a client whose call failed, before its next one: what is refused at once must not
/// fill the history.
const PAUSE: Duration = Duration::from_millis(100);

/// What a workload's check found.
#[derive(Default)]
pub(crate) struct Checked {
    /// Keys (or sets of keys that are changed together) that were checked.
    pub(crate) keys: usize,
    /// Calls that the check looked at.
    pub(crate) calls: usize,
    /// What must not be, in words.
    pub(crate) violations: Vec<String>,
}

impl Checked {
    /// Adds what another check found.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.keys += other.keys;
        self.calls += other.calls;
        self.violations.extend(other.violations);
    }
}

/// What clients do.
trait Workload: Send + Sync + 'static {
    /// A few calls of one client, all recorded. Returns whether the last one was acknowledged.
    fn work(&self, caller: &mut Caller) -> impl Future<Output = bool> + Send;
}

/// What the check of a workload looks at.
trait Evidence: Send + Sync {
    /// Checks everything recorded so far.
    fn check(&self) -> Checked;

    /// Writes the history as JSON lines.
    fn write(&self, to: &mut dyn Write) -> io::Result<()>;
}

/// What all clients of a shift share.
#[derive(Default)]
struct Floor {
    /// Read by every client during a call, written by who needs silence.
    gate: RwLock<()>,
    stop: AtomicBool,
}

/// All workloads at work.
pub(crate) struct Shift {
    floor: Arc<Floor>,
    clients: Vec<JoinHandle<()>>,
    registers: Arc<Registers>,
    recorder: Arc<Recorder>,
}

impl Shift {
    /// Puts all clients to work. `number` is part of the names of all namespaces, `seed` decides
    /// what the clients choose.
    pub(crate) fn start(
        cluster: &Cluster,
        recorder: &Arc<Recorder>,
        number: usize,
        seed: u64,
    ) -> Self {
        let addresses: Vec<String> = cluster
            .members()
            .iter()
            .map(|member: &Member| member.client().to_owned())
            .collect();
        let mut shift = Self {
            floor: Arc::default(),
            clients: Vec::new(),
            registers: Arc::new(Registers::new(number, recorder)),
            recorder: Arc::clone(recorder),
        };
        let mut hire = Hiring {
            addresses: &addresses,
            seed: seed.wrapping_add((number as u64) << 32),
            next: 0,
        };
        for index in 0..addresses.len() {
            shift.employ(&shift.registers.clone(), hire.pinned(index), 30);
        }
        for _ in 0..3 {
            shift.employ(&shift.registers.clone(), hire.roaming(), 30);
        }
        shift
    }

    /// Lets a client work at about so many rounds of calls a second.
    fn employ<W: Workload>(&mut self, workload: &Arc<W>, mut caller: Caller, per_second: u32) {
        let (workload, floor) = (Arc::clone(workload), Arc::clone(&self.floor));
        self.clients.push(tokio::spawn(async move {
            loop {
                let pass = floor.gate.read().await;
                if floor.stop.load(Ordering::Relaxed) {
                    return;
                }
                let well = workload.work(&mut caller).await;
                drop(pass);
                // The members and the clients share two cores: a rate, not as fast as they can.
                let longest = Duration::from_secs(2) / per_second;
                let pause = caller.rng.random_range(Duration::ZERO..longest);
                tokio::time::sleep(if well { pause } else { pause + PAUSE }).await;
            }
        }));
    }

    /// Runs something while no client has a call under way.
    pub(crate) async fn silent<T>(&self, during: impl Future<Output = T>) -> T {
        let silence = self.floor.gate.write().await;
        self.recorder.progress().rest();
        let result = during.await;
        self.recorder.progress().rest();
        drop(silence);
        result
    }

    /// Lets every client finish its calls.
    pub(crate) async fn stop(&mut self) {
        self.floor.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.await.expect("a client");
        }
        self.recorder.progress().rest();
    }

    /// Reads everything back through every member that runs, for the check. To be called when the
    /// clients have stopped.
    pub(crate) async fn read_back(&self, cluster: &Cluster) {
        for index in cluster.running() {
            let mut caller = Caller::pinned(u32::MAX - index as u32, cluster.address(index), 0);
            self.registers.read_back(&mut caller).await;
        }
    }

    fn evidence(&self) -> [&dyn Evidence; 1] {
        [&*self.registers]
    }

    /// All checks of what was recorded.
    pub(crate) fn check(&self) -> Checked {
        let mut checked = Checked::default();
        for workload in self.evidence() {
            checked.absorb(workload.check());
        }
        checked
    }

    /// Writes all histories as JSON lines.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.evidence()
            .into_iter()
            .try_for_each(|workload| workload.write(to))
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        for client in &self.clients {
            client.abort();
        }
    }
}

/// Gives clients their numbers, and what they choose by.
struct Hiring<'a> {
    addresses: &'a [String],
    seed: u64,
    next: u32,
}

impl Hiring<'_> {
    fn number(&mut self) -> (u32, u64) {
        let id = self.next;
        self.next += 1;
        (id, self.seed.wrapping_add(u64::from(id)))
    }

    /// A client of one member.
    fn pinned(&mut self, index: usize) -> Caller {
        let (id, seed) = self.number();
        Caller::pinned(id, &self.addresses[index % self.addresses.len()], seed)
    }

    /// A client that goes where it is served.
    fn roaming(&mut self) -> Caller {
        let (id, seed) = self.number();
        Caller::roaming(id, self.addresses, seed)
    }
}
