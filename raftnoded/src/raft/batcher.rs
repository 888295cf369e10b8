//! Gathers waiting writes into batches, one of which is under way at a time.
//!
//! While a batch is being replicated and synced, the next one fills: the more load, the larger the
//! batches, and the cost of a sync is shared by all writes in it. A second batch in flight would
//! double the syncs for nothing (measured: half the throughput of syncs, twice the p99).
//!
//! A write that waits may be withdrawn until it becomes part of a batch, and then certainly had no
//! effect: a leader that has lost its majority never finishes the batch under way, and what waits
//! behind it must not be written long after its caller has given up. A write that is part of a batch
//! is carried through even if its caller goes away: it may be in the log already.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::{errors::ClientWriteError, raft::WriteResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    ProposeError, RaftHandle,
    clock::Clock,
    room::Room,
    types::{Proposal, TypeConfig},
};
use crate::store::{self, Outcome, Rejection};

/// The most writes in one batch.
const MAX_BATCH: usize = 4096;

/// A batch is closed when its commands have this many bytes: followers receive it in one request.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// What a waiting write costs beside its command, about.
const OVERHEAD: usize = 256;

/// A waiting write is in memory as it came, for another member might have to carry it out, and as it
/// is to be replicated.
const COPIES: usize = 2;

/// Bytes of writes that may wait, in all. Beyond that a write is refused before it is queued.
const MAX_WAITING_BYTES: usize = 32 << 20;

type Answer = Result<Result<Outcome, Rejection>, ProposeError>;

/// A write that waits: what becomes of it is decided by whoever changes this first.
mod fate {
    pub(super) const WAITING: u8 = 0;
    pub(super) const PROPOSED: u8 = 1;
    pub(super) const WITHDRAWN: u8 = 2;
}

struct Waiting {
    command: Vec<u8>,
    answer: oneshot::Sender<Answer>,
    fate: Arc<AtomicU8>,
    _room: OwnedSemaphorePermit,
}

impl Waiting {
    /// Takes it into a batch; false if its caller has withdrawn it, or is gone.
    fn take(&self) -> bool {
        !self.answer.is_closed() && decide(&self.fate, fate::PROPOSED)
    }
}

fn decide(fate: &AtomicU8, decision: u8) -> bool {
    fate.compare_exchange(fate::WAITING, decision, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
}

/// The queue in front of the log.
#[derive(Clone)]
pub(super) struct Batcher {
    queue: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
}

impl Batcher {
    /// Starts the task that feeds a node. It ends when the last handle is dropped.
    pub(super) fn start(raft: RaftHandle, clock: Clock, room: Arc<Room>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(run(raft, clock, room, waiting));
        Self {
            queue,
            room: Arc::new(Semaphore::new(MAX_WAITING_BYTES)),
        }
    }

    /// Stamps a command with the time, proposes it and waits for what applying it gave, at most until a moment.
    ///
    /// # Errors
    /// [`ProposeError`]
    pub(super) async fn propose(&self, command: Vec<u8>, until: Instant) -> Answer {
        // The largest value takes all the room, but must not be refused for ever.
        let size = (command.len() * COPIES + OVERHEAD).min(MAX_WAITING_BYTES);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(size) else {
            return Err(ProposeError::Overloaded);
        };
        let (answer, reply) = oneshot::channel();
        let fate = Arc::new(AtomicU8::new(fate::WAITING));
        let waiting = Waiting {
            command,
            answer,
            fate: Arc::clone(&fate),
            _room: room,
        };
        if self.queue.send(waiting).is_err() {
            return Err(ProposeError::Stopped);
        }
        match tokio::time::timeout_at(until.into(), reply).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ProposeError::Unknown {
                reason: "the member stopped".to_owned(),
            }),
            Err(_) if decide(&fate, fate::WITHDRAWN) => Err(ProposeError::NoQuorum),
            Err(_) => Err(ProposeError::Unknown {
                reason: "no majority has confirmed it in time".to_owned(),
            }),
        }
    }
}

async fn run(
    raft: RaftHandle,
    clock: Clock,
    room: Arc<Room>,
    mut waiting: mpsc::UnboundedReceiver<Waiting>,
) {
    let mut batch = Vec::new();
    while let Some(first) = waiting.recv().await {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(write) = next {
            if write.take() {
                bytes += write.command.len();
                batch.push(write);
            }
            next = if batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
                waiting.try_recv().ok()
            } else {
                None
            };
        }
        // Much may have been let in while there was room.
        if let Err(no_room) = room.accepts(true) {
            for write in batch.drain(..) {
                let refused = ProposeError::NoRoom(no_room.clone());
                let _ = write.answer.send(Err(refused));
            }
        } else if !batch.is_empty() {
            write(&raft, clock.stamp(), mem::take(&mut batch)).await;
        }
    }
}

async fn write(raft: &RaftHandle, now: u64, batch: Vec<Waiting>) {
    let (commands, answers): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|mut waiting| {
            store::stamp(&mut waiting.command, now);
            let command = Bytes::from(waiting.command);
            (Proposal(command), (waiting.answer, waiting._room))
        })
        .unzip();
    match raft.client_write_many(commands).await {
        Ok(results) => deliver(results, answers).await,
        Err(_) => {
            for (answer, _) in answers {
                let _ = answer.send(Err(ProposeError::Stopped));
            }
        }
    }
}

/// Hands each write its result, in order. The results end early where the member stops.
async fn deliver<Fatal>(
    results: impl Stream<Item = Result<WriteResult<TypeConfig>, Fatal>> + Unpin,
    answers: Vec<(oneshot::Sender<Answer>, OwnedSemaphorePermit)>,
) {
    // What has ended must not be asked again.
    let mut results = results.fuse();
    for (answer, _room) in answers {
        let result = match results.next().await {
            Some(Ok(Ok(written))) => written.response.ok_or_else(|| ProposeError::Unknown {
                reason: "the entry was applied without a reply".to_owned(),
            }),
            Some(Ok(Err(error))) => Err(refused(error)),
            Some(Err(_)) | None => Err(ProposeError::Unknown {
                reason: "the member stopped".to_owned(),
            }),
        };
        // A caller that went away needs no answer.
        let _ = answer.send(result);
    }
}

fn refused(error: ClientWriteError<TypeConfig>) -> ProposeError {
    match error {
        // openraft answers this before it appends: nothing was written.
        ClientWriteError::ForwardToLeader(_) => ProposeError::NotLeader,
        error => ProposeError::Unknown {
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn writes_behind_the_end_of_the_results_learn_that_the_member_stopped() {
        let room = Arc::new(Semaphore::new(3));
        let (answers, replies): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| {
                let (answer, reply) = oneshot::channel();
                let permit = Arc::clone(&room).try_acquire_owned().unwrap();
                ((answer, permit), reply)
            })
            .unzip();
        // It panics when it is asked after its end, as the results of a stopped node do.
        let results = stream::unfold(false, async |over| (!over).then_some((Err(()), true)));
        deliver(Box::pin(results), answers).await;
        for reply in replies {
            let answer = reply.await.unwrap();
            assert!(matches!(answer, Err(ProposeError::Unknown { .. })));
        }
        assert_eq!(room.available_permits(), 3);
    }
}
