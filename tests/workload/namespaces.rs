//! Namespaces: a few names that all clients create, fill, delete and list, in each other's way.
//!
//! A namespace with its keys is one object here: what a deletion takes away must not shine through
//! its successor of the same name.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use checker::{Model, partition, revisions};
use common::{
    Error,
    types::{
        Consistency, CreateNamespaceRequest, DeleteNamespaceRequest, ListRequest, PutRequest,
        Revision,
    },
};
use rand::RngExt;

use super::{
    Caller, Checked, Evidence, Workload,
    check::{call, linearizable, writes},
};
use crate::history::{History, Recorder};

/// How many names there are.
const NAMES: usize = 3;

/// How many different keys are put into each.
const KEYS: u8 = 6;

/// What is asked of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Create,
    /// Creates the namespace, too, where it is missing.
    Put(u8),
    /// Only if it is empty, or whatever it holds.
    Delete {
        if_empty: bool,
    },
    List,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Created(Revision),
    Exists,
    /// Whether the key was new.
    Stored(Revision, bool),
    /// How many keys it held.
    Deleted(Revision, u64),
    NotFound,
    NotEmpty(u64),
    Keys(BTreeSet<u8>),
}

/// The workload and its history. What is asked is told with the number of the name.
pub(super) struct Namespaces {
    prefix: String,
    history: History<(usize, Asked), Answer>,
}

fn key(number: u8) -> Bytes {
    format!("k{number}").into()
}

fn number(key: &Bytes) -> u8 {
    let digits = key.strip_prefix(b"k").unwrap_or_default();
    let text = std::str::from_utf8(digits).expect("a key of ours");
    text.parse().expect("a key of ours")
}

impl Namespaces {
    pub(super) fn new(shift: usize, recorder: &Arc<Recorder>) -> Self {
        Self {
            prefix: format!("spaces-{shift}"),
            history: History::new("namespaces", Arc::clone(recorder)),
        }
    }

    fn name(&self, number: usize) -> String {
        format!("{}-{number}", self.prefix)
    }

    async fn create(&self, caller: &mut Caller, name: usize) -> bool {
        let request = CreateNamespaceRequest {
            name: self.name(name),
            ..CreateNamespaceRequest::default()
        };
        let client = caller.id;
        let call = async {
            match caller.create_namespace(request).await {
                Err(Error::NamespaceExists { .. }) => Ok(Answer::Exists),
                reply => reply.map(|info| Answer::Created(info.create_revision)),
            }
        };
        let asked = (name, Asked::Create);
        let answer = self.history.record(client, "create", asked, call).await;
        answer.is_some()
    }

    async fn put(&self, caller: &mut Caller, name: usize, number: u8) -> bool {
        let request = PutRequest::new(self.name(name), key(number), "value");
        let client = caller.id;
        let call = async {
            let reply = caller.put(request).await?;
            Ok(Answer::Stored(reply.revision, reply.version == 1))
        };
        let asked = (name, Asked::Put(number));
        let answer = self.history.record(client, "put", asked, call).await;
        answer.is_some()
    }

    async fn delete(&self, caller: &mut Caller, name: usize, if_empty: bool) -> bool {
        let request = DeleteNamespaceRequest {
            name: self.name(name),
            only_if_empty: if_empty,
        };
        let client = caller.id;
        let call = async {
            match caller.delete_namespace(request).await {
                Err(Error::NamespaceNotFound { .. }) => Ok(Answer::NotFound),
                Err(Error::NamespaceNotEmpty { keys, .. }) => Ok(Answer::NotEmpty(keys)),
                reply => reply.map(|reply| Answer::Deleted(reply.revision, reply.keys)),
            }
        };
        let asked = (name, Asked::Delete { if_empty });
        let answer = self.history.record(client, "delete", asked, call).await;
        answer.is_some()
    }

    async fn list(&self, caller: &mut Caller, name: usize) -> bool {
        let request = ListRequest {
            namespace: self.name(name),
            keys_only: true,
            consistency: Consistency::Linearizable,
            ..ListRequest::default()
        };
        let client = caller.id;
        let call = async {
            match caller.list(request).await {
                Err(Error::NamespaceNotFound { .. }) => Ok(Answer::NotFound),
                reply => reply.map(|reply| {
                    let keys = reply.entries.iter().map(|entry| number(&entry.key));
                    Answer::Keys(keys.collect())
                }),
            }
        };
        let asked = (name, Asked::List);
        let answer = self.history.record(client, "list", asked, call).await;
        answer.is_some()
    }

    /// Lists every namespace through one member. Returns whether all could be listed.
    pub(super) async fn read_back(&self, caller: &mut Caller) -> bool {
        let mut well = true;
        for name in 0..NAMES {
            well &= self.list(caller, name).await;
        }
        well
    }

