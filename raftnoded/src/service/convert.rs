//! Between the API's types and the replicated ones. They are kept apart: the API may change with a
//! version of the protocol, the replicated format only by its own rules.

use std::time::Duration;

use bytes::Bytes;
use common::{
    Error,
    types::{
        Change, Comparison, Condition, Current, Entry, LeaseInfo, Lifetime, MAX_TTL, NamespaceInfo,
        NamespaceSettings, Operation, Operator, SetNamespaceRequest, Tag, Target, TxnResult,
    },
};

use crate::store::{self, OperationResult, Quota, Rejection};

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn tag(tag: Tag) -> store::Tag {
    store::Tag {
        session: tag.session,
        seq: tag.seq,
        first_unacked: tag.first_unacked,
    }
}

pub(super) fn condition(condition: Condition) -> store::Condition {
    match condition {
        Condition::Absent => store::Condition::Absent,
        Condition::Version(version) => store::Condition::Version(version),
        Condition::Revision(revision) => store::Condition::Revision(revision),
    }
}

pub(super) fn lifetime(lifetime: Lifetime) -> store::Lifetime {
    match lifetime {
        Lifetime::Default => store::Lifetime::Default,
        Lifetime::Keep => store::Lifetime::Keep,
        Lifetime::Forever => store::Lifetime::Forever,
        Lifetime::Ttl(ttl) => store::Lifetime::Ttl(millis(ttl)),
        Lifetime::Lease(id) => store::Lifetime::Lease(id),
    }
}

pub(super) fn check_lifetime(lifetime: Lifetime) -> Result<(), Error> {
    match lifetime {
        Lifetime::Ttl(ttl) => check_ttl(ttl, Duration::from_millis(1), MAX_TTL),
        _ => Ok(()),
    }
}

pub(super) fn check_ttl(ttl: Duration, min: Duration, max: Duration) -> Result<(), Error> {
    if (min..=max).contains(&ttl) {
        return Ok(());
    }
    Err(Error::Invalid {
        message: format!(
            "a time to live of {ttl:?} is not between {min:?} and {} days",
            max.as_secs() / (24 * 3600)
        ),
    })
}

fn operator(operator: Operator) -> store::Operator {
    match operator {
        Operator::Equal => store::Operator::Equal,
        Operator::NotEqual => store::Operator::NotEqual,
        Operator::Less => store::Operator::Less,
        Operator::LessOrEqual => store::Operator::LessOrEqual,
        Operator::Greater => store::Operator::Greater,
        Operator::GreaterOrEqual => store::Operator::GreaterOrEqual,
    }
}

pub(super) fn comparison(comparison: &Comparison) -> store::Comparison {
    store::Comparison {
        namespace: comparison.namespace.clone(),
        key: comparison.key.clone(),
        target: match &comparison.target {
            Target::Exists(wanted) => store::Target::Exists(*wanted),
            Target::Value(how, wanted) => store::Target::Value(operator(*how), wanted.clone()),
            Target::Version(how, wanted) => store::Target::Version(operator(*how), *wanted),
            Target::CreateRevision(how, wanted) => {
                store::Target::CreateRevision(operator(*how), *wanted)
            }
            Target::Revision(how, wanted) => store::Target::ModRevision(operator(*how), *wanted),
        },
    }
}

pub(super) fn operation(operation: &Operation) -> store::Operation {
    match operation.clone() {
        Operation::Put {
            namespace,
            key,
            value,
            lifetime: how,
            previous,
        } => store::Operation::Put {
            namespace,
            key,
            value,
            lifetime: lifetime(how),
            previous,
        },
        Operation::Get { namespace, key } => store::Operation::Get { namespace, key },
        Operation::Delete {
            namespace,
            key,
            previous,
        } => store::Operation::Delete {
            namespace,
            key,
            previous,
        },
        Operation::DeletePrefix { namespace, prefix } => {
            store::Operation::DeletePrefix { namespace, prefix }
        }
    }
}

/// The result of an operation on `key`, at a time of the clock.
pub(super) fn result(key: &Bytes, result: OperationResult, clock: u64) -> TxnResult {
    let entry = |found: Option<store::Entry>| found.map(|found| entry(key.clone(), found, clock));
    match result {
        OperationResult::Put { version, previous } => TxnResult::Put {
            version,
            previous: entry(previous),
        },
        OperationResult::Get(found) => TxnResult::Get {
            entry: entry(found),
        },
        OperationResult::Deleted { count, previous } => TxnResult::Deleted {
            count,
            previous: entry(previous),
        },
    }
}

