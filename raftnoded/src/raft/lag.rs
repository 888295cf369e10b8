//! How far the members are behind a leader, in entries and in time.
//!
//! The leader knows up to which index each member has its log. Since when it has had the next one
//! itself, it sees in a list of samples: the end of its own log, looked at ten times a second. A
//! list that grows long loses every second sample, so that it reaches back twice as far, half as
//! exactly: a member that has been away for a day needs no exact figure.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use openraft::{Instant as _, async_runtime::WatchReceiver};

use super::{Consensus, RaftHandle};

/// How often the end of the log is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// The most samples kept.
const SAMPLES: usize = 1024;

/// How far a member is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The member.
    pub id: u64,
    /// The last index of this member's log that it is known to have.
    pub matched: Option<u64>,
    /// How long this member has had an entry that the other has not.
    pub behind: Duration,
    /// How long ago it last answered.
    pub last_contact: Option<Duration>,
}

/// Where the log ended, and when it was first seen to end there; oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Arc<Mutex<VecDeque<(Instant, u64)>>>);

impl Samples {
    /// Takes samples until the consensus ends.
    pub(super) async fn take(self, raft: RaftHandle) {
        loop {
            {
                let metrics = raft.metrics();
                let metrics = metrics.borrow_watched();
                if metrics.running_state.is_err() {
                    return;
                }
                self.note(Instant::now(), metrics.last_log_index.unwrap_or(0));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn note(&self, now: Instant, last: u64) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A follower's log may be cut back.
        while samples.back().is_some_and(|(_, end)| *end > last) {
            samples.pop_back();
        }
        if samples.back().is_some_and(|(_, end)| *end == last) {
            return;
        }
        samples.push_back((now, last));
        if samples.len() > SAMPLES {
            let mut odd = false;
            samples.retain(|_| {
                odd = !odd;
                odd
            });
        }
    }

    /// How long the entry after an index has been in the log; zero if there is none.
    fn age_after(&self, index: u64) -> Duration {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = samples.partition_point(|(_, end)| *end <= index);
        samples
            .get(first)
            .map_or(Duration::ZERO, |(at, _)| at.elapsed())
    }
}

impl Consensus {
    /// How far each other member is behind, ordered by id; empty unless this member leads.
    pub fn lags(&self) -> Vec<Lag> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let Some(replication) = &metrics.replication else {
            return Vec::new();
        };
        replication
            .iter()
            .filter(|(id, _)| **id != self.node_id)
            .map(|(id, matching)| {
                let matched = matching.map(|id| id.index());
                let heard = metrics.heartbeat.as_ref().and_then(|all| all.get(id));
                Lag {
                    id: *id,
                    matched,
                    behind: self.samples.age_after(matched.unwrap_or(0)),
                    last_contact: heard.and_then(|at| at.map(|at| at.elapsed())),
                }
            })
            .collect()
    }

    /// Snapshots on their way to and from other members.
    pub fn transfers(&self) -> Vec<super::TransferView> {
        self.transfers.view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_old_as_the_first_sample_that_has_it() {
        let samples = Samples::default();
        assert_eq!(samples.age_after(0), Duration::ZERO);
        let now = Instant::now();
        let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap();
        for (seconds, last) in [(30, 5), (20, 10), (15, 10), (10, 20)] {
            samples.note(ago(seconds), last);
        }
        let seconds = |index| samples.age_after(index).as_secs();
        assert_eq!(seconds(0), 30);
        assert_eq!(seconds(5), 20);
        assert_eq!(seconds(9), 20);
        assert_eq!(seconds(10), 10);
        assert_eq!(seconds(19), 10);
        assert_eq!(samples.age_after(20), Duration::ZERO);
        // What was cut off and written anew is new.
        samples.note(ago(5), 8);
        samples.note(ago(2), 12);
        assert_eq!(seconds(5), 5);
        assert_eq!(seconds(8), 2);
        assert_eq!(samples.age_after(12), Duration::ZERO);
    }

    #[test]
    fn a_long_list_reaches_back_all_the_way_and_stays_short() {
        let samples = Samples::default();
        let began = Instant::now()
            .checked_sub(Duration::from_secs(1000))
            .unwrap();
        for step in 1..10_000_u32 {
            samples.note(began + Duration::from_millis(100) * step, u64::from(step));
        }
        assert!(samples.0.lock().unwrap().len() <= SAMPLES);
        let age = samples.age_after(0).as_secs();
        assert!((995..=1001).contains(&age), "{age}");
    }
}
