use super::*;

fn packed(all: &[Saved<'_>]) -> Vec<u8> {
    let parts = all.iter().flat_map(|saved| {
        let head = saved.head().to_vec();
        [head, saved.reply.unwrap_or_default().to_vec()]
    });
    parts.collect::<Vec<_>>().concat()
}

const ALL: [Saved<'_>; 3] = [
    Saved {
        seq: 3,
        fingerprint: 7,
        reply: Some(b"first"),
    },
    Saved {
        seq: 300,
        fingerprint: u64::MAX,
        reply: None,
    },
    Saved {
        seq: 301,
        fingerprint: 0,
        reply: Some(b""),
    },
];

#[test]
fn replies_round_trip_and_are_split_by_number() {
    let bytes = packed(&ALL);
    let read: Vec<_> = Replies::new(1, &bytes).map(Result::unwrap).collect();
    assert_eq!(read, ALL);
    assert_eq!(bytes.len(), ALL.iter().map(Saved::size).sum::<usize>());
    for (seq, below) in [(0, 0), (3, 0), (4, 1), (300, 1), (301, 2), (302, 3)] {
        let (unwanted, wanted) = Replies::new(1, &bytes).split_at(seq).unwrap();
        assert_eq!(unwanted, ALL[..below]);
        assert_eq!(wanted, packed(&ALL[below..]));
    }
}

/// A disk format: these bytes may never change.
#[test]
fn replies_are_fixed() {
    let expected = b"\x03\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x05\0\0\0first\
        \x2c\x01\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
        \x2d\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(packed(&ALL), expected);
}

#[test]
fn replies_that_are_cut_off_are_damage() {
    let bytes = packed(&ALL);
    let whole: Vec<usize> = (0..=3).map(|count| packed(&ALL[..count]).len()).collect();
    for length in 0..bytes.len() {
        let last = Replies::new(9, &bytes[..length]).last();
        let sound = last.is_none_or(|last| last.is_ok());
        assert_eq!(sound, whole.contains(&length), "{length}");
        let split = Replies::new(9, &bytes[..length]).split_at(u64::MAX);
        assert_eq!(split.is_ok(), sound, "{length}");
        if let Err(error) = split {
            assert!(error.to_string().contains("session 9"), "{error}");
        }
    }
}
