//! Tells whether a history of concurrent calls is linearizable: whether all calls can be put in
//! one order in which each takes effect at once, somewhere between its start and its end, and gets
//! the answer that a single copy of the object would have given (Herlihy and Wing,
//! "Linearizability: a correctness condition for concurrent objects", TOPLAS 1990, section 2).
//!
//! ```text
//! call        one call of a history, and what makes a history well formed
//! models      what objects do when nothing is concurrent: a register, a counter, a list, a bank
//! search      looks for the order
//! timeline    the answered calls in order of time, without those that have their place
//! unanswered  the calls whose outcome nobody knows
//! placed      the answered calls that have their place
//! cache       what was searched
//! violation   what is told of a history that has no such order
//! revisions   a second, cheaper check: revisions of writes follow real time
//! ```
//!
//! An order is sought for one object at a time: linearizability is local (Herlihy and Wing,
//! theorem 1), so that each key of a store that has no transactions is a history of its own.
//! [`partition`] makes them.
//!
//! # Calls of unknown outcome
//!
//! A call that was never answered may have taken effect at any time after its start, may do so
//! later, or never. It is in the history with no end, and the order may leave it out. A call that
//! was refused in a way that says "not applied" did not happen and must not be in the history; a
//! condition that did not hold is not such a refusal but an answer, which tells of the state.
//!
//! # Caveats
//!
//! Deciding this is NP-complete (Gibbons and Korach, "Testing shared memories", SIAM J. Comput.
//! 1997), so [`check`] can run out of its budget. It is fast where answers tell much of the state
//! and few calls are under way at once.

mod cache;
mod call;
pub mod models;
mod placed;
pub mod revisions;
mod search;
#[cfg(test)]
mod tests;
mod timeline;
mod unanswered;
mod violation;

use std::{
    fmt::{self, Debug, Display, Formatter},
    hash::Hash,
    time::Duration,
};

pub use call::{Call, partition};
pub use violation::Violation;

/// What an object does when nothing is concurrent.
pub trait Model {
    /// The object's state.
    type State: Clone + Eq + Hash + Debug;

    /// What is asked of the object together with the answer, which counts only in an answered call.
    /// Equal operations are interchangeable.
    type Operation: Clone + Eq + Hash + Debug;

    /// The state before the first call.
    fn initial(&self) -> Self::State;

    /// The state after the call took effect with the answer it got, or, if it is unanswered, after
    /// it took effect with whatever answer. None if that answer, or any effect, is impossible here.
    fn step(
        &self,
        state: &Self::State,
        operation: &Self::Operation,
        answered: bool,
    ) -> Option<Self::State>;

    /// Whether the operation of an ANSWERED call leaves every state in which it is possible as it is.
    /// The search gains much from knowing it, and needs not know.
    fn is_read(&self, _operation: &Self::Operation) -> bool {
        false
    }

    /// Whether the operation of an ANSWERED call is impossible in this state and in all that can
    /// follow it. The search gains much from knowing it, and needs not know.
    fn is_lost(&self, _state: &Self::State, _operation: &Self::Operation) -> bool {
        false
    }

    /// Rewrites the operations of the whole history, which is sorted by starts, into simpler ones that
    /// need the same orders. The more of them are equal, or lead to equal states, the better.
    fn simplify(&self, _calls: &mut [Call<Self::Operation>]) {}

    /// The same object, with what can be told beforehand from all calls of the history: it may
    /// refuse a step that no order of this history needs. None if there is nothing to tell.
    fn learn(&self, _calls: &[Call<Self::Operation>]) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// What [`check`] found.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Violation(Violation),
    /// The budget did not suffice to tell.
    Unknown,
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Linearizable => write!(f, "linearizable"),
            Self::Violation(violation) => write!(f, "{violation}"),
            Self::Unknown => write!(f, "not decided: the budget of the search is used up"),
        }
    }
}

/// Seeks an order of the calls, given in any order, that explains all answers.
///
/// The budget is of time. Apart from it, the search gives up when it holds 8 million
/// configurations, a gigabyte or two of memory.
///
/// # Panics
///
/// If the calls are no history: one ends before it starts, or a client has two under way at once.
/// A client whose call was not answered may go on with the next.
pub fn check<M: Model>(model: &M, calls: &[Call<M::Operation>], budget: Duration) -> Verdict {
    search::run(model, calls, &search::Limits::within(budget)).0
}
