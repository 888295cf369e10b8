//! Unique appends: lists that only grow, each element put at the end of what was read before.
//!
//! An append reads the list, and stores it with one element more if it is still as it was read.
//! An element that was appended stands in the list exactly once, for ever after; whatever was read
//! is how the list begins. A list that has grown long is left, and a new one begun.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use checker::{
    models::{List, list::Operation as ListOperation},
    partition, revisions,
};
use common::{
    Error,
    types::{
        Comparison, Consistency, GetRequest, Lifetime, Operation, Operator, Revision, Target,
        TxnRequest,
    },
};
use rand::RngExt;

use super::{
    Caller, Checked, Evidence, Workload,
    check::{call, linearizable, writes},
};
use crate::history::{History, Outcome, Recorded, Recorder};

/// How many lists grow at a time.
const LISTS: u64 = 3;

/// The length at which a list is left.
const LONG: usize = 40;

/// What is asked of one list.
#[derive(Clone, Debug)]
enum Asked {
    Read,
    Append(u64),
}

/// What came back.
#[derive(Clone, Debug)]
enum Answer {
    Elements(Vec<u64>),
    Appended(Revision),
    /// Somebody else was faster.
    NotAppended,
}

type Call = Recorded<(u64, Asked), Answer>;

/// The workload and its history. What is asked is told with the number of the list.
pub(super) struct Appends {
    namespace: String,
    next: AtomicU64,
    /// The lists that grow are those from this number on.
    first: AtomicU64,
    history: History<(u64, Asked), Answer>,
}

fn elements(value: &Bytes) -> Vec<u64> {
    let text = std::str::from_utf8(value).expect("a list of ours");
    text.split(',')
        .map(|element| element.parse().expect("an element of ours"))
        .collect()
}

fn value(elements: &[u64]) -> Bytes {
    let words: Vec<String> = elements.iter().map(u64::to_string).collect();
    words.join(",").into()
}

