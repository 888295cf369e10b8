//! A client that needs one address and finds the rest.
//!
//! It connects to any member, learns the others and the leader from the handshake, and sends what
//! it is asked to the leader, over one connection that all clones of the [`Client`] share. When
//! that connection breaks, falls silent, or the member says that it no longer leads, the next
//! request looks for the leader anew. A leader that cannot be reached from here (another network)
//! is reached through a member that forwards, until it can be.
//!
//! **What is sent again.** A request that certainly had no effect is sent again until its deadline.
//! A read is sent again after a broken connection, too. A write whose answer was cut off is not: it
//! ends in [`Error::OutcomeUnknown`], because a second attempt could undo what others wrote since.

mod call;
mod link;
mod route;
mod search;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use crate::{
    error::Error,
    types::{
        CountReply, CountRequest, CreateNamespaceRequest, DeleteNamespaceReply,
        DeleteNamespaceRequest, DeletePrefixRequest, DeleteReply, DeleteRequest,
        DescribeNamespaceRequest, GetReply, GetRequest, ListNamespacesRequest, ListReply,
        ListRequest, Member, MemberStatus, NamespaceInfo, PutReply, PutRequest,
    },
};
use call::{Kind, check_entry, check_keys};
use route::Router;

/// How a [`Client`] finds the cluster and how long it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Addresses (`host:port`) of members; one that answers is enough.
    pub endpoints: Vec<String>,
    /// How long a request may take, attempts and pauses included.
    pub timeout: Duration,
    /// How long one connection attempt may take, handshake included.
    pub connect_timeout: Duration,
    /// For a member that passes requests on. It makes one attempt, for it looks for the leader
    /// itself before the next; and it never asks another member to pass a request on: they could
    /// send it in circles.
    pub relay: bool,
}

impl ClientConfig {
    /// These endpoints, 5 s for a request, 1 s for a connection attempt, as a program wants it.
    pub fn new<I>(endpoints: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
            relay: false,
        }
    }
}

/// A connection to a cluster. Cheap to clone; clones share one connection, on which requests of
/// many tasks run side by side.
#[derive(Clone)]
pub struct Client {
    router: Arc<Router>,
    timeout: Duration,
}

impl Client {
    /// Connects to one of the endpoints, within [`ClientConfig::timeout`] in all.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if none answers, [`Error::Overloaded`] if those that answer have no
    /// room for a connection, [`Error::Incompatible`] if they refuse this client.
    pub async fn connect(config: ClientConfig) -> Result<Self, Error> {
        let client = Self::new(config);
        let timeout = client.timeout;
        match tokio::time::timeout(timeout, client.router.start()).await {
            Ok(started) => started.map(|()| client),
            Err(_) => Err(Error::Unreachable {
                reason: format!("no endpoint answered within {timeout:?}"),
            }),
        }
    }

    /// A client that makes its first contact with its first request.
    pub fn new(config: ClientConfig) -> Self {
        Self {
            timeout: config.timeout,
            router: Arc::new(Router::new(config)),
        }
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
                check_entry(link.limits(), key, Some(value))?;
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
                check_entry(link.limits(), key, None)?;
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
        check_keys(&request.keys)?;
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
    /// See [`Error`]; [`Error::TooLarge`] if they do not fit one reply (some 300,000 do).
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
        link::status_of(address, timeout).await
    }
}
