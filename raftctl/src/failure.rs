//! What can go wrong, what to do about it, and the exit code that says so to scripts.

use std::{io, process::ExitCode};

use common::Error;

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
    /// No such key or namespace.
    NotFound = 3,
    /// A precondition failed, or the thing exists already.
    Precondition = 4,
    /// No member could be reached.
    Unreachable = 5,
    /// No leader or no quorum; nothing was applied.
    NoQuorum = 6,
    /// Timed out; a write may or may not have been applied.
    Timeout = 7,
    /// A quota or limit is exceeded.
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
    #[error(transparent)]
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
}

impl Failure {
    /// The exit code for this failure. A closed pipe is none: whoever read has seen enough.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Api(error) => api_exit(error),
            Self::KeyNotFound { .. } => Exit::NotFound,
            Self::Usage { .. } => Exit::Usage,
            Self::Unconfirmed { .. } | Self::Declined => Exit::Unconfirmed,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Input { .. } | Self::Prompt(_) | Self::Output(_) | Self::Runtime(_) => {
                Exit::Error
            }
            Self::Interrupted => Exit::Interrupted,
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
            Self::Prompt(_) => "prompt",
            Self::Output(_) => "output",
            Self::Runtime(_) => "runtime",
            Self::Interrupted => "interrupted",
        }
    }

    /// What to do next, where there is something to say.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => api_hint(error),
            Self::Usage { hint, .. } => hint.clone(),
            Self::Unconfirmed { .. } => Some("pass --yes to do it without a question".to_owned()),
            _ => None,
        }
    }

    /// Whether nothing was changed and the same command may succeed later.
    pub(crate) fn retryable(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_retryable())
    }

    /// Whether `--quiet` leaves it to the exit code alone.
    pub(crate) fn expected(&self) -> bool {
        matches!(self, Self::KeyNotFound { .. })
    }
}

fn api_exit(error: &Error) -> Exit {
    match error {
        Error::NotLeader { .. } | Error::NoLeader { .. } | Error::ShuttingDown => Exit::NoQuorum,
        Error::OutcomeUnknown { .. } | Error::DeadlineExceeded { .. } => Exit::Timeout,
        Error::Overloaded { .. } | Error::TooLarge { .. } => Exit::Limit,
        Error::NamespaceNotFound { .. } => Exit::NotFound,
        Error::NamespaceExists { .. } | Error::NamespaceNotEmpty { .. } => Exit::Precondition,
        Error::Invalid { .. } => Exit::Usage,
        Error::Unreachable { .. } => Exit::Unreachable,
        _ => Exit::Error,
    }
}

fn api_hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::NotLeader { .. } | Error::NoLeader { .. } => {
            "a majority of the voters must be up and reach each other; see `raftctl status`"
        }
        Error::OutcomeUnknown { .. } => {
            "read the key to see whether the write took effect before you send it again"
        }
        Error::Overloaded { retry_after, .. } => {
            return Some(format!("try again in {retry_after:?} or later"));
        }
        Error::DeadlineExceeded { .. } => {
            "see `raftctl status`, or give it more time with --timeout"
        }
        Error::ShuttingDown => "try again: another member takes over",
        Error::NamespaceNotFound { .. } => {
            "`raftctl ns ls` shows the namespaces, `raftctl ns create NAME` makes one"
        }
        Error::NamespaceNotEmpty { .. } => {
            "pass --yes to delete it together with its keys, or delete the keys first"
        }
        Error::TooLarge { setting, .. } if setting.starts_with("--") => {
            return Some(format!(
                "store less, or raise {setting} of raftnoded on every member"
            ));
        }
        Error::Incompatible { .. } => "use a raftctl of the same release as the members",
        Error::Unreachable { .. } => {
            "is raftnoded running there? name members with --endpoints HOST:PORT,... or \
             RAFTCTL_ENDPOINTS"
        }
        Error::Internal { .. } => "the member's log says more",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A fault of this process's own files, without the operating system's number for it: the words
