//! The forms in which votes, log ids, memberships and entries are kept on disk and sent to peers.
//!
//! They are ours and not openraft's serde derives, which may change with any release. What is
//! small is postcard of a mirror struct; entries, which are many, are laid out by hand:
//!
//! ```text
//! entry = kind: u8, term: u64, index: u64, length: u32, payload     (integers little-endian)
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use common::transport::{Wire, read_postcard, write_postcard};
use openraft::{
    EntryPayload,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, StreamAppendError, StreamAppendResult,
        TransferLeaderRequest, VoteRequest, VoteResponse,
    },
};
use serde::{Deserialize, Serialize};

use crate::store::COMMAND_VERSION;

use super::types::{
    Entry, LogId, MemberInfo, Membership, Payload, Proposal, StoredMembership, TypeConfig, Vote,
    log_id,
};

/// The version of the membership's form.
const MEMBERSHIP_VERSION: u8 = 1;

/// What an entry carries.
pub(super) mod kind {
    pub(in crate::raft) const BLANK: u8 = 1;
    pub(in crate::raft) const COMMAND: u8 = 2;
    pub(in crate::raft) const MEMBERSHIP: u8 = 3;
}

/// The bytes of an entry in front of its payload.
pub(super) const ENTRY_HEAD: usize = 1 + 8 + 8 + 4;

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// [`LogId`] in postcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireLogId {
    term: u64,
    index: u64,
}

impl From<LogId> for WireLogId {
    fn from(id: LogId) -> Self {
        Self {
            term: id.committed_leader_id().term,
            index: id.index(),
        }
    }
}

impl From<WireLogId> for LogId {
    fn from(wire: WireLogId) -> Self {
        log_id(wire.term, wire.index)
    }
}

/// [`Vote`] in postcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireVote {
    term: u64,
    node: u64,
    committed: bool,
}

impl From<Vote> for WireVote {
    fn from(vote: Vote) -> Self {
        Self {
            term: vote.leader_id.term,
            node: vote.leader_id.voted_for,
            committed: vote.committed,
        }
    }
}

impl From<WireVote> for Vote {
    fn from(wire: WireVote) -> Self {
        let mut vote = Self::new(wire.term, wire.node);
        vote.committed = wire.committed;
        vote
    }
}

/// Encodes a value that cannot fail to encode: integers, strings and maps of them.
fn postcard<T: Serialize>(value: &T) -> Bytes {
    let mut buffer = BytesMut::new();
    match write_postcard(value, &mut buffer) {
        Ok(()) => buffer.freeze(),
        Err(error) => unreachable!("postcard into memory: {error}"),
    }
}

pub(super) fn encode_vote(vote: Vote) -> Bytes {
    postcard(&WireVote::from(vote))
}

pub(super) fn decode_vote(bytes: &[u8]) -> io::Result<Vote> {
    read_postcard::<WireVote>(bytes).map(Vote::from)
}

#[derive(Serialize, Deserialize)]
struct WireMembership {
    /// One set of voters, or two while a change is on its way.
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, MemberInfo>,
}

pub(super) fn encode_membership(membership: &Membership) -> Bytes {
    let wire = WireMembership {
        configs: membership.get_joint_config().clone(),
        nodes: membership
            .nodes()
            .map(|(id, info)| (*id, info.clone()))
            .collect(),
    };
    let mut buffer = BytesMut::new();
    buffer.put_u8(MEMBERSHIP_VERSION);
    buffer.extend_from_slice(&postcard(&wire));
    buffer.freeze()
}

pub(super) fn decode_membership(bytes: &[u8]) -> io::Result<Membership> {
    match bytes.split_first() {
        Some((&MEMBERSHIP_VERSION, rest)) => {
            let wire: WireMembership = read_postcard(rest)?;
            Membership::new(wire.configs, wire.nodes)
                .map_err(|error| invalid(format!("not a membership: {error}")))
        }
        Some((version, _)) => Err(invalid(format!(
            "a membership has format {version}, this program reads up to {MEMBERSHIP_VERSION}; run \
             the newer program that wrote it"
        ))),
        None => Err(invalid("an empty membership")),
    }
}

/// Whether a newer program wrote the payload of an entry: its format and the newest that is read.
pub(super) fn newer(kind: u8, payload: &[u8]) -> Option<String> {
    let (what, supported) = match kind {
        kind::COMMAND => ("command", COMMAND_VERSION),
        kind::MEMBERSHIP => ("membership", MEMBERSHIP_VERSION),
        _ => return None,
    };
    let found = *payload.first().filter(|found| **found > supported)?;
    Some(format!(
        "{what} format {found}, this program (raftnode {}) reads up to {supported}",
        env!("CARGO_PKG_VERSION")
    ))
}

/// A membership with the log id that made it effective.
pub(super) fn encode_stored_membership(stored: &StoredMembership) -> Bytes {
    let mut buffer = BytesMut::new();
    let id = stored.log_id().map(WireLogId::from);
    buffer.put_u8(u8::from(id.is_some()));
    let id = id.unwrap_or(WireLogId { term: 0, index: 0 });
    buffer.put_u64_le(id.term);
    buffer.put_u64_le(id.index);
    buffer.extend_from_slice(&encode_membership(stored.membership()));
    buffer.freeze()
}

