//! The tasks that send requests, and what they write down.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Client, Error,
    types::{Consistency, GetRequest, Lifetime, Operation, PutRequest, TxnRequest},
};
use hdrhistogram::Histogram;

/// What every key begins with.
pub(super) const KEY_PREFIX: &str = "k";

/// The pause of a client after an error.
const PAUSE: Duration = Duration::from_millis(10);

/// How many keys are looked up to see whether all are there.
const SAMPLE: u64 = 128;

/// How often the load of one key is tried before it is given up.
const FILL_ATTEMPTS: u32 = 10;

/// What is sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) namespace: String,
    pub(super) keys: u64,
    pub(super) value_size: usize,
    pub(super) reads_percent: u8,
    /// How many puts a transaction has, where writes are transactions.
    pub(super) txn: Option<u32>,
    pub(super) consistency: Consistency,
}

/// What one request does.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Put,
    Get,
    Txn,
}

/// When answers count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// The latencies of one kind of operation, in microseconds.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u32>);

impl Default for Latencies {
    fn default() -> Self {
        // Three digits; grows by itself with the largest latency.
        Self(Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed")))
    }
}

impl Latencies {
    fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // Saturates at what the histogram holds, hours beyond any deadline.
        if self.0.record(micros.max(1)).is_err() {
            self.0.saturating_record(self.0.high());
        }
    }

    /// Records the same latency many times.
    #[cfg(test)]
    pub(super) fn fill(&mut self, count: u32, latency: Duration) {
        for _ in 0..count {
            self.record(latency);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(super) fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(quantile))
    }

    pub(super) fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

/// What the clients saw.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) puts: Latencies,
    pub(super) gets: Latencies,
    pub(super) txns: Latencies,
    /// Reads that found no key.
    pub(super) missing: u64,
    /// By the error's code.
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) first_error: Option<Error>,
}

impl Tally {
    pub(super) fn operations(&self) -> u64 {
        self.puts.count() + self.gets.count() + self.txns.count()
    }

    fn latencies(&mut self, kind: Kind) -> &mut Latencies {
        match kind {
            Kind::Put => &mut self.puts,
            Kind::Get => &mut self.gets,
            Kind::Txn => &mut self.txns,
        }
    }

    fn failed(&mut self, error: Error) {
        *self.errors.entry(error.code().as_str()).or_default() += 1;
        self.first_error.get_or_insert(error);
    }
}

/// Marsaglia's xorshift64 (Journal of Statistical Software 8, 2003): enough to scatter keys.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        bytes.into()
    }
}

