//! A number that is added to and read.
//!
//! Unanswered additions of one amount stand for each other, so that only their number matters. Where
//! amounts differ, every combination with the same sum may have to be tried: a history that is not
//! linearizable, and in which many are unanswered, can then be too much for the search.

use std::fmt::{self, Debug, Formatter};

use crate::{Call, Model};

/// A counter, 0 at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// Whether nobody subtracts, so that it never falls.
    only_grows: bool,
}

/// What is done with a [`Counter`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Adds to it.
    Add {
        /// How much; may be negative.
        by: i64,
        /// The answer: what it is then.
        sum: i64,
    },
    /// Reads it.
    Get {
        /// The answer: what it is.
        sum: i64,
    },
}

impl Operation {
    /// An addition that was not answered.
    pub fn unanswered_add(by: i64) -> Self {
        Self::Add { by, sum: 0 }
    }
}

impl Debug for Operation {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Add { by, sum } => write!(f, "add {by} -> {sum}"),
            Self::Get { sum } => write!(f, "get -> {sum}"),
        }
    }
}

impl Model for Counter {
    type State = i64;
    type Operation = Operation;

    fn initial(&self) -> i64 {
        0
    }

    fn step(&self, state: &i64, operation: &Operation, answered: bool) -> Option<i64> {
        let (after, told) = match *operation {
            // One that would overflow is refused.
            Operation::Add { by, sum } => (state.checked_add(by)?, sum),
            Operation::Get { sum } => (*state, sum),
        };
        (!answered || after == told).then_some(after)
    }

    fn is_read(&self, operation: &Operation) -> bool {
        matches!(
            operation,
            Operation::Get { .. } | Operation::Add { by: 0, .. }
        )
    }

    /// A counter that only grows does not come back to what an answer needs.
    fn is_lost(&self, state: &i64, operation: &Operation) -> bool {
        let before = match *operation {
            Operation::Add { by, sum } => sum.wrapping_sub(by),
            Operation::Get { sum } => sum,
        };
        self.only_grows && before < *state
    }

    /// An unanswered call has no answer.
    fn simplify(&self, calls: &mut [Call<Operation>]) {
        for call in calls.iter_mut().filter(|call| !call.is_answered()) {
            match &mut call.operation {
                Operation::Add { sum, .. } | Operation::Get { sum } => *sum = 0,
            }
        }
    }

    fn learn(&self, calls: &[Call<Operation>]) -> Option<Self> {
        let grows = |call: &Call<Operation>| match call.operation {
            Operation::Add { by, .. } => by >= 0,
            Operation::Get { .. } => true,
        };
        Some(Self {
            only_grows: calls.iter().all(grows),
        })
    }
}
