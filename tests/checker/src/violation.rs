//! What is told of a history that is not linearizable.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug, Display, Formatter, Write},
};

use crate::Call;

/// How many states are told apart at the end of the longest orders.
const MAX_STATES: usize = 5;

/// How many calls are shown of the longest order, and of those that nobody knows the outcome of.
const MAX_SHOWN: usize = 12;

/// The most answered calls that could be put in order.
pub(crate) struct Frontier<S> {
    /// How many they are.
    answered: usize,
    /// In order, with those of the unanswered ones that it takes, as few as possible.
    order: Vec<u32>,
    /// How much of the order the search still has as its own.
    agreed: usize,
    /// Where the order, and others with as many answered calls, lead to.
    states: Vec<S>,
}

impl<S> Default for Frontier<S> {
    fn default() -> Self {
        Self {
            answered: 0,
            order: Vec::new(),
            agreed: 0,
            states: Vec::new(),
        }
    }
}

impl<S: Clone + Eq> Frontier<S> {
    /// Notes an order that cannot be continued.
    pub(crate) fn note(&mut self, answered: usize, order: &[u32], state: &S) {
        let is_longer = self.states.is_empty() || answered > self.answered;
        if is_longer {
            self.states.clear();
        } else if answered < self.answered {
            return;
        }
        if is_longer || order.len() < self.order.len() {
            self.order.truncate(self.agreed);
            self.order.extend_from_slice(&order[self.agreed..]);
            self.agreed = order.len();
            self.answered = answered;
            self.states.retain(|other| other != state);
            self.states.insert(0, state.clone());
            self.states.truncate(MAX_STATES);
        } else if self.states.len() < MAX_STATES && !self.states.contains(state) {
            self.states.push(state.clone());
        }
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
    /// The calls are sorted by their starts.
    pub(crate) fn new<O: Debug, S: Debug>(calls: &[Call<O>], frontier: &Frontier<S>) -> Self {
        let report = Report::new(calls, frontier);
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

struct Report<'a, O, S> {
    calls: &'a [Call<O>],
    frontier: &'a Frontier<S>,
    placed: BTreeSet<u32>,
    /// The calls that could come next.
    stuck: BTreeSet<u32>,
    /// When the first of them ends.
    horizon: u64,
}

impl<'a, O: Debug, S: Debug> Report<'a, O, S> {
    fn new(calls: &'a [Call<O>], frontier: &'a Frontier<S>) -> Self {
        let placed: BTreeSet<u32> = frontier.order.iter().copied().collect();
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
            calls,
            frontier,
            placed,
            stuck,
            horizon,
        }
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let answered = self.calls.iter().filter(|call| call.is_answered()).count();
        let Frontier {
            answered: most,
            order,
            states,
            ..
        } = self.frontier;
        writeln!(
            text,
            "not linearizable: of {answered} answered calls, {most} can be put in order and no more"
        )?;
        writeln!(text, "the last of them in the order found:")?;
        for &number in &order[order.len().saturating_sub(MAX_SHOWN)..] {
            self.write_call(text, "", number)?;
        }
        for (state, which) in states
            .iter()
            .zip([""].iter().chain(["; in other orders"; 9].iter()))
        {
            writeln!(text, "which leads to the state{which}: {state:?}")?;
        }
        writeln!(text, "where none of these can come next:")?;
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
