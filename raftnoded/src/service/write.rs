//! Operations that change something.

use std::time::Duration;

use common::{
    Client, Error,
    types::{
        Change, CloseSessionRequest, CreateNamespaceRequest, DeleteNamespaceReply,
        DeleteNamespaceRequest, DeletePrefixRequest, DeleteReply, DeleteRequest, GrantLeaseRequest,
        IncrementReply, IncrementRequest, KeepAliveLeaseRequest, LeaseInfo, MAX_SESSION_TTL,
        MAX_TTL, MIN_LEASE_TTL, MIN_SESSION_TTL, NamespaceInfo, OpenSessionReply,
        OpenSessionRequest, OperationKind, PutReply, PutRequest, RevokeLeaseReply,
        RevokeLeaseRequest, SetNamespaceRequest, TouchReply, TouchRequest, TxnReply, TxnRequest,
    },
};

use super::{
    Call, Service,
    activity::Work,
    convert::{self, check_lifetime, check_ttl, millis, rejected},
    limits::{check_key, check_keys, check_namespace, check_operation, check_prefix},
    read::read_error,
    route::Refusal,
};
use crate::{
    raft::{NoRoom, ProposeError},
    store::{self, Command, Operation, Outcome},
};

/// How long an overloaded member asks to be left alone.
const RETRY_AFTER: Duration = Duration::from_millis(20);

