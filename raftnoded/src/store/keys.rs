//! The layout of the data: every key the state machine ever writes.
//!
//! ```text
//! 00 00                      applied position           Position
//! 00 01                      membership                 opaque bytes of the Raft layer
//! 00 02                      layout version             u32
//! 00 03                      next namespace id          u32
//! 10 <name>                  namespace by name          NamespaceRecord
//! 11 <id: u32>               dropped namespace          where reclaiming goes on
//! 20 <id: u32> <key>         entry of a namespace       EntryHead, value
//! ```
//!
//! The encoding keeps order: for two keys, `a < b` exactly if `a.encode() < b.encode()`. Numbers
//! are big-endian; the one part of variable length stands last and needs no escaping.
//!
//! Tags not listed are free for what later versions add (leases, sessions, expiry). A tag is
//! never given a second meaning; a change to what is here needs a new layout version.

use std::ops::Bound;

use crate::engine::{EngineError, Slice};

const META: u8 = 0x00;
const NAMESPACE: u8 = 0x10;
const DROPPED: u8 = 0x11;
const ENTRY: u8 = 0x20;

const APPLIED: u8 = 0x00;
const MEMBERSHIP: u8 = 0x01;
const LAYOUT: u8 = 0x02;
const NEXT_NAMESPACE_ID: u8 = 0x03;

/// The number of a namespace, given out once and never again.
pub type NamespaceId = u32;

/// A key of the engine, with its meaning. The order of the variants is the order of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'a> {
    /// Term and index of the last command applied.
    Applied,
    /// The membership last applied, in a form that only the Raft layer knows.
    Membership,
    /// The version of this layout.
    Layout,
    /// The id the next namespace will get.
    NextNamespaceId,
    /// A live namespace, by name.
    Namespace(&'a str),
    /// A deleted namespace whose entries are still to be removed.
    Dropped(NamespaceId),
    /// An entry: namespace, and the user's key.
    Entry(NamespaceId, &'a [u8]),
}

impl<'a> Key<'a> {
    /// The bytes under which the engine keeps this key.
    pub fn encode(&self) -> Slice {
        match *self {
            Key::Applied => Slice::from([META, APPLIED]),
            Key::Membership => Slice::from([META, MEMBERSHIP]),
            Key::Layout => Slice::from([META, LAYOUT]),
            Key::NextNamespaceId => Slice::from([META, NEXT_NAMESPACE_ID]),
            Key::Namespace(name) => Slice::from([&[NAMESPACE], name.as_bytes()].concat()),
            Key::Dropped(id) => Slice::from(numbered(DROPPED, id)),
            Key::Entry(id, key) => Slice::from([&numbered(ENTRY, id), key].concat()),
        }
    }

    /// Reads a key back.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] if no version of this software up to this one writes such a key.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EngineError> {
        let key = match bytes {
            [META, APPLIED] => Some(Key::Applied),
            [META, MEMBERSHIP] => Some(Key::Membership),
            [META, LAYOUT] => Some(Key::Layout),
            [META, NEXT_NAMESPACE_ID] => Some(Key::NextNamespaceId),
            [NAMESPACE, name @ ..] => std::str::from_utf8(name).ok().map(Key::Namespace),
            [DROPPED, a, b, c, d] => Some(Key::Dropped(u32::from_be_bytes([*a, *b, *c, *d]))),
            [ENTRY, a, b, c, d, key @ ..] => {
                Some(Key::Entry(u32::from_be_bytes([*a, *b, *c, *d]), key))
            }
            _ => None,
        };
        key.ok_or_else(|| EngineError::Corrupt {
            what: format!("the key 0x{}", hex(bytes)),
            reason: "it has no place in the layout of this version".into(),
        })
    }
}

/// For errors: the key in readable form.
impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Applied => f.write_str("applied position"),
            Key::Membership => f.write_str("membership"),
            Key::Layout => f.write_str("layout version"),
            Key::NextNamespaceId => f.write_str("next namespace id"),
            Key::Namespace(name) => write!(f, "namespace {name}"),
            Key::Dropped(id) => write!(f, "dropped namespace {id}"),
            Key::Entry(id, key) => write!(f, "entry {id}/{}", key.escape_ascii()),
        }
    }
}

/// Bounds of a range of engine keys.
pub type Range = (Bound<Slice>, Bound<Slice>);

/// The range of all live namespaces.
pub fn namespaces() -> Range {
    tagged(NAMESPACE)
}

/// The range of all dropped namespaces.
pub fn dropped() -> Range {
    tagged(DROPPED)
}

/// The range of the entries of `id` whose keys begin with `prefix`; all of them if it is empty.
pub fn entries(id: NamespaceId, prefix: &[u8]) -> Range {
    let first = Key::Entry(id, prefix).encode();
    let end = match successor(&first) {
        Some(end) => Bound::Excluded(end),
        None => Bound::Unbounded,
    };
    (Bound::Included(first), end)
}

