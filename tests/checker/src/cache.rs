//! What the search has seen.

use std::{collections::HashMap, hash::Hash};

/// Sets of unanswered calls, none of which is a subset of another.
type Antichain = Vec<Box<[u64]>>;

/// The configurations that were searched: the placed answered calls, the placed unanswered calls, the
/// state.
///
/// One in which the same answered calls have their place, and only some of the same unanswered ones,
/// and which is in the same state, leads to everything that another leads to. So of those that
/// differ in the unanswered calls alone, only the least are searched and held.
pub(crate) struct Cache<S> {
    seen: HashMap<(Box<[u64]>, S), Antichain>,
    configurations: usize,
}

impl<S: Eq + Hash> Cache<S> {
    pub(crate) fn new() -> Self {
        Self {
            seen: HashMap::new(),
            configurations: 0,
        }
    }

    /// How many configurations were found new.
    pub(crate) fn configurations(&self) -> usize {
        self.configurations
    }

    /// Whether the configuration must be searched. It then counts as searched.
    pub(crate) fn insert(
        &mut self,
        answered: Box<[u64]>,
        unanswered: Box<[u64]>,
        state: S,
    ) -> bool {
        let sets = self.seen.entry((answered, state)).or_default();
        if sets.iter().any(|set| is_subset(set, &unanswered)) {
            return false;
        }
        sets.retain(|set| !is_subset(&unanswered, set));
        sets.push(unanswered);
        self.configurations += 1;
        true
    }
}

/// Of bit sets without empty words at the end.
fn is_subset(one: &[u64], other: &[u64]) -> bool {
    one.len() <= other.len() && one.iter().zip(other).all(|(one, other)| one & !other == 0)
}
