//! Where each member is reached now.
//!
//! openraft makes a client for a member once and keeps it when the member's addresses change. So a
//! client looks the address up whenever it connects.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use openraft::async_runtime::WatchReceiver;

use crate::raft::RaftHandle;

/// The peer addresses of the membership in force.
#[derive(Clone, Default)]
pub(in crate::raft) struct Addresses(Arc<RwLock<HashMap<u64, String>>>);

impl Addresses {
    /// Where a member is, if the membership knows it.
    pub(super) fn of(&self, id: u64) -> Option<String> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).cloned()
    }

    /// Keeps up with the membership until consensus stops.
    pub(in crate::raft) async fn follow(self, raft: RaftHandle) {
        let mut metrics = raft.server_metrics();
        let mut seen = None;
        loop {
            {
                let now = metrics.borrow_watched();
                let membership = &now.membership_config;
                if seen != Some(*membership.log_id()) {
                    seen = Some(*membership.log_id());
                    let nodes = membership.nodes();
                    let all = nodes.map(|(id, info)| (*id, info.peer_address.clone()));
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = all.collect();
                }
            }
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }
}
