//! The calling side of the traffic between members, as openraft wants it.
//!
//! Entries and heartbeats each have a connection per member that stays open between calls; votes
//! and transfers share one; a snapshot opens its own. Append requests are pipelined: a few may be
//! on their way before the first is answered, and answers come in order.

pub(super) mod acknowledged;
pub(super) mod addresses;
mod pipeline;
mod snapshot;

use std::{
    collections::HashMap,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use common::transport::{Connection, Wire, exchange};
use futures::{SinkExt, Stream, StreamExt};
use openraft::{
    base::{BoxFuture, BoxStream},
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{Backoff, RPCOption, RaftNetworkFactory, v2::RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
        StreamAppendResult, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
        VoteRequest, VoteResponse,
    },
};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    codec::{Append, Appended, NoRoom},
    elections::{Elections, Reign},
    machine::{Progress, SnapshotData},
    peer::{
        self, Answer, AppendLane, Channel, ControlReply, ControlRequest, Greeting, Purpose,
        TransferReply,
    },
    room::Room,
    standing::{Dismissal, Verdict},
    transfers::Transfers,
    types::{LogId, MemberInfo, TypeConfig, Vote},
};
use acknowledged::{Acknowledged, Ledger, Loss};
use addresses::Addresses;
use pipeline::Pipeline;

type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotData>;

/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_millis(500);

/// How often the same refusal is logged.
const REFUSAL_EVERY: Duration = Duration::from_secs(10);

/// Who this member is, in handshakes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Me {
    pub(super) cluster_id: u128,
    pub(super) id: u64,
    pub(super) incarnation: u64,
}

impl Me {
    /// Whether this member, with this data directory, is meant.
    pub(super) fn is(&self, cluster_id: u128, id: u64, incarnation: u64) -> bool {
        (self.cluster_id, self.id, self.incarnation) == (cluster_id, id, incarnation)
    }
}

/// Another member, and what all calls to it share.
struct Peer {
    me: Me,
    id: u64,
    /// As the membership had it at first; the address may have changed since.
    info: MemberInfo,
    control: Mutex<Option<Connection<ControlReply, ControlRequest>>>,
    /// Whether it answered when it was last called.
    reachable: AtomicBool,
    /// When a refusal was last logged.
    refused: std::sync::Mutex<Option<Instant>>,
    /// What it last said of its room: a [`Level`](crate::disk::Level) as a number.
    level: Arc<AtomicU8>,
    /// What it has acknowledged.
    acknowledged: Arc<Acknowledged>,
    /// What all calls to all members share.
    shared: Arc<Shared>,
}

/// What all calls to all members share.
pub(super) struct Shared {
    /// One snapshot leaves this member at a time.
    sending: Semaphore,
    pub(super) room: Arc<Room>,
    pub(super) transfers: Transfers,
    pub(super) progress: Arc<Progress>,
    addresses: Addresses,
    /// Where it is noted who says that this member was removed.
    dismissal: Dismissal,
    elections: Elections,
    ledger: Ledger,
}

impl Shared {
    pub(super) fn new(
        room: Arc<Room>,
        transfers: Transfers,
        progress: Arc<Progress>,
        addresses: Addresses,
        dismissal: Dismissal,
        elections: Elections,
        ledger: Ledger,
    ) -> Arc<Self> {
        Arc::new(Self {
            sending: Semaphore::new(1),
            room,
            transfers,
            progress,
            addresses,
            dismissal,
            elections,
            ledger,
        })
    }
}

