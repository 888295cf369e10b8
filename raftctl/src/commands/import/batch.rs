//! Keys that are written together.

use std::collections::HashSet;

use bytes::Bytes;
use common::types::{Lifetime, MAX_DELETE_BYTES};

/// The most that a transaction may take, in bytes as the members count them. They take more where
/// `--max-value-bytes` is larger; so much they always do.
const MAX_BYTES: usize = MAX_DELETE_BYTES;

/// What the members count for an operation beside its key and value, and for a comparison beside its
/// key.
const OVERHEAD: usize = 64;

/// A key to write, and the line it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) line: u64,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    pub(super) lifetime: Lifetime,
}

impl Item {
    /// What it takes of a transaction that compares first.
    fn cost(&self) -> usize {
        2 * (OVERHEAD + self.key.len()) + self.value.len()
    }
}

/// Keys that are written by one transaction. No key comes twice: which of its values lasts is
/// decided by the order of the lines, and so by the order of batches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    keys: HashSet<Bytes>,
    cost: usize,
    /// How much of the input is read up to its end, in bytes.
    pub(super) offset: u64,
}

impl Batch {
    /// Whether it has room for one more, of at most `limit`. An empty one has room for any: what is
    /// too large for a transaction is written alone and without one.
    pub(super) fn has_room(&self, item: &Item, limit: usize) -> bool {
        self.items.is_empty()
            || (self.items.len() < limit
                && self.cost + item.cost() <= MAX_BYTES
                && !self.keys.contains(&item.key))
    }

    pub(super) fn add(&mut self, item: Item) {
        self.cost += item.cost();
        self.keys.insert(item.key.clone());
        self.items.push(item);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The first line, and the last; 0 if it is empty.
    pub(super) fn lines(&self) -> (u64, u64) {
        let line = |item: Option<&Item>| item.map_or(0, |item| item.line);
        (line(self.items.first()), line(self.items.last()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::commands::import) fn item(line: u64, key: &'static str, size: usize) -> Item {
        Item {
            line,
            key: key.into(),
            value: vec![b'v'; size].into(),
            lifetime: Lifetime::Forever,
        }
    }

    #[test]
    fn a_batch_is_full_by_number_by_size_and_where_a_key_comes_again() {
        let mut batch = Batch::default();
        assert!(batch.has_room(&item(1, "a", 2 * MAX_BYTES), 1));
        batch.add(item(1, "a", 10));
        assert!(batch.has_room(&item(2, "b", 10), 2));
        assert!(!batch.has_room(&item(2, "b", 10), 1));
        assert!(!batch.has_room(&item(2, "a", 10), 2));
        // Two operations and two comparisons, with keys of one byte.
        let most = MAX_BYTES - 4 * (OVERHEAD + 1) - 10;
        assert!(batch.has_room(&item(2, "b", most), 2));
        assert!(!batch.has_room(&item(2, "b", most + 1), 2));
        batch.add(item(7, "b", 1));
        assert_eq!(batch.lines(), (1, 7));
    }
}
