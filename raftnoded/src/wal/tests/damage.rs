//! Cut files and flipped bytes: what opens, what is repaired, what is refused.

use super::*;

/// A log of several segments and sync batches, stopped in two ways.
struct Sample {
    /// As a kill leaves it.
    killed: Image,
    /// As a clean close leaves it.
    closed: Image,
    records: Placed,
    /// How many records come before the last batch.
    before_last_batch: usize,
    end: Position,
}

fn sample() -> Sample {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let mut records = Vec::new();
    let mut before_last_batch = 0;
    // Until the last segment holds its link and three whole batches.
    for batch in 0.. {
        let segment = wal.end().segment();
        let of_segment = |r: &&(Position, Owned)| r.0.segment() == segment;
        if segment >= 3 && records.iter().filter(of_segment).count() >= 9 {
            break;
        }
        before_last_batch = records.len();
        let batch: Vec<_> = (0..3)
            .map(|i| Owned::sample(batch * 3 + i, (batch * 271 + i * 90 + 1) as usize % 1900))
            .collect();
        records.extend(append_placed(&wal, &batch));
    }
    let killed = image(dir.path());
    let end = wal.end();
    drop(wal);
    let sample = Sample {
        killed,
        closed: image(dir.path()),
        records,
        before_last_batch,
        end,
    };
    let last = end.segment();
    assert!(last >= 3, "several segments");
    let in_last = |p: &&(Position, Owned)| p.0.segment() == last;
    let batches_in_last = sample.records[..before_last_batch].iter().filter(in_last);
    assert!(batches_in_last.count() > 0, "evidence in the last segment");
    assert_eq!(sample.records[before_last_batch].0.segment(), last);
    sample
}

/// Where the records of each segment begin, its link first, and where the last one ends.
fn boundaries(sample: &Sample, sequence: u32) -> Vec<u32> {
    let of_segment = sample.records.iter().filter(|r| r.0.segment() == sequence);
    let mut offsets = vec![PAGE];
    let mut end = PAGE + HEADER as u32;
    for (position, record) in of_segment {
        assert_eq!(position.offset(), end);
        offsets.push(end);
        end += Wal::size_on_disk(record.payload.len()) as u32;
    }
    offsets.push(end);
    offsets
}

/// Opens an image that must be repaired to exactly `expected`, and goes on from there: what was
/// cut must not come back.
fn assert_repaired(damaged: &Image, expected: &[(Position, Owned)], what: &str) {
    let dir = materialize(damaged);
    let (wal, seen) = open(dir.path(), SMALL);
    assert_eq!(seen, expected, "{what}");
    let mut model = seen;
    model.extend(append_placed(&wal, &[Owned::sample(7_000_000, 1)]));
    let killed_again = materialize(&image(dir.path()));
    let (wal_again, seen) = open(killed_again.path(), SMALL);
    assert_eq!(seen, model, "{what}, killed again");
    drop((wal, wal_again));
    assert_eq!(open(dir.path(), SMALL).1, model, "{what}, reopened");
}

/// Opens an image that must be refused, naming this place, and left as it is.
fn assert_refused(damaged: &Image, at: Position, what: &str) {
    let dir = materialize(damaged);
    match try_open(dir.path(), SMALL, Arc::new(OpenGate)) {
        Err(error @ OpenError::Damaged { .. }) => {
            let text = error.to_string();
            let OpenError::Damaged { path, offset, .. } = error else {
                unreachable!()
            };
            assert_eq!(path, dir.path().join(name_of(at.segment())), "{what}");
            assert_eq!(offset, at.offset(), "{what}");
            assert!(text.contains(&name_of(at.segment())), "{text}");
            assert!(
                text.contains("restore this member from its peers"),
                "{text}"
            );
        }
        other => panic!("{what}: {other:?}"),
    }
    assert!(image(dir.path()) == *damaged, "{what}: files were changed");
}