/// `k` and eleven digits.
fn key(index: u64) -> Bytes {
    let mut key = *b"k00000000000";
    let mut rest = index;
    for digit in key[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    Bytes::copy_from_slice(&key)
}

/// Sends one request; whether it found no key.
async fn send(
    kind: Kind,
    client: &Client,
    plan: &Plan,
    random: &mut Random,
    value: &Bytes,
) -> Result<bool, Error> {
    let namespace = plan.namespace.as_str();
    let mut draw = || key(random.next() % plan.keys);
    match kind {
        Kind::Get => {
            let request = GetRequest::new(namespace, draw(), plan.consistency);
            client.get(request).await.map(|reply| reply.entry.is_none())
        }
        Kind::Put => {
            let request = PutRequest::new(namespace, draw(), value.clone());
            client.put(request).await.map(|_| false)
        }
        Kind::Txn => {
            let put = |_| Operation::Put {
                namespace: namespace.to_owned(),
                key: draw(),
                value: value.clone(),
                lifetime: Lifetime::Default,
                previous: false,
            };
            let request = TxnRequest {
                then: (0..plan.txn.unwrap_or(1)).map(put).collect(),
                ..TxnRequest::default()
            };
            client.txn(request).await.map(|_| false)
        }
    }
}

/// One client: one request after the other until the window closes.
pub(super) async fn run(
    client: Client,
    plan: Arc<Plan>,
    seed: u64,
    window: Window,
    finished: Arc<AtomicU64>,
    tally: Arc<Mutex<Tally>>,
) {
    let mut random = Random::new(seed);
    let value = random.bytes(plan.value_size);
    let mut began = Instant::now();
    while began < window.until {
        let read = random.next() % 100 < u64::from(plan.reads_percent);
        let kind = match plan.txn {
            _ if read => Kind::Get,
            Some(_) => Kind::Txn,
            None => Kind::Put,
        };
        let outcome = send(kind, &client, &plan, &mut random, &value).await;
        let now = Instant::now();
        let counts = now >= window.from && now < window.until;
        match outcome {
            Ok(missing) => {
                finished.fetch_add(1, Ordering::Relaxed);
                if counts {
                    let mut tally = lock(&tally);
                    tally.latencies(kind).record(now - began);
                    tally.missing += u64::from(missing);
                }
                began = now;
            }
            Err(error) => {
                // An error that outlasts the window belongs to it: the request began in it.
                if now >= window.from {
                    lock(&tally).failed(error);
                }
                tokio::time::sleep(PAUSE).await;
                began = Instant::now();
            }
        }
    }
}

/// Nobody panics while holding it; and if, the counts are as good as before.
pub(super) fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes keys, taking the next one that nobody has taken, until all are there.
pub(super) async fn fill(
    client: Client,
    plan: Arc<Plan>,
    seed: u64,
    next: Arc<AtomicU64>,
) -> Result<(), Error> {
    let value = Random::new(seed).bytes(plan.value_size);
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= plan.keys {
            return Ok(());
        }
        let mut attempts = 0;
        loop {
            let request = PutRequest::new(plan.namespace.as_str(), key(index), value.clone());
            match client.put(request).await {
                Ok(_) => break,
                // Writing the same again does no harm here, so an unknown outcome is tried again.
                Err(error)
                    if attempts < FILL_ATTEMPTS
                        && (error.is_retryable()
                            || matches!(error, Error::OutcomeUnknown { .. })) =>
                {
                    attempts += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a sample of the keys is there. Their number alone does not tell: the namespace may hold
/// those of a run with more keys.
pub(super) async fn sample(client: &Client, plan: &Plan) -> Result<bool, Error> {
    for index in sampled(plan.keys) {
        let request = GetRequest::new(plan.namespace.as_str(), key(index), plan.consistency);
        if client.get(request).await?.entry.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Indexes spread evenly from the first to the last.
fn sampled(keys: u64) -> impl Iterator<Item = u64> {
    let steps = keys.min(SAMPLE);
    let last = keys.saturating_sub(1);
    (0..steps).map(move |step| {
        // At most 10^11 keys times the steps: far below 2^64.
        last * step / (steps - 1).max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_twelve_bytes_and_in_order() {
        assert_eq!(key(0), "k00000000000");
        assert_eq!(key(99_999), "k00000099999");
        assert_eq!(key(99_999_999_999), "k99999999999");
    }

    #[test]
    fn a_sample_reaches_from_the_first_key_to_the_last() {
        assert_eq!(sampled(1).collect::<Vec<_>>(), [0]);
        assert_eq!(sampled(3).collect::<Vec<_>>(), [0, 1, 2]);
        let keys: Vec<u64> = sampled(99_999_999_999).collect();
        assert_eq!(keys.len() as u64, SAMPLE);
        assert_eq!((keys[0], keys[127]), (0, 99_999_999_998));
        assert!(keys.is_sorted());
    }

    #[test]
    fn values_have_the_length_asked_for_and_differ_by_client() {
        for length in [0, 1, 7, 8, 256, 1001] {
            assert_eq!(Random::new(1).bytes(length).len(), length);
        }
        assert_ne!(Random::new(1).bytes(64), Random::new(2).bytes(64));
    }

    #[test]
    fn tallies_add_up() {
        let mut all = Tally::default();
        for client in 1..=4u64 {
            for millisecond in 1..=250 {
                all.puts.record(Duration::from_millis(millisecond * client));
            }
            all.missing += 1;
            all.failed(Error::ShuttingDown);
        }
        assert_eq!(all.operations(), 1000);
        assert_eq!(all.gets.count(), 0);
        assert_eq!(all.missing, 4);
        assert_eq!(all.errors, BTreeMap::from([("shutting_down", 4)]));
        assert_eq!(all.first_error, Some(Error::ShuttingDown));
        let near = |latency: Duration, expected: u64| {
            let ratio = latency.as_secs_f64() * 1e3 / expected as f64;
            assert!((0.998..1.002).contains(&ratio), "{latency:?}");
        };
        near(all.puts.max(), 1000);
        near(all.puts.quantile(1.0), 1000);
        near(all.puts.quantile(0.25), 120);
    }
}
