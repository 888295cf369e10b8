//! What a member says of itself.

use std::{sync::atomic::Ordering, time::Duration};

use common::types::{Disk, Lag, MemberStatus, Role, SnapshotTransfer, TransferDirection};

use super::{About, Part, Service};
use crate::{
    config::Fsync,
    formats::formats,
    raft::{self, TransferView},
};

/// Syncs that take longer than this make everything slow.
const SLOW_SYNC: Duration = Duration::from_millis(100);

/// A member that has heard nothing of a leader for so long should be looked at. Many times any
/// sensible election timeout.
const CUT_OFF: Duration = Duration::from_secs(5);

impl Service {
    /// See [`Control::status`](common::api::Control::status). Answered in every state of the
    /// member, also while it has no cluster and while it stops.
    pub fn status(&self) -> MemberStatus {
        let mut status = base(&self.about);
        status.role = self.role();
        status.uptime = self.started.elapsed();
        status.ready = self.ready.load(Ordering::Acquire) && !self.draining.load(Ordering::Acquire);
        if let Some(part) = self.part.get() {
            fill(&mut status, part);
            if let Some(alarm) = self.cut_off(&status) {
                status.alarms.push(alarm);
            }
        }
        status.notices = self.quotas.latest();
        status
    }
}

impl Service {
    fn cut_off(&self, status: &MemberStatus) -> Option<String> {
        let since = status.since_leader.unwrap_or(status.uptime);
        if since < CUT_OFF || status.role == Role::Stopping {
            return None;
        }
        let seconds = since.as_secs();
        Some(if status.role == Role::Leader {
            format!("no majority has answered for {seconds} s")
        } else if status.since_leader.is_none() {
            format!("no word from a leader since the start {seconds} s ago")
        } else {
            format!("no word from a leader for {seconds} s")
        })
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
        disk: Some(Disk {
            total: about.disk.total(),
            free: about.disk.free(),
        }),
        transfers: Vec::new(),
        lags: Vec::new(),
        formats: formats(),
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
    let syncs = part.consensus.log().stats();
    status.fsync_p99 = syncs.sync_p99;
    if syncs.sync_p99_lately > SLOW_SYNC {
        status.alarms.push(format!(
            "the disk is slow: one of a hundred syncs of the log takes {} ms",
            syncs.sync_p99_lately.as_millis()
        ));
    }
    status.since_quorum = view.since_quorum;
    status.since_leader = part.consensus.since_leader();
    let room = part.consensus.room();
    status.read_only = room.read_only();
    status.alarms.extend(room.alarms());
    status.alarms.extend(part.consensus.alarms());
    status.transfers = part
        .consensus
        .transfers()
        .into_iter()
        .map(transfer)
        .collect();
    status.lags = part.consensus.lags().into_iter().map(lag).collect();
    status.members = part.members();
    match part.consensus.log().disk_bytes() {
        Ok(bytes) => status.log_bytes = bytes,
        Err(error) => status.alarms.push(format!("the log's directory: {error}")),
    }
}

fn transfer(view: TransferView) -> SnapshotTransfer {
    SnapshotTransfer {
        direction: if view.sending {
            TransferDirection::Sending
        } else {
            TransferDirection::Receiving
        },
        peer: view.peer,
        bytes: view.bytes,
        total: view.total,
    }
}

fn lag(lag: raft::Lag) -> Lag {
    Lag {
        id: lag.id,
        matched: lag.matched,
        behind: lag.behind,
        last_contact: lag.last_contact,
    }
}
