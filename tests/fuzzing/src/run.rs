//! Feeding a target, and watching it.

use std::{
    collections::HashSet,
    env,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{Answer, Mutator, PATIENCE, Target, corpus};

/// Inputs that were answered in a new way are kept up to so many, beside the corpus.
const MAX_NOVEL: usize = 2000;

/// So much of an answer tells it from others, in bytes.
const TELLING: usize = 160;

/// How long a target is fed.
enum Budget {
    Rounds(u64),
    Time(Duration),
}

/// What was tried.
#[derive(Debug, Default)]
struct Tally {
    inputs: u64,
    accepted: u64,
    novel: usize,
    /// The most memory held at a time, in bytes.
    most: u64,
}

/// An input that broke a promise.
struct Failure {
    input: Vec<u8>,
    reason: String,
}

impl Target {
    /// Feeds the reader. `read` hands one input to it, and asserts what is promised of the outcome.
    ///
    /// # Panics
    /// If an input fails; the message names the file that it was written to.
    pub fn run(self, read: impl Fn(&[u8]) -> Answer + Send + 'static) {
        let (name, directory) = (self.name, self.corpus.clone());
        if env::var_os("FUZZ_SAMPLES").is_some() {
            corpus::write_samples(&directory, &self.samples)
                .unwrap_or_else(|error| panic!("cannot write {}: {error}", directory.display()));
        }
        let budget = match number("FUZZ_SECONDS") {
            Some(seconds) => Budget::Time(Duration::from_secs(seconds)),
            None => Budget::Rounds(self.rounds),
        };
        let seed = number("FUZZ_SEED").unwrap_or_else(|| match budget {
            // The same in every run.
            Budget::Rounds(_) => name.bytes().fold(7, |seed: u64, byte| {
                seed.wrapping_mul(31).wrapping_add(byte.into())
            }),
            Budget::Time(_) => rand::random(),
        });
        println!("{name}: FUZZ_SEED={seed}");
        let began = Instant::now();
        match self.watch(budget, seed, read) {
            Ok(tally) => println!(
                "{name}: {} inputs in {:.1} s, {} accepted, {} answers of a new kind, at most {} \
                 bytes held",
                tally.inputs,
                began.elapsed().as_secs_f64(),
                tally.accepted,
                tally.novel,
                tally.most
            ),
            Err(failure) => {
                let kept = match corpus::keep(&directory, &failure.input) {
                    Ok(path) => format!("it is in {}", path.display()),
                    Err(error) => format!("it could not be written ({error})"),
                };
                panic!(
                    "{name} (FUZZ_SEED={seed}), an input of {} bytes: {}; {kept}: {}",
                    failure.input.len(),
                    failure.reason,
                    failure.input.escape_ascii()
                );
            }
        }
    }

    /// Feeds the reader on a thread of its own, and notices when that stands still.
    fn watch(
        self,
        budget: Budget,
        seed: u64,
        read: impl Fn(&[u8]) -> Answer + Send + 'static,
    ) -> Result<Tally, Failure> {
        let current = Arc::new((AtomicU64::new(0), Mutex::new(Vec::new())));
        let feeding = Arc::clone(&current);
        let (sender, receiver) = mpsc::channel();
        let feeder = thread::spawn(move || {
            // The receiver is gone only if the reader was given up.
            let _ = sender.send(self.feed(&budget, seed, &feeding, &read));
        });
        let (round, input) = &*current;
        loop {
            let before = round.load(Ordering::Acquire);
            match receiver.recv_timeout(PATIENCE) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => match feeder.join() {
                    Ok(()) => unreachable!("it sends before it ends"),
                    Err(panicked) => panic::resume_unwind(panicked),
                },
                Err(RecvTimeoutError::Timeout) if round.load(Ordering::Acquire) == before => {
                    return Err(Failure {
                        input: input.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                        reason: format!("it is not answered within {PATIENCE:?}"),
                    });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn feed(
        &self,
        budget: &Budget,
        seed: u64,
        (round, current): &(AtomicU64, Mutex<Vec<u8>>),
        read: &impl Fn(&[u8]) -> Answer,
    ) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let mut answers = HashSet::new();
        let mut answer = |input: &[u8]| {
            let mut held = current.lock().unwrap_or_else(PoisonError::into_inner);
            held.clear();
            held.extend_from_slice(input);
            drop(held);
            round.fetch_add(1, Ordering::Release);
            let answer = self.try_one(input, read, &mut tally.most)?;
            tally.inputs += 1;
            tally.accepted += u64::from(answer.is_ok());
            let new = answers.insert(kind(&answer));
            Ok((answer, new))
        };

        let mut inputs = corpus::read(&self.corpus)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", self.corpus.display()));
        assert!(
            !inputs.is_empty(),
            "{} has no inputs; run this test with FUZZ_SAMPLES=1 to write some",
            self.corpus.display()
        );
        for input in &inputs {
            drop(answer(input)?);
        }
        for sample in &self.samples {
            if let (Err(reason), _) = answer(sample)? {
                return Err(Failure {
                    input: sample.clone(),
                    reason: format!("what the encoder wrote is refused: {reason}"),
                });
            }
        }
        inputs.extend_from_slice(&self.samples);
        let most = inputs.len() + MAX_NOVEL;
        let mut mutator = Mutator::new(seed);
        let began = Instant::now();
        let mut rounds = 0;
        while match budget {
            Budget::Rounds(all) => rounds < *all,
            Budget::Time(time) => began.elapsed() < *time,
        } {
            rounds += 1;
            let mut input = mutator.mutate(&inputs);
            if !mutator.one_in(8) {
                (self.repair)(&mut input);
            }
            let (_, new) = answer(&input)?;
            if new && inputs.len() < most {
                inputs.push(input);
            }
        }
        tally.novel = answers.len();
        Ok(tally)
    }

    /// Hands one input to the reader.
    fn try_one(
        &self,
        input: &[u8],
        read: &impl Fn(&[u8]) -> Answer,
        most: &mut u64,
    ) -> Result<Answer, Failure> {
        let failure = |reason| Failure {
            input: input.to_vec(),
            reason,
        };
        let mut answer = Ok(Ok(String::new()));
        let memory = allocation_counter::measure(|| {
            answer = panic::catch_unwind(AssertUnwindSafe(|| read(input)));
        });
        let answer = answer.map_err(|panicked| {
            let said = panicked
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panicked.downcast_ref::<&str>().copied());
            failure(format!("panicked: {}", said.unwrap_or("without words")))
        })?;
        *most = memory.bytes_max.max(*most);
        let allowed = self.allowance(input);
        if memory.bytes_max > allowed {
            return Err(failure(format!(
                "the reader held {} bytes at a time, {allowed} are allowed",
                memory.bytes_max
            )));
        }
        Ok(answer)
    }
}

/// What tells an answer from those of another kind: its words without its numbers.
fn kind(answer: &Answer) -> (bool, Vec<u8>) {
    let (Ok(words) | Err(words)) = answer;
    let mut telling: Vec<u8> = words
        .bytes()
        .take(TELLING)
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte })
        .collect();
    telling.dedup_by(|one, other| *one == b'0' && *other == b'0');
    (answer.is_ok(), telling)
}

