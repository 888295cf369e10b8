//! What the clients asked, what came back, and when: the material of every check.
//!
//! One [`Recorder`] is shared by all clients of a run. It has the clock, and counts. Each workload
//! keeps its own calls in a [`History`], because what is asked differs in type.
//!
//! A call ends in one of three ways:
//!
//! - **acknowledged**, with an answer: it took effect between its start and its end;
//! - **refused**, with an error that says "not applied": it must never take effect;
//! - **unknown**: it may take effect at any time after its start, or never.
//!
//! Any other error is a fault of the cluster, and fails the run.

mod progress;

use std::{
    fmt::Debug,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use common::Error;
use serde_json::json;

pub(crate) use progress::{Counts, Progress};

/// How a call ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome<A> {
    /// It took effect, and this was the answer.
    Acknowledged(A),
    /// It had no effect.
    Refused(Error),
    /// Nobody knows.
    Unknown(Error),
}

/// Whether an error means "not applied", "unknown", or is one that no fault excuses.
enum Meaning {
    Refused,
    Unknown,
    Fault,
}

fn meaning(error: &Error) -> Meaning {
    match error {
        Error::OutcomeUnknown { .. } | Error::SessionExpired { .. } => Meaning::Unknown,
        // Not applied, though it is no use to send it again at once.
        Error::ReadOnly { .. } => Meaning::Refused,
        error if error.is_retryable() => Meaning::Refused,
        _ => Meaning::Fault,
    }
}

/// One call. Times are nanoseconds since the run began.
#[derive(Clone, Debug)]
pub(crate) struct Recorded<Q, A> {
    /// Who called.
    pub(crate) client: u32,
    /// What was asked.
    pub(crate) asked: Q,
    /// When, before anything was sent.
    pub(crate) start: u64,
    /// When the answer was there, or the client gave up.
    pub(crate) end: Option<u64>,
    /// How it ended; none for a call that was still under way when the history was read.
    pub(crate) outcome: Option<Outcome<A>>,
}

/// The clock and the counters of a run.
pub(crate) struct Recorder {
    epoch: Instant,
    progress: Mutex<Progress>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            progress: Mutex::default(),
        }
    }
}

impl Recorder {
    /// Nanoseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What was counted so far.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The calls of one workload.
pub(crate) struct History<Q, A> {
    workload: &'static str,
    recorder: Arc<Recorder>,
    calls: Mutex<Vec<Recorded<Q, A>>>,
}

impl<Q: Clone + Debug, A: Clone + Debug> History<Q, A> {
    /// An empty history.
    pub(crate) fn new(workload: &'static str, recorder: Arc<Recorder>) -> Self {
        Self {
            workload,
            recorder,
            calls: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded<Q, A>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call and records it. Returns the answer, if there was one. If this is dropped on the
    /// way, the outcome is unknown. `kind` is what the report counts it under.
    pub(crate) async fn record(
        &self,
        client: u32,
        kind: &'static str,
        asked: Q,
        call: impl Future<Output = Result<A, Error>>,
    ) -> Option<A> {
        let ticket = self.begin(client, asked);
        let result = call.await;
        self.end(ticket, kind, result)
    }

    fn begin(&self, client: u32, asked: Q) -> usize {
        let mut calls = self.lock();
        calls.push(Recorded {
            client,
            asked,
            start: self.recorder.now(),
            end: None,
            outcome: None,
        });
        calls.len() - 1
    }

    fn end(&self, ticket: usize, kind: &'static str, result: Result<A, Error>) -> Option<A> {
        let end = self.recorder.now();
        let mut progress = self.recorder.progress();
        let (outcome, answer) = match result {
            Ok(answer) => {
                progress.acknowledged(self.workload, kind);
                (Outcome::Acknowledged(answer.clone()), Some(answer))
            }
            Err(error) => match meaning(&error) {
                Meaning::Refused => {
                    progress.refused(self.workload, kind);
                    (Outcome::Refused(error), None)
                }
                Meaning::Unknown => {
                    progress.unknown(self.workload, kind);
                    (Outcome::Unknown(error), None)
                }
                Meaning::Fault => {
                    progress.fault(format!("{} {kind}: {error}", self.workload));
                    (Outcome::Unknown(error), None)
                }
            },
        };
        drop(progress);
        let mut calls = self.lock();
        let call = &mut calls[ticket];
        call.end = Some(end);
        call.outcome = Some(outcome);
        answer
    }

    /// All calls so far, in the order of their starts.
    pub(crate) fn calls(&self) -> Vec<Recorded<Q, A>> {
        self.lock().clone()
    }

    /// Writes all calls, one JSON object a line.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        for call in &*self.lock() {
            let (outcome, answer) = match &call.outcome {
                None => ("pending", String::new()),
                Some(Outcome::Acknowledged(answer)) => ("acknowledged", format!("{answer:?}")),
                Some(Outcome::Refused(error)) => ("refused", error.to_string()),
                Some(Outcome::Unknown(error)) => ("unknown", error.to_string()),
            };
            let line = json!({
                "workload": self.workload,
                "client": call.client,
                "start": call.start,
                "end": call.end,
                "asked": format!("{:?}", call.asked),
                "outcome": outcome,
                "answer": answer,
            });
            writeln!(to, "{line}")?;
        }
        Ok(())
    }
}
