//! Entries of the log as they are told: what they are about, and never what they store.

use bytes::Bytes;
use common::types::LogLine;

use crate::{
    raft::{Content, Line},
    store::{Command, Comparison, Operation, Proposal},
};

/// What a command is about: the name of the operation as `raftctl` has it, namespace and key.
type About = (&'static str, Option<String>, Option<Bytes>);

/// An entry as it is told.
pub(super) fn line(entry: Line) -> LogLine {
    let (operation, namespace, key) = match entry.content {
        Content::Blank => ("blank", None, None),
        Content::Membership => ("membership", None, None),
        Content::Command(bytes) => match Proposal::decode(&bytes) {
            Ok(proposal) => about(proposal.command),
            // The state machine will say why, and end the member.
            Err(_) => ("unknown", None, None),
        },
    };
    LogLine {
        index: entry.index,
        term: entry.term,
        operation: operation.to_owned(),
        namespace,
        key,
        size: entry.size,
    }
}

fn about(command: Command) -> About {
    let on = |operation, namespace, key| (operation, Some(namespace), Some(key));
    let space = |operation, name| (operation, Some(name), None);
    match command {
        Command::Put { namespace, key, .. } => on("put", namespace, key),
        Command::Delete {
            namespace, keys, ..
        } => ("del", Some(namespace), keys.into_iter().next()),
        Command::DeletePrefix { namespace, prefix } => on("delete prefix", namespace, prefix),
        Command::Touch { namespace, key, .. } => on("touch", namespace, key),
        Command::Increment { namespace, key, .. } => on("incr", namespace, key),
        Command::Txn {
            compare,
            then,
            otherwise,
            ..
        } => txn(compare, then, otherwise),
        Command::CreateNamespace { name, .. } => space("create namespace", name),
        Command::SetNamespace { name, .. } => space("set namespace", name),
        Command::DeleteNamespace { name, .. } => space("delete namespace", name),
        Command::GrantLease { .. } => ("lease grant", None, None),
        Command::KeepAliveLease { .. } => ("lease keep-alive", None, None),
        Command::RevokeLease { .. } => ("lease revoke", None, None),
        Command::OpenSession { .. } | Command::CloseSession { .. } => ("session", None, None),
        Command::Reclaim { .. } => ("reclaim", None, None),
        Command::Expire { .. } => ("expire", None, None),
    }
}

/// About the first key that a transaction may change; else the first that it looks at.
fn txn(compare: Vec<Comparison>, then: Vec<Operation>, otherwise: Vec<Operation>) -> About {
    let operations = then.into_iter().chain(otherwise);
    let mut places = operations.map(|operation| match operation {
        Operation::Put { namespace, key, .. }
        | Operation::Get { namespace, key }
        | Operation::Delete { namespace, key, .. } => (namespace, key),
        Operation::DeletePrefix { namespace, prefix } => (namespace, prefix),
    });
    let compared = compare
        .into_iter()
        .map(|found| (found.namespace, found.key));
    let (namespace, key) = places.next().or_else(|| { compared }.next()).unzip();
    ("txn", namespace, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Lifetime, Settings, SettingsChange, Target};

    const SECRET: &[u8] = b"the value that nobody may see";

    fn told(command: &Command) -> LogLine {
        line(Line {
            index: 7,
            term: 2,
            size: 99,
            content: Content::Command(command.encode(None).unwrap().into()),
        })
    }

    fn put(key: &'static [u8]) -> Operation {
        Operation::Put {
            namespace: "n".into(),
            key: Bytes::from_static(key),
            value: Bytes::from_static(SECRET),
            lifetime: Lifetime::Default,
            previous: false,
        }
    }

    fn commands() -> Vec<(Command, &'static str, Option<&'static str>, &'static [u8])> {
        let namespace = || "n".to_owned();
        let key = || Bytes::from_static(b"k");
        let lifetime = Lifetime::Default;
        let compared = Comparison {
            namespace: namespace(),
            key: Bytes::from_static(b"compared"),
            target: Target::Value(crate::store::Operator::Equal, Bytes::from_static(SECRET)),
        };
        let txn = |then: Vec<Operation>, otherwise: Vec<Operation>| Command::Txn {
            compare: vec![compared.clone()],
            then,
            otherwise,
            create_namespaces: true,
        };
        let n = Some("n");
        vec![
            (
                Command::Put {
                    namespace: namespace(),
                    key: key(),
                    value: Bytes::from_static(SECRET),
                    create_namespace: true,
                    condition: None,
                    lifetime,
                    previous: false,
                },
                "put",
                n,
                b"k",
            ),
            (
                Command::Delete {
                    namespace: namespace(),
                    keys: vec![Bytes::from_static(b"first"), key()],
                    condition: None,
                    previous: false,
                },
                "del",
                n,
                b"first",
            ),
            (
                Command::DeletePrefix {
                    namespace: namespace(),
                    prefix: key(),
                },
                "delete prefix",
                n,
                b"k",
            ),
            (
                Command::Touch {
                    namespace: namespace(),
                    key: key(),
                    lifetime,
                },
                "touch",
                n,
                b"k",
            ),
            (
                Command::Increment {
                    namespace: namespace(),
                    key: key(),
                    by: 1,
                    lifetime,
                    create_namespace: true,
                },
                "incr",
                n,
                b"k",
            ),
            (txn(vec![put(b"k"), put(b"l")], vec![]), "txn", n, b"k"),
            (txn(vec![], vec![put(b"else")]), "txn", n, b"else"),
            (txn(vec![], vec![]), "txn", n, b"compared"),
            (
                Command::CreateNamespace {
                    name: namespace(),
                    settings: Settings::default(),
                },
                "create namespace",
                n,
                b"",
            ),
            (
                Command::SetNamespace {
                    name: namespace(),
                    change: SettingsChange::default(),
                },
                "set namespace",
                n,
                b"",
            ),
            (
                Command::DeleteNamespace {
                    name: namespace(),
                    only_if_empty: false,
                },
                "delete namespace",
                n,
                b"",
            ),
            (Command::GrantLease { ttl: 1 }, "lease grant", None, b""),
            (
                Command::KeepAliveLease { id: 1 },
                "lease keep-alive",
                None,
                b"",
            ),
            (Command::RevokeLease { id: 1 }, "lease revoke", None, b""),
            (Command::OpenSession { ttl: 1 }, "session", None, b""),
            (Command::CloseSession { id: 1 }, "session", None, b""),
            (Command::Reclaim { limit: 1 }, "reclaim", None, b""),
            (Command::Expire { limit: 1 }, "expire", None, b""),
        ]
    }

    #[test]
    fn commands_are_told_by_name_namespace_and_key_without_values() {
        for (command, operation, namespace, key) in commands() {
            let told = told(&command);
            assert_eq!(told.operation, operation);
            assert_eq!(told.namespace.as_deref(), namespace, "{operation}");
            assert_eq!(told.key.as_deref().unwrap_or_default(), key, "{operation}");
            assert_eq!((told.index, told.term, told.size), (7, 2, 99));
            let shown = format!("{told:?}");
            assert!(!shown.contains("nobody may see"), "{shown}");
        }
    }

    #[test]
    fn what_carries_no_command_is_told_too() {
        let contents = [
            (Content::Blank, "blank"),
            (Content::Membership, "membership"),
            (
                Content::Command(Bytes::from_static(b"\xffgarbage")),
                "unknown",
            ),
        ];
        for (content, operation) in contents {
            let told = line(Line {
                index: 1,
                term: 1,
                size: 40,
                content,
            });
            assert_eq!(told.operation, operation);
            assert_eq!((told.namespace, told.key), (None, None));
        }
    }
}
