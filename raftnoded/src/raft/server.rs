//! The answering side of the traffic between members.
//!
//! The listener is open from the first moment, also while the member has no cluster yet: founders
//! ask each other who they are on the same port ([`formation`](super::formation)).

mod member;

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use common::transport::{self, MAX_HANDSHAKE_BYTES, framed};
use futures::{SinkExt, StreamExt};
use openraft::async_runtime::WatchReceiver;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    peer::{self, Admission, Answer, Card, Channel, Founder, Greeted, Purpose, Stand},
    standing::Verdict,
};
use crate::listener::Connections;
pub(super) use member::Membered;
use member::serve_watch;

/// A caller that does not greet within this time is hung up on.
const GREETING: Duration = Duration::from_secs(5);

/// Connections accepted at once: a member needs four from each other member.
const MAX_CONNECTIONS: usize = 1024;

/// What this member is at the moment.
#[derive(Clone)]
pub(super) enum Phase {
    /// Not yet anything.
    Starting,
    /// Waiting for the other founders.
    Founding(Founder),
    /// Waiting to be admitted to a cluster.
    Waiting(watch::Sender<Option<Admission>>),
    /// Part of a cluster.
    Member(Arc<Membered>),
}

/// Answers other members.
#[derive(Clone)]
pub struct PeerServer {
    card: Arc<Card>,
    phase: Arc<RwLock<Phase>>,
    connections: Connections,
}