/// before the number say the same.
fn in_words(error: &io::Error) -> String {
    let message = error.to_string();
    match message.rfind(" (os error ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn api(error: Error) -> (u8, &'static str, bool) {
        let failure = Failure::from(error);
        (failure.exit() as u8, failure.code(), failure.retryable())
    }

    #[test]
    fn every_error_of_the_api_has_its_documented_exit_code() {
        let reason = String::new;
        let namespace = || "n".to_owned();
        let table = [
            (Error::NotLeader { leader: None }, 6),
            (Error::NoLeader { reason: reason() }, 6),
            (Error::ShuttingDown, 6),
            (Error::OutcomeUnknown { reason: reason() }, 7),
            (
                Error::DeadlineExceeded {
                    timeout: Duration::from_secs(5),
                },
                7,
            ),
            (
                Error::Overloaded {
                    reason: reason(),
                    retry_after: Duration::from_millis(50),
                },
                9,
            ),
            (
                Error::TooLarge {
                    what: "value".to_owned(),
                    size: 2,
                    limit: 1,
                    setting: "--max-value-bytes".to_owned(),
                },
                9,
            ),
            (
                Error::NamespaceNotFound {
                    namespace: namespace(),
                },
                3,
            ),
            (
                Error::NamespaceExists {
                    namespace: namespace(),
                },
                4,
            ),
            (
                Error::NamespaceNotEmpty {
                    namespace: namespace(),
                    keys: 1,
                },
                4,
            ),
            (Error::Invalid { message: reason() }, 2),
            (Error::Incompatible { message: reason() }, 1),
            (Error::Internal { message: reason() }, 1),
            (Error::Unreachable { reason: reason() }, 5),
        ];
        for (error, exit) in table {
            let retryable = error.is_retryable();
            let code = error.code().as_str();
            assert_eq!(api(error), (exit, code, retryable), "{code}");
        }
    }

    #[test]
    fn failures_of_the_tool_itself_have_their_documented_exit_codes() {
        let missing = Failure::KeyNotFound {
            namespace: "default".to_owned(),
            key: b"a\nb".to_vec(),
        };
        assert_eq!(missing.exit(), Exit::NotFound);
        assert_eq!(
            missing.to_string(),
            r#"key "a\nb" not found in namespace "default""#
        );
        let unconfirmed = Failure::Unconfirmed {
            effect: "this deletes 3 keys".to_owned(),
        };
        assert_eq!(unconfirmed.exit() as u8, 10);
        assert!(unconfirmed.hint().unwrap().contains("--yes"));
        assert_eq!(Failure::Declined.exit() as u8, 10);
        assert_eq!(Failure::Interrupted.exit() as u8, 130);
        let pipe = |kind: io::ErrorKind| Failure::Output(kind.into()).exit();
        assert_eq!(pipe(io::ErrorKind::BrokenPipe), Exit::Ok);
        assert_eq!(pipe(io::ErrorKind::StorageFull), Exit::Error);
    }

    #[test]
    fn error_numbers_are_left_out() {
        let unreadable = |source| Failure::Input {
            what: "the file".to_owned(),
            source,
        };
        let missing = unreadable(io::Error::from_raw_os_error(2)).to_string();
        assert!(missing.starts_with("cannot read the file: "), "{missing}");
        assert!(!missing.contains("os error"), "{missing}");
        let other = unreadable(io::Error::other("it is odd")).to_string();
        assert_eq!(other, "cannot read the file: it is odd");
    }

    #[test]
    fn a_size_limit_names_the_setting_to_raise_but_a_fixed_one_does_not() {
        let too_large = |setting: &str| {
            Failure::from(Error::TooLarge {
                what: "value".to_owned(),
                size: 2,
                limit: 1,
                setting: setting.to_owned(),
            })
            .hint()
        };
        assert!(
            too_large("--max-value-bytes")
                .unwrap()
                .contains("--max-value-bytes")
        );
        assert_eq!(too_large("fixed"), None);
    }
}