pub(super) fn decode_stored_membership(mut bytes: &[u8]) -> io::Result<StoredMembership> {
    let present = bytes
        .try_get_u8()
        .map_err(|_| invalid("a cut membership"))?;
    let term = bytes
        .try_get_u64_le()
        .map_err(|_| invalid("a cut membership"))?;
    let index = bytes
        .try_get_u64_le()
        .map_err(|_| invalid("a cut membership"))?;
    let id = (present == 1).then(|| log_id(term, index));
    Ok(StoredMembership::new(id, decode_membership(bytes)?))
}

/// An entry's kind and payload.
pub(super) fn payload_of(entry: &Entry) -> (u8, Bytes) {
    match &entry.payload {
        EntryPayload::Blank => (kind::BLANK, Bytes::new()),
        EntryPayload::Normal(proposal) => (kind::COMMAND, proposal.0.clone()),
        EntryPayload::Membership(membership) => (kind::MEMBERSHIP, encode_membership(membership)),
    }
}

/// An entry from its parts.
pub(super) fn entry_from(kind: u8, term: u64, index: u64, payload: Bytes) -> io::Result<Entry> {
    let payload: Payload = match kind {
        kind::BLANK => EntryPayload::Blank,
        kind::COMMAND => EntryPayload::Normal(Proposal(payload)),
        kind::MEMBERSHIP => EntryPayload::Membership(decode_membership(&payload)?),
        other => return Err(invalid(format!("a log entry of unknown kind {other}"))),
    };
    Ok(Entry {
        log_id: log_id(term, index),
        payload,
    })
}

#[derive(Serialize, Deserialize)]
struct AppendHead {
    vote: WireVote,
    prev: Option<WireLogId>,
    commit: Option<WireLogId>,
    entries: u32,
}

/// [`AppendEntriesRequest`] on a log connection.
pub(super) struct Append(pub AppendEntriesRequest<TypeConfig>);

impl Wire for Append {
    fn write(&self, buffer: &mut BytesMut) -> io::Result<()> {
        let request = &self.0;
        let count = u32::try_from(request.entries.len())
            .map_err(|_| invalid("more entries than a frame can count"))?;
        let head = AppendHead {
            vote: request.vote.into(),
            prev: request.prev_log_id.map(Into::into),
            commit: request.leader_commit.map(Into::into),
            entries: count,
        };
        write_postcard(&head, buffer)?;
        for entry in &request.entries {
            let (kind, payload) = payload_of(entry);
            let length =
                u32::try_from(payload.len()).map_err(|_| invalid("an entry beyond 4 GiB"))?;
            buffer.reserve(ENTRY_HEAD + payload.len());
            buffer.put_u8(kind);
            buffer.put_u64_le(entry.log_id.committed_leader_id().term);
            buffer.put_u64_le(entry.log_id.index());
            buffer.put_u32_le(length);
            buffer.put_slice(&payload);
        }
        Ok(())
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        let (head, rest): (AppendHead, _) =
            postcard::take_from_bytes(bytes).map_err(|error| invalid(error.to_string()))?;
        // One copy for all payloads; the entries share it.
        let mut rest = Bytes::copy_from_slice(rest);
        let mut entries = Vec::with_capacity((head.entries as usize).min(rest.len() / ENTRY_HEAD));
        for _ in 0..head.entries {
            if rest.len() < ENTRY_HEAD {
                return Err(invalid("an append frame is cut"));
            }
            let kind = rest.get_u8();
            let term = rest.get_u64_le();
            let index = rest.get_u64_le();
            let length = rest.get_u32_le() as usize;
            if rest.len() < length {
                return Err(invalid("an append frame is cut"));
            }
            entries.push(entry_from(kind, term, index, rest.split_to(length))?);
        }
        if !rest.is_empty() {
            return Err(invalid("bytes behind the entries of an append frame"));
        }
        Ok(Self(AppendEntriesRequest {
            vote: head.vote.into(),
            prev_log_id: head.prev.map(Into::into),
            entries,
            leader_commit: head.commit.map(Into::into),
        }))
    }
}

/// The answer to an [`Append`]; answers come in the order of the requests.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Appended {
    /// Everything up to here is on disk.
    Matching(Option<WireLogId>),
    /// The entry before those sent is not in the log.
    Conflict(WireLogId),
    /// A later leader is known.
    HigherVote(WireVote),
}

impl From<StreamAppendResult<TypeConfig>> for Appended {
    fn from(result: StreamAppendResult<TypeConfig>) -> Self {
        match result {
            Ok(matching) => Self::Matching(matching.map(Into::into)),
            Err(StreamAppendError::Conflict(id)) => Self::Conflict(id.into()),
            Err(StreamAppendError::HigherVote(vote)) => Self::HigherVote(vote.into()),
        }
    }
}

