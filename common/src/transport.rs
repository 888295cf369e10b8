//! Framing, handshake and limits, for both ends of a connection.
//!
//! A frame is a length (`u32`, big-endian) and as many bytes of postcard. A connection begins with
//! one [`Hello`] from the client and one [`HelloReply`] from the server; after that it carries
//! tarpc messages of the service that was asked for.
//!
//! Two things differ from tarpc's own serde transport, both because the bytes come from outside:
//!
//! - A request carries its time-out in milliseconds and it is clamped to [`MAX_TIMEOUT`] while it
//!   is decoded: tarpc adds the time-out to the current instant and registers it in a timer wheel,
//!   and both panic on absurd values.
//! - A frame's length is checked against the limit before anything is allocated for it. Where the
//!   other side's limit is known, a frame beyond it is not sent at all: it would cost the whole
//!   connection.

mod codec;

use std::{io, time::Duration};

use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::codec::{Framed, FramedParts};

use crate::types::{Leader, Member, NodeId};

pub(crate) use codec::context_until;
pub use codec::{MessageCodec, OversizedMessage, Wire, read_postcard, write_postcard};

/// The version of the protocol this program speaks. It changes when an old peer would
/// misunderstand a new one.
pub const PROTOCOL_VERSION: u32 = 4;

/// The longest time a request may ask for.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// The longest handshake frame, in bytes; nothing larger is read from a stranger.
pub const MAX_HANDSHAKE_BYTES: usize = 64 * 1024;

/// The longest frame a client accepts from a server. A server keeps its replies near 1 MiB, beyond
/// that only a single large value makes one longer.
pub const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// How many bytes of messages are gathered before they are written to the socket.
const WRITE_BOUNDARY: usize = 128 * 1024;

/// Two of these in a row unanswered, and a peer that vanished without a word is given up.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A peer that took none of the bytes sent to it for this long is given up. Without it the kernel
/// goes on for a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Which service a connection serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Service {
    /// [`crate::api::Data`]
    Data,
    /// [`crate::api::Control`]
    Control,
}

/// The first frame of a connection, from the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`Hello::MAGIC`]: tells a raftnode client from anything else that found the port.
    pub magic: u32,
    /// [`PROTOCOL_VERSION`] of the client.
    pub protocol: u32,
    /// The service wanted.
    pub service: Service,
    /// Answer `NotLeader` instead of forwarding: the client goes to the leader by itself.
    pub follow_leader: bool,
    /// Answer when there is a leader, instead of at once.
    pub await_leader: Option<AwaitLeader>,
    /// The client program and its version, for the server's log.
    pub program: String,
}

/// What went wrong, without the number that the operating system has for it.
pub fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A client that looks for the leader while one is being elected: it is answered in the moment in
/// which there is one, and so needs not ask again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitLeader {
    /// How long to wait; the member may answer sooner.
    pub patience: Duration,
    /// The address of a leader that is none any more: the client could not reach it.
    pub other_than: Option<String>,
}

impl Hello {
    /// "RNC1".
    pub const MAGIC: u32 = 0x524e_4331;

    /// A greeting of this program's protocol version.
    pub fn new(service: Service, follow_leader: bool) -> Self {
        Self {
            magic: Self::MAGIC,
            protocol: PROTOCOL_VERSION,
            service,
            follow_leader,
            await_leader: None,
            program: format!("raftnode {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// The server's limits, so that a client can refuse early and name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The longest key, in bytes.
    pub max_key_bytes: u64,
    /// The longest value, in bytes: `--max-value-bytes`.
    pub max_value_bytes: u64,
    /// The longest request frame, in bytes.
    pub max_request_bytes: u64,
}

/// The server's answer when it serves the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`PROTOCOL_VERSION`] of the server.
    pub protocol: u32,
    /// The cluster, as 32 hexadecimal digits; empty while it is being formed.
    pub cluster_id: String,
    /// The member that answers; 0 while the cluster is being formed.
    pub node_id: NodeId,
    /// The leader this member knows.
    pub leader: Option<Leader>,
    /// The members this member knows.
    pub members: Vec<Member>,
    /// What the server accepts.
    pub limits: Limits,
}

/// The server's answer to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HelloReply {
    /// Served.
    Welcome(Welcome),
    /// Not served; why, and what to do.
    Refused {
        /// For a person to read.
        message: String,
    },
    /// Not served now, because the member serves as many connections as it accepts. Others of the
    /// cluster may have room.
    Busy {
        /// Which bound was reached, for a person to read.
        message: String,
        /// How long to wait before the next attempt at this member.
        retry_after: Duration,
    },
}

/// A connection that carries messages.
pub type Connection<In, Out> = Framed<TcpStream, MessageCodec<In, Out>>;

/// Sets what every socket of ours wants: no delay for small frames, and keep-alive, so that a peer
/// that vanished is noticed, also (on Linux) while bytes for it are under way.
///
/// # Errors
/// If the operating system refuses an option.
pub fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE)
        .with_retries(2);
    let socket = socket2::SockRef::from(socket);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.set_tcp_keepalive(&keepalive)
}

/// Frames a stream.
pub fn framed<S, In, Out>(stream: S, max_in: usize) -> Framed<S, MessageCodec<In, Out>>
where
    S: AsyncRead + AsyncWrite,
{
    let mut framed = Framed::new(stream, MessageCodec::new(max_in));
    framed.set_backpressure_boundary(WRITE_BOUNDARY);
    framed
}

/// Goes on with other message types on the same connection; bytes already read are kept.
pub fn reframe<S, A, B, In, Out>(
    old: Framed<S, MessageCodec<A, B>>,
    max_in: usize,
) -> Framed<S, MessageCodec<In, Out>>
where
    S: AsyncRead + AsyncWrite,
    B: Wire,
    Out: Wire,
{
    let old = old.into_parts();
    let mut parts = FramedParts::new::<Out>(old.io, MessageCodec::new(max_in));
    parts.read_buf = old.read_buf;
    parts.write_buf = old.write_buf;
    let mut framed = Framed::from_parts(parts);
    framed.set_backpressure_boundary(WRITE_BOUNDARY);
    framed
}

/// Sends one frame and waits for the one that answers it: a handshake, from the side that opens.
///
/// # Errors
/// If the connection breaks, or ends before the answer.
pub async fn exchange<S, In, Out>(
    framed: &mut Framed<S, MessageCodec<In, Out>>,
    message: Out,
) -> io::Result<In>
where
    S: AsyncRead + AsyncWrite + Unpin,
    In: Wire,
    Out: Wire,
{
    framed.send(message).await?;
    framed.next().await.unwrap_or_else(|| {
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed during the handshake",
        ))
    })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
