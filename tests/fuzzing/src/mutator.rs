//! Inputs out of other inputs.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// The longest input, in bytes.
const MAX_INPUT: usize = 64 << 10;

/// Where arithmetic and limits give way.
const NUMBERS: [u64; 24] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    1000,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x10_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x00ff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_fffe,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fff0,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// Makes inputs; the same seed makes the same ones.
pub struct Mutator {
    rng: StdRng,
}

impl Mutator {
    /// Mutations of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// A mutation of one of these inputs, of which there is at least one: mostly a few changes to it,
    /// sometimes many.
    pub fn mutate(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = inputs[self.below(inputs.len())].clone();
        let mut changes = 1;
        while changes < 32 && self.one_in(2) {
            changes += 1;
        }
        for _ in 0..changes {
            match self.below(12) {
                0 | 1 => self.flip(&mut bytes),
                2 => self.replace(&mut bytes),
                3 => self.insert(&mut bytes),
                4 => self.delete(&mut bytes),
                5 => self.repeat(&mut bytes),
                6 => self.truncate(&mut bytes),
                7 => self.splice(&mut bytes, inputs),
                8 => self.step(&mut bytes),
                9 => self.number(&mut bytes),
                10 => self.varint(&mut bytes),
                _ => self.decimal(&mut bytes),
            }
            bytes.truncate(MAX_INPUT);
        }
        bytes
    }

    /// Whether something happens that does once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            return 0;
        }
        self.rng.random_range(0..end)
    }

    /// A place in the input, its end included.
    fn place(&mut self, bytes: &[u8]) -> usize {
        self.below(bytes.len() + 1)
    }

    /// A part of the input: mostly a short one.
    fn part(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(bytes.len());
        let left = bytes.len() - start;
        let most = if self.one_in(4) { left } else { left.min(16) };
        start..start + self.below(most + 1)
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        let bit = self.below(8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn replace(&mut self, bytes: &mut [u8]) {
        let part = self.part(bytes);
        self.rng.fill_bytes(&mut bytes[part]);
    }

    fn insert(&mut self, bytes: &mut Vec<u8>) {
        let mut new = vec![0; 1 + self.below(16)];
        if self.one_in(2) {
            self.rng.fill_bytes(&mut new);
        }
        let at = self.place(bytes);
        bytes.splice(at..at, new);
    }

    fn delete(&mut self, bytes: &mut Vec<u8>) {
        let part = self.part(bytes);
        bytes.drain(part);
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let part = self.part(bytes);
        let times = 1 + self.below(8);
        let copy = bytes[part].repeat(times);
        let at = self.place(bytes);
        bytes.splice(at..at, copy);
    }

    fn truncate(&mut self, bytes: &mut Vec<u8>) {
        let end = self.place(bytes);
        bytes.truncate(end);
    }

    /// The end, or a part, of another input.
    fn splice(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let other = &inputs[self.below(inputs.len())];
        if self.one_in(2) {
            let end = self.place(bytes);
            let from = self.place(other);
            bytes.truncate(end);
            bytes.extend_from_slice(&other[from..]);
        } else {
            let part = self.part(other);
            let over = self.part(bytes);
            bytes.splice(over, other[part].iter().copied());
        }
    }

    /// A byte a little greater or less.
    fn step(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        let by = 1 + self.below(35) as u8;
        let less = self.one_in(2);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = if less {
                byte.wrapping_sub(by)
            } else {
                byte.wrapping_add(by)
            };
        }
    }

    fn a_number(&mut self) -> u64 {
        if self.one_in(4) {
            self.rng.next_u64() >> self.below(64)
        } else {
            NUMBERS[self.below(NUMBERS.len())]
        }
    }

    /// A number of fixed width over what is there.
    fn number(&mut self, bytes: &mut [u8]) {
        let width = 1 << self.below(4);
        let number = self.a_number();
        let little = number.to_le_bytes();
        let big = number.to_be_bytes();
        let number = if self.one_in(2) {
            &little[..width]
        } else {
            &big[8 - width..]
        };
        let at = self.below(bytes.len());
        for (byte, new) in bytes[at..].iter_mut().zip(number) {
            *byte = *new;
        }
    }

    /// A number of variable length (LEB128) in place of one: seven bits a byte, the least first.
    fn varint(&mut self, bytes: &mut Vec<u8>) {
        let mut number = self.a_number();
        let mut new = Vec::new();
        while number >= 0x80 {
            new.push(number as u8 | 0x80);
            number >>= 7;
        }
        new.push(number as u8);
        let at = self.place(bytes);
        let tail = &bytes[at..];
        let more = tail.iter().take_while(|byte| **byte >= 0x80).count();
        let end = (at + more + 1).min(bytes.len());
        bytes.splice(at..end, new);
    }

    /// A decimal number in place of one, if there is any behind some place.
    fn decimal(&mut self, bytes: &mut Vec<u8>) {
        let from = self.place(bytes);
        let digits = |bytes: &[u8]| bytes.iter().take_while(|it| it.is_ascii_digit()).count();
        let Some(skip) = bytes[from..].iter().position(u8::is_ascii_digit) else {
            return;
        };
        let at = from + skip;
        let end = at + digits(&bytes[at..]);
        let number = self.a_number().to_string();
        bytes.splice(at..end, number.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_inputs_and_no_two_alike() {
        let corpus = [b"one input".to_vec(), b"another 17".to_vec(), Vec::new()];
        let made = |seed| {
            let mut mutator = Mutator::new(seed);
            let made: Vec<_> = (0..500).map(|_| mutator.mutate(&corpus)).collect();
            made
        };
        assert_eq!(made(1), made(1));
        let mut differing = made(1);
        differing.sort();
        differing.dedup();
        assert!(differing.len() > 300, "{} inputs", differing.len());
    }
}
