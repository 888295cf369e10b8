//! Histories of objects that really are atomic: each call takes effect at one instant between its
//! start and its end.

use std::{collections::BTreeMap, hash::Hash};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::histories::is_linearizable;
use crate::{
    Call, Model,
    models::{
        Bank, Counter, List, Register,
        bank::{self, Change, Outcome},
        counter, list,
        register::{self, Found},
    },
};

/// A model that can be carried out.
pub(super) trait Simulated: Model {
    /// The operation with the answer that it gets in this state, in as much detail as it had.
    fn answer(&self, state: &Self::State, operation: &Self::Operation) -> Self::Operation;
}

/// What a client does next.
#[derive(Clone, Debug)]
pub(super) struct Turn<O> {
    /// Its answer is made up by the simulation.
    pub(super) operation: O,
    /// From the client's last call to this one.
    pub(super) pause: u64,
    /// From the start to when it takes effect.
    pub(super) before: u64,
    /// From there to the answer.
    pub(super) after: u64,
    /// Whether the answer arrives.
    pub(super) answered: bool,
    /// Whether it takes effect. What is answered always does.
    pub(super) takes_effect: bool,
}

/// What came of the turns, in their order.
pub(super) fn simulate<M: Simulated>(
    model: &M,
    turns: impl IntoIterator<Item = (u32, Turn<M::Operation>)>,
) -> Vec<Call<M::Operation>> {
    let mut free = BTreeMap::<u32, u64>::new();
    let mut calls = Vec::new();
    let mut effects = Vec::new();
    for (client, turn) in turns {
        let free = free.entry(client).or_default();
        let start = *free + turn.pause;
        let effect = start + turn.before;
        let end = effect + turn.after;
        // Nobody waits for ever.
        *free = if turn.answered { end } else { start + 1 };
        if turn.takes_effect {
            effects.push((effect, calls.len()));
        }
        calls.push(Call {
            client,
            operation: turn.operation,
            start,
            end: turn.answered.then_some(end),
        });
    }
    effects.sort_unstable();
    let mut state = model.initial();
    for (_, index) in effects {
        let call: &mut Call<M::Operation> = &mut calls[index];
        call.operation = model.answer(&state, &call.operation);
        state = model
            .step(&state, &call.operation, true)
            .expect("the answer is possible");
    }
    calls
}

/// How a random history goes.
pub(super) struct Load {
    pub(super) clients: u32,
    pub(super) calls: usize,
    /// How many calls of a thousand are not answered.
    pub(super) unanswered: u32,
}

/// Clients that call without pause, of whose calls each is made by its number.
pub(super) fn busy<M: Simulated>(
    model: &M,
    load: &Load,
    seed: u64,
    mut operation: impl FnMut(&mut StdRng, usize) -> M::Operation,
) -> Vec<Call<M::Operation>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let turns: Vec<_> = (0..load.calls)
        .map(|number| {
            let client = number as u32 % load.clients;
            let answered = !rng.random_ratio(load.unanswered, 1000);
            let turn = Turn {
                operation: operation(&mut rng, number),
                pause: rng.random_range(1..20),
                before: rng.random_range(1..100),
                after: rng.random_range(1..100),
                answered,
                takes_effect: answered || rng.random(),
            };
            (client, turn)
        })
        .collect();
    simulate(model, turns)
}

impl<V: Clone + Eq + Hash + std::fmt::Debug> Simulated for Register<V> {
    fn answer(&self, state: &Option<V>, operation: &Self::Operation) -> Self::Operation {
        use register::Operation::{CompareAndSwap, Delete, Get, Put};
        let told = |found: &Found<V>| match found {
            Found::Untold => Found::Untold,
            Found::Present if state.is_some() => Found::Present,
            _ => state.clone().into(),
        };
        match operation.clone() {
            Get { .. } => Get {
                value: state.clone(),
            },
            Put { value, found } => Put {
                value,
                found: told(&found),
            },
            Delete { found } => Delete {
                found: told(&found),
            },
            CompareAndSwap {
                expected,
                new,
                found,
                ..
            } => CompareAndSwap {
                swapped: expected == *state,
                expected,
                new,
                found: told(&found),
            },
        }
    }
}

impl Simulated for Counter {
    fn answer(&self, state: &i64, operation: &Self::Operation) -> Self::Operation {
        use counter::Operation::{Add, Get};
        match *operation {
            Add { by, .. } => Add {
                by,
                sum: state + by,
            },
            Get { .. } => Get { sum: *state },
        }
    }
}

