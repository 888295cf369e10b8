//! Looks for an order of the calls that explains every answer.
//!
//! The search of Wing and Gong ("Testing and verifying concurrent objects", J. Parallel Distrib.
//! Comput. 1993, section 4): of the calls that nothing else must precede, place one that is
//! possible in the present state, go on from there, and come back if that leads nowhere. With the
//! cache of Lowe ("Testing for linearizability", Concurrency Computat. 2017, section 3), a
//! configuration (the set of placed calls, the state) is never searched twice. The form, with a
//! doubly linked list of events and bit sets, is that of the checker porcupine.
//!
//! It succeeds once every ANSWERED call has its place.
//!
//! # What it leaves out
//!
//! Five rules spare it configurations.
//!
//! 1. A *read* (an answered call that leaves every state in which it is possible as it is) is
//!    placed as soon as it is possible, and nothing else is tried in its stead.
//! 2. Of unanswered calls with equal operations, only the one that started first is tried.
//! 3. An unanswered call `x` must change the state; and if `y` is placed right after it, it must
//!    matter to `y`: without it `y` is impossible, or leads to another state.
//! 4. Nor may an answered `y` that is possible without `x` lead, with `x` after it, to the same
//!    state: `x` waits until somebody needs it.
//! 5. A configuration in which an answered call that must come soon can never become possible again,
//!    as the model has it, is left at once.
//!
//! **No order is missed by them.** Of rule 5 this is plain: every answered call must have its place.
//! As to the others, assume that a search fails although an order exists. Call (c, w) a *witness* if
//! c is a configuration that was searched and w, a sequence of calls, completes it. The first
//! configuration with the assumed order is one. Let c have the placed calls S, and order the
//! witnesses by three numbers:
//!
//! - T, the number of calls in S and w together;
//! - D, the sum over the unanswered calls in S and w of how many answered ones w has after them (of
//!   a call in S: all that w has);
//! - the length of w.
//!
//! Take the least witness; w is not empty, or the search would have succeeded at c. Let y be its
//! first call, `y w'`. If y was tried, the configuration that it leads to was searched, now or
//! before; with w' it is a witness of equal T, D not larger, and a shorter w. Or one was searched
//! that has fewer unanswered calls placed (see the cache): a witness with smaller T. Contradiction.
//! So y was not tried, for one of these reasons:
//!
//! - A read r was placed instead (rule 1). It stands somewhere in w; taken from there and put first
//!   it changes no state, and every call remains possible. T is the same, D not larger, and r was
//!   tried.
//! - Rule 2 preferred an equal x. If x is in w', let them change places, else let x take y's. This
//!   leaves T, D and the length as they are, and x was tried.
//! - y is unanswered and changes nothing (rule 3). Without it (c, w') is a witness with smaller T.
//! - The search came to c from a c' by placing an unanswered x that does not matter to y. Then
//!   c', which was searched, and `y w'` are a witness with smaller T: x is left out.
//! - The search came to c from a c' by placing an unanswered x, and by rule 4 y, which is answered,
//!   can go before x. Then c' and `y x w'` are a witness of equal T, and of smaller D: one answered
//!   call less is after x.
//!
//! Each contradicts the choice. (An unanswered call may follow any other call, so that moving it
//! back or leaving it out breaks no order of time.) ∎

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::{
    Call, Model, Verdict,
    cache::Cache,
    call::assert_well_formed,
    placed::Placed,
    timeline::{Position, Timeline},
    unanswered::Unanswered,
    violation::{Frontier, Violation},
};

/// How many configurations are held at most.
const MAX_CONFIGURATIONS: usize = 8_000_000;

/// How many configurations are searched between two looks at the clock.
const BETWEEN_LOOKS: u64 = 256;

/// Where the search gives up.
pub(crate) struct Limits {
    pub(crate) deadline: Option<Instant>,
    pub(crate) configurations: usize,
}

