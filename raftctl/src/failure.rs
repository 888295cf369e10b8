//! What can go wrong, what to do about it, and the exit code that says so to scripts.

mod api;

use std::{io, os::unix::ffi::OsStrExt, path::PathBuf, process::ExitCode};

use common::{Error, ErrorCode, types::Current};

use crate::output::bytes::quote;

/// The exit codes, as `raftctl --help` documents them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Any other error; for `health`: degraded.
    Error = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// No such key, namespace, lease or member.
    NotFound = 3,
    /// A precondition failed, or the thing exists already.
    Precondition = 4,
    /// No member could be reached, or not the node that is to become one.
    Unreachable = 5,
    /// No leader or no quorum; nothing was applied.
    NoQuorum = 6,
    /// Timed out; a write may or may not have been applied.
    Timeout = 7,
    /// A quota or limit is exceeded, or a disk is full.
    Limit = 9,
    /// A confirmation is needed or was declined.
    Unconfirmed = 10,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The cluster, or the way to it.
    #[error("{}", api::message(.0))]
    Api(#[from] Error),
    /// There is no such key.
    #[error("key {} not found in namespace {namespace:?}", quote(.key))]
    KeyNotFound { namespace: String, key: Vec<u8> },
    /// An argument is missing or wrong in a way that only shows when it is used.
    #[error("{message}")]
    Usage {
        message: String,
        hint: Option<String>,
    },
    /// A destructive command where nobody can be asked.
    #[error("{effect}, which needs confirmation")]
    Unconfirmed { effect: String },
    /// The user said no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// A file or stdin could not be read.
    #[error("cannot read {what}: {}", in_words(.source))]
    Input { what: String, source: io::Error },
    /// The value cannot be edited as text.
    #[error("the value of key {} in namespace {namespace:?} is not UTF-8 text", quote(.key))]
    NotText {
        namespace: String,
        key: Vec<u8>,
        /// The revision of the value.
        revision: u64,
    },
    /// Somebody else wrote the key that was edited.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// The editor could not be started, or did not end well.
    #[error("the editor `{editor}` {reason}; nothing was changed")]
    Editor { editor: String, reason: String },
    /// The file to edit could not be made.
    #[error("cannot make a temporary file: {}", in_words(.source))]
    Scratch { source: io::Error },
    /// The question could not be asked.
    #[error("cannot ask on the terminal: {0}")]
    Prompt(#[source] io::Error),
    /// stdout could not be written.
    #[error("cannot write to standard output: {}", in_words(.0))]
    Output(#[source] io::Error),
    /// The asynchronous runtime could not be started.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// What only one command can fail with: it says what, and what to do.
    #[error("{message}")]
    Specific {
        exit: Exit,
        code: &'static str,
        message: String,
        hint: Option<String>,
    },
}

/// What an edit found that came too late.
#[derive(Debug, thiserror::Error)]
#[error(
    "key {} in namespace {namespace:?} {}; nothing was changed",
    quote(.key), meanwhile(.current.as_ref())
)]
pub(crate) struct Conflict {
    pub(crate) namespace: String,
    pub(crate) key: Vec<u8>,
    /// What the key is; none if it is not there any more.
    pub(crate) current: Option<Current>,
    /// From what is there now to the user's text.
    pub(crate) difference: String,
    /// The file with the user's text.
    pub(crate) kept: PathBuf,
}

