//! Keys of the tree that can mostly be compared without following a pointer.
//!
//! A search compares a key with a dozen others, and each of them lies somewhere else in memory:
//! the misses were a quarter of the work of a busy member. The first [`HEAD`] bytes therefore stand
//! in the node itself, as numbers that order like the bytes.

use std::cmp::Ordering;

use equivalent::{Comparable, Equivalent};

use crate::engine::Slice;

/// Bytes of a key that are kept in the node: the layout's prefix and some twenty of the user's.
const HEAD: usize = 24;

/// The first bytes of a key, filled up with zeros, big-endian.
type Head = [u64; HEAD / 8];

fn head(bytes: &[u8]) -> Head {
    let mut padded = [0; HEAD];
    let length = bytes.len().min(HEAD);
    padded[..length].copy_from_slice(&bytes[..length]);
    let mut head = Head::default();
    for (number, bytes) in head.iter_mut().zip(padded.as_chunks::<8>().0) {
        *number = u64::from_be_bytes(*bytes);
    }
    head
}

/// Orders as the bytes do.
fn order(a: (&Head, &[u8]), b: (&Head, &[u8])) -> Ordering {
    a.0.cmp(b.0).then_with(|| {
        if a.1.len() <= HEAD && b.1.len() <= HEAD {
            // Equal but for zeros that may be bytes of one and filling of the other: the one with
            // more bytes comes later.
            a.1.len().cmp(&b.1.len())
        } else {
            a.1.cmp(b.1)
        }
    })
}

/// A key in the tree.
#[derive(Clone, Debug)]
pub(super) struct Key {
    head: Head,
    bytes: Slice,
}

impl Key {
    pub(super) fn bytes(&self) -> &Slice {
        &self.bytes
    }
}

impl From<Slice> for Key {
    fn from(bytes: Slice) -> Self {
        Self {
            head: head(&bytes),
            bytes,
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        order((&self.head, &self.bytes), (&other.head, &other.bytes))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// A key that is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe<'a> {
    head: Head,
    bytes: &'a [u8],
}

impl<'a> Probe<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            head: head(bytes),
            bytes,
        }
    }
}

impl Equivalent<Key> for Probe<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.compare(key) == Ordering::Equal
    }
}

impl Comparable<Key> for Probe<'_> {
    fn compare(&self, key: &Key) -> Ordering {
        order((&self.head, self.bytes), (&key.head, &key.bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Keys that agree for long, with zeros and ends where they matter.
    fn keys() -> impl Strategy<Value = Vec<u8>> {
        (0..3usize, proptest::collection::vec(0..3u8, 0..6)).prop_map(|(stem, tail)| {
            let mut key = vec![1; [0, HEAD - 3, HEAD + 2][stem]];
            key.extend(tail);
            key
        })
    }

    proptest! {
        #[test]
        fn keys_order_as_their_bytes(a in keys(), b in keys()) {
            let key = |bytes: &[u8]| Key::from(Slice::from(bytes));
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            prop_assert_eq!(Probe::new(&a).compare(&key(&b)), a.cmp(&b));
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }
    }
}
