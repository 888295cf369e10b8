//! A client as the workloads use it: pinned to one member, or roaming.
//!
//! A pinned one stays with its member whatever happens to it, has no session unless it asks for one,
//! and sends nothing twice by itself: it sees each refusal as it is, and what a member says that is
//! cut off from the others. A roaming one is the client of `common`, which hides what it can.

use std::time::Duration;

use common::{
    Client, ClientConfig, Error,
    types::{
        CreateNamespaceRequest, DeleteNamespaceReply, DeleteNamespaceRequest, DeleteReply,
        DeleteRequest, GetReply, GetRequest, GrantLeaseRequest, IncrementReply, IncrementRequest,
        KeepAliveLeaseRequest, LeaseInfo, ListReply, ListRequest, NamespaceInfo,
        OpenSessionRequest, PutReply, PutRequest, RevokeLeaseReply, RevokeLeaseRequest, Tag,
        TxnReply, TxnRequest, WatchReply, WatchRequest,
    },
};
use rand::{SeedableRng, rngs::StdRng};

use crate::cluster::{Direct, answer, within};

/// How long a call of a pinned client may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);

/// How long a call of a roaming client may take, attempts and pauses included.
const ROAMING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the session of a pinned client lives without use: more than any fault lasts.
const SESSION_TTL: Duration = Duration::from_secs(120);

/// A client.
pub(crate) struct Caller {
    /// Its number in the histories.
    pub(super) id: u32,
    /// What it chooses by.
    pub(super) rng: StdRng,
    way: Way,
}

enum Way {
    Pinned {
        address: String,
        connection: Option<Direct>,
        session: Option<Session>,
    },
    Roaming(Client),
}

/// A session whose writes are numbered here.
#[derive(Clone, Copy)]
struct Session {
    id: u64,
    next: u64,
}

/// A call that is the same on both ways but for the tag, which the client of `common` adds itself.
macro_rules! call {
    ($caller:expr, $method:ident $([$tag:expr])?, $request:ident) => {
        match &$caller.way {
            Way::Roaming(client) => client.$method($request).await,
            Way::Pinned { .. } => {
                let direct = $caller.connection().await?;
                let context = within(TIMEOUT);
                let answered = direct.data.$method(context, $($tag,)? $request).await;
                $caller.heed(answer(answered))
            }
        }
    };
}

impl Caller {
    /// One that talks to one member and no other.
    pub(super) fn pinned(id: u32, address: &str, seed: u64) -> Self {
        let way = Way::Pinned {
            address: address.to_owned(),
            connection: None,
            session: None,
        };
        Self::new(id, seed, way)
    }

    /// One that knows all members.
    pub(super) fn roaming(id: u32, addresses: &[String], seed: u64) -> Self {
        let mut config = ClientConfig::new(addresses);
        config.timeout = ROAMING_TIMEOUT;
        Self::new(id, seed, Way::Roaming(Client::new(config)))
    }

