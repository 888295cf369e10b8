//! How much is done in each namespace.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use common::types::NamespaceActivity;

/// The most namespaces that are counted. In further ones nothing is counted until others are gone.
const MOST: usize = 10_000;

/// What is known of a namespace that was worked in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// It exists.
    Exists,
    /// It may exist: counted if it is known already. A name that somebody made up fills no memory.
    Unknown,
}

#[derive(Default)]
pub(super) struct Spaces(RwLock<HashMap<Box<str>, Counters>>);

#[derive(Default)]
struct Counters {
    writes: AtomicU64,
    reads: AtomicU64,
}

impl Counters {
    fn add(&self, write: bool) {
        let counter = if write { &self.writes } else { &self.reads };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Spaces {
    /// Something was done in a namespace. Whether it was counted.
    pub(super) fn add(&self, name: &str, write: bool, worth: Worth) -> bool {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counters) = known.get(name) {
                counters.add(write);
                return true;
            }
            if worth == Worth::Unknown || known.len() >= MOST {
                return false;
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let room = known.len() < MOST || known.contains_key(name);
        if room {
            known.entry(name.into()).or_default().add(write);
        }
        room
    }

    /// What was done, by name.
    pub(super) fn told(&self) -> Vec<NamespaceActivity> {
        let mut told: Vec<_> = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let each = known.iter().map(|(name, counters)| NamespaceActivity {
                name: name.as_ref().to_owned(),
                writes: counters.writes.load(Ordering::Relaxed),
                reads: counters.reads.load(Ordering::Relaxed),
            });
            each.collect()
        };
        told.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        told
    }

    /// These namespaces do not exist any more.
    pub(super) fn let_go(&self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            known.remove(name.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_told_by_name_and_let_go() {
        let spaces = Spaces::default();
        for name in ["b", "a", "c", "b"] {
            spaces.add(name, true, Worth::Exists);
        }
        spaces.add("a", false, Worth::Unknown);
        spaces.add("d", false, Worth::Unknown);
        spaces.let_go(&["c".to_owned()]);
        let told = |name: &str, writes, reads| NamespaceActivity {
            name: name.to_owned(),
            writes,
            reads,
        };
        assert_eq!(spaces.told(), [told("a", 1, 1), told("b", 2, 0)]);
    }

    #[test]
    fn they_are_no_more_than_so_many_until_others_are_gone() {
        let spaces = Spaces::default();
        for number in 0..=MOST {
            spaces.add(&number.to_string(), true, Worth::Exists);
        }
        let last = MOST.to_string();
        let has = |name: &str| spaces.told().iter().any(|space| space.name == name);
        assert_eq!(spaces.told().len(), MOST);
        assert!(!has(&last));
        spaces.add("0", true, Worth::Exists);
        assert_eq!(spaces.told()[0].writes, 2);
        spaces.let_go(&["0".to_owned()]);
        spaces.add(&last, true, Worth::Exists);
        assert!(has(&last) && !has("0"));
    }
}
