//! What is told of a history that is not linearizable.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug, Display, Formatter, Write},
};

use crate::{Call, Model};

/// How many states are told apart at the end of the longest orders.
const MAX_STATES: usize = 5;

/// How many calls are shown of the longest order, and of those that nobody knows the outcome of.
const MAX_SHOWN: usize = 12;

/// The longest orders that could be found: those with the most answered calls.
pub(crate) struct Frontier<S> {
    /// How many answered calls they have.
    answered: usize,
    /// One order for each state that they lead to. The first has as few unanswered calls as any.
    orders: Vec<(S, Vec<u32>)>,
    /// How much of the first the search still has as its own.
    agreed: usize,
}

impl<S> Default for Frontier<S> {
    fn default() -> Self {
        Self {
            answered: 0,
            orders: Vec::new(),
            agreed: 0,
        }
    }
}

impl<S: Clone + Eq> Frontier<S> {
    /// Notes an order that cannot be continued.
    pub(crate) fn note(&mut self, answered: usize, order: &[u32], state: &S) {
        if let Some((first, longest)) = self.orders.first_mut() {
            if answered > self.answered || answered == self.answered && order.len() < longest.len()
            {
                // Copying what differs only: many an order is a little longer than the last.
                longest.truncate(self.agreed);
                longest.extend_from_slice(&order[self.agreed..]);
                *first = state.clone();
                if answered > self.answered {
                    self.orders.truncate(1);
                }
            } else {
                let is_other = self.orders.iter().all(|(other, _)| other != state);
                if answered == self.answered && is_other && self.orders.len() < MAX_STATES {
                    self.orders.push((state.clone(), order.to_vec()));
                }
                return;
            }
        } else {
            self.orders.push((state.clone(), order.to_vec()));
        }
        self.agreed = order.len();
        self.answered = answered;
    }

    /// The search goes back so far, and from there its own way.
    pub(crate) fn retreat(&mut self, depth: usize) {
        self.agreed = self.agreed.min(depth);
    }
}

/// Why a history is not linearizable, to be read: how far an order could be found, where it leads
/// to, and which calls cannot come next.
#[derive(Clone)]
pub struct Violation {
    report: String,
}

impl Violation {
    /// The calls are sorted by their starts, and are those that were given, not simplified ones.
    pub(crate) fn new<M: Model>(
        model: &M,
        calls: &[Call<M::Operation>],
        frontier: &Frontier<M::State>,
    ) -> Self {
        let report = Report::new(model, calls, frontier);
        let mut text = String::new();
        report.write(&mut text).expect("writing to a string");
        Self { report: text }
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Debug for Violation {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(&self.report)
    }
}

struct Report<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Operation>],
    frontier: &'a Frontier<M::State>,
    /// One of the longest orders.
    order: &'a [u32],
    placed: BTreeSet<u32>,
    /// The calls that could come next.
    stuck: BTreeSet<u32>,
    /// When the first of them ends.
    horizon: u64,
}

impl<'a, M: Model> Report<'a, M> {
    fn new(
        model: &'a M,
        calls: &'a [Call<M::Operation>],
        frontier: &'a Frontier<M::State>,
    ) -> Self {
        let order = frontier.orders.first().map_or(&[][..], |(_, order)| order);
        let placed: BTreeSet<u32> = order.iter().copied().collect();
        let missing = || {
            (0u32..)
                .zip(calls)
                .filter(|(number, call)| call.is_answered() && !placed.contains(number))
        };
        let horizon = missing()
            .filter_map(|(_, call)| call.end)
            .min()
            .unwrap_or(0);
        let stuck = missing()
            .filter(|(_, call)| call.start <= horizon)
            .map(|(number, _)| number)
            .collect();
        Self {
            model,
            calls,
            frontier,
            order,
            placed,
            stuck,
            horizon,
        }
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let answered = self.calls.iter().filter(|call| call.is_answered()).count();
        let most = self.frontier.answered;
        writeln!(
            text,
            "not linearizable: the longest order found has {most} of {answered} answered calls"
        )?;
        writeln!(text, "its last calls:")?;
        for &number in &self.order[self.order.len().saturating_sub(MAX_SHOWN)..] {
            self.write_call(text, "", number)?;
        }
        for (number, (_, order)) in self.frontier.orders.iter().enumerate() {
            let state = self.state(order);
            let what = if number == 0 {
                "which leads"
            } else {
                "others as long lead"
            };
            writeln!(text, "{what} to the state: {state:?}")?;
        }
        writeln!(text, "where none of these can come next and lead on:")?;
        for &number in &self.stuck {
            self.write_call(text, "", number)?;
        }
        writeln!(text, "all calls of that time, by their starts:")?;
        for number in self.window() {
            let mark = match (self.placed.contains(&number), self.stuck.contains(&number)) {
                (true, _) => "placed",
                (_, true) => "STUCK",
                _ => "",
            };
            self.write_call(text, mark, number)?;
        }
        Ok(())
    }

    /// Where the order leads to. The search may have known it by a simpler name.
    fn state(&self, order: &[u32]) -> M::State {
        let calls = order.iter().map(|&number| &self.calls[number as usize]);
        calls.fold(self.model.initial(), |state, call| {
            self.model
                .step(&state, &call.operation, call.is_answered())
                .expect("the search found it possible")
        })
    }

    /// The calls that overlap those that could come next; of the unanswered ones, the last.
    fn window(&self) -> BTreeSet<u32> {
        let first = self
            .stuck
            .first()
            .map(|&number| self.calls[number as usize].start);
        let started: Vec<_> = (0u32..)
            .zip(self.calls)
            .take_while(|(_, call)| call.start <= self.horizon)
            .collect();
        let answered = started
            .iter()
            .filter(|(_, call)| call.end >= first && call.is_answered());
        let unanswered = started.iter().rev().filter(|(_, call)| !call.is_answered());
        answered
            .chain(unanswered.take(MAX_SHOWN))
            .map(|(number, _)| *number)
            .collect()
    }

    fn write_call(&self, text: &mut String, mark: &str, number: u32) -> fmt::Result {
        let call = &self.calls[number as usize];
        let origin = self.calls.first().map_or(0, |call| call.start);
        let millis = |time: u64| (time - origin) as f64 / 1e6;
        write!(
            text,
            "  {mark:<6} client {:<3} {:>12.6} .. ",
            call.client,
            millis(call.start)
        )?;
        match call.end {
            Some(end) => write!(text, "{:>12.6} ms", millis(end))?,
            None => write!(text, "{:>12} ms", "?")?,
        }
        writeln!(text, "  {:?}", call.operation)
    }
}