impl PeerServer {
    /// Starts to accept connections. The card says who this process is, and what it was to a
    /// cluster when it started.
    pub fn start(listener: TcpListener, card: Card) -> Self {
        let server = Self {
            card: Arc::new(card),
            phase: Arc::new(RwLock::new(Phase::Starting)),
            connections: Connections::default(),
        };
        let serving = server.clone();
        server.connections.accept(
            listener,
            MAX_CONNECTIONS,
            move |socket| {
                let server = serving.clone();
                async move {
                    if let Err(error) = server.serve(socket).await {
                        tracing::debug!(%error, "connection from a member ended");
                    }
                }
            },
            |_| async { tracing::warn!("too many connections on the port between members") },
        );
        server
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        *self.phase.write().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    fn phase(&self) -> Phase {
        self.phase
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Closes all connections and waits for their tasks.
    pub async fn shutdown(&self) {
        self.connections.close().await;
        self.set_phase(Phase::Starting);
    }

    async fn serve(&self, socket: TcpStream) -> io::Result<()> {
        transport::tune(&socket)?;
        let mut connection: Greeted = framed(socket, MAX_HANDSHAKE_BYTES);
        let greeting = match tokio::time::timeout(GREETING, connection.next()).await {
            Ok(Some(greeting)) => greeting?,
            Ok(None) => return Ok(()),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if let Some(message) = greeting.fault() {
            return connection.send(Answer::Refused { message }).await;
        }
        match greeting.purpose {
            // Of another version, and refused above.
            Purpose::Unknown => Ok(()),
            Purpose::Founder(caller) => {
                let answer = self.answer_founder(&caller);
                connection.send(answer).await
            }
            Purpose::Member {
                cluster_id,
                from,
                incarnation,
                to,
                channel,
            } => {
                let Phase::Member(member) = self.phase() else {
                    return connection.send(Answer::NotReady).await;
                };
                if cluster_id == member.me.cluster_id && member.progress.roster.removed(from) {
                    tracing::debug!(from, "a removed member called");
                    let by = self.card.name.clone();
                    return connection.send(Answer::Removed { by }).await;
                }
                if let Some(message) = member.refusal(cluster_id, from, incarnation, to) {
                    tracing::warn!(from, message, "refused a member");
                    return connection.send(Answer::Refused { message }).await;
                }
                let welcome = Answer::Welcome {
                    incarnation: member.me.incarnation,
                    boot: self.card.boot,
                };
                connection.send(welcome).await?;
                match channel {
                    Channel::Append => member.serve_append(from, peer::open(connection)).await,
                    Channel::Control => {
                        let name = &self.card.name;
                        member
                            .serve_control(from, name, peer::open(connection))
                            .await
                    }
                    Channel::Watch => serve_watch(peer::open(connection)).await,
                    Channel::Snapshot => member.serve_snapshot(from, peer::open(connection)).await,
                }
            }
            Purpose::Inquiry => connection.send(Answer::Present(self.card())).await,
            Purpose::Admit(admission) => {
                let answer = self.answer_admission(admission);
                connection.send(answer).await
            }
            Purpose::Join(candidate) => {
                let answer = match self.phase() {
                    Phase::Member(member) => member.governor.answer_candidate(&candidate).await,
                    _ => Answer::NotReady,
                };
                connection.send(answer).await
            }
            Purpose::Announce(announcement) => {
                let answer = match self.phase() {
                    Phase::Member(member) => {
                        member.governor.answer_announcement(&announcement).await
                    }
                    _ => Answer::NotReady,
                };
                connection.send(answer).await
            }
            Purpose::Dismiss {
                cluster_id,
                id,
                incarnation,
            } => {
                if let Phase::Member(member) = self.phase()
                    && member.me.is(cluster_id, id, incarnation)
                {
                    let by = "the leader".to_owned();
                    member.dismissal.send_replace(Some(Verdict::Removed { by }));
                }
                connection.send(Answer::Done).await
            }
            Purpose::LogLost {
                cluster_id,
                id,
                incarnation,
                from,
                term,
                acknowledged,
            } => {
                if let Phase::Member(member) = self.phase()
                    && member.me.is(cluster_id, id, incarnation)
                {
                    member.told_of_loss(from, term, acknowledged.into());
                }
                connection.send(Answer::Done).await
            }
        }
    }

    /// Who this process is now.
    fn card(&self) -> Card {
        let stand = match self.phase() {
            Phase::Starting => self.card.stand.clone(),
            Phase::Founding(_) => Stand::Founding,
            Phase::Waiting(_) => Stand::Waiting,
            Phase::Member(member) => Stand::Member {
                cluster_id: member.me.cluster_id,
                id: member.me.id,
                members: member.progress.roster.members(),
                highest: member.progress.roster.highest(),
            },
        };
        Card {
            stand,
            ..Card::clone(&self.card)
        }
    }

    fn answer_admission(&self, admission: Admission) -> Answer {
        match self.phase() {
            Phase::Waiting(admitted) if admission.incarnation == self.card.incarnation => {
                tracing::info!(
                    cluster = format!("{:032x}", admission.cluster_id),
                    node = admission.node_id,
                    "admitted to the cluster"
                );
                admitted.send_replace(Some(admission));
                Answer::Done
            }
            Phase::Member(member)
                if (member.me.cluster_id, member.me.id)
                    == (admission.cluster_id, admission.node_id) =>
            {
                Answer::Done
            }
            Phase::Starting => Answer::NotReady,
            _ => Answer::Refused {
                message: format!("{} does not wait for this admission", self.card.name),
            },
        }
    }

    fn answer_founder(&self, caller: &Founder) -> Answer {
        match self.phase() {
            Phase::Starting | Phase::Waiting(_) => Answer::NotReady,
            Phase::Founding(me) if me.list == caller.list => Answer::Founder(me),
            Phase::Founding(me) => Answer::Refused {
                message: format!(
                    "{} was started with --peers {}, and {} with --peers {}: give all of them the \
                     same list",
                    me.name,
                    show(&me.list),
                    caller.name,
                    show(&caller.list)
                ),
            },
            Phase::Member(member) => {
                let metrics = member.raft.server_metrics();
                let members: Vec<_> = metrics
                    .borrow_watched()
                    .membership_config
                    .nodes()
                    .map(|(id, info)| (*id, info.clone()))
                    .collect();
                if members.is_empty() {
                    // Founded, but the first entry is not in the log yet.
                    return Answer::NotReady;
                }
                Answer::Formed {
                    cluster_id: member.me.cluster_id,
                    members,
                }
            }
        }
    }
}

fn show(list: &[(String, String)]) -> String {
    let items: Vec<_> = list
        .iter()
        .map(|(name, address)| format!("{name}={address}"))
        .collect();
    items.join(",")
}
