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
//! - A frame's length is checked against the limit before anything is allocated for it.

use std::{
    io,
    marker::PhantomData,
    sync::OnceLock,
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, BytesMut};
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, Request, Response, ServerError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::codec::{Decoder, Encoder, Framed, FramedParts};

use crate::types::{Leader, Member, NodeId};

/// The version of the protocol this program speaks. It changes when an old peer would
/// misunderstand a new one.
pub const PROTOCOL_VERSION: u32 = 1;

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
    /// The client program and its version, for the server's log.
    pub program: String,
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
}

/// A frame of one handshake or service message, on the wire.
///
/// `In` is what this end receives, `Out` what it sends.
pub struct MessageCodec<In, Out> {
    max_in: usize,
    types: PhantomData<fn(Out) -> In>,
}

impl<In, Out> MessageCodec<In, Out> {
    /// A codec that refuses to receive frames of more than `max_in` bytes.
    pub fn new(max_in: usize) -> Self {
        Self {
            max_in,
            types: PhantomData,
        }
    }
}

/// A message with a form on the wire.
pub trait Wire: Sized {
    /// Appends the message to `buffer`.
    ///
    /// # Errors
    /// If the message cannot be encoded; the buffer then holds garbage behind its former end.
    fn write(&self, buffer: &mut BytesMut) -> io::Result<()>;

    /// Reads a message from exactly these bytes.
    ///
    /// # Errors
    /// If they are not such a message.
    fn read(bytes: &[u8]) -> io::Result<Self>;
}

/// Encodes with postcard at the end of `buffer`.
///
/// # Errors
/// If the value cannot be encoded.
pub fn write_postcard<T: Serialize>(value: &T, buffer: &mut BytesMut) -> io::Result<()> {
    postcard::to_io(value, buffer.writer())
        .map(drop)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Decodes with postcard; bytes left over are an error.
///
/// # Errors
/// If the bytes are not such a value.
pub fn read_postcard<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> io::Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} bytes behind the end of a message", rest.len()),
        )),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

macro_rules! wire_as_postcard {
    ($($message:ty),+) => {$(
        impl Wire for $message {
            fn write(&self, buffer: &mut BytesMut) -> io::Result<()> {
                write_postcard(self, buffer)
            }
            fn read(bytes: &[u8]) -> io::Result<Self> {
                read_postcard(bytes)
            }
        }
    )+};
}
wire_as_postcard!(Hello, HelloReply);

/// [`ClientMessage`] as it travels: with a time-out instead of an instant, without trace context.
#[derive(Serialize, Deserialize)]
enum WireRequest<T> {
    Request {
        id: u64,
        timeout_ms: u64,
        message: T,
    },
    Cancel {
        id: u64,
    },
}

impl<T: Serialize + DeserializeOwned> Wire for ClientMessage<T> {
    fn write(&self, buffer: &mut BytesMut) -> io::Result<()> {
        let wire = match self {
            ClientMessage::Request(request) => {
                let timeout = request
                    .context
                    .deadline
                    .saturating_duration_since(Instant::now());
                WireRequest::Request {
                    id: request.id,
                    // Rounded up: a deadline that has not passed must not arrive as zero.
                    timeout_ms: u64::try_from(timeout.as_micros().div_ceil(1000))
                        .unwrap_or(u64::MAX),
                    message: &request.message,
                }
            }
            ClientMessage::Cancel { request_id, .. } => WireRequest::Cancel { id: *request_id },
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "a tarpc message of an unknown kind",
                ));
            }
        };
        write_postcard(&wire, buffer)
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        Ok(match read_postcard(bytes)? {
            WireRequest::Request {
                id,
                timeout_ms,
                message,
            } => {
                let timeout = Duration::from_millis(timeout_ms).min(MAX_TIMEOUT);
                let context = context_until(Instant::now() + timeout);
                ClientMessage::Request(Request {
                    context,
                    id,
                    message,
                })
            }
            WireRequest::Cancel { id } => ClientMessage::Cancel {
                trace_context: tarpc::trace::Context::default(),
                request_id: id,
            },
        })
    }
}

/// A context of a deadline and nothing else. tarpc's own constructor asks the tracing machinery for
/// the span of each request, which nobody reads here.
pub(crate) fn context_until(deadline: Instant) -> tarpc::context::Context {
    static BLANK: OnceLock<tarpc::context::Context> = OnceLock::new();
    let mut context = *BLANK.get_or_init(tarpc::context::current);
    context.deadline = deadline;
    context
}

#[derive(Serialize, Deserialize)]
struct WireResponse<T> {
    id: u64,
    message: Result<T, ServerError>,
}

