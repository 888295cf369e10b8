//! A client that needs one address and finds the rest.
//!
//! It connects to any member, learns the others and the leader from the handshake, and sends what
//! it is asked to the leader, over one connection that all clones of the [`Client`] share. When
//! that connection breaks, falls silent, or the member says that it no longer leads, the next
//! request looks for the leader anew. A leader that cannot be reached from here (another network)
//! is reached through a member that forwards, until it can be.
//!
//! **What is sent again.** A request that certainly had no effect is sent again until its deadline.
//! A read is sent again after a broken connection, too. So is a write: it belongs to a session
//! of the cluster's state, which answers a second attempt with the first reply and carries it out
//! once. Only when the time is over, or the session is gone, a write whose answer was cut off ends
//! in [`Error::OutcomeUnknown`].

mod backup;
mod call;
mod coordination;
mod link;
mod members;
mod methods;
mod observer;
mod route;
mod search;
mod session;
#[cfg(test)]
mod tests;
mod watch;

use std::{sync::Arc, time::Duration};

use crate::{
    error::Error,
    types::{Member, MemberStatus, Tag},
};
use route::Router;
use session::Sessions;

pub use backup::{Backup, BackupError};
pub use coordination::{Contender, Contest, LEASE_DIGITS};
pub use observer::Observer;
pub use watch::{Start, Watch, WatchItem, WatchOptions};

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
    /// send it in circles. It opens no sessions: see [`Client::with_tag`].
    pub relay: bool,
    /// Carry every write out once, however often it is sent. Costs one round trip for each session
    /// that is opened, and the bytes of the reply that the cluster remembers. Without it a write
    /// whose answer was cut off is not sent again, and ends in [`Error::OutcomeUnknown`].
    pub exactly_once: bool,
}

impl ClientConfig {
    /// These endpoints, 5 s for a request, 1 s for a connection attempt, each write carried out
    /// once: as a program wants it.
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
            exactly_once: true,
        }
    }
}

/// A connection to a cluster. Cheap to clone; clones share one connection, on which requests of
/// many tasks run side by side.
#[derive(Clone)]
pub struct Client {
    router: Arc<Router>,
    timeout: Duration,
    writes: Writes,
}

/// What makes a write that is sent again be carried out once.
#[derive(Clone)]
enum Writes {
    /// The sessions of this client.
    Sessions(Arc<Sessions>),
    /// Nothing, or what the caller brings along.
    Tagged(Option<Tag>),
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
            writes: if config.exactly_once && !config.relay {
                Writes::Sessions(Arc::new(Sessions::new(config.timeout)))
            } else {
                Writes::Tagged(None)
            },
            router: Arc::new(Router::new(config)),
        }
    }

    /// The same connection with another time for each request.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// The same connection for a write that belongs to a session of somebody else: for a member
    /// that passes a request on.
    #[must_use]
    pub fn with_tag(&self, tag: Option<Tag>) -> Self {
        Self {
            writes: Writes::Tagged(tag),
            ..self.clone()
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

    /// Asks the member at one address for its state, over a connection of its own. `timeout`
    /// covers the connection and the answer.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unreachable`] if it does not answer in time.
    pub async fn status_of(address: &str, timeout: Duration) -> Result<MemberStatus, Error> {
        link::status_of(address, timeout).await
    }
}
