//! The Raft log: votes, entries and marks as records of one ordered write-ahead log.
//!
//! Everything openraft asks to be stored goes into the same [`Wal`], in the order asked, so that
//! the order on disk is the order of the calls: a vote is durable after the entries before it, and
//! `committed` never gets ahead of the entries it speaks of.
//!
//! - `append` queues and returns; openraft's callback fires from the log's writer thread when the
//!   batch is synced. It is a cumulative watermark, as the log's own callbacks are.
//! - `save_committed` is not synced: it waits for the next batch. A restarted member then applies
//!   up to an older commit index at first, and catches up from the leader.
//! - `purge` writes stamp, vote, commit index and purge mark anew at the end of the log before it lets
//!   old segments go, since those may hold the only copies.
//!
//! Entries just written are read back at once, for the state machine and for every follower:
//! [`CACHE_BYTES`] of the newest are kept in memory. Older ones are read from the files, off the
//! asynchronous threads.

mod begin;
mod index;
mod read;
pub mod tail;

use std::{
    collections::VecDeque,
    io,
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use openraft::{
    LogState, OptionalSend,
    storage::{IOFlushed, RaftLogStorage},
};

use super::{
    codec::{self, ENTRY_HEAD},
    types::{Entry, LogId, TypeConfig, Vote, log_id, position},
};
use crate::{
    store,
    wal::{OpenError, Options, Position, RecordRef, Wal, WalStats},
};
pub use index::Stamp;
use index::{Fault, Index, record};
use read::Reader;

/// Bytes of newest entries kept in memory.
const CACHE_BYTES: usize = 16 << 20;

/// Why the log of a member cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The files are unreadable, damaged or not ours.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A newer program wrote it.
    #[error(
        "the log in {} was written by a newer program: {reason}; run the newer program",
        directory.display()
    )]
    Newer {
        /// Where the log is.
        directory: PathBuf,
        /// What shows it, with both versions.
        reason: String,
    },
    /// The records do not follow from each other.
    #[error(
        "the log in {} does not hold together: {reason}; replace this member by an empty one, and \
         it gets its data from the others",
        directory.display()
    )]
    Inconsistent {
        /// Where the log is.
        directory: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Default)]
struct State {
    index: Index,
    /// The newest entries; the last one is the last of the log.
    cache: VecDeque<Entry>,
    cached_bytes: usize,
}

/// The log of a member. Clones share it.
#[derive(Clone)]
pub struct LogStore {
    shared: Arc<Shared>,
}

struct Shared {
    wal: Wal,
    segment_bytes: u64,
    state: Mutex<State>,
}

fn size_of(entry: &Entry) -> usize {
    match &entry.payload {
        openraft::EntryPayload::Normal(proposal) => ENTRY_HEAD + proposal.0.len(),
        _ => ENTRY_HEAD,
    }
}