    fn new(id: u32, seed: u64, way: Way) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { id, rng, way }
    }

    /// Another pinned client on the connection of this one.
    pub(super) async fn twin(&mut self, id: u32) -> Result<Self, Error> {
        let connection = Some(self.connection().await?);
        let Way::Pinned { address, .. } = &self.way else {
            unreachable!("only a pinned client has one connection");
        };
        let way = Way::Pinned {
            address: address.clone(),
            connection,
            session: None,
        };
        Ok(Self::new(id, u64::from(id), way))
    }

    /// The client of `common`, if this is a roaming one.
    pub(super) fn client(&self) -> Option<Client> {
        match &self.way {
            Way::Roaming(client) => Some(client.clone()),
            Way::Pinned { .. } => None,
        }
    }

    /// The connection to the member of a pinned client, opened where there is none.
    pub(super) async fn connection(&mut self) -> Result<Direct, Error> {
        let Way::Pinned {
            address,
            connection,
            ..
        } = &mut self.way
        else {
            unreachable!("a roaming client has connections of its own");
        };
        if let Some(direct) = connection {
            return Ok(direct.clone());
        }
        // Nothing was sent yet.
        let unreachable = |reason: String| Error::Unreachable { reason };
        let opened = tokio::time::timeout(TIMEOUT, Direct::open(address, false)).await;
        let direct = opened
            .map_err(|_| unreachable("no greeting in time".to_owned()))?
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(connection.insert(direct).clone())
    }

    /// Takes from an answer whether connection and session are of use any more.
    fn heed<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Way::Pinned {
            connection,
            session,
            ..
        } = &mut self.way
        {
            match &answer {
                Err(Error::OutcomeUnknown { .. }) => *connection = None,
                Err(Error::SessionExpired { .. }) => *session = None,
                _ => {}
            }
        }
        answer
    }

    /// The tag of a new write of a pinned client, which sends it again itself; none for a roaming
    /// one, which does all that by itself.
    pub(super) async fn tag(&mut self) -> Result<Option<Tag>, Error> {
        let known = match &self.way {
            Way::Roaming(_) => return Ok(None),
            Way::Pinned { session, .. } => *session,
        };
        let now = match known {
            Some(session) => session,
            None => {
                let direct = self.connection().await?;
                let request = OpenSessionRequest { ttl: SESSION_TTL };
                let opened = direct.data.open_session(within(TIMEOUT), request).await;
                let opened = match self.heed(answer(opened)) {
                    // A session that nobody uses expires; the write itself was not sent.
                    Err(Error::OutcomeUnknown { reason }) => Err(Error::NoLeader { reason }),
                    opened => opened,
                }?;
                Session {
                    id: opened.session,
                    next: 1,
                }
            }
        };
        if let Way::Pinned { session, .. } = &mut self.way {
            *session = Some(Session {
                next: now.next + 1,
                ..now
            });
        }
        Ok(Some(Tag {
            session: now.id,
            seq: now.next,
            // One write at a time: all before it have their answers, or are given up.
            first_unacked: now.next,
        }))
    }

    /// Asks the member of a pinned client once for changes; a roaming one watches by its
    /// [client](Self::client).
    pub(super) async fn watch(&mut self, request: WatchRequest) -> Result<WatchReply, Error> {
        let direct = self.connection().await?;
        let answered = direct.data.watch(within(TIMEOUT), request).await;
        self.heed(answer(answered))
    }

    pub(super) async fn put(&mut self, request: PutRequest) -> Result<PutReply, Error> {
        call!(self, put[None], request)
    }

    pub(super) async fn get(&mut self, request: GetRequest) -> Result<GetReply, Error> {
        call!(self, get, request)
    }

    pub(super) async fn list(&mut self, request: ListRequest) -> Result<ListReply, Error> {
        call!(self, list, request)
    }

    pub(super) async fn delete(&mut self, request: DeleteRequest) -> Result<DeleteReply, Error> {
        call!(self, delete[None], request)
    }

    pub(super) async fn txn(&mut self, request: TxnRequest) -> Result<TxnReply, Error> {
        call!(self, txn[None], request)
    }

    /// `tag` is of [`Caller::tag`].
    pub(super) async fn increment(
        &mut self,
        tag: Option<Tag>,
        request: IncrementRequest,
    ) -> Result<IncrementReply, Error> {
        call!(self, increment[tag], request)
    }

    pub(super) async fn create_namespace(
        &mut self,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        call!(self, create_namespace[None], request)
    }

    pub(super) async fn delete_namespace(
        &mut self,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        call!(self, delete_namespace[None], request)
    }

    pub(super) async fn grant_lease(
        &mut self,
        request: GrantLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        call!(self, grant_lease[None], request)
    }

    pub(super) async fn keep_alive_lease(
        &mut self,
        request: KeepAliveLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        call!(self, keep_alive_lease[None], request)
    }

    pub(super) async fn revoke_lease(
        &mut self,
        request: RevokeLeaseRequest,
    ) -> Result<RevokeLeaseReply, Error> {
        call!(self, revoke_lease[None], request)
    }
}