/// The range of everything that is replicated data: all but the applied position, the
/// membership and the layout version, which a snapshot carries in its header.
pub fn data() -> Range {
    (
        Bound::Included(Key::NextNamespaceId.encode()),
        Bound::Unbounded,
    )
}

fn tagged(tag: u8) -> Range {
    (
        Bound::Included(Slice::from([tag])),
        Bound::Excluded(Slice::from([tag + 1])),
    )
}

/// The smallest byte string above every string that begins with `prefix`; none if the prefix is
/// empty or all `0xff`.
fn successor(prefix: &[u8]) -> Option<Slice> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next.into())
}

fn numbered(tag: u8, id: u32) -> [u8; 5] {
    let [a, b, c, d] = id.to_be_bytes();
    [tag, a, b, c, d]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Owned {
        Meta(u8),
        Namespace(String),
        Dropped(u32),
        Entry(u32, Vec<u8>),
    }

    impl Owned {
        fn key(&self) -> Key<'_> {
            match self {
                Owned::Meta(0) => Key::Applied,
                Owned::Meta(1) => Key::Membership,
                Owned::Meta(2) => Key::Layout,
                Owned::Meta(_) => Key::NextNamespaceId,
                Owned::Namespace(name) => Key::Namespace(name),
                Owned::Dropped(id) => Key::Dropped(*id),
                Owned::Entry(id, key) => Key::Entry(*id, key),
            }
        }
    }

    fn any_key() -> impl Strategy<Value = Owned> {
        let id = prop_oneof![0..4u32, any::<u32>()];
        // Few distinct bytes, so that prefixes of one another and 0xff tails are common.
        let bytes =
            prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x61, 0xfe, 0xff]), 0..5);
        prop_oneof![
            (0..4u8).prop_map(Owned::Meta),
            "[a-c._-]{0,3}".prop_map(Owned::Namespace),
            id.clone().prop_map(Owned::Dropped),
            (id, bytes).prop_map(|(id, key)| Owned::Entry(id, key)),
        ]
    }

    fn contains(range: &Range, key: &[u8]) -> bool {
        use std::ops::RangeBounds;
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (
            range.0.as_ref().map(AsRef::as_ref),
            range.1.as_ref().map(AsRef::as_ref),
        );
        RangeBounds::<[u8]>::contains(&bounds, key)
    }

    proptest! {
        #[test]
        fn keys_round_trip(key in any_key()) {
            let bytes = key.key().encode();
            prop_assert_eq!(Key::decode(&bytes).unwrap(), key.key());
        }

        #[test]
        fn bytes_keep_the_order_of_keys(a in any_key(), b in any_key()) {
            prop_assert_eq!(a.key().cmp(&b.key()), a.key().encode().cmp(&b.key().encode()));
        }

        #[test]
        fn decoding_never_panics_and_is_exact(bytes in prop::collection::vec(any::<u8>(), 0..8)) {
            if let Ok(key) = Key::decode(&bytes) {
                prop_assert_eq!(&*key.encode(), &bytes[..]);
            }
        }

        #[test]
        fn ranges_hold_what_they_name(
            key in any_key(),
            id in 0..4u32,
            prefix in prop::collection::vec(prop::sample::select(vec![0x61u8, 0xfe, 0xff]), 0..3),
        ) {
            let bytes = key.key().encode();
            let is_entry = matches!(key.key(), Key::Entry(i, k) if i == id && k.starts_with(&prefix));
            prop_assert_eq!(contains(&entries(id, &prefix), &bytes), is_entry);
            let is_namespace = matches!(key.key(), Key::Namespace(_));
            prop_assert_eq!(contains(&namespaces(), &bytes), is_namespace);
            prop_assert_eq!(contains(&dropped(), &bytes), matches!(key.key(), Key::Dropped(_)));
            let is_header = matches!(key.key(), Key::Applied | Key::Membership | Key::Layout);
            prop_assert_eq!(contains(&data(), &bytes), !is_header);
        }
    }

    /// The layout is a disk format: these bytes may never change.
    #[test]
    fn layout_is_fixed() {
        let cases: [(Key<'_>, &[u8]); 7] = [
            (Key::Applied, &[0, 0]),
            (Key::Membership, &[0, 1]),
            (Key::Layout, &[0, 2]),
            (Key::NextNamespaceId, &[0, 3]),
            (Key::Namespace("ab"), &[0x10, b'a', b'b']),
            (Key::Dropped(258), &[0x11, 0, 0, 1, 2]),
            (Key::Entry(258, b"k"), &[0x20, 0, 0, 1, 2, b'k']),
        ];
        for (key, bytes) in cases {
            assert_eq!(&*key.encode(), bytes, "{key:?}");
        }
    }

    #[test]
    fn the_last_namespace_has_an_end() {
        let (_, end) = entries(u32::MAX, b"\xff");
        assert_eq!(end, Bound::Excluded(Slice::from([0x21])));
    }
}
