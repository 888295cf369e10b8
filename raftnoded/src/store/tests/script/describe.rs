//! Replies, entries and events as a story tells them.

use std::fmt::Write as _;

use super::super::*;

pub(super) fn reply(reply: &Reply) -> String {
    match reply {
        Ok(outcome) => self::outcome(outcome),
        Err(Rejection::ConditionFailed { current, .. }) => {
            let current = match current {
                Some((version, revision)) => format!("version {version}, revision {revision}"),
                None => "not there".to_owned(),
            };
            let refused = reply.as_ref().unwrap_err();
            format!("refused: {refused} ({current})")
        }
        Err(rejection) => format!("refused: {rejection}"),
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Put {
            revision,
            version,
            namespace_created,
            previous,
        } => {
            let mut out = format!("revision {revision}, version {version}");
            if *namespace_created {
                out += ", namespace created";
            }
            if let Some(previous) = previous {
                write!(out, ", before: {}", entry(previous)).unwrap();
            }
            out
        }
        Outcome::Deleted {
            revision,
            count,
            previous,
        } => {
            let mut out = format!("revision {revision}, {count} deleted");
            for (key, previous) in previous {
                write!(out, "\n  {} was {}", key.escape_ascii(), entry(previous)).unwrap();
            }
            out
        }
        Outcome::Touched { revision, found } => {
            let found = if *found { "touched" } else { "not there" };
            format!("revision {revision}, {found}")
        }
        Outcome::Incremented {
            revision,
            version,
            value,
        } => format!("revision {revision}, version {version}, value {value}"),
        Outcome::Txn {
            revision,
            succeeded,
            results,
        } => {
            let branch = if *succeeded { "then" } else { "else" };
            let mut out = format!("revision {revision}, {branch}");
            for result in results {
                write!(out, "\n  {}", self::result(result)).unwrap();
            }
            out
        }
        Outcome::NamespaceCreated { revision, id } => {
            format!("revision {revision}, namespace {id} created")
        }
        Outcome::NamespaceSet { revision } => format!("revision {revision}, namespace set"),
        Outcome::NamespaceDeleted { revision, keys } => {
            format!("revision {revision}, namespace with {keys} keys deleted")
        }
        Outcome::Reclaimed { removed, left } | Outcome::Expired { removed, left } => {
            let left = if *left { "more left" } else { "nothing left" };
            format!("{removed} removed, {left}")
        }
        Outcome::Lease(info) => lease(info),
        Outcome::LeaseRevoked { revision, keys } => {
            format!("revision {revision}, lease with {keys} keys revoked")
        }
        Outcome::SessionOpened { id } => format!("session {id} opened"),
        Outcome::SessionClosed => "session closed".to_owned(),
    }
}

fn result(result: &OperationResult) -> String {
    let before = |previous: &Option<Entry>| match previous {
        Some(previous) => format!(", before: {}", entry(previous)),
        None => String::new(),
    };
    match result {
        OperationResult::Put { version, previous } => {
            format!("version {version}{}", before(previous))
        }
        OperationResult::Get(None) => "not there".to_owned(),
        OperationResult::Get(Some(found)) => entry(found),
        OperationResult::Deleted { count, previous } => {
            format!("{count} deleted{}", before(previous))
        }
    }
}

/// Bytes as a story shows them: not many of them.
pub(super) fn value(bytes: &[u8]) -> String {
    const SHOWN: usize = 80;
    if bytes.len() > SHOWN {
        return format!("({} bytes)", bytes.len());
    }
    bytes.escape_ascii().to_string()
}

pub(super) fn entry(entry: &Entry) -> String {
    let Entry {
        value,
        left_out,
        create_revision,
        mod_revision,
        version,
        ends,
        lease,
    } = entry;
    let value = match left_out {
        0 => format!("\"{}\"", self::value(value)),
        bytes => format!("({bytes} bytes left out)"),
    };
    let mut out =
        format!("{value} created {create_revision} modified {mod_revision} version {version}");
    if let Some(ends) = ends {
        write!(out, " ends {ends}").unwrap();
    }
    if let Some(lease) = lease {
        write!(out, " lease {lease}").unwrap();
    }
    out
}

pub(super) fn lease(info: &LeaseInfo) -> String {
    let LeaseInfo {
        id,
        ttl,
        remaining,
        keys,
    } = info;
    format!("lease {id}: ttl {ttl}, {remaining} left, {keys} keys")
}

pub(super) fn namespace(info: &NamespaceInfo) -> String {
    let NamespaceInfo {
        name,
        id,
        create_revision,
        keys,
        bytes,
        settings,
    } = info;
    let mut out = format!("{name}: id {id}, created {create_revision}, {keys} keys, {bytes} bytes");
    let Settings {
        max_keys,
        max_bytes,
        max_value,
        default_ttl,
    } = settings;
    let all = [
        ("max_keys", max_keys),
        ("max_bytes", max_bytes),
        ("max_value", max_value),
        ("default_ttl", default_ttl),
    ];
    for (name, value) in all {
        if let Some(value) = value {
            write!(out, ", {name} {value}").unwrap();
        }
    }
    out
}

pub(super) fn event(event: &Event) -> String {
    let place = format!("{}/{}", event.namespace, event.key().escape_ascii());
    let (new, old) = event.read().unwrap();
    let told = |version: &Version| {
        let Version {
            value,
            create_revision,
            mod_revision,
            version,
        } = version;
        let value = self::value(value);
        format!("\"{value}\" created {create_revision} modified {mod_revision} version {version}")
    };
    let mut out = match event.kind {
        EventKind::Put => format!("put {place}"),
        EventKind::Deleted => format!("deleted {place}"),
        EventKind::Expired => format!("expired {place}"),
        EventKind::NamespaceDeleted => {
            assert!(event.key().is_empty() && new.is_none() && old.is_none());
            format!("namespace {} deleted", event.namespace)
        }
    };
    if let Some(new) = new {
        write!(out, " = {}", told(&new)).unwrap();
    }
    if let Some(old) = old {
        write!(out, ", was {}", told(&old)).unwrap();
    }
    format!("{}: {out}", event.revision)
}
