//! How messages are put into frames and taken out of them.

use std::{
    io,
    marker::PhantomData,
    sync::OnceLock,
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, Request, Response, ServerError};
use tokio_util::codec::{Decoder, Encoder};

use super::{Hello, HelloReply, MAX_TIMEOUT, PROTOCOL_VERSION};

/// A message that was not sent, because the other side would not accept its frame and would close
/// the connection over it. Found inside the [`io::Error`] of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {size} bytes exceeds the limit of {limit} bytes")]
pub struct OversizedMessage {
    /// Its size in bytes.
    pub size: usize,
    /// The limit in bytes.
    pub limit: usize,
}

/// A frame of one handshake or service message, on the wire.
///
/// `In` is what this end receives, `Out` what it sends.
pub struct MessageCodec<In, Out> {
    max_in: usize,
    max_out: usize,
    received: u64,
    types: PhantomData<fn(Out) -> In>,
}

impl<In, Out> MessageCodec<In, Out> {
    /// A codec that refuses to receive frames of more than `max_in` bytes.
    pub fn new(max_in: usize) -> Self {
        Self {
            max_in,
            max_out: u32::MAX as usize,
            received: 0,
            types: PhantomData,
        }
    }

    /// Refuses from now on to send messages of more than `max_out` bytes, with
    /// [`OversizedMessage`]. The connection stays usable after a refusal.
    pub fn limit_sent(&mut self, max_out: usize) {
        self.max_out = max_out.min(u32::MAX as usize);
    }

    /// The bytes of all frames received so far.
    pub fn received(&self) -> u64 {
        self.received
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

/// Makes messages travel as postcard of themselves.
#[macro_export]
macro_rules! wire_as_postcard {
    ($($message:ty),+ $(,)?) => {$(
        impl $crate::transport::Wire for $message {
            fn write(&self, buffer: &mut ::bytes::BytesMut) -> ::std::io::Result<()> {
                $crate::transport::write_postcard(self, buffer)
            }
            fn read(bytes: &[u8]) -> ::std::io::Result<Self> {
                $crate::transport::read_postcard(bytes)
            }
        }
    )+};
}
wire_as_postcard!(HelloReply);

/// The fields that there are stay as they are, and later versions append theirs: whatever the version,
/// the greeting is understood well enough to be refused with words.
impl Wire for Hello {
    fn write(&self, buffer: &mut BytesMut) -> io::Result<()> {
        write_postcard(self, buffer)
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        match postcard::take_from_bytes::<Self>(bytes) {
            Ok((hello, _)) if hello.protocol > PROTOCOL_VERSION => Ok(hello),
            _ => read_postcard(bytes),
        }
    }
}

/// [`ClientMessage`] as it travels: with a time-out instead of an instant, without trace context.
#[derive(Serialize, Deserialize)]
pub(super) enum WireRequest<T> {
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
        self.received += 4 + length as u64;
        message.map(Some)
    }
}

impl<In, Out: Wire> Encoder<Out> for MessageCodec<In, Out> {
    type Error = io::Error;

    fn encode(&mut self, message: Out, buffer: &mut BytesMut) -> io::Result<()> {
        let start = buffer.len();
        buffer.put_u32(0);
        let written = message.write(buffer).and_then(|()| {
            let size = buffer.len() - start - 4;
            let limit = self.max_out;
            match u32::try_from(size) {
                Ok(length) if size <= limit => Ok(length),
                _ => Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    OversizedMessage { size, limit },
                )),
            }
        });
        match written {
            Ok(length) => buffer[start..start + 4].copy_from_slice(&length.to_be_bytes()),
            // What was written before stands as it was: the next message goes behind that.
            Err(_) => buffer.truncate(start),
        }
        written.map(drop)
    }
}
