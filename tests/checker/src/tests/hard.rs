//! Shapes that are known to be hard for checkers, or easy to get wrong.

use super::histories::{call, effort, is_linearizable, unanswered};
use crate::{
    Call, Verdict,
    models::{
        Counter, Register, counter,
        register::{
            Found,
            Operation::{self, CompareAndSwap, Delete, Get},
        },
    },
};

type Calls = Vec<Call<Operation<u32>>>;

fn get(value: impl Into<Option<u32>>) -> Operation<u32> {
    let value = value.into();
    Get { value }
}

fn put(value: u32) -> Operation<u32> {
    Operation::put(value)
}

fn swap(expected: u32, new: u32, swapped: bool) -> Operation<u32> {
    Operation::compare_and_swap(expected, new, swapped)
}

fn explained(calls: &Calls) -> bool {
    is_linearizable(&Register::default(), calls)
}

/// The example of porcupine's documentation: one long put, a get of it, and a get of what was there
/// before that may, or may not, have come first.
#[test]
fn a_long_put_and_two_gets() {
    let mut calls = vec![
        call(0, 0, 100, put(100)),
        call(1, 25, 75, get(100)),
        call(2, 30, 60, get(None)),
    ];
    assert!(explained(&calls));
    calls[1] = call(1, 10, 30, get(100));
    calls[2] = call(2, 40, 90, get(None));
    assert!(!explained(&calls));
}

#[test]
fn an_empty_history() {
    assert!(explained(&vec![]));
    assert!(explained(&vec![unanswered(0, 1, put(1))]));
    assert!(
        explained(&vec![unanswered(0, 1, get(7))]),
        "nobody was told"
    );
}

/// Calls that meet at one instant are concurrent.
#[test]
fn calls_that_meet() {
    let meeting = |start| {
        vec![
            call(0, 0, 10, put(1)),
            call(1, start, 20, get(None)),
            call(1, 21, 30, get(1)),
        ]
    };
    assert!(explained(&meeting(10)));
    assert!(!explained(&meeting(11)));
}

/// Knossos' register that is read before anybody wrote: what is absent is a value too.
#[test]
fn a_register_that_is_absent_again() {
    let mut calls = vec![
        call(0, 0, 1, get(None)),
        call(0, 2, 3, put(1)),
        call(
            0,
            4,
            5,
            Delete {
                found: Found::Value(1),
            },
        ),
        call(0, 6, 7, get(None)),
        call(
            0,
            8,
            9,
            Delete {
                found: Found::Absent,
            },
        ),
        call(0, 10, 11, Operation::put_if_absent(2, true)),
        call(0, 12, 13, Operation::put_if_absent(3, false)),
        call(0, 14, 15, get(2)),
    ];
    assert!(explained(&calls));
    calls.remove(2);
    assert!(!explained(&calls));
}

/// As in histories of etcd under partitions: swaps that were refused, timed out, or happened late.
#[test]
fn swaps_of_which_some_timed_out() {
    let mut calls = vec![
        call(0, 0, 10, swap(4, 1, false)),
        unanswered(1, 5, put(3)),
        call(2, 6, 20, get(None)),
        call(0, 11, 30, swap(3, 4, true)),
        unanswered(3, 25, swap(4, 2, false)),
        call(2, 31, 40, get(4)),
        call(0, 41, 50, swap(2, 0, false)),
        call(4, 45, 60, get(2)),
        call(2, 61, 70, swap(2, 5, true)),
    ];
    assert!(explained(&calls));
    // It happened, and cannot happen again.
    calls.push(call(2, 71, 80, put(4)));
    calls.push(call(2, 81, 90, get(2)));
    assert!(!explained(&calls));
}

/// All at once, in the worst order: only one chain of swaps explains the last read.
#[test]
fn a_chain_of_swaps() {
    let count = 300;
    let chain = |broken: Option<u32>| -> Calls {
        let swaps = (0..count)
            .rev()
            .filter(|number| Some(*number) != broken)
            .map(|number| call(number + 1, 10, 1_000, swap(number, number + 1, true)));
        let first = call(0, 0, 5, put(0));
        let last = call(0, 1_001, 1_002, get(count));
        [first].into_iter().chain(swaps).chain([last]).collect()
    };
    assert!(explained(&chain(None)));
    assert!(!explained(&chain(Some(count / 2))));
}

/// The same where nobody knows of every other swap whether it happened.
#[test]
fn a_chain_of_swaps_of_which_half_are_unanswered() {
    let count = 200;
    let chain = |missing: Option<u32>| -> Calls {
        let swaps = (0..count)
            .rev()
            .filter(|number| Some(*number) != missing)
            .map(|number| Call {
                end: (number % 2 == 0).then_some(1_000),
                ..call(number + 1, 10, 1_000, swap(number, number + 1, true))
            });
        let first = call(0, 0, 5, put(0));
        let last = call(0, 1_001, 1_002, get(count));
        [first].into_iter().chain(swaps).chain([last]).collect()
    };
    assert!(explained(&chain(None)));
    assert!(
        !explained(&chain(Some(101))),
        "an unanswered one is missing"
    );
    assert!(!explained(&chain(Some(100))), "an answered one is missing");
}

