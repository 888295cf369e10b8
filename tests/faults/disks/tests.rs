//! The mechanism itself: a cut loses what was not synced and keeps what was.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
};

use super::{Volume, place::Place};

const SIZE: u64 = 32 << 20;

/// None, and a loud word, where this machine cannot do it.
fn volume() -> Option<(Volume, Place)> {
    let made = Place::new().and_then(|place| Ok((Volume::create(place.path(), "v", SIZE)?, place)));
    made.inspect_err(|why| eprintln!("SKIPPED: no file system to cut the power of: {why}"))
        .ok()
}

#[test]
fn a_cut_loses_what_was_not_synced_and_keeps_what_was() {
    let Some((volume, _place)) = volume() else {
        return;
    };
    let path = volume.root().join("log");
    let mut file = File::create_new(&path).expect("a file");
    file.write_all(&[1; 20_000]).expect("room");
    file.sync_all().expect("a synced file");
    File::open(volume.root())
        .and_then(|root| root.sync_all())
        .expect("a synced directory");
    // Over synced bytes, behind them, and in a file that no synced directory names.
    file.seek(SeekFrom::Start(8192)).expect("a place");
    file.write_all(&[2; 4096]).expect("room");
    file.seek(SeekFrom::End(0)).expect("a place");
    file.write_all(&[3; 4096]).expect("room");
    fs::write(volume.root().join("other"), "unsynced").expect("a file");
    let mut seen = Vec::new();
    File::open(&path)
        .and_then(|mut file| file.read_to_end(&mut seen))
        .expect("the file is read");
    assert_eq!((seen.len(), seen[8192]), (24_096, 2), "before the cut");

    volume.cut();
    assert!(file.sync_all().is_err(), "nothing is synced after the cut");
    drop(file);
    assert!(volume.restore(), "the witness is gone");
    let found = fs::read(&path).expect("the synced file");
    assert!(found == [1; 20_000], "exactly what was synced is there");
    assert!(!volume.root().join("other").exists());
    // It is a file system like any other again.
    fs::write(volume.root().join("other"), "again").expect("a file");
}

#[test]
fn a_full_file_system_takes_not_a_byte_until_room_is_given_back() {
    let Some((volume, _place)) = volume() else {
        return;
    };
    let before = volume.free();
    let filler = volume.fill(1 << 20);
    let left = volume.free();
    assert!(left.abs_diff(1 << 20) <= 128 << 10, "{left} bytes are left");
    drop(filler);

    let filler = volume.fill(0);
    assert_eq!(volume.free(), 0);
    let refused = fs::write(volume.root().join("more"), [1; 4096]).expect_err("it is full");
    assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
    drop(filler);
    assert!(volume.free().abs_diff(before) <= 128 << 10);
    fs::write(volume.root().join("more"), [1; 4096]).expect("there is room again");
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_a_living_one_uses_is_not() {
    // A directory of its own, since other tests use the common one at this moment.
    let root = tempfile::tempdir().expect("a directory");
    let place = match Place::below(root.path()) {
        Ok(place) => place,
        Err(why) => panic!("{why}"),
    };
    let volume = match Volume::create(place.path(), "v", SIZE) {
        Ok(volume) => volume,
        Err(why) => {
            eprintln!("SKIPPED: no file system to be left behind: {why}");
            return;
        }
    };
    let mounted = || {
        let mounts = fs::read_to_string("/proc/mounts").expect("the list of mounts");
        let root = root.path().to_string_lossy().into_owned();
        mounts.lines().filter(|line| line.contains(&root)).count()
    };
    let living = Place::below(root.path()).expect("a second run");
    assert!(
        place.path().exists() && mounted() == 1,
        "the first is alive"
    );

    std::mem::forget(volume);
    let left = place.abandon();
    assert!(left.exists() && mounted() == 1);
    let next = Place::below(root.path()).expect("a third run");
    assert!(!left.exists(), "the leftovers are gone");
    assert_eq!(mounted(), 0);
    assert!(living.path().exists() && next.path().exists());
}
