//! The replies that a session remembers, as they stand in its record.
//!
//! ```text
//! (number u64, fingerprint u64, length u32, reply)*
//! ```
//!
//! Little-endian, ordered by number. The highest length means that the reply stands in a record of
//! its own. Each write of a client reads and writes all of this, so it is copied in whole, and
//! looked at without being taken apart.

use super::keys::Key;
use super::record;
use crate::engine::EngineError;

/// A length that no reply has.
const APART: u32 = u32::MAX;

/// The answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Saved<'a> {
    pub seq: u64,
    pub fingerprint: u64,
    /// None if it stands in a record of its own.
    pub reply: Option<&'a [u8]>,
}

/// Bytes of a number, a fingerprint and a length.
const HEAD: usize = 20;

impl Saved<'_> {
    /// Bytes it takes in the record.
    pub(super) fn size(&self) -> usize {
        HEAD + self.reply.map_or(0, <[u8]>::len)
    }

    /// What stands before the reply.
    pub(super) fn head(&self) -> [u8; HEAD] {
        let length = self.reply.map_or(APART, |reply| reply.len() as u32);
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&self.seq.to_le_bytes());
        head[8..16].copy_from_slice(&self.fingerprint.to_le_bytes());
        head[16..].copy_from_slice(&length.to_le_bytes());
        head
    }
}

/// The replies of a session, in order.
#[derive(Clone, Copy)]
pub(super) struct Replies<'a> {
    /// The session, for errors.
    session: u64,
    rest: &'a [u8],
}

impl<'a> Replies<'a> {
    pub(super) fn new(session: u64, replies: &'a [u8]) -> Self {
        Self {
            session,
            rest: replies,
        }
    }

    /// The replies to numbers below one, and the bytes of the others.
    pub(super) fn split_at(mut self, seq: u64) -> Result<(Vec<Saved<'a>>, &'a [u8]), EngineError> {
        let mut below = Vec::new();
        loop {
            let rest = self.rest;
            match self.next().transpose()? {
                Some(saved) if saved.seq < seq => below.push(saved),
                _ => return Ok((below, rest)),
            }
        }
    }

    fn step(&mut self) -> Option<Saved<'a>> {
        let (seq, rest) = self.rest.split_first_chunk()?;
        let (fingerprint, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (reply, rest) = match u32::from_le_bytes(*length) {
            APART => (None, rest),
            length => {
                let (reply, rest) = rest.split_at_checked(length as usize)?;
                (Some(reply), rest)
            }
        };
        self.rest = rest;
        Some(Saved {
            seq: u64::from_le_bytes(*seq),
            fingerprint: u64::from_le_bytes(*fingerprint),
            reply,
        })
    }
}

impl<'a> Iterator for Replies<'a> {
    type Item = Result<Saved<'a>, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_none() {
            self.rest = &[];
        }
        let cut = || record::corrupt(Key::Session(self.session), "its replies are cut off");
        Some(step.ok_or_else(cut))
    }
}

#[cfg(test)]
mod tests;
