//! One connection to one member: opening it, and what is known of it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tarpc::{ClientMessage, Response, client};
use tokio::net::TcpStream;

use crate::{
    api::{ControlClient, DataClient},
    error::Error,
    transport::{
        self, Connection, Hello, HelloReply, Limits, MAX_HANDSHAKE_BYTES, MAX_REPLY_BYTES, Service,
        Welcome, Wire, context_until, exchange, framed, reframe,
    },
    types::MemberStatus,
};

/// How many requests may wait for the connection's task before a caller waits.
const REQUEST_BUFFER: usize = 1024;

/// How many bytes of requests may wait for a member that takes none before further requests wait
/// outside, where their deadlines are not watched.
const WRITE_BUFFER: usize = 16 * 1024 * 1024;

/// A live connection to a member's data service.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) data: DataClient,
    about: Arc<About>,
}

struct About {
    address: String,
    limits: Limits,
    leads: bool,
    closed: AtomicBool,
    answers: AtomicU64,
}

impl Link {
    /// Connects to the member at an address, with a greeting to its data service.
    ///
    /// # Errors
    /// See [`connect`].
    pub(super) async fn open(
        address: &str,
        hello: Hello,
        timeout: Duration,
    ) -> Result<(Self, Welcome), Error> {
        let (mut connection, welcome) = connect(address, hello, timeout).await?;
        connection.set_backpressure_boundary(WRITE_BUFFER);
        connection
            .codec_mut()
            .limit_sent(usize::try_from(welcome.limits.max_request_bytes).unwrap_or(usize::MAX));
        let client::NewClient {
            client: data,
            dispatch,
        } = DataClient::new(client_config(), connection);
        let about = Arc::new(About {
            address: address.to_owned(),
            limits: welcome.limits,
            leads: welcome
                .leader
                .as_ref()
                .is_some_and(|leader| leader.id == welcome.node_id),
            closed: AtomicBool::new(false),
            answers: AtomicU64::new(0),
        });
        let closing = Arc::clone(&about);
        tokio::spawn(async move {
            let ended = dispatch.await;
            closing.closed.store(true, Ordering::Release);
            if let Err(error) = ended {
                tracing::debug!(%error, "connection lost");
            }
        });
        Ok((Self { data, about }, welcome))
    }

    /// Whether both are the same connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.about, &other.about)
    }

    /// The address it was opened to.
    pub(super) fn address(&self) -> &str {
        &self.about.address
    }

    /// What the member accepts.
    pub(super) fn limits(&self) -> &Limits {
        &self.about.limits
    }

    /// Whether the member led when it greeted.
    pub(super) fn leads(&self) -> bool {
        self.about.leads
    }

    /// Whether it broke, or was given up.
    pub(super) fn is_closed(&self) -> bool {
        self.about.closed.load(Ordering::Acquire)
    }

    /// Gives it up: requests under way may still be answered, new ones go elsewhere.
    pub(super) fn close(&self) {
        self.about.closed.store(true, Ordering::Release);
    }

    /// How many answers came over it.
    pub(super) fn answers(&self) -> u64 {
        self.about.answers.load(Ordering::Relaxed)
    }

    /// An answer came over it.
    pub(super) fn answered(&self) {
        self.about.answers.fetch_add(1, Ordering::Relaxed);
    }
}

fn client_config() -> client::Config {
    let mut config = client::Config::default();
    // The server bounds what runs at once; here nothing is held back.
    config.max_in_flight_requests = usize::MAX;
    config.pending_request_buffer = REQUEST_BUFFER;
    config
}

/// Opens a connection and shakes hands.
///
/// # Errors
/// [`Error::Unreachable`] without an answer, [`Error::Incompatible`] if the member refuses this
/// client, [`Error::Overloaded`] if it has no room.
async fn connect<Req, Resp>(
    address: &str,
    hello: Hello,
    timeout: Duration,
) -> Result<(Connection<Response<Resp>, ClientMessage<Req>>, Welcome), Error>
where
    Response<Resp>: Wire,
    ClientMessage<Req>: Wire,
{
    let opened = tokio::time::timeout(timeout, async {
        let socket = TcpStream::connect(address).await?;
        transport::tune(&socket)?;
        let mut connection: Connection<HelloReply, Hello> = framed(socket, MAX_HANDSHAKE_BYTES);
        let reply = exchange(&mut connection, hello).await?;
        Ok::<_, io::Error>((connection, reply))
    })
    .await;
    match opened {
        Err(_) => Err(Error::Unreachable {
            reason: format!("no answer within {timeout:?}"),
        }),
        Ok(Err(error)) => Err(Error::Unreachable {
            reason: transport::in_words(&error),
        }),
        Ok(Ok((_, HelloReply::Refused { message }))) => Err(Error::Incompatible { message }),
        Ok(Ok((
            _,
            HelloReply::Busy {
                message,
                retry_after,
            },
        ))) => Err(Error::Overloaded {
            reason: message,
            retry_after,
        }),
        Ok(Ok((connection, HelloReply::Welcome(welcome)))) => {
            Ok((reframe(connection, MAX_REPLY_BYTES), welcome))
        }
    }
}

/// A connection to the control service of the member at an address.
///
/// # Errors
/// See [`connect`].
pub(super) async fn control(address: &str, timeout: Duration) -> Result<ControlClient, Error> {
    let hello = Hello::new(Service::Control, true);
    let (connection, _) = connect(address, hello, timeout).await?;
    Ok(ControlClient::new(client_config(), connection).spawn())
}

/// See [`Client::status_of`](crate::Client::status_of).
pub(super) async fn status_of(address: &str, timeout: Duration) -> Result<MemberStatus, Error> {
    let deadline = Instant::now() + timeout;
    control(address, timeout)
        .await?
        .status(context_until(deadline))
        .await
        .map_err(|error| Error::Unreachable {
            reason: error.to_string(),
        })?
}
