//! What must hold at every moment, worked out from what reaches the disks, what the members say and
//! what clients are told.
//!
//! The first five are the properties of Raft (Ongaro and Ousterhout, "In Search of an Understandable
//! Consensus Algorithm", 2014, figure 3); the others are what this program promises on top of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use super::mirror::{self, Entry, Mirror, Voters};
use crate::{
    raft::{
        codec::{self, kind},
        log::index::record,
        types::Vote,
    },
    store::Position,
    wal::Record,
};

/// Something that must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    /// At most one leader can be elected in a term, and nobody votes for two.
    ElectionSafety,
    /// A leader never overwrites or deletes entries in its log.
    LeaderAppendOnly,
    /// Logs with an entry of the same index and term are the same up to there.
    LogMatching,
    /// What was committed in a term is in the logs of the leaders of all higher terms.
    LeaderCompleteness,
    /// No two members apply different entries at the same index.
    StateMachineSafety,
    /// Replicas at the same index hold the same state.
    EqualReplicas,
    /// Nothing is applied that is not committed, and the applied index never falls.
    AppliedIsCommitted,
    /// Term and vote never go back, not even by a crash.
    HardState,
    /// Committed means synced by a majority, and what was said to be synced survives a crash.
    Durability,
    /// What a client was told was written is there as it was told.
    Acknowledged,
    /// What a client was told was not written never is.
    Refused,
    /// A write of a session takes effect once, however often it is sent.
    ExactlyOnce,
    /// A linearizable read shows what was acknowledged before it began.
    Linearizable,
    /// The time stamped on commands never goes back in the term of a leader.
    Clock,
    /// A member does not end by itself.
    Running,
    /// When the faults end there is a leader, writes succeed, and the replicas become equal.
    Heals,
}

/// A property that did not hold.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) property: Property,
    pub(super) detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is violated: {}", self.property, self.detail)
    }
}

/// What is known of one member.
#[derive(Default)]
struct Replica {
    /// What it wrote, synced or not.
    written: Mirror,
    /// What a crash leaves at least.
    durable: Mirror,
    /// The last vote that it was told is durable.
    claimed: Option<Vote>,
    /// Up to where it has shown to know entries as committed, since it started.
    committed: Option<u64>,
    applied: Option<u64>,
    /// The last stamp that it gave, and in which term.
    stamped: (u64, u64),
}

/// All that is known of a cluster, and the first thing that was wrong.
#[derive(Default)]
pub(super) struct Invariants {
    replicas: BTreeMap<u64, Replica>,
    leaders: BTreeMap<u64, u64>,
    votes: HashMap<(u64, u64), u64>,
    /// Digest and term of the entry before, by index and term.
    entries: HashMap<(u64, u64), (u64, Option<u64>)>,
    /// Entries known to be committed, by index.
    committed: BTreeMap<u64, Entry>,
    /// Memberships among them.
    memberships: BTreeMap<u64, Voters>,
    /// The digest of the state, by the index of the last entry applied to it.
    states: HashMap<u64, u64>,
    refused: HashSet<u64>,
    commands: HashSet<u64>,
    violation: Option<Violation>,
}

fn leads(node: u64, vote: Option<Vote>) -> Option<u64> {
    vote.filter(|vote| vote.committed && vote.leader_id.voted_for == node)
        .map(|vote| vote.leader_id.term)
}

/// Whether a vote may stand after another one: it is the same, or of a later term, or that of the
/// one who was elected.
fn follows(before: Vote, after: Vote) -> bool {
    let (old, new) = (before.leader_id, after.leader_id);
    before == after
        || new.term > old.term
        || (new.term == old.term && after.committed && !before.committed)
}

impl Invariants {
    /// The first violation.
    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Something was wrong; the first of all counts.
    pub(super) fn violated(&mut self, property: Property, detail: impl Into<String>) {
        self.violation.get_or_insert_with(|| Violation {
            property,
            detail: detail.into(),
        });
    }

    fn check(&mut self, holds: bool, property: Property, detail: impl FnOnce() -> String) {
        if !holds {
            self.violated(property, detail());
        }
    }

    /// How many entries are committed.
    pub(super) fn committed(&self) -> usize {
        self.committed.len()
    }

    /// The last index known to be committed.
    pub(super) fn last_committed(&self) -> Option<u64> {
        self.committed.last_key_value().map(|(index, _)| *index)
    }

    /// How many leaders were elected.
    pub(super) fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// The voters of the last membership that is committed.
    pub(super) fn voters(&self) -> Voters {
        let last = self.memberships.last_key_value();
        last.map(|(_, voters)| voters.clone()).unwrap_or_default()
    }

