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
        AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest,
        VoteRequest, VoteResponse,
    },
};
use serde::{Deserialize, Serialize};

use crate::store::COMMAND_VERSION;

use super::roster::highest_id;
use super::types::{
    Aim, Entry, LogId, MemberInfo, Membership, Payload, Proposal, StoredMembership, TypeConfig,
    Vote, log_id,
};
use crate::disk::Level;

/// The version of the membership's form.
const MEMBERSHIP_VERSION: u8 = 2;

/// The form without aims, which is still read: every member of it votes, or is to vote.
const MEMBERSHIP_WITHOUT_AIMS: u8 = 1;

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

/// See [`MEMBERSHIP_WITHOUT_AIMS`].
#[derive(Serialize, Deserialize)]
struct FormerMembership {
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, FormerInfo>,
}

#[derive(Serialize, Deserialize)]
struct FormerInfo {
    name: String,
    incarnation: u64,
    client_address: String,
    peer_address: String,
}

impl From<FormerInfo> for MemberInfo {
    fn from(former: FormerInfo) -> Self {
        Self {
            name: former.name,
            incarnation: former.incarnation,
            client_address: former.client_address,
            peer_address: former.peer_address,
            aim: Aim::Voter,
        }
    }
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
            membership(wire.configs, wire.nodes)
        }
        Some((&MEMBERSHIP_WITHOUT_AIMS, rest)) => {
            let former: FormerMembership = read_postcard(rest)?;
            let nodes = former.nodes.into_iter();
            let nodes = nodes.map(|(id, info)| (id, info.into())).collect();
            membership(former.configs, nodes)
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

fn membership(
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, MemberInfo>,
) -> io::Result<Membership> {
    Membership::new(configs, nodes).map_err(|error| invalid(format!("not a membership: {error}")))
}

/// In front of a stored membership: it has a log id.
const HAS_LOG_ID: u8 = 1;

/// In front of a stored membership: the highest id ever given away follows.
const HAS_HIGHEST_ID: u8 = 2;

/// A membership with the log id that made it effective.
pub(super) fn encode_stored_membership(stored: &StoredMembership) -> Bytes {
    encode_stored(stored, None)
}

/// The same in the state, with the highest id ever given away.
pub(super) fn encode_applied_membership(stored: &StoredMembership, highest: u64) -> Bytes {
    encode_stored(stored, Some(highest))
}

fn encode_stored(stored: &StoredMembership, highest: Option<u64>) -> Bytes {
    let mut buffer = BytesMut::new();
    let id = stored.log_id().map(WireLogId::from);
    let mut flags = 0;
    if id.is_some() {
        flags |= HAS_LOG_ID;
    }
    if highest.is_some() {
        flags |= HAS_HIGHEST_ID;
    }
    buffer.put_u8(flags);
    let id = id.unwrap_or(WireLogId { term: 0, index: 0 });
    buffer.put_u64_le(id.term);
    buffer.put_u64_le(id.index);
    if let Some(highest) = highest {
        buffer.put_u64_le(highest);
    }
    buffer.extend_from_slice(&encode_membership(stored.membership()));
    buffer.freeze()
}

pub(super) fn decode_stored_membership(bytes: &[u8]) -> io::Result<StoredMembership> {
    decode_applied_membership(bytes).map(|(stored, _)| stored)
}

/// Where the highest id is missing, no member was ever removed: it is the highest there is.
pub(super) fn decode_applied_membership(mut bytes: &[u8]) -> io::Result<(StoredMembership, u64)> {
    let cut = |_| invalid("a cut membership");
    let flags = bytes.try_get_u8().map_err(cut)?;
    if flags & !(HAS_LOG_ID | HAS_HIGHEST_ID) != 0 {
        return Err(invalid("a membership of an unknown form"));
    }
    let term = bytes.try_get_u64_le().map_err(cut)?;
    let index = bytes.try_get_u64_le().map_err(cut)?;
    let highest = if flags & HAS_HIGHEST_ID == 0 {
        0
    } else {
        bytes.try_get_u64_le().map_err(cut)?
    };
    let id = (flags & HAS_LOG_ID != 0).then(|| log_id(term, index));
    let stored = StoredMembership::new(id, decode_membership(bytes)?);
    let highest = highest.max(highest_id(&stored));
    Ok((stored, highest))
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
pub(super) struct Appended {
    /// How much room there is on the disk of the member that answers: a [`Level`] as a number.
    pub(super) level: u8,
    result: AppendResult,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum AppendResult {
    /// Everything up to here is on disk.
    Matching(Option<WireLogId>),
    /// The entry before those sent is not in the log.
    Conflict(WireLogId),
    /// A later leader is known.
    HigherVote(WireVote),
    /// There is no room for the entries.
    NoRoom,
}

/// The member has no room for the entries sent.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Appended {
    pub(super) fn new(result: StreamAppendResult<TypeConfig>, level: Level) -> Self {
        Self {
            level: level as u8,
            result: match result {
                Ok(matching) => AppendResult::Matching(matching.map(Into::into)),
                Err(StreamAppendError::Conflict(id)) => AppendResult::Conflict(id.into()),
                Err(StreamAppendError::HigherVote(vote)) => AppendResult::HigherVote(vote.into()),
            },
        }
    }

    pub(super) fn no_room(level: Level) -> Self {
        Self {
            level: level as u8,
            result: AppendResult::NoRoom,
        }
    }

    pub(super) fn result(self) -> Result<StreamAppendResult<TypeConfig>, NoRoom> {
        match self.result {
            AppendResult::Matching(matching) => Ok(Ok(matching.map(Into::into))),
            AppendResult::Conflict(id) => Ok(Err(StreamAppendError::Conflict(id.into()))),
            AppendResult::HigherVote(vote) => Ok(Err(StreamAppendError::HigherVote(vote.into()))),
            AppendResult::NoRoom => Err(NoRoom),
        }
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
        let error = decode_membership(&[3, 0, 0]).unwrap_err();
        assert!(error.to_string().contains("run the newer program"));
    }

    #[test]
    fn a_membership_without_aims_is_one_of_voters() {
        let info = FormerInfo {
            name: "n1".to_owned(),
            incarnation: 7,
            client_address: "a:1".to_owned(),
            peer_address: "a:2".to_owned(),
        };
        let former = FormerMembership {
            configs: vec![BTreeSet::from([1])],
            nodes: BTreeMap::from([(1, info)]),
        };
        let mut bytes = vec![MEMBERSHIP_WITHOUT_AIMS];
        bytes.extend_from_slice(&postcard(&former));
        let membership = decode_membership(&bytes).unwrap();
        let (_, info) = membership.nodes().next().unwrap();
        assert_eq!((info.name.as_str(), info.aim), ("n1", Aim::Voter));

        // So was the state that held it: no id beyond these was ever given away.
        let stored = StoredMembership::new(Some(log_id(2, 9)), membership);
        let bytes = encode_stored_membership(&stored);
        assert_eq!(
            decode_applied_membership(&bytes).unwrap(),
            (stored.clone(), 1)
        );
        let bytes = encode_applied_membership(&stored, 5);
        assert_eq!(decode_applied_membership(&bytes).unwrap(), (stored, 5));
        for cut in 0..bytes.len() {
            assert!(decode_applied_membership(&bytes[..cut]).is_err());
        }
    }
}
