//! One connection of a client after the handshake: reading requests, writing replies, ending well.
//!
//! tarpc reads whatever comes and keeps replies until they can be written. Here nothing is read
//! while `limit` requests are unanswered, or while the client does not take its replies: what it
//! sends then waits in its own socket. A connection so holds at most `limit` requests or their
//! replies, and [`PENDING_REPLIES`] whose requests have expired meanwhile. A client that pipelines
//! more waits; no request is refused for it.
//!
//! Whether there is room for a write is decided by the task that carries it out. So after
//! [`BYTES_AT_A_TIME`] of requests their tasks come first: a flood that is to be refused is never in
//! memory as a whole.
//!
//! The number unanswered is tarpc's own: a request counts until its reply is handed to the socket,
//! it is cancelled, or its deadline passes. At the bound a client's cancellations are not read
//! either; deadlines pass all the same.
//!
//! A conversation that is told to stop reads nothing more, answers what it has read, and waits
//! until the client has the answers.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll},
};

use common::transport::{Connection, Wire};
use futures::{Sink, SinkExt, Stream, StreamExt};
use tarpc::{
    ChannelError, ClientMessage, Response,
    server::{BaseChannel, Channel, Config, InFlightRequest, Requests, TrackedRequest},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How many finished replies wait to be written, before the tasks wait that made them.
const PENDING_REPLIES: usize = 1024;

/// So many bytes of requests are read before those who carry them out have their turn.
const BYTES_AT_A_TIME: u64 = 64 << 10;

/// The requests of one connection, and the way for their replies.
pub(super) struct Conversation<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    requests: Pin<Box<Requests<Bounded<Req, Resp>>>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    stopped: bool,
    /// The bytes received when the tasks had their turn last.
    paused_at: u64,
}

impl<Req, Resp> Conversation<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    /// A conversation of at most `limit` requests at a time, until `stopping` is cancelled.
    pub(super) fn new(
        connection: Connection<ClientMessage<Req>, Response<Resp>>,
        limit: usize,
        stopping: CancellationToken,
    ) -> Self {
        let gate = Gate {
            connection,
            state: GateState::Open,
        };
        let config = Config {
            pending_response_buffer: PENDING_REPLIES,
        };
        let channel = Bounded {
            channel: BaseChannel::new(config, gate),
            limit,
            unwritten: false,
        };
        Self {
            requests: Box::pin(channel.requests()),
            stopping: Box::pin(stopping.cancelled_owned()),
            stopped: false,
            paused_at: 0,
        }
    }

    /// The next request; none when the client has hung up or the conversation has stopped, and all
    /// replies are written. Replies are written only while this is awaited.
    ///
    /// # Errors
    /// If the connection broke.
    pub(super) async fn next(
        &mut self,
    ) -> Result<Option<InFlightRequest<Req, Resp>>, ChannelError<io::Error>> {
        let received = self.requests.channel().transport().codec().received();
        if received - self.paused_at >= BYTES_AT_A_TIME {
            self.paused_at = received;
            tokio::task::yield_now().await;
        }
        poll_fn(|cx| self.poll_next(cx)).await.transpose()
    }

    #[expect(clippy::type_complexity, reason = "a stream's item, spelled out")]
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<InFlightRequest<Req, Resp>, ChannelError<io::Error>>>> {
        if let Poll::Ready(next) = self.requests.as_mut().poll_next(cx) {
            return Poll::Ready(next);
        }
        if self.stopped || self.stopping.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.stopped = true;
        let mut requests = self.requests.as_mut();
        requests.channel_pin_mut().gate().state = GateState::Ended;
        requests.poll_next(cx)
    }

    /// Ends the connection after the last reply, so that the client receives it: closing a socket
    /// that has unread bytes in it takes back what is still on its way.
    pub(super) async fn finish(mut self) {
        if self.stopped {
            let mut requests = self.requests.as_mut();
            let mut channel = requests.channel_pin_mut();
            let connection = &mut channel.gate().connection;
            if connection.close().await.is_ok() {
                while let Some(Ok(_)) = connection.next().await {}
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GateState {
    Open,
    /// Nothing is read for now. Whoever shuts the gate polls again when it is open.
    Shut,
    /// Nothing is read any more.
    Ended,
}

/// The connection, with a gate before its reading half.
struct Gate<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    connection: Connection<ClientMessage<Req>, Response<Resp>>,
    state: GateState,
}

impl<Req, Resp> Stream for Gate<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    type Item = io::Result<ClientMessage<Req>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.state {
            GateState::Open => self.connection.poll_next_unpin(cx),
            GateState::Shut => Poll::Pending,
            GateState::Ended => Poll::Ready(None),
        }
    }
}

impl<Req, Resp> Sink<Response<Resp>> for Gate<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, reply: Response<Resp>) -> io::Result<()> {
        self.connection.start_send_unpin(reply)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_close_unpin(cx)
    }
}

/// tarpc's channel, reading only as long as there is room.
struct Bounded<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    channel: BaseChannel<Req, Resp, Gate<Req, Resp>>,
    limit: usize,
    /// Whether replies wait for the client to take earlier ones.
    unwritten: bool,
}

impl<Req, Resp> Bounded<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    fn gate(&mut self) -> &mut Gate<Req, Resp> {
        Pin::new(&mut self.channel).get_pin_ref().get_mut()
    }

    fn is_full(&self) -> bool {
        self.unwritten || self.channel.in_flight_requests() >= self.limit
    }
}

impl<Req, Resp> Stream for Bounded<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    type Item = Result<TrackedRequest<Req>, ChannelError<io::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let full = self.is_full();
            let gate = self.gate();
            if gate.state != GateState::Ended {
                gate.state = if full {
                    GateState::Shut
                } else {
                    GateState::Open
                };
            }
            let next = self.channel.poll_next_unpin(cx);
            // Deadlines that passed in there have made room, and nothing else would wake this task.
            if next.is_ready() || !full || self.is_full() {
                return next;
            }
            if self.gate().state == GateState::Ended {
                return next;
            }
        }
    }
}

impl<Req, Resp> Sink<Response<Resp>> for Bounded<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    type Error = ChannelError<io::Error>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.channel.poll_ready_unpin(cx);
        if ready.is_pending() {
            self.unwritten = true;
        } else if self.unwritten {
            self.unwritten = false;
            // The reading half was turned away; it has to be asked again.
            cx.waker().wake_by_ref();
        }
        ready
    }

    fn start_send(mut self: Pin<&mut Self>, reply: Response<Resp>) -> Result<(), Self::Error> {
        self.channel.start_send_unpin(reply)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_close_unpin(cx)
    }
}

impl<Req, Resp> Channel for Bounded<Req, Resp>
where
    ClientMessage<Req>: Wire,
    Response<Resp>: Wire,
{
    type Req = Req;
    type Resp = Resp;
    type Transport = Connection<ClientMessage<Req>, Response<Resp>>;

    fn config(&self) -> &Config {
        self.channel.config()
    }

    fn in_flight_requests(&self) -> usize {
        self.channel.in_flight_requests()
    }

    fn transport(&self) -> &Self::Transport {
        &self.channel.transport().connection
    }
}

#[cfg(test)]
mod tests;