    /// A member hands a record to its disk.
    pub(super) fn recorded(&mut self, node: u64, found: &Record) {
        let replica = self.replicas.entry(node).or_default();
        let vote = replica.written.vote;
        let next = replica.written.next();
        let leads = leads(node, vote);
        if mirror::is_entry(found) {
            let index = found.index;
            let before = index.checked_sub(1);
            let before = before.and_then(|before| replica.written.term_at(before));
            let gap = index != next && replica.written.get(next.wrapping_sub(1)).is_some();
            let (term, last) = replica.stamped;
            let stamp = mirror::stamp_of(&found.payload);
            if found.kind == kind::COMMAND && leads == Some(found.term) {
                replica.stamped = (found.term, stamp);
            }
            replica.written.take(found);
            let digest = replica.written.get(index).map_or(0, |entry| entry.digest);
            self.check(!gap, Property::LogMatching, || {
                format!("member {node} writes entry {index} where {next} should follow")
            });
            let back = found.kind == kind::COMMAND && leads == Some(term) && stamp < last;
            self.check(!back, Property::Clock, || {
                format!("leader {node} stamps entry {index} with {stamp} after {last}")
            });
            self.matches(node, index, found.term, digest, before);
            return;
        }
        match found.kind {
            record::VOTE => {
                replica.written.take(found);
                let now = replica.written.vote;
                let back = vote.zip(now).is_some_and(|(old, new)| !follows(old, new));
                self.check(!back, Property::HardState, || {
                    format!("member {node} saves vote {now:?} after {vote:?}")
                });
            }
            record::TRUNCATE => {
                replica.written.take(found);
                let shorter = replica.written.next() < next;
                self.check(
                    !shorter || leads.is_none(),
                    Property::LeaderAppendOnly,
                    || {
                        format!(
                            "leader {node} of term {leads:?} cuts its log behind {}",
                            found.index
                        )
                    },
                );
            }
            record::COMMITTED => self.commits(node, found.index),
            _ => replica.written.take(found),
        }
    }

    fn matches(&mut self, node: u64, index: u64, term: u64, digest: u64, before: Option<u64>) {
        let known = self
            .entries
            .entry((index, term))
            .or_insert((digest, before));
        let differs = known.0 != digest;
        // Unknown where a snapshot came before the entry.
        let forks = known.1.zip(before).is_some_and(|(one, other)| one != other);
        known.1 = known.1.or(before);
        self.check(!differs && !forks, Property::LogMatching, || {
            format!("member {node} has another entry {term}-{index}, or another one before it")
        });
    }

    /// A record is on the disk for good.
    pub(super) fn durable(&mut self, node: u64, found: &Record) {
        self.replicas.entry(node).or_default().durable.take(found);
    }

    /// A member is told that a record is on the disk for good. From then on a vote counts: one that
    /// a crash takes before that is known to nobody.
    pub(super) fn claimed(&mut self, node: u64, found: &Record) {
        if found.kind != record::VOTE {
            return;
        }
        let vote = codec::decode_vote(&found.payload).ok();
        self.replicas.entry(node).or_default().claimed = vote;
        // One that is committed tells who was elected, by whomever.
        if let Some(vote) = vote.filter(|vote| !vote.committed) {
            let id = vote.leader_id;
            self.votes_for(node, id.term, id.voted_for);
        }
    }

    /// A member tells a candidate that it has its vote.
    pub(super) fn grants(&mut self, node: u64, vote: Vote) {
        self.has_voted(node, vote.leader_id.term, vote.leader_id.voted_for);
    }

    /// Whether a member may count on its vote, or have it counted: only if a crash leaves it.
    fn has_voted(&mut self, node: u64, term: u64, candidate: u64) {
        let claimed = self.replicas.get(&node).and_then(|replica| replica.claimed);
        let kept = claimed.is_some_and(|vote| {
            let id = vote.leader_id;
            id.term > term || (id.term == term && id.voted_for == candidate)
        });
        self.check(kept, Property::HardState, || {
            format!("the vote of member {node} for {candidate} in term {term} counts, and its disk has {claimed:?}")
        });
    }

