//! One set of scripts and one model, run on every engine. They are what makes an engine an
//! engine: a new one has to be added to [`engines`] and pass.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// An engine and, if it keeps files, their directory.
pub(crate) struct TestEngine {
    engine: Option<Arc<dyn Engine>>,
    #[cfg(feature = "rocksdb")]
    dir: Option<tempfile::TempDir>,
}

impl TestEngine {
    pub(crate) fn memory() -> Self {
        Self {
            engine: Some(Arc::new(Memory::new())),
            #[cfg(feature = "rocksdb")]
            dir: None,
        }
    }

    #[cfg(feature = "rocksdb")]
    fn rocksdb() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            engine: Some(Arc::new(RocksDb::open(dir.path()).unwrap())),
            dir: Some(dir),
        }
    }

    pub(crate) fn get(&self) -> &Arc<dyn Engine> {
        self.engine.as_ref().unwrap()
    }

    /// Persists, closes and opens it again; the memory engine keeps no files and stays.
    pub(crate) fn reopen(&mut self) {
        self.get().persist().unwrap();
        #[cfg(feature = "rocksdb")]
        if let Some(dir) = &self.dir {
            self.engine = None;
            self.engine = Some(Arc::new(RocksDb::open(dir.path()).unwrap()));
        }
    }
}

/// One of each kind, empty.
pub(crate) fn engines() -> Vec<TestEngine> {
    vec![
        TestEngine::memory(),
        #[cfg(feature = "rocksdb")]
        TestEngine::rocksdb(),
    ]
}

/// The scripts of a directory of this crate's sources, in order of their names.
pub(crate) fn scripts(room: &str) -> Vec<std::path::PathBuf> {
    // Tests run in the directory of their package.
    let dir = Path::new("src").join(room).join("testscripts");
    let entries = std::fs::read_dir(&dir).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no scripts in {}", dir.display());
    paths
}

fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "\"\"".into();
    }
    bytes.escape_ascii().to_string()
}

#[derive(goldenscript::Command)]
enum Step {
    /// Puts keys, into the open batch or by a write of their own.
    Put(Vec<(String, String)>),
    /// Deletes keys, in the same way.
    Delete(Vec<String>),
    /// Opens a batch, through which everything goes until it is committed or discarded.
    Begin,
    Commit,
    Discard,
    Get {
        #[arg(key, optional)]
        view: Option<String>,
        keys: Vec<String>,
    },
    Scan {
        #[arg(key)]
        view: Option<String>,
        #[arg(key)]
        from: Option<String>,
        #[arg(key)]
        after: Option<String>,
        #[arg(key)]
        to: Option<String>,
        #[arg(key)]
        before: Option<String>,
        #[arg(key, optional)]
        reverse: bool,
    },
    /// Pins a view under a name.
    Pin(String),
    Unpin(String),
    /// Replaces the whole content.
    Replace(#[arg(optional)] Vec<(String, String)>),
    /// The same, with a source that gives up at the end.
    ReplaceAborted(Vec<(String, String)>),
    /// Persists, closes and opens again.
    Reopen,
}

struct Script {
    engine: TestEngine,
    batch: Option<Writes>,
    views: BTreeMap<String, View>,
}

impl Script {
    fn write(&mut self, writes: Vec<(Slice, Option<Slice>)>) -> Result<(), EngineError> {
        let mut own = Writes::default();
        let batch = self.batch.as_mut();
        let is_open = batch.is_some();
        let target = batch.unwrap_or(&mut own);
        for (key, value) in writes {
            target.set(key, value);
        }
        if is_open {
            return Ok(());
        }
        self.engine.get().write(own)
    }

    fn read(
        &self,
        view: Option<&String>,
        read: impl FnOnce(&dyn Reader) -> Result<String, Box<dyn Error>>,
    ) -> Result<String, Box<dyn Error>> {
        if let Some(name) = view {
            return read(&**self.views.get(name).ok_or("no such view")?);
        }
        let Some(writes) = &self.batch else {
            return read(&**self.engine.get());
        };
        let mut batch = Batch::new(&**self.engine.get());
        for (key, value) in writes.iter() {
            match value {
                Some(value) => batch.put(key.clone(), value.clone()),
                None => batch.delete(key.clone()),
            }
        }
        read(&batch)
    }
}

fn slice(text: &str) -> Slice {
    Slice::from(text.as_bytes())
}

impl goldenscript::Runner for Script {
    type Command = Step;

