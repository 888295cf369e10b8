//! The replicated format: what is written to the log, and what applying it answers.
//!
//! An encoded command is one version byte followed by the command in postcard.
//!
//! # Rules for changing it
//!
//! The log and the snapshots of running clusters hold this format, so:
//!
//! - postcard numbers the variants of an enum by position: a variant is only ever *appended*,
//!   never moved, removed or inserted.
//! - postcard writes the fields of a variant one after the other without marks: the fields of a
//!   variant never change. A richer form (a put with a condition, a time to live, a session) is a
//!   new variant beside the old one.
//! - A command that needs a variant added after version 1 is stamped with the version that brought
//!   it ([`Command::version`]), so that a node which does not know it says "upgrade this node"
//!   and stops, where guessing would make it differ from the others.
//! - The same holds for [`Outcome`] and [`Rejection`], which become part of the replicated
//!   state once replies are remembered for retries. They hold facts, not sentences, so that
//!   rewording a message never makes replicas differ.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::NamespaceId;

/// The newest command format this software reads.
pub const COMMAND_VERSION: u8 = 1;

/// A change to the state, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Sets the value of a key.
    Put {
        /// Name of the namespace.
        namespace: String,
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// Create the namespace if it does not exist, where otherwise the command is rejected.
        create_namespace: bool,
    },
    /// Deletes the given keys, all at once. Keys that do not exist are not an error.
    Delete {
        /// Name of the namespace.
        namespace: String,
        /// The keys; one given twice counts once.
        keys: Vec<Bytes>,
    },
    /// Deletes every key that begins with a prefix, all at once. Takes time in proportion to
    /// the number of keys deleted, during which nothing else is applied.
    DeletePrefix {
        /// Name of the namespace.
        namespace: String,
        /// The prefix; empty for all keys.
        prefix: Bytes,
    },
    /// Creates an empty namespace.
    CreateNamespace {
        /// Its name.
        name: String,
    },
    /// Deletes a namespace with all its keys, in constant time: the entries become unreachable
    /// at once, and [`Command::Reclaim`] removes them later.
    DeleteNamespace {
        /// Its name.
        name: String,
        /// Reject the command if there are keys in it.
        only_if_empty: bool,
    },
    /// Removes entries of deleted namespaces. Proposed by the leader as long as there are any.
    Reclaim {
        /// How many entries at most.
        limit: u32,
    },
}

impl Command {
    /// The oldest format version that knows this command.
    pub fn version(&self) -> u8 {
        match self {
            Command::Put { .. }
            | Command::Delete { .. }
            | Command::DeletePrefix { .. }
            | Command::CreateNamespace { .. }
            | Command::DeleteNamespace { .. }
            | Command::Reclaim { .. } => 1,
        }
    }

    /// The bytes to be replicated.
    ///
    /// # Errors
    /// [`CommandError::TooLarge`] if the command cannot be laid out in memory.
    pub fn encode(&self) -> Result<Bytes, CommandError> {
        let mut buffer = Vec::with_capacity(self.size_hint());
        buffer.push(self.version());
        postcard::to_extend(self, buffer)
            .map(Bytes::from)
            .map_err(|_| CommandError::TooLarge)
    }

    /// Reads a command back, copying each byte string once.
    ///
    /// # Errors
    /// [`CommandError::NewerVersion`] for a format this software does not know;
    /// [`CommandError::Malformed`] for anything that `encode` does not produce.
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        let (version, body) = bytes.split_first().ok_or(CommandError::Malformed {
            reason: "it is empty".into(),
        })?;
        if *version > COMMAND_VERSION {
            return Err(CommandError::NewerVersion { found: *version });
        }
        let malformed = |reason: String| CommandError::Malformed { reason };
        let (command, rest) =
            postcard::take_from_bytes::<Command>(body).map_err(|e| malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow its end", rest.len())));
        }
        if command.version() != *version {
            return Err(malformed(format!(
                "format version {version} does not fit it"
            )));
        }
        Ok(command)
    }

    /// About how many bytes `encode` produces; never much too small.
    fn size_hint(&self) -> usize {
        const FRAME: usize = 16;
        FRAME
            + match self {
                Command::Put {
                    namespace,
                    key,
                    value,
                    ..
                } => namespace.len() + key.len() + value.len() + FRAME,
                Command::Delete { namespace, keys } => {
                    namespace.len() + keys.iter().map(|key| key.len() + 5).sum::<usize>()
                }
                Command::DeletePrefix { namespace, prefix } => namespace.len() + prefix.len(),
                Command::CreateNamespace { name } | Command::DeleteNamespace { name, .. } => {
                    name.len()
                }
                Command::Reclaim { .. } => 0,
            }
    }
}

/// Why bytes are not a command this node can apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The command was written by newer software.
    #[error(
        "a replicated command has format version {found}, this node reads up to \
         {COMMAND_VERSION}: upgrade this node"
    )]
    NewerVersion {
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

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The value was set.
    Put {
        /// The revision of this change: the log index of the command.
        revision: u64,
        /// The version of the entry: 1 if the put created it, then one more for each put.
        version: u64,
        /// Whether the put created the namespace.
        namespace_created: bool,
    },
    /// The keys were deleted.
    Deleted {
        /// The revision of this change.
        revision: u64,
        /// How many keys existed and are gone.
        count: u64,
    },
    /// The namespace was created.
    NamespaceCreated {
        /// The revision of this change.
        revision: u64,
        /// The number given to the namespace.
        id: NamespaceId,
    },
    /// The namespace was deleted.
    NamespaceDeleted {
        /// The revision of this change.
        revision: u64,
        /// How many keys it held.
        keys: u64,
    },
    /// Entries of deleted namespaces were removed.
    Reclaimed {
        /// How many.
        removed: u32,
        /// Whether there is more to remove.
        left: bool,
    },
}

