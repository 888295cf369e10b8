//! Whom this member follows, as others are told.
//!
//! openraft names the leader of the last vote until there is another one: also one that is silent,
//! and itself when it is cut off from the others. Here a leader counts as long as it is heard, and
//! this member as long as a majority answers it. One task works that out and publishes it, so that
//! whoever waits for a leader is woken in the moment in which there is one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openraft::{Instant as _, async_runtime::WatchReceiver};
use tokio::sync::watch;

use super::{RaftHandle, contact::Contact, types::TypeConfig};

/// How soon a leader is looked at again that has not been heard yet; longer each time.
const SOON: Duration = Duration::from_millis(1);

/// The leader that this member follows, itself included.
#[derive(Clone)]
pub(super) struct Tracker {
    leader: watch::Receiver<Option<u64>>,
}

impl Tracker {
    /// Starts to follow the leader; one that was silent for `silence` is none. Ends with the
    /// consensus.
    pub(super) fn start(
        node_id: u64,
        raft: RaftHandle,
        contact: Arc<Contact>,
        silence: Duration,
    ) -> Self {
        let (publish, leader) = watch::channel(None);
        tokio::spawn(follow(node_id, raft, contact, silence, publish));
        Self { leader }
    }

    /// The leader now.
    pub(super) fn leader(&self) -> Option<u64> {
        *self.leader.borrow()
    }

    /// Waits until the leader is another one than `before`.
    pub(super) async fn changed(&self, before: Option<u64>) {
        let mut leader = self.leader.clone();
        if leader.wait_for(|leader| *leader != before).await.is_err() {
            // Nobody leads a member that has stopped.
            std::future::pending::<()>().await;
        }
    }
}

async fn follow(
    node_id: u64,
    raft: RaftHandle,
    contact: Arc<Contact>,
    silence: Duration,
    publish: watch::Sender<Option<u64>>,
) {
    let mut metrics = raft.server_metrics();
    // What the log says at the start is the past: that leader must be heard first.
    let mut before = metrics.borrow_watched().current_leader;
    let mut since: Option<Instant> = None;
    let mut pause = SOON;
    loop {
        let presumed = metrics.borrow_watched().current_leader;
        if presumed != before {
            (before, pause) = (presumed, SOON);
            // It is known from its own first message, or elected by a majority: heard.
            since = Some(Instant::now());
            contact.found();
        }
        let known = since.map(|since| since.elapsed());
        let audible = presumed.filter(|id| {
            let (age, lost) = if *id == node_id {
                let age = quorum_age(node_id, &raft.metrics().borrow_watched());
                (age, false)
            } else {
                (contact.age(), contact.is_lost())
            };
            let heard = [age, known].into_iter().flatten().min();
            !lost && heard.is_some_and(|age| age < silence)
        });
        publish.send_if_modified(|leader| {
            let changed = *leader != audible;
            *leader = audible;
            changed
        });
        pause = if presumed == audible {
            silence / 4
        } else {
            (pause * 2).min(silence / 4)
        };
        tokio::select! {
            changed = metrics.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How long ago a majority answered a leader; none if it never did. One that is the majority
/// answers itself at all times, which openraft does not count.
pub(super) fn quorum_age(
    node_id: u64,
    metrics: &openraft::RaftMetrics<TypeConfig>,
) -> Option<Duration> {
    let mut voters = metrics.membership_config.voter_ids();
    if voters.next() == Some(node_id) && voters.next().is_none() {
        return (metrics.current_leader == Some(node_id)).then_some(Duration::ZERO);
    }
    metrics.last_quorum_acked.map(|at| at.elapsed())
}
