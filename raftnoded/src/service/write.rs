//! Operations that change something.

use common::{
    Error,
    types::{
        CreateNamespaceRequest, DeleteNamespaceReply, DeleteNamespaceRequest, DeletePrefixRequest,
        DeleteReply, DeleteRequest, NamespaceInfo, PutReply, PutRequest,
    },
};
use std::time::Duration;

use super::{
    Call, Service,
    limits::{check_keys, check_namespace, check_prefix},
    route::Refusal,
};
use crate::{
    raft::ProposeError,
    store::{Command, Outcome, Rejection},
};

/// How long an overloaded member asks to be left alone.
const RETRY_AFTER: Duration = Duration::from_millis(20);

impl Service {
    /// See [`Data::put`](common::api::Data::put).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn put(&self, call: Call, request: PutRequest) -> Result<PutReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        self.about.bounds.check_put(&request)?;
        let request = &request;
        let command = || Command::Put {
            namespace: request.namespace.clone(),
            key: request.key.clone(),
            value: request.value.clone(),
            create_namespace: self.about.auto_create_namespaces,
        };
        self.route(
            call,
            || async {
                match self.propose(call, command()).await? {
                    Outcome::Put {
                        revision, version, ..
                    } => Ok(PutReply { revision, version }),
                    other => Err(mismatch(&other)),
                }
            },
            |leader| async move { leader.put(request.clone()).await },
        )
        .await
    }

    /// See [`Data::delete`](common::api::Data::delete).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete(&self, call: Call, request: DeleteRequest) -> Result<DeleteReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_keys(request.keys.iter().map(AsRef::as_ref))?;
        let request = &request;
        self.route(
            call,
            || async {
                self.propose_delete(
                    call,
                    Command::Delete {
                        namespace: request.namespace.clone(),
                        keys: request.keys.clone(),
                    },
                )
                .await
            },
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
        call: Call,
        request: DeletePrefixRequest,
    ) -> Result<DeleteReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_prefix(&request.prefix, "prefix")?;
        let request = &request;
        self.route(
            call,
            || async {
                self.propose_delete(
                    call,
                    Command::DeletePrefix {
                        namespace: request.namespace.clone(),
                        prefix: request.prefix.clone(),
                    },
                )
                .await
            },
            |leader| async move { leader.delete_prefix(request.clone()).await },
        )
        .await
    }

    /// See [`Data::create_namespace`](common::api::Data::create_namespace).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn create_namespace(
        &self,
        call: Call,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        let request = &request;
        self.route(
            call,
            || async {
                let name = request.name.clone();
                match self
                    .propose(call, Command::CreateNamespace { name })
                    .await?
                {
                    Outcome::NamespaceCreated { revision, id } => Ok(NamespaceInfo {
                        name: request.name.clone(),
                        id,
                        create_revision: revision,
                        keys: 0,
                        bytes: 0,
                    }),
                    other => Err(mismatch(&other)),
                }
            },
            |leader| async move { leader.create_namespace(request.clone()).await },
        )
        .await
    }

    /// See [`Data::delete_namespace`](common::api::Data::delete_namespace).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete_namespace(
        &self,
        call: Call,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        let request = &request;
        self.route(
            call,
            || async {
                let command = Command::DeleteNamespace {
                    name: request.name.clone(),
                    only_if_empty: request.only_if_empty,
                };
                match self.propose(call, command).await? {
                    Outcome::NamespaceDeleted { revision, keys } => {
                        Ok(DeleteNamespaceReply { keys, revision })
                    }
                    other => Err(mismatch(&other)),
                }
            },
            |leader| async move { leader.delete_namespace(request.clone()).await },
        )
        .await
    }

    async fn propose_delete(&self, call: Call, command: Command) -> Result<DeleteReply, Refusal> {
        match self.propose(call, command).await? {
            Outcome::Deleted { revision, count } => Ok(DeleteReply {
                deleted: count,
                revision,
            }),
            other => Err(mismatch(&other)),
        }
    }

    async fn propose(&self, call: Call, command: Command) -> Result<Outcome, Refusal> {
        let bytes = command.encode().map_err(|error| Error::Invalid {
            message: error.to_string(),
        })?;
        let until = call.last_word();
        match self.part()?.consensus.propose(bytes, until).await {
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
            Err(ProposeError::Stopped) => Err(Refusal::Final(Error::ShuttingDown)),
            Err(ProposeError::Unknown { reason }) => {
                Err(Refusal::Final(Error::OutcomeUnknown { reason }))
            }
        }
    }
}

/// A rejection as the API says it.
fn rejected(rejection: Rejection) -> Error {
    match rejection {
        Rejection::NamespaceNotFound { name } => Error::NamespaceNotFound { namespace: name },
        Rejection::NamespaceExists { name } => Error::NamespaceExists { namespace: name },
        Rejection::NamespaceNotEmpty { name, keys } => Error::NamespaceNotEmpty {
            namespace: name,
            keys,
        },
        invalid @ (Rejection::InvalidNamespace { .. } | Rejection::NamespacesExhausted) => {
            Error::Invalid {
                message: invalid.to_string(),
            }
        }
    }
}

/// An outcome that does not belong to the command: a bug, said instead of hidden.
fn mismatch(outcome: &Outcome) -> Refusal {
    Refusal::Final(Error::Internal {
        message: format!("the command was answered with {outcome:?}"),
    })
}