#[test]
fn a_cut_of_the_last_segment_keeps_the_exact_prefix() {
    let sample = sample();
    let last = sample.end.segment();
    let boundaries = boundaries(&sample, last);
    for pair in boundaries.windows(2) {
        let middle = pair[0] + (pair[1] - pair[0]) / 2;
        let cuts = [pair[0], pair[0] + 1, pair[0] + 39, middle, pair[1] - 1];
        for cut in cuts {
            for image in [&sample.killed, &sample.closed] {
                let mut image = image.clone();
                let file = image.get_mut(&name_of(last)).expect("there");
                file.truncate(cut as usize);
                let kept = Position::new(last, pair[0]);
                let expected = sample.records.iter().filter(|r| r.0 < kept);
                let expected: Vec<_> = expected.cloned().collect();
                assert_repaired(&image, &expected, &format!("cut at {cut}"));
            }
        }
    }
    for image in [&sample.killed, &sample.closed] {
        let mut image = image.clone();
        let file = image.get_mut(&name_of(last)).expect("there");
        file.truncate(sample.end.offset() as usize);
        assert_repaired(&image, &sample.records, "cut behind the last record");
    }
}

#[test]
fn a_cut_of_an_earlier_segment_is_refused() {
    let sample = sample();
    for sequence in 1..sample.end.segment() {
        let boundaries = boundaries(&sample, sequence);
        for pair in boundaries.windows(2) {
            for cut in [pair[0], pair[0] + 17, pair[1] - 1] {
                let mut image = sample.killed.clone();
                let file = image.get_mut(&name_of(sequence)).expect("there");
                file.truncate(cut as usize);
                let at = Position::new(sequence, pair[0]);
                assert_refused(&image, at, &format!("segment {sequence} cut at {cut}"));
            }
        }
        let mut image = sample.killed.clone();
        let end = boundaries[boundaries.len() - 1];
        let file = image.get_mut(&name_of(sequence)).expect("there");
        file.truncate(end as usize);
        assert_repaired(&image, &sample.records, "cut behind a segment's records");
    }
}

/// A flip in each field of the header, in the payload's ends, and in the padding.
fn flips(start: u32, end: u32) -> impl Iterator<Item = u32> {
    let header = [0, 4, 6, 7, 8, 10, 12, 16, 24, 31, 32, 36].map(move |at| start + at);
    let behind = [start + 40, end - 1].into_iter();
    header.into_iter().chain(behind.filter(move |at| *at < end))
}

#[test]
fn a_flipped_byte_is_refused_wherever_later_records_prove_that_it_was_durable() {
    let sample = sample();
    let last = sample.end.segment();
    let provable = sample.records[sample.before_last_batch].0;
    for sequence in 1..=last {
        for pair in boundaries(&sample, sequence).windows(2) {
            let at = Position::new(sequence, pair[0]);
            for flip in flips(pair[0], pair[1]) {
                let what = format!("byte {flip} of segment {sequence}");
                let mut killed = sample.killed.clone();
                killed.get_mut(&name_of(sequence)).expect("there")[flip as usize] ^= 0x10;
                if at < provable {
                    assert_refused(&killed, at, &what);
                } else {
                    let expected = sample.records.iter().filter(|r| r.0 < at);
                    let expected: Vec<_> = expected.cloned().collect();
                    assert_repaired(&killed, &expected, &what);
                }
                // The mark of a clean close testifies for the last batch too.
                let mut closed = sample.closed.clone();
                closed.get_mut(&name_of(sequence)).expect("there")[flip as usize] ^= 0x10;
                assert_refused(&closed, at, &what);
            }
        }
    }
}

#[test]
fn damage_to_the_close_mark_loses_nothing() {
    let sample = sample();
    let mut image = sample.closed.clone();
    let file = image
        .get_mut(&name_of(sample.end.segment()))
        .expect("there");
    file[sample.end.offset() as usize + 9] ^= 1;
    assert_repaired(&image, &sample.records, "close mark");
}

