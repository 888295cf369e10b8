//! A connection to one member and no other.
//!
//! The client of `common` goes to the leader by itself. Only a connection that asks not to be told
//! of the leader proves that a follower forwards, and only one that stays with its member shows
//! what that member has.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Error,
    api::DataClient,
    transport::{
        Connection, Hello, HelloReply, MAX_HANDSHAKE_BYTES, MAX_REPLY_BYTES, Service, Welcome,
        exchange, framed, reframe, tune,
    },
    types::{
        Consistency, CountReply, CountRequest, DeleteReply, DeleteRequest, GetReply, GetRequest,
        ListReply, ListRequest, PutReply, PutRequest,
    },
};
use tarpc::{client, context};
use tokio::net::TcpStream;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to one member's data service.
#[derive(Clone)]
pub(crate) struct Direct {
    /// For requests that have no method here.
    pub(crate) data: DataClient,
    /// What the member said when it was greeted.
    pub(crate) welcome: Welcome,
    timeout: Duration,
}

/// A context whose deadline is `timeout` away.
pub(crate) fn within(timeout: Duration) -> context::Context {
    let mut context = context::current();
    context.deadline = Instant::now() + timeout;
    context
}

impl Direct {
    /// Connects and shakes hands. With `follow_leader` the member answers `NotLeader` instead of
    /// forwarding.
    pub(crate) async fn open(address: &str, follow_leader: bool) -> io::Result<Self> {
        let (connection, reply) = greet(address, Hello::new(Service::Data, follow_leader)).await?;
        let HelloReply::Welcome(welcome) = reply else {
            return Err(io::Error::other(format!("{reply:?}")));
        };
        let connection = reframe(connection, MAX_REPLY_BYTES);
        Ok(Self {
            data: DataClient::new(client::Config::default(), connection).spawn(),
            welcome,
            timeout: TIMEOUT,
        })
    }

    /// With another time-out for each request.
    pub(crate) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) async fn put(
        &self,
        namespace: &str,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<PutReply, Error> {
        let request = PutRequest::new(namespace, key, value);
        answer(self.data.put(within(self.timeout), None, request).await)
    }

    pub(crate) async fn get(
        &self,
        namespace: &str,
        key: impl Into<Bytes>,
        consistency: Consistency,
    ) -> Result<GetReply, Error> {
        let request = GetRequest::new(namespace, key, consistency);
        answer(self.data.get(within(self.timeout), request).await)
    }

    pub(crate) async fn delete(&self, namespace: &str, key: &str) -> Result<DeleteReply, Error> {
        let keys = vec![Bytes::copy_from_slice(key.as_bytes())];
        let request = DeleteRequest::new(namespace, keys);
        answer(self.data.delete(within(self.timeout), None, request).await)
    }

    pub(crate) async fn list(&self, request: ListRequest) -> Result<ListReply, Error> {
        answer(self.data.list(within(self.timeout), request).await)
    }

    pub(crate) async fn count(
        &self,
        namespace: &str,
        consistency: Consistency,
    ) -> Result<CountReply, Error> {
        let request = CountRequest {
            namespace: namespace.to_owned(),
            prefix: Bytes::new(),
            consistency,
        };
        answer(self.data.count(within(self.timeout), request).await)
    }
}

/// A broken connection leaves the outcome unknown, as the client of `common` says it, too.
pub(crate) fn answer<T>(answered: Result<Result<T, Error>, client::RpcError>) -> Result<T, Error> {
    answered.unwrap_or_else(|broken| {
        Err(Error::OutcomeUnknown {
            reason: format!("no answer: {broken}"),
        })
    })
}

/// Sends any greeting and returns what the member says to it.
pub(crate) async fn greet(
    address: &str,
    hello: Hello,
) -> io::Result<(Connection<HelloReply, Hello>, HelloReply)> {
    let exchanged = tokio::time::timeout(Duration::from_secs(10), async {
        let socket = TcpStream::connect(address).await?;
        tune(&socket)?;
        let mut connection: Connection<HelloReply, Hello> = framed(socket, MAX_HANDSHAKE_BYTES);
        let reply = exchange(&mut connection, hello).await?;
        Ok((connection, reply))
    });
    exchanged
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
