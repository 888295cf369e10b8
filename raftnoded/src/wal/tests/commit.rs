//! Group commit, and failing disks.

use std::collections::HashMap;
use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;

/// A gate that can be shut, and that can fail.
#[derive(Default)]
struct Disk {
    shut: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
    fail_write: AtomicBool,
    fail_sync: AtomicBool,
    /// No space for new files.
    full: AtomicBool,
}

impl Disk {
    fn set_shut(&self, shut: bool) {
        *self.shut.lock().expect("locked") = shut;
        self.opened.notify_all();
    }

    fn await_waiting(&self) {
        let deadline = std::time::Instant::now() + DEADLINE;
        while self.waiting.load(Ordering::SeqCst) == 0 {
            assert!(std::time::Instant::now() < deadline, "nobody syncs");
            std::thread::yield_now();
        }
    }
}

fn fault(set: &AtomicBool) -> io::Result<()> {
    const EIO: i32 = 5;
    if set.load(Ordering::SeqCst) {
        return Err(io::Error::from_raw_os_error(EIO));
    }
    Ok(())
}

impl Gate for Disk {
    fn write(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().and_then(|n| n.to_str());
        if self.full.load(Ordering::SeqCst) && name.is_some_and(|n| n.starts_with("spare-")) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        fault(&self.fail_write)
    }

    fn sync(&self, _: &Path) -> io::Result<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let shut = self.shut.lock().expect("locked");
        let waited = self.opened.wait_timeout_while(shut, DEADLINE, |shut| *shut);
        assert!(!waited.expect("locked").1.timed_out());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        fault(&self.fail_sync)
    }
}

/// Appends one record, to be answered with its index and how far the log was durable then.
fn submit(wal: &Arc<Wal>, sender: &mpsc::Sender<(u64, Position)>, index: u64) -> (u64, Position) {
    let (sender, log) = (sender.clone(), Arc::clone(wal));
    let done: Done = Box::new(move |result| {
        result.expect("durable");
        sender.send((index, log.durable())).expect("the test waits");
    });
    let record = Owned::sample(index, 64);
    let positions = wal.append(&[record.borrow()], Some(done)).expect("fits");
    (index, positions[0])
}

#[test]
fn threads_share_a_sync_and_are_answered_in_order_after_it() {
    let dir = tempfile::tempdir().expect("made");
    let disk = Arc::new(Disk::default());
    let (wal, _) = try_open(dir.path(), Options::default(), disk.clone()).expect("opens");
    let wal = Arc::new(wal);
    append(&wal, &[Owned::sample(0, 1)]).expect("durable");
    let syncs = wal.stats().syncs;

    disk.set_shut(true);
    let (sender, receiver) = mpsc::channel();
    let first = submit(&wal, &sender, 1);
    disk.await_waiting();
    let mut positions: HashMap<_, _> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (wal, sender) = (&wal, sender.clone());
                scope.spawn(move || -> Vec<_> {
                    let indexes = (0..50).map(|i| 100 + thread * 50 + i);
                    indexes.map(|index| submit(wal, &sender, index)).collect()
                })
            })
            .collect();
        let placed = threads.into_iter().map(|t| t.join().expect("ran"));
        placed.flatten().collect()
    });
    positions.insert(first.0, first.1);
    assert!(receiver.try_recv().is_err(), "nothing is answered unsynced");
    assert!(wal.queued_bytes() > 0);
    disk.set_shut(false);

    let mut previous = Position::from_u64(0);
    for _ in 0..401 {
        let (index, durable) = receiver.recv_timeout(DEADLINE).expect("answered");
        let position = positions[&index];
        assert!(position > previous, "answered in the order of the log");
        assert!(durable > position, "answered when durable");
        previous = position;
    }
    assert_eq!(wal.stats().syncs, syncs + 2, "one sync for all who waited");
}

struct Failing {
    wal: Wal,
    disk: Arc<Disk>,
    hook_calls: Arc<AtomicUsize>,
    dir: tempfile::TempDir,
    kept: Placed,
}

fn failing() -> Failing {
    let dir = tempfile::tempdir().expect("made");
    let disk = Arc::new(Disk::default());
    let hook_calls = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&hook_calls);
    let wal = Wal::open_through(
        dir.path().to_owned(),
        SMALL,
        disk.clone(),
        false,
        Box::new(move |error| {
            assert_eq!(error.raw_os_error(), Some(5));
            calls.fetch_add(1, Ordering::SeqCst);
        }),
        &mut |_, _| std::ops::ControlFlow::Continue(()),
    )
    .expect("opens");
    let kept = append_placed(&wal, &[Owned::sample(1, 100)]);
    Failing {
        wal,
        disk,
        hook_calls,
        dir,
        kept,
    }
}

fn assert_failed_for_good(failing: Failing) {
    let Failing {
        wal,
        disk,
        hook_calls,
        dir,
        kept,
    } = failing;
    // The disk works again, and nothing is retried.
    disk.fail_write.store(false, Ordering::SeqCst);
    disk.fail_sync.store(false, Ordering::SeqCst);
    for index in 10..13 {
        let error = append(&wal, &[Owned::sample(index, 10)]).expect_err("failed for good");
        assert_eq!(error.raw_os_error(), Some(5));
    }
    assert_eq!(hook_calls.load(Ordering::SeqCst), 1);
    assert_eq!(wal.failure().and_then(|e| e.raw_os_error()), Some(5));
    assert_eq!(Owned::from(wal.read(kept[0].0).expect("read")), kept[0].1);
    assert!(wal.close().is_err());
    let (_, seen) = open(dir.path(), SMALL);
    assert_eq!(seen[0], kept[0], "what was acknowledged is there");
    assert!(seen.len() <= 2, "nothing was written after the failure");
}

