//! What members say to each other, and the handshake in front of it.
//!
//! Every connection between members is of one channel and keeps its order. The side that opens it
//! sends a [`Greeting`]; the other answers with a [`Answer`]. A greeting names the cluster, both
//! node ids and the sender's incarnation, and the answer the receiver's: a member with a foreign
//! or emptied data directory is refused here, before it can take part in anything.

use std::{io, time::Duration};

use bytes::Bytes;
use common::transport::{self, Connection, MAX_HANDSHAKE_BYTES, Wire, exchange, framed, reframe};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::{
    codec::{
        Append, Appended, WireLogId, WireTransfer, WireVote, WireVoteRequest, WireVoteResponse,
    },
    types::MemberInfo,
};

/// The version of the protocol between members.
pub const PEER_PROTOCOL: u32 = 1;

/// "RNP1".
const MAGIC: u32 = 0x524e_5031;

/// The longest frame between members: an append of about 1 MiB, or one entry of a log segment.
const MAX_PEER_FRAME: usize = 80 << 20;

/// What a connection is for. Bulk never delays what must be on time, since each has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Channel {
    /// Log entries and heartbeats, each on a connection of its own.
    Append,
    /// Votes and leadership transfer.
    Control,
    /// One snapshot.
    Snapshot,
}

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Greeting {
    magic: u32,
    pub(super) protocol: u32,
    pub(super) purpose: Purpose,
}

impl Greeting {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            magic: MAGIC,
            protocol: PEER_PROTOCOL,
            purpose,
        }
    }

    /// Why the sender cannot be talked to at all.
    pub(super) fn fault(&self) -> Option<String> {
        if self.magic != MAGIC {
            Some("this is the port on which raftnode members talk to each other".to_owned())
        } else if self.protocol != PEER_PROTOCOL {
            Some(format!(
                "protocol {} between members, this one speaks {PEER_PROTOCOL}: run the same \
                 version on all members",
                self.protocol
            ))
        } else {
            None
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// A member of a cluster calls another.
    Member {
        cluster_id: u128,
        from: u64,
        incarnation: u64,
        to: u64,
        channel: Channel,
    },
    /// A founder of a cluster to be asks another one who it is.
    Founder(Founder),
}

/// Who a founder is. The lists of all founders must be equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founder {
    /// Its name in the list.
    pub name: String,
    /// Drawn when its data directory was made.
    pub incarnation: u64,
    /// The address of its client API.
    pub client_address: String,
    /// Names and peer addresses of all founders, ordered by name.
    pub list: Vec<(String, String)>,
}

/// The answer to a [`Greeting`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Go on; this is the receiver's incarnation.
    Welcome { incarnation: u64 },
    /// The receiver is a founder, too.
    Founder(Founder),
    /// The receiver is a member of a cluster already.
    Formed {
        cluster_id: u128,
        members: Vec<(u64, MemberInfo)>,
    },
    /// The receiver has no cluster yet; ask again.
    NotReady,
    /// No; why, and what to do.
    Refused { message: String },
}

/// A request on a control connection.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum ControlRequest {
    Vote(WireVoteRequest),
    PreVote(WireVoteRequest),
    Transfer(WireTransfer),
}

/// Its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ControlReply {
    Vote(WireVoteResponse),
    Transfer(TransferReply),
    /// The receiver is stopping.
    Failed,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TransferReply {
    Accepted,
    VoteChanged {
        expected: WireVote,
        actual: WireVote,
    },
    LogNotFlushed {
        expected: Option<WireLogId>,
        actual: Option<WireLogId>,
    },
}

/// A piece of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SnapshotFrame {
    Begin {
        vote: WireVote,
        last: Option<WireLogId>,
        membership: Bytes,
        /// About how many bytes there will be; 0 if that is not known.
        bytes: u64,
    },
    Chunk(Bytes),
    End,
}

/// The answer to a whole snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SnapshotReply {
    Installed(WireVote),
    Failed { message: String },
}

common::wire_as_postcard!(
    Greeting,
    Answer,
    Appended,
    ControlRequest,
    ControlReply,
    SnapshotFrame,
    SnapshotReply
);

/// This end of an append connection, on the sending side.
pub(super) type AppendLane = Connection<Appended, Append>;

/// A connection that waits for a greeting, or has sent one.
pub(super) type Greeted = Connection<Greeting, Answer>;

/// Opens a connection and greets.
///
/// # Errors
/// If there is no answer in time.
pub(super) async fn call(
    address: &str,
    greeting: Greeting,
    timeout: Duration,
) -> io::Result<(Connection<Answer, Greeting>, Answer)> {
    let call = async {
        let socket = TcpStream::connect(address).await?;
        transport::tune(&socket)?;
        let mut connection: Connection<Answer, Greeting> = framed(socket, MAX_HANDSHAKE_BYTES);
        let answer = exchange(&mut connection, greeting).await?;
        Ok((connection, answer))
    };
    tokio::time::timeout(timeout, call)
        .await
        .unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {timeout:?}"),
            ))
        })
}

/// Goes on with a channel's messages after the handshake.
pub(super) fn open<A: Wire, B: Wire, In: Wire, Out: Wire>(
    connection: Connection<A, B>,
) -> Connection<In, Out> {
    reframe(connection, MAX_PEER_FRAME)
}
