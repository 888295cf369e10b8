//! Operations that only read.

use std::{sync::Arc, time::Duration};

use common::{
    Error,
    types::{
        Consistency, CountReply, CountRequest, DescribeLeaseReply, DescribeLeaseRequest,
        DescribeNamespaceRequest, GetReply, GetRequest, ListLeasesReply, ListLeasesRequest,
        ListNamespacesRequest, ListReply, ListRequest, NamespaceInfo, OperationKind, Staleness,
    },
};

use super::{
    Call, Part, Service,
    activity::Work,
    convert::{self, entry, namespace},
    limits::{check_key, check_namespace, check_namespaces, check_prefix},
    route::Refusal,
    write::encoded,
};
#[cfg(feature = "failpoints")]
use crate::failpoint::{self, Switch};
use crate::{
    engine::Reader,
    raft::ReadError,
    store::{self, Command},
};

/// Bytes of entries in one page of a listing, at most: the last entry may go beyond.
const PAGE_BYTES: usize = 1 << 20;

/// Entries in one page of a listing, at most.
const PAGE_ENTRIES: usize = 10_000;

/// Keys named in the description of a lease, at most.
const LEASE_KEYS: usize = 1000;

impl Service {
    /// See [`Data::get`](common::api::Data::get).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn get(&self, call: &Call, request: GetRequest) -> Result<GetReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_key(&request.key)?;
        let request = &request;
        let work = &Work::of(OperationKind::Get, &request.namespace);
        // Read in place, RocksDB too: what is asked for is in a cache as a rule, and a hop to
        // another thread costs more than such a read.
        let read = |part: &Part, clock: u64| {
            // Before the entry: what a revision promises to be in the state must be there.
            let applied = part.consensus.applied();
            let found = store::get_live(&*part.engine, &request.namespace, &request.key)
                .map_err(read_error)?;
            let entry = found.map(|found| entry(request.key.clone(), found, clock));
            // A write applied in between is seen, and then said.
            let seen = entry.as_ref().map_or(0, |entry| entry.revision);
            Ok(GetReply {
                entry,
                revision: applied.max(seen),
                staleness: None,
            })
        };
        if let Consistency::Stale { max_age } = request.consistency {
            let part = self.part()?;
            let result = age(part, max_age).and_then(|age| {
                let mut reply = read(part, part.consensus.clock())?;
                reply.staleness = Some(Staleness {
                    applied: reply.revision,
                    age,
                });
                Ok(reply)
            });
            self.carried_out(part, call, work, &result);
            return result;
        }
        #[cfg(feature = "failpoints")]
        if failpoint::is_on(Switch::LocalReads) {
            let part = self.part()?;
            return read(part, part.consensus.clock());
        }
        self.route(
            call,
            work,
            || async {
                let part = self.part()?;
                barrier(part, call).await?;
                let clock = part.consensus.clock();
                let reply = read(part, clock)?;
                let ended = reply
                    .entry
                    .as_ref()
                    .is_some_and(|entry| entry.ttl.is_some_and(|left| left.is_zero()));
                if ended {
                    // Boxed: rare, and as large as a write.
                    Box::pin(self.tick(call)).await?;
                    return Ok(read(part, clock)?);
                }
                Ok(reply)
            },
            |leader| async move { leader.get(request.clone()).await },
        )
        .await
    }

    /// See [`Data::list`](common::api::Data::list).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn list(&self, call: &Call, request: ListRequest) -> Result<ListReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_prefix(&request.prefix, "prefix")?;
        for bound in [&request.start, &request.end].into_iter().flatten() {
            check_prefix(bound, "bound")?;
        }
        let there = &request.clone();
        let work = &Work::of(OperationKind::List, &there.namespace);
        let request = Arc::new(request);
        if let Some(id) = request.view {
            return self
                .route(
                    call,
                    work,
                    || async {
                        let pinned = self.views.get(id)?;
                        let request = Arc::clone(&request);
                        let page = tokio::task::spawn_blocking(move || {
                            list(&*pinned.view, &request, pinned.clock)
                        });
                        Ok(page.await.map_err(internal)??)
                    },
                    |leader| async move { leader.list(there.clone()).await },
                )
                .await;
        }
        self.scan(
            call,
            work,
            request.consistency,
            move |view, clock, age| {
                let mut reply = list(view, &request, clock)?;
                reply.staleness = staleness(reply.revision, age);
                Ok(reply)
            },
            |leader| async move { leader.list(there.clone()).await },
        )
        .await
    }

    /// See [`Data::count`](common::api::Data::count).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn count(&self, call: &Call, request: CountRequest) -> Result<CountReply, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.namespace)?;
        check_prefix(&request.prefix, "prefix")?;
        let there = &request.clone();
        self.scan(
            call,
            &Work::of(OperationKind::Read, &there.namespace),
            request.consistency,
            move |view, _, age| {
                let count =
                    store::count(view, &request.namespace, &request.prefix).map_err(read_error)?;
                let revision = applied(view)?;
                Ok(CountReply {
                    count,
                    revision,
                    staleness: staleness(revision, age),
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
        call: &Call,
        request: DescribeNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        let _admitted = self.admit()?;
        check_namespace(&request.name)?;
        let there = &request.clone();
        self.scan(
            call,
            &Work::new(OperationKind::Read),
            request.consistency,
            move |view, _, _| {
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
        call: &Call,
        request: ListNamespacesRequest,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        let _admitted = self.admit()?;
        let there = &request.clone();
        self.scan(
            call,
            &Work::new(OperationKind::Read),
            request.consistency,
            |view, _, _| {
                let all = store::namespaces(view).map_err(internal)?;
                check_namespaces(&all)?;
                Ok(all.into_iter().map(namespace).collect())
            },
            |leader| async move { leader.list_namespaces(there.clone()).await },
        )
        .await
    }

    /// A read of many records, over a pinned view and off the asynchronous threads. `scan` gets the
    /// view, the cluster's clock, and how old the view may be if the read is a stale one.
    async fn scan<T, S, R, RF>(
        &self,
        call: &Call,
        work: &Work<'_>,
        consistency: Consistency,
        scan: S,
        there: R,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        S: Fn(&dyn Reader, u64, Option<Age>) -> Result<T, Error> + Send + Sync + 'static,
        R: Fn(common::Client) -> RF + Send + Sync,
        RF: Future<Output = Result<T, Error>> + Send,
    {
        let scan = Arc::new(scan);
        let run = |part: &Part, age: Option<Age>| {
            let view = part.engine.snapshot();
            let clock = part.consensus.clock();
            let scan = Arc::clone(&scan);
            async move {
                tokio::task::spawn_blocking(move || scan(&*view, clock, age))
                    .await
                    .map_err(internal)?
            }
        };
        if let Consistency::Stale { max_age } = consistency {
            let part = self.part()?;
            let result = match age(part, max_age) {
                Ok(age) => run(part, Some(age)).await,
                Err(error) => Err(error),
            };
            self.carried_out(part, call, work, &result);
            return result;
        }
        self.route(
            call,
            work,
            || async {
                let part = self.part()?;
                self.settle(part, call).await?;
                Ok(run(part, None).await?)
            },
            there,
        )
        .await
    }

    /// Waits until the state holds everything acknowledged before the call, and hides what has
    /// ended before it.
    pub(super) async fn settle(&self, part: &Part, call: &Call) -> Result<(), Refusal> {
        barrier(part, call).await?;
        let due = store::next_end(&*part.engine).map_err(internal)?;
        if due.is_some_and(|at| at <= part.consensus.clock()) {
            self.tick(call).await?;
        }
        Ok(())
    }

    /// Brings the clock of the state to now, so that what has ended by the leader's clock is
    /// hidden from this read and from every later one, whoever leads then.
    async fn tick(&self, call: &Call) -> Result<(), Refusal> {
        let tick = Command::Expire { limit: 0 };
        let call = Call { tag: None, ..*call };
        match self.propose(&call, encoded(&call, &tick)?).await {
            Ok(_) => Ok(()),
            // What has ended stays visible with nothing left to live, while nothing can be written.
            Err(Refusal::Final(Error::ReadOnly { .. })) => Ok(()),
            // Whether the tick was written is nothing to a reader.
            Err(Refusal::Final(Error::OutcomeUnknown { reason })) => {
                Err(Refusal::Final(Error::NoLeader { reason }))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// See [`Data::list_leases`](common::api::Data::list_leases).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn list_leases(
        &self,
        call: &Call,
        request: ListLeasesRequest,
    ) -> Result<ListLeasesReply, Error> {
        let _admitted = self.admit()?;
        self.scan(
            call,
            &Work::new(OperationKind::Read),
            request.consistency,
            move |view, clock, _| {
                let found = store::leases(view, request.after, PAGE_ENTRIES).map_err(internal)?;
                let passed = passed(view, clock)?;
                Ok(ListLeasesReply {
                    next: found
                        .last()
                        .filter(|_| found.len() == PAGE_ENTRIES)
                        .map(|lease| lease.id),
                    leases: found
                        .into_iter()
                        .map(|lease| convert::lease(lease, passed))
                        .collect(),
                })
            },
            |leader| async move { leader.list_leases(request).await },
        )
        .await
    }

    /// See [`Data::describe_lease`](common::api::Data::describe_lease).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn describe_lease(
        &self,
        call: &Call,
        request: DescribeLeaseRequest,
    ) -> Result<DescribeLeaseReply, Error> {
        let _admitted = self.admit()?;
        self.scan(
            call,
            &Work::new(OperationKind::Read),
            request.consistency,
            move |view, clock, _| {
                let found = store::describe_lease(view, request.id, LEASE_KEYS);
                let (lease, keys) = found
                    .map_err(internal)?
                    .ok_or(Error::LeaseNotFound { id: request.id })?;
                Ok(DescribeLeaseReply {
                    lease: convert::lease(lease, passed(view, clock)?),
                    keys,
                })
            },
            |leader| async move { leader.describe_lease(request).await },
        )
        .await
    }
}

/// The time since a member last heard from a leader, if it ever did.
type Age = Option<Duration>;

/// How old the state may be, measured before it is read.
fn age(part: &Part, max_age: Option<Duration>) -> Result<Age, Error> {
    let age = part.consensus.since_leader();
    match max_age {
        Some(max_age) if age.is_none_or(|age| age > max_age) => {
            Err(Error::TooStale { age, max_age })
        }
        _ => Ok(age),
    }
}

fn staleness(applied: u64, age: Option<Age>) -> Option<Staleness> {
    age.map(|age| Staleness { applied, age })
}

pub(super) async fn barrier(part: &Part, call: &Call) -> Result<(), Refusal> {
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

fn list(view: &dyn Reader, request: &ListRequest, clock: u64) -> Result<ListReply, Error> {
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
            .map(|(key, found)| entry(key, found, clock))
            .collect(),
        next: page.next,
        revision: applied(view)?,
        staleness: None,
    })
}

/// How much of the time to live of a lease has passed since the clock of the state.
fn passed(view: &dyn Reader, clock: u64) -> Result<u64, Error> {
    let state = store::clock(view).map_err(internal)?;
    Ok(clock.saturating_sub(state))
}

pub(super) fn applied(reader: &dyn Reader) -> Result<u64, Error> {
    let position = store::applied(reader).map_err(internal)?;
    Ok(position.map_or(0, |position| position.index))
}

pub(super) fn read_error(error: store::ReadError) -> Error {
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

pub(super) fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal {
        message: error.to_string(),
    }
}
