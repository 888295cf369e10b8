//! The network between simulated members: late, lossy, cut in one direction or both.
//!
//! Messages of one connection keep their order, as those of TCP do; those of different ones overtake
//! each other. Nothing is delivered twice. What is lost is noticed at once, as a connection that is
//! reset, or never, as one to a machine that is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt, future::Either};
use openraft::{
    OptionalSend,
    base::{BoxFuture, BoxStream},
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{Backoff, RPCOption, RaftNetworkFactory, v2::RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
        StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse, VoteRequest,
        VoteResponse,
    },
};
use rand::RngExt;
use tokio::sync::oneshot;

use super::{
    plan::Sabotage,
    world::{Event, Inner, World},
};
use crate::raft::{
    machine::SnapshotData,
    types::{MemberInfo, Payload, Proposal, TypeConfig, Vote},
};

type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotData>;

/// Append requests that may be unanswered on one connection.
const IN_FLIGHT: usize = 2;

/// After so many milliseconds the loss of a message is noticed at the latest.
const GIVEN_UP: u64 = 5_000;

/// How long a snapshot may take.
const SNAPSHOT: Duration = Duration::from_secs(10);

/// What one member asks another.
pub(super) enum Request {
    Append(AppendEntriesRequest<TypeConfig>),
    PreVote(VoteRequest<TypeConfig>),
    Vote(VoteRequest<TypeConfig>),
    Transfer(TransferLeaderRequest<TypeConfig>),
    Snapshot(Vote, RaftSnapshot),
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(request) => {
                let id = |id: Option<crate::raft::types::LogId>| {
                    id.map(|id| (id.committed_leader_id().term, id.index()))
                };
                let (term, entries) = (request.vote.leader_id.term, request.entries.len());
                let (before, commit) = (id(request.prev_log_id), id(request.leader_commit));
                write!(
                    f,
                    "append in {term}: {entries} after {before:?}, committed {commit:?}"
                )
            }
            Self::PreVote(request) => write!(f, "pre-vote {request}"),
            Self::Vote(request) => write!(f, "vote {request}"),
            Self::Transfer(request) => write!(f, "transfer to {}", request.to_node_id()),
            Self::Snapshot(vote, snapshot) => {
                write!(f, "snapshot of {vote} at {:?}", snapshot.meta.last_log_id)
            }
        }
    }
}

/// What the other one replies.
#[derive(Debug)]
pub(super) enum Reply {
    Append(StreamAppendResult<TypeConfig>),
    Vote(VoteResponse<TypeConfig>),
    Transfer(TransferLeaderResponse<TypeConfig>),
    Snapshot(SnapshotResponse<TypeConfig>),
}

type Waiting = oneshot::Sender<io::Result<Reply>>;

/// A request on its way.
pub(super) struct Message {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) request: Request,
    pub(super) answer: Waiting,
}

/// A reply on its way, or the news that there is none.
pub(super) struct Returned {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) reply: io::Result<Reply>,
    pub(super) answer: Waiting,
}

/// The state of the network.
pub(super) struct Links {
    /// Pairs (from, to) that nothing passes.
    pub(super) cut: BTreeSet<(u64, u64)>,
    /// Messages lost of a thousand.
    pub(super) loss: u32,
    /// The longest time a message takes, in milliseconds.
    pub(super) slowest: u64,
    /// When the last message of a connection arrives.
    connections: BTreeMap<u64, u64>,
    opened: u64,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            cut: BTreeSet::new(),
            loss: 0,
            slowest: Self::USUAL,
            connections: BTreeMap::new(),
            opened: 0,
        }
    }
}

impl Links {
    /// The longest time a message takes when nothing is wrong, in milliseconds.
    pub(super) const USUAL: u64 = 6;
}

impl Inner {
    /// Whether the network loses a message on this way.
    pub(super) fn loses(&mut self, from: u64, to: u64) -> bool {
        let loss = self.links.loss;
        self.links.cut.contains(&(from, to)) || (loss > 0 && self.rng.random_ratio(loss, 1000))
    }

    /// How long a message takes, or another one to be missed.
    fn delay(&mut self) -> u64 {
        let slowest = self.links.slowest;
        self.rng.random_range(1..=slowest)
    }

    fn send(&mut self, connection: u64, message: Message) {
        if self.loses(message.from, message.to) {
            self.fail(message, io::ErrorKind::ConnectionReset);
            return;
        }
        let at = self.now() + self.delay();
        let last = self.links.connections.entry(connection).or_default();
        *last = at.max(*last);
        let at = *last;
        self.schedule_at(at, Event::Deliver(message));
    }

    /// A message does not arrive: its sender hears of it, or waits in vain.
    pub(super) fn fail(&mut self, message: Message, kind: io::ErrorKind) {
        let after = if kind == io::ErrorKind::ConnectionReset && self.rng.random_bool(0.5) {
            GIVEN_UP
        } else {
            self.delay()
        };
        let Message {
            from, to, answer, ..
        } = message;
        self.schedule(
            after,
            Event::Return(Returned {
                from: to,
                to: from,
                reply: Err(kind.into()),
                answer,
            }),
        );
    }

