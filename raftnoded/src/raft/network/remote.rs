//! Another member as this one calls it: connections, and what its answers tell.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use common::transport::{Connection, Wire, exchange};
use openraft::{
    errors::{NetworkError, RPCError, Unreachable},
    raft::{StreamAppendError, StreamAppendResult},
};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};

use super::{
    Me,
    acknowledged::{Acknowledged, Ledger, Loss},
    addresses::Addresses,
};
use crate::raft::{
    codec::{Appended, NoRoom},
    elections::Elections,
    machine::Progress,
    peer::{self, Answer, Channel, ControlReply, ControlRequest, Greeting, Purpose},
    room::Room,
    standing::{Dismissal, Verdict},
    transfers::Transfers,
    types::{LogId, MemberInfo, TypeConfig},
};

/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_millis(500);

/// How often the same refusal is logged.
const REFUSAL_EVERY: Duration = Duration::from_secs(10);

/// Another member, and what all calls to it share.
pub(super) struct Peer {
    pub(super) me: Me,
    pub(super) id: u64,
    /// As the membership had it at first; the address may have changed since.
    pub(super) info: MemberInfo,
    control: Mutex<Option<Connection<ControlReply, ControlRequest>>>,
    /// Whether it answered when it was last called.
    reachable: AtomicBool,
    /// When a refusal was last logged.
    refused: std::sync::Mutex<Option<Instant>>,
    /// What it last said of its room: a [`Level`](crate::disk::Level) as a number.
    level: Arc<AtomicU8>,
    /// What it has acknowledged.
    pub(super) acknowledged: Arc<Acknowledged>,
    /// What all calls to all members share.
    pub(super) shared: Arc<Shared>,
}

/// What all calls to all members share.
pub(in crate::raft) struct Shared {
    /// One snapshot leaves this member at a time.
    pub(super) sending: Semaphore,
    pub(super) room: Arc<Room>,
    pub(super) transfers: Transfers,
    pub(super) progress: Arc<Progress>,
    addresses: Addresses,
    /// Where it is noted who says that this member was removed.
    pub(super) dismissal: Dismissal,
    pub(super) elections: Elections,
    ledger: Ledger,
}

impl Shared {
    pub(in crate::raft) fn new(
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
    /// A member as the membership has it.
    pub(super) fn new(me: Me, id: u64, info: MemberInfo, shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            me,
            id,
            info,
            control: Mutex::new(None),
            reachable: AtomicBool::new(true),
            refused: std::sync::Mutex::new(None),
            level: shared.room.of(id),
            acknowledged: shared.ledger.of(id),
            shared: Arc::clone(shared),
        })
    }

    pub(super) async fn connect<In: Wire, Out: Wire>(
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
    /// far it has the log. openraft must not hear of a log that went back: see [`super::acknowledged`].
    pub(super) fn heard(
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
    pub(super) async fn control(
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

pub(super) fn removed() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "this member was removed from the cluster",
    )
}

pub(super) fn unreachable(error: &io::Error) -> RPCError<TypeConfig> {
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

pub(super) fn broken(error: &io::Error) -> RPCError<TypeConfig> {
    RPCError::Network(NetworkError::new(error))
}
