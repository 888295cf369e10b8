//! The language of the stories: what a line may say, and the command it stands for.

use std::error::Error;

use super::super::*;
use super::words::{Life, Names, When};

/// A line of a script. What changes the state takes the next log index.
#[derive(goldenscript::Command)]
pub(super) enum Step {
    /// put NAMESPACE KEY VALUE: refused if the namespace does not exist, unless `create=true`.
    Put {
        namespace: String,
        key: String,
        value: String,
        #[arg(key, optional)]
        create: bool,
        #[arg(key, optional)]
        when: When,
        #[arg(key, optional)]
        life: Life,
        #[arg(key, optional)]
        previous: bool,
    },
    /// Puts `count` keys made of `prefix` and a number.
    Fill {
        namespace: String,
        prefix: String,
        count: u32,
        #[arg(key, optional)]
        life: Life,
    },
    /// Puts a value of so many bytes.
    Blob {
        namespace: String,
        key: String,
        length: usize,
        #[arg(key, optional)]
        previous: bool,
    },
    Del {
        namespace: String,
        keys: Vec<String>,
        #[arg(key, optional)]
        when: When,
        #[arg(key, optional)]
        previous: bool,
    },
    DelPrefix {
        namespace: String,
        prefix: String,
    },
    Touch {
        namespace: String,
        key: String,
        #[arg(key, optional)]
        life: Life,
    },
    Incr {
        namespace: String,
        key: String,
        by: i64,
        #[arg(key, optional)]
        create: bool,
        #[arg(key, optional)]
        life: Life,
    },
    /// Compares, in the next transaction: `compare default a version eq 1`, `compare default a
    /// exists`, `compare default a missing`.
    Compare {
        namespace: String,
        key: String,
        target: String,
        operator: Option<String>,
        operand: Option<String>,
    },
    /// Carries out the transaction that `compare`, `then` and `else` lines have laid out.
    Txn {
        #[arg(key, optional)]
        create: bool,
    },
    NsCreate {
        name: String,
        #[arg(key, many, optional)]
        settings: Vec<(String, String)>,
    },
    NsSet {
        name: String,
        #[arg(key, many, optional)]
        settings: Vec<(String, String)>,
    },
    NsDelete {
        name: String,
        #[arg(key, optional)]
        only_if_empty: bool,
    },
    /// Grants a lease with a time to live, and gives it a name in the script.
    Lease {
        name: String,
        ttl: u64,
    },
    Keepalive(String),
    Revoke(String),
    /// Opens a session in the same way.
    Session {
        name: String,
        ttl: u64,
    },
    SessionClose(String),
    Reclaim(u32),
    Expire(u32),
    /// Sets the time that the next commands are stamped with.
    At(u64),
    /// Moves it on.
    Pass(u64),
    /// Holds commands back, to be applied in one batch.
    Begin,
    Commit,
    /// What was told since the last time.
    Events,
    Get {
        namespace: String,
        key: String,
    },
    Ls {
        namespace: String,
        #[arg(key)]
        prefix: Option<String>,
        #[arg(key)]
        start: Option<String>,
        #[arg(key)]
        end: Option<String>,
        #[arg(key)]
        limit: Option<usize>,
        #[arg(key)]
        bytes: Option<usize>,
        #[arg(key, optional)]
        reverse: bool,
        #[arg(key, optional)]
        keys_only: bool,
        /// Goes on where the last listing ended.
        #[arg(key, optional)]
        more: bool,
    },
    Count {
        namespace: String,
        #[arg(key)]
        prefix: Option<String>,
    },
    NsLs,
    NsDescribe(String),
    LeaseLs {
        #[arg(key)]
        above: Option<String>,
        #[arg(key)]
        limit: Option<usize>,
    },
    LeaseDescribe {
        name: String,
        #[arg(key)]
        limit: Option<usize>,
    },
    Applied,
    /// The clock of the state, and when something is due.
    Clock,
    Hash,
    /// Every record of the engine, decoded.
    Dump,
    /// Takes a snapshot under a name, restores it, verifies it, writes what verifying says.
    Save(String),
    Restore(String),
    Verify(String),
    Reopen,
    /// `then` or `else`, and an operation: put, get, del or del_prefix.
    #[command(other)]
    Operation(goldenscript::Command),
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The command that a line stands for; none if it changes nothing.
pub(super) fn command(step: &Step, names: &Names) -> Result<Option<Command>, Box<dyn Error>> {
    Ok(Some(match step {
        Step::Put {
            namespace,
            key,
            value,
            create,
            when,
            life,
            previous,
        } => Command::Put {
            namespace: namespace.clone(),
            key: bytes(key),
            value: bytes(value),
            create_namespace: *create,
            condition: when.0,
            lifetime: names.lifetime(life)?,
            previous: *previous,
        },
        Step::Blob {
            namespace,
            key,
            length,
            previous,
        } => Command::Put {
            namespace: namespace.clone(),
            key: bytes(key),
            value: vec![b'x'; *length].into(),
            create_namespace: false,
            condition: None,
            lifetime: Lifetime::Default,
            previous: *previous,
        },
        Step::Del {
            namespace,
            keys,
            when,
            previous,
        } => Command::Delete {
            namespace: namespace.clone(),
            keys: keys.iter().map(|key| bytes(key)).collect(),
            condition: when.0,
            previous: *previous,
        },
        Step::DelPrefix { namespace, prefix } => Command::DeletePrefix {
            namespace: namespace.clone(),
            prefix: bytes(prefix),
        },
        Step::Touch {
            namespace,
            key,
            life,
        } => Command::Touch {
            namespace: namespace.clone(),
            key: bytes(key),
            lifetime: names.lifetime(life)?,
        },
        Step::Incr {
            namespace,
            key,
            by,
            create,
            life,
        } => Command::Increment {
            namespace: namespace.clone(),
            key: bytes(key),
            by: *by,
            lifetime: names.lifetime(life)?,
            create_namespace: *create,
        },
        Step::NsCreate { name, settings } => {
            let mut all = Settings::default();
            all.change(change(settings)?);
            Command::CreateNamespace {
                name: name.clone(),
                settings: all,
            }
        }
        Step::NsSet { name, settings } => Command::SetNamespace {
            name: name.clone(),
            change: change(settings)?,
        },
        Step::NsDelete {
            name,
            only_if_empty,
        } => Command::DeleteNamespace {
            name: name.clone(),
            only_if_empty: *only_if_empty,
        },
        Step::Lease { ttl, .. } => Command::GrantLease { ttl: *ttl },
        Step::Keepalive(name) => Command::KeepAliveLease {
            id: names.id(name)?,
        },
        Step::Revoke(name) => Command::RevokeLease {
            id: names.id(name)?,
        },
        Step::Session { ttl, .. } => Command::OpenSession { ttl: *ttl },
        Step::SessionClose(name) => Command::CloseSession {
            id: names.id(name)?,
        },
        Step::Reclaim(limit) => Command::Reclaim { limit: *limit },
        Step::Expire(limit) => Command::Expire { limit: *limit },
        _ => return Ok(None),
    }))
}

/// Settings as `max_keys=5 default_ttl=none`.
fn change(settings: &[(String, String)]) -> Result<SettingsChange, Box<dyn Error>> {
    let mut change = SettingsChange::default();
    for (name, value) in settings {
        let value = match value.as_str() {
            "none" => None,
            number => Some(number.parse()?),
        };
        let setting = match name.as_str() {
            "max_keys" => &mut change.max_keys,
            "max_bytes" => &mut change.max_bytes,
            "max_value" => &mut change.max_value,
            "default_ttl" => &mut change.default_ttl,
            _ => return Err(format!("no setting: {name}").into()),
        };
        *setting = Some(value);
    }
    Ok(change)
}

/// A comparison by its words.
pub(super) fn comparison(
    namespace: &str,
    key: &str,
    words: (&str, Option<&str>, Option<&str>),
) -> Result<Comparison, Box<dyn Error>> {
    let target = match words {
        ("exists", None, None) => Target::Exists(true),
        ("missing", None, None) => Target::Exists(false),
        (target, Some(operator), Some(operand)) => {
            let operator = match operator {
                "eq" => Operator::Equal,
                "ne" => Operator::NotEqual,
                "lt" => Operator::Less,
                "le" => Operator::LessOrEqual,
                "gt" => Operator::Greater,
                "ge" => Operator::GreaterOrEqual,
                _ => return Err(format!("no operator: {operator}").into()),
            };
            match target {
                "value" => Target::Value(operator, bytes(operand)),
                "version" => Target::Version(operator, operand.parse()?),
                "created" => Target::CreateRevision(operator, operand.parse()?),
                "modified" => Target::ModRevision(operator, operand.parse()?),
                _ => return Err(format!("no target: {target}").into()),
            }
        }
        _ => return Err("a comparison needs an operator and an operand".into()),
    };
    Ok(Comparison {
        namespace: namespace.to_owned(),
        key: bytes(key),
        target,
    })
}

/// The operation in a `then` or `else` line: its words make a line of their own.
pub(super) fn operation(
    line: &goldenscript::Command,
    names: &Names,
) -> Result<Operation, Box<dyn Error>> {
    let mut line = line.clone();
    if line.args.is_empty() {
        return Err("no operation".into());
    }
    let goldenscript::Argument::Positional(name) = line.args.remove(0) else {
        return Err("no operation".into());
    };
    line.name = name;
    Ok(match Step::try_from(&line)? {
        Step::Put {
            namespace,
            key,
            value,
            life,
            previous,
            ..
        } => Operation::Put {
            namespace,
            key: bytes(&key),
            value: bytes(&value),
            lifetime: names.lifetime(&life)?,
            previous,
        },
        Step::Get { namespace, key } => Operation::Get {
            namespace,
            key: bytes(&key),
        },
        Step::Del {
            namespace,
            keys,
            previous,
            ..
        } => Operation::Delete {
            namespace,
            key: bytes(keys.first().ok_or("no key")?),
            previous,
        },
        Step::DelPrefix { namespace, prefix } => Operation::DeletePrefix {
            namespace,
            prefix: bytes(&prefix),
        },
        _ => return Err(format!("no operation: {}", line.name).into()),
    })
}
