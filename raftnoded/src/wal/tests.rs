//! The log against cut files, flipped bytes, failing disks and crashes.

mod commit;
mod crash;
mod damage;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);
const SMALL: Options = Options {
    segment_bytes: 16 << 10,
    fsync: true,
};

/// A record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    kind: u8,
    term: u64,
    index: u64,
    payload: Vec<u8>,
}

impl Owned {
    /// A record that differs from that of every other index.
    fn sample(index: u64, length: usize) -> Self {
        Self {
            kind: (index % 7) as u8,
            term: index / 10,
            index,
            payload: (0..length as u64)
                .map(|i| (i.wrapping_mul(31) ^ index.wrapping_mul(0x9E37) >> 3) as u8)
                .collect(),
        }
    }

    fn borrow(&self) -> RecordRef<'_> {
        RecordRef {
            kind: self.kind,
            term: self.term,
            index: self.index,
            payload: &self.payload,
        }
    }
}

impl From<RecordRef<'_>> for Owned {
    fn from(r: RecordRef<'_>) -> Self {
        Self {
            kind: r.kind,
            term: r.term,
            index: r.index,
            payload: r.payload.to_vec(),
        }
    }
}

impl From<Record> for Owned {
    fn from(r: Record) -> Self {
        Self {
            kind: r.kind,
            term: r.term,
            index: r.index,
            payload: r.payload.to_vec(),
        }
    }
}

type Placed = Vec<(Position, Owned)>;

fn ignore_failure() -> OnFailure {
    Box::new(|_| {})
}

/// Opens without a tender thread, so that files change only when the test appends.
fn try_open(dir: &Path, options: Options, gate: Arc<dyn Gate>) -> Result<(Wal, Placed), OpenError> {
    let mut seen = Vec::new();
    let wal = Wal::open_through(
        dir.to_owned(),
        options,
        gate,
        false,
        ignore_failure(),
        &mut |position, record| {
            seen.push((position, Owned::from(record)));
            ControlFlow::Continue(())
        },
    )?;
    Ok((wal, seen))
}

fn open(dir: &Path, options: Options) -> (Wal, Placed) {
    try_open(dir, options, Arc::new(OpenGate)).expect("the log opens")
}

/// Appends and waits for the callback.
fn append(wal: &Wal, records: &[Owned]) -> io::Result<Vec<Position>> {
    let (sender, receiver) = mpsc::channel();
    let refs: Vec<_> = records.iter().map(Owned::borrow).collect();
    let done: Done = Box::new(move |result| sender.send(result).expect("the test waits"));
    let positions = wal.append(&refs, Some(done)).expect("fits");
    receiver.recv_timeout(DEADLINE).expect("called back")?;
    Ok(positions)
}

fn append_placed(wal: &Wal, records: &[Owned]) -> Placed {
    let positions = append(wal, records).expect("durable");
    positions.into_iter().zip(records.iter().cloned()).collect()
}

/// The content of every file of a directory.
type Image = BTreeMap<String, Vec<u8>>;

fn image(dir: &Path) -> Image {
    let entries = std::fs::read_dir(dir).expect("listed");
    entries
        .map(|entry| {
            let entry = entry.expect("listed");
            let name = entry.file_name().into_string().expect("text");
            (name, std::fs::read(entry.path()).expect("read"))
        })
        .collect()
}

fn materialize(image: &Image) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("made");
    for (name, content) in image {
        std::fs::write(dir.path().join(name), content).expect("written");
    }
    dir
}