impl Service {
    /// See [`Data::put`](common::api::Data::put).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn put(&self, call: &Call, request: &PutRequest) -> Result<PutReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        self.about.bounds.check_put(&request.key, &request.value)?;
        check_lifetime(request.lifetime)?;
        self.change(
            call,
            &Work::of(OperationKind::Put, &request.namespace),
            || Command::Put {
                namespace: request.namespace.clone(),
                key: request.key.clone(),
                value: request.value.clone(),
                create_namespace: self.about.auto_create_namespaces,
                condition: request.condition.map(convert::condition),
                lifetime: convert::lifetime(request.lifetime),
                previous: request.previous,
            },
            |outcome, clock| match outcome {
                Outcome::Put {
                    revision,
                    version,
                    previous,
                    ..
                } => Ok(PutReply {
                    revision,
                    version,
                    previous: previous
                        .map(|found| convert::entry(request.key.clone(), found, clock)),
                }),
                other => Err(other),
            },
            |leader| async move { leader.put(request.clone()).await },
        )
        .await
    }

    /// See [`Data::delete`](common::api::Data::delete).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete(&self, call: &Call, request: DeleteRequest) -> Result<DeleteReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_keys(request.keys.iter().map(AsRef::as_ref))?;
        let request = &request;
        self.change(
            call,
            &Work::of(OperationKind::Delete, &request.namespace),
            || Command::Delete {
                namespace: request.namespace.clone(),
                keys: request.keys.clone(),
                condition: request.condition.map(convert::condition),
                previous: request.previous,
            },
            deleted,
            |leader| async move { leader.delete(request.clone()).await },
        )
        .await
    }

    /// See [`Data::delete_prefix`](common::api::Data::delete_prefix).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete_prefix(
        &self,
        call: &Call,
        request: DeletePrefixRequest,
    ) -> Result<DeleteReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_prefix(&request.prefix, "prefix")?;
        let request = &request;
        self.change(
            call,
            &Work::of(OperationKind::Delete, &request.namespace),
            || Command::DeletePrefix {
                namespace: request.namespace.clone(),
                prefix: request.prefix.clone(),
            },
            deleted,
            |leader| async move { leader.delete_prefix(request.clone()).await },
        )
        .await
    }

    /// See [`Data::touch`](common::api::Data::touch).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn touch(&self, call: &Call, request: TouchRequest) -> Result<TouchReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_key(&request.key)?;
        check_lifetime(request.lifetime)?;
        let request = &request;
        self.change(
            call,
            &Work::of(OperationKind::Write, &request.namespace),
            || Command::Touch {
                namespace: request.namespace.clone(),
                key: request.key.clone(),
                lifetime: convert::lifetime(request.lifetime),
            },
            |outcome, _| match outcome {
                Outcome::Touched { revision, found } => Ok(TouchReply { revision, found }),
                other => Err(other),
            },
            |leader| async move { leader.touch(request.clone()).await },
        )
        .await
    }

    /// See [`Data::increment`](common::api::Data::increment).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn increment(
        &self,
        call: &Call,
        request: IncrementRequest,
    ) -> Result<IncrementReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_key(&request.key)?;
        check_lifetime(request.lifetime)?;
        let request = &request;
        self.change(
            call,
            &Work::of(OperationKind::Write, &request.namespace),
            || Command::Increment {
                namespace: request.namespace.clone(),
                key: request.key.clone(),
                by: request.by,
                lifetime: convert::lifetime(request.lifetime),
                create_namespace: self.about.auto_create_namespaces,
            },
            |outcome, _| match outcome {
                Outcome::Incremented {
                    revision,
                    version,
                    value,
                } => Ok(IncrementReply {
                    revision,
                    version,
                    value,
                }),
                other => Err(other),
            },
            |leader| async move { leader.increment(request.clone()).await },
        )
        .await
    }

    /// See [`Data::txn`](common::api::Data::txn).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn txn(&self, call: &Call, request: TxnRequest) -> Result<TxnReply, Error> {
        let _admitted = self.admit()?;
        self.about.bounds.check_txn(&request)?;
        for operation in request.then.iter().chain(&request.otherwise) {
            check_operation(&self.about.bounds, operation)?;
        }
        let request = &request;
        self.change(
            call,
            &Work::txn(request),
            || Command::Txn {
                compare: request.compare.iter().map(convert::comparison).collect(),
                then: request.then.iter().map(convert::operation).collect(),
                otherwise: request.otherwise.iter().map(convert::operation).collect(),
                create_namespaces: self.about.auto_create_namespaces,
            },
            |outcome, clock| match outcome {
                Outcome::Txn {
                    revision,
                    succeeded,
                    results,
                } => {
                    let operations = if succeeded {
                        &request.then
                    } else {
                        &request.otherwise
                    };
                    let keys = operations.iter().map(super::limits::key_of);
                    Ok(TxnReply {
                        revision,
                        succeeded,
                        results: keys
                            .zip(results)
                            .map(|(key, result)| convert::result(key, result, clock))
                            .collect(),
                    })
                }
                other => Err(other),
            },
            |leader| async move { leader.txn(request.clone()).await },
        )
        .await
    }

    /// See [`Data::create_namespace`](common::api::Data::create_namespace).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn create_namespace(
        &self,
        call: &Call,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        if let Some(ttl) = request.settings.default_ttl {
            check_ttl(ttl, Duration::from_millis(1), MAX_TTL)?;
        }
        let request = &request;
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::CreateNamespace {
                name: request.name.clone(),
                settings: convert::settings(request.settings),
            },
            |outcome, _| match outcome {
                Outcome::NamespaceCreated { revision, id } => Ok(NamespaceInfo {
                    name: request.name.clone(),
                    id,
                    create_revision: revision,
                    keys: 0,
                    bytes: 0,
                    settings: request.settings,
                }),
                other => Err(other),
            },
            |leader| async move { leader.create_namespace(request.clone()).await },
        )
        .await
    }

    /// See [`Data::set_namespace`](common::api::Data::set_namespace).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn set_namespace(
        &self,
        call: &Call,
        request: SetNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        if let Change::Set(ttl) = request.default_ttl {
            check_ttl(ttl, Duration::from_millis(1), MAX_TTL)?;
        }
        let request = &request;
        self.route(
            call,
            &Work::new(OperationKind::Write),
            || async {
                let command = Command::SetNamespace {
                    name: request.name.clone(),
                    change: convert::change(request),
                };
                self.check_room(&command)?;
                self.propose(call, encoded(call, &command)?).await?;
                // As it is now, here, where it was applied: a second request could fail, and its
                // error would be taken for one of the change.
                let view = self.part()?.engine.snapshot();
                let found = store::describe(&*view, &request.name);
                let found = found.map(convert::namespace).map_err(read_error);
                Ok(found.map_err(|error| match error {
                    // It was there when it was changed.
                    Error::NamespaceNotFound { .. } => Error::OutcomeUnknown {
                        reason: "the namespace was deleted at the same time".to_owned(),
                    },
                    other => other,
                })?)
            },
            |leader| async move { leader.set_namespace(request.clone()).await },
        )
        .await
    }

    /// See [`Data::delete_namespace`](common::api::Data::delete_namespace).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete_namespace(
        &self,
        call: &Call,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        let request = &request;
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::DeleteNamespace {
                name: request.name.clone(),
                only_if_empty: request.only_if_empty,
            },
            |outcome, _| match outcome {
                Outcome::NamespaceDeleted { revision, keys } => {
                    Ok(DeleteNamespaceReply { keys, revision })
                }
                other => Err(other),
            },
            |leader| async move { leader.delete_namespace(request.clone()).await },
        )
        .await
    }

    /// See [`Data::grant_lease`](common::api::Data::grant_lease).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn grant_lease(
        &self,
        call: &Call,
        request: GrantLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        let _admitted = self.admit()?;
        check_ttl(request.ttl, MIN_LEASE_TTL, MAX_TTL)?;
        let ttl = millis(request.ttl);
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::GrantLease { ttl },
            lease,
            |leader| async move { leader.grant_lease(request).await },
        )
        .await
    }

    /// See [`Data::keep_alive_lease`](common::api::Data::keep_alive_lease).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn keep_alive_lease(
        &self,
        call: &Call,
        request: KeepAliveLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        let _admitted = self.admit()?;
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::KeepAliveLease { id: request.id },
            lease,
            |leader| async move { leader.keep_alive_lease(request).await },
        )
        .await
    }

    /// See [`Data::revoke_lease`](common::api::Data::revoke_lease).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn revoke_lease(
        &self,
        call: &Call,
        request: RevokeLeaseRequest,
    ) -> Result<RevokeLeaseReply, Error> {
        let _admitted = self.admit()?;
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::RevokeLease { id: request.id },
            |outcome, _| match outcome {
                Outcome::LeaseRevoked { revision, keys } => Ok(RevokeLeaseReply { revision, keys }),
                other => Err(other),
            },
            |leader| async move { leader.revoke_lease(request).await },
        )
        .await
    }

    /// See [`Data::open_session`](common::api::Data::open_session).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn open_session(
        &self,
        call: &Call,
        request: OpenSessionRequest,
    ) -> Result<OpenSessionReply, Error> {
        let _admitted = self.admit()?;
        check_ttl(request.ttl, MIN_SESSION_TTL, MAX_SESSION_TTL)?;
        let ttl = millis(request.ttl);
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::OpenSession { ttl },
            |outcome, _| match outcome {
                Outcome::SessionOpened { id } => Ok(OpenSessionReply { session: id }),
                other => Err(other),
            },
            |leader| async move { leader.open_session(request).await },
        )
        .await
    }

    /// See [`Data::close_session`](common::api::Data::close_session).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn close_session(
        &self,
        call: &Call,
        request: CloseSessionRequest,
    ) -> Result<(), Error> {
        let _admitted = self.admit()?;
        self.change(
            call,
            &Work::new(OperationKind::Write),
            || Command::CloseSession {
                id: request.session,
            },
            |outcome, _| match outcome {
                Outcome::SessionClosed => Ok(()),
                other => Err(other),
            },
            |leader| async move { leader.close_session(request).await },
        )
        .await
    }

    /// Proposes a command and makes the reply of what it did, at the leader. `reply` gets the
    /// cluster's clock, too, and gives back an outcome that does not belong to the command.
    #[expect(clippy::manual_async_fn, reason = "as for `route`")]
    pub(super) fn change<T, C, M, R, RF>(
        &self,
        call: &Call,
        work: &Work<'_>,
        command: C,
        reply: M,
        there: R,
    ) -> impl Future<Output = Result<T, Error>>
    where
        C: Fn() -> Command,
        M: Fn(Outcome, u64) -> Result<T, Outcome>,
        R: Fn(Client) -> RF + Send + Sync,
        RF: Future<Output = Result<T, Error>> + Send,
    {
        async move {
            self.route(
                call,
                work,
                || async {
                    let command = command();
                    self.check_room(&command)?;
                    let outcome = self.propose(call, encoded(call, &command)?).await?;
                    let clock = self.part()?.consensus.clock();
                    reply(outcome, clock).map_err(|other| mismatch(&other))
                },
                there,
            )
            .await
        }
    }

    /// Refuses what the disks have no room for, before it is queued.
    fn check_room(&self, command: &Command) -> Result<(), Error> {
        let room = self.part()?.consensus.room();
        room.accepts(is_relief(command)).map_err(read_only)
    }

    /// Takes bytes: a future that held the command would be as large as the largest.
    pub(super) async fn propose(&self, call: &Call, command: Vec<u8>) -> Result<Outcome, Refusal> {
        let until = call.last_word();
        match self.part()?.consensus.propose(command, until).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(rejection)) => Err(Refusal::Final(rejected(rejection))),
            Err(ProposeError::NotLeader) => Err(Refusal::NotLeader),
            Err(ProposeError::Overloaded) => Err(Refusal::Final(Error::Overloaded {
                reason: "too many bytes of writes wait for the disks".to_owned(),
                retry_after: RETRY_AFTER,
            })),
            Err(ProposeError::NoQuorum) => Err(Refusal::Final(Error::NoLeader {
                reason: ProposeError::NoQuorum.to_string(),
            })),
            Err(ProposeError::NoRoom(no_room)) => Err(Refusal::Final(read_only(no_room))),
            Err(ProposeError::Stopped) => Err(Refusal::Final(Error::ShuttingDown)),
            Err(ProposeError::Unknown { reason }) => {
                Err(Refusal::Final(Error::OutcomeUnknown { reason }))
            }
        }
    }
}

