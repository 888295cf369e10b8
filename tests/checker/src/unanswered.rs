//! The calls whose outcome nobody knows.

use std::{collections::HashMap, hash::Hash};

use crate::Call;

/// Unanswered calls of equal operations, by their starts. Any of them can stand for any other that
/// started later, so that they get their places in this order.
struct Class {
    calls: Vec<u32>,
    /// How many have their place.
    placed: usize,
}

pub(crate) struct Unanswered {
    classes: Vec<Class>,
    /// Which have their place, as a bit set, numbered by their starts.
    placed: Vec<u64>,
    /// The number of each call among them; of no meaning for one that is answered.
    numbers: Vec<u32>,
    /// The class of each call; of no meaning for one that is answered.
    class_of: Vec<u32>,
}

impl Unanswered {
    /// Those of the calls, which are sorted by their starts, that are unanswered.
    pub(crate) fn new<O: Eq + Hash>(calls: &[Call<O>]) -> Self {
        let mut classes = Vec::<Class>::new();
        let mut class_of = vec![0; calls.len()];
        let mut numbers = vec![0; calls.len()];
        let mut count = 0u32;
        let mut known = HashMap::new();
        for (call, number) in calls.iter().zip(0u32..) {
            if call.is_answered() {
                continue;
            }
            let class = *known.entry(&call.operation).or_insert_with(|| {
                classes.push(Class {
                    calls: Vec::new(),
                    placed: 0,
                });
                classes.len() - 1
            });
            classes[class].calls.push(number);
            class_of[number as usize] = class as u32;
            numbers[number as usize] = count;
            count += 1;
        }
        Self {
            classes,
            placed: vec![0; count.div_ceil(64) as usize],
            numbers,
            class_of,
        }
    }

    /// How many classes there are.
    pub(crate) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// The first call of the class that has no place yet.
    pub(crate) fn first(&self, class: usize) -> Option<u32> {
        let Class { calls, placed } = &self.classes[class];
        calls.get(*placed).copied()
    }

    /// Takes the call, the first of its class.
    pub(crate) fn take(&mut self, call: u32) {
        self.classes[self.class_of[call as usize] as usize].placed += 1;
        self.flip(call);
    }

    /// Puts the call back, which of those taken of its class was taken last.
    pub(crate) fn put_back(&mut self, call: u32) {
        self.classes[self.class_of[call as usize] as usize].placed -= 1;
        self.flip(call);
    }

    fn flip(&mut self, call: u32) {
        let number = self.numbers[call as usize];
        self.placed[number as usize / 64] ^= 1 << (number % 64);
    }

    /// Those that have their place: a bit set without empty words at the end.
    pub(crate) fn placed(&self) -> Box<[u64]> {
        let used = self.placed.iter().rposition(|word| *word != 0);
        self.placed[..used.map_or(0, |last| last + 1)].into()
    }
}
