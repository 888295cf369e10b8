//! Power cuts at random moments, against a model.
//!
//! A gate stands before every sync and knows, for each file, what the last sync made durable. A
//! power cut leaves that, plus any subset of the 512-byte sectors written since, under either
//! length of the file.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;

const SECTOR: usize = 512;

/// Sixty-four random bits from sixty-four others (Steele et al., SplitMix64, OOPSLA 2014).
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[derive(Default)]
struct State {
    /// By inode, since files are renamed.
    durable: HashMap<u64, Vec<u8>>,
    /// Cut the power at the sync after this many more.
    countdown: Option<(usize, u64)>,
    cut: Option<(Image, usize)>,
}

struct Power {
    dir: PathBuf,
    state: Mutex<State>,
    /// How many records of the model are acknowledged.
    acknowledged: Arc<AtomicUsize>,
}

impl Power {
    /// What a cut at this moment leaves.
    fn crash_image(&self, state: &State, mut seed: u64) -> Image {
        let mut image = image(&self.dir);
        // One cut in four loses all that was not synced, one in four loses nothing, the rest lose
        // each sector with the same chance.
        let losing = match next_random(&mut seed) % 4 {
            0 => 100,
            1 => 0,
            _ => next_random(&mut seed) % 100,
        };
        for (name, content) in &mut image {
            let inode = std::fs::metadata(self.dir.join(name)).expect("there").ino();
            let durable = state.durable.get(&inode).map_or(&[][..], Vec::as_slice);
            let lose = |seed: &mut u64| next_random(seed) % 100 < losing;
            if lose(&mut seed) {
                content.resize(durable.len(), 0);
            }
            for (at, sector) in content.chunks_mut(SECTOR).enumerate() {
                let mut old = vec![0; sector.len()];
                let from = durable.get(at * SECTOR..).unwrap_or_default();
                let known = from.len().min(old.len());
                old[..known].copy_from_slice(&from[..known]);
                if old != sector && lose(&mut seed) {
                    sector.copy_from_slice(&old);
                }
            }
        }
        image
    }
}

impl Gate for Power {
    fn sync(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state.lock().expect("locked");
        match state.countdown {
            Some((0, seed)) => {
                state.countdown = None;
                let acknowledged = self.acknowledged.load(Ordering::SeqCst);
                state.cut = Some((self.crash_image(state, seed), acknowledged));
            }
            Some((n, seed)) => state.countdown = Some((n - 1, seed)),
            None => {}
        }
        // The sync itself follows, and nothing else looks before the next one.
        let inode = std::fs::metadata(path)?.ino();
        state.durable.insert(inode, std::fs::read(path)?);
        Ok(())
    }
}

/// A log under test, and what should be in it.
struct Machine {
    dir: tempfile::TempDir,
    power: Arc<Power>,
    wal: Option<Wal>,
    options: Options,
    model: Placed,
    acknowledged: Arc<AtomicUsize>,
    released: u32,
    next_index: u64,
}

impl Machine {
    fn start(image: &Image, options: Options, model: Placed, acknowledged: usize) -> Self {
        let dir = materialize(image);
        let acknowledged = Arc::new(AtomicUsize::new(acknowledged));
        let mut machine = Self {
            power: Arc::new(Power {
                dir: dir.path().to_owned(),
                state: Mutex::default(),
                acknowledged: Arc::clone(&acknowledged),
            }),
            dir,
            wal: None,
            options,
            model,
            acknowledged,
            released: 0,
            next_index: 0,
        };
        machine.open();
        machine
    }

    /// Opens what is on disk and compares it with the model, which it then becomes.
    fn open(&mut self) {
        {
            let mut state = self.power.state.lock().expect("locked");
            for entry in std::fs::read_dir(self.dir.path()).expect("listed") {
                let entry = entry.expect("listed");
                let content = std::fs::read(entry.path()).expect("read");
                let inode = entry.metadata().expect("there").ino();
                state.durable.insert(inode, content);
            }
        }
        let gate = Arc::clone(&self.power) as Arc<dyn Gate>;
        let (wal, seen) = try_open(self.dir.path(), self.options, gate)
            .unwrap_or_else(|error| panic!("a crash is no damage: {error}"));
        let oldest = wal.oldest_segment();
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        assert!(oldest <= self.released.max(1), "released too much");
        let gone = self.model.iter().filter(|r| r.0.segment() < oldest).count();
        let survivors = gone + seen.len();
        assert!(
            survivors >= acknowledged,
            "lost: {survivors} of {acknowledged} acknowledged"
        );
        assert!(survivors <= self.model.len(), "more than was appended");
        assert_eq!(seen, self.model[gone..survivors], "a prefix");
        for (position, record) in &seen {
            assert_eq!(Owned::from(wal.read(*position).expect("read")), *record);
        }
        self.model.truncate(survivors);
        if self.options.fsync {
            // What was shown is relied upon from now on.
            self.acknowledged.store(survivors, Ordering::SeqCst);
        }
        self.wal = Some(wal);
    }