fn name_of(sequence: u32) -> String {
    format!("segment-{sequence:010}.wal")
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, seen) = open(&dir.path().join("new").join("log"), SMALL);
    assert!(seen.is_empty());
    let mut model = Vec::new();
    for batch in 0..20 {
        let records: Vec<_> = (0..5)
            .map(|i| Owned::sample(batch * 5 + i, (batch * 97 + i * 13) as usize % 900))
            .collect();
        model.extend(append_placed(&wal, &records));
    }
    assert!(wal.active_segment() > 2, "several segments");
    assert_eq!(wal.durable(), wal.end());
    assert_eq!(wal.queued_bytes(), 0);
    for (position, record) in &model {
        let read = wal.read(*position).expect("read");
        assert_eq!(Owned::from(read), *record);
        assert_eq!(Position::from_u64(position.to_u64()), *position);
    }
    drop(wal);
    let (wal, seen) = open(&dir.path().join("new").join("log"), SMALL);
    assert_eq!(seen, model);
    model.extend(append_placed(&wal, &[Owned::sample(1000, 3)]));
    wal.close().expect("closed");
    assert_eq!(open(&dir.path().join("new").join("log"), SMALL).1, model);
}

#[test]
fn positions_are_ordered_as_the_log_is() {
    let (low, high) = (Position::new(1, u32::MAX), Position::new(2, 4096));
    assert!(low < high && low.to_u64() < high.to_u64());
}

#[test]
fn ranges_cross_segments_and_respect_their_budget() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let mut model = Vec::new();
    for i in 0..60 {
        let length = if i == 30 { 9000 } else { 700 };
        model.extend(append_placed(&wal, &[Owned::sample(i, length)]));
    }
    // These wait in memory.
    for i in 60..90 {
        let record = Owned::sample(i, 500);
        let position = wal.append(&[record.borrow()], None).expect("fits")[0];
        model.push((position, record));
    }
    assert!(wal.written() < wal.end(), "some are queued");
    let owned = |range: Vec<(Position, Record)>| -> Placed {
        range.into_iter().map(|(p, r)| (p, r.into())).collect()
    };
    let all = wal.read_range(model[0].0, usize::MAX / 2).expect("read");
    assert_eq!(owned(all), model);
    for start in [0, 1, 7, 29, 30, 31, 58, 59, 60, 61, 89] {
        for budget in [0, 1, 740, 3000, 20_000] {
            let got = owned(wal.read_range(model[start].0, budget).expect("read"));
            let mut left = budget;
            let expected: Vec<_> = model[start..]
                .iter()
                .enumerate()
                .take_while(|(i, (_, r))| {
                    let size = Wal::size_on_disk(r.payload.len());
                    let fits = size <= left || *i == 0;
                    left = if fits { left.saturating_sub(size) } else { 0 };
                    fits
                })
                .map(|(_, placed)| placed.clone())
                .collect();
            assert!(got == expected, "from {start} with {budget}");
        }
    }
    assert!(wal.read_range(wal.end(), 100).expect("empty").is_empty());
    for (position, record) in &model {
        assert_eq!(Owned::from(wal.read(*position).expect("read")), *record);
    }
}

#[test]
fn a_record_that_no_segment_holds_is_refused() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let limit = wal.max_payload();
    let fits = Owned::sample(1, limit);
    let model = append_placed(&wal, std::slice::from_ref(&fits));
    let large = Owned::sample(2, limit + 1);
    let refused = wal.append(&[fits.borrow(), large.borrow()], None);
    assert_eq!(
        refused,
        Err(RecordTooLarge {
            size: limit + 1,
            limit
        })
    );
    assert_eq!(wal.queued_bytes(), 0, "nothing of the batch was queued");
    drop(wal);
    assert_eq!(open(dir.path(), SMALL).1, model);
}

#[test]
fn records_nobody_waits_for_come_with_the_next_sync_or_the_close() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let first = append_placed(&wal, &[Owned::sample(1, 10)]);
    let syncs = wal.stats().syncs;
    let lazy = Owned::sample(2, 10);
    let at = wal.append(&[lazy.borrow()], None).expect("fits")[0];
    assert!(wal.durable() <= at);
    assert_eq!(Owned::from(wal.read(at).expect("read")), lazy);
    append(&wal, &[]).expect("a barrier");
    assert!(wal.durable() > at);
    assert_eq!(wal.stats().syncs, syncs + 1);
    append(&wal, &[]).expect("a barrier");
    assert_eq!(wal.stats().syncs, syncs + 1, "nothing to sync");
    let last = Owned::sample(3, 10);
    let end = wal.append(&[last.borrow()], None).expect("fits")[0];
    drop(wal);
    let (_, seen) = open(dir.path(), SMALL);
    assert_eq!(seen, [first[0].clone(), (at, lazy), (end, last)]);
}

