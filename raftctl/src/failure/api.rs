//! What an error of the API means to a user: the exit code, the words, and what to do next.

use common::Error;

use super::{Exit, name};
use crate::output::{bytes::quote, time::exact};

/// Beyond this length a word is not worth copying into a hint.
const MAX_WORD: usize = 128;

pub(super) fn exit(error: &Error) -> Exit {
    match error {
        Error::NotLeader { .. } | Error::NoLeader { .. } | Error::ShuttingDown => Exit::NoQuorum,
        Error::OutcomeUnknown { .. }
        | Error::DeadlineExceeded { .. }
        | Error::SessionExpired { .. } => Exit::Timeout,
        Error::Overloaded { .. }
        | Error::TooLarge { .. }
        | Error::QuotaExceeded { .. }
        | Error::ReadOnly { .. }
        | Error::IntegerOverflow { .. } => Exit::Limit,
        Error::NamespaceNotFound { .. }
        | Error::LeaseNotFound { .. }
        | Error::MemberNotFound { .. } => Exit::NotFound,
        Error::NamespaceExists { .. }
        | Error::NamespaceNotEmpty { .. }
        | Error::ConditionFailed { .. }
        | Error::MemberExists { .. }
        | Error::QuorumAtRisk { .. }
        | Error::ChangeInProgress { .. }
        | Error::TooStale { .. } => Exit::Precondition,
        Error::Invalid { .. } => Exit::Usage,
        Error::Unreachable { .. } | Error::NodeUnavailable { .. } => Exit::Unreachable,
        _ => Exit::Error,
    }
}

/// The error's own words, except where they name a key or a duration: it is written as
/// everywhere in the tool.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::ConditionFailed {
            namespace,
            key,
            current,
        } => {
            let found = match current {
                Some(current) => format!(
                    "has version {} (revision {})",
                    current.version, current.revision
                ),
                None => "does not exist".to_owned(),
            };
            format!(
                "condition failed: key {} in namespace {namespace:?} {found}; nothing was changed",
                quote(key)
            )
        }
        Error::NotAnInteger { namespace, key } => format!(
            "the value of key {} in namespace {namespace:?} is not a whole number of 64 bits; \
             nothing was changed",
            quote(key)
        ),
        Error::TooStale { age, max_age } => {
            let age = match age {
                Some(age) => format!("may be {} old", exact(*age)),
                None => "may be of any age (it never heard from a leader)".to_owned(),
            };
            let max_age = exact(*max_age);
            format!("the state of the member asked {age}, and --max-age accepts {max_age}")
        }
        error => error.to_string(),
    }
}

