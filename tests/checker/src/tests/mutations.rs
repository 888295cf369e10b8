//! Histories of an atomic register, list, counter and bank with one thing changed that no order
//! explains: each must be refused. That it cannot be explained is certain because values are unique
//! and the calls concerned are not concurrent.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    histories::is_linearizable,
    simulated::{Load, any_bank, any_bank_call, any_counter_call, any_list_call, busy},
};
use crate::{
    Call,
    models::{
        Counter, List, Register,
        bank::{self, Outcome},
        counter, list,
        register::{self, Operation::Get},
    },
};

type Numbers = Register<usize>;
type RegisterCall = Call<register::Operation<usize>>;

/// How many histories each mutation is made in.
const SEEDS: u64 = 60;

const LOAD: Load = Load {
    clients: 6,
    calls: 200,
    unanswered: 30,
};

/// Puts and gets, half and half.
fn register_history(seed: u64) -> Vec<RegisterCall> {
    busy(&Register::default(), &LOAD, seed, |rng, number| {
        match rng.random() {
            true => register::Operation::put(number),
            false => Get { value: None },
        }
    })
}

fn precedes<O>(one: &Call<O>, other: &Call<O>) -> bool {
    one.end.is_some_and(|end| end < other.start)
}

fn is_put(call: &RegisterCall) -> bool {
    matches!(call.operation, register::Operation::Put { .. })
}

fn got(call: &RegisterCall) -> Option<Option<usize>> {
    match call.operation {
        Get { value } if call.is_answered() => Some(value),
        _ => None,
    }
}

/// The number of any call that satisfies the condition.
fn any<O>(rng: &mut StdRng, calls: &[Call<O>], is: impl Fn(&Call<O>) -> bool) -> Option<usize> {
    let numbers: Vec<_> = (0..calls.len())
        .filter(|&number| is(&calls[number]))
        .collect();
    numbers.choose(rng).copied()
}

/// Any get that was answered.
fn any_get(rng: &mut StdRng, calls: &[RegisterCall]) -> Option<usize> {
    any(rng, calls, |call| got(call).is_some())
}

/// In many histories: as it is, it is linearizable; mutated, it is not. Where the mutation finds no
/// occasion, it tries elsewhere in the same history.
fn refused(mutate: impl Fn(&mut StdRng, &mut Vec<RegisterCall>) -> Option<()>) {
    for seed in 0..SEEDS {
        let calls = register_history(seed);
        assert!(is_linearizable(&Numbers::default(), &calls), "seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mutated = (0..1_000)
            .find_map(|_| {
                let mut mutated = calls.clone();
                mutate(&mut rng, &mut mutated).map(|()| mutated)
            })
            .expect("an occasion");
        assert!(
            !is_linearizable(&Numbers::default(), &mutated),
            "seed {seed}"
        );
    }
}

#[test]
fn a_stale_read() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        let last = any(rng, calls, |put| is_put(put) && precedes(put, &calls[get]))?;
        let stale = any(rng, calls, |put| is_put(put) && precedes(put, &calls[last]))?;
        calls[get].operation = Get { value: Some(stale) };
        Some(())
    });
}

#[test]
fn a_read_of_nothing_after_a_write() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        any(rng, calls, |put| is_put(put) && precedes(put, &calls[get]))?;
        calls[get].operation = Get { value: None };
        Some(())
    });
}

#[test]
fn a_lost_write() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        let found = got(&calls[get]).flatten()?;
        // As if another put had happened in between and left no trace.
        let (start, end) = (calls[found].end? + 1, calls[get].start.checked_sub(1)?);
        calls.push(Call {
            client: 99,
            operation: register::Operation::put(9_999),
            start,
            end: Some((start <= end).then_some(end)?),
        });
        Some(())
    });
}

#[test]
fn a_write_carried_out_twice() {
    refused(|rng, calls| {
        let last = any_get(rng, calls)?;
        let between = any(rng, calls, |get| {
            got(get).is_some() && precedes(get, &calls[last])
        })?;
        let first = any(rng, calls, |get| {
            got(get) != got(&calls[between]) && precedes(get, &calls[between])
        })?;
        let value = Some(got(&calls[first]).flatten()?);
        calls[last].operation = Get { value };
        Some(())
    });
}

#[test]
fn two_reads_in_the_wrong_order() {
    refused(|rng, calls| {
        let later = any_get(rng, calls)?;
        let value = got(&calls[later]).flatten()?;
        let earlier = any(rng, calls, |get| {
            let found = got(get).flatten();
            precedes(get, &calls[later])
                && found.is_some_and(|found| precedes(&calls[found], &calls[value]))
        })?;
        calls[later].operation = calls[earlier].operation.clone();
        calls[earlier].operation = Get { value: Some(value) };
        Some(())
    });
}

