//! Reading entries back: the newest from memory, older ones from the files.

use std::{
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds, RangeInclusive},
};

use futures::Stream;
use openraft::{OptionalSend, RaftLogReader};

use super::{
    super::{
        blocking, codec,
        types::{Entry, LogId, TypeConfig, Vote},
    },
    LogStore, size_of,
};

/// Bytes of entries sent to a follower in one request, and read from the files in one go.
const READ_BYTES: usize = 1 << 20;

/// Bytes of entries sent to find out where a follower's log and this one part. openraft looks for
/// that place by halves and sends each time what may be missing from there on: nearly all of it is
/// there already, and a new leader can commit nothing before it has found the place.
const PROBE_BYTES: usize = 64 << 10;

/// Reads entries for one follower, or for the state machine.
pub struct Reader {
    log: LogStore,
    /// Behind the last entry that was sent. A request that does not begin there is a probe.
    next: u64,
}

impl Reader {
    pub(super) fn new(log: LogStore) -> Self {
        Self { log, next: 0 }
    }
}

impl LogStore {
    /// Entries from `start` until `end` or a limit of bytes; at least one if there is one.
    async fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        {
            let state = self.state();
            let start = start.max(state.index.first());
            let end = end.min(state.index.next());
            if start >= end {
                return Ok(Vec::new());
            }
            let cached_from = state.index.next() - state.cache.len() as u64;
            if start >= cached_from {
                let skip = usize::try_from(start - cached_from).unwrap_or(usize::MAX);
                let mut left = max_bytes;
                return Ok(state
                    .cache
                    .iter()
                    .skip(skip)
                    .take(usize::try_from(end - start).unwrap_or(usize::MAX))
                    .enumerate()
                    .take_while(|(i, entry)| {
                        let size = size_of(entry);
                        let fits = *i == 0 || size <= left;
                        left = left.saturating_sub(size);
                        fits
                    })
                    .map(|(_, entry)| entry.clone())
                    .collect());
            }
        }
        let log = self.clone();
        blocking::run(move || log.read_files(start, end, max_bytes)).await?
    }

    /// The same from the files. Blocks.
    pub(in crate::raft) fn read_files(
        &self,
        start: u64,
        end: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut taken = 0;
        let mut wanted = start;
        while taken < max_bytes || entries.is_empty() {
            let (from, upto) = {
                let state = self.state();
                wanted = wanted.max(state.index.first());
                let end = end.min(state.index.next());
                if wanted >= end {
                    break;
                }
                (state.index.position(wanted), state.index.position(end))
            };
            let Some(from) = from else { break };
            // openraft asks for 64 entries at a time when it replays: no more than is wanted.
            let bytes = upto.map_or(u64::MAX, |upto| {
                self.linear(upto).saturating_sub(self.linear(from))
            });
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(READ_BYTES);
            let before = wanted;
            for (position, found) in self.shared.journal.read_range(from, bytes)? {
                let expected = self.state().index.position(wanted);
                if wanted >= end || expected != Some(position) {
                    // A mark, or an entry that a later truncation made void.
                    continue;
                }
                let entry = codec::entry_from(found.kind, found.term, found.index, found.payload)?;
                let size = size_of(&entry);
                if !entries.is_empty() && taken + size > max_bytes {
                    return Ok(entries);
                }
                taken += size;
                entries.push(entry);
                wanted += 1;
            }
            if wanted == before {
                return Err(io::Error::other(format!(
                    "entry {wanted} is not where the index says"
                )));
            }
        }
        Ok(entries)
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}

impl RaftLogReader<TypeConfig> for Reader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (start, end) = bounds(&range);
        self.log.read(start, end, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let bytes = if start == self.next {
            READ_BYTES
        } else {
            PROBE_BYTES
        };
        let entries = self.log.read(start, end, bytes).await?;
        self.next = entries.last().map_or(0, |last| last.log_id.index() + 1);
        Ok(entries)
    }

    /// In pieces: after a restart the range is all of the log that the store does not hold yet.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = bounds(&range);
        let pieces =
            futures::stream::try_unfold((self.log.clone(), start), move |(log, next)| async move {
                if next >= end {
                    return Ok(None);
                }
                let piece = log.read(next, end, 4 * READ_BYTES).await?;
                let Some(last) = piece.last() else {
                    return Ok(None);
                };
                let next = last.log_id.index() + 1;
                Ok::<_, io::Error>(Some((
                    futures::stream::iter(piece.into_iter().map(Ok::<_, io::Error>)),
                    (log, next),
                )))
            });
        Box::pin(futures::TryStreamExt::try_flatten(pieces))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.log.state().index.vote)
    }

    async fn get_key_log_ids(&mut self, range: RangeInclusive<LogId>) -> io::Result<Vec<LogId>> {
        let (first, last) = (range.start().index(), range.end().index());
        Ok(self.log.state().index.key_ids(first, last))
    }
}
