//! The answering side of the traffic between members.
//!
//! The listener is open from the first moment, also while the member has no cluster yet: founders
//! ask each other who they are on the same port ([`formation`](super::formation)).

use std::{
    io,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::transport::{self, Connection, MAX_HANDSHAKE_BYTES, framed};
use futures::{FutureExt, SinkExt, StreamExt};
use openraft::{
    EntryPayload,
    async_runtime::WatchReceiver,
    raft::{AppendEntriesRequest, TransferLeaderError, VoteRequest},
    storage::Snapshot,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{
    RaftHandle,
    codec::{self, Append, Appended},
    contact::Contact,
    failover::Rivals,
    machine::{Progress, SnapshotData, files::SnapshotFiles},
    membership::Governor,
    network::Me,
    peer::{
        self, Admission, Answer, Card, Channel, ControlReply, ControlRequest, Founder, Greeted,
        Purpose, SnapshotFrame, SnapshotReply, Stand, TransferReply,
    },
    room::Room,
    standing::Dismissal,
    transfers::Transfers,
    types::{SnapshotMeta, TypeConfig, Vote},
};
use crate::{disk::Level, listener::Connections, store};

/// A caller that does not greet within this time is hung up on.
const GREETING: Duration = Duration::from_secs(5);

/// Connections accepted at once: a member needs four from each other member.
const MAX_CONNECTIONS: usize = 1024;

/// After so many bytes of a snapshot it is asked anew whether the disk has room.
const CHECK_ROOM: usize = 8 << 20;

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

/// What it takes to answer other members.
pub(super) struct Membered {
    pub(super) me: Me,
    pub(super) raft: RaftHandle,
    pub(super) files: SnapshotFiles,
    pub(super) contact: Arc<Contact>,
    pub(super) rivals: Arc<Rivals>,
    pub(super) progress: Arc<Progress>,
    pub(super) governor: Arc<Governor>,
    pub(super) dismissal: Dismissal,
    pub(super) room: Arc<Room>,
    pub(super) transfers: Transfers,
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
                    Channel::Append => member.serve_append(peer::open(connection)).await,
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
                if let Phase::Member(member) = self.phase() {
                    let Me {
                        cluster_id: own_cluster,
                        id: own_id,
                        incarnation: own_incarnation,
                    } = member.me;
                    if (own_cluster, own_id, own_incarnation) == (cluster_id, id, incarnation) {
                        member.dismissal.send_replace(Some("the leader".to_owned()));
                    }
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

impl Membered {
    /// Why a caller must not take part.
    fn refusal(&self, cluster_id: u128, from: u64, incarnation: u64, to: u64) -> Option<String> {
        if cluster_id != self.me.cluster_id {
            return Some(format!(
                "the caller belongs to cluster {cluster_id:032x}, this member to \
                 {:032x}; correct the addresses, or empty the caller's data directory if it is to \
                 change clusters",
                self.me.cluster_id
            ));
        }
        if to != self.me.id {
            return Some(format!(
                "the caller looks for member {to}, this is member {}; correct the addresses",
                self.me.id
            ));
        }
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let known = metrics.membership_config.get_node(&from)?;
        (known.incarnation != incarnation).then(|| {
            format!(
                "member {from} ({}) joined with another data directory; one that was emptied or \
                 copied must not come back under the old id: replace the member",
                known.name
            )
        })
    }

    async fn serve_append(&self, lane: Connection<Append, Appended>) -> io::Result<()> {
        let (mut answers, requests) = lane.split();
        // openraft reads the requests in a task of its own: it must end with this one.
        let ended = CancellationToken::new();
        let (no_room, room) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.room));
        let refused = Arc::clone(&no_room);
        let _end = ended.clone().drop_guard();
        let requests = requests
            .take_while(|request| {
                if let Err(error) = request {
                    tracing::debug!(%error, "append connection broken");
                }
                std::future::ready(request.is_ok())
            })
            .filter_map(|request| std::future::ready(request.ok().map(|append| append.0)))
            .take_while(move |request| {
                let refuse = room.level() == Level::Exhausted
                    && carries_commands(request, room.last_index());
                refused.store(refuse, Ordering::Relaxed);
                std::future::ready(!refuse)
            })
            .take_until(ended.cancelled_owned());
        // Fused: it is polled once more after its end.
        let mut results = Box::pin(self.raft.stream_append(requests).fuse());
        while let Some(result) = results.next().await {
            let mut next = Some(result);
            // One write for all that is ready.
            while let Some(result) = next {
                let result = result.map_err(io::Error::other)?;
                let refused = result.is_err();
                if !refused {
                    self.contact.heard();
                }
                let answer = Appended::new(result, self.room.level());
                answers.feed(answer).await?;
                if refused {
                    return answers.flush().await;
                }
                next = results.next().now_or_never().flatten();
            }
            answers.flush().await?;
        }
        if no_room.load(Ordering::Relaxed) {
            answers.send(Appended::no_room(self.room.level())).await?;
        }
        Ok(())
    }

    async fn serve_control(
        &self,
        from: u64,
        name: &str,
        mut lane: Connection<ControlRequest, ControlReply>,
    ) -> io::Result<()> {
        while let Some(request) = lane.next().await {
            let reply = match request? {
                ControlRequest::Vote(_) | ControlRequest::PreVote(_)
                    if self.progress.roster.removed(from) =>
                {
                    ControlReply::Removed {
                        by: name.to_owned(),
                    }
                }
                ControlRequest::Vote(request) => {
                    let request: VoteRequest<TypeConfig> = request.into();
                    self.rivals.asked(from, request.last_log_id);
                    self.raft.vote(request).await.map_or_else(
                        |_| ControlReply::Failed,
                        |response| ControlReply::Vote(response.into()),
                    )
                }
                ControlRequest::PreVote(request) => {
                    let request: VoteRequest<TypeConfig> = request.into();
                    self.rivals.asked(from, request.last_log_id);
                    self.raft.pre_vote(request).await.map_or_else(
                        |_| ControlReply::Failed,
                        |response| ControlReply::Vote(response.into()),
                    )
                }
                ControlRequest::Transfer(request) => {
                    match self.raft.handle_transfer_leader(request.into()).await {
                        Ok(reply) => ControlReply::Transfer(transfer_reply(reply)),
                        Err(_) => ControlReply::Failed,
                    }
                }
            };
            lane.send(reply).await?;
        }
        Ok(())
    }

    /// Receives a snapshot into a file, verifies it, and installs it.
    async fn serve_snapshot(
        &self,
        from: u64,
        mut lane: Connection<SnapshotFrame, SnapshotReply>,
    ) -> io::Result<()> {
        let reply = match self.receive_snapshot(from, &mut lane).await {
            Ok(vote) => SnapshotReply::Installed(vote.into()),
            Err(error) => {
                tracing::warn!(%error, "snapshot not installed");
                SnapshotReply::Failed {
                    message: error.to_string(),
                }
            }
        };
        lane.send(reply).await
    }

    async fn receive_snapshot(
        &self,
        from: u64,
        lane: &mut Connection<SnapshotFrame, SnapshotReply>,
    ) -> io::Result<Vote> {
        let Some(SnapshotFrame::Begin {
            vote,
            last,
            membership,
            bytes,
        }) = lane.next().await.transpose()?
        else {
            return Err(io::Error::other("a snapshot must begin with its header"));
        };
        let meta = SnapshotMeta {
            last_log_id: last.map(Into::into),
            last_membership: codec::decode_stored_membership(&membership)?,
        };
        tracing::info!(
            index = meta.last_log_id.map(|id| id.index()),
            "receiving a snapshot"
        );
        if !self.room.has(bytes) {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("the disk has no room for a snapshot of {bytes} bytes"),
            ));
        }
        let total = (bytes > 0).then_some(bytes);
        let under_way = self.transfers.begin(false, from, total);
        let room = Arc::clone(&self.room);
        let file = self.files.incoming()?;
        let (chunks, mut receive) = tokio::sync::mpsc::channel::<bytes::Bytes>(4);
        let cluster_id = self.me.cluster_id;
        let index = meta.last_log_id.map(|id| id.index());
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file;
            let mut unchecked = 0;
            while let Some(chunk) = receive.blocking_recv() {
                unchecked += chunk.len();
                if unchecked >= CHECK_ROOM {
                    unchecked = 0;
                    // What was announced is about right; the log needs the rest.
                    if !room.has(0) {
                        return Err(io::Error::new(
                            io::ErrorKind::StorageFull,
                            "the disk has no room for the rest of the snapshot",
                        ));
                    }
                }
                io::Write::write_all(&mut file, &chunk)?;
                under_way.add(chunk.len());
            }
            file.as_file().sync_all()?;
            let path = file.into_temp_path();
            // Refused before openraft hears of it: it takes an installed snapshot for granted.
            let stream = io::BufReader::new(std::fs::File::open(&path)?);
            let (header, _) = store::verify(stream).map_err(io::Error::other)?;
            if header.cluster_id != cluster_id
                || header.applied.map(|position| position.index) != index
            {
                return Err(io::Error::other(
                    "the snapshot is of another cluster or moment than announced",
                ));
            }
            Ok(path)
        });
        let mut complete = false;
        while let Some(frame) = lane.next().await.transpose()? {
            match frame {
                SnapshotFrame::Chunk(chunk) => {
                    if chunks.send(chunk).await.is_err() {
                        // Writing failed; the writer's own error says why.
                        break;
                    }
                }
                SnapshotFrame::End => {
                    complete = true;
                    break;
                }
                SnapshotFrame::Begin { .. } => {
                    return Err(io::Error::other("a snapshot began twice"));
                }
            }
        }
        drop(chunks);
        let path = written.await.map_err(io::Error::other)??;
        if !complete {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let snapshot = Snapshot {
            meta,
            snapshot: SnapshotData::File(path),
        };
        let response = self
            .raft
            .install_full_snapshot(vote.into(), snapshot)
            .await
            .map_err(io::Error::other)?;
        Ok(response.vote)
    }
}

/// Holds a connection until the caller closes it. If this process ends, the kernel does.
async fn serve_watch(mut lane: Connection<ControlRequest, ControlReply>) -> io::Result<()> {
    while lane.next().await.transpose()?.is_some() {}
    Ok(())
}

/// Whether a request has more behind the end of the log than what a leader needs to lead and to
/// change the membership. A new leader also sends what is there already, to find out where the logs
/// part.
fn carries_commands(request: &AppendEntriesRequest<TypeConfig>, last: u64) -> bool {
    let mut entries = request.entries.iter();
    entries.any(|entry| {
        entry.log_id.index() > last && matches!(entry.payload, EntryPayload::Normal(_))
    })
}

fn transfer_reply(reply: Result<(), TransferLeaderError<TypeConfig>>) -> TransferReply {
    match reply {
        Ok(()) => TransferReply::Accepted,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => TransferReply::VoteChanged {
            expected: expected.into(),
            actual: actual.into(),
        },
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            TransferReply::LogNotFlushed {
                expected: expected.map(Into::into),
                actual: actual.map(Into::into),
            }
        }
    }
}