#[test]
fn a_value_that_nobody_wrote() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        calls[get].operation = Get { value: Some(9_999) };
        Some(())
    });
}

#[test]
fn a_value_from_the_future() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        let future = any(rng, calls, |put| is_put(put) && precedes(&calls[get], put))?;
        calls[get].operation = Get {
            value: Some(future),
        };
        Some(())
    });
}

#[test]
fn a_write_that_was_refused_and_yet_seen() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        calls.remove(got(&calls[get]).flatten()?);
        Some(())
    });
}

#[test]
fn a_swap_that_succeeded_twice() {
    refused(|rng, calls| {
        let get = any_get(rng, calls)?;
        let expected = got(&calls[get]).flatten()?;
        calls.extend([100, 101].map(|client| Call {
            client,
            operation: register::Operation::compare_and_swap(expected, client as usize + 900, true),
            start: 0,
            end: Some(u64::MAX),
        }));
        Some(())
    });
}

#[test]
fn an_unknown_outcome_is_no_mutation() {
    for seed in 0..SEEDS {
        let mut calls = register_history(seed);
        let mut rng = StdRng::seed_from_u64(seed);
        for call in calls.iter_mut().filter(|call| is_put(call)) {
            if rng.random_ratio(1, 5) {
                call.end = None;
            }
        }
        assert!(is_linearizable(&Numbers::default(), &calls), "seed {seed}");
    }
}

#[test]
fn a_counter_that_counted_one_too_many_or_too_few() {
    let all_answered = Load {
        unanswered: 0,
        ..LOAD
    };
    for seed in 0..SEEDS {
        let mut calls = busy(&Counter::default(), &all_answered, seed, any_counter_call);
        assert!(is_linearizable(&Counter::default(), &calls), "seed {seed}");
        // Whatever the order, the last addition's answer is the sum of all, which nobody was told.
        for call in &mut calls[LOAD.calls / 2..] {
            let (counter::Operation::Add { sum, .. } | counter::Operation::Get { sum }) =
                &mut call.operation;
            *sum += if seed % 2 == 0 { 1 } else { -1 };
        }
        assert!(!is_linearizable(&Counter::default(), &calls), "seed {seed}");
    }
}

#[test]
fn a_list_that_lost_repeated_turned_or_invented_values() {
    for seed in 0..SEEDS {
        let calls = busy(&List::default(), &LOAD, seed, any_list_call);
        assert!(is_linearizable(&List::default(), &calls), "seed {seed}");
        let read = any(&mut StdRng::seed_from_u64(seed), &calls, |call| {
            matches!(&call.operation, list::Operation::Read { values } if values.len() >= 8)
                && call.is_answered()
        });
        // What is first in one list and not in another is in the wrong place in one of them.
        let mutations: [fn(&mut Vec<usize>); 4] = [
            |values| values.rotate_left(1),
            |values| values.push(values[0]),
            |values| values.swap(0, 7),
            |values| values.push(9_999),
        ];
        for (number, mutate) in mutations.iter().enumerate() {
            let mut calls = calls.clone();
            match &mut calls[read.expect("a long list")].operation {
                list::Operation::Read { values } => mutate(values),
                list::Operation::Append { .. } => unreachable!("it is a read"),
            }
            let refused = !is_linearizable(&List::default(), &calls);
            assert!(refused, "seed {seed}, mutation {number}");
        }
    }
}

#[test]
fn a_transfer_of_which_half_was_seen() {
    for seed in 0..SEEDS {
        let bank = any_bank();
        let mut calls = busy(&bank, &LOAD, seed, any_bank_call);
        assert!(is_linearizable(&bank, &calls), "seed {seed}");
        // What a read found just before a transfer, but with one of the two accounts as after it.
        let half = calls.iter().find_map(|call| match &call.operation {
            bank::Operation::Transfer { changes, outcome } if *outcome == Outcome::Applied => {
                let one = changes[0].clone();
                let read = calls.iter().position(|call| {
                    matches!(&call.operation, bank::Operation::Read { accounts }
                        if accounts.get(one.account) == Some(&one.before))
                        && call.is_answered()
                })?;
                Some((read, one))
            }
            _ => None,
        });
        let (read, change) = half.expect("a read before a transfer");
        match &mut calls[read].operation {
            bank::Operation::Read { accounts } => accounts[change.account] = change.after,
            bank::Operation::Transfer { .. } => unreachable!("it is a read"),
        }
        assert!(!is_linearizable(&bank, &calls), "seed {seed}");
    }
}
