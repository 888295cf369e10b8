//! All workloads at work, from the first call to the check.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use checker::revisions;
use common::{
    Error,
    types::{DeleteNamespaceRequest, Revision},
};
use rand::RngExt;
use tokio::{sync::RwLock, task::JoinHandle};

use super::{
    Caller, Checked, Evidence, PAUSE, Workload, appends::Appends, counters::Counters, locks::Locks,
    namespaces::Namespaces, registers::Registers, transfers::Transfers, watches::Watches,
};
use crate::{
    cluster::{Cluster, Member, wait_for},
    history::Recorder,
};

/// How often a client that sounds out stale reads sends one, answered or not.
const SOUNDING: Duration = Duration::from_millis(50);

/// The numbers of those who are no clients of a workload begin here.
const OTHERS: u32 = 1_000_000;

/// What all clients of a shift share.
#[derive(Default)]
struct Floor {
    /// Read by every client during a call, written by who needs silence.
    gate: RwLock<()>,
    stop: AtomicBool,
}

/// All workloads at work.
pub(crate) struct Shift {
    recorder: Arc<Recorder>,
    floor: Arc<Floor>,
    clients: Vec<JoinHandle<()>>,
    registers: Arc<Registers>,
    appends: Arc<Appends>,
    counters: Arc<Counters>,
    transfers: Arc<Transfers>,
    locks: Arc<Locks>,
    namespaces: Arc<Namespaces>,
    watches: Watches,
    /// The next of those who are no clients of a workload.
    others: u32,
}

impl Shift {
    /// Puts all clients to work. `number` is part of the names of all namespaces, `seed` decides
    /// what the clients choose. There must be a leader.
    pub(crate) async fn start(
        cluster: &Cluster,
        recorder: &Arc<Recorder>,
        number: usize,
        seed: u64,
    ) -> Self {
        let from = revision(cluster).await;
        let registers = Arc::new(Registers::new(number, recorder));
        let mut shift = Self {
            recorder: Arc::clone(recorder),
            floor: Arc::default(),
            clients: Vec::new(),
            watches: Watches::start(cluster, &registers, from + 1),
            registers,
            appends: Arc::new(Appends::new(number, recorder)),
            counters: Arc::new(Counters::new(number, recorder)),
            transfers: Arc::new(Transfers::new(number, recorder)),
            locks: Arc::new(Locks::new(number, recorder)),
            namespaces: Arc::new(Namespaces::new(number, recorder)),
            others: OTHERS,
        };
        let mut hire = Hiring {
            addresses: cluster
                .members()
                .iter()
                .map(|member: &Member| member.client().to_owned())
                .collect(),
            seed: seed.wrapping_add((number as u64) << 32),
            next: 0,
        };
        let all = cluster.members().len();
        shift.employ(&shift.registers.clone(), &mut hire, (all, 3), 12);
        shift.employ(&shift.appends.clone(), &mut hire, (2, 2), 8);
        shift.employ(&shift.counters.clone(), &mut hire, (2, 2), 10);
        shift.employ(&shift.transfers.clone(), &mut hire, (1, 2), 8);
        shift.employ(&shift.locks.clone(), &mut hire, (1, 2), 2);
        shift.employ(&shift.namespaces.clone(), &mut hire, (1, 2), 8);
        shift
    }

    /// Lets so many pinned and so many roaming clients work, each at about so many rounds of calls
    /// a second.
    fn employ<W: Workload>(
        &mut self,
        workload: &Arc<W>,
        hire: &mut Hiring,
        (pinned, roaming): (usize, usize),
        per_second: u32,
    ) {
        let callers = hire.pinned(pinned).chain(hire.roaming(roaming));
        let callers: Vec<Caller> = callers.collect();
        for caller in callers {
            let (workload, floor) = (Arc::clone(workload), Arc::clone(&self.floor));
            self.clients
                .push(tokio::spawn(work(workload, caller, floor, per_second)));
        }
    }

    /// Reads a register through every member again and again, without waiting for the answers, until
    /// the shift ends. What a member answers that was stopped meanwhile belongs to the history as
    /// all else: a stale read shows. One connection a member: of one that is killed, no more comes.
    pub(crate) async fn sound_out(&mut self, cluster: &Cluster) {
        for index in cluster.running() {
            let mut caller = Caller::pinned(0, cluster.address(index), u64::from(self.others));
            // It must be connected before its member is stopped.
            wait_for("a connection to a member", async || {
                caller.connection().await.ok()
            })
            .await;
            let (registers, floor) = (Arc::clone(&self.registers), Arc::clone(&self.floor));
            let first = self.others;
            self.others += OTHERS;
            self.clients.push(tokio::spawn(async move {
                let mut reads = Vec::new();
                for id in first.. {
                    let pass = floor.gate.read().await;
                    if floor.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let Ok(mut reader) = caller.twin(id).await else {
                        drop(pass);
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    };
                    let (registers, floor) = (Arc::clone(&registers), Arc::clone(&floor));
                    reads.push(tokio::spawn(async move {
                        let _pass = floor.gate.read().await;
                        registers.get_any(&mut reader).await
                    }));
                    drop(pass);
                    tokio::time::sleep(SOUNDING).await;
                }
                for read in reads {
                    read.await.expect("a reader");
                }
            }));
        }
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

    /// Lets every client finish its calls, and every watcher be told what they did. Returns what
    /// did not come to its end.
    pub(crate) async fn stop(&mut self, cluster: &Cluster) -> Vec<String> {
        self.floor.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.await.expect("a client");
        }
        self.recorder.progress().rest();
        self.watches.finish(cluster).await
    }

