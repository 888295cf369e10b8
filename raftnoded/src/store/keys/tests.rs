use proptest::prelude::*;

use super::*;

/// Numbers that are small, large, and share bytes.
fn any_number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![0..4u64, any::<u64>(), Just(u64::MAX)]
}

fn any_id() -> impl Strategy<Value = u32> + Clone {
    prop_oneof![0..4u32, any::<u32>(), Just(u32::MAX)]
}

/// A key of every kind, over names and user keys of few distinct bytes, so that prefixes of one
/// another and 0xff tails are common.
#[derive(Debug, Clone)]
struct Any {
    kind: u8,
    a: u64,
    b: u64,
    id: u32,
    name: String,
    key: Vec<u8>,
}

impl Any {
    fn key(&self) -> Key<'_> {
        let Self {
            kind,
            a,
            b,
            id,
            name,
            key,
        } = self;
        match kind {
            0 => Key::Applied,
            1 => Key::Membership,
            2 => Key::Layout,
            3 => Key::NextNamespaceId,
            4 => Key::Clock,
            5 => Key::Swept,
            6 => Key::Namespace(name),
            7 => Key::Dropped(*id),
            8 => Key::Name(*id),
            9 => Key::Entry(*id, key),
            10 => Key::Deadline(*a, Due::Entry(*id, key)),
            11 => Key::Deadline(*a, Due::Lease(*b)),
            12 => Key::Deadline(*a, Due::Session(*b)),
            13 => Key::Lease(*a),
            14 => Key::Leased(*a, *id, key),
            15 => Key::Session(*a),
            _ => Key::Reply(*a, *b),
        }
    }
}

fn any_key() -> impl Strategy<Value = Any> {
    let bytes = prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x61, 0xfe, 0xff]), 0..5);
    let numbers = (any_number(), any_number(), any_id());
    (0..17u8, numbers, "[a-c._-]{0,3}", bytes).prop_map(|(kind, (a, b, id), name, key)| Any {
        kind,
        a,
        b,
        id,
        name,
        key,
    })
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
    fn joining_is_the_same_at_every_length(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..6),
    ) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(&join(&parts)[..], parts.concat());
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
        number in any_number(),
        prefix in prop::collection::vec(prop::sample::select(vec![0x61u8, 0xfe, 0xff]), 0..3),
    ) {
        let bytes = key.key().encode();
        let is_entry = matches!(key.key(), Key::Entry(i, k) if i == id && k.starts_with(&prefix));
        prop_assert_eq!(contains(&entries(id, &prefix), &bytes), is_entry);
        let is_namespace = matches!(key.key(), Key::Namespace(_));
        prop_assert_eq!(contains(&namespaces(), &bytes), is_namespace);
        prop_assert_eq!(contains(&dropped(), &bytes), matches!(key.key(), Key::Dropped(_)));
        let is_due = matches!(key.key(), Key::Deadline(at, _) if at >= number);
        prop_assert_eq!(contains(&deadlines(number), &bytes), is_due);
        prop_assert_eq!(contains(&leases(None), &bytes), matches!(key.key(), Key::Lease(_)));
        let is_above = matches!(key.key(), Key::Lease(id) if id > number);
        prop_assert_eq!(contains(&leases(Some(number)), &bytes), is_above);
        let is_leased = matches!(key.key(), Key::Leased(l, i, _) if l == number && i >= id);
        prop_assert_eq!(contains(&leased(number, id), &bytes), is_leased);
        let is_header = matches!(key.key(), Key::Applied | Key::Membership | Key::Layout);
        prop_assert_eq!(contains(&data(), &bytes), !is_header);
    }
}

/// The layout is a disk format: these bytes may never change.
#[test]
fn layout_is_fixed() {
    let cases: [(Key<'_>, &[u8]); 17] = [
        (Key::Applied, b"\x00\x00"),
        (Key::Membership, b"\x00\x01"),
        (Key::Layout, b"\x00\x02"),
        (Key::NextNamespaceId, b"\x00\x03"),
        (Key::Clock, b"\x00\x04"),
        (Key::Swept, b"\x00\x05"),
        (Key::Namespace("ab"), b"\x10ab"),
        (Key::Dropped(258), b"\x11\0\0\x01\x02"),
        (Key::Name(258), b"\x12\0\0\x01\x02"),
        (Key::Entry(258, b"k"), b"\x20\0\0\x01\x02k"),
        (
            Key::Deadline(259, Due::Entry(258, b"k")),
            b"\x30\0\0\0\0\0\0\x01\x03\x01\0\0\x01\x02k",
        ),
        (
            Key::Deadline(259, Due::Lease(7)),
            b"\x30\0\0\0\0\0\0\x01\x03\x02\0\0\0\0\0\0\0\x07",
        ),
        (
            Key::Deadline(259, Due::Session(7)),
            b"\x30\0\0\0\0\0\0\x01\x03\x03\0\0\0\0\0\0\0\x07",
        ),
        (Key::Lease(259), b"\x40\0\0\0\0\0\0\x01\x03"),
        (
            Key::Leased(259, 258, b"k"),
            b"\x41\0\0\0\0\0\0\x01\x03\0\0\x01\x02k",
        ),
        (Key::Session(259), b"\x50\0\0\0\0\0\0\x01\x03"),
        (
            Key::Reply(259, 7),
            b"\x51\0\0\0\0\0\0\x01\x03\0\0\0\0\0\0\0\x07",
        ),
    ];
    for (key, bytes) in cases {
        assert_eq!(&*key.encode(), bytes, "{key:?}");
    }
}

#[test]
fn the_last_of_its_kind_has_an_end() {
    let (_, end) = entries(u32::MAX, b"\xff");
    assert_eq!(end, Bound::Excluded(Slice::from([0x21])));
    let (_, end) = leased(u64::MAX, u32::MAX);
    assert_eq!(end, Bound::Excluded(Slice::from([0x42])));
}

#[test]
fn every_kind_has_a_readable_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for kind in 0..17 {
        let key = Any {
            kind,
            a: 1,
            b: 2,
            id: 3,
            name: "n".into(),
            key: b"k\xff".to_vec(),
        };
        assert!(names.insert(key.key().to_string()), "{}", key.key());
    }
    assert!(
        names.contains("at 1 the end of entry 3/k\\xff"),
        "{names:?}"
    );
}