impl<V: Clone + Eq + Hash + std::fmt::Debug> Simulated for List<V> {
    fn answer(&self, state: &Self::State, operation: &Self::Operation) -> Self::Operation {
        use list::Operation::{Append, Read};
        match operation {
            Append { .. } => operation.clone(),
            Read { .. } => Read {
                values: state.iter().cloned().collect(),
            },
        }
    }
}

impl<V: Clone + Eq + Hash + std::fmt::Debug> Simulated for Bank<V> {
    fn answer(&self, state: &Vec<V>, operation: &Self::Operation) -> Self::Operation {
        use bank::Operation::{Read, Transfer};
        match operation {
            Read { .. } => Read {
                accounts: state.clone(),
            },
            Transfer { changes, outcome } => {
                let mut changes = changes.clone();
                let asked = match outcome {
                    Outcome::Refused { found } => &found[..],
                    // Those who mean it to be applied know what the accounts hold.
                    Outcome::Applied => {
                        for change in &mut changes {
                            change.before = state[change.account].clone();
                        }
                        &[]
                    }
                };
                let is_met = changes
                    .iter()
                    .all(|change| state[change.account] == change.before);
                let told = asked
                    .iter()
                    .map(|(account, _)| (*account, state[*account].clone()));
                let outcome = match is_met {
                    true => Outcome::Applied,
                    false => Outcome::Refused {
                        found: told.collect(),
                    },
                };
                Transfer { changes, outcome }
            }
        }
    }
}

/// Register calls of all kinds; values are written once only.
pub(super) fn any_register_call(rng: &mut StdRng, number: usize) -> register::Operation<usize> {
    use register::Operation::{CompareAndSwap, Delete, Get, Put};
    // What a client is likely to know: one of the last values.
    let known = |rng: &mut StdRng| Some(number.saturating_sub(rng.random_range(1..12)));
    match rng.random_range(0..20) {
        0..9 => Get { value: None },
        9..14 => Put {
            value: number,
            found: Found::Untold,
        },
        14 => Delete {
            found: Found::Absent,
        },
        15 => Put {
            value: number,
            found: Found::Absent,
        },
        _ => CompareAndSwap {
            expected: known(rng),
            new: Some(number),
            swapped: false,
            found: Found::Absent,
        },
    }
}

/// Additions of 1 to 3, and reads.
pub(super) fn any_counter_call(rng: &mut StdRng, _: usize) -> counter::Operation {
    match rng.random_range(0..4) {
        0 => counter::Operation::Get { sum: 0 },
        by => counter::Operation::Add { by, sum: 0 },
    }
}

/// Appends of unique values, and reads.
pub(super) fn any_list_call(rng: &mut StdRng, number: usize) -> list::Operation<usize> {
    match rng.random_ratio(1, 4) {
        true => list::Operation::Read { values: Vec::new() },
        false => list::Operation::Append { value: number },
    }
}

/// Four accounts.
pub(super) fn any_bank() -> Bank<usize> {
    Bank::new(vec![90_000, 90_001, 90_002, 90_003])
}

/// Transfers between two accounts, which leave their own number, and reads.
pub(super) fn any_bank_call(rng: &mut StdRng, number: usize) -> bank::Operation<usize> {
    if rng.random_ratio(1, 3) {
        return bank::Operation::Read {
            accounts: Vec::new(),
        };
    }
    let from = rng.random_range(0..4);
    let to = (from + rng.random_range(1..4)) % 4;
    let change = |account| Change {
        account,
        before: 0,
        after: number,
    };
    bank::Operation::Transfer {
        changes: vec![change(from), change(to)],
        outcome: match rng.random_ratio(1, 5) {
            true => Outcome::Refused {
                found: vec![(from, 0)],
            },
            false => Outcome::Applied,
        },
    }
}

#[test]
fn atomic_objects_are_linearizable() {
    for seed in 0..40 {
        let load = Load {
            clients: 1 + seed as u32 % 10,
            calls: 400,
            unanswered: 30,
        };
        let register = Register::default();
        let calls = busy(&register, &load, seed, any_register_call);
        assert!(is_linearizable(&register, &calls), "seed {seed}");
        let calls = busy(&Counter::default(), &load, seed, any_counter_call);
        assert!(is_linearizable(&Counter::default(), &calls), "seed {seed}");
        let list = List::default();
        let calls = busy(&list, &load, seed, any_list_call);
        assert!(is_linearizable(&list, &calls), "seed {seed}");
        let bank = any_bank();
        let calls = busy(&bank, &load, seed, any_bank_call);
        assert!(is_linearizable(&bank, &calls), "seed {seed}");
    }
}
