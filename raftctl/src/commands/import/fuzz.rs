//! Exports, and lines like them, with mutated bytes.

use std::{collections::HashSet, time::Duration};

use common::types::{Entry, Lifetime, MAX_TTL};
use fuzzing::{Answer, Target};

use super::reader::{End, Reader};
use crate::commands::dump::{Line, read_line, write_end, write_entry, write_header};

/// At most so many keys in a batch.
const LIMIT: usize = 3;

fn entry(key: &'static [u8], value: &'static [u8], ttl: Option<Duration>) -> Entry {
    Entry {
        key: key.into(),
        value: value.into(),
        size: value.len() as u64,
        create_revision: 1,
        revision: 2,
        version: 1,
        ttl,
        lease: None,
    }
}

/// An export, and lines that somebody else wrote.
fn samples() -> [Vec<u8>; 2] {
    let entries = [
        entry(b"user/1", b"{\"uid\":1}", None),
        entry(b"user/\xff", b"\x80", Some(Duration::from_secs(59))),
        entry(b"user/2", b"", None),
        entry("\u{fc}\n".as_bytes(), b"x", None),
    ];
    let mut export = Vec::new();
    let written = write_header(&mut export, "default", b"user/", 1204)
        .and_then(|()| {
            entries
                .iter()
                .try_for_each(|entry| write_entry(&mut export, entry))
        })
        .and_then(|()| write_end(&mut export, 4));
    written.expect("into memory");
    let others =
        b"{\"key\":\"a\",\"value\":\"1\",\"size\":\"1\"}\n\n{\"key\":\"a\",\"value_b64\":\"AQ==\"}";
    [export, others.to_vec()]
}

fn read(input: &[u8]) -> Answer {
    let mut reader = Reader::new(input, LIMIT);
    let (mut batches, mut keys, mut last_line) = (0, 0, 0);
    while let Some(batch) = reader.batch() {
        batches += 1;
        assert!((1..=LIMIT).contains(&batch.items.len()));
        let mut in_batch = HashSet::new();
        for item in &batch.items {
            keys += 1;
            assert!(item.line > last_line, "lines in their order");
            last_line = item.line;
            assert!(in_batch.insert(&item.key), "a key comes twice in a batch");
            written_again(&item.key, &item.value, item.lifetime);
        }
    }
    match reader.end() {
        End::Whole => Ok(format!("{batches} batches of {keys} keys")),
        End::Malformed { fault, .. } => Err(format!("malformed {}", fault.message)),
        end => Err(format!("{end:?}")),
    }
}

/// What was read must be read again from what an export says of it.
fn written_again(key: &bytes::Bytes, value: &bytes::Bytes, lifetime: Lifetime) {
    let ttl = match lifetime {
        Lifetime::Ttl(ttl) => Some(ttl),
        _ => None,
    };
    assert!(ttl.is_none_or(|ttl| !ttl.is_zero() && ttl <= MAX_TTL));
    let mut line = Vec::new();
    let entry = Entry {
        key: key.clone(),
        value: value.clone(),
        ..entry(b"", b"", ttl)
    };
    write_entry(&mut line, &entry).expect("into memory");
    let item = Line::Item {
        key: key.clone(),
        value: value.clone(),
        ttl,
    };
    assert_eq!(read_line(&line), Ok(item));
}

#[test]
fn export() {
    let target = Target::new("export", env!("CARGO_MANIFEST_DIR"));
    target.samples(samples()).run(read);
}
