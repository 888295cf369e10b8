//! A value that is there or not: one key of a store.

use std::{
    collections::HashSet,
    fmt::{self, Debug, Formatter},
    hash::Hash,
};

use crate::{Call, Model};

/// A register, absent at first. Its values are whatever the history has them to be: text, bytes.
///
/// Values that are written once only make a search fast, because an answer then tells which write
/// it saw; nothing depends on it.
#[derive(Clone, Debug)]
pub struct Register<V> {
    /// The values that an answer, or an unanswered compare-and-swap that may matter, can tell from
    /// all others. None if that is not known.
    observed: Option<HashSet<V>>,
}

impl<V> Default for Register<V> {
    fn default() -> Self {
        Self { observed: None }
    }
}

/// What an answer tells of the register as the call found it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Found<V> {
    /// Nothing.
    Untold,
    /// That there was no value.
    Absent,
    /// That there was a value, but not which.
    Present,
    /// The value.
    Value(V),
}

impl<V: PartialEq> Found<V> {
    /// Whether it fits what is there.
    fn fits(&self, state: Option<&V>) -> bool {
        match self {
            Self::Untold => true,
            Self::Absent => state.is_none(),
            Self::Present => state.is_some(),
            Self::Value(value) => state == Some(value),
        }
    }
}

impl<V> Found<V> {
    fn value(&self) -> Option<&V> {
        match self {
            Self::Value(value) => Some(value),
            Self::Untold | Self::Absent | Self::Present => None,
        }
    }

    /// Whether it fits one state only.
    fn is_exact(&self) -> bool {
        matches!(self, Self::Absent | Self::Value(_))
    }
}

impl<V> From<Option<V>> for Found<V> {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

/// What is done with a [`Register`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Operation<V> {
    /// Reads it.
    Get {
        /// The answer: the value, or that there is none.
        value: Option<V>,
    },
    /// Gives it a value, whatever is there.
    Put {
        /// The value.
        value: V,
        /// The answer.
        found: Found<V>,
    },
    /// Takes the value away, if there is one.
    Delete {
        /// The answer.
        found: Found<V>,
    },
    /// Gives it a value, or takes it away, if it is as expected. Where absence is expected, this is
    /// put-if-absent.
    CompareAndSwap {
        /// What must be there.
        expected: Option<V>,
        /// What is there then.
        new: Option<V>,
        /// The answer: whether the expected was there.
        swapped: bool,
        /// The answer, as far as it tells more.
        found: Found<V>,
    },
}

impl<V> Operation<V> {
    /// A put, of whose answer only counts that there was one.
    pub fn put(value: V) -> Self {
        let found = Found::Untold;
        Self::Put { value, found }
    }

    /// A put that needs absence, of whose answer only `swapped` counts.
    pub fn put_if_absent(value: V, swapped: bool) -> Self {
        Self::CompareAndSwap {
            expected: None,
            new: Some(value),
            swapped,
            found: Found::Untold,
        }
    }

    /// A compare-and-swap, of whose answer only `swapped` counts.
    pub fn compare_and_swap(expected: V, new: V, swapped: bool) -> Self {
        Self::CompareAndSwap {
            expected: Some(expected),
            new: Some(new),
            swapped,
            found: Found::Untold,
        }
    }
}

impl<V> Operation<V> {
    /// The values that it tells from others.
    fn names(&self) -> impl Iterator<Item = &V> {
        let (one, other) = match self {
            Self::Get { value } => (value.as_ref(), None),
            Self::Put { found, .. } | Self::Delete { found } => (found.value(), None),
            Self::CompareAndSwap {
                expected, found, ..
            } => (expected.as_ref(), found.value()),
        };
        one.into_iter().chain(other)
    }

    fn forget_answer(&mut self) {
        match self {
            Self::Get { value } => *value = None,
            Self::Put { found, .. } | Self::Delete { found } => *found = Found::Untold,
            Self::CompareAndSwap { swapped, found, .. } => {
                *swapped = true;
                *found = Found::Untold;
            }
        }
    }
}

impl<V: Clone + Eq + Hash + Debug> Model for Register<V> {
    type State = Option<V>;
    type Operation = Operation<V>;

    fn initial(&self) -> Option<V> {
        None
    }