pub(super) fn hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::NotLeader { .. } | Error::NoLeader { .. } => {
            "a majority of the voters must be up and reach each other; see `raftctl status`"
        }
        Error::OutcomeUnknown { .. } | Error::SessionExpired { .. } => {
            "read the key to see whether the write took effect before you send it again"
        }
        Error::Overloaded { retry_after, .. } => {
            return Some(format!("try again in {retry_after:?} or later"));
        }
        Error::DeadlineExceeded { .. } => {
            "see `raftctl status`, or give it more time with --timeout"
        }
        Error::ShuttingDown => "try again: another member takes over",
        Error::NamespaceNotFound { namespace } => {
            return Some(format!(
                "`raftctl ns create {}` makes it, `raftctl ns ls` shows those there are",
                word(namespace.as_bytes(), "NAME")
            ));
        }
        Error::NamespaceExists { namespace } => {
            let name = word(namespace.as_bytes(), "NAME");
            return Some(format!(
                "`raftctl ns describe {name}` shows it, `raftctl ns set {name}` changes what it allows"
            ));
        }
        Error::NamespaceNotEmpty { .. } => {
            "pass --yes to delete it together with its keys, or delete the keys first"
        }
        Error::ConditionFailed {
            namespace,
            key,
            current: Some(_),
        } => {
            return Some(format!(
                "see what it is now: `raftctl get {} --meta`",
                name(namespace, key)
            ));
        }
        Error::QuotaExceeded {
            namespace, setting, ..
        } => return Some(more_quota(namespace, setting)),
        Error::NotAnInteger { namespace, key } => {
            let name = name(namespace, key);
            return Some(format!(
                "`raftctl get {name}` shows it, `raftctl put {name} 0` makes it a number"
            ));
        }
        Error::LeaseNotFound { .. } => {
            "`raftctl lease ls` shows the leases, `raftctl lease grant TTL` makes one"
        }
        Error::InvalidTag { .. } => {
            "this is a fault of raftctl: use one of the same release as the members, and report it \
             if that is no help"
        }
        Error::Compacted { oldest } => {
            return Some(format!(
                "--initial begins with what is there now, --resync does so wherever changes are \
                 lost, --from-rev {oldest} with the oldest change that is kept"
            ));
        }
        Error::BackupNotFound => "save it anew",
        Error::ViewNotFound => "nothing was changed: run the command again",
        Error::MemberNotFound { .. } | Error::MemberExists { .. } => {
            "`raftctl members ls` shows the members"
        }
        Error::NodeUnavailable { .. } => {
            "a new node is started with an empty data directory and `raftnoded --wait`; is the \
             address its --listen or --peer-listen, and reachable from the leader?"
        }
        Error::QuorumAtRisk { .. } => {
            "bring members back first (`raftctl health` names those that are down), or add new \
             ones; --force does it all the same, and the cluster may stop"
        }
        Error::ChangeInProgress { .. } => {
            "`raftctl members ls` shows how far it is; try again when it is done"
        }
        Error::ReadOnly { .. } => {
            "free space on that disk: writes then go on by themselves, without a restart; \
             `raftctl status` shows every disk"
        }
        Error::TooStale { .. } => {
            "ask another member with --endpoints, accept more with --max-age, or read with \
             --consistency linearizable"
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

/// How to make room under a quota.
fn more_quota(namespace: &str, setting: &str) -> String {
    let (less, unit) = match setting {
        "max-value" => ("store less", "SIZE"),
        "max-bytes" => ("delete keys", "SIZE"),
        _ => ("delete keys", "N"),
    };
    format!(
        "{less}, or allow more: `raftctl ns set {} --{setting} {unit}`",
        word(namespace.as_bytes(), "NAME")
    )
}

/// A word of a command line to copy; the placeholder if a shell would not take it as it is.
pub(super) fn word(bytes: &[u8], placeholder: &str) -> String {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/:@%+,=".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text)
            if !text.is_empty()
                && text.len() <= MAX_WORD
                && !text.starts_with('-')
                && bytes.iter().all(harmless) =>
        {
            text.to_owned()
        }
        _ => placeholder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_state_that_is_too_old_says_how_old_it_is() {
        let stale = |age: Option<u64>| {
            message(&Error::TooStale {
                age: age.map(Duration::from_millis),
                max_age: Duration::from_secs(2),
            })
        };
        assert_eq!(
            stale(Some(90_500)),
            "the state of the member asked may be 1m 30s 500ms old, and --max-age accepts 2s"
        );
        assert!(stale(None).contains("never heard from a leader"));
    }

    #[test]
    fn a_change_of_the_members_that_is_refused_says_what_to_do() {
        let risky = Error::QuorumAtRisk {
            voters: 2,
            reachable: 1,
            quorum: 2,
        };
        let hint = hint(&risky).unwrap();
        assert!(hint.contains("--force") && hint.starts_with("bring members back"));
        assert!(message(&risky).ends_with("nothing was changed"));
    }

    #[test]
    fn a_hint_names_what_a_shell_takes_as_it_is() {
        let hinted = |namespace: &str| {
            hint(&Error::NamespaceNotFound {
                namespace: namespace.to_owned(),
            })
            .unwrap()
        };
        assert_eq!(
            hinted("bank"),
            "`raftctl ns create bank` makes it, `raftctl ns ls` shows those there are"
        );
        for odd in ["", "two words", "-x", "\x1b[31m", "$(rm)", "\u{fc}"] {
            assert!(hinted(odd).contains(" create NAME` "), "{odd}");
        }
    }

    #[test]
    fn a_condition_that_fails_says_what_the_key_is() {
        let failed = |current| Error::ConditionFailed {
            namespace: "default".to_owned(),
            key: "gr\u{fc}n".into(),
            current,
        };
        let other = failed(Some(common::types::Current {
            version: 3,
            revision: 1200,
        }));
        assert_eq!(
            message(&other),
            "condition failed: key \"gr\u{fc}n\" in namespace \"default\" has version 3 (revision \
             1200); nothing was changed"
        );
        assert_eq!(
            hint(&other).unwrap(),
            "see what it is now: `raftctl get default KEY --meta`"
        );
        assert_eq!(
            message(&failed(None)),
            "condition failed: key \"gr\u{fc}n\" in namespace \"default\" does not exist; nothing \
             was changed"
        );
        assert_eq!(hint(&failed(None)), None);
    }

    #[test]
    fn a_quota_names_the_command_that_raises_it() {
        let exceeded = |setting: &str| {
            hint(&Error::QuotaExceeded {
                namespace: "bank".to_owned(),
                what: "keys".to_owned(),
                wanted: 3,
                limit: 2,
                setting: setting.to_owned(),
            })
            .unwrap()
        };
        assert_eq!(
            exceeded("max-keys"),
            "delete keys, or allow more: `raftctl ns set bank --max-keys N`"
        );
        assert_eq!(
            exceeded("max-value"),
            "store less, or allow more: `raftctl ns set bank --max-value SIZE`"
        );
    }
}
