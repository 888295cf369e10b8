//! The calling side of the traffic between members, as openraft wants it.
//!
//! Entries and heartbeats each have a connection per member that stays open between calls; votes
//! and transfers share one; a snapshot opens its own. Append requests are pipelined: a few may be
//! on their way before the first is answered, and answers come in order.

pub(super) mod acknowledged;
pub(super) mod addresses;
mod pipeline;
mod remote;
mod snapshot;

use std::{collections::HashMap, future::Future, io, sync::Arc, time::Duration};

use futures::{SinkExt, Stream, StreamExt};
use openraft::{
    base::{BoxFuture, BoxStream},
    errors::{RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{Backoff, RPCOption, RaftNetworkFactory, v2::RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
        StreamAppendResult, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
        VoteRequest, VoteResponse,
    },
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    codec::Append,
    elections::Reign,
    machine::SnapshotData,
    peer::{AppendLane, Channel, ControlReply, ControlRequest, TransferReply},
    standing::Verdict,
    types::{MemberInfo, TypeConfig, Vote},
};
use pipeline::Pipeline;
pub(super) use remote::Shared;
use remote::{Peer, broken, removed, unreachable};

type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotData>;

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
                let peer = Peer::new(self.me, target, node.clone(), &self.shared);
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
