//! Fuzzing of readers: what reads bytes from outside gets mutated ones, many thousands a second, and
//! must answer each with a value or an error.
//!
//! A [`Target`] is one reader. It stands in a test beside the reader, which may be private, and is
//! run by the ordinary `cargo test`: the inputs of its corpus as they are, then a fixed number of
//! mutations of them, the same in every run. `make fuzz` runs the same tests for longer, with other
//! mutations each time.
//!
//! A target fails, and writes the input into its corpus, where the reader
//!
//! - panics, or breaks a promise that the target asserts, such as `decode(encode(x)) == x`;
//! - takes longer than [`PATIENCE`];
//! - holds more memory at a time than the target allows for so many bytes: a length that is merely
//!   told must not be allocated for.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `FUZZ_SECONDS` | run each target for so long, instead of its fixed number of rounds |
//! | `FUZZ_SEED` | the seed of the mutations, as a failure prints it |
//! | `FUZZ_SAMPLES` | if set, write the samples into the corpora first |
//!
//! The mutations know nothing of the format ([`Mutator`]), save that a target can put checksums
//! right. There is no instrumentation: which inputs lead further is told by what the reader says of
//! them. One that it answers in a new way is kept, and mutated in its turn; it is the feedback of
//! Miller et al., "An Empirical Study of the Reliability of UNIX Utilities" (1990), with AFL's queue
//! of novel inputs, over the words of the answer where AFL has branches.
//!
//! # Caveats
//!
//! - Memory is counted on the thread of the reader alone.
//! - A stack that overflows ends the process: the input is lost, and the seed that was printed tells
//!   it.

mod corpus;
mod mutator;
mod run;

use std::{path::PathBuf, time::Duration};

pub use mutator::Mutator;

/// An input that takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the reader made of an input: in words what it read, or why it refused to. Both tell inputs
/// apart (numbers in them do not).
pub type Answer = Result<String, String>;

/// A reader, and what it is held to.
pub struct Target {
    name: &'static str,
    corpus: PathBuf,
    samples: Vec<Vec<u8>>,
    repair: fn(&mut Vec<u8>),
    rounds: u64,
    base: u64,
    per_byte: u64,
}

impl Target {
    /// A reader with a corpus in `corpus/NAME` of the crate whose manifest is in `crate_directory`:
    /// `env!("CARGO_MANIFEST_DIR")`.
    pub fn new(name: &'static str, crate_directory: &str) -> Self {
        Self {
            name,
            corpus: [crate_directory, "corpus", name].iter().collect(),
            samples: Vec::new(),
            repair: |_| {},
            rounds: 20_000,
            base: 2 << 20,
            per_byte: 256,
        }
    }

    /// What the real encoder writes; the reader must accept all of it. Mutated beside the corpus.
    #[must_use]
    pub fn samples(mut self, samples: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.samples.extend(samples);
        self
    }

    /// Puts checksums right after most mutations, so that they get behind them.
    #[must_use]
    pub fn repaired(mut self, repair: fn(&mut Vec<u8>)) -> Self {
        self.repair = repair;
        self
    }

    /// How many mutated inputs an ordinary run tries; 20,000 unless said otherwise.
    #[must_use]
    pub fn rounds(mut self, rounds: u64) -> Self {
        self.rounds = rounds;
        self
    }

    /// How many bytes of memory the reader may hold at a time: `base`, and so many for each byte of
    /// the input. By default 2 MiB (serde lays out up to 1 MiB for a list on its word alone) and
    /// 256.
    #[must_use]
    pub fn memory(mut self, base: u64, per_byte: u64) -> Self {
        (self.base, self.per_byte) = (base, per_byte);
        self
    }

    fn allowance(&self, input: &[u8]) -> u64 {
        self.base + self.per_byte * input.len() as u64
    }
}

/// The inputs of a corpus, to be mutated elsewhere.
///
/// # Panics
/// If they cannot be read.
pub fn corpus(crate_directory: &str, name: &str) -> Vec<Vec<u8>> {
    let directory: PathBuf = [crate_directory, "corpus", name].iter().collect();
    corpus::read(&directory)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", directory.display()))
}
