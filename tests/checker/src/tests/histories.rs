//! How tests write a history down.

use std::time::Duration;

use crate::{Call, Model, Verdict, check, search};

/// A call that was answered.
pub(super) fn call<O>(client: u32, start: u64, end: u64, operation: O) -> Call<O> {
    Call {
        client,
        operation,
        start,
        end: Some(end),
    }
}

/// A call of unknown outcome.
pub(super) fn unanswered<O>(client: u32, start: u64, operation: O) -> Call<O> {
    Call {
        client,
        operation,
        start,
        end: None,
    }
}

/// The verdict, which must be reached within a generous time.
pub(super) fn is_linearizable<M: Model>(model: &M, calls: &[Call<M::Operation>]) -> bool {
    match check(model, calls, Duration::from_secs(60)) {
        Verdict::Linearizable => true,
        Verdict::Violation(_) => false,
        Verdict::Unknown => panic!("undecided: {calls:#?}"),
    }
}

/// The verdict, and how many configurations it took. Undecided after a million.
pub(super) fn effort<M: Model>(model: &M, calls: &[Call<M::Operation>]) -> (Verdict, usize) {
    let limits = search::Limits {
        deadline: None,
        configurations: 1_000_000,
    };
    search::run(model, calls, &limits)
}
