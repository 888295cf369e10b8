//! The replicated format: what is written to the log.
//!
//! ```text
//! version: u8, time: u64 little-endian, then in postcard: Option<Tag>, Command
//! ```
//!
//! The time is the cluster's clock in milliseconds, stamped by the leader when it proposes the
//! command: the only time that the state machine knows.
//!
//! # Rules for changing it
//!
//! The log and the snapshots of running clusters hold this format, so:
//!
//! - postcard numbers the variants of an enum by position: a variant is only ever *appended*,
//!   never moved, removed or inserted.
//! - postcard writes the fields of a variant one after the other without marks: the fields of a
//!   variant never change. A richer form is a new variant beside the old one.
//! - A command that needs a variant added later is stamped with the version that brought it
//!   ([`Command::version`]), so that a node which does not know it asks for the newer program and
//!   stops, where guessing would make it differ from the others.
//! - The same holds for [`Outcome`](super::Outcome) and [`Rejection`](super::Rejection), which
//!   sessions remember. They hold facts, not sentences, so that rewording a message never makes
//!   replicas differ.

use super::command::{Command, Tag};

/// The newest command format this software reads.
pub const COMMAND_VERSION: u8 = 2;

/// The oldest command format this software reads.
const OLDEST_VERSION: u8 = 2;

/// Bytes in front of a command: version and time.
const FRAME: usize = 9;

impl Command {
    /// The oldest format version that knows this command.
    pub fn version(&self) -> u8 {
        OLDEST_VERSION
    }

    /// The bytes to be replicated, without the time: see [`stamp`].
    ///
    /// # Errors
    /// [`CommandError::TooLarge`] if the command cannot be laid out in memory.
    pub fn encode(&self, tag: Option<Tag>) -> Result<Vec<u8>, CommandError> {
        let mut buffer = Vec::with_capacity(self.size_hint());
        buffer.push(self.version());
        buffer.extend_from_slice(&[0; FRAME - 1]);
        postcard::to_extend(&(tag, self), buffer).map_err(|_| CommandError::TooLarge)
    }

    /// About how many bytes `encode` produces; never much too small for what is frequent.
    fn size_hint(&self) -> usize {
        const REST: usize = 96;
        REST + match self {
            Command::Put {
                namespace,
                key,
                value,
                ..
            } => namespace.len() + key.len() + value.len(),
            Command::Delete { keys, .. } => keys.iter().map(|key| key.len() + 5).sum(),
            _ => 0,
        }
    }
}

/// Writes the cluster's time, in milliseconds, into an encoded command.
pub fn stamp(encoded: &mut [u8], now: u64) {
    if let Some(time) = encoded.get_mut(1..FRAME) {
        time.copy_from_slice(&now.to_le_bytes());
    }
}

/// A command as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The cluster's time when it was proposed, in milliseconds.
    pub now: u64,
    /// The session it belongs to.
    pub tag: Option<Tag>,
    /// Tells one request from another under the same tag: length and CRC32C of the command.
    pub fingerprint: u64,
    /// The command.
    pub command: Command,
}

impl Proposal {
    /// Reads a command back, copying each byte string once.
    ///
    /// # Errors
    /// [`CommandError::NewerVersion`] and [`CommandError::OlderVersion`] for a format this
    /// software does not know; [`CommandError::Malformed`] for anything that `encode` does not
    /// produce.
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        let malformed = |reason: String| CommandError::Malformed { reason };
        let found = *bytes
            .first()
            .ok_or_else(|| malformed("it is empty".into()))?;
        if found > COMMAND_VERSION {
            return Err(CommandError::NewerVersion { found });
        }
        if found < OLDEST_VERSION {
            return Err(CommandError::OlderVersion { found });
        }
        let cut = || malformed("it is cut off".into());
        let (frame, body) = bytes.split_first_chunk::<FRAME>().ok_or_else(cut)?;
        let mut now = [0; FRAME - 1];
        now.copy_from_slice(&frame[1..]);
        let (tag, command) = postcard::take_from_bytes::<Option<Tag>>(body)
            .map_err(|error| malformed(error.to_string()))?;
        let fingerprint = match tag {
            Some(_) => ((command.len() as u64) << 32) | u64::from(crc32c::crc32c(command)),
            None => 0,
        };
        let (command, rest) = postcard::take_from_bytes::<Command>(command)
            .map_err(|error| malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow its end", rest.len())));
        }
        if command.version() != found {
            return Err(malformed(format!("format version {found} does not fit it")));
        }
        Ok(Self {
            now: u64::from_le_bytes(now),
            tag,
            fingerprint,
            command,
        })
    }
}

/// Why bytes are not a command this node can apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The command was written by newer software.
    #[error(
        "a replicated command has format version {found}, this program (raftnode {}) reads up to \
         {COMMAND_VERSION}; run the newer program that wrote it",
        env!("CARGO_PKG_VERSION")
    )]
    NewerVersion {
        /// Its version.
        found: u8,
    },
    /// The command was written by a version before the first release.
    #[error(
        "a replicated command has format version {found}, this node reads {OLDEST_VERSION} and \
         later: it was written before the first release; begin with an empty data directory"
    )]
    OlderVersion {
        /// Its version.
        found: u8,
    },
    /// The bytes are not a command.
    #[error("a replicated command is malformed: {reason}; restore this member from the others")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The command cannot be encoded.
    #[error("the command is too large to encode")]
    TooLarge,
}

#[cfg(test)]
mod tests;
