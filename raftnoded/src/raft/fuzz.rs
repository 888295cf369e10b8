//! The readers of what members say to each other, and of what of it is kept, with mutated bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use common::transport::Wire;
use fuzzing::Target;
use openraft::raft::AppendEntriesRequest;

use super::{
    codec::{self, Append, Appended},
    peer::{
        Admission, Announcement, Answer, Candidate, Card, Channel, ControlReply, ControlRequest,
        Founder, Greeting, Purpose, SnapshotFrame, SnapshotReply, Stand, TransferReply,
    },
    types::{Entry, MemberInfo, Membership, Payload, Proposal, StoredMembership, Vote, log_id},
};
use crate::disk::Level;

fn target(name: &'static str) -> Target {
    Target::new(name, env!("CARGO_MANIFEST_DIR"))
}

fn bytes_of(message: &impl Wire) -> Vec<u8> {
    let mut buffer = BytesMut::new();
    message.write(&mut buffer).expect("it can be encoded");
    buffer.to_vec()
}

/// Reads a message, and what is written of it once more.
fn message<M: Wire>(bytes: &[u8]) -> Result<M, String> {
    let read = M::read(bytes).map_err(|error| error.to_string())?;
    let written = bytes_of(&read);
    let again = M::read(&written).expect("what was encoded can be decoded");
    assert_eq!(bytes_of(&again), written);
    Ok(read)
}

/// Letters for the first bytes of a message: which of the variants it is.
fn variant(bytes: &[u8]) -> String {
    let letters = bytes.iter().take(3);
    letters.map(|byte| char::from(b'A' + byte % 58)).collect()
}

fn info(id: u64) -> MemberInfo {
    MemberInfo {
        name: format!("n{id}"),
        incarnation: id * 7,
        client_address: format!("127.0.0.1:742{id}"),
        peer_address: format!("127.0.0.1:743{id}"),
        ..MemberInfo::default()
    }
}

fn founder() -> Founder {
    Founder {
        name: "n1".to_owned(),
        incarnation: 7,
        client_address: "127.0.0.1:7421".to_owned(),
        list: vec![("n1".to_owned(), "127.0.0.1:7431".to_owned())],
    }
}

fn membership() -> Membership {
    let configs = vec![BTreeSet::from([1, 2]), BTreeSet::from([1, 2, 3])];
    let nodes: BTreeMap<_, _> = (1..5).map(|id| (id, info(id))).collect();
    Membership::new(configs, nodes).expect("all voters are nodes")
}

#[test]
fn greeting() {
    let member = |channel| Purpose::Member {
        cluster_id: 0xdead_beef,
        from: 1,
        incarnation: 7,
        to: 2,
        channel,
    };
    let purposes = [
        member(Channel::Append),
        member(Channel::Snapshot),
        Purpose::Founder(founder()),
        Purpose::Inquiry,
        Purpose::Admit(Admission {
            cluster_id: 0xdead_beef,
            node_id: 4,
            incarnation: 28,
            peers: vec!["127.0.0.1:7431".to_owned()],
        }),
        Purpose::Join(Candidate {
            name: "n4".to_owned(),
            incarnation: 28,
            peer_address: "127.0.0.1:7434".to_owned(),
            rejoins: false,
        }),
        Purpose::Announce(Announcement {
            cluster_id: 0xdead_beef,
            id: 2,
            incarnation: 14,
            client_address: "127.0.0.1:7422".to_owned(),
            peer_address: "127.0.0.1:7432".to_owned(),
        }),
        Purpose::Dismiss {
            cluster_id: 0xdead_beef,
            id: 2,
            incarnation: 14,
        },
    ];
    let greetings = purposes.map(|purpose| bytes_of(&Greeting::new(purpose)));
    target("greeting").samples(greetings).run(|bytes| {
        let greeting = Greeting::read(bytes).map_err(|error| error.to_string())?;
        // One of another version is told by its fault alone, and never answered with itself.
        match greeting.fault() {
            Some(fault) => Err(fault),
            None => message::<Greeting>(bytes).map(|_| variant(&bytes[bytes.len().min(6)..])),
        }
    });
}

#[test]
fn answer() {
    let answers = [
        Answer::Welcome {
            incarnation: 7,
            boot: 9,
        },
        Answer::Founder(founder()),
        Answer::Formed {
            cluster_id: 0xdead_beef,
            members: vec![(1, info(1)), (2, info(2))],
        },
        Answer::Refused {
            message: "no".to_owned(),
        },
        Answer::Present(Card {
            name: "n1".to_owned(),
            incarnation: 7,
            boot: 9,
            client_address: "127.0.0.1:7421".to_owned(),
            peer_address: "127.0.0.1:7431".to_owned(),
            learner: false,
            stand: Stand::Member {
                cluster_id: 0xdead_beef,
                id: 1,
                members: vec![(1, info(1))],
                highest: 3,
            },
        }),
    ];
    let samples = answers.iter().map(bytes_of);
    target("answer")
        .samples(samples)
        .run(|bytes| message::<Answer>(bytes).map(|_| variant(bytes)));
}