/// Why a command changed nothing: a reply like any other, the same on every replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// There is no such namespace.
    #[error("namespace {name:?} does not exist; create it first")]
    NamespaceNotFound {
        /// The name asked for.
        name: String,
    },
    /// The namespace exists already.
    #[error("namespace {name:?} exists already")]
    NamespaceExists {
        /// Its name.
        name: String,
    },
    /// The namespace was to be deleted only if empty, and it is not.
    #[error("namespace {name:?} is not empty (keys: {keys})")]
    NamespaceNotEmpty {
        /// Its name.
        name: String,
        /// How many keys it holds.
        keys: u64,
    },
    /// The name cannot be given to a namespace.
    #[error("{name:?} cannot name a namespace: {reason}")]
    InvalidNamespace {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        reason: NameFault,
    },
    /// All namespace numbers have been used; 4,294,967,295 were created in this cluster's life.
    #[error("no more namespaces can be created in this cluster; reuse an existing one")]
    NamespacesExhausted,
}

/// What is wrong with the name of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NameFault {
    /// It is empty.
    #[error("a name has at least one character")]
    Empty,
    /// It is longer than [`MAX_NAMESPACE_NAME`](super::MAX_NAMESPACE_NAME) bytes.
    #[error("a name has at most {} characters", super::MAX_NAMESPACE_NAME)]
    TooLong,
    /// It holds a character other than letters, digits, dot, underscore and hyphen.
    #[error("{0:?} is not one of A-Z a-z 0-9 . _ -")]
    Character(char),
    /// It begins with a dot, an underscore or a hyphen.
    #[error("a name begins with a letter or a digit, not with {0:?}")]
    First(char),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let name = "\\PC{0,8}";
        prop_oneof![
            (name, any_bytes(), any_bytes(), any::<bool>()).prop_map(
                |(namespace, key, value, create)| {
                    Command::Put {
                        namespace,
                        key,
                        value,
                        create_namespace: create,
                    }
                }
            ),
            (name, prop::collection::vec(any_bytes(), 0..4))
                .prop_map(|(namespace, keys)| Command::Delete { namespace, keys }),
            (name, any_bytes())
                .prop_map(|(namespace, prefix)| Command::DeletePrefix { namespace, prefix }),
            name.prop_map(|name| Command::CreateNamespace { name }),
            (name, any::<bool>()).prop_map(|(name, only_if_empty)| Command::DeleteNamespace {
                name,
                only_if_empty
            }),
            any::<u32>().prop_map(|limit| Command::Reclaim { limit }),
        ]
    }

    proptest! {
        #[test]
        fn commands_round_trip(command in any_command()) {
            let bytes = command.encode().unwrap();
            prop_assert_eq!(Command::decode(&bytes).unwrap(), command);
        }

        #[test]
        fn a_cut_command_is_refused(command in any_command(), at in any::<prop::sample::Index>()) {
            let bytes = command.encode().unwrap();
            let cut = &bytes[..at.index(bytes.len())];
            let refused = matches!(Command::decode(cut), Err(CommandError::Malformed { .. }));
            prop_assert!(refused);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Command::decode(&bytes);
        }
    }

    /// The log of a running cluster holds these bytes: they may never change.
    #[test]
    fn encoding_is_fixed() {
        let bytes = Bytes::from_static;
        let cases: [(Command, &[u8]); 6] = [
            (
                Command::Put {
                    namespace: "n".into(),
                    key: bytes(b"k"),
                    value: bytes(b"vw"),
                    create_namespace: true,
                },
                b"\x01\x00\x01n\x01k\x02vw\x01",
            ),
            (
                Command::Delete {
                    namespace: "n".into(),
                    keys: vec![bytes(b"a"), bytes(b"b")],
                },
                b"\x01\x01\x01n\x02\x01a\x01b",
            ),
            (
                Command::DeletePrefix {
                    namespace: "n".into(),
                    prefix: bytes(b"p"),
                },
                b"\x01\x02\x01n\x01p",
            ),
            (
                Command::CreateNamespace { name: "n".into() },
                b"\x01\x03\x01n",
            ),
            (
                Command::DeleteNamespace {
                    name: "n".into(),
                    only_if_empty: true,
                },
                b"\x01\x04\x01n\x01",
            ),
            (Command::Reclaim { limit: 300 }, b"\x01\x05\xac\x02"),
        ];
        for (command, encoded) in cases {
            assert_eq!(&command.encode().unwrap()[..], encoded, "{command:?}");
        }
    }

    #[test]
    fn a_newer_format_asks_for_an_upgrade() {
        let mut bytes = Command::Reclaim { limit: 1 }.encode().unwrap().to_vec();
        bytes[0] = COMMAND_VERSION + 1;
        let error = Command::decode(&bytes).unwrap_err();
        assert_eq!(
            error,
            CommandError::NewerVersion {
                found: COMMAND_VERSION + 1
            }
        );
        assert!(error.to_string().contains("upgrade this node"), "{error}");
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = Command::Reclaim { limit: 1 }.encode().unwrap().to_vec();
        bytes.push(0);
        assert!(matches!(
            Command::decode(&bytes),
            Err(CommandError::Malformed { .. })
        ));
    }
}