#[test]
fn a_failed_sync_ends_the_log() {
    let failing = failing();
    failing.disk.fail_sync.store(true, Ordering::SeqCst);
    assert!(append(&failing.wal, &[Owned::sample(2, 100)]).is_err());
    assert_failed_for_good(failing);
}

#[test]
fn a_failed_write_ends_the_log() {
    let failing = failing();
    failing.disk.fail_write.store(true, Ordering::SeqCst);
    assert!(append(&failing.wal, &[Owned::sample(2, 100)]).is_err());
    assert_failed_for_good(failing);
}

#[test]
fn everybody_who_waits_for_a_failing_sync_gets_an_error() {
    let failing = failing();
    failing.disk.set_shut(true);
    failing.disk.fail_sync.store(true, Ordering::SeqCst);
    let (sender, receiver) = mpsc::channel();
    for index in 0..10 {
        let sender = sender.clone();
        let done: Done = Box::new(move |r| sender.send((index, r)).expect("the test waits"));
        let record = Owned::sample(index, 10);
        failing
            .wal
            .append(&[record.borrow()], Some(done))
            .expect("fits");
        if index == 0 {
            failing.disk.await_waiting();
        }
    }
    failing.disk.set_shut(false);
    for expected in 0..10 {
        let (index, result) = receiver.recv_timeout(DEADLINE).expect("answered");
        assert_eq!(index, expected);
        assert!(result.is_err());
    }
    assert_failed_for_good(failing);
}

#[test]
fn a_closed_log_answers_with_an_error() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let kept = append_placed(&wal, &[Owned::sample(1, 10)]);
    wal.close().expect("closed");
    wal.close().expect("closed already");
    assert!(append(&wal, &[Owned::sample(2, 10)]).is_err());
    assert_eq!(Owned::from(wal.read(kept[0].0).expect("read")), kept[0].1);
    assert_eq!(open(dir.path(), SMALL).1, kept);
}

#[test]
fn a_callback_that_panics_does_not_hang_the_others() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let record = Owned::sample(1, 10);
    let done: Done = Box::new(|_| panic!("a test's callback panics on purpose"));
    wal.append(&[record.borrow()], Some(done)).expect("fits");
    assert!(append(&wal, &[Owned::sample(2, 10)]).is_err());
    assert!(wal.close().is_err());
}

#[test]
fn the_last_handle_may_be_dropped_by_a_callback() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let wal = Arc::new(wal);
    let (sender, receiver) = mpsc::channel();
    let held = Arc::clone(&wal);
    let (go, wait) = mpsc::channel::<()>();
    let done: Done = Box::new(move |_| {
        wait.recv_timeout(DEADLINE).expect("told to go on");
        drop(held);
        sender.send(()).expect("the test waits");
    });
    wal.append(&[], Some(done)).expect("fits");
    drop(wal);
    go.send(()).expect("the callback waits");
    receiver.recv_timeout(DEADLINE).expect("no deadlock");
}

#[test]
fn a_full_disk_shows_before_the_log_fails() {
    let failing = failing();
    let Failing { wal, disk, .. } = &failing;
    disk.full.store(true, Ordering::SeqCst);
    assert!(!wal.is_space_low());
    let mut model = failing.kept.clone();
    while !wal.is_space_low() {
        let record = Owned::sample(model.len() as u64, 500);
        model.extend(append_placed(wal, &[record]));
    }
    assert_eq!(wal.active_segment(), 1, "known before the segment is full");
    model.extend(append_placed(wal, &[Owned::sample(1000, 500)]));
    assert!(wal.is_space_low());

    disk.full.store(false, Ordering::SeqCst);
    while wal.active_segment() < 3 {
        let record = Owned::sample(model.len() as u64, 500);
        model.extend(append_placed(wal, &[record]));
    }
    assert!(!wal.is_space_low());
    assert!(wal.failure().is_none());
    drop(failing.wal);
    assert_eq!(open(failing.dir.path(), SMALL).1, model);
}

#[test]
fn a_log_that_is_written_to_its_end_waits_for_room() {
    let failing = failing();
    let Failing { wal, disk, .. } = &failing;
    disk.full.store(true, Ordering::SeqCst);
    let (sender, receiver) = mpsc::channel();
    let mut model = failing.kept.clone();
    // More than two segments hold.
    for index in 0..100 {
        let record = Owned::sample(index, 500);
        let sender = sender.clone();
        let done: Done = Box::new(move |result| {
            result.expect("waiting is no failure");
            sender.send(()).expect("the test waits");
        });
        let positions = wal.append(&[record.borrow()], Some(done)).expect("fits");
        model.push((positions[0], record));
    }
    let mut answered = 0;
    while receiver
        .recv_timeout(std::time::Duration::from_millis(300))
        .is_ok()
    {
        answered += 1;
    }
    assert!(answered < 100, "there was room for one segment only");
    assert!(wal.is_space_low() && wal.failure().is_none());
    disk.full.store(false, Ordering::SeqCst);
    for _ in answered..100 {
        receiver.recv_timeout(DEADLINE).expect("answered");
    }
    assert!(wal.failure().is_none());
    drop(failing.wal);
    assert_eq!(open(failing.dir.path(), SMALL).1, model);
}

#[test]
fn a_log_that_waits_for_room_can_be_closed() {
    let dir = tempfile::tempdir().expect("made");
    let disk = Arc::new(Disk::default());
    let (wal, _) = try_open(dir.path(), SMALL, disk.clone()).expect("opens");
    disk.full.store(true, Ordering::SeqCst);
    for index in 0..100 {
        let record = Owned::sample(index, 500);
        wal.append(&[record.borrow()], Some(Box::new(|_| {})))
            .expect("fits");
    }
    assert!(wal.close().is_err(), "what was queued is not written");
}