impl Appends {
    pub(super) fn new(shift: usize, recorder: &Arc<Recorder>) -> Self {
        Self {
            namespace: format!("appends-{shift}"),
            next: AtomicU64::new(1),
            first: AtomicU64::new(0),
            history: History::new("appends", Arc::clone(recorder)),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn key(list: u64) -> Bytes {
        format!("list{list}").into()
    }

    async fn read(&self, caller: &mut Caller, list: u64) -> Option<Vec<u64>> {
        let request = GetRequest::new(&self.namespace, Self::key(list), Consistency::Linearizable);
        let client = caller.id;
        let call = async {
            let entry = match caller.get(request).await {
                // Before the first append.
                Err(Error::NamespaceNotFound { .. }) => None,
                reply => reply?.entry,
            };
            let found = entry.map(|entry| elements(&entry.value));
            Ok(Answer::Elements(found.unwrap_or_default()))
        };
        let asked = (list, Asked::Read);
        match self.history.record(client, "read", asked, call).await? {
            Answer::Elements(elements) => Some(elements),
            _ => None,
        }
    }

    async fn append(&self, caller: &mut Caller, list: u64, read: &[u64]) -> Option<Answer> {
        let element = self.next.fetch_add(1, Ordering::Relaxed);
        let target = if read.is_empty() {
            Target::Exists(false)
        } else {
            Target::Value(Operator::Equal, value(read))
        };
        let request = TxnRequest {
            compare: vec![Comparison {
                namespace: self.namespace.clone(),
                key: Self::key(list),
                target,
            }],
            then: vec![Operation::Put {
                namespace: self.namespace.clone(),
                key: Self::key(list),
                value: value(&[read, &[element]].concat()),
                lifetime: Lifetime::Default,
                previous: false,
            }],
            otherwise: Vec::new(),
        };
        let client = caller.id;
        let call = async {
            let reply = caller.txn(request).await?;
            Ok(if reply.succeeded {
                Answer::Appended(reply.revision)
            } else {
                Answer::NotAppended
            })
        };
        let asked = (list, Asked::Append(element));
        self.history.record(client, "append", asked, call).await
    }

    /// Reads every list through one member. Returns whether all could be read.
    pub(super) async fn read_back(&self, caller: &mut Caller) -> bool {
        let mut well = true;
        for list in 0..self.first.load(Ordering::Relaxed) + LISTS {
            well &= self.read(caller, list).await.is_some();
        }
        well
    }
}

impl Workload for Appends {
    async fn work(&self, caller: &mut Caller) -> bool {
        let first = self.first.load(Ordering::Relaxed);
        let list = first + caller.rng.random_range(0..LISTS);
        let Some(read) = self.read(caller, list).await else {
            return false;
        };
        if read.len() >= LONG {
            // Whoever sees it first moves on; a list is left as soon as one of its row is long.
            let next = list - list % LISTS + LISTS;
            self.first.fetch_max(next, Ordering::Relaxed);
            return true;
        }
        self.append(caller, list, &read).await.is_some()
    }
}

/// What must be true of one list, whatever the order of the calls: the longest read begins with all
/// others, and has each acknowledged element once, no refused one, and none twice.
fn exactly_once(list: u64, calls: &[Call]) -> Vec<String> {
    let mut violations = Vec::new();
    let reads = calls.iter().filter_map(|call| match &call.outcome {
        Some(Outcome::Acknowledged(Answer::Elements(elements))) => Some(elements),
        _ => None,
    });
    let Some(longest) = reads.clone().max_by_key(|elements| elements.len()) else {
        return violations;
    };
    for read in reads {
        if !longest.starts_with(read) {
            violations.push(format!(
                "list {list} was read as {read:?} and as {longest:?}"
            ));
        }
    }
    let mut there = BTreeSet::new();
    for element in longest {
        if !there.insert(*element) {
            violations.push(format!("list {list} has {element} twice: {longest:?}"));
        }
    }
    for call in calls {
        let Asked::Append(element) = call.asked.1 else {
            continue;
        };
        let (must, told) = match &call.outcome {
            Some(Outcome::Acknowledged(Answer::Appended(_))) => (true, "acknowledged"),
            Some(Outcome::Acknowledged(_)) => (false, "not appended"),
            Some(Outcome::Refused(_)) => (false, "refused"),
            _ => continue,
        };
        if there.contains(&element) != must {
            let found = if must { "is missing" } else { "is there" };
            violations.push(format!(
                "list {list}: element {element}, {told}, {found}: {longest:?}"
            ));
        }
    }
    violations
}

/// A call on a list as the model has it; none for one that tells nothing.
fn operation(asked: &Asked, answer: Option<&Answer>) -> Option<ListOperation<u64>> {
    match (asked, answer) {
        (Asked::Read, Some(Answer::Elements(elements))) => Some(ListOperation::Read {
            values: elements.clone(),
        }),
        (Asked::Append(value), None | Some(Answer::Appended(_))) => {
            Some(ListOperation::Append { value: *value })
        }
        _ => None,
    }
}

impl Evidence for Appends {
    fn check(&self) -> Checked {
        let calls = self.history.calls();
        let mut checked = Checked::default();
        let histories = partition(calls.iter().filter_map(|recorded| {
            let call = call(recorded, |(_, asked), answer| operation(asked, answer))?;
            Some((recorded.asked.0, call))
        }));
        for (list, history) in histories {
            let what = format!("list {list}");
            checked.absorb(linearizable(&what, &List::default(), &history));
            let of_list = calls.iter().filter(|call| call.asked.0 == list);
            let of_list: Vec<Call> = of_list.cloned().collect();
            checked.violations.extend(exactly_once(list, &of_list));
        }
        checked
    }

    fn written(&self) -> Vec<revisions::Write<String>> {
        writes(&self.history.calls(), |answer| match answer {
            Answer::Appended(revision) => Some(*revision),
            _ => None,
        })
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.history.write(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(asked: Asked, answer: Answer) -> Call {
        Recorded {
            client: 1,
            asked: (0, asked),
            start: 0,
            end: Some(1),
            outcome: Some(Outcome::Acknowledged(answer)),
        }
    }

    #[test]
    fn an_element_that_is_missing_or_there_twice_or_not_appended_is_found() {
        let found = |elements: &[u64]| {
            let calls = [
                call(Asked::Append(1), Answer::Appended(5)),
                call(Asked::Append(2), Answer::NotAppended),
                call(Asked::Read, Answer::Elements(vec![1])),
                call(Asked::Read, Answer::Elements(elements.to_vec())),
            ];
            exactly_once(0, &calls).len()
        };
        assert_eq!(found(&[1, 3]), 0);
        assert_eq!(found(&[1, 1]), 1);
        assert_eq!(found(&[1, 2]), 1);
        // Neither does it begin as it was read before.
        assert_eq!(found(&[3, 4]), 2);
    }
}
