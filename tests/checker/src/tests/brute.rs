//! Every order of a small history, tried one by one, must give the same verdict.

use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};

use super::{
    histories::is_linearizable,
    simulated::{Simulated, Turn, simulate},
};
use crate::{
    Call, Model,
    models::{
        Bank, Counter, List, Register,
        bank::{self, Change, Outcome},
        counter, list,
        register::{self, Found},
    },
};

/// Whether any order explains the calls that are left: no cache, no rule, nothing learned.
fn any_order<M: Model>(model: &M, state: &M::State, left: &mut Vec<Call<M::Operation>>) -> bool {
    let Some(horizon) = left.iter().filter_map(|call| call.end).min() else {
        return true;
    };
    (0..left.len()).any(|index| {
        if left[index].start > horizon {
            return false;
        }
        let call = left.swap_remove(index);
        let after = model.step(state, &call.operation, call.is_answered());
        let found = after.is_some_and(|after| any_order(model, &after, left));
        left.push(call);
        let last = left.len() - 1;
        left.swap(index, last);
        found
    })
}

/// What a client does in turn: the answer comes from a simulation, or else is the one given here.
type Plan<O> = Vec<(u32, Turn<O>, Option<O>)>;

fn any_plan<O: Clone + std::fmt::Debug + 'static>(
    operation: impl Strategy<Value = O> + Clone + 'static,
) -> impl Strategy<Value = Plan<O>> {
    let turn = (operation.clone(), 0..3u64, 0..4u64, 0..4u64, 0..10u8).prop_map(
        |(operation, pause, before, after, fate)| Turn {
            operation,
            pause,
            // What nobody answers may happen late.
            before: if fate < 3 { 4 * before } else { before },
            after,
            answered: fate >= 3,
            takes_effect: fate != 0,
        },
    );
    let wrong = prop_oneof![4 => Just(None), 1 => operation.prop_map(Some)];
    vec((0..4u32, turn, wrong), 0..8)
}

/// Runs the plan and puts the wrong answers in.
fn history<M: Simulated>(model: &M, plan: &Plan<M::Operation>) -> Vec<Call<M::Operation>> {
    let turns = plan.iter().map(|(client, turn, _)| (*client, turn.clone()));
    let mut calls = simulate(model, turns);
    for (call, (.., wrong)) in calls.iter_mut().zip(plan) {
        if let Some(wrong) = wrong {
            call.operation = wrong.clone();
        }
    }
    calls
}

fn agrees<M: Simulated>(model: &M, plan: &Plan<M::Operation>) -> TestCaseResult {
    let calls = history(model, plan);
    let explained = any_order(model, &model.initial(), &mut calls.clone());
    prop_assert_eq!(is_linearizable(model, &calls), explained, "{:#?}", calls);
    let right = plan.iter().all(|(.., wrong)| wrong.is_none());
    prop_assert!(explained || !right, "it really was atomic: {:#?}", calls);
    Ok(())
}

fn any_value() -> impl Strategy<Value = u8> + Clone {
    0..4u8
}

fn any_found() -> impl Strategy<Value = Found<u8>> + Clone {
    prop_oneof![
        6 => Just(Found::Untold),
        1 => Just(Found::Absent),
        1 => Just(Found::Present),
        4 => any_value().prop_map(Found::Value),
    ]
}

/// Where the answers are vague, nothing can be learned beforehand.
fn any_register_call(
    found: impl Strategy<Value = Found<u8>> + Clone,
) -> impl Strategy<Value = register::Operation<u8>> + Clone {
    use register::Operation::{CompareAndSwap, Delete, Get, Put};
    let optional = || proptest::option::weighted(0.8, any_value());
    prop_oneof![
        3 => optional().prop_map(|value| Get { value }),
        3 => (any_value(), found.clone()).prop_map(|(value, found)| Put { value, found }),
        1 => found.clone().prop_map(|found| Delete { found }),
        3 => (optional(), optional(), any::<bool>(), found).prop_map(
            |(expected, new, swapped, found)| CompareAndSwap { expected, new, swapped, found }
        ),
    ]
}

fn any_counter_call() -> impl Strategy<Value = counter::Operation> + Clone {
    use counter::Operation::{Add, Get};
    prop_oneof![
        3 => (-1..3i64, -1..5i64).prop_map(|(by, sum)| Add { by, sum }),
        1 => (-1..5i64).prop_map(|sum| Get { sum }),
    ]
}

fn any_list_call() -> impl Strategy<Value = list::Operation<u8>> + Clone {
    use list::Operation::{Append, Read};
    prop_oneof![
        2 => any_value().prop_map(|value| Append { value }),
        2 => vec(any_value(), 0..4).prop_map(|values| Read { values }),
    ]
}

fn any_bank_call() -> impl Strategy<Value = bank::Operation<u8>> + Clone {
    use bank::Operation::{Read, Transfer};
    let held = 0..3u8;
    let change = |account| {
        (0..3u8, 0..3u8).prop_map(move |(before, after)| Change {
            account,
            before,
            after,
        })
    };
    let changes = prop_oneof![
        (change(0), change(1)).prop_map(|(one, other)| vec![one, other]),
        change(1).prop_map(|change| vec![change]),
    ];
    let found = proptest::option::of((0..2usize, held.clone())).prop_map(Vec::from_iter);
    let outcome = prop_oneof![
        1 => Just(Outcome::Applied),
        1 => found.prop_map(|found| Outcome::Refused { found }),
    ];
    prop_oneof![
        3 => (changes, outcome).prop_map(|(changes, outcome)| Transfer { changes, outcome }),
        1 => vec(held, 2).prop_map(|accounts| Read { accounts }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn of_a_register(plan in any_plan(any_register_call(any_found()))) {
        agrees(&Register::default(), &plan)?;
    }

    #[test]
    fn of_a_register_whose_answers_are_exact(
        plan in any_plan(any_register_call(any_value().prop_map(Found::Value)))
    ) {
        agrees(&Register::default(), &plan)?;
    }

    #[test]
    fn of_a_counter(plan in any_plan(any_counter_call())) {
        agrees(&Counter::default(), &plan)?;
    }

    #[test]
    fn of_a_list(plan in any_plan(any_list_call())) {
        agrees(&List::default(), &plan)?;
    }

    #[test]
    fn of_a_bank(plan in any_plan(any_bank_call())) {
        agrees(&Bank::new(vec![1, 1]), &plan)?;
    }
}
