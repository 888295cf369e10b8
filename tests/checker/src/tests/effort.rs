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
    models::{
        Counter, List, Register, bank, counter, list,
        register::{
            Found,
            Operation::{CompareAndSwap, Get},
        },
    },
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

const MANY_UNANSWERED: Load = Load {
    unanswered: 100,
    ..ALL_ANSWERED
};

const LOADS: [Load; 3] = [ALL_ANSWERED, SOME_UNANSWERED, MANY_UNANSWERED];

#[test]
fn of_a_register() {
    for load in &LOADS {
        let register = Register::default();
        let mut calls = busy(&register, load, 1, any_register_call);
        explained(&register, &calls, 20_000);
        // In the middle, and long overwritten.
        let time = calls[5_000].start;
        calls.push(call(99, time, time + 10, Get { value: Some(7) }));
        refused(&register, &calls, 400_000);
    }
}

/// Answers that tell just that a condition did not hold.
#[test]
fn of_a_register_whose_answers_are_vague() {
    for load in &LOADS[..2] {
        let register = Register::default();
        let mut calls = busy(&register, load, 5, |rng, number| {
            match any_register_call(rng, number) {
                CompareAndSwap { expected, new, .. } => CompareAndSwap {
                    expected,
                    new,
                    swapped: false,
                    found: Found::Present,
                },
                other => other,
            }
        });
        explained(&register, &calls, 80_000);
        let time = calls[5_000].start;
        calls.push(call(99, time, time + 10, Get { value: Some(7) }));
        refused(&register, &calls, 500_000);
    }
}

#[test]
fn of_a_counter() {
    for load in &LOADS {
        let counter = Counter::default();
        let mixed = busy(&counter, load, 2, any_counter_call);
        explained(&counter, &mixed, 20_000);
        let mut calls = busy(&counter, load, 2, |rng, number| {
            match any_counter_call(rng, number) {
                counter::Operation::Add { .. } => counter::Operation::unanswered_add(1),
                get => get,
            }
        });
        explained(&counter, &calls, 20_000);
        let time = calls[5_000].start;
        calls.push(call(
            99,
            time,
            time + 10,
            counter::Operation::Get { sum: 7 },
        ));
        refused(&counter, &calls, 20_000);
    }
}

#[test]
fn of_a_list() {
    for load in LOADS {
        let list = List::default();
        let load = Load {
            calls: 3_000,
            ..load
        };
        let mut calls = busy(&list, &load, 3, any_list_call);
        explained(&list, &calls, 4_000);
        let values = Vec::new();
        calls.push(call(99, 1_000, 1_010, list::Operation::Read { values }));
        refused(&list, &calls, 1_000);
    }
}

#[test]
fn of_a_bank() {
    for load in &LOADS {
        let bank = any_bank();
        let mut calls = busy(&bank, load, 4, any_bank_call);
        explained(&bank, &calls, 20_000);
        let time = calls[5_000].start;
        let accounts = vec![7; 4];
        calls.push(call(
            99,
            time,
            time + 10,
            bank::Operation::Read { accounts },
        ));
        refused(&bank, &calls, 20_000);
    }
}
