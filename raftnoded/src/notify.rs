//! What the service manager is told: systemd's notification protocol (sd_notify(3), a datagram to
//! `$NOTIFY_SOCKET`). Without that variable nobody is told anything.
//!
//! `READY=1` says that requests are answered, not that there is a leader: if a start waited for a
//! majority, starting one machine after the other would never come to an end.

use sd_notify::NotifyState;

use crate::raft::{Consensus, Role};

/// Requests are answered.
pub(crate) fn ready() {
    send(&[NotifyState::Ready]);
}

/// The member stops.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// What the member does at the moment, in words.
pub(crate) fn status(words: &str) {
    send(&[NotifyState::Status(words)]);
}

/// Role and term of a member, and what keeps it from its work.
pub(crate) fn words(consensus: &Consensus) -> String {
    let view = consensus.view();
    let role = match view.role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Learner => "learner",
    };
    let mut words = format!("{role}, term {}", view.term);
    match view.leader {
        Some(id) if id == consensus.node_id() => {}
        Some(id) => words.push_str(&format!(", leader {id}")),
        None => words.push_str(", no leader"),
    }
    if let Some(reason) = consensus.room().read_only() {
        words.push_str(&format!("; takes no writes: {reason}"));
    }
    words
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
