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
                .wal
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
