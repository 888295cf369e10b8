//! Operations that only read.

use std::sync::Arc;

use bytes::Bytes;
use common::{
    Error,
    types::{
        Consistency, CountReply, CountRequest, DescribeNamespaceRequest, Entry, GetReply,
        GetRequest, ListNamespacesRequest, ListReply, ListRequest, NamespaceInfo,
    },
};

use super::{
    Call, Part, Service,
    limits::{check_key, check_namespace, check_namespaces, check_prefix},
    route::Refusal,
};
use crate::{engine::Reader, raft::ReadError, store};

/// Bytes of entries in one page of a listing, at most: the last entry may go beyond.
const PAGE_BYTES: usize = 1 << 20;

/// Entries in one page of a listing, at most.
const PAGE_ENTRIES: usize = 10_000;

impl Service {
    /// See [`Data::get`](common::api::Data::get).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn get(&self, call: Call, request: GetRequest) -> Result<GetReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_key(&request.key)?;
        let request = &request;
        // Read in place, RocksDB too: what is asked for is in a cache as a rule, and a hop to
        // another thread costs more than such a read.
        let read = |part: &Part| {
            // Before the entry: what a revision promises to be in the state must be there.
            let applied = part.consensus.applied();
            let found =
                store::get(&*part.engine, &request.namespace, &request.key).map_err(read_error)?;
            let entry = found.map(|found| entry(request.key.clone(), found));
            // A write applied in between is seen, and then said.
            let seen = entry.as_ref().map_or(0, |entry| entry.revision);
            Ok(GetReply {
                entry,
                revision: applied.max(seen),
            })
        };
        if request.consistency == Consistency::Stale {
            return read(self.part()?);
        }
        self.route(
            call,
            || async {
                let part = self.part()?;
                barrier(part, call).await?;
                Ok(read(part)?)
            },
            |leader| async move { leader.get(request.clone()).await },
        )
        .await
    }

    /// See [`Data::list`](common::api::Data::list).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn list(&self, call: Call, request: ListRequest) -> Result<ListReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_prefix(&request.prefix, "prefix")?;
        for bound in [&request.start, &request.end].into_iter().flatten() {
            check_prefix(bound, "bound")?;
        }
        let there = &request.clone();
        let request = Arc::new(request);
        self.scan(
            call,
            request.consistency,
            move |view| list(view, &request),
            |leader| async move { leader.list(there.clone()).await },
        )
        .await
    }

    /// See [`Data::count`](common::api::Data::count).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn count(&self, call: Call, request: CountRequest) -> Result<CountReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_prefix(&request.prefix, "prefix")?;
        let there = &request.clone();
        self.scan(
            call,
            request.consistency,
            move |view| {
                Ok(CountReply {
                    count: store::count(view, &request.namespace, &request.prefix)
                        .map_err(read_error)?,
                    revision: applied(view)?,
                })
            },
            |leader| async move { leader.count(there.clone()).await },
        )
        .await
    }

    /// See [`Data::describe_namespace`](common::api::Data::describe_namespace).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn describe_namespace(
        &self,
        call: Call,
        request: DescribeNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        let there = &request.clone();
        self.scan(
            call,
            request.consistency,
            move |view| {
                store::describe(view, &request.name)
                    .map(namespace)
                    .map_err(read_error)
            },
            |leader| async move { leader.describe_namespace(there.clone()).await },
        )
        .await
    }

    /// See [`Data::list_namespaces`](common::api::Data::list_namespaces).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn list_namespaces(
        &self,
        call: Call,
        request: ListNamespacesRequest,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        let _admitted = self.admit()?;
        let there = &request.clone();
        self.scan(
            call,
            request.consistency,
            |view| {
                let all = store::namespaces(view).map_err(internal)?;
                check_namespaces(&all)?;
                Ok(all.into_iter().map(namespace).collect())
            },
            |leader| async move { leader.list_namespaces(there.clone()).await },
        )
        .await
    }

    /// A read of many records, over a pinned view and off the asynchronous threads.
    async fn scan<T, S, R, RF>(
        &self,
        call: Call,
        consistency: Consistency,
        scan: S,
        there: R,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        S: Fn(&dyn Reader) -> Result<T, Error> + Send + Sync + 'static,
        R: Fn(common::Client) -> RF + Send + Sync,
        RF: Future<Output = Result<T, Error>> + Send,
    {
        let scan = Arc::new(scan);
        let run = |part: &Part| {
            let view = part.engine.snapshot();
            let scan = Arc::clone(&scan);
            async move {
                tokio::task::spawn_blocking(move || scan(&*view))
                    .await
                    .map_err(internal)?
            }
        };
        if consistency == Consistency::Stale {
            return run(self.part()?).await;
        }
        self.route(
            call,
            || async {
                let part = self.part()?;
                barrier(part, call).await?;
                Ok(run(part).await?)
            },
            there,
        )
        .await
    }
}

async fn barrier(part: &Part, call: Call) -> Result<(), Refusal> {
    let waited = tokio::time::timeout_at(call.last_word().into(), part.consensus.read_barrier());
    match waited.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(ReadError::NotLeader | ReadError::NoQuorum)) => Err(Refusal::NotLeader),
        Ok(Err(ReadError::Stopped)) => Err(Refusal::Final(Error::ShuttingDown)),
        Err(_) => Err(Refusal::Final(Error::NoLeader {
            reason: "no majority confirmed the leader".to_owned(),
        })),
    }
}

fn list(view: &dyn Reader, request: &ListRequest) -> Result<ListReply, Error> {
    let limit = match request.limit as usize {
        0 => PAGE_ENTRIES,
        limit => limit.min(PAGE_ENTRIES),
    };
    let page = store::list(
        view,
        &request.namespace,
        &store::List {
            prefix: &request.prefix,
            start: request.start.as_deref(),
            end: request.end.as_deref(),
            reverse: request.reverse,
            keys_only: request.keys_only,
            limit,
            max_bytes: PAGE_BYTES,
            page: request.page.as_deref(),
        },
    )
    .map_err(read_error)?;
    Ok(ListReply {
        entries: page
            .entries
            .into_iter()
            .map(|(key, found)| entry(key, found))
            .collect(),
        next: page.next,
        revision: applied(view)?,
    })
}

fn entry(key: Bytes, found: store::Entry) -> Entry {
    Entry {
        key,
        value: found.value,
        create_revision: found.create_revision,
        revision: found.mod_revision,
        version: found.version,
    }
}

fn namespace(found: store::NamespaceInfo) -> NamespaceInfo {
    NamespaceInfo {
        name: found.name,
        id: found.id,
        create_revision: found.create_revision,
        keys: found.keys,
        bytes: found.bytes,
    }
}

fn applied(reader: &dyn Reader) -> Result<u64, Error> {
    let position = store::applied(reader).map_err(internal)?;
    Ok(position.map_or(0, |position| position.index))
}

fn read_error(error: store::ReadError) -> Error {
    match error {
        store::ReadError::NamespaceNotFound { name } => {
            Error::NamespaceNotFound { namespace: name }
        }
        invalid @ store::ReadError::InvalidPage => Error::Invalid {
            message: invalid.to_string(),
        },
        store::ReadError::Engine(error) => internal(error),
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal {
        message: error.to_string(),
    }
}
