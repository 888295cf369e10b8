//! The set of answered calls that have their place, as a key of the cache.

/// A set of small numbers.
///
/// The answered calls, numbered by their starts, get their places about in that order: all up to a
/// point have theirs, and none after another point that is not far from it. A key holds only what
/// lies between, so that its size goes with the number of clients and not of calls. A quiescent
/// point, at which every answered call before it has its place and none after it, needs no
/// treatment of its own: the key there is empty.
pub(crate) struct Placed {
    words: Vec<u64>,
    /// All words below are full.
    low: usize,
    /// All words from here on are empty.
    high: usize,
}

impl Placed {
    /// An empty set of numbers below `numbers`.
    pub(crate) fn new(numbers: usize) -> Self {
        Self {
            words: vec![0; numbers.div_ceil(64)],
            low: 0,
            high: 0,
        }
    }

    pub(crate) fn insert(&mut self, number: u32) {
        let (word, bit) = place(number);
        self.words[word] |= bit;
        self.high = self.high.max(word + 1);
        while self.low < self.high && self.words[self.low] == u64::MAX {
            self.low += 1;
        }
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let (word, bit) = place(number);
        self.words[word] &= !bit;
        self.low = self.low.min(word);
        while self.high > 0 && self.words[self.high - 1] == 0 {
            self.high -= 1;
        }
    }

    /// Words that tell this set from every other of the same numbers.
    pub(crate) fn key(&self) -> Box<[u64]> {
        let between = &self.words[self.low.min(self.high)..self.high];
        let mut key = Vec::with_capacity(1 + between.len());
        key.push(self.low as u64);
        key.extend_from_slice(between);
        key.into()
    }
}

fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}