impl Peer {
    async fn connect<In: Wire, Out: Wire>(
        &self,
        channel: Channel,
    ) -> io::Result<Connection<In, Out>> {
        let greeting = Greeting::new(Purpose::Member {
            cluster_id: self.me.cluster_id,
            from: self.me.id,
            incarnation: self.me.incarnation,
            to: self.id,
            channel,
        });
        let address = self.address();
        let called = peer::call(&address, greeting, CONNECT).await;
        self.log_reachable(called.as_ref().err());
        let (connection, answer) = called?;
        let refusal = match answer {
            Answer::Welcome { incarnation, .. } if incarnation == self.info.incarnation => {
                return Ok(peer::open(connection));
            }
            Answer::Welcome { .. } => format!(
                "{} answers at {address} with another data directory than the one that joined; if \
                 that directory is lost, replace the member",
                self.info.name
            ),
            Answer::Refused { message } => message,
            Answer::Removed { by } => {
                self.shared
                    .dismissal
                    .send_replace(Some(Verdict::Removed { by }));
                return Err(removed());
            }
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionRefused,
                    "it has not joined the cluster yet",
                ));
            }
        };
        self.log_refusal(&refusal);
        Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal))
    }

    /// Where it is now.
    fn address(&self) -> String {
        let known = self.shared.addresses.of(self.id);
        known.unwrap_or_else(|| self.info.peer_address.clone())
    }

    /// Takes note of what a member answers to the leader of a term: of the room it has, and of how
    /// far it has the log. openraft must not hear of a log that went back: see [`acknowledged`].
    fn heard(
        self: &Arc<Self>,
        term: u64,
        answer: Appended,
    ) -> Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>> {
        if self.level.load(Ordering::Relaxed) != answer.level {
            self.level.store(answer.level, Ordering::Relaxed);
        }
        let result = answer.result().map_err(|NoRoom| no_room())?;
        match &result {
            Ok(Some(matching)) => self.acknowledged.note(term, *matching),
            Err(StreamAppendError::Conflict(id)) => {
                let lacks = self
                    .acknowledged
                    .lacks(term, *id, std::time::Instant::now());
                if let Some(loss) = lacks {
                    self.tell_loss(term, *id, &loss);
                    return Err(lost_log());
                }
            }
            Ok(None) | Err(StreamAppendError::HigherVote(_)) => {}
        }
        Ok(result)
    }

    /// Tells the operator, and the member itself, that its log went back.
    fn tell_loss(self: &Arc<Self>, term: u64, lacks: LogId, loss: &Loss) {
        if loss.new {
            tracing::error!(
                peer = self.id,
                name = self.info.name,
                acknowledged = loss.acknowledged.index(),
                lacks = lacks.index(),
                "a member has lost log that it had acknowledged: replace it"
            );
        }
        if loss.tell {
            let purpose = Purpose::LogLost {
                cluster_id: self.me.cluster_id,
                id: self.id,
                incarnation: self.info.incarnation,
                from: self.me.id,
                term,
                acknowledged: loss.acknowledged.into(),
            };
            let address = self.address();
            // Unanswered, it is told again when it next shows that it lacks something.
            tokio::spawn(async move { peer::ask(&address, purpose, CONNECT).await });
        }
    }

    /// Says when it changes, not at every call.
    fn log_reachable(&self, error: Option<&io::Error>) {
        if self.reachable.swap(error.is_none(), Ordering::Relaxed) == error.is_none() {
            return;
        }
        let (peer, name) = (self.id, &self.info.name);
        match error {
            Some(error) => tracing::warn!(peer, name, %error, "member unreachable"),
            None => tracing::info!(peer, name, "member reachable again"),
        }
    }

    fn log_refusal(&self, message: &str) {
        let mut last = self
            .refused
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= REFUSAL_EVERY) {
            *last = Some(Instant::now());
            tracing::warn!(
                peer = self.id,
                name = self.info.name,
                message,
                "member refused"
            );
        }
    }

    /// One request on the shared control connection.
    async fn control(
        &self,
        request: ControlRequest,
        timeout: Duration,
    ) -> io::Result<ControlReply> {
        let exchange = async {
            let mut slot = self.control.lock().await;
            // Out of the slot while in use: if this call is cut off, an answer is still to come,
            // and the connection must not serve another one.
            if let Some(mut connection) = slot.take()
                && let Ok(reply) = exchange(&mut connection, request).await
            {
                *slot = Some(connection);
                return Ok(reply);
            }
            // None yet, or the member was restarted since. Asking twice does no harm.
            let mut connection = self.connect(Channel::Control).await?;
            let reply = exchange(&mut connection, request).await?;
            *slot = Some(connection);
            Ok(reply)
        };
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}

