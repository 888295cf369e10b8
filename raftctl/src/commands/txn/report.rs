//! What a transaction did, as it is printed.

use common::types::{Entry, Operation, TxnReply, TxnResult};
use serde::Serialize;

use super::document::Transaction;
use crate::{
    commands::entry::{Form, State, state_fields},
    failure::Failure,
    output::{
        Format, Output, Row,
        bytes::escape,
        json, plain,
        table::{Cell, Column, Tone, counted, grouped, text},
    },
};

const COLUMNS: [Column; 4] = [
    text("OPERATION"),
    text("NAMESPACE"),
    text("KEY"),
    text("RESULT"),
];

/// A transaction and its reply.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    succeeded: bool,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    results: Vec<ResultObject<'a>>,
    #[serde(skip)]
    done: Done,
}

/// Which list was carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Then,
    Else,
    /// A comparison does not hold, and there is no other list.
    None,
}

impl Done {
    fn as_str(self) -> &'static str {
        match self {
            Self::Then => "then",
            Self::Else => "else",
            Self::None => "none",
        }
    }
}

/// What one operation gave.
#[derive(Serialize)]
struct ResultObject<'a> {
    op: &'static str,
    namespace: &'a str,
    #[serde(flatten)]
    key: Place<'a>,
    #[serde(flatten)]
    gave: Gave<'a>,
    #[serde(skip)]
    bytes: &'a [u8],
    /// What a get found, or what was there before.
    #[serde(skip)]
    entry: Option<&'a Entry>,
}

/// Where the operation took place.
#[derive(Serialize)]
#[serde(untagged)]
enum Place<'a> {
    Key(json::Key<'a>),
    Prefix(json::Prefix<'a>),
}

/// `previous` is absent unless it was asked for, and null if there was nothing.
#[derive(Serialize)]
#[serde(untagged)]
enum Gave<'a> {
    Put {
        version: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<Option<State<'a>>>,
    },
    Found {
        found: bool,
        #[serde(flatten)]
        state: Option<State<'a>>,
    },
    Deleted {
        deleted: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<Option<State<'a>>>,
    },
}

impl<'a> ResultObject<'a> {
    fn new(operation: &'a Operation, result: &'a TxnResult) -> Self {
        let (op, namespace, bytes, asked) = match operation {
            Operation::Put {
                namespace,
                key,
                previous,
                ..
            } => ("put", namespace, key, *previous),
            Operation::Get { namespace, key } => ("get", namespace, key, false),
            Operation::Delete {
                namespace,
                key,
                previous,
            } => ("delete", namespace, key, *previous),
            Operation::DeletePrefix { namespace, prefix } => {
                ("delete_prefix", namespace, prefix, false)
            }
        };
        let key = match operation {
            Operation::DeletePrefix { .. } => Place::Prefix(json::Prefix::new(bytes)),
            _ => Place::Key(json::Key::new(bytes)),
        };
        let state = |entry: &'a Option<Entry>| {
            let entry = entry.as_ref();
            entry.map(|entry| State::new(entry, Form::Text))
        };
        let (gave, entry) = match result {
            TxnResult::Put { version, previous } => (
                Gave::Put {
                    version: *version,
                    previous: asked.then(|| state(previous)),
                },
                previous,
            ),
            TxnResult::Get { entry } => (
                Gave::Found {
                    found: entry.is_some(),
                    state: state(entry),
                },
                entry,
            ),
            TxnResult::Deleted { count, previous } => (
                Gave::Deleted {
                    deleted: *count,
                    previous: asked.then(|| state(previous)),
                },
                previous,
            ),
        };
        Self {
            op,
            namespace,
            key,
            gave,
            bytes,
            entry: entry.as_ref(),
        }
    }

    /// Whether it was asked for more than that it was done.
    fn is_data(&self) -> bool {
        match &self.gave {
            Gave::Put { previous, .. } | Gave::Deleted { previous, .. } => previous.is_some(),
            Gave::Found { .. } => true,
        }
    }

    /// The number that says what it did.
    fn number(&self) -> u64 {
        match self.gave {
            Gave::Put { version, .. } => version,
            Gave::Found { found, .. } => u64::from(found),
            Gave::Deleted { deleted, .. } => deleted,
        }
    }
}

impl Row for ResultObject<'_> {
    fn cells(&self) -> Vec<Cell> {
        let mut result = match &self.gave {
            Gave::Put { version, .. } => format!("version {}", grouped(*version)),
            Gave::Found { found: true, .. } => String::new(),
            Gave::Found { found: false, .. } => "not found".to_owned(),
            Gave::Deleted { deleted, .. } => format!("{} deleted", counted(*deleted, "key")),
        };
        let asked = self.is_data() && self.op != "get";
        match self.entry {
            Some(entry) => {
                let before = if asked { "  previous  " } else { "" };
                result.push_str(&format!(
                    "{before}version {}  revision {}  {}",
                    grouped(entry.version),
                    grouped(entry.revision),
                    escape(&entry.value)
                ));
            }
            None if asked => result.push_str("  previous  none"),
            None => {}
        }
        vec![
            Cell::new(self.op),
            Cell::new(escape(self.namespace.as_bytes())),
            Cell::toned(escape(self.bytes), Tone::Accent),
            Cell::new(result.trim_end()),
        ]
    }

    fn plain(&self) -> Vec<String> {
        let mut fields = vec![
            self.op.to_owned(),
            escape(self.namespace.as_bytes()),
            escape(self.bytes),
            self.number().to_string(),
        ];
        fields.extend(state_fields(self.entry, Form::Text));
        fields
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(transaction: &'a Transaction, reply: &'a TxnReply) -> Self {
        let (done, operations) = match (reply.succeeded, transaction.has_else) {
            (true, _) => (Done::Then, &transaction.request.then),
            (false, true) => (Done::Else, &transaction.request.otherwise),
            (false, false) => (Done::None, &transaction.request.otherwise),
        };
        Self {
            succeeded: reply.succeeded,
            revision: reply.revision,
            results: operations
                .iter()
                .zip(&reply.results)
                .map(|(operation, result)| ResultObject::new(operation, result))
                .collect(),
            done,
        }
    }

    pub(super) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        match output.format() {
            Format::Json => return output.json(self),
            Format::Plain => {
                let fields = [self.done.as_str().to_owned(), self.revision.to_string()];
                output.raw(plain::line(&fields).as_bytes())?;
            }
            Format::Table => {
                let any_data = self.results.iter().any(ResultObject::is_data);
                if output.is_quiet() {
                    if !any_data {
                        return Ok(());
                    }
                } else {
                    output.raw(self.heading(output.style().color).as_bytes())?;
                }
            }
        }
        if self.results.is_empty() {
            return Ok(());
        }
        output.rows(&COLUMNS, &self.results)
    }

    fn heading(&self, color: bool) -> String {
        let revision = grouped(self.revision);
        match self.done {
            Done::None => format!(
                "{}  a comparison does not hold, and there is no else: nothing was done  revision \
                 {revision}\n",
                Tone::Warning.paint("NO", color)
            ),
            done => format!("OK  {}  revision {revision}\n", done.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
