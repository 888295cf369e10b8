//! How many configurations long histories take. They are counted, not timed, so that these tests say
//! the same on every machine.

use super::{
    histories::{call, effort},
    simulated::{
        Load, Simulated, any_bank, any_bank_call, any_counter_call, any_list_call,
        any_register_call, busy,
    },
};
use crate::{
    Call, Verdict,
    models::{Counter, List, Register, list, register::Operation::Get},
};

/// Asserts that the history is linearizable, and takes no more configurations than this.
#[track_caller]
fn explained<M: Simulated>(model: &M, calls: &[Call<M::Operation>], most: usize) {
    let (verdict, configurations) = effort(model, calls);
    assert!(matches!(verdict, Verdict::Linearizable), "{verdict}");
    assert!(configurations <= most, "{configurations} of {most}");
}

/// Asserts that it is not, and that to find out takes no more configurations than this.
#[track_caller]
fn refused<M: Simulated>(model: &M, calls: &[Call<M::Operation>], most: usize) {
    let (verdict, configurations) = effort(model, calls);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict}");
    assert!(configurations <= most, "{configurations} of {most}");
}

const ALL_ANSWERED: Load = Load {
    clients: 8,
    calls: 10_000,
    unanswered: 0,
};

const SOME_UNANSWERED: Load = Load {
    unanswered: 30,
    ..ALL_ANSWERED
};

#[test]
fn of_a_register() {
    for load in [ALL_ANSWERED, SOME_UNANSWERED] {
        let register = Register::default();
        let mut calls = busy(&register, &load, 1, any_register_call);
        explained(&register, &calls, 20_000);
        // In the middle, and long overwritten.
        let time = calls[5_000].start;
        calls.push(call(99, time, time + 10, Get { value: Some(7) }));
        refused(&register, &calls, 200_000);
    }
}

#[test]
fn of_a_counter() {
    for load in [ALL_ANSWERED, SOME_UNANSWERED] {
        let calls = busy(&Counter::default(), &load, 2, any_counter_call);
        explained(&Counter::default(), &calls, 20_000);
    }
}

#[test]
fn of_a_list() {
    let load = Load {
        calls: 3_000,
        ..SOME_UNANSWERED
    };
    let list = List::default();
    let mut calls = busy(&list, &load, 3, any_list_call);
    explained(&list, &calls, 4_000);
    let values = Vec::new();
    calls.push(call(99, 1_000, 1_010, list::Operation::Read { values }));
    refused(&list, &calls, 4_000);
}

#[test]
fn of_a_bank() {
    let bank = any_bank();
    let calls = busy(&bank, &SOME_UNANSWERED, 4, any_bank_call);
    explained(&bank, &calls, 20_000);
}