/// Each of many writes that nobody knows of may happen between any two reads, but only once.
#[test]
fn reads_between_unknown_writes() {
    let count = 100;
    let mut calls: Calls = (0..count)
        .map(|number| unanswered(number, 0, put(number)))
        .collect();
    calls.extend((0..count).map(|number| {
        let start = u64::from(10 + 10 * number);
        let value = (number * 37) % count;
        call(500, start, start + 5, get(value))
    }));
    assert!(explained(&calls));
    let again = call(500, 10_000, 10_001, get(0));
    calls.push(again);
    assert!(!explained(&calls));
}

/// Knossos' worst case: crashed writes pile up while a few clients go on.
#[test]
fn unknown_writes_that_pile_up() {
    let mut calls = Calls::new();
    for round in 0..400u32 {
        let start = u64::from(100 * round);
        calls.push(unanswered(1_000 + round, start, put(100_000 + round)));
        calls.push(call(0, start + 10, start + 30, put(round)));
        calls.push(call(1, start + 20, start + 60, get(round)));
        calls.push(call(2, start + 40, start + 80, get(round)));
    }
    let (verdict, configurations) = effort(&Register::default(), &calls);
    assert!(matches!(verdict, Verdict::Linearizable), "{verdict}");
    assert!(configurations < 3_000, "{configurations}");
    calls.push(call(0, 50_000, 50_001, get(17)));
    let (verdict, configurations) = effort(&Register::default(), &calls);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict}");
    assert!(configurations < 3_000, "{configurations}");
}

/// Values that come and go: equal unanswered calls stand for each other.
#[test]
fn equal_calls_of_unknown_outcome() {
    let count = 60;
    let mut calls: Calls = (0..count)
        .map(|number| unanswered(number, 0, swap(number % 2, (number + 1) % 2, true)))
        .collect();
    calls.push(call(900, 1, 2, put(0)));
    calls.extend((0..count).map(|number| {
        let start = u64::from(10 + 10 * number);
        call(900, start, start + 5, get((number + 1) % 2))
    }));
    let (verdict, configurations) = effort(&Register::default(), &calls);
    assert!(matches!(verdict, Verdict::Linearizable), "{verdict}");
    assert!(configurations < 1_000, "{configurations}");
    calls.push(call(900, 10_000, 10_001, get(1)));
    let (verdict, configurations) = effort(&Register::default(), &calls);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict}");
    assert!(configurations < 10_000, "{configurations}");
}

/// An unanswered write may happen long after everything else began.
#[test]
fn a_write_that_happens_late() {
    let mut calls = vec![unanswered(0, 0, put(1))];
    for round in 0..50u32 {
        let start = u64::from(10 * round + 1);
        calls.push(call(1, start, start + 3, put(100 + round)));
        calls.push(call(1, start + 4, start + 6, get(100 + round)));
    }
    calls.push(call(1, 1_000, 1_001, get(1)));
    assert!(explained(&calls));
    calls.push(call(1, 1_002, 1_003, get(149)));
    assert!(!explained(&calls));
}

/// A write that was answered is not seen, a read of it is.
#[test]
fn a_refused_swap_tells_of_the_state() {
    let refused = |found| CompareAndSwap {
        expected: Some(1),
        new: Some(9),
        swapped: false,
        found,
    };
    let history = |found| {
        vec![
            call(0, 0, 1, put(1)),
            unanswered(1, 0, put(2)),
            call(0, 2, 3, refused(found)),
        ]
    };
    assert!(
        explained(&history(Found::Untold)),
        "the unanswered put came between"
    );
    assert!(explained(&history(Found::Present)));
    assert!(explained(&history(Found::Value(2))));
    assert!(!explained(&history(Found::Value(1))));
    assert!(!explained(&history(Found::Absent)));
}

/// Only as many unanswered additions as it takes, of equal ones any.
#[test]
fn a_sum_of_unknown_additions() {
    let mut calls: Vec<_> = (0..200)
        .map(|client| unanswered(client, 0, counter::Operation::unanswered_add(1)))
        .collect();
    calls.push(call(900, 10, 11, counter::Operation::Get { sum: 150 }));
    calls.push(call(
        900,
        12,
        13,
        counter::Operation::Add { by: 5, sum: 205 },
    ));
    assert!(is_linearizable(&Counter::default(), &calls));
    calls.push(call(900, 14, 15, counter::Operation::Get { sum: 206 }));
    assert!(!is_linearizable(&Counter::default(), &calls));
}
