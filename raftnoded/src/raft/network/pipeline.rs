//! Append requests on one connection, a few of them ahead of their answers.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Sink, Stream, StreamExt, stream::Fuse};
use openraft::{
    RPCTypes,
    errors::{RPCError, Timeout},
    raft::{AppendEntriesRequest, StreamAppendResult},
};
use tokio::time::{Instant, Sleep};

use super::remote::{Peer, broken};
use crate::raft::{codec::Append, peer::AppendLane, types::TypeConfig};

/// How long a request may stay unanswered before its connection is given up: a follower's disk may
/// be slow, but a connection that a partition swallowed never answers.
const STALLED: Duration = Duration::from_secs(2);

/// Requests out, answers in, on one connection, a few requests ahead.
pub(super) struct Pipeline<'s, S> {
    /// Nothing after an error.
    lane: Option<AppendLane>,
    /// Where the connection goes when every request was answered.
    home: &'s mut Option<AppendLane>,
    input: Fuse<S>,
    unanswered: usize,
    /// The term of the requests: a stream is one leader's.
    term: u64,
    limit: usize,
    stalled: Pin<Box<Sleep>>,
    peer: &'s Arc<Peer>,
}

impl<'s, S> Pipeline<'s, S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    /// Requests to `peer`, at most `limit` of them unanswered. The connection goes back
    /// `home` if all went well.
    pub(super) fn new(
        lane: AppendLane,
        home: &'s mut Option<AppendLane>,
        input: S,
        limit: usize,
        peer: &'s Arc<Peer>,
    ) -> Self {
        Self {
            lane: Some(lane),
            home,
            input: input.fuse(),
            unanswered: 0,
            term: 0,
            limit,
            stalled: Box::pin(tokio::time::sleep(STALLED)),
            peer,
        }
    }

    /// Sends what there is to send, as far as the limit and the socket allow.
    fn poll_send(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(lane) = &mut self.lane else {
            return Ok(());
        };
        while self.unanswered < self.limit {
            match Pin::new(&mut *lane).poll_ready(context) {
                Poll::Ready(result) => result?,
                Poll::Pending => break,
            }
            let Poll::Ready(Some(request)) = self.input.poll_next_unpin(context) else {
                break;
            };
            self.term = request.vote.leader_id.term;
            Pin::new(&mut *lane).start_send(Append(request))?;
            if self.unanswered == 0 {
                self.stalled.as_mut().reset(Instant::now() + STALLED);
            }
            self.unanswered += 1;
        }
        match Pin::new(lane).poll_flush(context) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }
}

impl<S> Stream for Pipeline<'_, S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    type Item = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.lane.is_none() {
            return Poll::Ready(None);
        }
        if let Err(error) = this.poll_send(context) {
            this.lane = None;
            return Poll::Ready(Some(Err(broken(&error))));
        }
        if this.unanswered == 0 {
            if this.input.is_done() {
                *this.home = this.lane.take();
                return Poll::Ready(None);
            }
            // Nothing to wait for but more input, which `poll_send` has registered for.
            return Poll::Pending;
        }
        let Some(lane) = &mut this.lane else {
            return Poll::Ready(None);
        };
        match lane.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(answer))) => {
                this.unanswered -= 1;
                this.stalled.as_mut().reset(Instant::now() + STALLED);
                let result = this.peer.heard(this.term, answer);
                if !matches!(result, Ok(Ok(_))) {
                    // The member ends the connection after a refusal.
                    this.lane = None;
                }
                Poll::Ready(Some(result))
            }
            Poll::Ready(ended) => {
                this.lane = None;
                let error = match ended {
                    Some(Err(error)) => error,
                    _ => io::ErrorKind::UnexpectedEof.into(),
                };
                Poll::Ready(Some(Err(broken(&error))))
            }
            Poll::Pending => {
                ready!(this.stalled.as_mut().poll(context));
                this.lane = None;
                Poll::Ready(Some(Err(RPCError::Timeout(Timeout {
                    action: RPCTypes::AppendEntries,
                    id: this.peer.me.id,
                    target: this.peer.id,
                    timeout: STALLED,
                }))))
            }
        }
    }
}