impl<T: Serialize + DeserializeOwned> Wire for Response<T> {
    fn write(&self, buffer: &mut BytesMut) -> io::Result<()> {
        write_postcard(
            &WireResponse {
                id: self.request_id,
                message: self.message.as_ref().map_err(Clone::clone),
            },
            buffer,
        )
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        let wire: WireResponse<T> = read_postcard(bytes)?;
        Ok(Response {
            request_id: wire.id,
            message: wire.message,
        })
    }
}

impl<In: Wire, Out> Decoder for MessageCodec<In, Out> {
    type Item = In;
    type Error = io::Error;

    fn decode(&mut self, source: &mut BytesMut) -> io::Result<Option<In>> {
        let Some(head) = source.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > self.max_in {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a frame of {length} bytes exceeds the limit of {} bytes",
                    self.max_in
                ),
            ));
        }
        if source.len() < 4 + length {
            source.reserve(4 + length - source.len());
            return Ok(None);
        }
        let message = In::read(&source[4..4 + length]);
        source.advance(4 + length);
        message.map(Some)
    }
}

impl<In, Out: Wire> Encoder<Out> for MessageCodec<In, Out> {
    type Error = io::Error;

    fn encode(&mut self, message: Out, buffer: &mut BytesMut) -> io::Result<()> {
        let start = buffer.len();
        buffer.put_u32(0);
        message.write(buffer)?;
        let length = u32::try_from(buffer.len() - start - 4)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a frame beyond 4 GiB"))?;
        buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// A connection that carries messages.
pub type Connection<In, Out> = Framed<TcpStream, MessageCodec<In, Out>>;

/// Sets what every socket of ours wants: no delay for small frames, and keep-alive, so that a peer
/// that vanished is noticed.
///
/// # Errors
/// If the operating system refuses an option.
pub fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE)
        .with_retries(2);
    socket2::SockRef::from(socket).set_tcp_keepalive(&keepalive)
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::{DataRequest, DataResponse};
    use crate::types::PutRequest;

    type ServerEnd = MessageCodec<ClientMessage<DataRequest>, Response<DataResponse>>;
    type ClientEnd = MessageCodec<Response<DataResponse>, ClientMessage<DataRequest>>;

    fn put(timeout: Duration) -> ClientMessage<DataRequest> {
        let context = context_until(Instant::now() + timeout);
        ClientMessage::Request(Request {
            context,
            id: 7,
            message: DataRequest::Put {
                request: PutRequest::new("default", "k", "v"),
            },
        })
    }

    #[test]
    fn a_request_survives_the_wire_in_any_fragmentation() {
        let mut bytes = BytesMut::new();
        ClientEnd::new(1024)
            .encode(put(Duration::from_secs(5)), &mut bytes)
            .unwrap();
        for cut in 0..bytes.len() {
            let mut server = ServerEnd::new(1024);
            let mut received = BytesMut::from(&bytes[..cut]);
            assert!(server.decode(&mut received).unwrap().is_none());
            received.extend_from_slice(&bytes[cut..]);
            let Some(ClientMessage::Request(request)) = server.decode(&mut received).unwrap()
            else {
                panic!("not a request");
            };
            assert_eq!(request.id, 7);
            let DataRequest::Put { request } = request.message else {
                panic!("not a put");
            };
            assert_eq!(request, PutRequest::new("default", "k", "v"));
            assert!(received.is_empty());
        }
    }

    #[test]
    fn an_absurd_deadline_is_clamped() {
        let mut bytes = BytesMut::new();
        write_postcard(
            &WireRequest::Request {
                id: 1,
                timeout_ms: u64::MAX,
                message: DataRequest::Put {
                    request: PutRequest::new("default", "k", "v"),
                },
            },
            &mut bytes,
        )
        .unwrap();
        let ClientMessage::Request(request) = ClientMessage::<DataRequest>::read(&bytes).unwrap()
        else {
            panic!("not a request");
        };
        assert!(request.context.deadline <= Instant::now() + MAX_TIMEOUT);
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_before_it_is_read() {
        let mut head = BytesMut::from(&1025u32.to_be_bytes()[..]);
        let error = ServerEnd::new(1024).decode(&mut head).err().unwrap();
        assert!(
            error
                .to_string()
                .contains("1025 bytes exceeds the limit of 1024")
        );
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut framed = BytesMut::new();
            framed.put_u32(bytes.len() as u32);
            framed.extend_from_slice(&bytes);
            let _ = ServerEnd::new(1024).decode(&mut framed);
            let _ = Hello::read(&bytes);
            let _ = HelloReply::read(&bytes);
        }
    }
}
