//! Registers: ten keys that are put, read, deleted and swapped, each linearizable by itself.
//!
//! No value is written twice, so that a value tells which write it is of. Because of that a swap
//! that compares revisions means the same as one that compares values, and both ways are used.

mod check;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use common::{
    Error,
    types::{
        Comparison, Condition, Consistency, DeleteRequest, Entry, GetRequest, Lifetime, Operation,
        Operator, PutRequest, Revision, Target, TxnRequest, TxnResult,
    },
};
use rand::RngExt;

use super::{Caller, Workload};
use crate::history::{History, Recorder};
pub(super) use check::{Change, Changes};

/// How many registers there are.
const KEYS: usize = 10;

/// The most calls of one client in a row, without a pause.
const BURST: usize = 6;

/// How likely a client turns to the register that all turn to at the moment: what goes wrong shows
/// where one reads what another has just written.
const CROWD: f64 = 0.6;

/// How long that is one register, in nanoseconds.
const CROWDED: u64 = 250_000_000;

/// What is asked of one register.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Get,
    Put(u64),
    Delete,
    /// Store the second if it holds the first; none for "there is no such key".
    Swap(Option<u64>, u64),
}

/// What an answer tells of a register.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    /// There is no such key.
    Absent,
    /// The value, and the revision that wrote it.
    Value(u64, Revision),
    /// The revision that wrote it.
    Revision(Revision),
    /// Nothing was asked.
    Untold,
}

/// What came back. `before` is what the call found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Found(Seen),
    Written { revision: Revision, before: Seen },
    Deleted { revision: Revision, before: Seen },
    NotSwapped { before: Seen },
}

/// The workload and its history. What is asked is told with the number of the register.
pub(super) struct Registers {
    namespace: String,
    next: AtomicU64,
    recorder: Arc<Recorder>,
    history: History<(usize, Asked), Answer>,
}

fn value(number: u64) -> Bytes {
    number.to_string().into()
}

/// The number that a value stands for.
pub(super) fn number(value: &Bytes) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn seen(entry: Option<Entry>) -> Seen {
    entry.map_or(Seen::Absent, |entry| {
        let number = number(&entry.value).expect("a value of ours");
        Seen::Value(number, entry.revision)
    })
}

/// The key of a register.
pub(super) fn key(register: usize) -> Bytes {
    format!("r{register}").into()
}

