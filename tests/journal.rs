//! Writers that record what became of every write, and the check against what the members hold.
//!
//! Every write has a key of its own, is sent once, and ends in one of three ways:
//!
//! - **acknowledged**: it must be there, on every member, whatever happened since;
//! - **refused**, with an error that says "not applied": it must not be there;
//! - **unknown**: it may or may not be there.
//!
//! Any other error is a fault of the cluster, as is a key that nobody wrote. Half of the writers
//! use the client of `common`, which hides what it can; the others stay on one member's connection
//! and see each refusal as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Client, ClientConfig, Error,
    types::{Consistency, PutRequest},
};
use futures::{StreamExt, stream};
use tokio::task::JoinHandle;

use crate::cluster::{Cluster, Direct, Member, contents, wait_for};

/// Where the writers write.
pub(crate) const NAMESPACE: &str = "journal";

/// How long a write may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause of a writer that was refused or cut off, before its next write.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of the writes.
#[derive(Default)]
pub(crate) struct Journal {
    acknowledged: BTreeSet<String>,
    refused: BTreeMap<String, Error>,
    unknown: BTreeMap<String, Error>,
    faults: Vec<String>,
    last: Option<Instant>,
    /// The longest time in which nobody's write was acknowledged.
    standstill: Duration,
}

impl Journal {
    fn record(&mut self, key: String, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => {
                let now = Instant::now();
                if let Some(last) = self.last.replace(now) {
                    self.standstill = self.standstill.max(now - last);
                }
                self.acknowledged.insert(key);
            }
            Err(error @ Error::OutcomeUnknown { .. }) => {
                self.unknown.insert(key, error);
            }
            Err(error) if error.is_retryable() => {
                self.refused.insert(key, error);
            }
            Err(error) => self.faults.push(format!("{key}: {error}")),
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Asserts that every write was acknowledged.
    pub(crate) fn assert_no_failure(&self) {
        let failed = (&self.refused, &self.unknown, &self.faults);
        let none = self.refused.is_empty() && self.unknown.is_empty() && self.faults.is_empty();
        assert!(none, "not every write was acknowledged: {failed:?}");
    }

    /// The longest time in which nobody's write was acknowledged.
    pub(crate) fn standstill(&self) -> Duration {
        self.standstill
    }

    /// Writes whose outcome their writer does not know.
    pub(crate) fn unknown(&self) -> &BTreeMap<String, Error> {
        &self.unknown
    }

    /// Adds what a later load recorded.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.acknowledged.extend(later.acknowledged);
        self.refused.extend(later.refused);
        self.unknown.extend(later.unknown);
        self.faults.extend(later.faults);
        self.standstill = self.standstill.max(later.standstill);
    }

    /// Reads everything back from every running member: as a listing and key by key, both
    /// linearizable, and what each of them holds itself.
    pub(crate) async fn verify(&self, cluster: &Cluster) {
        assert!(self.faults.is_empty(), "false failures: {:?}", self.faults);
        for index in cluster.running() {
            let direct = cluster.direct(index).await;
            let place = format!("read through n{}", index + 1);
            let listed = contents(&direct, NAMESPACE, Consistency::Linearizable).await;
            let missing = self.missing(&listed);
            if !missing.is_empty() {
                // Lost, or read too early: both are faults, but not the same.
                cluster.settled().await;
                let later = contents(&direct, NAMESPACE, Consistency::Linearizable).await;
                panic!(
                    "{} of {} acknowledged keys are missing, {place}, and {} still are when all \
                     is applied: {missing:?}",
                    missing.len(),
                    self.acknowledged.len(),
                    self.missing(&later).len()
                );
            }
            self.compare(&listed, &place);
            stream::iter(&self.acknowledged)
                .for_each_concurrent(64, |key| self.read_back(&direct, key, &place))
                .await;
        }
        cluster.assert_replicas_equal(NAMESPACE).await;
        for index in cluster.running() {
            let held = cluster.replica(index, NAMESPACE).await;
            self.compare(&held, &format!("held by n{}", index + 1));
        }
    }

    fn missing(&self, found: &BTreeMap<Bytes, Bytes>) -> Vec<&String> {
        let gone = |key: &&String| !found.contains_key(key.as_bytes());
        self.acknowledged.iter().filter(gone).collect()
    }

    async fn read_back(&self, direct: &Direct, key: &str, place: &str) {
        let found = direct
            .get(NAMESPACE, key.to_owned(), Consistency::Linearizable)
            .await
            .expect("a read of an acknowledged key");
        let value = found.entry.map(|entry| entry.value);
        assert_eq!(value, Some(value_of(key)), "acknowledged, {place}: {key}");
    }