impl Failure {
    /// The exit code for this failure. A closed pipe is none: whoever read has seen enough.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Api(error) => api::exit(error),
            Self::KeyNotFound { .. } => Exit::NotFound,
            Self::Usage { .. } => Exit::Usage,
            Self::Unconfirmed { .. } | Self::Declined => Exit::Unconfirmed,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Conflict(_) => Exit::Precondition,
            Self::Input { .. }
            | Self::NotText { .. }
            | Self::Editor { .. }
            | Self::Scratch { .. }
            | Self::Prompt(_)
            | Self::Output(_)
            | Self::Runtime(_) => Exit::Error,
            Self::Interrupted => Exit::Interrupted,
            Self::Specific { exit, .. } => *exit,
        }
    }

    /// The stable name for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Api(error) => error.code().as_str(),
            Self::KeyNotFound { .. } => "key_not_found",
            Self::Usage { .. } => "usage",
            Self::Unconfirmed { .. } => "confirmation_required",
            Self::Declined => "declined",
            Self::Input { .. } => "input",
            Self::NotText { .. } => "not_text",
            Self::Conflict(_) => ErrorCode::ConditionFailed.as_str(),
            Self::Editor { .. } => "editor",
            Self::Scratch { .. } => "temporary_file",
            Self::Prompt(_) => "prompt",
            Self::Output(_) => "output",
            Self::Runtime(_) => "runtime",
            Self::Interrupted => "interrupted",
            Self::Specific { code, .. } => code,
        }
    }

    /// What to do next, where there is something to say.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => api::hint(error),
            Self::Usage { hint, .. } | Self::Specific { hint, .. } => hint.clone(),
            Self::NotText {
                namespace,
                key,
                revision,
            } => {
                let name = name(namespace, key);
                Some(format!(
                    "take it with `raftctl get {name} > FILE`, and put it back with `raftctl put \
                     {name} --file FILE --if-revision {revision}`"
                ))
            }
            Self::Conflict(conflict) => Some(conflict.hint()),
            Self::Editor { .. } => Some("VISUAL or EDITOR names another one".to_owned()),
            Self::Scratch { .. } => {
                Some("TMPDIR names another directory for temporary files".to_owned())
            }
            Self::Unconfirmed { .. } => Some("pass --yes to do it without a question".to_owned()),
            _ => None,
        }
    }

    /// What went wrong and what to do next, in one line.
    pub(crate) fn in_full(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self} ({hint})"),
            None => self.to_string(),
        }
    }

    /// Whether nothing was changed and the same command may succeed later.
    pub(crate) fn retryable(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_retryable())
    }

    /// Whether `--quiet` leaves it to the exit code alone.
    pub(crate) fn expected(&self) -> bool {
        matches!(
            self,
            Self::KeyNotFound { .. }
                | Self::Api(Error::ConditionFailed { .. })
                | Self::Specific {
                    exit: Exit::NotFound,
                    ..
                }
        )
    }

    /// The key that is not as the command wanted it, and what it is, if there is such a key.
    pub(crate) fn conflict(&self) -> Option<(&[u8], Option<Current>)> {
        match self {
            Self::Api(Error::ConditionFailed { key, current, .. }) => Some((key, *current)),
            Self::Conflict(conflict) => Some((&conflict.key, conflict.current)),
            _ => None,
        }
    }
}

impl Conflict {
    fn hint(&self) -> String {
        let condition = match self.current {
            Some(current) => format!("--if-revision {}", current.revision),
            None => "--if-absent".to_owned(),
        };
        format!(
            "bring your text together with what is there, then `raftctl put {} --file {} \
             {condition}`",
            name(&self.namespace, &self.key),
            api::word(self.kept.as_os_str().as_bytes(), "FILE")
        )
    }
}

fn meanwhile(current: Option<&Current>) -> String {
    match current {
        Some(Current { version, revision }) => format!(
            "was written by somebody else meanwhile (version {version}, revision {revision})"
        ),
        None => "was deleted meanwhile".to_owned(),
    }
}

/// Namespace and key as words of a command line.
fn name(namespace: &str, key: &[u8]) -> String {
    let namespace = api::word(namespace.as_bytes(), "NS");
    format!("{namespace} {}", api::word(key, "KEY"))
}

/// A fault of this process's own files, without the operating system's number for it: the words
/// before the number say the same.
pub(crate) fn in_words(error: &io::Error) -> String {
    let message = error.to_string();
    match message.rfind(" (os error ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests;
