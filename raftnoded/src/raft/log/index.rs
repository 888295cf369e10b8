//! What the log holds and where: the state that every record of the log changes, kept in memory
//! and rebuilt by replaying the records when the log is opened.
//!
//! Invariants, with `purged` counting as `-1` when there is none:
//!
//! ```text
//! purged < first,   first + positions.len() - 1 == last,   no index in between is missing
//! ```

use std::collections::{BTreeMap, VecDeque};

use super::super::{
    codec::{self, kind},
    types::{LogId, Vote, log_id},
};
use crate::wal::{Position, RecordRef};

/// Kinds of records beside the entries of [`kind`].
pub(in crate::raft) mod record {
    pub(in crate::raft) const VOTE: u8 = 16;
    pub(in crate::raft) const COMMITTED: u8 = 17;
    /// Entries behind `index` are void. With a payload: all are.
    pub(in crate::raft) const TRUNCATE: u8 = 18;
    pub(in crate::raft) const PURGE: u8 = 19;
    /// Whose log this is: the first record of all, repeated by every purge.
    pub(in crate::raft) const STAMP: u8 = 20;
}

/// The member that a log belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its cluster.
    pub cluster_id: u128,
    /// Its id.
    pub node_id: u64,
    /// Its incarnation.
    pub incarnation: u64,
}

impl Stamp {
    pub(super) fn encode(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.cluster_id.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.node_id.to_le_bytes());
        bytes[24..].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (cluster_id, rest) = bytes.split_first_chunk::<16>()?;
        let (node_id, rest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            cluster_id: u128::from_le_bytes(*cluster_id),
            node_id: u64::from_le_bytes(*node_id),
            incarnation: u64::from_le_bytes(rest.try_into().ok()?),
        })
    }
}

/// Why a record of the log cannot be taken in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It cannot follow those before it.
    Broken(String),
    /// A newer program wrote it.
    Newer(String),
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Broken(reason.to_owned())
    }
}

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) stamp: Option<Stamp>,
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    /// The index of the first entry; of the next one if there is none.
    first: u64,
    /// Packed [`Position`]s of the entries from `first` on: 8 bytes an entry, for there are
    /// millions.
    positions: VecDeque<u64>,
    /// Where each term begins: (first index, term). The first one covers `first`.
    terms: VecDeque<(u64, u64)>,
    /// For each segment the greatest index that has a record in it, void ones included.
    last_in_segment: BTreeMap<u32, u64>,
}

impl Index {
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// One beyond the last entry.
    pub(super) fn next(&self) -> u64 {
        self.first + self.positions.len() as u64
    }

    /// The last log id, that of the last purged entry if nothing else is left.
    pub(super) fn last(&self) -> Option<LogId> {
        match self.positions.len() as u64 {
            0 => self.purged,
            held => self.id(self.first + held - 1),
        }
    }

    /// The log id at an index that is held.
    pub(super) fn id(&self, index: u64) -> Option<LogId> {
        if index < self.first || index >= self.next() {
            return None;
        }
        let term = self.terms.partition_point(|(first, _)| *first <= index);
        self.terms
            .get(term.checked_sub(1)?)
            .map(|(_, term)| log_id(*term, index))
    }

    pub(super) fn position(&self, index: u64) -> Option<Position> {
        let offset = index.checked_sub(self.first)?;
        self.positions
            .get(usize::try_from(offset).ok()?)
            .map(|packed| Position::from_u64(*packed))
    }

    /// The first held index whose record lies at or behind `position`; `next()` if there is none.
    pub(super) fn index_at(&self, position: Position) -> u64 {
        let before = self
            .positions
            .partition_point(|packed| *packed < position.to_u64());
        self.first + before as u64
    }

    pub(super) fn push(&mut self, id: LogId, position: Position) {
        let index = id.index();
        let term = id.committed_leader_id().term;
        if self.positions.is_empty() {
            self.first = index;
            self.terms.clear();
        }
        if self.terms.back().is_none_or(|(_, last)| *last != term) {
            self.terms.push_back((index, term));
        }
        self.positions.push_back(position.to_u64());
        let last = self.last_in_segment.entry(position.segment()).or_default();
        *last = (*last).max(index);
    }

    /// Drops the entries behind `last`; all of them without one.
    pub(super) fn truncate_after(&mut self, last: Option<u64>) {
        let keep = last.map_or(0, |last| (last + 1).saturating_sub(self.first));
        self.positions
            .truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        let next = self.next();
        while self.terms.back().is_some_and(|(first, _)| *first >= next) {
            self.terms.pop_back();
        }
    }

    /// Drops the entries up to `id`, which may lie behind the last one.
    pub(super) fn purge(&mut self, id: LogId) {
        let first = id.index() + 1;
        if first >= self.next() {
            self.positions.clear();
            self.terms.clear();
            self.first = first;
        } else if first > self.first {
            let gone = usize::try_from(first - self.first).unwrap_or(usize::MAX);
            self.positions.drain(..gone);
            self.first = first;
            while self.terms.get(1).is_some_and(|(start, _)| *start <= first) {
                self.terms.pop_front();
            }
        }
        if self.purged < Some(id) {
            self.purged = Some(id);
        }
    }

    /// The first segment still needed, `marks` at the latest, where what the purge wrote anew begins:
    /// everything before holds only purged entries.
    pub(super) fn oldest_needed(&mut self, marks: u32) -> u32 {
        let purged = self.purged.map_or(0, |id| id.index());
        let needed = self
            .last_in_segment
            .iter()
            .find(|(_, last)| **last > purged)
            .map_or(marks, |(segment, _)| *segment)
            .min(marks);
        self.last_in_segment = self.last_in_segment.split_off(&needed);
        needed
    }

