//! How a node becomes a member of a cluster that exists: it waits to be added, or asks for it.
//!
//! While it waits it says so to whoever asks on its peer port. The leader adds it to the membership
//! and then tells it ([`Admission`]); until it has noted that on disk it may be told again. A node
//! that asks is sent from any member to the leader, which adds it in the same way, after looking
//! whether it can be reached at the address it gives.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{
    formation::FormationError,
    peer::{self, Admission, Answer, Candidate, Purpose},
    server::{PeerServer, Phase},
    visit::{Found, stranger},
};

/// The pause between two rounds of asking.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// How long a member may take to answer. It waits for a majority to add this node.
const ANSWER: Duration = Duration::from_secs(10);

/// How often the wait is logged.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Waits until a leader says that this node is a member.
pub async fn wait(server: &PeerServer) -> Admission {
    tracing::info!("waiting to be added to a cluster");
    let admissions = begin(server);
    admitted(admissions).await
}

fn begin(server: &PeerServer) -> watch::Receiver<Option<Admission>> {
    let (sender, admissions) = watch::channel(None);
    server.set_phase(Phase::Waiting(sender));
    admissions
}

async fn admitted(mut admissions: watch::Receiver<Option<Admission>>) -> Admission {
    let told = admissions.wait_for(Option::is_some).await;
    match told.ok().and_then(|told| told.clone()) {
        Some(admission) => admission,
        // The server is closed: nobody can say anything any more.
        None => std::future::pending().await,
    }
}

/// Asks members for admission until one grants or refuses it. `members` are addresses of any members
/// of the cluster, on either of their ports.
///
/// # Errors
/// [`FormationError`], when asking again would not help.
pub async fn join(
    server: &PeerServer,
    candidate: Candidate,
    members: &[String],
) -> Result<Admission, FormationError> {
    let admissions = begin(server);
    let incarnation = candidate.incarnation;
    tokio::select! {
        // Told by the leader: it says more than the answer to the question.
        biased;
        admission = admitted(admissions) => Ok(admission),
        joined = knock(candidate, members) => joined.map(|(cluster_id, node_id)| Admission {
            cluster_id,
            node_id,
            incarnation,
            peers: members.to_vec(),
        }),
    }
}

async fn knock(candidate: Candidate, members: &[String]) -> Result<(u128, u64), FormationError> {
    let mut reported: Option<Instant> = None;
    loop {
        let mut reasons = Vec::new();
        for member in members {
            match ask(&candidate, member).await? {
                Reply::Joined(cluster_id, node_id) => return Ok((cluster_id, node_id)),
                Reply::Later(reason) => reasons.push(reason),
            }
        }
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            reported = Some(Instant::now());
            tracing::info!(reasons = reasons.join("; "), "waiting to join the cluster");
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

enum Reply {
    Joined(u128, u64),
    Later(String),
}

/// Asks one member, and whom it names.
async fn ask(candidate: &Candidate, member: &str) -> Result<Reply, FormationError> {
    let mut address = member.to_owned();
    // To the peer port, and to the leader; leadership may move once on the way.
    for _ in 0..4 {
        let later = |reason: String| Ok(Reply::Later(format!("{address}: {reason}")));
        match peer::ask(&address, Purpose::Join(candidate.clone()), ANSWER).await {
            Ok(Answer::Joined {
                cluster_id,
                node_id,
            }) => return Ok(Reply::Joined(cluster_id, node_id)),
            Ok(Answer::Elsewhere { peer_address }) => address = peer_address,
            Ok(Answer::Later { message }) => return later(message),
            Ok(Answer::NotReady) => return later("not part of a cluster yet".to_owned()),
            Ok(Answer::Refused { message }) => {
                return Err(FormationError::Refused { address, message });
            }
            Ok(Answer::Known { cluster_id, id }) => {
                return Err(FormationError::Wiped {
                    cluster_id,
                    name: candidate.name.clone(),
                    id,
                });
            }
            answered => {
                let error = answered
                    .err()
                    .unwrap_or_else(|| std::io::ErrorKind::InvalidData.into());
                match stranger(&address, error).await {
                    Found::ClientPort { peer_address, .. } => address = peer_address,
                    Found::Nobody(error) => return later(error.to_string()),
                    Found::Somebody(_) | Found::Refusal(_) => {
                        return later("no sensible answer".to_owned());
                    }
                }
            }
        }
    }
    Ok(Reply::Later(format!("{member}: leadership moves around")))
}
