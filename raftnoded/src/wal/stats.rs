//! How long syncs take.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Four buckets an octave of nanoseconds: a quantile is at most a quarter too high.
const BUCKETS: usize = 64 * 4;

/// Counters of the writer thread; one writer, any number of readers.
pub(super) struct Stats {
    syncs: AtomicU64,
    bytes: AtomicU64,
    last: AtomicU64,
    max: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
    /// Not the writer's: who asks for latencies turns it.
    window: Mutex<Window>,
}

/// The counts at two moments: what came after the older one is what came lately.
struct Window {
    turned: Instant,
    older: Vec<u64>,
    newer: Vec<u64>,
}

/// How often the window moves on.
const TURN: Duration = Duration::from_secs(30);

impl Window {
    /// How often each bucket was hit lately.
    fn lately(&mut self, now: Instant, counts: &[u64]) -> Vec<u64> {
        let passed = now.saturating_duration_since(self.turned);
        if passed >= TURN {
            self.older = if passed < TURN * 2 {
                std::mem::replace(&mut self.newer, counts.to_vec())
            } else {
                // Nobody has asked for long: what came since is as recent as is known.
                std::mem::take(&mut self.newer)
            };
            self.newer = counts.to_vec();
            self.turned = now;
        }
        let old = |bucket: usize| self.older.get(bucket).copied().unwrap_or(0);
        let counts = counts.iter().enumerate();
        counts.map(|(bucket, n)| n - old(bucket).min(*n)).collect()
    }
}

/// What the log's writer thread did since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalStats {
    /// Syncs of record data.
    pub syncs: u64,
    /// Bytes of records written, headers and padding included.
    pub bytes_written: u64,
    /// Duration of the last sync.
    pub sync_last: Duration,
    /// Duration of the longest sync.
    pub sync_max: Duration,
    /// Median duration of a sync, rounded up by a quarter at most.
    pub sync_p50: Duration,
    /// 99th percentile of the duration of a sync, rounded up by a quarter at most.
    pub sync_p99: Duration,
    /// The same of the syncs of the last half to whole minute, if somebody asks that often.
    pub sync_p99_lately: Duration,
}

fn bucket(nanos: u64) -> usize {
    let nanos = nanos.max(4);
    let octave = nanos.ilog2();
    (octave as usize) * 4 + ((nanos >> (octave - 2)) & 3) as usize
}

/// The largest duration that falls into a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let (octave, quarter) = (bucket as u32 / 4, bucket as u128 % 4);
    let above = (5 + quarter) << octave >> 2;
    u64::try_from(above - 1).unwrap_or(u64::MAX)
}

impl Stats {
    pub fn new() -> Self {
        Self {
            syncs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            last: AtomicU64::new(0),
            max: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            window: Mutex::new(Window {
                turned: Instant::now(),
                older: Vec::new(),
                newer: Vec::new(),
            }),
        }
    }

    pub fn wrote(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub fn synced(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Relaxed);
        self.last.store(nanos, Relaxed);
        self.max.fetch_max(nanos, Relaxed);
        self.buckets[bucket(nanos)].fetch_add(1, Relaxed);
    }

    pub fn snapshot(&self) -> WalStats {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        let lately = {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.lately(Instant::now(), &counts)
        };
        let max = self.max.load(Relaxed);
        let quantile = |counts: &[u64], percent: u64| {
            let total: u64 = counts.iter().sum();
            let rank = (total * percent).div_ceil(100).max(1);
            let mut seen = 0;
            for (bucket, count) in counts.iter().enumerate() {
                seen += count;
                if seen >= rank {
                    return Duration::from_nanos(upper_bound(bucket).min(max));
                }
            }
            Duration::ZERO
        };
        WalStats {
            syncs: self.syncs.load(Relaxed),
            bytes_written: self.bytes.load(Relaxed),
            sync_last: Duration::from_nanos(self.last.load(Relaxed)),
            sync_max: Duration::from_nanos(max),
            sync_p50: quantile(&counts, 50),
            sync_p99: quantile(&counts, 99),
            sync_p99_lately: quantile(&lately, 99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_at_most_a_quarter_too_high() {
        let stats = Stats::new();
        for micros in 1..=1000 {
            stats.synced(Duration::from_micros(micros));
        }
        let s = stats.snapshot();
        assert_eq!(s.syncs, 1000);
        assert_eq!(s.sync_max, Duration::from_millis(1));
        assert_eq!(s.sync_last, Duration::from_millis(1));
        assert!(s.sync_p50 >= Duration::from_micros(500), "{s:?}");
        assert!(s.sync_p50 <= Duration::from_micros(625), "{s:?}");
        assert!(s.sync_p99 >= Duration::from_micros(990), "{s:?}");
        assert!(s.sync_p99 <= s.sync_max, "{s:?}");
    }

    #[test]
    fn what_was_slow_long_ago_is_not_slow_lately() {
        let mut window = Window {
            turned: Instant::now(),
            older: Vec::new(),
            newer: Vec::new(),
        };
        let after = |turns: f64| window_start() + TURN.mul_f64(turns);
        window.turned = window_start();
        assert_eq!(window.lately(after(0.5), &[0, 5]), [0, 5]);
        // The first turn keeps what is known, the second forgets the first span.
        assert_eq!(window.lately(after(1.1), &[1, 5]), [1, 5]);
        assert_eq!(window.lately(after(1.5), &[3, 5]), [3, 5]);
        assert_eq!(window.lately(after(2.2), &[4, 5]), [3, 0]);
        assert_eq!(window.lately(after(2.5), &[9, 5]), [8, 0]);
        // After a long silence all since the last turn counts.
        assert_eq!(window.lately(after(9.0), &[9, 6]), [5, 1]);
    }

    fn window_start() -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now)
    }

    #[test]
    fn extremes_have_buckets() {
        for nanos in [0, 1, 4, 5, 1 << 40, u64::MAX] {
            assert!(upper_bound(bucket(nanos)) >= nanos);
        }
    }
}
