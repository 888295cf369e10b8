//! Client sessions, by which a retried write is carried out once.
//!
//! A session is an entry of the replicated state: it remembers the replies to the last writes of
//! one client. A write that carries a [`Tag`] and is sent again, to whichever member, is answered
//! with the first reply and not carried out a second time. (Ongaro, "Consensus: Bridging Theory
//! and Practice", section 6.3.)

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many writes of one session may be unanswered at a time.
pub const SESSION_WINDOW: u64 = 64;

/// The shortest time a session is kept without use.
pub const MIN_SESSION_TTL: Duration = Duration::from_secs(10);

/// The longest time a session is kept without use.
pub const MAX_SESSION_TTL: Duration = Duration::from_secs(24 * 3600);

/// What a write carries to be carried out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The session.
    pub session: u64,
    /// The number of the write in its session: 1, 2, 3, ...
    pub seq: u64,
    /// The lowest number whose answer the client still waits for; what is below is forgotten. It
    /// is above `seq` - [`SESSION_WINDOW`].
    pub first_unacked: u64,
}

/// See [`Data::open_session`](crate::api::Data::open_session).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSessionRequest {
    /// How long the session is kept without use: [`MIN_SESSION_TTL`] to [`MAX_SESSION_TTL`].
    pub ttl: Duration,
}

/// The answer to an open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSessionReply {
    /// Its number: the revision that opened it.
    pub session: u64,
}

/// See [`Data::close_session`](crate::api::Data::close_session).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseSessionRequest {
    /// The session. One that is not known is closed already.
    pub session: u64,
}
