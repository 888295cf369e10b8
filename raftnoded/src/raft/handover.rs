//! Handing leadership over.

use std::time::{Duration, Instant};

use openraft::{Instant as _, async_runtime::WatchReceiver};

use super::Consensus;
use crate::disk::Level;

impl Consensus {
    /// If this member leads, hands leadership to a voter, or if none is named to the one that is
    /// furthest with the log, and waits until it has it, for at most `patience`.
    pub async fn hand_over(&self, to: Option<u64>, patience: Duration) {
        if !self.leads() {
            return;
        }
        let deadline = Instant::now() + patience;
        let mut tried = Vec::new();
        while self.leads() && Instant::now() < deadline {
            let Some(heir) = to.or_else(|| self.heir(&tried)) else {
                return;
            };
            tried.push(heir);
            tracing::info!(to = heir, "handing leadership over");
            if self.raft.trigger().transfer_leader(heir).await.is_err() {
                return;
            }
            let handed = self.tracker.changed(Some(self.node_id));
            let _ = tokio::time::timeout(Duration::from_millis(500), handed).await;
        }
    }

    /// The other voter with the longest log, of those that answered lately and were not tried.
    fn heir(&self, tried: &[u64]) -> Option<u64> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        metrics
            .replication
            .as_ref()?
            .iter()
            .filter(|(id, _)| **id != self.node_id && voters.contains(id) && !tried.contains(id))
            .filter(|(id, _)| {
                let last = metrics.heartbeat.as_ref().and_then(|all| all.get(id));
                last.is_some_and(|at| at.is_some_and(|at| at.elapsed() < self.silence))
            })
            // One without room would hand it on at once.
            .max_by_key(|(id, matching)| {
                let has_room = self.room.level_of(**id) < Level::Full;
                (has_room, matching.map(|id| id.index()))
            })
            .map(|(id, _)| *id)
    }
}