#[test]
fn a_damaged_header_page_is_refused() {
    let sample = sample();
    for sequence in 1..=sample.end.segment() {
        for at in [0, 9, 13, 17, 25] {
            let mut image = sample.killed.clone();
            image.get_mut(&name_of(sequence)).expect("there")[at] ^= 1;
            let dir = materialize(&image);
            match try_open(dir.path(), SMALL, Arc::new(OpenGate)) {
                Err(OpenError::DamagedHeader { path }) => {
                    assert_eq!(path, dir.path().join(name_of(sequence)));
                }
                other => panic!("{other:?}"),
            }
        }
        let mut image = sample.killed.clone();
        let file = image.get_mut(&name_of(sequence)).expect("there");
        file.truncate(100);
        let dir = materialize(&image);
        let opened = try_open(dir.path(), SMALL, Arc::new(OpenGate));
        assert!(matches!(opened, Err(OpenError::DamagedHeader { .. })));
    }
}

#[test]
fn missing_foreign_renamed_and_newer_files_are_refused_by_name() {
    let sample = sample();
    let refuse = |image: &Image| {
        let dir = materialize(image);
        try_open(dir.path(), SMALL, Arc::new(OpenGate)).expect_err("refused")
    };
    let mut missing = sample.killed.clone();
    missing.remove(&name_of(2));
    let error = refuse(&missing);
    assert!(matches!(&error, OpenError::MissingSegment { path } if path.ends_with(name_of(2))));

    for name in [
        "notes.txt",
        "segment-1.wal",
        "segment-0000000000.wal",
        "spare-x.wal",
    ] {
        let mut foreign = sample.killed.clone();
        foreign.insert(name.to_owned(), Vec::new());
        let error = refuse(&foreign);
        assert!(matches!(&error, OpenError::ForeignFile { path } if path.ends_with(name)));
    }

    let mut renamed = sample.killed.clone();
    let copy = renamed[&name_of(1)].clone();
    renamed.insert(name_of(2), copy);
    let error = refuse(&renamed);
    assert!(
        matches!(&error, OpenError::WrongSequence { path, found: 1 } if path.ends_with(name_of(2)))
    );

    let mut newer = sample.killed.clone();
    let page = newer.get_mut(&name_of(1)).expect("there");
    page[8] = 2;
    let crc = crc32c::crc32c(&page[..24]);
    page[24..28].copy_from_slice(&crc.to_le_bytes());
    let error = refuse(&newer);
    assert!(matches!(
        error,
        OpenError::NewerVersion {
            found: 2,
            supported: 1,
            ..
        }
    ));
}

#[test]
fn the_oldest_segment_may_not_lose_its_beginning_after_a_release() {
    let mut image = sample().killed;
    image.remove(&name_of(1));
    let dir = materialize(&image);
    let (_, seen) = open(dir.path(), SMALL);
    assert!(
        seen.iter().all(|(p, _)| p.segment() > 1),
        "as after a release"
    );
    let last = sample().end.segment();
    for sequence in 2..last {
        image.remove(&name_of(sequence));
    }
    let file = image.get_mut(&name_of(last)).expect("there");
    file.truncate(PAGE as usize);
    assert_refused_unproven(&image, last);
}

fn assert_refused_unproven(image: &Image, sequence: u32) {
    let mut image = image.clone();
    image.retain(|name, _| *name == name_of(sequence));
    assert_refused(&image, Position::new(sequence, PAGE), "no link");
}

#[test]
fn without_fsync_the_log_ends_at_its_first_bad_record() {
    let never = Options {
        fsync: false,
        ..SMALL
    };
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), never);
    let mut records = Vec::new();
    for i in 0..40 {
        records.extend(append_placed(&wal, &[Owned::sample(i, 1000)]));
    }
    assert_eq!(wal.durable().to_u64(), 0);
    assert_eq!(wal.stats().syncs, 0);
    drop(wal);
    let whole = image(dir.path());
    assert!(whole.len() > 3);
    for bad in [0, 1, 10, 11, 25, 39] {
        let mut torn = whole.clone();
        let at = records[bad].0;
        let file = torn.get_mut(&name_of(at.segment())).expect("there");
        file[at.offset() as usize + 50] ^= 1;
        assert_repaired(&torn, &records[..bad], &format!("record {bad}"));
    }
    assert_repaired(&whole, &records, "nothing");
}

