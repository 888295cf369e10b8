//! What a log holds, worked out from its records alone: no part of it is the code under test.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    raft::{
        codec::{self, kind},
        log::index::record,
        types::Vote,
    },
    wal::Record,
};

/// Bytes in front of a command that are not its caller's: version and stamped time.
const FRAME: usize = 9;

/// The sets of voters, a majority of each of which must agree: two while the membership changes.
pub(super) type Voters = Vec<BTreeSet<u64>>;

/// An entry, without its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) term: u64,
    /// Stands for kind and payload.
    pub(super) digest: u64,
    /// Stands for the command as its caller gave it; 0 for other entries.
    pub(super) command: u64,
}

impl Entry {
    fn of(found: &Record) -> Self {
        Self {
            term: found.term,
            digest: super::fnv(super::FNV_BASIS ^ u64::from(found.kind), &found.payload),
            command: if found.kind == kind::COMMAND {
                command_digest(&found.payload)
            } else {
                0
            },
        }
    }
}

/// Stands for a command whatever time was stamped on it.
pub(super) fn command_digest(encoded: &[u8]) -> u64 {
    super::fnv(super::FNV_BASIS, encoded.get(FRAME..).unwrap_or_default())
}

/// The time stamped on a command.
pub(super) fn stamp_of(encoded: &[u8]) -> u64 {
    let bytes = encoded
        .get(1..FRAME)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

/// Whether a record is an entry.
pub(super) fn is_entry(found: &Record) -> bool {
    matches!(found.kind, kind::BLANK | kind::COMMAND | kind::MEMBERSHIP)
}

/// The content of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    /// The index of the first entry that is held.
    first: u64,
    entries: VecDeque<Entry>,
    /// Term and index of the last entry that was purged.
    pub(super) purged: Option<(u64, u64)>,
    pub(super) vote: Option<Vote>,
    /// The index of each membership that is not cut off, and its voters.
    memberships: Vec<(u64, Voters)>,
}

impl Mirror {
    /// What records give, one after the other.
    pub(super) fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut mirror = Self::default();
        for found in records {
            mirror.take(found);
        }
        mirror
    }

    /// Takes in the next record.
    pub(super) fn take(&mut self, found: &Record) {
        match found.kind {
            kind::BLANK | kind::COMMAND | kind::MEMBERSHIP => {
                if self.entries.is_empty() {
                    self.first = found.index;
                }
                self.entries.push_back(Entry::of(found));
                if found.kind == kind::MEMBERSHIP
                    && let Ok(membership) = codec::decode_membership(&found.payload)
                {
                    let voters = membership.get_joint_config().clone();
                    self.memberships.push((found.index, voters));
                }
            }
            record::VOTE => self.vote = codec::decode_vote(&found.payload).ok(),
            record::TRUNCATE => {
                let next = if found.payload.is_empty() {
                    found.index + 1
                } else {
                    0
                };
                let keep = next.saturating_sub(self.first);
                self.entries
                    .truncate(usize::try_from(keep).unwrap_or(usize::MAX));
                self.memberships.retain(|(index, _)| *index < next);
            }
            record::PURGE => {
                let next = found.index + 1;
                if next >= self.next() {
                    self.entries.clear();
                    self.first = next;
                } else if next > self.first {
                    let gone = usize::try_from(next - self.first).unwrap_or(usize::MAX);
                    self.entries.drain(..gone);
                    self.first = next;
                }
                self.purged = self.purged.max(Some((found.term, found.index)));
            }
            _ => {}
        }
    }

    /// The index of the first entry that is held.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// One beyond the last entry.
    pub(super) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The entry at an index.
    pub(super) fn get(&self, index: u64) -> Option<Entry> {
        let at = index.checked_sub(self.first)?;
        self.entries.get(usize::try_from(at).ok()?).copied()
    }

    /// The term of the entry at an index, if that is known.
    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        let purged = self.purged.filter(|(_, purged)| *purged == index);
        let held = self.get(index).map(|entry| entry.term);
        held.or(purged.map(|(term, _)| term))
    }

    /// Whether an entry is held here, or was purged because a snapshot covers it.
    pub(super) fn holds(&self, index: u64, entry: Entry) -> bool {
        self.purged.is_some_and(|(_, purged)| index <= purged) || self.get(index) == Some(entry)
    }

    /// The membership at or before an index: the last one, wherever it stands, for `u64::MAX`.
    pub(super) fn voters_at(&self, index: u64) -> Option<&(u64, Voters)> {
        let mut upto = self.memberships.iter().rev();
        upto.find(|(at, _)| *at <= index)
    }
}