    fn run(&mut self, step: &Step, _: &goldenscript::Context) -> Result<String, Box<dyn Error>> {
        let mut output = String::new();
        match step {
            Step::Put(pairs) => {
                let pairs = pairs.iter().map(|(k, v)| (slice(k), Some(slice(v))));
                self.write(pairs.collect())?;
            }
            Step::Delete(keys) => {
                self.write(keys.iter().map(|key| (slice(key), None)).collect())?;
            }
            Step::Begin => self.batch = Some(Writes::default()),
            Step::Commit => {
                let writes = self.batch.take().ok_or("no batch")?;
                self.engine.get().write(writes)?;
            }
            Step::Discard => {
                self.batch.take().ok_or("no batch")?;
            }
            Step::Get { view, keys } => {
                return self.read(view.as_ref(), |reader| {
                    for key in keys {
                        match reader.get(key.as_bytes())? {
                            Some(value) => writeln!(output, "{key}={}", text(&value))?,
                            None => writeln!(output, "{key} is not there")?,
                        }
                    }
                    Ok(output)
                });
            }
            Step::Scan {
                view,
                from,
                after,
                to,
                before,
                reverse,
            } => {
                let bound = |included: &Option<String>, excluded: &Option<String>| {
                    let included = included.as_deref().map(|key| Bound::Included(slice(key)));
                    let excluded = excluded.as_deref().map(|key| Bound::Excluded(slice(key)));
                    included.or(excluded).unwrap_or(Bound::Unbounded)
                };
                let (start, end) = (bound(from, after), bound(to, before));
                let (start, end) = (start.as_ref().map(|k| &**k), end.as_ref().map(|k| &**k));
                return self.read(view.as_ref(), |reader| {
                    for record in reader.scan(start, end, *reverse) {
                        let (key, value) = record?;
                        writeln!(output, "{}={}", text(&key), text(&value))?;
                    }
                    Ok(output)
                });
            }
            Step::Pin(name) => {
                self.views
                    .insert(name.clone(), self.engine.get().snapshot());
            }
            Step::Unpin(name) => {
                self.views.remove(name).ok_or("no such view")?;
            }
            Step::Replace(records) | Step::ReplaceAborted(records) => {
                let abort = matches!(step, Step::ReplaceAborted(_));
                let records = records.iter().map(|(k, v)| Ok((slice(k), slice(v))));
                let mut records = records.chain(abort.then_some(Err(Aborted)));
                self.engine.get().replace(&mut records)?;
            }
            Step::Reopen => {
                self.views.clear();
                self.engine.reopen();
            }
        }
        Ok(output)
    }
}

#[test]
fn scripts_give_the_same_on_every_engine() {
    for path in scripts("engine") {
        for engine in engines() {
            let mut script = Script {
                engine,
                batch: None,
                views: BTreeMap::new(),
            };
            goldenscript::run(&mut script, &path).unwrap();
        }
    }
}

/// A step of a random history. Keys are few and short, so that steps meet.
#[derive(Debug, Clone)]
enum Move {
    Write(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    Pin,
    Unpin,
    Replace(Vec<(Vec<u8>, Vec<u8>)>, bool),
    Reopen,
    /// Compares a range, on the engine and under a batch.
    Look(Bound<Vec<u8>>, Bound<Vec<u8>>, bool),
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 0x61, 0xff]), 0..4)
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..6)
}

fn any_bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        any_key().prop_map(Bound::Included),
        any_key().prop_map(Bound::Excluded),
    ]
}

fn any_writes() -> impl Strategy<Value = Vec<(Vec<u8>, Option<Vec<u8>>)>> {
    prop::collection::vec((any_key(), prop::option::weighted(0.7, any_value())), 0..12)
}

