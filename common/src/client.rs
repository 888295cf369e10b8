//! A client that needs one address and finds the rest.
//!
//! It connects to any member, learns the others and the leader from the handshake, and sends what
//! it is asked to the leader, over one connection that all clones of the [`Client`] share. When
//! that connection breaks or the member says that it no longer leads, the next request looks for
//! the leader anew. A leader that cannot be reached from here (another network) is reached through
//! a member that forwards.
//!
//! **What is sent again.** A request that certainly had no effect is sent again until its deadline.
//! A read is sent again after a broken connection, too. A write whose answer was cut off is not: it
//! ends in [`Error::OutcomeUnknown`], because a second attempt could undo what others wrote since.

mod route;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tarpc::{client::RpcError, context};

use crate::{
    error::Error,
    transport::{Limits, context_until},
    types::{
        Consistency, CountReply, CountRequest, CreateNamespaceRequest, DeleteNamespaceReply,
        DeleteNamespaceRequest, DeletePrefixRequest, DeleteReply, DeleteRequest,
        DescribeNamespaceRequest, GetReply, GetRequest, ListNamespacesRequest, ListReply,
        ListRequest, MAX_KEY_BYTES, Member, MemberStatus, NamespaceInfo, PutReply, PutRequest,
    },
};
use route::{Link, Router};

/// The first pause before a request is sent again; doubled each time up to [`MAX_BACKOFF`].
const MIN_BACKOFF: Duration = Duration::from_millis(2);

/// The longest pause before a request is sent again.
const MAX_BACKOFF: Duration = Duration::from_millis(100);

/// How a [`Client`] finds the cluster and how long it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Addresses (`host:port`) of members; one that answers is enough.
    pub endpoints: Vec<String>,
    /// How long a request may take, attempts and pauses included.
    pub timeout: Duration,
    /// How long one connection attempt may take, handshake included.
    pub connect_timeout: Duration,
}

impl ClientConfig {
    /// These endpoints, 5 s for a request, 1 s for a connection attempt.
    pub fn new<I>(endpoints: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
        }
    }
}

/// Whether a request changes anything, and what it may read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Read(Consistency),
}

/// A connection to a cluster. Cheap to clone; clones share one connection, on which requests of
/// many tasks run side by side.
#[derive(Clone)]
pub struct Client {
    router: Arc<Router>,
    timeout: Duration,
}

impl Client {
    /// Connects to one of the endpoints.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if none answers, [`Error::Incompatible`] if one refuses this client.
    pub async fn connect(config: ClientConfig) -> Result<Self, Error> {
        let timeout = config.timeout;
        let router = Router::new(config);
        router.start().await?;
        Ok(Self {
            router: Arc::new(router),
            timeout,
        })
    }