impl From<Appended> for StreamAppendResult<TypeConfig> {
    fn from(answer: Appended) -> Self {
        match answer {
            Appended::Matching(matching) => Ok(matching.map(Into::into)),
            Appended::Conflict(id) => Err(StreamAppendError::Conflict(id.into())),
            Appended::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote.into())),
        }
    }
}

/// The same answer, for a caller that sent a single request.
pub(super) fn single_append(answer: Appended) -> AppendEntriesResponse<TypeConfig> {
    match answer {
        Appended::Matching(matching) => {
            AppendEntriesResponse::PartialSuccess(matching.map(Into::into))
        }
        Appended::Conflict(_) => AppendEntriesResponse::Conflict,
        Appended::HigherVote(vote) => AppendEntriesResponse::HigherVote(vote.into()),
    }
}

/// [`VoteRequest`] in postcard.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct WireVoteRequest {
    vote: WireVote,
    last: Option<WireLogId>,
    transfer: bool,
}

impl From<VoteRequest<TypeConfig>> for WireVoteRequest {
    fn from(request: VoteRequest<TypeConfig>) -> Self {
        Self {
            vote: request.vote.into(),
            last: request.last_log_id.map(Into::into),
            transfer: request.leadership_transfer,
        }
    }
}

impl From<WireVoteRequest> for VoteRequest<TypeConfig> {
    fn from(wire: WireVoteRequest) -> Self {
        let mut request = Self::new(wire.vote.into(), wire.last.map(Into::into));
        request.leadership_transfer = wire.transfer;
        request
    }
}

/// [`VoteResponse`] in postcard.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireVoteResponse {
    vote: WireVote,
    last: Option<WireLogId>,
    granted: bool,
}

impl From<VoteResponse<TypeConfig>> for WireVoteResponse {
    fn from(response: VoteResponse<TypeConfig>) -> Self {
        Self {
            vote: response.vote.into(),
            last: response.last_log_id.map(Into::into),
            granted: response.vote_granted,
        }
    }
}

impl From<WireVoteResponse> for VoteResponse<TypeConfig> {
    fn from(wire: WireVoteResponse) -> Self {
        let vote: Vote = wire.vote.into();
        Self::new(vote, wire.last.map(Into::into), wire.granted)
    }
}

/// [`TransferLeaderRequest`] in postcard.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct WireTransfer {
    from: WireVote,
    to: u64,
    last: Option<WireLogId>,
}

impl From<TransferLeaderRequest<TypeConfig>> for WireTransfer {
    fn from(request: TransferLeaderRequest<TypeConfig>) -> Self {
        Self {
            from: (*request.from_leader()).into(),
            to: *request.to_node_id(),
            last: request.last_log_id().map(|id| (*id).into()),
        }
    }
}

impl From<WireTransfer> for TransferLeaderRequest<TypeConfig> {
    fn from(wire: WireTransfer) -> Self {
        Self::new(wire.from.into(), wire.to, wire.last.map(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let payload = prop_oneof![
            Just(EntryPayload::Blank),
            proptest::collection::vec(any::<u8>(), 0..64)
                .prop_map(|bytes| EntryPayload::Normal(Proposal(bytes.into()))),
            (1..9u64, ".{0,12}").prop_map(|(id, name)| {
                let info = MemberInfo {
                    name,
                    incarnation: id * 7,
                    ..MemberInfo::default()
                };
                EntryPayload::Membership(
                    Membership::new(vec![BTreeSet::from([id])], BTreeMap::from([(id, info)]))
                        .unwrap(),
                )
            }),
        ];
        proptest::collection::vec(
            (any::<u64>(), any::<u64>(), payload).prop_map(|(term, index, payload)| Entry {
                log_id: log_id(term, index),
                payload,
            }),
            0..5,
        )
    }

    proptest! {
        #[test]
        fn an_append_survives_the_wire(entries in entries(), term: u64, node: u64, committed: bool) {
            let mut vote = Vote::new(term, node);
            vote.committed = committed;
            let request = AppendEntriesRequest::<TypeConfig> {
                vote,
                prev_log_id: entries.first().map(|entry| entry.log_id),
                entries: entries.clone(),
                leader_commit: None,
            };
            let mut bytes = BytesMut::new();
            Append(request).write(&mut bytes).unwrap();
            let back = Append::read(&bytes).unwrap().0;
            prop_assert_eq!(back.vote, vote);
            prop_assert_eq!(back.prev_log_id, entries.first().map(|entry| entry.log_id));
            prop_assert_eq!(format!("{:?}", back.entries), format!("{:?}", &entries));
            for cut in 0..bytes.len() {
                prop_assert!(Append::read(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Append::read(&bytes);
            let _ = decode_vote(&bytes);
            let _ = decode_membership(&bytes);
            let _ = decode_stored_membership(&bytes);
        }
    }

    #[test]
    fn a_newer_membership_asks_for_an_upgrade() {
        let error = decode_membership(&[2, 0, 0]).unwrap_err();
        assert!(error.to_string().contains("run the newer program"));
    }
}
