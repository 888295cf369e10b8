//! What members say to each other, and the handshake in front of it.
//!
//! Every connection between members is of one channel and keeps its order. The side that opens it
//! sends a [`Greeting`]; the other answers with a [`Answer`]. A greeting names the cluster, both
//! node ids and the sender's incarnation, and the answer the receiver's: a member with a foreign
//! or emptied data directory is refused here, before it can take part in anything.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use common::transport::{
    self, Connection, MAX_HANDSHAKE_BYTES, Wire, exchange, framed, read_postcard, reframe,
    write_postcard,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::{
    codec::{
        Append, Appended, WireLogId, WireTransfer, WireVote, WireVoteRequest, WireVoteResponse,
    },
    types::MemberInfo,
};

/// The version of the protocol between members.
pub const PEER_PROTOCOL: u32 = 2;

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
    /// Nothing: its end says that the process has ended.
    Watch,
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
    /// Whoever it is asks who is there.
    Inquiry,
    /// A leader tells a node that waits that it is a member.
    Admit(Admission),
    /// A node asks to become a member.
    Join(Candidate),
    /// A member that has other addresses than the membership says tells the leader.
    Announce(Announcement),
    /// A leader tells a member that it was removed.
    Dismiss {
        cluster_id: u128,
        id: u64,
        incarnation: u64,
    },
    /// A leader tells a member that it lacks what it has acknowledged to that leader.
    LogLost {
        cluster_id: u128,
        /// The member that is told.
        id: u64,
        incarnation: u64,
        /// The leader, and its term.
        from: u64,
        term: u64,
        /// The last entry acknowledged.
        acknowledged: WireLogId,
    },
    /// What a version wants that is not spoken here.
    #[serde(skip)]
    Unknown,
}

/// What a node becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The cluster.
    pub cluster_id: u128,
    /// The node's id in it.
    pub node_id: u64,
    /// The node that is meant.
    pub incarnation: u64,
    /// The peer addresses of the other members.
    pub peers: Vec<String>,
}

/// A node that asks to become a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its incarnation.
    pub incarnation: u64,
    /// Where it can be reached by members.
    pub peer_address: String,
    /// Whether it comes back in place of the member that has its name.
    pub rejoins: bool,
}

/// The addresses that a member has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Announcement {
    pub(super) cluster_id: u128,
    pub(super) id: u64,
    pub(super) incarnation: u64,
    pub(super) client_address: String,
    pub(super) peer_address: String,
}

/// Who a process is: the answer to an inquiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Drawn when its data directory was made.
    pub incarnation: u64,
    /// Drawn when the process started: tells two processes with copies of one directory apart.
    pub boot: u64,
    /// The address of its client API.
    pub client_address: String,
    /// The address on which it talks to members.
    pub peer_address: String,
    /// Whether it wants to stay a learner.
    pub learner: bool,
    /// What it is to a cluster.
    pub stand: Stand,
}

/// See [`Card::stand`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stand {
    /// Nothing yet.
    #[default]
    Starting,
    /// It forms a new cluster with others.
    Founding,
    /// It waits to become a member.
    Waiting,
    /// It belongs to one.
    Member {
        /// Which.
        cluster_id: u128,
        /// Its id in it.
        id: u64,
        /// The members, as far as it has applied the log; empty if it has not begun to.
        members: Vec<(u64, MemberInfo)>,
        /// The highest id ever given away.
        highest: u64,
    },
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
    /// Go on; this is the receiver's incarnation, and the number its process has drawn.
    Welcome { incarnation: u64, boot: u64 },
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
    /// The answer to an inquiry.
    Present(Card),
    /// What was asked or told is done.
    Done,
    /// The caller is a member now.
    Joined { cluster_id: u128, node_id: u64 },
    /// Ask there: that member leads.
    Elsewhere { peer_address: String },
    /// A member has the caller's name, and another data directory.
    Known { cluster_id: u128, id: u64 },
    /// Not now; ask again.
    Later { message: String },
    /// The caller was removed from the cluster.
    Removed { by: String },
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
    /// The caller was removed from the cluster.
    Removed {
        by: String,
    },
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

/// Magic and version stand first in all versions, so that every one of them can be refused with words.
impl Wire for Greeting {
    fn write(&self, buffer: &mut BytesMut) -> io::Result<()> {
        write_postcard(self, buffer)
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        match postcard::take_from_bytes::<(u32, u32)>(bytes) {
            Ok(((magic, protocol), _)) if (magic, protocol) != (MAGIC, PEER_PROTOCOL) => Ok(Self {
                magic,
                protocol,
                purpose: Purpose::Unknown,
            }),
            _ => read_postcard(bytes),
        }
    }
}

common::wire_as_postcard!(
    Answer,
    Appended,
    ControlRequest,
    ControlReply,
    SnapshotFrame,
    SnapshotReply
);

/// This end of an append connection, on the sending side.
pub(super) type AppendLane = Connection<Appended, Append>;

/// A connection that is there to end.
pub(super) type WatchLane = Connection<ControlReply, ControlRequest>;

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

/// Asks one question and hangs up.
///
/// # Errors
/// If there is no answer in time.
pub(super) async fn ask(address: &str, purpose: Purpose, timeout: Duration) -> io::Result<Answer> {
    call(address, Greeting::new(purpose), timeout)
        .await
        .map(|(_, answer)| answer)
}

/// Goes on with a channel's messages after the handshake.
pub(super) fn open<A: Wire, B: Wire, In: Wire, Out: Wire>(
    connection: Connection<A, B>,
) -> Connection<In, Out> {
    reframe(connection, MAX_PEER_FRAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_of_another_version_is_refused_with_both_versions() {
        // Whatever follows magic and version: purposes may be added, and become others.
        for rest in [&b""[..], &[9, 9, 9], &[0xff; 100]] {
            let mut bytes = BytesMut::new();
            write_postcard(&(MAGIC, PEER_PROTOCOL + 1), &mut bytes).unwrap();
            bytes.extend_from_slice(rest);
            let fault = Greeting::read(&bytes).unwrap().fault().unwrap();
            let newer = format!("protocol {} between members", PEER_PROTOCOL + 1);
            for part in [newer, format!("speaks {PEER_PROTOCOL}")] {
                assert!(fault.contains(&part), "{fault}");
            }
        }
        let mut bytes = BytesMut::new();
        let own = Greeting::new(Purpose::Founder(Founder {
            name: "n1".to_owned(),
            incarnation: 1,
            client_address: String::new(),
            list: Vec::new(),
        }));
        own.write(&mut bytes).unwrap();
        assert_eq!(Greeting::read(&bytes).unwrap(), own);
        assert_eq!(own.fault(), None);
        bytes.extend_from_slice(&[0]);
        assert!(Greeting::read(&bytes).is_err());
    }
}
