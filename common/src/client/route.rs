//! Where requests go: finding members, following the leader, and the one connection in use.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use tarpc::{ClientMessage, Response, client};
use tokio::net::TcpStream;

use crate::{
    api::{ControlClient, DataClient},
    client::ClientConfig,
    error::Error,
    transport::{
        self, Connection, Hello, HelloReply, Limits, MAX_HANDSHAKE_BYTES, MAX_REPLY_BYTES, Service,
        Welcome, Wire, context_until, exchange, framed, reframe,
    },
    types::{Leader, Member, MemberStatus},
};

/// How many requests may wait for the connection's task before a caller waits.
const REQUEST_BUFFER: usize = 1024;

/// How long a connection that forwards is used before the leader is looked for again.
const FORWARD_FOR: Duration = Duration::from_secs(1);

/// A live connection to a member's data service.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) data: DataClient,
    pub(super) limits: Limits,
    leads: bool,
    opened: Instant,
    /// Also its identity: two links are the same if they share it.
    closed: Arc<AtomicBool>,
}

impl Link {
    fn is(&self, other: &Link) -> bool {
        Arc::ptr_eq(&self.closed, &other.closed)
    }

    fn usable(&self, stale: bool) -> bool {
        !self.closed.load(Ordering::Acquire)
            && (self.leads || stale || self.opened.elapsed() < FORWARD_FOR)
    }
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    /// A connection to whichever member answered, for stale reads while there is no leader.
    any: Option<Link>,
    leader: Option<Leader>,
    members: Vec<Member>,
    /// Whether any member has ever answered: then a moment without any is a restart to wait out.
    reached: bool,
}

pub(super) struct Router {
    config: ClientConfig,
    state: Mutex<State>,
    /// Held while looking for the leader, so that many waiting requests look once.
    search: tokio::sync::Mutex<()>,
}

impl Router {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            state: Mutex::default(),
            search: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn members(&self) -> Vec<Member> {
        self.state().members.clone()
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        let mut all = self.config.endpoints.clone();
        for member in &self.state().members {
            if !all.contains(&member.client_address) {
                all.push(member.client_address.clone());
            }
        }
        all
    }