    /// All names.
    pub(super) fn names(&self) -> Vec<String> {
        (0..NAMES).map(|name| self.name(name)).collect()
    }
}

impl Workload for Namespaces {
    async fn work(&self, caller: &mut Caller) -> bool {
        let name = caller.rng.random_range(0..NAMES);
        let number = caller.rng.random_range(0..KEYS);
        match caller.rng.random_range(0..100) {
            0..15 => self.create(caller, name).await,
            15..55 => self.put(caller, name, number).await,
            55..65 => self.delete(caller, name, false).await,
            65..75 => self.delete(caller, name, true).await,
            _ => self.list(caller, name).await,
        }
    }
}

/// One namespace: its keys, or none where it does not exist.
struct Namespace;

impl Model for Namespace {
    type State = Option<BTreeSet<u8>>;
    type Operation = (Asked, Option<Answer>);

    fn initial(&self) -> Self::State {
        None
    }

    fn step(
        &self,
        state: &Self::State,
        (asked, told): &Self::Operation,
        _answered: bool,
    ) -> Option<Self::State> {
        let keys = |state: &BTreeSet<u8>| state.len() as u64;
        // What it is then, and the answer but for the revision.
        let (after, answer) = match (asked, state) {
            (Asked::Create, None) => (Some(BTreeSet::new()), Answer::Created(0)),
            (Asked::Create, Some(_)) => (state.clone(), Answer::Exists),
            (Asked::Put(key), state) => {
                let mut after = state.clone().unwrap_or_default();
                let new = after.insert(*key);
                (Some(after), Answer::Stored(0, new))
            }
            (Asked::Delete { .. } | Asked::List, None) => (None, Answer::NotFound),
            (Asked::Delete { if_empty: true }, Some(held)) if !held.is_empty() => {
                (state.clone(), Answer::NotEmpty(keys(held)))
            }
            (Asked::Delete { .. }, Some(held)) => (None, Answer::Deleted(0, keys(held))),
            (Asked::List, Some(held)) => (state.clone(), Answer::Keys(held.clone())),
        };
        told.as_ref()
            .is_none_or(|told| *told == answer)
            .then_some(after)
    }

    fn is_read(&self, (_, told): &Self::Operation) -> bool {
        matches!(
            told,
            Some(Answer::Exists | Answer::NotFound | Answer::NotEmpty(_) | Answer::Keys(_))
        )
    }
}

/// An answer without its revision, which the model does not know.
fn timeless(answer: &Answer) -> Answer {
    match answer {
        Answer::Created(_) => Answer::Created(0),
        Answer::Stored(_, new) => Answer::Stored(0, *new),
        Answer::Deleted(_, keys) => Answer::Deleted(0, *keys),
        answer => answer.clone(),
    }
}

impl Evidence for Namespaces {
    fn check(&self) -> Checked {
        let calls = self.history.calls();
        let histories = partition(calls.iter().filter_map(|recorded| {
            let call = call(recorded, |(_, asked), answer| {
                // A listing that was not answered tells nothing.
                let tells = answer.is_some() || *asked != Asked::List;
                tells.then(|| (asked.clone(), answer.map(timeless)))
            })?;
            Some((recorded.asked.0, call))
        }));
        let mut checked = Checked::default();
        for (name, calls) in histories {
            let what = format!("namespace {name}");
            checked.absorb(linearizable(&what, &Namespace, &calls));
        }
        checked
    }

    fn written(&self) -> Vec<revisions::Write<String>> {
        writes(&self.history.calls(), |answer| match answer {
            Answer::Created(revision)
            | Answer::Stored(revision, _)
            | Answer::Deleted(revision, _) => Some(*revision),
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

    #[test]
    fn a_key_that_shines_through_a_new_namespace_is_refused() {
        let put = (Asked::Put(1), Some(Answer::Stored(0, true)));
        let delete = (
            Asked::Delete { if_empty: false },
            Some(Answer::Deleted(0, 1)),
        );
        let create = (Asked::Create, Some(Answer::Created(0)));
        let list = |keys: &[u8]| {
            let keys = keys.iter().copied().collect();
            (Asked::List, Some(Answer::Keys(keys)))
        };
        let check = |last| {
            let operations = [put.clone(), delete.clone(), create.clone(), last];
            let calls: Vec<_> = (0..)
                .step_by(2)
                .zip(operations)
                .map(|(start, operation)| checker::Call {
                    client: 1,
                    operation,
                    start,
                    end: Some(start + 1),
                })
                .collect();
            linearizable("it", &Namespace, &calls).violations.len()
        };
        assert_eq!(check(list(&[])), 0);
        assert_eq!(check(list(&[1])), 1);
    }
}