/// A number from the environment.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is not a whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a reader for some rounds with a corpus of one input, and gives what came of it.
    fn outcome(read: impl Fn(&[u8]) -> Answer + Send + 'static) -> Result<Tally, String> {
        let directory = env::temp_dir().join(format!("fuzzing-{:016x}", rand::random::<u64>()));
        let crate_directory = directory.to_str().expect("text");
        let target = Target::new("test", crate_directory).samples([b"a 12 b".to_vec()]);
        let target = target.memory(1 << 16, 8);
        corpus::write_samples(&target.corpus, &target.samples).expect("written");
        let result = target.watch(Budget::Rounds(20_000), 5, read);
        std::fs::remove_dir_all(&directory).expect("removed");
        result.map_err(|failure| failure.reason)
    }

    fn answered(input: &[u8]) -> Answer {
        match input.first() {
            Some(b'a') => Ok(format!("{} bytes", input.len())),
            _ => Err("not an a".to_owned()),
        }
    }

    #[test]
    fn a_sound_reader_passes_and_both_answers_are_seen() {
        let tally = outcome(answered).expect("nothing to find");
        assert_eq!(tally.inputs, 20_002);
        assert!((1000..19_000).contains(&tally.accepted), "{tally:?}");
        assert_eq!(tally.novel, 2);
    }

    #[test]
    fn a_panic_behind_two_conditions_is_found() {
        // The second one is met only by mutating an input that met the first.
        let reason = outcome(|input| {
            let Some(rest) = input.strip_prefix(b"b") else {
                return answered(input).or(Ok("other".to_owned()));
            };
            assert_ne!(rest.first(), Some(&b'c'), "b, then c");
            Ok("begins with b".to_owned())
        })
        .expect_err("it panics");
        assert!(reason.contains("b, then c"), "{reason}");
    }

    #[test]
    fn memory_by_a_length_that_is_merely_told_is_found() {
        let reason = outcome(|input| {
            let told = input
                .first_chunk::<4>()
                .map_or(0, |it| u32::from_le_bytes(*it));
            drop(std::hint::black_box(Vec::<u8>::with_capacity(
                told as usize >> 8,
            )));
            Ok(String::new())
        })
        .expect_err("it allocates");
        assert!(reason.contains("bytes at a time"), "{reason}");
    }

    #[test]
    fn a_sample_that_is_refused_is_a_failure() {
        let reason = outcome(|_| Err("no".to_owned())).expect_err("it refuses everything");
        assert!(
            reason.contains("what the encoder wrote is refused: no"),
            "{reason}"
        );
    }
}
