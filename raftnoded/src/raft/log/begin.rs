//! The first entry of a log that goes on from a restored state.
//!
//! The state stands for everything up to its position, so the log begins behind it, with the entry
//! that names the only member. openraft finds a log whose past is purged, and a voter that leads
//! alone. The vote comes with it: the next term must be beyond that of the position.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use tokio::sync::oneshot;

use super::{LogStore, index::record, mark};
use crate::{
    raft::{
        codec,
        types::{Entry, MemberInfo, Membership, Payload, Vote, log_id},
    },
    store::Position,
    wal::RecordRef,
};

impl LogStore {
    /// Whether it holds any entry.
    pub fn has_entries(&self) -> bool {
        let state = self.state();
        state.index.next() > state.index.first()
    }

    /// Begins the log behind a state at `applied`, with an entry that makes this member the only
    /// one of its cluster. Durable on return; done again, it changes nothing for the worse.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn begin_after(
        &self,
        applied: Position,
        node_id: u64,
        info: MemberInfo,
    ) -> io::Result<()> {
        let past = log_id(applied.term, applied.index);
        let id = log_id(applied.term, applied.index + 1);
        let voters = vec![BTreeSet::from([node_id])];
        let membership =
            Membership::new(voters, BTreeMap::from([(node_id, info)])).map_err(io::Error::other)?;
        let vote = Vote::new(applied.term, node_id);
        let entry = Entry {
            log_id: id,
            payload: Payload::Membership(membership),
        };
        let (kind, payload) = codec::payload_of(&entry);
        let promise = codec::encode_vote(vote);
        let records = [
            mark(record::PURGE, past),
            RecordRef {
                kind: record::VOTE,
                term: applied.term,
                index: 0,
                payload: &promise,
            },
            RecordRef {
                kind,
                term: applied.term,
                index: id.index(),
                payload: &payload,
            },
        ];
        let (synced, wait) = oneshot::channel();
        {
            let mut state = self.state();
            let positions = self
                .shared
                .journal
                .append(
                    &records,
                    Some(Box::new(move |result| {
                        // The receiver is gone only if the member is stopping.
                        let _ = synced.send(result);
                    })),
                )
                .map_err(io::Error::other)?;
            state.index.purge(past);
            state.index.vote = Some(vote);
            if let Some(position) = positions.into_iter().last() {
                state.index.push(id, position);
            }
            state.cached_bytes += super::size_of(&entry);
            state.cache.push_back(entry);
        }
        wait.await
            .unwrap_or_else(|_| Err(io::Error::other("the log was closed")))
    }
}

#[cfg(test)]
mod tests {
    use openraft::storage::RaftLogStorage;

    use super::*;
    use crate::{raft::log::LogError, store::COMMAND_VERSION, wal};

    fn open(directory: &std::path::Path) -> Result<LogStore, LogError> {
        let options = wal::Options {
            segment_bytes: 64 << 10,
            fsync: true,
        };
        LogStore::open(
            directory.join("wal"),
            options,
            Box::new(|error| panic!("{error}")),
        )
    }

    fn info(address: &str) -> MemberInfo {
        MemberInfo {
            name: "n1".to_owned(),
            peer_address: address.to_owned(),
            ..MemberInfo::default()
        }
    }

    #[tokio::test]
    async fn a_log_that_begins_behind_a_state_is_read_back_and_begun_again() {
        let directory = tempfile::tempdir().unwrap();
        let applied = Position {
            term: 7,
            index: 1_000,
        };
        // What a crash may leave of the first attempt: the mark of the past, and nothing behind it.
        let log = open(directory.path()).unwrap();
        log.note(&[mark(record::PURGE, log_id(7, 1_000))]).unwrap();
        log.close().unwrap();

        let log = open(directory.path()).unwrap();
        assert!(!log.has_entries());
        log.begin_after(applied, 1, info("here")).await.unwrap();
        log.close().unwrap();
        let mut log = open(directory.path()).unwrap();
        assert!(log.has_entries());
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_purged_log_id, Some(log_id(7, 1_000)));
        assert_eq!(state.last_log_id, Some(log_id(7, 1_001)));
        let vote = log.state().index.vote.unwrap();
        assert_eq!((vote.leader_id.term, vote.committed), (7, false));
        let entries = log.read_files(1_001, 1_002, 1 << 20).unwrap();
        let Payload::Membership(membership) = &entries[0].payload else {
            panic!("{entries:?}");
        };
        assert_eq!(membership.voter_ids().collect::<Vec<_>>(), [1]);
        assert_eq!(membership.get_node(&1), Some(&info("here")));
    }

    #[tokio::test]
    async fn a_log_with_entries_of_a_newer_program_asks_for_that() {
        let newer = [
            (
                codec::kind::COMMAND,
                COMMAND_VERSION + 1,
                "command format 3",
            ),
            (codec::kind::MEMBERSHIP, 3, "membership format 3"),
            (21, 0, "unknown kind 21"),
        ];
        for (kind, version, said) in newer {
            let directory = tempfile::tempdir().unwrap();
            let log = open(directory.path()).unwrap();
            let payload = [version, 1, 2, 3];
            log.note(&[RecordRef {
                kind,
                term: 1,
                index: 0,
                payload: &payload,
            }])
            .unwrap();
            log.close().unwrap();
            let before = std::fs::read(directory.path().join("wal/segment-0000000001.wal"));
            let error = open(directory.path()).err().unwrap();
            assert!(matches!(error, LogError::Newer { .. }), "{error}");
            let words = error.to_string();
            for part in [said, "run the newer program"] {
                assert!(words.contains(part), "{words}");
            }
            let after = std::fs::read(directory.path().join("wal/segment-0000000001.wal"));
            assert_eq!(before.unwrap(), after.unwrap());
        }
    }
}