    /// The same connection with another time for each request.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            router: Arc::clone(&self.router),
            timeout,
        }
    }

    /// The members of the cluster, as the member asked last knew them.
    pub fn members(&self) -> Vec<Member> {
        self.router.members()
    }

    /// The configured endpoints, and the client addresses of all members known.
    pub fn addresses(&self) -> Vec<String> {
        self.router.addresses()
    }

    /// Stores a value under a key.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn put(&self, request: PutRequest) -> Result<PutReply, Error> {
        let (key, value) = (request.key.len(), request.value.len());
        self.call(Kind::Write, move |link, context| {
            let request = request.clone();
            async move {
                check_size(&link.limits, key, Some(value))?;
                Ok(link.data.put(context, request).await)
            }
        })
        .await
    }

    /// Reads one key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, request: GetRequest) -> Result<GetReply, Error> {
        let key = request.key.len();
        self.call(Kind::Read(request.consistency), move |link, context| {
            let request = request.clone();
            async move {
                check_size(&link.limits, key, None)?;
                Ok(link.data.get(context, request).await)
            }
        })
        .await
    }

    /// Deletes the keys named, as one atomic operation.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn delete(&self, request: DeleteRequest) -> Result<DeleteReply, Error> {
        self.call(Kind::Write, move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.delete(context, request).await) }
        })
        .await
    }

    /// Deletes every key that begins with a prefix, as one atomic operation.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn delete_prefix(&self, request: DeletePrefixRequest) -> Result<DeleteReply, Error> {
        self.call(Kind::Write, move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.delete_prefix(context, request).await) }
        })
        .await
    }

    /// Lists keys in order, a page at a time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(&self, request: ListRequest) -> Result<ListReply, Error> {
        self.call(Kind::Read(request.consistency), move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.list(context, request).await) }
        })
        .await
    }

    /// Counts the keys with a prefix.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count(&self, request: CountRequest) -> Result<CountReply, Error> {
        self.call(Kind::Read(request.consistency), move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.count(context, request).await) }
        })
        .await
    }

    /// Creates a namespace.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NamespaceExists`] if there is one of this name.
    pub async fn create_namespace(
        &self,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        self.call(Kind::Write, move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.create_namespace(context, request).await) }
        })
        .await
    }

    /// Describes one namespace.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NamespaceNotFound`] if there is none of this name.
    pub async fn describe_namespace(
        &self,
        request: DescribeNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        self.call(Kind::Read(request.consistency), move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.describe_namespace(context, request).await) }
        })
        .await
    }

    /// All namespaces, ordered by name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_namespaces(
        &self,
        request: ListNamespacesRequest,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        self.call(Kind::Read(request.consistency), move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.list_namespaces(context, request).await) }
        })
        .await
    }

    /// Deletes a namespace and all its keys.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn delete_namespace(
        &self,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        self.call(Kind::Write, move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.delete_namespace(context, request).await) }
        })
        .await
    }

    /// Asks the member at one address for its state, over a connection of its own. `timeout`
    /// covers the connection and the answer.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unreachable`] if it does not answer in time.
    pub async fn status_of(address: &str, timeout: Duration) -> Result<MemberStatus, Error> {
        route::status_of(address, timeout).await
    }

    /// Runs one request until it has an answer, or an error that a further attempt cannot mend, or
    /// the time is over.
    async fn call<T, F, Fut>(&self, kind: Kind, attempt: F) -> Result<T, Error>
    where
        F: Fn(Link, context::Context) -> Fut,
        Fut: Future<Output = Result<Result<Result<T, Error>, RpcError>, Error>>,
    {
        let timeout = self.timeout;
        let deadline = Instant::now() + timeout;
        let mut backoff = MIN_BACKOFF;
        let mut last = None;
        loop {
            let routed = match tokio::time::timeout_at(
                deadline.into(),
                self.router
                    .link(matches!(kind, Kind::Read(Consistency::Stale))),
            )
            .await
            {
                Ok(routed) => routed,
                Err(_) => {
                    return Err(last.map_or(Error::DeadlineExceeded { timeout }, |last| {
                        in_the_end(last, timeout)
                    }));
                }
            };
            let error = match routed {
                Err(error) => error,
                Ok(link) => {
                    let context = context_until(deadline);
                    match attempt(link.clone(), context).await? {
                        Ok(Ok(reply)) => return Ok(reply),
                        Ok(Err(Error::NotLeader { leader })) => {
                            self.router.follow(&link, leader.as_ref());
                            Error::NotLeader { leader }
                        }
                        Ok(Err(error)) => error,
                        Err(broken) => {
                            if !matches!(broken, RpcError::DeadlineExceeded) {
                                self.router.forget(&link);
                            }
                            match (interrupted(kind, &broken, timeout), &last) {
                                // What was seen before says more than the clock does.
                                (Error::DeadlineExceeded { .. }, Some(last)) => {
                                    return Err(in_the_end(last.clone(), timeout));
                                }
                                (error, _) => error,
                            }
                        }
                    }
                }
            };
            if !error.is_retryable() || matches!(error, Error::DeadlineExceeded { .. }) {
                return Err(error);
            }
            let pause = match &error {
                Error::Overloaded { retry_after, .. } => (*retry_after).max(backoff),
                // The next attempt knows where to go.
                Error::NotLeader { leader: Some(_) } if last.is_none() => Duration::ZERO,
                _ => backoff,
            };
            if Instant::now() + pause >= deadline {
                return Err(in_the_end(error, timeout));
            }
            tokio::time::sleep(pause).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
            last = Some(error);
        }
    }
}

/// The error to end with when the time for further attempts is over.
fn in_the_end(last: Error, timeout: Duration) -> Error {
    match last {
        Error::NotLeader { .. } => Error::NoLeader {
            reason: format!("no member led with a majority for {timeout:?}"),
        },
        other => other,
    }
}

/// What a request that got no answer from its connection means to the caller.
fn interrupted(kind: Kind, error: &RpcError, timeout: Duration) -> Error {
    match (kind, error) {
        (Kind::Write, RpcError::DeadlineExceeded) => Error::OutcomeUnknown {
            reason: format!("no answer within {timeout:?}"),
        },
        (Kind::Write, error) => Error::OutcomeUnknown {
            reason: format!("the connection to the member broke ({error})"),
        },
        (Kind::Read(_), RpcError::DeadlineExceeded) => Error::DeadlineExceeded { timeout },
        (Kind::Read(_), error) => Error::Unreachable {
            reason: error.to_string(),
        },
    }
}

/// Refuses what the server would refuse, before it is sent: a frame beyond the server's limit costs
/// the whole connection.
fn check_size(limits: &Limits, key: usize, value: Option<usize>) -> Result<(), Error> {
    let too_large = |what: &str, size: usize, limit: u64, setting: &str| {
        Err(Error::TooLarge {
            what: what.to_owned(),
            size: size as u64,
            limit,
            setting: setting.to_owned(),
        })
    };
    if key > MAX_KEY_BYTES {
        return too_large("key", key, MAX_KEY_BYTES as u64, "fixed");
    }
    match value {
        Some(size) if size as u64 > limits.max_value_bytes => {
            too_large("value", size, limits.max_value_bytes, "--max-value-bytes")
        }
        _ => Ok(()),
    }
}
