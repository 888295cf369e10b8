//! Whether this member is still one, and whether the others know where it is.
//!
//! A member that is removed while it is away or cut off cannot be told. It would campaign for ever;
//! a learner would wait for ever. So who hears no leader for some seconds asks the others whether it
//! is still in. And one that was restarted with other addresses tells the leader.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use openraft::async_runtime::WatchReceiver;
use tokio::sync::watch;

use super::{
    contact::Contact,
    membership::Governor,
    peer::{self, Announcement, Answer, Purpose, Stand},
    types::MemberInfo,
    visit::{Found, visit},
};
use crate::store::Position;

/// How often a member looks at its own standing.
const EVERY: Duration = Duration::from_millis(500);

/// Who hears no leader for this long asks.
const SILENCE: Duration = Duration::from_secs(3);

/// How long another member may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// How long the leader may take to change the membership.
const CHANGE: Duration = Duration::from_secs(10);

/// Why a member must not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was removed from the cluster.
    Removed {
        /// Who says so.
        by: String,
    },
    /// Its log lacks what it has acknowledged.
    LogLost {
        /// Who says so.
        by: String,
        /// The last entry that it has acknowledged.
        acknowledged: Position,
    },
}

/// The first reason why this member must not go on that another one told it.
pub(super) type Dismissal = watch::Sender<Option<Verdict>>;

/// Runs until consensus stops or this member is found to be removed.
pub(super) async fn run(
    governor: Arc<Governor>,
    contact: Arc<Contact>,
    dismissal: Dismissal,
    own: Announcement,
) {
    let started = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(EVERY).await;
        if governor
            .raft
            .metrics()
            .borrow_watched()
            .running_state
            .is_err()
            || dismissal.borrow().is_some()
        {
            return;
        }
        let silent = if governor.leads() {
            // One that finished its own removal is the leader to itself for ever.
            let still_in = governor.members().contains_key(&own.id);
            if still_in {
                governor.silent_for()
            } else {
                SILENCE
            }
        } else {
            contact.age().unwrap_or_else(|| started.elapsed())
        };
        if silent >= SILENCE {
            ask_around(&governor, &dismissal, &own).await;
        } else {
            announce(&governor, &own).await;
        }
    }
}

/// Asks the others whether this member is still one of them.
async fn ask_around(governor: &Governor, dismissal: &Dismissal, own: &Announcement) {
    for (id, info) in governor.members() {
        if id == own.id {
            continue;
        }
        let Found::Somebody(card) = visit(&info.peer_address, ANSWER).await else {
            continue;
        };
        if let Stand::Member {
            cluster_id,
            members,
            highest,
            ..
        } = &card.stand
            && *cluster_id == own.cluster_id
            && own.id <= *highest
            && !members.is_empty()
            && members.iter().all(|(id, _)| *id != own.id)
        {
            dismissal.send_replace(Some(Verdict::Removed { by: card.name }));
            return;
        }
    }
}

async fn tell(address: &str, own: &Announcement) -> io::Result<Answer> {
    peer::ask(address, Purpose::Announce(own.clone()), CHANGE).await
}

/// Tells the leader through whoever knows it: one that was elected while this member was away does
/// not find it where it is now.
async fn tell_anybody(members: &BTreeMap<u64, MemberInfo>, own: &Announcement) -> Option<Answer> {
    for info in members
        .iter()
        .filter(|(id, _)| **id != own.id)
        .map(|(_, info)| info)
    {
        match tell(&info.peer_address, own).await {
            Ok(Answer::Elsewhere { peer_address }) => {
                if let Ok(answer) = tell(&peer_address, own).await {
                    return Some(answer);
                }
            }
            Ok(answer @ (Answer::Done | Answer::Refused { .. })) => return Some(answer),
            // It knows no more, or is not there; another one may.
            Ok(_) | Err(_) => {}
        }
    }
    None
}

/// Tells the leader the addresses of this member, if the membership has others.
async fn announce(governor: &Governor, own: &Announcement) {
    let members = governor.members();
    let Some(known) = members.get(&own.id) else {
        return;
    };
    if known.incarnation != own.incarnation
        || (&known.client_address, &known.peer_address) == (&own.client_address, &own.peer_address)
    {
        return;
    }
    let answer = if governor.leads() {
        governor.answer_announcement(own).await
    } else {
        let told = match governor.leader_elsewhere() {
            Some(leader) => tell(&leader, own).await.ok(),
            None => None,
        };
        match told {
            Some(answer) => answer,
            None => match tell_anybody(&members, own).await {
                Some(answer) => answer,
                None => return,
            },
        }
    };
    match answer {
        Answer::Done => tracing::info!(
            client = own.client_address,
            peer = own.peer_address,
            "the cluster knows the new addresses of this member"
        ),
        Answer::Later { message } | Answer::Refused { message } => {
            tracing::warn!(
                client = own.client_address,
                peer = own.peer_address,
                message,
                "the cluster does not take the new addresses of this member"
            );
            tokio::time::sleep(EVERY * 10).await;
        }
        _ => {}
    }
}
