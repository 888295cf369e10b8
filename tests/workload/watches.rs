//! Watches of the registers: every change once, in order, and the same to every watcher.
//!
//! A pinned watcher asks one member and no other, from place to place. A roaming one is the client of
//! `common`, which it drops now and then to begin another from where the last one ended.
//!
//! A member that has lost changes from its memory, by a restart or a snapshot, says from which
//! revision on it has them. The watcher goes on there, and what lies between is a gap that was said:
//! the check does not ask for it.

mod check;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Client, ClientConfig, Error,
    client::{Start, WatchItem, WatchOptions},
    types::{Cursor, Event, Revision, WatchRequest, WatchTarget},
};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Caller, PAUSE, TIMEOUT, registers::Registers};
use crate::cluster::Cluster;

/// How long a member waits for a change before it says that there was none.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// So many changes are told by one watch of a roaming watcher before it begins another.
const CHANGES_A_WATCH: usize = 50;

/// How long a watcher may take to be told what is there when the clients have stopped.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// What one watcher was told.
#[derive(Clone, Default)]
struct Told {
    /// The revision from which on it watched.
    from: Revision,
    events: Vec<Event>,
    /// What was said to be lost: from the first revision, to before the second.
    gaps: Vec<(Revision, Revision)>,
    /// Errors that no fault excuses.
    faults: Vec<String>,
}

impl Told {
    fn last(&self) -> Revision {
        self.events.last().map_or(0, |event| event.revision)
    }

    fn lacks(&self, revision: Revision) -> bool {
        let mut gaps = self.gaps.iter();
        revision < self.from || gaps.any(|(from, to)| (*from..*to).contains(&revision))
    }
}

/// A watcher.
struct Watcher {
    /// "n1" for one that asks only this member.
    name: String,
    /// The address of the member of a pinned one.
    address: Option<String>,
    told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All watchers of a shift.
pub(super) struct Watches {
    registers: Arc<Registers>,
    watchers: Vec<Watcher>,
}

impl Watches {
    /// Watches the registers from a revision on: pinned to every member, and two that roam.
    pub(super) fn start(cluster: &Cluster, registers: &Arc<Registers>, from: Revision) -> Self {
        let namespace = registers.namespace();
        let mut watchers = Vec::new();
        let mut addresses = Vec::new();
        for member in cluster.members() {
            let address = member.client().to_owned();
            addresses.push(address.clone());
            let told = told_from(from);
            let task = pinned(address.clone(), namespace.to_owned(), Arc::clone(&told));
            watchers.push(Watcher {
                name: member.name().to_owned(),
                address: Some(address),
                told,
                task: tokio::spawn(task),
            });
        }
        for number in 0..2 {
            let told = told_from(from);
            let mut config = ClientConfig::new(&addresses);
            config.timeout = TIMEOUT;
            let client = Client::new(config);
            let task = roaming(client, namespace.to_owned(), Arc::clone(&told));
            watchers.push(Watcher {
                name: format!("roaming {number}"),
                address: None,
                told,
                task: tokio::spawn(task),
            });
        }
        Self {
            registers: Arc::clone(registers),
            watchers,
        }
    }

    /// Waits until every watcher whose member runs was told the last acknowledged change. To be
    /// called when nobody writes any more. Returns who was not.
    pub(super) async fn finish(&self, cluster: &Cluster) -> Vec<String> {
        let changes = self.registers.changes();
        let last = changes.acknowledged.keys().next_back().copied();
        let Some(goal) = last else {
            return Vec::new();
        };
        let running: Vec<&str> = cluster
            .running()
            .into_iter()
            .map(|index| cluster.address(index))
            .collect();
        let deadline = Instant::now() + TOLD_WITHIN;
        let mut late = Vec::new();
        for watcher in &self.watchers {
            let address = watcher.address.as_deref();
            if address.is_some_and(|address| !running.contains(&address)) {
                continue;
            }
            // A gap at the very end is caught up by the next change only, of which there is none.
            while lock(&watcher.told).last() < goal && !lock(&watcher.told).lacks(goal) {
                if Instant::now() > deadline {
                    let name = &watcher.name;
                    let told = lock(&watcher.told).last();
                    late.push(format!(
                        "watcher {name} was told changes up to revision {told}, and not {goal}, \
                         within {TOLD_WITHIN:?}"
                    ));
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        late
    }

    /// Writes what the watchers were told as JSON lines.
    pub(super) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        for watcher in &self.watchers {
            let told = lock(&watcher.told).clone();
            for (from, oldest) in &told.gaps {
                let line = json!({
                    "workload": "watches",
                    "watcher": watcher.name,
                    "gap": [from, oldest],
                });
                writeln!(to, "{line}")?;
            }
            for event in &told.events {
                let line = json!({
                    "workload": "watches",
                    "watcher": watcher.name,
                    "event": format!("{event:?}"),
                });
                writeln!(to, "{line}")?;
            }
        }
        Ok(())
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for watcher in &self.watchers {
            watcher.task.abort();
        }
    }
}

fn told_from(from: Revision) -> Arc<Mutex<Told>> {
    let told = Told {
        from,
        ..Told::default()
    };
    Arc::new(Mutex::new(told))
}

/// Notes a gap that was said, and where to go on.
fn gap(told: &Mutex<Told>, from: Cursor, oldest: Revision) -> Cursor {
    lock(told).gaps.push((from.revision, oldest));
    Cursor::at(oldest.max(from.revision))
}

/// Asks one member for changes, for ever.
async fn pinned(address: String, namespace: String, told: Arc<Mutex<Told>>) {
    let mut caller = Caller::pinned(0, &address, 0);
    let mut from = Cursor::at(lock(&told).from);
    loop {
        let request = WatchRequest {
            namespace: namespace.clone(),
            target: WatchTarget::Prefix(Bytes::new()),
            from,
            previous: false,
            keys_only: false,
            max_wait: MAX_WAIT,
        };
        match caller.watch(request).await {
            Ok(reply) => {
                from = reply.next;
                lock(&told).events.extend(reply.events);
                continue;
            }
            Err(Error::Compacted { oldest }) => from = gap(&told, from, oldest),
            Err(error) => excuse(&told, &error),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Notes an error, unless faults explain it.
fn excuse(told: &Mutex<Told>, error: &Error) {
    if !error.is_retryable() && !matches!(error, Error::OutcomeUnknown { .. }) {
        lock(told).faults.push(error.to_string());
    }
}

/// Watches through the client of `common`, for ever, one watch after the other.
async fn roaming(client: Client, namespace: String, told: Arc<Mutex<Told>>) {
    let mut from = Cursor::at(lock(&told).from);
    loop {
        let mut watch = client.watch(WatchOptions {
            namespace: namespace.clone(),
            target: WatchTarget::Prefix(Bytes::new()),
            start: Start::At(from),
            previous: false,
            keys_only: false,
            resync: false,
        });
        let mut changes = 0;
        while changes < CHANGES_A_WATCH {
            match watch.next().await {
                Ok(WatchItem::Event(event)) => {
                    changes += 1;
                    lock(&told).events.push(event);
                    from = watch.cursor().unwrap_or(from);
                }
                Ok(_) => {}
                Err(Error::Compacted { oldest }) => {
                    from = gap(&told, from, oldest);
                    break;
                }
                Err(error) => {
                    excuse(&told, &error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
