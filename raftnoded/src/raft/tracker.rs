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

use super::{
    RaftHandle,
    contact::Contact,
    elections::{Elected, Elections, Reign},
    types::TypeConfig,
};

/// How soon a leader is looked at again that has not been heard yet; longer each time.
const SOON: Duration = Duration::from_millis(1);

/// The leader that this member follows, itself included.
#[derive(Clone)]
pub(super) struct Tracker {
    leader: watch::Receiver<Tracked>,
}

/// What was last worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tracked {
    /// Who leads as openraft has it.
    presumed: Option<u64>,
    /// The same, unless it is silent.
    audible: Option<u64>,
}

impl Tracker {
    /// Starts to follow the leader, and to tell of every new one; one that was silent for `silence`
    /// is none. Ends with the consensus.
    pub(super) fn start(
        node_id: u64,
        raft: RaftHandle,
        contact: Arc<Contact>,
        elections: Elections,
        silence: Duration,
    ) -> Self {
        let (publish, leader) = watch::channel(Tracked::default());
        let history = History {
            node_id,
            contact: Arc::clone(&contact),
            elections,
            last: None,
            gone: None,
        };
        tokio::spawn(follow(node_id, raft, contact, history, silence, publish));
        Self { leader }
    }

    /// The leader now.
    pub(super) fn leader(&self) -> Option<u64> {
        self.leader.borrow().audible
    }

    /// Whether this is the leader, and is silent: for this member itself, whether no majority
    /// answers it any more. One that was elected this moment is not.
    pub(super) fn misses(&self, leader: u64) -> bool {
        let tracked = *self.leader.borrow();
        tracked.presumed == Some(leader) && tracked.audible.is_none()
    }

    /// Waits until the leader is another one than `before`.
    pub(super) async fn changed(&self, before: Option<u64>) {
        let mut leader = self.leader.clone();
        let other = leader.wait_for(|tracked| tracked.audible != before);
        if other.await.is_err() {
            // Nobody leads a member that has stopped.
            std::future::pending::<()>().await;
        }
    }
}

async fn follow(
    node_id: u64,
    raft: RaftHandle,
    contact: Arc<Contact>,
    mut history: History,
    silence: Duration,
    publish: watch::Sender<Tracked>,
) {
    let mut metrics = raft.server_metrics();
    // What the log says at the start is the past: that leader must be heard first.
    let mut before = metrics.borrow_watched().current_leader;
    let mut since: Option<Instant> = None;
    let mut pause = SOON;
    loop {
        let (presumed, term) = {
            let metrics = metrics.borrow_watched();
            (metrics.current_leader, metrics.vote.leader_id().term)
        };
        if presumed != before {
            (before, pause) = (presumed, SOON);
            // It is known from its own first message, or elected by a majority: heard.
            since = Some(Instant::now());
            contact.found();
        }
        let known = since.map(|since| since.elapsed());
        let mut silent = None;
        let audible = presumed.filter(|id| {
            let (age, lost) = if *id == node_id {
                let age = quorum_age(node_id, &raft.metrics().borrow_watched());
                (age, false)
            } else {
                // Its own word: another one may have spoken that is not presumed to lead yet.
                let heard = contact.last_word(*id);
                (heard.map(|at| at.elapsed()), contact.is_lost())
            };
            let heard = [age, known].into_iter().flatten().min();
            silent = heard;
            !lost && heard.is_some_and(|age| age < silence)
        });
        match audible {
            Some(leader) => history.leads(Reign { leader, term }),
            // Whoever is still presumed to lead is missed since it was heard.
            None => history.nobody_leads(silent.unwrap_or_default()),
        }
        let now = Tracked { presumed, audible };
        publish.send_if_modified(|tracked| {
            let changed = *tracked != now;
            *tracked = now;
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

/// What was before the leader of the moment.
struct History {
    node_id: u64,
    contact: Arc<Contact>,
    elections: Elections,
    /// The last leader that counted.
    last: Option<Reign>,
    /// Since when none does.
    gone: Option<Instant>,
}

impl History {
    fn leads(&mut self, reign: Reign) {
        let gone = self.gone.take();
        if self.last == Some(reign) {
            return;
        }
        let other = self.last.filter(|last| last.leader != self.node_id);
        self.elections.elected(Elected {
            to: reign,
            from: self.last,
            gone,
            heard: other.and_then(|last| self.contact.last_word(last.leader)),
            now: Instant::now(),
        });
        self.last = Some(reign);
    }

    fn nobody_leads(&mut self, silent: Duration) {
        if self.gone.is_none() {
            self.gone = Instant::now().checked_sub(silent);
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