/// Whether a command frees room, or ends or keeps alive what will.
fn is_relief(command: &Command) -> bool {
    let deletes = |operation: &Operation| !matches!(operation, Operation::Put { .. });
    match command {
        Command::Put { .. }
        | Command::Increment { .. }
        | Command::Touch { .. }
        | Command::CreateNamespace { .. }
        | Command::SetNamespace { .. }
        | Command::GrantLease { .. } => false,
        Command::Txn {
            then, otherwise, ..
        } => then.iter().chain(otherwise).all(deletes),
        _ => true,
    }
}

fn read_only(no_room: NoRoom) -> Error {
    match no_room {
        NoRoom::HandingOver => Error::Overloaded {
            reason: "its disk is full, and another member is about to lead".to_owned(),
            retry_after: RETRY_AFTER,
        },
        NoRoom::Full(reason) => Error::ReadOnly { reason },
    }
}

/// A command as it is replicated.
pub(super) fn encoded(call: &Call, command: &Command) -> Result<Vec<u8>, Error> {
    let tag = call.tag.map(convert::tag);
    command.encode(tag).map_err(|error| Error::Invalid {
        message: error.to_string(),
    })
}

fn deleted(outcome: Outcome, clock: u64) -> Result<DeleteReply, Outcome> {
    match outcome {
        Outcome::Deleted {
            revision,
            count,
            previous,
        } => Ok(DeleteReply {
            deleted: count,
            revision,
            previous: previous
                .into_iter()
                .map(|(key, found)| convert::entry(key, found, clock))
                .collect(),
        }),
        other => Err(other),
    }
}

fn lease(outcome: Outcome, _: u64) -> Result<LeaseInfo, Outcome> {
    match outcome {
        Outcome::Lease(lease) => Ok(convert::lease(lease, 0)),
        other => Err(other),
    }
}

/// An outcome that does not belong to the command: a bug, said instead of hidden.
fn mismatch(outcome: &Outcome) -> Refusal {
    Refusal::Final(Error::Internal {
        message: format!("the command was answered with {outcome:?}"),
    })
}