    /// A member that crashed finds these records when it starts again; `lost` is an entry that it
    /// was told is on the disk for good, and that is not there.
    pub(super) fn recovered<'a>(
        &mut self,
        node: u64,
        records: impl IntoIterator<Item = &'a Record>,
        lost: Option<u64>,
    ) {
        let found = Mirror::replay(records);
        let before = self.replicas.entry(node).or_default().claimed;
        let replica = Replica {
            claimed: found.vote,
            durable: found.clone(),
            written: found,
            ..Replica::default()
        };
        let after = replica.claimed;
        self.replicas.insert(node, replica);
        let kept = before.is_none_or(|old| after.is_some_and(|new| follows(old, new)));
        self.check(kept, Property::HardState, || {
            format!("a crash takes the vote {before:?} from member {node}, which finds {after:?}")
        });
        self.check(lost.is_none(), Property::Durability, || {
            format!("a crash takes entry {lost:?} from member {node}, which was synced")
        });
    }

    /// A member has a quorum's votes, and leads.
    pub(super) fn leads(&mut self, node: u64, term: u64) {
        let before = self.leaders.insert(term, node);
        self.check(
            before.is_none_or(|before| before == node),
            Property::ElectionSafety,
            || format!("members {before:?} and {node} lead in term {term}"),
        );
        if before.is_some() {
            return;
        }
        self.has_voted(node, term, node);
        let Some(replica) = self.replicas.get(&node) else {
            return;
        };
        let log = &replica.written;
        let missing = self
            .committed
            .range(log.first()..)
            .find(|(index, entry)| !log.holds(**index, **entry))
            .map(|(index, entry)| (*index, entry.term));
        self.check(missing.is_none(), Property::LeaderCompleteness, || {
            format!("leader {node} of term {term} lacks {missing:?}, which is committed")
        });
    }

    /// A member votes for a candidate.
    fn votes_for(&mut self, node: u64, term: u64, candidate: u64) {
        let before = self.votes.insert((node, term), candidate);
        self.check(
            before.is_none_or(|before| before == candidate),
            Property::ElectionSafety,
            || format!("member {node} votes for {before:?} and {candidate} in term {term}"),
        );
    }

    /// A member knows its log to be committed up to an index.
    fn commits(&mut self, node: u64, upto: u64) {
        let Some(replica) = self.replicas.get_mut(&node) else {
            return;
        };
        let from = replica.committed.map_or(0, |index| index + 1);
        let from = from.max(replica.written.first());
        replica.committed = replica.committed.max(Some(upto));
        for index in from..=upto {
            let entry = self
                .replicas
                .get(&node)
                .and_then(|replica| replica.written.get(index));
            let Some(entry) = entry else {
                self.violated(
                    Property::AppliedIsCommitted,
                    format!("member {node} commits {upto}, and has no entry {index}"),
                );
                return;
            };
            match self.committed.get(&index) {
                Some(known) => {
                    let same = *known == entry;
                    self.check(same, Property::StateMachineSafety, || {
                        format!("member {node} commits another entry {index}")
                    });
                }
                None => self.commits_first(node, index, entry),
            }
        }
    }

    fn commits_first(&mut self, node: u64, index: u64, entry: Entry) {
        let mut short = None;
        if let Some(replica) = self.replicas.get(&node) {
            if let Some((at, voters)) = replica.written.voters_at(index)
                && *at == index
            {
                self.memberships.insert(index, voters.clone());
            }
            // Others hear of it later.
            let voters = replica
                .written
                .voters_at(u64::MAX)
                .map(|(_, voters)| voters);
            let voters = voters.or_else(|| self.memberships.values().next_back());
            let have = |id: &&u64| {
                let voter = self.replicas.get(id);
                voter.is_some_and(|voter| voter.durable.holds(index, entry))
            };
            if leads(node, replica.written.vote).is_some() {
                let sets = voters.into_iter().flatten();
                short = sets
                    .map(|set| (set.iter().filter(have).count(), set.len()))
                    .find(|(have, all)| have * 2 <= *all);
            }
        }
        self.committed.insert(index, entry);
        if entry.command != 0 {
            self.commands.insert(entry.command);
        }
        self.check(short.is_none(), Property::Durability, || {
            format!("leader {node} commits entry {index}, which {short:?} voters have synced")
        });
        let refused = self.refused.contains(&entry.command);
        self.check(!refused, Property::Refused, || {
            format!("entry {index} is committed, and its client was told that it is not")
        });
    }

    /// A member's state stands at a position, and has a digest.
    pub(super) fn applied(&mut self, node: u64, at: Position, digest: u64) {
        let replica = self.replicas.entry(node).or_default();
        let before = replica.applied.replace(at.index);
        self.check(
            before.is_none_or(|before| before < at.index),
            Property::AppliedIsCommitted,
            || format!("member {node} applies {} after {before:?}", at.index),
        );
        let committed = self.committed.get(&at.index).map(|entry| entry.term);
        self.check(committed.is_some(), Property::AppliedIsCommitted, || {
            format!("member {node} applies {}, which is not committed", at.index)
        });
        self.check(
            committed.is_none_or(|term| term == at.term),
            Property::StateMachineSafety,
            || format!("member {node} applies {at:?}, and {committed:?} is committed"),
        );
        let known = *self.states.entry(at.index).or_insert(digest);
        self.check(known == digest, Property::EqualReplicas, || {
            format!("the state of member {node} at {} is another one", at.index)
        });
    }

    /// A member says how far it has applied and what it knows to be committed.
    pub(super) fn says(&mut self, node: u64, applied: Option<u64>, committed: Option<u64>) {
        self.check(applied <= committed, Property::AppliedIsCommitted, || {
            format!("member {node} has applied {applied:?} and committed {committed:?}")
        });
    }

    /// A client is told that its command was written, at a revision.
    pub(super) fn acknowledged(&mut self, command: u64, revision: u64) {
        let there = self.committed.get(&revision).copied();
        let same = there.is_some_and(|entry| entry.command == command);
        self.check(same, Property::Acknowledged, || {
            format!("a write was acknowledged at {revision}, where {there:?} is committed")
        });
    }

    /// A client is told that its command was not written.
    pub(super) fn refused(&mut self, command: u64) {
        self.refused.insert(command);
        let written = self.commands.contains(&command);
        self.check(!written, Property::Refused, || {
            "a write was refused that is committed".to_owned()
        });
    }
}

mod tests;