    /// A member replies.
    pub(super) fn reply(&mut self, from: u64, to: u64, reply: io::Result<Reply>, answer: Waiting) {
        let (reply, after) = if self.loses(from, to) {
            (Err(io::ErrorKind::ConnectionReset.into()), GIVEN_UP)
        } else {
            (reply, self.delay())
        };
        let returned = Returned {
            from,
            to,
            reply,
            answer,
        };
        self.schedule(after, Event::Return(returned));
    }
}

/// Makes the clients through which openraft talks to other members.
pub(super) struct Factory {
    pub(super) node: u64,
    pub(super) world: Arc<World>,
}

impl RaftNetworkFactory<TypeConfig> for Factory {
    type Network = Network;

    async fn new_client(&mut self, target: u64, _: &MemberInfo) -> Network {
        let connection = self.world.with(|inner| {
            inner.links.opened += 1;
            inner.links.opened
        });
        Network {
            from: self.node,
            to: target,
            connection,
            world: Arc::clone(&self.world),
        }
    }
}

/// A connection to one member.
#[derive(Clone)]
pub(super) struct Network {
    from: u64,
    to: u64,
    connection: u64,
    world: Arc<World>,
}

impl Network {
    async fn call(&self, mut request: Request, patience: Duration) -> io::Result<Reply> {
        let (answer, reply) = oneshot::channel();
        let (from, to) = (self.from, self.to);
        self.world.with(|inner| {
            if inner.plan.sabotage == Some(Sabotage::EntriesAreForged) {
                forge(inner, &mut request);
            }
            let message = Message {
                from,
                to,
                request,
                answer,
            };
            inner.send(self.connection, message);
        });
        match tokio::time::timeout(patience, reply).await {
            Ok(Ok(reply)) => reply,
            // The other process ended.
            Ok(Err(_)) => Err(io::ErrorKind::ConnectionReset.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn append(
        &self,
        request: AppendEntriesRequest<TypeConfig>,
        option: &RPCOption,
    ) -> Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>> {
        let request = Request::Append(request);
        match self.call(request, option.soft_ttl()).await {
            Ok(Reply::Append(result)) => Ok(result),
            Ok(_) => Err(broken(&io::ErrorKind::InvalidData.into())),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn ask_vote(
        &self,
        request: Request,
        option: &RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        match self.call(request, option.soft_ttl()).await {
            Ok(Reply::Vote(response)) => Ok(response),
            Ok(_) => Err(broken(&io::ErrorKind::InvalidData.into())),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Changes the last command of a request, now and then.
fn forge(inner: &mut Inner, request: &mut Request) {
    if let Request::Append(append) = request
        && let Some(entry) = append.entries.last_mut()
        && let Payload::Normal(proposal) = &mut entry.payload
        && inner.rng.random_ratio(1, 100)
    {
        let mut bytes = proposal.0.to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 2;
        }
        *proposal = Proposal(bytes.into());
    }
}

fn broken(error: &io::Error) -> RPCError<TypeConfig> {
    RPCError::Network(NetworkError::new(error))
}

/// As the real network tells it: nobody there, or nothing heard.
fn failed(error: &io::Error) -> RPCError<TypeConfig> {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        RPCError::Unreachable(Unreachable::new(error))
    } else {
        broken(error)
    }
}

impl RaftNetworkV2<TypeConfig> for Network {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let result = self.append(request, &option).await?;
        Ok(match result {
            Ok(matching) => AppendEntriesResponse::PartialSuccess(matching),
            Err(StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
            Err(StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>,
            RPCError<TypeConfig>,
        >,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let network = self.clone();
        let calls = input.map(move |request| {
            let (network, option) = (network.clone(), option.clone());
            async move { network.append(request, &option).await }
        });
        // It ends with the first answer that is no success.
        let answers = futures::stream::unfold(
            Some(Box::pin(calls.buffered(IN_FLIGHT))),
            |answers| async move {
                let mut answers = answers?;
                let next = answers.next().await?;
                let goes_on = matches!(next, Ok(Ok(_)));
                Some((next, goes_on.then_some(answers)))
            },
        );
        let answers: BoxStream<'s, _> = Box::pin(answers);
        Box::pin(std::future::ready(Ok(answers)))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(Request::Vote(request), &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(Request::PreVote(request), &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: RaftSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let sent = pin!(self.call(Request::Snapshot(vote, snapshot), SNAPSHOT));
        match futures::future::select(sent, pin!(cancel)).await {
            Either::Left((Ok(Reply::Snapshot(response)), _)) => Ok(response),
            Either::Left((Ok(_), _)) => Err(StreamingError::Unreachable(Unreachable::new(
                &io::Error::from(io::ErrorKind::InvalidData),
            ))),
            Either::Left((Err(error), _)) => {
                Err(StreamingError::Unreachable(Unreachable::new(&error)))
            }
            Either::Right((closed, _)) => Err(StreamingError::Closed(closed)),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        match self
            .call(Request::Transfer(request), option.soft_ttl())
            .await
        {
            Ok(Reply::Transfer(response)) => Ok(response),
            Ok(_) => Err(broken(&io::ErrorKind::InvalidData.into())),
            Err(error) => Err(failed(&error)),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        let pauses = [20, 50, 100].into_iter().chain(std::iter::repeat(200));
        Some(Backoff::new(pauses.map(Duration::from_millis)))
    }
}