impl Limits {
    pub(crate) fn within(budget: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(budget),
            configurations: MAX_CONFIGURATIONS,
        }
    }

    fn are_past(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// Seeks an order of the calls; tells, too, how many configurations it came to.
pub(crate) fn run<M: Model>(
    model: &M,
    calls: &[Call<M::Operation>],
    limits: &Limits,
) -> (Verdict, usize) {
    assert_well_formed(calls);
    let mut calls = calls.to_vec();
    calls.sort_by_key(|call| call.start);
    let mut simple = calls.clone();
    model.simplify(&mut simple);
    let learned = model.learn(&simple);
    let mut search = Search::new(learned.as_ref().unwrap_or(model), &simple);
    let verdict = match search.run(limits) {
        Some(true) => Verdict::Linearizable,
        Some(false) => Verdict::Violation(Violation::new(model, &calls, &search.frontier)),
        None => Verdict::Unknown,
    };
    (verdict, search.cache.configurations())
}

/// Which call was tried last at a configuration: the answered ones come first.
#[derive(Clone, Copy)]
enum Cursor {
    Before,
    Answered(Position),
    Unanswered(usize),
}

/// A call that was placed where others could have been, and what is needed to take it back.
struct Choice<S> {
    cursor: Cursor,
    call: u32,
    /// Before the call.
    state: S,
    /// How many calls had their place before it. Reads may follow it.
    depth: usize,
}

/// What may be tried next: the call, the state after it, and where to go on if that fails.
struct Candidate<S> {
    call: u32,
    state: S,
    cursor: Cursor,
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Operation>],
    /// The number of each call among those that are answered.
    numbers: Vec<u32>,
    timeline: Timeline,
    unanswered: Unanswered,
    placed: Placed,
    answered: usize,
    /// How many answered calls have no place yet.
    missing: usize,
    state: M::State,
    /// All placed calls.
    order: Vec<u32>,
    choices: Vec<Choice<M::State>>,
    cache: Cache<M::State>,
    frontier: Frontier<M::State>,
}

impl<'a, M: Model> Search<'a, M> {
    /// The calls are sorted by their starts.
    fn new(model: &'a M, calls: &'a [Call<M::Operation>]) -> Self {
        let mut answered = 0;
        let numbers = calls
            .iter()
            .map(|call| {
                answered += u32::from(call.is_answered());
                answered.saturating_sub(1)
            })
            .collect();
        let answered = answered as usize;
        Self {
            model,
            calls,
            numbers,
            timeline: Timeline::new(calls),
            unanswered: Unanswered::new(calls),
            placed: Placed::new(answered),
            answered,
            missing: answered,
            state: model.initial(),
            order: Vec::with_capacity(calls.len()),
            choices: Vec::new(),
            cache: Cache::new(),
            frontier: Frontier::default(),
        }
    }

    /// Whether there is an order; None if the limits did not suffice to tell.
    fn run(&mut self, limits: &Limits) -> Option<bool> {
        self.place_reads();
        let mut cursor = Cursor::Before;
        let mut turns = 0u64;
        while self.missing > 0 {
            turns += 1;
            if self.cache.configurations() >= limits.configurations
                || turns.is_multiple_of(BETWEEN_LOOKS) && limits.are_past()
            {
                return None;
            }
            cursor = match self.candidate_after(cursor) {
                Some(candidate) => {
                    self.choose(candidate);
                    if !self.is_hopeless() && self.is_new() {
                        Cursor::Before
                    } else {
                        self.take_back()?
                    }
                }
                None => {
                    let answered = self.answered - self.missing;
                    self.frontier.note(answered, &self.order, &self.state);
                    match self.take_back() {
                        Some(cursor) => cursor,
                        None => return Some(false),
                    }
                }
            };
        }
        Some(true)
    }

