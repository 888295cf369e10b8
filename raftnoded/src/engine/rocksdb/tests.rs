use std::fs;

use super::*;
use crate::engine::Batch;

fn put(engine: &RocksDb, key: &str, value: &str) -> Result<(), EngineError> {
    let mut batch = Batch::new(engine);
    batch.put(key.as_bytes(), value.as_bytes());
    let writes = batch.into_writes();
    engine.write(writes)
}

fn get(engine: &RocksDb, key: &str) -> Option<String> {
    let value = engine.get(key.as_bytes()).unwrap();
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn records(pairs: &[(&str, &str)]) -> Vec<Result<Record, Aborted>> {
    let slice = |text: &str| Slice::from(text.as_bytes());
    pairs
        .iter()
        .map(|(k, v)| Ok((slice(k), slice(v))))
        .collect()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What a crash leaves of an open engine: its files as they are, without the flush of a close.
fn crash_copy(from: &Path, to: &Path) {
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            crash_copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn a_crash_falls_back_to_what_was_persisted() {
    let (live, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = RocksDb::open(live.path()).unwrap();
    put(&engine, "a", "persisted").unwrap();
    engine.persist().unwrap();
    put(&engine, "a", "lost").unwrap();
    put(&engine, "b", "lost").unwrap();
    crash_copy(live.path(), crashed.path());
    let engine = RocksDb::open(crashed.path()).unwrap();
    assert_eq!(get(&engine, "a").as_deref(), Some("persisted"));
    assert_eq!(get(&engine, "b"), None);
}

#[test]
fn a_replacement_survives_a_crash_and_leaves_one_database() {
    let (live, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = RocksDb::open(live.path()).unwrap();
    put(&engine, "old", "1").unwrap();
    engine.persist().unwrap();
    engine
        .replace(&mut records(&[("new", "2")]).into_iter())
        .unwrap();
    assert_eq!(names(live.path()), ["CURRENT", "db-2"]);
    crash_copy(live.path(), crashed.path());
    let engine = RocksDb::open(crashed.path()).unwrap();
    assert_eq!(get(&engine, "new").as_deref(), Some("2"));
    assert_eq!(get(&engine, "old"), None);
}

#[test]
fn a_replaced_database_lives_as_long_as_its_views() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RocksDb::open(dir.path()).unwrap();
    put(&engine, "old", "1").unwrap();
    let view = engine.snapshot();
    let mut scan = engine.scan(Bound::Unbounded, Bound::Unbounded, false);
    engine
        .replace(&mut records(&[("new", "2")]).into_iter())
        .unwrap();
    assert_eq!(names(dir.path()), ["CURRENT", "db-1", "db-2"]);
    assert_eq!(view.get(b"old").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(&*scan.next().unwrap().unwrap().0, b"old");
    drop(scan);
    drop(view);
    assert_eq!(names(dir.path()), ["CURRENT", "db-2"]);
}

#[test]
fn an_aborted_replacement_leaves_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RocksDb::open(dir.path()).unwrap();
    put(&engine, "old", "1").unwrap();
    let mut source = records(&[("new", "2")]);
    source.push(Err(Aborted));
    let result = engine.replace(&mut source.into_iter());
    assert!(matches!(result, Err(ReplaceError::Aborted)), "{result:?}");
    assert_eq!(names(dir.path()), ["CURRENT", "db-1"]);
    assert_eq!(get(&engine, "old").as_deref(), Some("1"));
    put(&engine, "old", "3").unwrap();
}

#[test]
fn leftovers_of_an_interrupted_replacement_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    put(&RocksDb::open(dir.path()).unwrap(), "a", "1").unwrap();
    fs::create_dir(dir.path().join("db-2")).unwrap();
    fs::write(dir.path().join("db-2/000001.sst"), "half a file").unwrap();
    fs::write(dir.path().join("CURRENT.new"), "db-").unwrap();
    let engine = RocksDb::open(dir.path()).unwrap();
    assert!(!dir.path().join("db-2").exists());
    assert_eq!(get(&engine, "a").as_deref(), Some("1"));
    engine
        .replace(&mut records(&[("b", "2")]).into_iter())
        .unwrap();
    assert_eq!(names(dir.path()), ["CURRENT", "db-2"]);
}

#[test]
fn a_damaged_pointer_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    put(&RocksDb::open(dir.path()).unwrap(), "a", "1").unwrap();
    let pointer = dir.path().join("CURRENT");
    let refusal = || match RocksDb::open(dir.path()) {
        Err(error @ EngineError::Corrupt { .. }) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("opened"),
    };
    for text in ["", "db-", "db-7\n", "\u{1}"] {
        fs::write(&pointer, text).unwrap();
        assert!(refusal().contains("CURRENT"), "{text:?}");
    }
    fs::remove_file(&pointer).unwrap();
    assert!(refusal().contains("CURRENT"));
    fs::write(&pointer, "db-1\n").unwrap();
    assert_eq!(
        get(&RocksDb::open(dir.path()).unwrap(), "a").as_deref(),
        Some("1")
    );
}

#[test]
fn a_failed_flush_stops_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RocksDb::open(dir.path()).unwrap();
    put(&engine, "a", "1").unwrap();
    // No new table can be created in a directory that is gone.
    fs::remove_dir_all(dir.path().join("db-1")).unwrap();
    engine.persist().unwrap_err();
    let refused = put(&engine, "b", "2");
    assert!(
        matches!(refused, Err(EngineError::Stopped { .. })),
        "{refused:?}"
    );
    let refused = engine.persist();
    assert!(
        matches!(refused, Err(EngineError::Stopped { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_failed_background_flush_fails_a_later_write() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RocksDb::open(dir.path()).unwrap();
    fs::remove_dir_all(dir.path().join("db-1")).unwrap();
    // Written until the memtables are full, which starts a flush in the background; with all of
    // them full and none flushed, writes must fail and neither wait for ever nor succeed.
    let value = "x".repeat(1 << 20);
    let limit = 4 * MEMTABLES as usize * MEMTABLE_BYTES / value.len();
    let failed = (0..limit).find_map(|n| put(&engine, &format!("{n}"), &value).err());
    let failed = failed.expect("every write succeeded without a disk");
    assert!(!matches!(failed, EngineError::Stopped { .. }), "{failed:?}");
    let refused = put(&engine, "b", "2");
    assert!(
        matches!(refused, Err(EngineError::Stopped { .. })),
        "{refused:?}"
    );
}

#[test]
fn memory_and_disk_stay_bounded_under_endless_overwrite() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RocksDb::open(dir.path()).unwrap();
    // 300 MB written over 100 keys that hold 1 MB together.
    let mut state = 1u64;
    for round in 0..300u64 {
        let mut batch = Batch::new(&engine);
        for key in 0..100u64 {
            // Bytes that do not compress: xorshift64.
            let value: Vec<u8> = (0..1250)
                .flat_map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()
                })
                .collect();
            batch.put(key.to_be_bytes(), value);
        }
        batch.put(*b"round", round.to_be_bytes());
        let writes = batch.into_writes();
        engine.write(writes).unwrap();
    }
    engine.persist().unwrap();
    let bound = (MEMTABLES as usize * MEMTABLE_BYTES + CACHE_BYTES) as u64 + (8 << 20);
    assert!(
        engine.memory_bytes() < bound,
        "{} bytes of memory",
        engine.memory_bytes()
    );
    assert!(
        engine.disk_bytes() < 200 << 20,
        "{} bytes on disk",
        engine.disk_bytes()
    );
    let all = engine.scan(Bound::Unbounded, Bound::Unbounded, false);
    let all = all.collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(all.len(), 101);
}