    /// Takes in one record of the log.
    ///
    /// # Errors
    /// Why the record cannot follow those before it, or cannot be understood.
    pub(super) fn replay(
        &mut self,
        position: Position,
        found: &RecordRef<'_>,
    ) -> Result<(), Fault> {
        match found.kind {
            kind::BLANK | kind::COMMAND | kind::MEMBERSHIP => {
                let next = self.next();
                if !self.positions.is_empty() && found.index != next {
                    let (this, last) = (found.index, next - 1);
                    return Err(format!("entry {this} follows entry {last}").into());
                }
                if let Some(newer) = codec::newer(found.kind, found.payload) {
                    return Err(Fault::Newer(format!("entry {} has {newer}", found.index)));
                }
                self.push(log_id(found.term, found.index), position);
            }
            record::VOTE => {
                let vote = codec::decode_vote(found.payload).map_err(|error| error.to_string())?;
                self.vote = Some(vote);
            }
            record::COMMITTED => self.committed = Some(log_id(found.term, found.index)),
            record::TRUNCATE => {
                self.truncate_after(found.payload.is_empty().then_some(found.index));
            }
            record::STAMP => {
                self.stamp = Some(Stamp::decode(found.payload).ok_or("an unreadable stamp")?);
            }
            record::PURGE => self.purge(log_id(found.term, found.index)),
            other => {
                return Err(Fault::Newer(format!(
                    "it has a record of unknown kind {other}"
                )));
            }
        }
        Ok(())
    }

    /// Checks, after the last record, that nothing is missing in front of the first entry.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn check(&self) -> Result<(), String> {
        let begins = self.purged.map_or(0, |id| id.index() + 1);
        if !self.positions.is_empty() && self.first > begins {
            return Err(format!(
                "entries {begins} to {} are missing",
                self.first - 1
            ));
        }
        Ok(())
    }

    /// The last log id of each term in a range: what openraft wants to know of a log at start.
    pub(super) fn key_ids(&self, first: u64, last: u64) -> Vec<LogId> {
        let ends = self.terms.iter().skip(1).map(|(start, _)| start - 1);
        self.terms
            .iter()
            .zip(ends.chain([u64::MAX]))
            .filter(|((start, _), end)| *start <= last && *end >= first)
            .map(|((_, term), end)| log_id(*term, end.min(last)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(segment: u32, offset: u32) -> Position {
        Position::from_u64(u64::from(segment) << 32 | u64::from(offset))
    }

    fn filled(terms: &[u64]) -> Index {
        let mut index = Index::default();
        for (i, term) in terms.iter().enumerate() {
            index.push(
                log_id(*term, i as u64),
                at(i as u32 / 3, 4096 + i as u32 * 8),
            );
        }
        index
    }

    #[test]
    fn ids_follow_the_terms_through_truncation_and_purge() {
        let mut index = filled(&[1, 1, 2, 2, 2, 5]);
        assert_eq!(index.last(), Some(log_id(5, 5)));
        assert_eq!(index.id(1), Some(log_id(1, 1)));
        assert_eq!(
            index.key_ids(0, 5),
            vec![log_id(1, 1), log_id(2, 4), log_id(5, 5)]
        );
        index.truncate_after(Some(3));
        assert_eq!(index.last(), Some(log_id(2, 3)));
        index.push(log_id(6, 4), at(9, 4096));
        index.purge(log_id(1, 1));
        assert_eq!((index.first(), index.next()), (2, 5));
        assert_eq!(index.id(1), None);
        assert_eq!(index.key_ids(2, 4), vec![log_id(2, 3), log_id(6, 4)]);
        index.purge(log_id(7, 20));
        assert_eq!(index.last(), Some(log_id(7, 20)));
        assert_eq!((index.first(), index.next()), (21, 21));
    }

    #[test]
    fn a_segment_is_needed_while_it_holds_an_entry_that_is_not_purged() {
        let mut index = filled(&[1; 9]);
        assert_eq!(index.oldest_needed(2), 0);
        index.purge(log_id(1, 2));
        assert_eq!(index.oldest_needed(2), 1);
        index.purge(log_id(1, 4));
        assert_eq!(index.oldest_needed(2), 1);
        index.purge(log_id(1, 8));
        assert_eq!(index.oldest_needed(2), 2);
    }

    #[test]
    fn a_stamp_is_read_back_and_a_cut_one_is_noticed() {
        let stamp = Stamp {
            cluster_id: u128::MAX - 7,
            node_id: 3,
            incarnation: u64::MAX - 1,
        };
        let bytes = stamp.encode();
        let record = |payload| RecordRef {
            kind: record::STAMP,
            term: 0,
            index: 0,
            payload,
        };
        let mut index = Index::default();
        assert!(index.replay(at(1, 8), &record(&bytes[..31])).is_err());
        index.replay(at(1, 8), &record(&bytes)).unwrap();
        assert_eq!(index.stamp, Some(stamp));
    }

    #[test]
    fn a_hole_is_noticed() {
        let mut index = filled(&[1, 1]);
        let entry = |index| RecordRef {
            kind: kind::BLANK,
            term: 1,
            index,
            payload: &[],
        };
        assert!(index.replay(at(1, 8), &entry(3)).is_err());
        let mut index = Index::default();
        index.replay(at(1, 8), &entry(3)).unwrap();
        assert_eq!(index.check().unwrap_err(), "entries 0 to 2 are missing");
    }
}