    fn step(
        &self,
        state: &Option<V>,
        operation: &Operation<V>,
        answered: bool,
    ) -> Option<Option<V>> {
        let fits = |found: &Found<V>| !answered || found.fits(state.as_ref());
        let after = match operation {
            Operation::Get { value } => {
                return (!answered || value == state).then(|| state.clone());
            }
            Operation::Put { value, found } => fits(found).then(|| Some(value.clone()))?,
            Operation::Delete { found } => fits(found).then_some(None)?,
            Operation::CompareAndSwap {
                expected,
                new,
                swapped,
                found,
            } => {
                let holds = expected == state;
                if answered && (!fits(found) || holds != *swapped) {
                    return None;
                }
                if holds { new } else { state }.clone()
            }
        };
        let unseen = |value: &V| {
            !self
                .observed
                .as_ref()
                .is_none_or(|seen| seen.contains(value))
        };
        (answered || !after.as_ref().is_some_and(unseen)).then_some(after)
    }

    fn is_read(&self, operation: &Operation<V>) -> bool {
        match operation {
            Operation::Get { .. } => true,
            Operation::CompareAndSwap { swapped, .. } => !swapped,
            Operation::Put { .. } | Operation::Delete { .. } => false,
        }
    }

    /// Makes one of all values that no answer names as found and no compare-and-swap expects: nothing
    /// tells one from another. And an unanswered call has no answer.
    fn simplify(&self, calls: &mut [Call<Operation<V>>]) {
        let mut named = HashSet::new();
        for call in calls.iter_mut() {
            if !call.is_answered() {
                call.operation.forget_answer();
            }
            named.extend(call.operation.names().cloned());
        }
        let mut unnamed = None;
        for call in calls {
            let (Operation::Put { value, .. }
            | Operation::CompareAndSwap {
                new: Some(value), ..
            }) = &mut call.operation
            else {
                continue;
            };
            if !named.contains(value) {
                *value = unnamed.get_or_insert_with(|| value.clone()).clone();
            }
        }
    }

    /// Tells which values are observed: an answer names them as what it found, or an unanswered
    /// compare-and-swap expects them, and its own new value is observed or is absence. An unanswered
    /// call that writes another value is not needed by any order.
    ///
    /// For take all such calls out of an order. The states along it remain as they were, except that
    /// in places an unobserved value gives way to some other state, up to the next call that remains
    /// there and changes the state. What remains has its answer: no answer in such a place names what
    /// it found, for that would be the unobserved value, so it is that of a put or delete which tells
    /// nothing, and after which the state is the same as before. This fails if an answer tells just
    /// that there is a value, or which value is NOT there; then nothing is learned.
    fn learn(&self, calls: &[Call<Operation<V>>]) -> Option<Self> {
        let mut observed = HashSet::new();
        for call in calls.iter().filter(|call| call.is_answered()) {
            let (found, is_vague) = match &call.operation {
                Operation::Get { value } => (value.as_ref(), false),
                Operation::CompareAndSwap {
                    expected,
                    swapped: true,
                    ..
                } => (expected.as_ref(), false),
                Operation::CompareAndSwap { found, .. } => (found.value(), !found.is_exact()),
                Operation::Put { found, .. } | Operation::Delete { found } => {
                    (found.value(), *found == Found::Present)
                }
            };
            if is_vague {
                return None;
            }
            observed.extend(found.cloned());
        }
        let swaps = || {
            calls.iter().filter_map(|call| match &call.operation {
                Operation::CompareAndSwap {
                    expected: Some(expected),
                    new,
                    ..
                } if !call.is_answered() => Some((expected, new.as_ref())),
                _ => None,
            })
        };
        while let Some((expected, _)) = swaps().find(|(expected, new)| {
            !observed.contains(*expected) && new.is_none_or(|new| observed.contains(new))
        }) {
            observed.insert(expected.clone());
        }
        Some(Self {
            observed: Some(observed),
        })
    }
}

impl<V: Debug> Debug for Found<V> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Untold => Ok(()),
            Self::Absent => write!(f, ", found none"),
            Self::Present => write!(f, ", found some"),
            Self::Value(value) => write!(f, ", found {value:?}"),
        }
    }
}

impl<V: Debug> Debug for Operation<V> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let text = |value: &Option<V>| match value {
            Some(value) => format!("{value:?}"),
            None => "none".to_owned(),
        };
        match self {
            Self::Get { value } => write!(f, "get -> {}", text(value)),
            Self::Put { value, found } => write!(f, "put {value:?}{found:?}"),
            Self::Delete { found } => write!(f, "delete{found:?}"),
            Self::CompareAndSwap {
                expected,
                new,
                swapped,
                found,
            } => {
                let outcome = if *swapped { "swapped" } else { "refused" };
                let (expected, new) = (text(expected), text(new));
                write!(f, "swap {expected} for {new} -> {outcome}{found:?}")
            }
        }
    }
}