fn entries() -> Vec<Entry> {
    let payloads = [
        Payload::Blank,
        Payload::Normal(Proposal(Bytes::from_static(b"a command"))),
        Payload::Membership(membership()),
    ];
    let entries = payloads.into_iter().zip(12..);
    entries
        .map(|(payload, index)| Entry {
            log_id: log_id(3, index),
            payload,
        })
        .collect()
}

#[test]
fn append() {
    let append = |entries: Vec<Entry>| {
        Append(AppendEntriesRequest {
            vote: Vote::new(3, 1),
            prev_log_id: Some(log_id(2, 11)),
            entries,
            leader_commit: Some(log_id(2, 10)),
        })
    };
    let samples = [bytes_of(&append(entries())), bytes_of(&append(Vec::new()))];
    target("append").samples(samples).run(|bytes| {
        let Append(request) = message(bytes)?;
        Ok(format!("{} entries", request.entries.len()))
    });
}

/// The messages of the other channels; the first byte of an input says of which.
#[test]
fn channel() {
    let chunk = SnapshotFrame::Chunk(Bytes::from_static(b"a piece"));
    let begin = SnapshotFrame::Begin {
        vote: vote(),
        last: Some(log_id(2, 11).into()),
        membership: codec::encode_stored_membership(&StoredMembership::new(None, membership())),
        bytes: 4096,
    };
    let failed = SnapshotReply::Failed {
        message: "no room".to_owned(),
    };
    let transfer = ControlReply::Transfer(TransferReply::VoteChanged {
        expected: vote(),
        actual: vote(),
    });
    let removed = ControlReply::Removed {
        by: "n2".to_owned(),
    };
    let samples = [
        (0, bytes_of(&begin)),
        (0, bytes_of(&chunk)),
        (0, bytes_of(&SnapshotFrame::End)),
        (1, bytes_of(&SnapshotReply::Installed(vote()))),
        (1, bytes_of(&failed)),
        (2, bytes_of(&transfer)),
        (2, bytes_of(&removed)),
        (3, bytes_of(&Appended::no_room(Level::Exhausted))),
        (
            3,
            bytes_of(&Appended::new(Ok(Some(log_id(2, 11))), Level::Ok)),
        ),
        // A vote, as a variant and its fields.
        (4, vec![0, 3, 1, 0, 1, 2, 11, 0]),
    ];
    let samples = samples.map(|(channel, bytes)| [&[channel][..], &bytes].concat());
    target("channel").samples(samples).run(|bytes| {
        let Some((channel, bytes)) = bytes.split_first() else {
            return Err("nothing".to_owned());
        };
        let channel = channel % 5;
        match channel {
            0 => message::<SnapshotFrame>(bytes).map(drop),
            1 => message::<SnapshotReply>(bytes).map(drop),
            2 => message::<ControlReply>(bytes).map(drop),
            3 => message::<Appended>(bytes).map(|appended| drop(appended.result())),
            _ => message::<ControlRequest>(bytes).map(drop),
        }
        .map(|()| format!("{channel} {}", variant(bytes)))
    });
}

fn vote() -> codec::WireVote {
    Vote::new(3, 1).into()
}

/// Memberships in the log and in the state, and the vote.
#[test]
fn kept() {
    let stored = StoredMembership::new(Some(log_id(2, 11)), membership());
    let samples = [
        (0, codec::encode_applied_membership(&stored, 9)),
        (0, codec::encode_stored_membership(&stored)),
        (1, codec::encode_membership(&membership())),
        (2, codec::encode_vote(Vote::new(3, 1))),
    ];
    let samples = samples.map(|(kind, bytes)| [&[kind][..], &bytes].concat());
    target("kept").samples(samples).run(|bytes| {
        let Some((kind, bytes)) = bytes.split_first() else {
            return Err("nothing".to_owned());
        };
        let refusal = |error: std::io::Error| error.to_string();
        Ok(match kind % 3 {
            0 => {
                let (stored, highest) = codec::decode_applied_membership(bytes).map_err(refusal)?;
                let again = codec::encode_applied_membership(&stored, highest);
                let again = codec::decode_applied_membership(&again).map_err(refusal)?;
                assert_eq!(again, (stored.clone(), highest));
                format!("stored, {} nodes", stored.membership().nodes().count())
            }
            1 => {
                let membership = codec::decode_membership(bytes).map_err(refusal)?;
                let again = codec::encode_membership(&membership);
                assert_eq!(
                    codec::decode_membership(&again).map_err(refusal)?,
                    membership
                );
                format!("{} sets of voters", membership.get_joint_config().len())
            }
            _ => {
                let vote = codec::decode_vote(bytes).map_err(refusal)?;
                let again = codec::encode_vote(vote);
                assert_eq!(codec::decode_vote(&again).map_err(refusal)?, vote);
                format!("vote, committed: {}", vote.committed)
            }
        })
    });
}
