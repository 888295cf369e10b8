//! The end of the log, for those who look at it.

use std::io;

use bytes::Bytes;
use openraft::EntryPayload;

use super::{super::codec, LogStore, State};
use crate::{
    raft::types::Entry,
    wal::{Position, encoded_size},
};

/// Bytes of entries that are read back at once: what looks at the end of the log looks often.
const TAIL_BYTES: u64 = 4 << 20;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Its bytes on disk.
    pub size: u64,
    /// What it is about.
    pub content: Content,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: the first one of a leader.
    Blank,
    /// Who is a member.
    Membership,
    /// A command, as [`Proposal::decode`](crate::store::Proposal::decode) reads it.
    Command(Bytes),
}

impl LogStore {
    /// The last entries, the oldest first: at most `count`, and no more than some MiB of them, but
    /// always the last one. Blocks.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub fn tail(&self, count: usize) -> io::Result<Vec<Line>> {
        let (start, cached_from, cached) = {
            let state = self.state();
            let start = start(&state, self.shared.journal.end(), count);
            let cached_from = state.index.next() - state.cache.len() as u64;
            let skip = usize::try_from(start.saturating_sub(cached_from)).unwrap_or(usize::MAX);
            let cached: Vec<Entry> = state.cache.iter().skip(skip).cloned().collect();
            (start, cached_from, cached)
        };
        let mut lines = Vec::with_capacity(cached.len());
        if start < cached_from {
            // Bounded by where it starts.
            let older = self.read_files(start, cached_from, usize::MAX)?;
            // Less if the log was cut meanwhile, before or behind.
            let last = older.last().map(|last| last.log_id.index() + 1);
            if last == Some(cached_from) {
                lines.extend(older.into_iter().map(line));
            }
        }
        lines.extend(cached.into_iter().map(line));
        Ok(lines)
    }
}

/// The index of the first entry that is told, of a log that ends at `end`.
fn start(state: &State, end: Position, count: usize) -> u64 {
    let (first, next) = (state.index.first(), state.index.next());
    let cached_from = next - state.cache.len() as u64;
    let size = |index: u64| match index.checked_sub(cached_from) {
        Some(at) => usize::try_from(at)
            .ok()
            .and_then(|at| state.cache.get(at))
            .map_or(0, stored),
        None => {
            let behind = state.index.position(index + 1).unwrap_or(end);
            let position = state.index.position(index);
            position.map_or(0, |position| distance(position, behind))
        }
    };
    let mut start = next;
    let mut bytes = 0;
    while start > first && next - start < count as u64 {
        bytes += size(start - 1);
        if bytes > TAIL_BYTES && start < next {
            break;
        }
        start -= 1;
    }
    start
}

/// Bytes between two entries that follow each other; unknown, and few, from one file to the next.
fn distance(from: Position, to: Position) -> u64 {
    if from.segment() == to.segment() {
        u64::from(to.offset().saturating_sub(from.offset()))
    } else {
        0
    }
}

fn stored(entry: &Entry) -> u64 {
    encoded_size(codec::payload_of(entry).1.len()) as u64
}

fn line(entry: Entry) -> Line {
    Line {
        index: entry.log_id.index(),
        term: entry.log_id.committed_leader_id().term,
        size: stored(&entry),
        content: match entry.payload {
            EntryPayload::Blank => Content::Blank,
            EntryPayload::Membership(_) => Content::Membership,
            EntryPayload::Normal(proposal) => Content::Command(proposal.0),
        },
    }
}

#[cfg(test)]
mod tests {
    use openraft::storage::{IOFlushed, RaftLogStorage};
    use tempfile::TempDir;

    use super::*;
    use crate::{
        raft::types::{Proposal, log_id},
        wal::Options,
    };

    fn open(directory: &TempDir) -> LogStore {
        LogStore::open(
            directory.path().join("wal"),
            Options {
                segment_bytes: 8 << 20,
                fsync: false,
            },
            Box::new(|error| panic!("{error}")),
        )
        .unwrap()
    }

    async fn append(log: &mut LogStore, index: u64, bytes: usize) {
        let payload = match bytes {
            0 => EntryPayload::Blank,
            bytes => EntryPayload::Normal(Proposal(vec![0; bytes].into())),
        };
        let entry = Entry {
            log_id: log_id(1 + index / 10, index),
            payload,
        };
        log.append([entry], IOFlushed::noop()).await.unwrap();
    }

    fn indexes(log: &LogStore, count: usize) -> Vec<u64> {
        let lines = log.tail(count).unwrap();
        lines.iter().map(|line| line.index).collect()
    }

    #[tokio::test]
    async fn the_end_of_the_log_is_the_same_from_memory_and_from_the_files() {
        let directory = TempDir::new().unwrap();
        let mut log = open(&directory);
        assert!(indexes(&log, 5).is_empty());
        append(&mut log, 0, 0).await;
        for index in 1..=30 {
            append(&mut log, index, 10).await;
        }
        let told = log.tail(500).unwrap();
        assert_eq!(told.len(), 31);
        assert_eq!(
            (told[0].index, told[0].term, &told[0].content),
            (0, 1, &Content::Blank)
        );
        let command = Content::Command(vec![0; 10].into());
        assert_eq!((told[30].term, &told[30].content), (4, &command));
        // A header of 40 bytes; padded to 8.
        assert_eq!((told[0].size, told[30].size), (40, 56));
        assert_eq!(indexes(&log, 3), [28, 29, 30]);
        assert!(indexes(&log, 0).is_empty());
        log.close().unwrap();

        let mut log = open(&directory);
        assert_eq!(log.tail(500).unwrap(), told);
        assert_eq!(indexes(&log, 3), [28, 29, 30]);
        // Some from the files, some from memory.
        append(&mut log, 31, 10).await;
        assert_eq!(indexes(&log, 3), [29, 30, 31]);
        log.truncate_after(Some(log_id(3, 29))).await.unwrap();
        assert_eq!(indexes(&log, 2), [28, 29]);
        log.purge(log_id(3, 28)).await.unwrap();
        assert_eq!(indexes(&log, 500), [29]);
    }

    #[tokio::test]
    async fn large_entries_are_few_but_the_last_one_is_told() {
        let directory = TempDir::new().unwrap();
        let mut log = open(&directory);
        for index in 0..=6 {
            append(&mut log, index, 1 << 20).await;
        }
        assert_eq!(indexes(&log, 500), [4, 5, 6]);
        append(&mut log, 7, 6 << 20).await;
        assert_eq!(indexes(&log, 500), [7]);
        log.close().unwrap();
        assert_eq!(indexes(&open(&directory), 500), [7]);
    }
}
