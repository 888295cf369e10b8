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
        (
            Error::ConditionFailed {
                namespace: namespace(),
                key: "k".into(),
                current: None,
            },
            4,
        ),
        (
            Error::QuotaExceeded {
                namespace: namespace(),
                what: "keys".to_owned(),
                wanted: 2,
                limit: 1,
                setting: "max-keys".to_owned(),
            },
            9,
        ),
        (Error::IntegerOverflow { current: 1, by: 1 }, 9),
        (
            Error::NotAnInteger {
                namespace: namespace(),
                key: "k".into(),
            },
            1,
        ),
        (Error::LeaseNotFound { id: 7 }, 3),
        (Error::SessionExpired { session: 7 }, 7),
        (Error::InvalidTag { message: reason() }, 1),
        (Error::Compacted { oldest: 7 }, 1),
        (Error::ViewNotFound, 1),
        (Error::MemberNotFound { id: 9 }, 3),
        (
            Error::MemberExists {
                what: reason(),
                name: reason(),
                id: 1,
            },
            4,
        ),
        (
            Error::NodeUnavailable {
                address: reason(),
                reason: reason(),
            },
            5,
        ),
        (
            Error::QuorumAtRisk {
                voters: 2,
                reachable: 1,
                quorum: 2,
            },
            4,
        ),
        (Error::ChangeInProgress { what: reason() }, 4),
        (Error::ReadOnly { reason: reason() }, 9),
        (
            Error::TooStale {
                age: None,
                max_age: Duration::from_secs(1),
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
fn a_conflict_says_how_to_go_on() {
    let conflict = |current| {
        Failure::Conflict(Box::new(Conflict {
            namespace: "default".to_owned(),
            key: b"app/config".to_vec(),
            current,
            difference: String::new(),
            kept: "/tmp/x/config".into(),
        }))
    };
    let written = conflict(Some(Current {
        version: 3,
        revision: 1200,
    }));
    assert_eq!(written.exit() as u8, 4);
    assert_eq!(
        written.to_string(),
        "key \"app/config\" in namespace \"default\" was written by somebody else meanwhile \
         (version 3, revision 1200); nothing was changed"
    );
    let command = "`raftctl put default app/config --file /tmp/x/config --if-revision 1200`";
    assert!(written.hint().unwrap().ends_with(command));
    let deleted = conflict(None);
    assert!(deleted.to_string().contains("was deleted meanwhile"));
    assert!(deleted.hint().unwrap().ends_with(" --if-absent`"));
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