    /// Reads everything back through every running member, as part of the history. To be called
    /// when the clients have stopped. Returns through which members not all could be read.
    pub(crate) async fn read_back(&mut self, cluster: &Cluster) -> Vec<String> {
        let mut failed = Vec::new();
        for index in cluster.running() {
            let id = self.others;
            self.others += 1;
            let mut caller = Caller::pinned(id, cluster.address(index), u64::from(id));
            let well = self.registers.read_back(&mut caller).await
                & self.appends.read_back(&mut caller).await
                & self.counters.read_back(&mut caller).await
                & self.transfers.read_back(&mut caller).await
                & self.namespaces.read_back(&mut caller).await;
            if !well {
                failed.push(format!("not all could be read through n{}", index + 1));
            }
        }
        self.recorder.progress().rest();
        failed
    }

    fn evidence(&self) -> [&dyn Evidence; 6] {
        [
            &*self.registers,
            &*self.appends,
            &*self.counters,
            &*self.transfers,
            &*self.locks,
            &*self.namespaces,
        ]
    }

    /// All checks of what was recorded.
    pub(crate) fn check(&self) -> Checked {
        let mut checked = self.watches.check();
        let mut written = Vec::new();
        for workload in self.evidence() {
            checked.absorb(workload.check());
            written.extend(workload.written());
        }
        // Of all keys together: revisions are places in one log.
        if let Err(disorder) = revisions::check(&written) {
            checked.violations.push(disorder.to_string());
        }
        checked
    }

    /// Writes all histories as JSON lines.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        for workload in self.evidence() {
            workload.write(to)?;
        }
        self.watches.write(to)
    }

    /// Deletes what the shift has written, once it is over.
    pub(crate) async fn clear(self, cluster: &Cluster) {
        let client = cluster.client().await;
        let mut names = self.namespaces.names();
        let others: [&str; 5] = [
            self.registers.namespace(),
            self.appends.namespace(),
            self.counters.namespace(),
            self.transfers.namespace(),
            self.locks.namespace(),
        ];
        names.extend(others.map(str::to_owned));
        for name in names {
            let request = DeleteNamespaceRequest {
                name: name.clone(),
                only_if_empty: false,
            };
            match client.delete_namespace(request).await {
                Ok(_) | Err(Error::NamespaceNotFound { .. }) => {}
                Err(error) => panic!("{name} is not deleted: {error}"),
            }
        }
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        for client in &self.clients {
            client.abort();
        }
    }
}

/// The revision of the state.
async fn revision(cluster: &Cluster) -> Revision {
    let client = cluster.client().await;
    wait_for("the revision of the state", async || {
        client.revision().await.ok()
    })
    .await
}

/// What one client does until the shift ends.
async fn work<W: Workload>(
    workload: Arc<W>,
    mut caller: Caller,
    floor: Arc<Floor>,
    per_second: u32,
) {
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
}

/// Gives clients their numbers, and what they choose by.
struct Hiring {
    addresses: Vec<String>,
    seed: u64,
    next: u32,
}

impl Hiring {
    fn numbers(&mut self, count: usize) -> impl Iterator<Item = (u32, u64)> + use<> {
        let first = self.next;
        self.next += count as u32;
        let seed = self.seed;
        (first..self.next).map(move |id| (id, seed.wrapping_add(u64::from(id))))
    }

    /// Clients of one member each, spread over all.
    fn pinned(&mut self, count: usize) -> impl Iterator<Item = Caller> + use<> {
        let addresses = self.addresses.clone();
        self.numbers(count).map(move |(id, seed)| {
            let address = &addresses[id as usize % addresses.len()];
            Caller::pinned(id, address, seed)
        })
    }

    /// Clients that go where they are served.
    fn roaming(&mut self, count: usize) -> impl Iterator<Item = Caller> + use<> {
        let addresses = self.addresses.clone();
        self.numbers(count)
            .map(move |(id, seed)| Caller::roaming(id, &addresses, seed))
    }
}