fn removed() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "this member was removed from the cluster",
    )
}

fn unreachable(error: &io::Error) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::new(error))
}

/// Taken for unreachable by openraft, which then waits before it tries again.
fn no_room() -> RPCError<TypeConfig> {
    unreachable(&io::Error::new(
        io::ErrorKind::StorageFull,
        "its disk is full",
    ))
}

/// As for [`no_room`]. It cannot be brought up to date.
fn lost_log() -> RPCError<TypeConfig> {
    unreachable(&io::Error::new(
        io::ErrorKind::InvalidData,
        "it has lost log that it had acknowledged",
    ))
}

fn broken(error: &io::Error) -> RPCError<TypeConfig> {
    RPCError::Network(NetworkError::new(error))
}

/// Makes the clients through which openraft talks to other members.
pub(super) struct Factory {
    me: Me,
    in_flight: usize,
    peers: HashMap<u64, Arc<Peer>>,
    shared: Arc<Shared>,
}

impl Factory {
    /// `in_flight`: how many append requests may be unanswered on one connection.
    pub(super) fn new(me: Me, in_flight: usize, shared: Arc<Shared>) -> Self {
        Self {
            me,
            in_flight: in_flight.max(1),
            peers: HashMap::new(),
            shared,
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for Factory {
    type Network = Network;

    async fn new_client(&mut self, target: u64, node: &MemberInfo) -> Network {
        let known = self.peers.get(&target).filter(|peer| peer.info == *node);
        let peer = match known {
            Some(peer) => Arc::clone(peer),
            None => {
                let peer = Arc::new(Peer {
                    me: self.me,
                    id: target,
                    info: node.clone(),
                    control: Mutex::new(None),
                    reachable: AtomicBool::new(true),
                    refused: std::sync::Mutex::new(None),
                    level: self.shared.room.of(target),
                    acknowledged: self.shared.ledger.of(target),
                    shared: Arc::clone(&self.shared),
                });
                self.peers.insert(target, Arc::clone(&peer));
                peer
            }
        };
        Network {
            peer,
            in_flight: self.in_flight,
            lane: None,
            dialing: None,
        }
    }
}

/// A client to one member. Each has an append connection of its own.
pub(super) struct Network {
    peer: Arc<Peer>,
    in_flight: usize,
    lane: Option<AppendLane>,
    /// A connection being opened. openraft gives a heartbeat as long as its interval and then drops
    /// the call: over a long way, opening would never come to an end within one.
    dialing: Option<AbortOnDropHandle<io::Result<AppendLane>>>,
}

impl RaftNetworkV2<TypeConfig> for Network {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let term = rpc.vote.leader_id.term;
        let single = async {
            let mut lane = self.lane().await.map_err(|error| unreachable(&error))?;
            lane.send(Append(rpc))
                .await
                .map_err(|error| broken(&error))?;
            let answer = match lane.next().await {
                Some(Ok(answer)) => answer,
                Some(Err(error)) => return Err(broken(&error)),
                None => return Err(broken(&io::ErrorKind::UnexpectedEof.into())),
            };
            Ok(match self.peer.heard(term, answer)? {
                Ok(matching) => {
                    // The member ends the connection after a refusal.
                    self.lane = Some(lane);
                    AppendEntriesResponse::PartialSuccess(matching)
                }
                Err(StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
                Err(StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
            })
        };
        tokio::time::timeout(option.soft_ttl(), single)
            .await
            .unwrap_or_else(|_| Err(broken(&io::ErrorKind::TimedOut.into())))
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>,
            RPCError<TypeConfig>,
        >,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>>
            + openraft::OptionalSend
            + Unpin
            + 'static,
    {
        Box::pin(async move {
            // Before connecting: openraft waits out its backoff where it makes the first request.
            // A member that is down would otherwise be called thousands of times a second.
            let mut input = input;
            let Some(first) = input.next().await else {
                let nothing: BoxStream<'s, _> = Box::pin(futures::stream::empty());
                return Ok(nothing);
            };
            let lane = self.lane().await.map_err(|error| unreachable(&error))?;
            let answers: BoxStream<'s, _> = Box::pin(Pipeline::new(
                lane,
                &mut self.lane,
                futures::stream::iter([first]).chain(input),
                self.in_flight,
                &self.peer,
            ));
            Ok(answers)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(ControlRequest::Vote(rpc.into()), option)
            .await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(ControlRequest::PreVote(rpc.into()), option)
            .await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: RaftSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + openraft::OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let covered = snapshot.meta.last_log_id;
        tokio::select! {
            sent = snapshot::send(&self.peer, vote, snapshot) => match sent {
                Ok(answer) => {
                    if let Some(covered) = covered.filter(|_| answer == vote) {
                        self.peer.acknowledged.note(vote.leader_id.term, covered);
                    }
                    Ok(SnapshotResponse::new(answer))
                }
                Err(error) => {
                    tracing::warn!(peer = self.peer.id, %error, "snapshot not sent");
                    Err(StreamingError::Unreachable(Unreachable::new(&error)))
                }
            },
            closed = cancel => Err(StreamingError::Closed(closed)),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let handing_over = Reign::of(request.from_leader());
        let elections = &self.peer.shared.elections;
        elections.handed_over(handing_over, std::time::Instant::now());
        let request = ControlRequest::Transfer(request.into());
        match self.peer.control(request, option.soft_ttl()).await {
            Ok(ControlReply::Transfer(reply)) => Ok(match reply {
                TransferReply::Accepted => Ok(()),
                TransferReply::VoteChanged { expected, actual } => {
                    Err(TransferLeaderError::VoteChanged {
                        expected: expected.into(),
                        actual: actual.into(),
                    })
                }
                TransferReply::LogNotFlushed { expected, actual } => {
                    Err(TransferLeaderError::LogNotFlushed {
                        expected: expected.map(Into::into),
                        actual: actual.map(Into::into),
                    })
                }
            }),
            Ok(_) => Err(broken(&io::ErrorKind::InvalidData.into())),
            Err(error) => Err(unreachable(&error)),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        // A refused connection costs little: a member that comes back is noticed soon.
        let pauses = [20, 50, 100].into_iter().chain(std::iter::repeat(200));
        Some(Backoff::new(pauses.map(Duration::from_millis)))
    }
}

impl Network {
    /// The append connection: the one at hand, or a new one.
    async fn lane(&mut self) -> io::Result<AppendLane> {
        if let Some(lane) = self.lane.take() {
            return Ok(lane);
        }
        let dialing = self.dialing.get_or_insert_with(|| {
            let peer = Arc::clone(&self.peer);
            AbortOnDropHandle::new(tokio::spawn(
                async move { peer.connect(Channel::Append).await },
            ))
        });
        let dialed = dialing.await;
        self.dialing = None;
        dialed.map_err(io::Error::other)?
    }

    async fn ask_vote(
        &self,
        request: ControlRequest,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        match self.peer.control(request, option.soft_ttl()).await {
            Ok(ControlReply::Vote(reply)) => Ok(reply.into()),
            Ok(ControlReply::Removed { by }) => {
                let dismissal = &self.peer.shared.dismissal;
                dismissal.send_replace(Some(Verdict::Removed { by }));
                Err(unreachable(&removed()))
            }
            Ok(_) => Err(broken(&io::ErrorKind::InvalidData.into())),
            Err(error) => Err(unreachable(&error)),
        }
    }
}
