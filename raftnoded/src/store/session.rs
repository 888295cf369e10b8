//! Client sessions: a write that is sent again is carried out once.
//!
//! A session remembers the replies to the writes of one client that it may still ask for, in the
//! batch that holds what they changed (Ongaro, "Consensus: Bridging Theory and Practice",
//! section 6.3). A write is known by its session and number; its fingerprint tells a client that
//! gives one number to two writes.
//!
//! # Invariants
//!
//! - For every session, `low <= number of each reply < low + WINDOW`; `low` never falls.
//! - A number is executed at most once: below `low` it is refused, and at or above it, if there is
//!   a reply, that reply is given again, a refusal too.
//! - A session that is not known is refused, never made: the replies it had are gone.
//! - A session is used by each write that it executes; one that only asks for a reply again leaves
//!   everything as it is.
//! - `due <= used + ttl`: its deadline in the index is not after its end.

use super::apply::{Applier, Reply};
use super::command::{Command, Tag};
use super::keys::{Due, Key};
use super::record::{self, SessionHead};
use super::replies::{Replies, Saved};
use super::{Outcome, Rejection, expiry};
use crate::engine::{EngineError, Reader};

/// How far the number of a write may be beyond the lowest that the client may still ask for.
pub const WINDOW: u64 = 64;

/// A longer reply is kept in a record of its own, so that the session's stays small.
const MAX_INLINE: usize = 256;

/// When a session is forgotten unless it is used.
fn end_of(session: &SessionHead) -> u64 {
    expiry::after(session.used, session.ttl)
}

pub(super) fn open(applier: &mut Applier<'_>, ttl: u64) -> Outcome {
    let id = applier.index;
    let session = SessionHead {
        ttl,
        used: applier.clock,
        due: expiry::after(applier.clock, ttl),
        low: 1,
    };
    let due = Key::Deadline(session.due, Due::Session(id)).encode();
    applier.batch.put(due, &[][..]);
    store(applier, id, &session, &[]);
    Outcome::SessionOpened { id }
}

pub(super) fn close(applier: &mut Applier<'_>, id: u64) -> Result<Outcome, EngineError> {
    let key = Key::Session(id);
    if let Some(stored) = applier.batch.get(&key.encode())? {
        let (session, replies) = record::decode_session(key, &stored)?;
        forget(applier, id, &session, Replies::new(id, replies))?;
    }
    Ok(Outcome::SessionClosed)
}

fn forget(
    applier: &mut Applier<'_>,
    id: u64,
    session: &SessionHead,
    replies: Replies<'_>,
) -> Result<(), EngineError> {
    let due = Key::Deadline(session.due, Due::Session(id)).encode();
    applier.batch.delete(due);
    for saved in replies {
        drop_reply(applier, id, &saved?);
    }
    applier.batch.delete(Key::Session(id).encode());
    Ok(())
}

/// At its deadline: forgets a session that was not used for its time to live, or moves the
/// deadline. That spares each use of a session the two writes to the index.
pub(super) fn look_at(applier: &mut Applier<'_>, id: u64) -> Result<(), EngineError> {
    let key = Key::Session(id);
    let stored = applier
        .batch
        .get(&key.encode())?
        .ok_or_else(|| record::corrupt(key, "it has a deadline, and does not exist"))?;
    let (mut session, replies) = record::decode_session(key, &stored)?;
    if end_of(&session) <= applier.clock {
        return forget(applier, id, &session, Replies::new(id, replies));
    }
    let due = |at| Key::Deadline(at, Due::Session(id)).encode();
    applier.batch.delete(due(session.due));
    session.due = end_of(&session);
    applier.batch.put(due(session.due), &[][..]);
    store(applier, id, &session, &[replies]);
    Ok(())
}

/// Whether carrying a command out twice is the same as once, so that no session need remember it.
/// It must not: such a command may end the very session.
pub(super) fn is_repeatable(command: &Command) -> bool {
    matches!(
        command,
        Command::CloseSession { .. } | Command::Reclaim { .. } | Command::Expire { .. }
    )
}

/// Executes a command unless its session has the reply to it.
pub(super) fn once(
    applier: &mut Applier<'_>,
    tag: Tag,
    fingerprint: u64,
    command: Command,
) -> Result<Reply, EngineError> {
    let Tag {
        session: id,
        seq,
        first_unacked,
    } = tag;
    let key = Key::Session(id);
    let expired = Ok(Err(Rejection::SessionExpired { session: id }));
    let Some(stored) = applier.batch.get(&key.encode())? else {
        return expired;
    };
    let (mut session, replies) = record::decode_session(key, &stored)?;
    if end_of(&session) <= applier.clock {
        return expired;
    }
    let low = session.low.max(first_unacked);
    if seq < low {
        return Ok(Err(Rejection::StaleTag { seq, low }));
    }
    let (unwanted, wanted) = Replies::new(id, replies).split_at(low)?;
    let mut before = 0;
    for saved in Replies::new(id, wanted) {
        let saved = saved?;
        if saved.seq == seq {
            if saved.fingerprint != fingerprint {
                return Ok(Err(Rejection::TagReused { seq }));
            }
            return saved_reply(applier, id, &saved);
        }
        if saved.seq < seq {
            before += saved.size();
        }
    }
    if seq - low >= WINDOW {
        return Ok(Err(Rejection::TagOutOfWindow {
            seq,
            low,
            window: WINDOW,
        }));
    }
    let reply = applier.execute(command)?;
    for saved in &unwanted {
        drop_reply(applier, id, saved);
    }
    let encoded = postcard::to_allocvec(&reply)
        .map_err(|error| record::corrupt(Key::Reply(id, seq), error.to_string()))?;
    let inline = encoded.len() <= MAX_INLINE;
    if !inline {
        applier
            .batch
            .put(Key::Reply(id, seq).encode(), encoded.as_slice());
    }
    let saved = Saved {
        seq,
        fingerprint,
        reply: inline.then_some(&encoded),
    };
    (session.low, session.used) = (low, applier.clock);
    let (before, after) = wanted.split_at(before);
    let replies = [
        before,
        &saved.head(),
        saved.reply.unwrap_or_default(),
        after,
    ];
    store(applier, id, &session, &replies);
    Ok(reply)
}

fn saved_reply(applier: &Applier<'_>, id: u64, saved: &Saved<'_>) -> Result<Reply, EngineError> {
    let key = Key::Reply(id, saved.seq);
    let decode = |bytes: &[u8]| {
        postcard::from_bytes(bytes).map_err(|error| record::corrupt(key, error.to_string()))
    };
    match saved.reply {
        Some(bytes) => decode(bytes),
        None => match applier.batch.get(&key.encode())? {
            Some(bytes) => decode(&bytes),
            None => Err(record::corrupt(key, "it is missing")),
        },
    }
}

fn drop_reply(applier: &mut Applier<'_>, id: u64, saved: &Saved<'_>) {
    if saved.reply.is_none() {
        applier.batch.delete(Key::Reply(id, saved.seq).encode());
    }
}

fn store(applier: &mut Applier<'_>, id: u64, session: &SessionHead, replies: &[&[u8]]) {
    applier.batch.put(
        Key::Session(id).encode(),
        record::encode_session(session, replies),
    );
}