    fn compare(&self, found: &BTreeMap<Bytes, Bytes>, place: &str) {
        for key in &self.acknowledged {
            let value = found.get(key.as_bytes());
            assert_eq!(value, Some(&value_of(key)), "acknowledged, {place}: {key}");
        }
        for (key, error) in &self.refused {
            let there = found.contains_key(key.as_bytes());
            assert!(!there, "said to be not applied, {place}: {key}: {error}");
        }
        for key in found.keys() {
            let key = std::str::from_utf8(key).expect("our own key");
            let ours = self.acknowledged.contains(key) || self.unknown.contains_key(key);
            assert!(ours, "nobody wrote this, {place}: {key}");
        }
    }
}

fn value_of(key: &str) -> Bytes {
    format!("the value of {key}").into()
}

/// Writers at work.
pub(crate) struct Load {
    journal: Arc<Mutex<Journal>>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Eight writers: four that roam, two that stay with a member and are forwarded, two that go
    /// to the leader by themselves. `name` begins every key, and must not have been used before.
    pub(crate) async fn start(cluster: &Cluster, name: &str) -> Self {
        Self::begin(cluster, name, 8, 4)
    }

    /// Writers that all roam: none of their writes may fail while a majority is up.
    pub(crate) async fn start_roaming(cluster: &Cluster, name: &str, writers: usize) -> Self {
        Self::begin(cluster, name, writers, writers)
    }

    fn begin(cluster: &Cluster, name: &str, writers: usize, roaming: usize) -> Self {
        let mut load = Self {
            journal: Arc::default(),
            stop: Arc::default(),
            writers: Vec::new(),
        };
        let addresses: Vec<String> = cluster
            .members()
            .iter()
            .map(|member: &Member| member.client().to_owned())
            .collect();
        for writer in 0..writers {
            let pen = Pen {
                keys: format!("{name}/{writer}"),
                addresses: addresses.clone(),
                journal: Arc::clone(&load.journal),
                stop: Arc::clone(&load.stop),
            };
            load.writers.push(if writer < roaming {
                tokio::spawn(pen.roam())
            } else {
                tokio::spawn(pen.stay(writer, writer % 2 == 0))
            });
        }
        load
    }

    /// Waits until `count` further writes are acknowledged.
    pub(crate) async fn more(&self, count: usize) {
        let goal = lock(&self.journal).acknowledged() + count;
        wait_for("writes go on", async || {
            (lock(&self.journal).acknowledged() >= goal).then_some(())
        })
        .await;
    }

    /// Lets every writer finish its write.
    pub(crate) async fn stop(mut self) -> Journal {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            writer.await.expect("a writer");
        }
        std::mem::take(&mut *lock(&self.journal))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for writer in &self.writers {
            writer.abort();
        }
    }
}

/// What one writer needs.
struct Pen {
    keys: String,
    addresses: Vec<String>,
    journal: Arc<Mutex<Journal>>,
    stop: Arc<AtomicBool>,
}

impl Pen {
    fn next(&self, count: &mut usize) -> Option<String> {
        *count += 1;
        (!self.stop.load(Ordering::Relaxed)).then(|| format!("{}/{count:06}", self.keys))
    }

    /// Writes through the client of `common`.
    async fn roam(self) {
        let mut config = ClientConfig::new(self.addresses.clone());
        config.timeout = TIMEOUT;
        let client = loop {
            match Client::connect(config.clone()).await {
                Ok(client) => break client,
                Err(_) if self.stop.load(Ordering::Relaxed) => return,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        let mut count = 0;
        while let Some(key) = self.next(&mut count) {
            let request = PutRequest::new(NAMESPACE, key.clone(), value_of(&key));
            let outcome = client.put(request).await.map(drop);
            let failed = outcome.is_err();
            lock(&self.journal).record(key, outcome);
            if failed {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Writes on the connection of one member at a time, beginning with number `start`.
    async fn stay(self, start: usize, follow_leader: bool) {
        let mut count = 0;
        for address in self.addresses.iter().cycle().skip(start) {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Ok(direct) = Direct::open(address, follow_leader).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let direct = direct.with_timeout(TIMEOUT);
            while let Some(key) = self.next(&mut count) {
                let outcome = direct.put(NAMESPACE, key.clone(), value_of(&key)).await;
                let failed = outcome.is_err();
                lock(&self.journal).record(key, outcome.map(drop));
                if failed {
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
            }
        }
    }
}