/// Flips a byte in the payload of the record at this place.
fn spoil(image: &mut Image, at: Position) {
    let file = image.get_mut(&name_of(at.segment())).expect("there");
    file[at.offset() as usize + HEADER] ^= 1;
}

#[test]
fn whole_records_behind_a_cut_do_not_come_back_when_the_gap_is_filled() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let mut model = append_placed(&wal, &[Owned::sample(1, 100)]);
    let batch: Vec<_> = (2..6).map(|i| Owned::sample(i, 100)).collect();
    let torn = append_placed(&wal, &batch);
    let mut killed = image(dir.path());
    spoil(&mut killed, torn[0].0);

    let dir = materialize(&killed);
    let (wal, seen) = open(dir.path(), SMALL);
    assert_eq!(seen, model);
    model.extend(append_placed(&wal, &[Owned::sample(7, 100)]));
    assert_eq!(wal.end(), torn[1].0, "the gap is filled exactly");
    let again = materialize(&image(dir.path()));
    assert_eq!(open(again.path(), SMALL).1, model);
}

#[test]
fn a_sequence_number_used_twice_does_not_bring_back_records() {
    let never = Options {
        fsync: false,
        ..SMALL
    };
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), never);
    let mut model = Vec::new();
    // Three records in the second segment, and no third one prepared.
    while wal.end() < Position::new(2, 7000) {
        let record = Owned::sample(model.len() as u64, 984);
        model.extend(append_placed(&wal, &[record]));
    }
    let second = model.iter().position(|r| r.0.segment() == 2);
    let second = second.expect("a second segment");
    let mut killed = image(dir.path());
    spoil(&mut killed, model[second - 1].0);

    let dir = materialize(&killed);
    let (wal, mut refilled) = open(dir.path(), never);
    assert_eq!(refilled, model[..second - 1]);
    while refilled.len() < second + 2 {
        let record = Owned::sample(5000 + refilled.len() as u64, 984);
        refilled.extend(append_placed(&wal, &[record]));
    }
    let last = refilled[second + 1].0;
    assert_eq!(last, model[second + 1].0, "on the place of the lost ones");
    let again = image(dir.path());
    let stale = &again[&name_of(2)][wal.end().offset() as usize..];
    assert!(
        stale.iter().any(|b| *b != 0),
        "the lost ones are still there"
    );
    let again = materialize(&again);
    assert_eq!(open(again.path(), never).1, refilled);
}

#[test]
fn the_first_batch_of_a_segment_testifies_for_its_link() {
    let dir = tempfile::tempdir().expect("made");
    let (wal, _) = open(dir.path(), SMALL);
    let mut index = 0;
    while wal.active_segment() < 2 {
        index += 1;
        append_placed(&wal, &[Owned::sample(index, 1000)]);
    }
    let link = Position::new(2, PAGE);
    let mut killed = image(dir.path());
    killed.get_mut(&name_of(2)).expect("there")[PAGE as usize + 25] ^= 1;
    assert_refused(&killed, link, "link");
}

#[test]
fn what_is_shown_on_open_is_synced_first() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<PathBuf>>);
    impl Gate for Seen {
        fn sync(&self, path: &Path) -> io::Result<()> {
            self.0.lock().expect("locked").push(path.to_owned());
            Ok(())
        }
    }
    let sample = sample();
    let dir = materialize(&sample.killed);
    let seen = Arc::new(Seen::default());
    let opened = try_open(dir.path(), SMALL, seen.clone()).expect("opens");
    let synced = seen.0.lock().expect("locked").clone();
    for sequence in 1..=sample.end.segment() {
        assert!(synced.contains(&dir.path().join(name_of(sequence))));
    }
    assert_eq!(opened.0.durable(), sample.end);
}
