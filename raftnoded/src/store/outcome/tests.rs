use super::*;

fn encoded(reply: &Result<Outcome, Rejection>) -> Vec<u8> {
    let bytes = postcard::to_allocvec(reply).unwrap();
    let read: Result<Outcome, Rejection> = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(&read, reply);
    bytes
}

fn check(reply: &Result<Outcome, Rejection>, expected: &[u8]) {
    let found = encoded(reply).escape_ascii().to_string();
    assert_eq!(found, expected.escape_ascii().to_string(), "{reply:?}");
}

fn entry() -> Entry {
    Entry {
        value: Bytes::from_static(b"v"),
        left_out: 0,
        create_revision: 1,
        mod_revision: 2,
        version: 3,
        ends: Some(4),
        lease: Some(5),
    }
}

/// The sessions of a running cluster hold these bytes: they may never change.
#[test]
fn outcomes_are_fixed() {
    let previous = Some(entry());
    let cases: [(Outcome, &[u8]); 14] = [
        (
            Outcome::Put {
                revision: 300,
                version: 1,
                namespace_created: true,
                previous: previous.clone(),
            },
            b"\x00\x00\xac\x02\x01\x01\x01\x01v\x01\x02\x03\x01\x04\x01\x05",
        ),
        (
            Outcome::Deleted {
                revision: 1,
                count: 2,
                previous: vec![(Bytes::from_static(b"k"), entry())],
            },
            b"\x00\x01\x01\x02\x01\x01k\x01v\x01\x02\x03\x01\x04\x01\x05",
        ),
        (
            Outcome::Touched {
                revision: 1,
                found: true,
            },
            b"\x00\x02\x01\x01",
        ),
        (
            Outcome::Incremented {
                revision: 1,
                version: 2,
                value: -1,
            },
            b"\x00\x03\x01\x02\x01",
        ),
        (
            Outcome::Txn {
                revision: 1,
                succeeded: true,
                results: vec![
                    OperationResult::Put {
                        version: 2,
                        previous: None,
                    },
                    OperationResult::Get(previous),
                    OperationResult::Deleted {
                        count: 1,
                        previous: None,
                    },
                ],
            },
            b"\x00\x04\x01\x01\x03\x00\x02\x00\x01\x01\x01v\x01\x02\x03\x01\x04\x01\x05\x02\x01\x00",
        ),
        (
            Outcome::NamespaceCreated {
                revision: 1,
                id: 300,
            },
            b"\x00\x05\x01\xac\x02",
        ),
        (Outcome::NamespaceSet { revision: 1 }, b"\x00\x06\x01"),
        (
            Outcome::NamespaceDeleted {
                revision: 1,
                keys: 2,
            },
            b"\x00\x07\x01\x02",
        ),
        (
            Outcome::Reclaimed {
                removed: 1,
                left: true,
            },
            b"\x00\x08\x01\x01",
        ),
        (
            Outcome::Lease(LeaseInfo {
                id: 1,
                ttl: 2,
                remaining: 3,
                keys: 4,
            }),
            b"\x00\x09\x01\x02\x03\x04",
        ),
        (
            Outcome::LeaseRevoked {
                revision: 1,
                keys: 2,
            },
            b"\x00\x0a\x01\x02",
        ),
        (Outcome::SessionOpened { id: 1 }, b"\x00\x0b\x01"),
        (Outcome::SessionClosed, b"\x00\x0c"),
        (
            Outcome::Expired {
                removed: 1,
                left: false,
            },
            b"\x00\x0d\x01\x00",
        ),
    ];
    for (outcome, expected) in cases {
        check(&Ok(outcome), expected);
    }
}

#[test]
fn rejections_are_fixed() {
    let name = || "n".to_owned();
    let key = || Bytes::from_static(b"k");
    let exceeded = |quota| Rejection::QuotaExceeded {
        namespace: name(),
        quota,
        wanted: 2,
        limit: 1,
    };
    let invalid = |reason| Rejection::InvalidNamespace {
        name: name(),
        reason,
    };
    let cases: [(Rejection, &[u8]); 20] = [
        (
            Rejection::NamespaceNotFound { name: name() },
            b"\x01\x00\x01n",
        ),
        (
            Rejection::NamespaceExists { name: name() },
            b"\x01\x01\x01n",
        ),
        (
            Rejection::NamespaceNotEmpty {
                name: name(),
                keys: 1,
            },
            b"\x01\x02\x01n\x01",
        ),
        (invalid(NameFault::Empty), b"\x01\x03\x01n\x00"),
        (invalid(NameFault::TooLong), b"\x01\x03\x01n\x01"),
        (
            invalid(NameFault::Character('\u{e4}')),
            b"\x01\x03\x01n\x02\x02\xc3\xa4",
        ),
        (invalid(NameFault::First('.')), b"\x01\x03\x01n\x03\x01."),
        (
            Rejection::ConditionFailed {
                namespace: name(),
                key: key(),
                current: Some((1, 300)),
            },
            b"\x01\x04\x01n\x01k\x01\x01\xac\x02",
        ),
        (exceeded(Quota::Keys), b"\x01\x05\x01n\x00\x02\x01"),
        (exceeded(Quota::Bytes), b"\x01\x05\x01n\x01\x02\x01"),
        (exceeded(Quota::Value), b"\x01\x05\x01n\x02\x02\x01"),
        (
            Rejection::NotAnInteger {
                namespace: name(),
                key: key(),
            },
            b"\x01\x06\x01n\x01k",
        ),
        (
            Rejection::IntegerOverflow { current: -1, by: 1 },
            b"\x01\x07\x01\x02",
        ),
        (Rejection::LeaseNotFound { id: 1 }, b"\x01\x08\x01"),
        (
            Rejection::ReplyTooLarge { size: 2, limit: 1 },
            b"\x01\x09\x02\x01",
        ),
        (Rejection::SessionExpired { session: 1 }, b"\x01\x0a\x01"),
        (Rejection::StaleTag { seq: 1, low: 2 }, b"\x01\x0b\x01\x02"),
        (Rejection::TagReused { seq: 1 }, b"\x01\x0c\x01"),
        (
            Rejection::TagOutOfWindow {
                seq: 65,
                low: 1,
                window: 64,
            },
            b"\x01\x0dA\x01@",
        ),
        (Rejection::NamespacesExhausted, b"\x01\x0e"),
    ];
    for (rejection, expected) in cases {
        check(&Err(rejection), expected);
    }
}
