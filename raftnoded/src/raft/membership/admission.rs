//! Telling nodes that they are members, and members that they are not any more.
//!
//! A node is told after it was added. Should it miss that, because it or the leader died, it is told
//! again by whoever leads: as long as a member does not answer, the leader looks who is at its
//! address, and a node that still waits there under the right incarnation is admitted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Governor, plan::Situation};
use crate::raft::{
    peer::{self, Admission, Answer, Purpose, Stand},
    types::MemberInfo,
    visit::{Found, visit},
};

/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// How often the same member is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a removed member that does not answer is told so.
const FAREWELL: Duration = Duration::from_secs(10);

/// When each member that does not answer was last looked for.
#[derive(Default)]
pub(super) struct Admissions(BTreeMap<u64, Instant>);

impl Admissions {
    /// Looks for the members that do not answer.
    pub(super) fn begin(&mut self, governor: &Arc<Governor>, situation: &Situation) {
        self.0.retain(|id, _| situation.members.contains_key(id));
        for (id, info) in &situation.members {
            if situation.alive.contains(id) {
                continue;
            }
            let last = self.0.get(id);
            if last.is_some_and(|at| at.elapsed() < LOOK_EVERY + ANSWER) {
                continue;
            }
            self.0.insert(*id, Instant::now());
            let (governor, id, info) = (Arc::clone(governor), *id, info.clone());
            tokio::spawn(async move { governor.admit(id, &info).await });
        }
    }
}

impl Governor {
    /// Tells a node that it is a member, if it waits to hear that.
    pub(super) async fn admit(&self, id: u64, info: &MemberInfo) {
        let Found::Somebody(card) = visit(&info.peer_address, ANSWER).await else {
            return;
        };
        if card.stand != Stand::Waiting || card.incarnation != info.incarnation {
            return;
        }
        let admission = self.admission(id, info);
        match peer::ask(&info.peer_address, Purpose::Admit(admission), ANSWER).await {
            Ok(Answer::Done) => tracing::info!(id, name = info.name, "node admitted"),
            Ok(answer) => tracing::warn!(id, name = info.name, ?answer, "node not admitted"),
            Err(error) => tracing::warn!(id, name = info.name, %error, "node not admitted"),
        }
    }

    fn admission(&self, id: u64, info: &MemberInfo) -> Admission {
        let members = self.members();
        let others = members.iter().filter(|(other, _)| **other != id);
        Admission {
            cluster_id: self.me.cluster_id,
            node_id: id,
            incarnation: info.incarnation,
            peers: others.map(|(_, info)| info.peer_address.clone()).collect(),
        }
    }

    /// Tells members that they were removed, for a while. Who does not hear it asks when it hears
    /// no leader any more.
    pub(super) fn dismiss(&self, before: &Situation, gone: impl IntoIterator<Item = u64>) {
        let gone: BTreeSet<u64> = gone.into_iter().filter(|id| *id != self.me.id).collect();
        for (id, info) in &before.members {
            if gone.contains(id) {
                tracing::info!(id, name = info.name, "member removed");
                let purpose = Purpose::Dismiss {
                    cluster_id: self.me.cluster_id,
                    id: *id,
                    incarnation: info.incarnation,
                };
                tokio::spawn(say_farewell(info.peer_address.clone(), purpose));
            }
        }
    }
}

async fn say_farewell(address: String, purpose: Purpose) {
    let until = Instant::now() + FAREWELL;
    while Instant::now() < until {
        if peer::ask(&address, purpose.clone(), ANSWER).await.is_ok() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
