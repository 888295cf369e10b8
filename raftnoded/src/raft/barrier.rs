//! Linearizable reads: the read index of Raft (Ongaro's dissertation, section 6.4), one round of
//! the quorum for all reads that wait at that moment.
//!
//! A read that arrives while a round is under way must wait for the next one: the round may have
//! been answered before the read began.

use openraft::{
    errors::{LinearizableReadError, RaftError},
    raft::ReadPolicy,
};
use tokio::sync::{mpsc, oneshot};

use super::{RaftHandle, ReadError};

type Waiting = oneshot::Sender<Result<(), ReadError>>;

/// The queue in front of the quorum.
#[derive(Clone)]
pub(super) struct Barrier {
    queue: mpsc::UnboundedSender<Waiting>,
}

impl Barrier {
    /// Starts the task that asks the quorum. It ends when the last handle is dropped.
    pub(super) fn start(raft: RaftHandle) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(run(raft, waiting));
        Self { queue }
    }

    /// When it returns, this member led after the call began, and its state holds all that was
    /// acknowledged before the call.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) async fn wait(&self) -> Result<(), ReadError> {
        let (passed, wait) = oneshot::channel();
        if self.queue.send(passed).is_err() {
            return Err(ReadError::Stopped);
        }
        wait.await.unwrap_or(Err(ReadError::Stopped))
    }
}

async fn run(raft: RaftHandle, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
    let mut round = Vec::new();
    while waiting.recv_many(&mut round, usize::MAX).await > 0 {
        let result = match raft.ensure_linearizable(ReadPolicy::ReadIndex).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(_))) => {
                Err(ReadError::NotLeader)
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(ReadError::NoQuorum)
            }
            Err(RaftError::Fatal(_)) => Err(ReadError::Stopped),
        };
        for passed in round.drain(..) {
            // A caller that went away needs no answer.
            let _ = passed.send(result.clone());
        }
    }
}
