//! Counters: what is added is added exactly once, however often it is sent.
//!
//! Every addition belongs to a session. A roaming client sends it again by itself; a pinned one does
//! so here, with the same number, until it has an answer or has tried often enough.

use std::{
    io::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use checker::{
    models::{Counter, counter::Operation},
    partition, revisions,
};
use common::{
    Error,
    types::{Consistency, GetRequest, IncrementReply, IncrementRequest, Lifetime, Revision},
};
use rand::RngExt;

use super::{
    Caller, Checked, Evidence, PAUSE, Workload,
    check::{call, linearizable, writes},
};
use crate::history::{History, Recorder};

/// How many counters there are.
const COUNTERS: usize = 2;

/// How often a pinned client sends an addition.
const ATTEMPTS: usize = 4;

/// What is asked of one counter.
#[derive(Clone, Debug)]
enum Asked {
    Get,
    Add(i64),
}

/// What came back.
#[derive(Clone, Debug)]
enum Answer {
    Sum(i64),
    Added(i64, Revision),
}

/// The workload and its history. What is asked is told with the number of the counter.
pub(super) struct Counters {
    namespace: String,
    history: History<(usize, Asked), Answer>,
}

fn key(counter: usize) -> Bytes {
    format!("c{counter}").into()
}

impl Counters {
    pub(super) fn new(shift: usize, recorder: &Arc<Recorder>) -> Self {
        Self {
            namespace: format!("counters-{shift}"),
            history: History::new("counters", Arc::clone(recorder)),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    async fn get(&self, caller: &mut Caller, counter: usize) -> bool {
        let request = GetRequest::new(&self.namespace, key(counter), Consistency::Linearizable);
        let client = caller.id;
        let call = async {
            let entry = match caller.get(request).await {
                // Before the first addition.
                Err(Error::NamespaceNotFound { .. }) => None,
                reply => reply?.entry,
            };
            let sum = entry.map_or(0, |entry| {
                let text = std::str::from_utf8(&entry.value).expect("a number");
                text.parse().expect("a number")
            });
            Ok(Answer::Sum(sum))
        };
        let asked = (counter, Asked::Get);
        let answer = self.history.record(client, "get", asked, call).await;
        answer.is_some()
    }

    async fn add(&self, caller: &mut Caller, counter: usize, by: i64) -> bool {
        let request = IncrementRequest {
            namespace: self.namespace.clone(),
            key: key(counter),
            by,
            lifetime: Lifetime::Keep,
        };
        let client = caller.id;
        let call = async {
            let reply = increment(caller, request).await?;
            Ok(Answer::Added(reply.value, reply.revision))
        };
        let asked = (counter, Asked::Add(by));
        let answer = self.history.record(client, "add", asked, call).await;
        answer.is_some()
    }

    /// Reads every counter through one member. Returns whether all could be read.
    pub(super) async fn read_back(&self, caller: &mut Caller) -> bool {
        let mut well = true;
        for counter in 0..COUNTERS {
            well &= self.get(caller, counter).await;
        }
        well
    }
}

/// One addition, sent again under its number while nobody knows what became of it.
async fn increment(
    caller: &mut Caller,
    request: IncrementRequest,
) -> Result<IncrementReply, Error> {
    let Some(tag) = caller.tag().await? else {
        return caller.increment(None, request).await;
    };
    let mut doubt = None;
    for _ in 0..ATTEMPTS {
        match caller.increment(Some(tag), request.clone()).await {
            Err(error @ Error::OutcomeUnknown { .. }) => doubt = Some(error),
            // This attempt did nothing; one before may have.
            Err(error) if doubt.is_some() && error.is_retryable() => {}
            answer => return answer,
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(doubt.expect("an attempt that was refused is the last one"))
}

impl Workload for Counters {
    async fn work(&self, caller: &mut Caller) -> bool {
        let counter = caller.rng.random_range(0..COUNTERS);
        if caller.rng.random_bool(0.2) {
            return self.get(caller, counter).await;
        }
        let by = caller.rng.random_range(1..=5);
        self.add(caller, counter, by).await
    }
}

impl Evidence for Counters {
    /// The model tells more than the sum: every answer is a sum that the additions before it give.
    fn check(&self) -> Checked {
        let calls = self.history.calls();
        let histories = partition(calls.iter().filter_map(|recorded| {
            let call = call(recorded, |(_, asked), answer| match (asked, answer) {
                (Asked::Get, Some(Answer::Sum(sum))) => Some(Operation::Get { sum: *sum }),
                (Asked::Add(by), Some(Answer::Added(sum, _))) => {
                    Some(Operation::Add { by: *by, sum: *sum })
                }
                (Asked::Add(by), None) => Some(Operation::unanswered_add(*by)),
                _ => None,
            })?;
            Some((recorded.asked.0, call))
        }));
        let mut checked = Checked::default();
        for (counter, calls) in histories {
            let what = format!("counter {counter}");
            checked.absorb(linearizable(&what, &Counter::default(), &calls));
        }
        checked
    }

    fn written(&self) -> Vec<revisions::Write<String>> {
        writes(&self.history.calls(), |answer| match answer {
            Answer::Added(_, revision) => Some(*revision),
            _ => None,
        })
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.history.write(to)
    }
}