impl LogStore {
    /// Opens the log in a directory. `on_failure` is called once if a write or sync ever fails;
    /// the process must then end. Blocks.
    ///
    /// # Errors
    /// [`LogError`]
    pub fn open(
        directory: PathBuf,
        options: Options,
        on_failure: Box<dyn Fn(&io::Error) + Send + Sync>,
    ) -> Result<Self, LogError> {
        let mut index = Index::default();
        let mut fault = None;
        let opened = Wal::open(
            &directory,
            options,
            on_failure,
            &mut |position, found| match index.replay(position, &found) {
                Ok(()) => ControlFlow::Continue(()),
                Err(found) => {
                    fault = Some(found);
                    ControlFlow::Break(())
                }
            },
        );
        let fault = fault.or_else(|| {
            let checked = opened.is_ok().then(|| index.check());
            checked?.err().map(Fault::Broken)
        });
        match fault {
            Some(Fault::Broken(reason)) => {
                return Err(LogError::Inconsistent { directory, reason });
            }
            Some(Fault::Newer(reason)) => return Err(LogError::Newer { directory, reason }),
            None => {}
        }
        let wal = opened?;
        Ok(Self {
            shared: Arc::new(Shared {
                wal,
                segment_bytes: u64::from(options.segment_bytes),
                state: Mutex::new(State {
                    index,
                    ..State::default()
                }),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes out what is queued and closes the files.
    ///
    /// # Errors
    /// The failure of the log, now or earlier.
    pub fn close(&self) -> io::Result<()> {
        self.shared.wal.close()
    }

    /// Bytes of log from an index on, approximately: what a restart would replay.
    pub fn bytes_from(&self, index: u64) -> u64 {
        let state = self.state();
        match state.index.position(index.max(state.index.first())) {
            Some(start) => self
                .linear(self.shared.wal.end())
                .saturating_sub(self.linear(start)),
            None => 0,
        }
    }

    /// A position as a number of bytes since the first segment.
    fn linear(&self, position: Position) -> u64 {
        u64::from(position.segment()) * self.shared.segment_bytes + u64::from(position.offset())
    }

    /// The greatest index up to which the log can be purged so that about `keep` bytes of entries
    /// stay; none if it holds less.
    pub fn purgeable(&self, keep: u64) -> Option<u64> {
        let bound = self.linear(self.shared.wal.end()).checked_sub(keep)?;
        let (segment, offset) = (
            bound / self.shared.segment_bytes,
            bound % self.shared.segment_bytes,
        );
        let bound = Position::from_u64(segment << 32 | offset);
        let state = self.state();
        state.index.index_at(bound).checked_sub(1)
    }

    /// Bytes of the log's files on disk.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn disk_bytes(&self) -> io::Result<u64> {
        self.shared.wal.disk_bytes()
    }

    /// Counts and latencies of the syncs since the log was opened.
    pub fn stats(&self) -> WalStats {
        self.shared.wal.stats()
    }

    /// The index of the last entry; 0 if there is none.
    pub fn last_index(&self) -> u64 {
        self.state().index.last().map_or(0, |id| id.index())
    }

    /// See [`Wal::is_space_low`].
    pub fn is_space_low(&self) -> bool {
        self.shared.wal.is_space_low()
    }

    /// See [`Wal::make_room`].
    pub fn make_room(&self) {
        self.shared.wal.make_room();
    }

    /// Whose log this is; none if it was never stamped.
    pub fn stamp(&self) -> Option<Stamp> {
        self.state().index.stamp
    }

    /// Says whose log this is, before anything else is written to it: from then on an empty log is
    /// a lost one. Durable on return.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn set_stamp(&self, stamp: Stamp) -> io::Result<()> {
        let synced = {
            let mut state = self.state();
            state.index.stamp = Some(stamp);
            self.append_synced(&[stamped(&stamp.encode())])?
        };
        synced.await
    }

    /// Whether an entry is in it, or was, and is purged.
    pub fn holds(&self, entry: store::Position) -> bool {
        let index = &self.state().index;
        let purged = index
            .purged
            .is_some_and(|purged| purged.index() >= entry.index);
        purged || index.id(entry.index) == Some(log_id(entry.term, entry.index))
    }

    /// The last entry that the log says is committed.
    pub fn committed(&self) -> Option<store::Position> {
        let index = &self.state().index;
        // A mark may outlive entries that a crash of the whole cluster took back under
        // `--fsync never`.
        index.committed.min(index.last()).map(position)
    }

    /// The last entry that is purged: only a state tells what was in the log up to there.
    pub fn purged(&self) -> Option<store::Position> {
        self.state().index.purged.map(position)
    }

    /// Whether nothing but its stamp was ever written: the member has never taken part.
    pub fn is_pristine(&self) -> bool {
        let state = self.state();
        state.index.last().is_none() && state.index.vote.is_none()
    }

    /// Queues records that no caller waits for.
    fn note(&self, records: &[RecordRef<'_>]) -> io::Result<()> {
        self.shared
            .wal
            .append(records, None)
            .map(drop)
            .map_err(io::Error::other)
    }

    /// Queues records; the future is done when they are durable.
    fn append_synced(
        &self,
        records: &[RecordRef<'_>],
    ) -> io::Result<impl Future<Output = io::Result<()>> + Send + use<>> {
        let (synced, wait) = tokio::sync::oneshot::channel();
        self.shared
            .wal
            .append(
                records,
                Some(Box::new(move |result| {
                    // The receiver is gone only if the member is stopping.
                    let _ = synced.send(result);
                })),
            )
            .map_err(io::Error::other)?;
        Ok(async move {
            wait.await
                .unwrap_or_else(|_| Err(io::Error::other("the log was closed")))
        })
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Reader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.state();
        Ok(LogState {
            last_purged_log_id: state.index.purged,
            last_log_id: state.index.last(),
        })
    }

    async fn get_log_reader(&mut self) -> Reader {
        Reader::new(self.clone())
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        failpoint!(LogVoteBefore);
        let synced = {
            let mut state = self.state();
            let payload = codec::encode_vote(*vote);
            let synced = self.append_synced(&[RecordRef {
                kind: record::VOTE,
                term: vote.leader_id.term,
                index: 0,
                payload: &payload,
            }])?;
            state.index.vote = Some(*vote);
            synced
        };
        synced.await?;
        failpoint!(LogVoteAfter);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(id) = committed else { return Ok(()) };
        self.state().index.committed = Some(id);
        self.note(&[mark(record::COMMITTED, id)])
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let committed = self.committed();
        Ok(committed.map(|entry| log_id(entry.term, entry.index)))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        failpoint!(LogAppendBefore);
        let entries: Vec<Entry> = entries.into_iter().collect();
        let payloads: Vec<(u8, Bytes)> = entries.iter().map(codec::payload_of).collect();
        let records: Vec<RecordRef<'_>> = entries
            .iter()
            .zip(&payloads)
            .map(|(entry, (kind, payload))| RecordRef {
                kind: *kind,
                term: entry.log_id.committed_leader_id().term,
                index: entry.log_id.index(),
                payload,
            })
            .collect();
        let mut state = self.state();
        let positions = self
            .shared
            .wal
            .append(
                &records,
                Some(Box::new(move |result| callback.io_completed(result))),
            )
            .map_err(io::Error::other)?;
        for (entry, position) in entries.into_iter().zip(positions) {
            state.index.push(entry.log_id, position);
            state.cached_bytes += size_of(&entry);
            state.cache.push_back(entry);
        }
        while state.cached_bytes > CACHE_BYTES
            && let Some(old) = state.cache.pop_front()
        {
            state.cached_bytes -= size_of(&old);
        }
        failpoint!(LogAppendAfter);
        Ok(())
    }

    /// Waits for the sync: what follows may make durable what contradicts the entries cut off.
    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let synced = {
            let mut state = self.state();
            let before = state.index.next();
            state.index.truncate_after(last.map(|id| id.index()));
            for _ in state.index.next()..before {
                match state.cache.pop_back() {
                    Some(gone) => state.cached_bytes -= size_of(&gone),
                    None => break,
                }
            }
            let mut truncate = mark(record::TRUNCATE, last.unwrap_or(log_id(0, 0)));
            if last.is_none() {
                truncate.payload = b"all";
            }
            self.append_synced(&[truncate])?
        };
        synced.await
    }

    async fn purge(&mut self, id: LogId) -> io::Result<()> {
        failpoint!(LogPurgeBefore);
        let mut state = self.state();
        let before = state.index.first();
        state.index.purge(id);
        let held = usize::try_from(state.index.next() - state.index.first()).unwrap_or(usize::MAX);
        while state.cache.len() > held
            && let Some(gone) = state.cache.pop_front()
        {
            state.cached_bytes -= size_of(&gone);
        }
        tracing::debug!(from = before, to = state.index.first(), "log purged");

        let stamp = state.index.stamp.map(Stamp::encode);
        let vote = state.index.vote.map(codec::encode_vote);
        let mut records = vec![mark(record::PURGE, id)];
        records.extend(stamp.as_ref().map(|stamp| stamped(stamp)));
        if let (Some(vote), Some(payload)) = (state.index.vote, &vote) {
            records.push(RecordRef {
                kind: record::VOTE,
                term: vote.leader_id.term,
                index: 0,
                payload,
            });
        }
        records.extend(
            state
                .index
                .committed
                .map(|committed| mark(record::COMMITTED, committed)),
        );
        self.note(&records)?;
        let active = self.shared.wal.end().segment();
        let needed = state.index.oldest_needed(active);
        self.shared.wal.release(needed);
        failpoint!(LogPurgeAfter);
        Ok(())
    }
}

fn stamped(payload: &[u8]) -> RecordRef<'_> {
    RecordRef {
        kind: record::STAMP,
        term: 0,
        index: 0,
        payload,
    }
}

fn mark(kind: u8, id: LogId) -> RecordRef<'static> {
    RecordRef {
        kind,
        term: id.committed_leader_id().term,
        index: id.index(),
        payload: &[],
    }
}