    /// The next call to try at this configuration.
    fn candidate_after(&self, cursor: Cursor) -> Option<Candidate<M::State>> {
        let mut answered = match cursor {
            Cursor::Before => self.timeline.first(),
            Cursor::Answered(position) => self.timeline.following(position),
            Cursor::Unanswered(_) => None,
        };
        while let Some((position, call)) = answered {
            if let Some(state) = self.step(&self.state, call)
                && self.is_worthwhile(call, &state)
            {
                let cursor = Cursor::Answered(position);
                return Some(Candidate {
                    call,
                    state,
                    cursor,
                });
            }
            answered = self.timeline.following(position);
        }
        let horizon = self.timeline.horizon()?;
        let from = match cursor {
            Cursor::Unanswered(class) => class + 1,
            Cursor::Before | Cursor::Answered(_) => 0,
        };
        (from..self.unanswered.classes()).find_map(|class| {
            let call = self.unanswered.first(class)?;
            if self.calls[call as usize].start > horizon {
                return None;
            }
            let state = self.step(&self.state, call)?;
            let cursor = Cursor::Unanswered(class);
            (state != self.state && self.is_worthwhile(call, &state)).then_some(Candidate {
                call,
                state,
                cursor,
            })
        })
    }

    /// Rules 3 and 4: whether the call, after which the state is `after`, may follow the last one.
    fn is_worthwhile(&self, call: u32, after: &M::State) -> bool {
        let Some(last) = self.choices.last() else {
            return true;
        };
        let read_since = self.order.len() > last.depth + 1;
        if read_since || self.is_answered(last.call) {
            return true;
        }
        let Some(without) = self.step(&last.state, call) else {
            return true;
        };
        without != *after
            && !(self.is_answered(call) && self.step(&without, last.call).as_ref() == Some(after))
    }

    fn choose(&mut self, candidate: Candidate<M::State>) {
        let depth = self.order.len();
        let state = mem::replace(&mut self.state, candidate.state);
        self.choices.push(Choice {
            cursor: candidate.cursor,
            call: candidate.call,
            state,
            depth,
        });
        self.place(candidate.call);
        self.place_reads();
    }

    /// Takes back the last choice and says where to go on; None if there is none left.
    fn take_back(&mut self) -> Option<Cursor> {
        let choice = self.choices.pop()?;
        for call in self.order.split_off(choice.depth).into_iter().rev() {
            if self.is_answered(call) {
                self.timeline.unlift(call);
                self.placed.remove(self.numbers[call as usize]);
                self.missing += 1;
            } else {
                self.unanswered.put_back(call);
            }
        }
        self.frontier.retreat(choice.depth);
        self.state = choice.state;
        Some(choice.cursor)
    }

    fn place(&mut self, call: u32) {
        if self.is_answered(call) {
            self.timeline.lift(call);
            self.placed.insert(self.numbers[call as usize]);
            self.missing -= 1;
        } else {
            self.unanswered.take(call);
        }
        self.order.push(call);
    }

    /// Rule 1. One pass suffices: the state remains, and what becomes possible in time starts later.
    fn place_reads(&mut self) {
        let mut next = self.timeline.first();
        while let Some((position, call)) = next {
            if self.model.is_read(&self.calls[call as usize].operation)
                && self.step(&self.state, call).is_some()
            {
                self.place(call);
            }
            next = self.timeline.following(position);
        }
    }

    /// Rule 5.
    fn is_hopeless(&self) -> bool {
        let mut next = self.timeline.first();
        while let Some((position, call)) = next {
            if self
                .model
                .is_lost(&self.state, &self.calls[call as usize].operation)
            {
                return true;
            }
            next = self.timeline.following(position);
        }
        false
    }

    /// Whether this configuration was not searched yet.
    fn is_new(&mut self) -> bool {
        let (answered, unanswered) = (self.placed.key(), self.unanswered.placed());
        self.cache.insert(answered, unanswered, self.state.clone())
    }

    fn is_answered(&self, call: u32) -> bool {
        self.calls[call as usize].is_answered()
    }

    fn step(&self, state: &M::State, call: u32) -> Option<M::State> {
        let call = &self.calls[call as usize];
        self.model.step(state, &call.operation, call.is_answered())
    }
}