impl Registers {
    pub(super) fn new(shift: usize, recorder: &Arc<Recorder>) -> Self {
        Self {
            namespace: format!("registers-{shift}"),
            next: AtomicU64::new(1),
            recorder: Arc::clone(recorder),
            history: History::new("registers", Arc::clone(recorder)),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn fresh(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Reads a register.
    async fn get(&self, caller: &mut Caller, register: usize) -> Option<Answer> {
        let request = GetRequest::new(&self.namespace, key(register), Consistency::Linearizable);
        let client = caller.id;
        let call = async {
            match caller.get(request).await {
                // Before the first put.
                Err(Error::NamespaceNotFound { .. }) => Ok(Answer::Found(Seen::Absent)),
                reply => reply.map(|reply| Answer::Found(seen(reply.entry))),
            }
        };
        let asked = (register, Asked::Get);
        self.history.record(client, "get", asked, call).await
    }

    async fn put(&self, caller: &mut Caller, register: usize) -> Option<Answer> {
        let new = self.fresh();
        let mut request = PutRequest::new(&self.namespace, key(register), value(new));
        request.previous = caller.rng.random_bool(0.5);
        let asked_before = request.previous;
        let client = caller.id;
        let call = async {
            let reply = caller.put(request).await?;
            let before = if asked_before {
                seen(reply.previous)
            } else {
                Seen::Untold
            };
            Ok(Answer::Written {
                revision: reply.revision,
                before,
            })
        };
        let asked = (register, Asked::Put(new));
        self.history.record(client, "put", asked, call).await
    }

    async fn delete(&self, caller: &mut Caller, register: usize) -> Option<Answer> {
        let mut request = DeleteRequest::new(&self.namespace, vec![key(register)]);
        request.previous = true;
        let client = caller.id;
        let call = async {
            match caller.delete(request).await {
                Err(Error::NamespaceNotFound { .. }) => Ok(Answer::Found(Seen::Absent)),
                reply => reply.map(|mut reply| Answer::Deleted {
                    revision: reply.revision,
                    before: seen(reply.previous.pop()),
                }),
            }
        };
        let asked = (register, Asked::Delete);
        self.history.record(client, "delete", asked, call).await
    }

    /// A swap by the revision that wrote the value expected.
    async fn swap_revision(
        &self,
        caller: &mut Caller,
        register: usize,
        expected: Option<(u64, Revision)>,
    ) -> Option<Answer> {
        let new = self.fresh();
        let mut request = PutRequest::new(&self.namespace, key(register), value(new));
        request.condition = Some(match expected {
            Some((_, revision)) => Condition::Revision(revision),
            None => Condition::Absent,
        });
        let client = caller.id;
        let call = async {
            match caller.put(request).await {
                Err(Error::ConditionFailed { current, .. }) => Ok(Answer::NotSwapped {
                    before: current.map_or(Seen::Absent, |found| Seen::Revision(found.revision)),
                }),
                reply => reply.map(|reply| Answer::Written {
                    revision: reply.revision,
                    before: Seen::Untold,
                }),
            }
        };
        let swap = Asked::Swap(expected.map(|(value, _)| value), new);
        self.history
            .record(client, "swap by revision", (register, swap), call)
            .await
    }

    /// A swap by value, as a transaction that reads the register where it is not as expected.
    async fn swap_value(
        &self,
        caller: &mut Caller,
        register: usize,
        expected: Option<u64>,
    ) -> Option<Answer> {
        let new = self.fresh();
        let namespace = || self.namespace.clone();
        let request = TxnRequest {
            compare: vec![Comparison {
                namespace: namespace(),
                key: key(register),
                target: match expected {
                    Some(expected) => Target::Value(Operator::Equal, value(expected)),
                    None => Target::Exists(false),
                },
            }],
            then: vec![Operation::Put {
                namespace: namespace(),
                key: key(register),
                value: value(new),
                lifetime: Lifetime::Default,
                previous: false,
            }],
            otherwise: vec![Operation::Get {
                namespace: namespace(),
                key: key(register),
            }],
        };
        let client = caller.id;
        let call = async {
            let mut reply = caller.txn(request).await?;
            Ok(if reply.succeeded {
                Answer::Written {
                    revision: reply.revision,
                    before: Seen::Untold,
                }
            } else {
                let before = match reply.results.pop() {
                    Some(TxnResult::Get { entry }) => seen(entry),
                    _ => Seen::Untold,
                };
                Answer::NotSwapped { before }
            })
        };
        let asked = (register, Asked::Swap(expected, new));
        self.history
            .record(client, "swap by value", asked, call)
            .await
    }

    /// The register that a client turns to next.
    fn choose(&self, caller: &mut Caller) -> usize {
        if caller.rng.random_bool(CROWD) {
            return (self.recorder.now() / CROWDED) as usize % KEYS;
        }
        caller.rng.random_range(0..KEYS)
    }

    /// Reads any register.
    pub(super) async fn get_any(&self, caller: &mut Caller) {
        let register = self.choose(caller);
        self.get(caller, register).await;
    }

    /// Reads every register through one member. Returns whether all could be read.
    pub(super) async fn read_back(&self, caller: &mut Caller) -> bool {
        let mut well = true;
        for register in 0..KEYS {
            well &= self.get(caller, register).await.is_some();
        }
        well
    }
}

impl Workload for Registers {
    async fn work(&self, caller: &mut Caller) -> bool {
        let register = self.choose(caller);
        // What this client saw last of the register.
        let mut last = None;
        for _ in 0..caller.rng.random_range(1..=BURST) {
            let answer = match caller.rng.random_range(0..100) {
                0..45 => self.get(caller, register).await,
                45..65 => self.put(caller, register).await,
                65..75 => self.delete(caller, register).await,
                75..88 => self.swap_revision(caller, register, last).await,
                _ => {
                    let expected = last.map(|(value, _)| value);
                    self.swap_value(caller, register, expected).await
                }
            };
            match answer {
                None => return false,
                Some(Answer::Found(Seen::Value(value, revision))) => last = Some((value, revision)),
                Some(Answer::Found(_)) => last = None,
                Some(_) => {}
            }
        }
        true
    }
}
