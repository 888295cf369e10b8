//! What a member says of itself.

use std::time::Duration;

use common::types::{Formats, MemberStatus, Role};

use super::{About, Part, Service};
use crate::config::Fsync;

impl Service {
    /// See [`Control::status`](common::api::Control::status). Answered in every state of the
    /// member, also while it has no cluster and while it stops.
    pub fn status(&self) -> MemberStatus {
        let mut status = base(&self.about);
        status.role = self.role();
        status.uptime = self.started.elapsed();
        if let Some(part) = self.part.get() {
            fill(&mut status, part);
        }
        status.notices = self.quotas.latest();
        status
    }
}

fn base(about: &About) -> MemberStatus {
    let mut alarms = Vec::new();
    if about.fsync == Fsync::Never {
        alarms.push("--fsync never: a power cut may take back acknowledged writes".to_owned());
    }
    MemberStatus {
        cluster_id: String::new(),
        id: 0,
        name: about.name.clone(),
        role: Role::Forming,
        term: 0,
        leader: None,
        last_log: 0,
        commit: 0,
        applied: 0,
        snapshot: 0,
        purged: 0,
        store: about.store.to_string(),
        durable: about.fsync == Fsync::Always,
        client_address: about.client_address.clone(),
        peer_address: about.peer_address.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: Duration::ZERO,
        log_bytes: 0,
        state_bytes: 0,
        fsync_p99: Duration::ZERO,
        since_quorum: None,
        since_leader: None,
        ready: false,
        read_only: None,
        disk: None,
        transfers: Vec::new(),
        lags: Vec::new(),
        formats: Formats::default(),
        alarms,
        notices: Vec::new(),
        members: Vec::new(),
    }
}

fn fill(status: &mut MemberStatus, part: &Part) {
    let view = part.consensus.view();
    status.cluster_id = format!("{:032x}", part.cluster_id);
    status.id = part.consensus.node_id();
    status.term = view.term;
    status.leader = view.leader;
    status.last_log = view.last_log;
    status.commit = view.committed;
    status.applied = view.applied;
    status.snapshot = view.snapshot;
    status.purged = view.purged;
    status.state_bytes = part.consensus.state_bytes();
    status.fsync_p99 = part.consensus.log().stats().sync_p99;
    status.since_quorum = view.since_quorum;
    status.members = part.members();
    match part.consensus.log().disk_bytes() {
        Ok(bytes) => status.log_bytes = bytes,
        Err(error) => status.alarms.push(format!("the log's directory: {error}")),
    }
}
