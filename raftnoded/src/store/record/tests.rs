use super::*;

fn head(life: Life) -> EntryHead {
    EntryHead {
        create_revision: 1,
        mod_revision: 300,
        version: 2,
        life,
    }
}

/// The records are a disk format: these bytes may never change.
#[test]
fn records_are_fixed() {
    let settings = Settings {
        max_keys: Some(1),
        max_bytes: Some(300),
        max_value: None,
        default_ttl: Some(3),
    };
    let namespace = NamespaceRecord {
        id: 300,
        create_revision: 1,
        keys: 2,
        bytes: 3,
        settings,
    };
    let lease = |removed_to| LeaseRecord {
        ttl: 1,
        ends: 2,
        keys: 3,
        removed_to,
    };
    let session = SessionHead {
        ttl: 1,
        used: 2,
        due: 3,
        low: 300,
    };
    let dropped = |reclaimed_to| DroppedRecord { reclaimed_to };
    let key = Bytes::from_static(b"k");
    let cases: [(Slice, &[u8]); 11] = [
        (encode_number(300), b"\x00\xac\x02"),
        (
            encode(&namespace),
            b"\x00\xac\x02\x01\x02\x03\x01\x01\x01\xac\x02\x00\x01\x03",
        ),
        (
            encode_entry(&head(Life::Forever), b"value"),
            b"\x00\x01\xac\x02\x02value",
        ),
        (
            encode_entry(&head(Life::Until(300)), b"value"),
            b"\x01\x01\xac\x02\x02\x01\xac\x02value",
        ),
        (
            encode_entry(&head(Life::Lease(7)), b""),
            b"\x01\x01\xac\x02\x02\x02\x07",
        ),
        (encode(&lease(None)), b"\x00\x01\x02\x03\x00"),
        (
            encode(&lease(Some((4, key.clone())))),
            b"\x00\x01\x02\x03\x01\x04\x01k",
        ),
        (
            encode_session(&session, &[b"rep", b"", b"lies"]),
            b"\x00\x01\x02\x03\xac\x02replies",
        ),
        (encode_session(&session, &[]), b"\x00\x01\x02\x03\xac\x02"),
        (encode(&dropped(None)), b"\x00\x00"),
        (encode(&dropped(Some(key))), b"\x00\x01\x01k"),
    ];
    for (found, expected) in cases {
        assert_eq!(
            found.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
}

#[test]
fn entries_round_trip_whatever_their_length() {
    let lives = [Life::Forever, Life::Until(u64::MAX), Life::Lease(u64::MAX)];
    for life in lives {
        for length in [0, 1, 50, 200, 255, 256, 257, 10_000] {
            let head = EntryHead {
                create_revision: u64::MAX,
                mod_revision: u64::MAX,
                version: u64::MAX,
                life,
            };
            let value = vec![7; length];
            let stored = encode_entry(&head, &value);
            let place = Key::Entry(1, b"k");
            assert_eq!(decode_entry(place, &stored).unwrap(), (head, &value[..]));
        }
    }
}

#[test]
fn records_longer_than_usual_round_trip() {
    let record = DroppedRecord {
        reclaimed_to: Some(vec![7; 5000].into()),
    };
    let stored = encode(&record);
    assert_eq!(
        decode::<DroppedRecord>(Key::Dropped(1), &stored).unwrap(),
        record
    );
}

#[test]
fn what_is_damaged_or_not_known_is_named() {
    let reason = |bytes: &[u8]| {
        let error = decode::<DroppedRecord>(Key::Dropped(7), bytes).unwrap_err();
        assert!(error.to_string().contains("dropped namespace 7"), "{error}");
        error.to_string()
    };
    assert!(reason(b"").contains("empty"));
    assert!(reason(b"\x02\x00").contains("form 2 is not known"));
    assert!(reason(b"\x00\x00\x00").contains("1 bytes follow"));
    reason(b"\x00\x01\x05k");
    let place = Key::Entry(1, b"k");
    for bytes in [
        &b""[..],
        b"\x00\x01",
        b"\x01\x01\x01\x01\x03",
        b"\x02\x01\x01\x01",
    ] {
        decode_entry(place, bytes).unwrap_err();
    }
}