    fn append(&mut self, lengths: &[usize], wait: bool) {
        let Some(wal) = &self.wal else { return };
        let records: Vec<_> = lengths
            .iter()
            .map(|length| {
                self.next_index += 1;
                Owned::sample(self.next_index, *length)
            })
            .collect();
        let refs: Vec<_> = records.iter().map(Owned::borrow).collect();
        let upto = self.model.len() + records.len();
        let (sender, receiver) = mpsc::channel();
        let done: Option<Done> = wait.then(|| {
            let acknowledged = Arc::clone(&self.acknowledged);
            let fsync = self.options.fsync;
            let done: Done = Box::new(move |result| {
                result.expect("durable");
                if fsync {
                    acknowledged.fetch_max(upto, Ordering::SeqCst);
                }
                sender.send(()).expect("the test waits");
            });
            done
        });
        let positions = wal.append(&refs, done).expect("fits");
        self.model.extend(positions.into_iter().zip(records));
        if wait {
            receiver.recv_timeout(DEADLINE).expect("answered");
        }
    }

    /// Cuts the power in the middle of an append, and goes on with what is left.
    fn crash(&mut self, lengths: &[usize], syncs: usize, seed: u64) {
        self.power.state.lock().expect("locked").countdown = Some((syncs, seed));
        self.append(lengths, true);
        // All that followed the append is done when the next barrier is.
        self.append(&[], true);
        let (image, acknowledged) = {
            let state = &mut *self.power.state.lock().expect("locked");
            state.countdown = None;
            let now = self.acknowledged.load(Ordering::SeqCst);
            match state.cut.take() {
                Some(cut) => cut,
                None => (self.power.crash_image(state, seed), now),
            }
        };
        let (released, next_index) = (self.released, self.next_index);
        self.wal = None;
        let model = std::mem::take(&mut self.model);
        let dir = materialize(&image);
        self.dir = dir;
        self.acknowledged = Arc::new(AtomicUsize::new(acknowledged));
        self.power = Arc::new(Power {
            dir: self.dir.path().to_owned(),
            state: Mutex::default(),
            acknowledged: Arc::clone(&self.acknowledged),
        });
        (self.model, self.released, self.next_index) = (model, released, next_index);
        self.open();
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Append(lengths, wait) => self.append(lengths, *wait),
            Step::Release(keep) => {
                if let Some(wal) = self.wal.as_ref().filter(|_| self.options.fsync) {
                    let before = wal.end().segment().saturating_sub(*keep);
                    self.released = self.released.max(before);
                    wal.release(before);
                }
            }
            Step::Reopen => {
                // A clean close makes everything durable.
                self.wal = None;
                self.acknowledged.store(self.model.len(), Ordering::SeqCst);
                self.open();
                if !self.options.fsync {
                    self.acknowledged.store(0, Ordering::SeqCst);
                }
            }
            Step::Crash(lengths, syncs, seed) => self.crash(lengths, *syncs, *seed),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>, bool),
    /// Keep this many segments below the active one.
    Release(u32),
    Reopen,
    /// What is being appended, at which of its syncs, and what survives.
    Crash(Vec<usize>, usize, u64),
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    // A record of 512 bytes may find the place of a lost one exactly.
    let length = prop_oneof![3 => Just(SECTOR - HEADER), 4 => 0..200usize, 3 => 200..2500usize, 1 => 2500..9000usize];
    proptest::collection::vec(length, 1..8)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (lengths(), any::<bool>()).prop_map(|(l, w)| Step::Append(l, w)),
        1 => (0..3u32).prop_map(Step::Release),
        1 => Just(Step::Reopen),
        2 => (lengths(), 0..5usize, any::<u64>()).prop_map(|(l, n, s)| Step::Crash(l, n, s)),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// No crash is taken for damage, loses what was acknowledged, or brings back what was cut.
    #[test]
    fn a_crash_leaves_a_prefix_with_all_that_was_acknowledged(
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let mut machine = Machine::start(&Image::new(), SMALL, Vec::new(), 0);
        for step in &steps {
            machine.run(step);
        }
        machine.run(&Step::Reopen);
    }

    /// Without fsync a crash may lose anything, but still leaves a prefix.
    #[test]
    fn without_fsync_a_crash_leaves_a_prefix(
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let never = Options { fsync: false, ..SMALL };
        let mut machine = Machine::start(&Image::new(), never, Vec::new(), 0);
        for step in &steps {
            machine.run(step);
        }
        machine.run(&Step::Reopen);
    }
}