fn any_move() -> impl Strategy<Value = Move> {
    let records = prop::collection::vec((any_key(), any_value()), 0..12);
    prop_oneof![
        6 => any_writes().prop_map(Move::Write),
        2 => Just(Move::Pin),
        1 => Just(Move::Unpin),
        1 => (records, any::<bool>()).prop_map(|(records, abort)| Move::Replace(records, abort)),
        1 => Just(Move::Reopen),
        6 => (any_bound(), any_bound(), any::<bool>()).prop_map(|(a, b, r)| Move::Look(a, b, r)),
    ]
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// What the reader must show according to the model, found without its range logic.
fn check(
    reader: &dyn Reader,
    model: &Model,
    start: &Bound<Vec<u8>>,
    end: &Bound<Vec<u8>>,
    reverse: bool,
) {
    use std::ops::RangeBounds;
    let range = (start.clone(), end.clone());
    let inside = |key: &Vec<u8>| RangeBounds::<Vec<u8>>::contains(&range, key);
    let mut expected: Vec<_> = model
        .clone()
        .into_iter()
        .filter(|(k, _)| inside(k))
        .collect();
    if reverse {
        expected.reverse();
    }
    let (start, end) = (
        start.as_ref().map(Vec::as_slice),
        end.as_ref().map(Vec::as_slice),
    );
    let found: Vec<_> = reader
        .scan(start, end, reverse)
        .map(|record| record.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap())
        .collect();
    assert_eq!(found, expected);
}

fn check_all(reader: &dyn Reader, model: &Model) {
    check(reader, model, &Bound::Unbounded, &Bound::Unbounded, false);
    for (key, value) in model {
        assert_eq!(reader.get(key).unwrap().as_deref(), Some(&value[..]));
    }
    assert!(reader.get(b"never written").unwrap().is_none());
}

/// Runs a history on an engine and on a plain ordered map side by side.
fn run_history(mut engine: TestEngine, history: &[Move], overlay: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let mut model = Model::new();
    let mut pinned: Vec<(View, Model)> = Vec::new();
    for step in history {
        match step {
            Move::Write(writes) => {
                let mut batch = Batch::new(&**engine.get());
                lay(&mut batch, &mut model, writes);
                check_all(&batch, &model);
                let writes = batch.into_writes();
                engine.get().write(writes).unwrap();
            }
            Move::Pin => pinned.push((engine.get().snapshot(), model.clone())),
            Move::Unpin => {
                pinned.pop();
            }
            Move::Replace(records, abort) => {
                let source = records
                    .iter()
                    .map(|(k, v)| Ok((k[..].into(), v[..].into())));
                let mut source = source.chain(abort.then_some(Err(Aborted)));
                let result = engine.get().replace(&mut source);
                if *abort {
                    assert!(matches!(result, Err(ReplaceError::Aborted)));
                } else {
                    result.unwrap();
                    model = records.iter().cloned().collect();
                }
            }
            Move::Reopen => {
                pinned.clear();
                engine.reopen();
            }
            Move::Look(start, end, reverse) => {
                check(&**engine.get(), &model, start, end, *reverse);
                let mut over = model.clone();
                let mut batch = Batch::new(&**engine.get());
                lay(&mut batch, &mut over, overlay);
                check(&batch, &over, start, end, *reverse);
                if let Some((view, old)) = pinned.last() {
                    check(&**view, old, start, end, *reverse);
                }
            }
        }
        check_all(&**engine.get(), &model);
        for (view, old) in &pinned {
            check_all(&**view, old);
        }
    }
}

fn lay(batch: &mut Batch<'_>, model: &mut Model, writes: &[(Vec<u8>, Option<Vec<u8>>)]) {
    for (key, value) in writes {
        match value {
            Some(value) => {
                batch.put(&key[..], &value[..]);
                model.insert(key.clone(), value.clone());
            }
            None => {
                batch.delete(&key[..]);
                model.remove(key);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { // Opening RocksDB takes its time.
        cases: if cfg!(feature = "rocksdb") { 32 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn every_engine_agrees_with_an_ordered_map(
        history in prop::collection::vec(any_move(), 1..40),
        overlay in any_writes(),
    ) {
        for engine in engines() {
            run_history(engine, &history, &overlay);
        }
    }
}

/// More records than a chunk of the live scan of the memory engine holds, changed underneath.
#[test]
fn a_live_scan_shows_no_later_write() {
    for engine in engines() {
        let engine = engine.get();
        let mut writes = Writes::default();
        for number in 0..3000u32 {
            writes.set(number.to_be_bytes(), Some(Slice::from(*b"old")));
        }
        engine.write(writes).unwrap();
        for reverse in [false, true] {
            let mut scan = engine.scan(Bound::Unbounded, Bound::Unbounded, reverse);
            let first = scan.next().unwrap().unwrap();
            let mut writes = Writes::default();
            for number in 1..2999u32 {
                let value = (number % 2 == 0).then(|| Slice::from(*b"new"));
                writes.set(number.to_be_bytes(), value);
            }
            let changed = engine.snapshot();
            engine.write(writes).unwrap();
            let mut numbers: Vec<u32> = std::iter::once(Ok(first))
                .chain(scan)
                .map(|record| {
                    let (key, value) = record.unwrap();
                    assert_eq!(&*value, b"old");
                    u32::from_be_bytes(key[..].try_into().unwrap())
                })
                .collect();
            if reverse {
                numbers.reverse();
            }
            assert_eq!(numbers, (0..3000).collect::<Vec<_>>());
            // Put the old content back for the other direction.
            let all = changed.scan(Bound::Unbounded, Bound::Unbounded, false);
            engine
                .replace(&mut all.map(|record| Ok(record.unwrap())))
                .unwrap();
        }
    }
}

/// The stated bytes follow the content, up and down to nothing.
#[test]
fn memory_bytes_follow_the_content() {
    let engine = Memory::new();
    let put = |key: &'static [u8], value: Option<&[u8]>| {
        let mut writes = Writes::default();
        writes.set(key, value.map(Slice::from));
        engine.write(writes).unwrap();
        engine.memory_bytes()
    };
    let one = put(b"a", Some(&[0; 100]));
    let larger = put(b"a", Some(&[0; 300]));
    assert_eq!(larger - one, 200);
    assert_eq!(put(b"b", Some(&[0; 100])) - larger, one);
    put(b"b", None);
    assert_eq!(put(b"b", None), larger);
    assert_eq!(put(b"a", None), 0);
}