    /// Makes the first contact. A cluster without a leader is no error here: requests wait for one.
    pub(super) async fn start(&self) -> Result<(), Error> {
        match self.link(true).await {
            Ok(_) | Err(Error::NoLeader { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A connection for the next request: to the leader, or with `stale` to any member.
    pub(super) async fn link(&self, stale: bool) -> Result<Link, Error> {
        if let Some(link) = self.current(stale) {
            return Ok(link);
        }
        let _one_at_a_time = self.search.lock().await;
        if let Some(link) = self.current(stale) {
            return Ok(link);
        }
        self.search(stale).await
    }

    fn current(&self, stale: bool) -> Option<Link> {
        let state = self.state();
        let found = state.link.as_ref().filter(|link| link.usable(stale));
        match found {
            None if stale => state.any.clone().filter(|link| link.usable(true)),
            found => found.cloned(),
        }
    }

    /// The member said that another one leads.
    pub(super) fn follow(&self, link: &Link, leader: Option<&Leader>) {
        let mut state = self.state();
        state.leader = leader.cloned();
        if state.link.as_ref().is_some_and(|current| current.is(link)) {
            state.any = state.link.take();
        }
    }

    /// The connection is broken.
    pub(super) fn forget(&self, link: &Link) {
        link.closed.store(true, Ordering::Release);
        let mut state = self.state();
        if state.link.as_ref().is_some_and(|current| current.is(link)) {
            state.link = None;
            state.leader = None;
        }
    }

    /// Boxed: rare, and long; requests carry its room with them otherwise.
    fn search(&self, stale: bool) -> BoxFuture<'_, Result<Link, Error>> {
        Box::pin(self.look_for_leader(stale))
    }

    async fn look_for_leader(&self, stale: bool) -> Result<Link, Error> {
        let mut candidates = self.addresses();
        if let Some(leader) = self.state().leader.clone() {
            candidates.retain(|address| *address != leader.address);
            candidates.insert(0, leader.address);
        }
        let mut refused = Vec::new();
        let mut leaderless = None;
        let mut unreachable_leader = None;
        let mut tried: Vec<String> = Vec::new();
        // Grows while it is walked: a member that answers may name a leader not tried yet.
        let mut next = 0;
        while next < candidates.len() {
            let address = candidates[next].clone();
            next += 1;
            if tried.contains(&address) {
                continue;
            }
            tried.push(address.clone());
            let (link, welcome) = match self.dial(&address, true).await {
                Ok(connected) => connected,
                Err(error @ Error::Incompatible { .. }) => return Err(error),
                Err(error) => {
                    refused.push(format!("{address}: {}", reason(&error)));
                    continue;
                }
            };
            let mut state = self.state();
            state.reached = true;
            if !welcome.members.is_empty() {
                state.members.clone_from(&welcome.members);
            }
            match welcome.leader {
                Some(leader) if leader.id == welcome.node_id => {
                    let link = Link {
                        leads: true,
                        ..link
                    };
                    state.leader = Some(leader);
                    state.link = Some(link.clone());
                    state.any = None;
                    return Ok(link);
                }
                Some(leader) => {
                    state.any = Some(link.clone());
                    state.leader = Some(leader.clone());
                    if stale {
                        return Ok(link);
                    }
                    if tried.contains(&leader.address) {
                        unreachable_leader.get_or_insert((address, leader));
                    } else {
                        candidates.insert(next, leader.address.clone());
                        unreachable_leader.get_or_insert((address, leader));
                    }
                }
                None => {
                    state.any = Some(link.clone());
                    if stale {
                        return Ok(link);
                    }
                    leaderless = Some(address);
                }
            }
            drop(state);
            for member in welcome.members {
                if !candidates.contains(&member.client_address) {
                    candidates.push(member.client_address);
                }
            }
        }
        if let Some((through, _leader)) = unreachable_leader {
            // A majority follows a leader that this client cannot reach: let a member forward.
            let (link, _) = self.dial(&through, false).await?;
            self.state().link = Some(link.clone());
            return Ok(link);
        }
        if let Some(address) = leaderless {
            return Err(Error::NoLeader {
                reason: format!("{address} knows no leader"),
            });
        }
        let reason = refused.join("; ");
        if self.state().reached {
            Err(Error::NoLeader { reason })
        } else {
            Err(Error::Unreachable { reason })
        }
    }

    async fn dial(&self, address: &str, follow_leader: bool) -> Result<(Link, Welcome), Error> {
        let hello = Hello::new(Service::Data, follow_leader);
        let (connection, welcome) = connect(address, hello, self.config.connect_timeout).await?;
        let client::NewClient { client, dispatch } = DataClient::new(client_config(), connection);
        let closed = Arc::new(AtomicBool::new(false));
        let closing = closed.clone();
        tokio::spawn(async move {
            let ended = dispatch.await;
            closing.store(true, Ordering::Release);
            if let Err(error) = ended {
                tracing::debug!(%error, "connection lost");
            }
        });
        let link = Link {
            data: client,
            limits: welcome.limits,
            leads: false,
            opened: Instant::now(),
            closed,
        };
        Ok((link, welcome))
    }
}

fn client_config() -> client::Config {
    let mut config = client::Config::default();
    // The server bounds what runs at once and says so; here nothing is held back.
    config.max_in_flight_requests = usize::MAX;
    config.pending_request_buffer = REQUEST_BUFFER;
    config
}

fn reason(error: &Error) -> String {
    match error {
        Error::Unreachable { reason } => reason.clone(),
        error => error.to_string(),
    }
}

/// What went wrong, without the number that the operating system has for it.
fn in_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Opens a connection and shakes hands.
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
        Ok::<_, std::io::Error>((connection, reply))
    })
    .await;
    match opened {
        Err(_) => Err(Error::Unreachable {
            reason: format!("no answer within {timeout:?}"),
        }),
        Ok(Err(error)) => Err(Error::Unreachable {
            reason: in_words(&error),
        }),
        Ok(Ok((_, HelloReply::Refused { message }))) => Err(Error::Incompatible { message }),
        Ok(Ok((connection, HelloReply::Welcome(welcome)))) => {
            Ok((reframe(connection, MAX_REPLY_BYTES), welcome))
        }
    }
}

/// See [`Client::status_of`](crate::Client::status_of).
pub(super) async fn status_of(address: &str, timeout: Duration) -> Result<MemberStatus, Error> {
    let deadline = Instant::now() + timeout;
    let hello = Hello::new(Service::Control, true);
    let (connection, _) = connect(address, hello, timeout).await?;
    let client = ControlClient::new(client_config(), connection).spawn();
    let context = context_until(deadline);
    client
        .status(context)
        .await
        .map_err(|error| Error::Unreachable {
            reason: error.to_string(),
        })?
}