/// An entry at a time of the clock.
pub(super) fn entry(key: Bytes, found: store::Entry, clock: u64) -> Entry {
    Entry {
        key,
        size: found.size(),
        value: found.value,
        create_revision: found.create_revision,
        revision: found.mod_revision,
        version: found.version,
        ttl: found
            .ends
            .map(|end| Duration::from_millis(end.saturating_sub(clock))),
        lease: found.lease,
    }
}

/// A lease, when `passed` milliseconds have passed since the clock it was read at.
pub(super) fn lease(lease: store::LeaseInfo, passed: u64) -> LeaseInfo {
    LeaseInfo {
        id: lease.id,
        ttl: Duration::from_millis(lease.ttl),
        remaining: Duration::from_millis(lease.remaining.saturating_sub(passed)),
        keys: lease.keys,
    }
}

pub(super) fn settings(settings: NamespaceSettings) -> store::Settings {
    store::Settings {
        max_keys: settings.max_keys,
        max_bytes: settings.max_bytes,
        max_value: settings.max_value_bytes,
        default_ttl: settings.default_ttl.map(millis),
    }
}

pub(super) fn change(request: &SetNamespaceRequest) -> store::SettingsChange {
    fn change<T>(change: Change<T>, value: fn(T) -> u64) -> Option<Option<u64>> {
        match change {
            Change::Keep => None,
            Change::Clear => Some(None),
            Change::Set(to) => Some(Some(value(to))),
        }
    }
    store::SettingsChange {
        max_keys: change(request.max_keys, |keys| keys),
        max_bytes: change(request.max_bytes, |bytes| bytes),
        max_value: change(request.max_value_bytes, |bytes| bytes),
        default_ttl: change(request.default_ttl, millis),
    }
}

pub(super) fn namespace(found: store::NamespaceInfo) -> NamespaceInfo {
    NamespaceInfo {
        name: found.name,
        id: found.id,
        create_revision: found.create_revision,
        keys: found.keys,
        bytes: found.bytes,
        settings: NamespaceSettings {
            max_keys: found.settings.max_keys,
            max_bytes: found.settings.max_bytes,
            max_value_bytes: found.settings.max_value,
            default_ttl: found.settings.default_ttl.map(Duration::from_millis),
        },
    }
}

/// A rejection as the API says it.
pub(super) fn rejected(rejection: Rejection) -> Error {
    match rejection {
        Rejection::NamespaceNotFound { name } => Error::NamespaceNotFound { namespace: name },
        Rejection::NamespaceExists { name } => Error::NamespaceExists { namespace: name },
        Rejection::NamespaceNotEmpty { name, keys } => Error::NamespaceNotEmpty {
            namespace: name,
            keys,
        },
        Rejection::ConditionFailed {
            namespace,
            key,
            current,
        } => Error::ConditionFailed {
            namespace,
            key,
            current: current.map(|(version, revision)| Current { version, revision }),
        },
        Rejection::QuotaExceeded {
            namespace,
            quota,
            wanted,
            limit,
        } => {
            let (what, setting) = match quota {
                Quota::Keys => ("keys", "max-keys"),
                Quota::Bytes => ("bytes", "max-bytes"),
                Quota::Value => ("bytes in one value", "max-value"),
            };
            Error::QuotaExceeded {
                namespace,
                what: what.to_owned(),
                wanted,
                limit,
                setting: setting.to_owned(),
            }
        }
        Rejection::NotAnInteger { namespace, key } => Error::NotAnInteger { namespace, key },
        Rejection::IntegerOverflow { current, by } => Error::IntegerOverflow { current, by },
        Rejection::LeaseNotFound { id } => Error::LeaseNotFound { id },
        Rejection::SessionExpired { session } => Error::SessionExpired { session },
        Rejection::ReplyTooLarge { size, limit } => Error::TooLarge {
            what: "answer".to_owned(),
            size,
            limit,
            setting: "fixed".to_owned(),
        },
        tag @ (Rejection::StaleTag { .. }
        | Rejection::TagReused { .. }
        | Rejection::TagOutOfWindow { .. }) => Error::InvalidTag {
            message: tag.to_string(),
        },
        invalid @ (Rejection::InvalidNamespace { .. } | Rejection::NamespacesExhausted) => {
            Error::Invalid {
                message: invalid.to_string(),
            }
        }
    }
}
