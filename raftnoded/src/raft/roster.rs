//! Who was a member, as far as this member has applied the log.
//!
//! Node ids are never used twice: the state keeps the highest that was ever given away, beside the
//! membership and in the same write. An id up to there that is not in the membership is that of a
//! member that was removed, and will never be anybody else's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{PoisonError, RwLock},
};

use super::types::{MemberInfo, StoredMembership};

/// The membership last applied, and the highest id ever given away.
#[derive(Debug, Default)]
pub struct Roster(RwLock<Applied>);

#[derive(Clone, Debug, Default)]
struct Applied {
    members: BTreeMap<u64, MemberInfo>,
    voters: BTreeSet<u64>,
    highest: u64,
}

/// The highest id in a membership; 0 if there is none.
pub(super) fn highest_id(membership: &StoredMembership) -> u64 {
    membership.nodes().map(|(id, _)| *id).max().unwrap_or(0)
}

impl Roster {
    /// A membership was applied.
    pub(super) fn set(&self, membership: &StoredMembership, highest: u64) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Applied {
            members: membership
                .nodes()
                .map(|(id, info)| (*id, info.clone()))
                .collect(),
            // The former one of two: until the change is through, a majority of it is needed too.
            voters: membership
                .membership()
                .get_joint_config()
                .first()
                .cloned()
                .unwrap_or_default(),
            highest,
        };
    }

    fn read<T>(&self, look: impl FnOnce(&Applied) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The members.
    pub(super) fn members(&self) -> Vec<(u64, MemberInfo)> {
        self.read(|applied| {
            let members = applied.members.iter();
            members.map(|(id, info)| (*id, info.clone())).collect()
        })
    }

    /// The members that can be relied on to vote; none if no membership was applied yet. While a
    /// change is under way, those from before it.
    pub(super) fn voters(&self) -> Option<BTreeSet<u64>> {
        self.read(|applied| (!applied.voters.is_empty()).then(|| applied.voters.clone()))
    }

    /// The highest id ever given away.
    pub(super) fn highest(&self) -> u64 {
        self.read(|applied| applied.highest)
    }

    /// Whether the member of this id was removed for good.
    pub(super) fn removed(&self, id: u64) -> bool {
        self.read(|applied| id <= applied.highest && !applied.members.contains_key(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::Membership;

    #[test]
    fn only_ids_that_were_given_away_count_as_removed() {
        let roster = Roster::default();
        assert!(!roster.removed(1), "nothing is known yet");
        let nodes: BTreeMap<u64, MemberInfo> = [1, 3]
            .map(|id| (id, MemberInfo::default()))
            .into_iter()
            .collect();
        let membership = Membership::new(vec![BTreeSet::from([1, 3])], nodes).unwrap();
        let stored = StoredMembership::new(None, membership);
        assert_eq!(highest_id(&stored), 3);
        roster.set(&stored, 5);
        let removed: Vec<u64> = (1..8).filter(|id| roster.removed(*id)).collect();
        assert_eq!(removed, [2, 4, 5]);
    }

    #[test]
    fn a_member_counts_as_a_voter_when_its_promotion_is_through() {
        let roster = Roster::default();
        assert_eq!(roster.voters(), None, "nothing is known yet");
        let nodes: BTreeMap<u64, MemberInfo> = [1, 2, 3]
            .map(|id| (id, MemberInfo::default()))
            .into_iter()
            .collect();
        let set = |configs: Vec<BTreeSet<u64>>| {
            let membership = Membership::new(configs, nodes.clone()).unwrap();
            roster.set(&StoredMembership::new(None, membership), 3);
            roster.voters()
        };
        let (two, three) = (BTreeSet::from([1, 2]), BTreeSet::from([1, 2, 3]));
        assert_eq!(set(vec![two.clone(), three.clone()]), Some(two.clone()));
        assert_eq!(set(vec![three.clone()]), Some(three.clone()));
        assert_eq!(set(vec![three.clone(), two.clone()]), Some(three));
        assert_eq!(set(vec![two.clone()]), Some(two));
    }
}