#[test]
fn released_segments_are_recycled_and_their_bytes_stay_dead() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let mut model = Vec::new();
    let mut index = 0;
    let mut fill = |wal: &Wal, model: &mut Placed, upto: u32| {
        while wal.active_segment() < upto {
            let mut record = Owned::sample(index, 600);
            record.payload[..8].copy_from_slice(&(index.to_le_bytes()));
            index += 1;
            model.extend(append_placed(wal, &[record]));
        }
    };
    fill(&wal, &mut model, 8);
    let dead = model[0].0;
    assert!(wal.read(dead).is_ok());
    wal.release(6);
    append(&wal, &[]).expect("a barrier");
    // The release follows the callbacks of its batch; a second barrier follows the release.
    append(&wal, &[]).expect("a barrier");
    assert_eq!(wal.oldest_segment(), 6);
    let names: Vec<_> = image(dir.path()).into_keys().collect();
    let spares = names.iter().filter(|n| n.starts_with("spare-")).count();
    assert!((1..=2).contains(&spares), "{names:?}");
    assert_eq!(
        wal.read(dead).expect_err("released").kind(),
        io::ErrorKind::NotFound
    );
    fill(&wal, &mut model, 10);
    wal.release(u32::MAX);
    append(&wal, &[]).expect("a barrier");
    append(&wal, &[]).expect("a barrier");
    let active = wal.active_segment();
    assert_eq!(wal.oldest_segment(), active, "the active segment stays");
    model.retain(|(p, _)| p.segment() == active);
    model.extend(append_placed(&wal, &[Owned::sample(u64::MAX, 8)]));

    // A kill: behind the records lie those of an earlier life, whole and on their old places.
    let killed = image(dir.path());
    let file = &killed[&name_of(active)];
    let end = wal.end().offset() as usize;
    assert!(file[end..].iter().any(|b| *b != 0), "recycled, not fresh");
    let copy = materialize(&killed);
    let (reopened, seen) = open(copy.path(), SMALL);
    assert_eq!(seen, model);
    drop(reopened);
    drop(wal);
    assert_eq!(open(dir.path(), SMALL).1, model);
}

#[test]
fn the_tender_makes_room_ahead_and_recycles() {
    let dir = tempfile::tempdir().expect("made");
    let mut nothing = |_: Position, _: RecordRef<'_>| ControlFlow::Continue(());
    let wal = Wal::open(dir.path(), SMALL, ignore_failure(), &mut nothing).expect("opens");
    let mut model = Vec::new();
    for i in 0..200 {
        model.extend(append_placed(&wal, &[Owned::sample(i, 900)]));
        if i % 50 == 49 {
            wal.release(wal.active_segment() - 1);
        }
    }
    append(&wal, &[]).expect("a barrier");
    let wanted = wal.active_segment() - 1;
    wal.release(wanted);
    let deadline = std::time::Instant::now() + DEADLINE;
    while wal.oldest_segment() < wanted || image(dir.path()).len() > 6 {
        assert!(std::time::Instant::now() < deadline, "{:?}", wal.segments());
        std::thread::yield_now();
    }
    assert!(wal.disk_bytes().expect("listed") <= 6 * (16 << 10));
    assert!(!wal.is_space_low());
    wal.close().expect("closed");
    model.retain(|(p, _)| p.segment() >= wanted);
    assert_eq!(open(dir.path(), SMALL).1, model);
}
