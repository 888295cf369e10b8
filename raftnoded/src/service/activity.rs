//! What a member does: counted as it does it, told to whoever looks.
//!
//! A request is counted where it is carried out: by the leader, or for a stale read by the member
//! that was asked. One that was passed on is counted over there and not here, so that the members
//! can be summed; one that was refused at sight was not carried out by anybody.
//!
//! Counting is on the way of every request. It reads the clock once, adds to two counters that no
//! lock guards, and looks the namespace up under a lock that is shared by all but the first request
//! of a namespace.

mod line;
mod spaces;

use common::{
    Error,
    types::{
        Activity, ActivityRequest, Latencies, MAX_LOG_TAIL, OperationActivity, OperationKind,
        TxnRequest,
    },
};
use histogram::AtomicHistogram;

use super::{Call, Part, Service, limits::namespaces_of, read::internal};
use crate::store;
use line::line;
use spaces::{Spaces, Worth};

/// What a request counts as.
pub(super) struct Work<'a> {
    kind: OperationKind,
    subject: Subject<'a>,
}

/// Where a request counts.
enum Subject<'a> {
    Nowhere,
    Namespace(&'a str),
    /// Once in each namespace that it names.
    Txn(&'a TxnRequest),
}

impl<'a> Work<'a> {
    /// About no keys.
    pub(super) fn new(kind: OperationKind) -> Self {
        let subject = Subject::Nowhere;
        Self { kind, subject }
    }

    /// About keys of a namespace.
    pub(super) fn of(kind: OperationKind, namespace: &'a str) -> Self {
        let subject = Subject::Namespace(namespace);
        Self { kind, subject }
    }

    pub(super) fn txn(request: &'a TxnRequest) -> Self {
        let subject = Subject::Txn(request);
        let kind = OperationKind::Txn;
        Self { kind, subject }
    }
}

/// What this member carried out since it began.
pub(super) struct Counts {
    /// By the position in [`OperationKind::ALL`].
    operations: [AtomicHistogram; OperationKind::ALL.len()],
    spaces: Spaces,
}

impl Default for Counts {
    fn default() -> Self {
        let config = Latencies::config();
        Self {
            operations: OperationKind::ALL.map(|_| AtomicHistogram::with_config(&config)),
            spaces: Spaces::default(),
        }
    }
}

impl Counts {
    /// A request was carried out, with this result. `exists` knows the namespaces.
    fn add<T>(
        &self,
        call: &Call,
        work: &Work<'_>,
        result: &Result<T, Error>,
        exists: impl Fn(&str) -> bool,
    ) {
        let latency = Latencies::value(call.began.elapsed());
        // Never out of range: see `Latencies::value`.
        let _ = self.operations[work.kind as usize].increment(latency);
        let worth = match result {
            Ok(_) => Worth::Exists,
            Err(Error::NamespaceNotFound { .. }) => return,
            Err(_) => Worth::Unknown,
        };
        let write = work.kind.is_write();
        match work.subject {
            Subject::Nowhere => {}
            Subject::Namespace(name) => {
                self.spaces.add(name, write, worth);
            }
            Subject::Txn(request) => {
                let mut counted = Vec::new();
                for name in namespaces_of(request) {
                    if counted.contains(&name) {
                        continue;
                    }
                    counted.push(name);
                    // It succeeds without looking at all that it names.
                    if !self.spaces.add(name, write, Worth::Unknown)
                        && worth == Worth::Exists
                        && exists(name)
                    {
                        self.spaces.add(name, write, Worth::Exists);
                    }
                }
            }
        }
    }

    fn operations(&self) -> Vec<OperationActivity> {
        let kinds = OperationKind::ALL.into_iter().zip(&self.operations);
        kinds
            .map(|(kind, counted)| OperationActivity {
                kind,
                latencies: Latencies::of(&counted.load()),
            })
            .filter(|operation| operation.latencies.count() > 0)
            .collect()
    }
}

impl Service {
    /// Counts a request that was carried out here, with this result.
    pub(super) fn carried_out<T>(
        &self,
        part: &Part,
        call: &Call,
        work: &Work<'_>,
        result: &Result<T, Error>,
    ) {
        // A state that cannot be read ends the member elsewhere.
        let exists = |name: &str| store::exists(&*part.engine, name).unwrap_or(false);
        self.counts.add(call, work, result, exists);
    }

    /// See [`Control::activity`](common::api::Control::activity). Answered in every state of the
    /// member.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn activity(&self, request: &ActivityRequest) -> Result<Activity, Error> {
        let mut activity = Activity {
            operations: self.counts.operations(),
            ..Activity::default()
        };
        let Some(part) = self.part.get() else {
            return Ok(activity);
        };
        activity.elections = part.consensus.elections();
        if request.namespaces {
            let engine = part.engine.clone();
            let counted = self.counts.spaces.told();
            let sorted = tokio::task::spawn_blocking(move || {
                let mut gone = Vec::new();
                let mut there = Vec::with_capacity(counted.len());
                for space in counted {
                    if store::exists(&*engine, &space.name).map_err(internal)? {
                        there.push(space);
                    } else {
                        gone.push(space.name);
                    }
                }
                Ok::<_, Error>((there, gone))
            });
            let (there, gone) = sorted.await.map_err(internal)??;
            self.counts.spaces.let_go(&gone);
            activity.namespaces = there;
        }
        if request.log_tail > 0 {
            let log = part.consensus.log().clone();
            let count = request.log_tail.min(MAX_LOG_TAIL) as usize;
            let told = tokio::task::spawn_blocking(move || {
                let lines = log.tail(count)?.into_iter();
                Ok::<_, std::io::Error>(lines.map(line).collect())
            });
            activity.log = told.await.map_err(internal)?.map_err(internal)?;
        }
        Ok(activity)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use common::types::{Comparison, Lifetime, Operation, Target};

    use super::*;

    fn call(ago: Duration) -> Call {
        let now = Instant::now();
        Call {
            began: now.checked_sub(ago).unwrap(),
            deadline: now,
            follow_leader: false,
            tag: None,
        }
    }

    #[test]
    fn each_kind_is_counted_under_its_own_name() {
        for (position, kind) in OperationKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
            let counts = Counts::default();
            counts.add(&call(Duration::ZERO), &Work::new(kind), &Ok(()), |_| false);
            let told = counts.operations();
            assert_eq!(told.len(), 1);
            assert_eq!((told[0].kind, told[0].latencies.count()), (kind, 1));
        }
    }

    #[test]
    fn latencies_are_taken_from_the_start_of_the_request() {
        let counts = Counts::default();
        let put = &Work::of(OperationKind::Put, "n");
        counts.add(&call(Duration::from_secs(3)), put, &Ok(()), |_| false);
        // Longer than what is told apart: counted all the same.
        counts.add(&call(Duration::from_secs(600)), put, &Ok(()), |_| false);
        let told = &counts.operations()[0].latencies;
        assert_eq!(told.count(), 2);
        let least = told.quantile(0.0).unwrap();
        let seconds = Duration::from_secs(3)..Duration::from_millis(3300);
        assert!(seconds.contains(&least), "{least:?}");
        assert!(told.quantile(1.0).unwrap() > Duration::from_secs(60));
    }

    #[test]
    fn namespaces_are_counted_once_they_are_known_to_exist() {
        let counts = Counts::default();
        let call = call(Duration::ZERO);
        let told = || {
            let spaces = counts.spaces.told().into_iter();
            spaces
                .map(|space| (space.name, space.writes, space.reads))
                .collect::<Vec<_>>()
        };
        let unknown = Err::<(), _>(Error::NamespaceNotFound {
            namespace: "n".to_owned(),
        });
        let refused = Err::<(), _>(Error::ViewNotFound);
        let (put, get) = (OperationKind::Put, OperationKind::Get);
        counts.add(&call, &Work::of(get, "n"), &unknown, |_| false);
        counts.add(&call, &Work::of(put, "n"), &refused, |_| false);
        assert_eq!(told(), []);
        counts.add(&call, &Work::of(put, "n"), &Ok(()), |_| false);
        counts.add(&call, &Work::of(put, "n"), &refused, |_| false);
        counts.add(&call, &Work::of(get, "n"), &Ok(()), |_| false);
        assert_eq!(told(), [("n".to_owned(), 2, 1)]);
        // Refusals take their time, too.
        assert_eq!(counts.operations()[0].latencies.count(), 3);
    }

    #[test]
    fn a_transaction_counts_once_in_each_namespace_that_there_is() {
        let put = |namespace: &str| Operation::Put {
            namespace: namespace.to_owned(),
            key: "k".into(),
            value: "v".into(),
            lifetime: Lifetime::Default,
            previous: false,
        };
        let request = TxnRequest {
            compare: vec![Comparison {
                namespace: "c".to_owned(),
                key: "k".into(),
                target: Target::Exists(false),
            }],
            then: vec![put("a"), put("b"), put("a")],
            otherwise: vec![put("made-up")],
        };
        let counts = Counts::default();
        let told = || {
            let spaces = counts.spaces.told().into_iter();
            spaces
                .map(|space| (space.name, space.writes, space.reads))
                .collect::<Vec<_>>()
        };
        let exists = |name: &str| name != "made-up";
        let (call, work) = (call(Duration::ZERO), Work::txn(&request));
        let refused = Err::<(), _>(Error::ShuttingDown);
        counts.add(&call, &work, &refused, exists);
        assert_eq!(told(), []);
        counts.add(&call, &work, &Ok(()), exists);
        counts.add(&call, &work, &refused, exists);
        let expected = ["a", "b", "c"].map(|name| (name.to_owned(), 2, 0));
        assert_eq!(told(), expected);
    }
}
