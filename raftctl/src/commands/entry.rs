//! An entry as `get --meta`, `ls` and `--prev` print it.

use common::types::{Entry, LeaseId, Staleness};
use serde::Serialize;

use super::aged::Aged;
use crate::output::{
    Record, Row, Style,
    bytes::{base64, escape, hex},
    json, plain,
    table::{Cell, Column, Tone, cut, facts, grouped, number, size, text},
    time::remaining,
};

const KEY: Column = text("KEY");
const REVISION: Column = number("REVISION");
const VERSION: Column = number("VERSION");
const TTL: Column = text("TTL");
const VALUE: Column = text("VALUE");

/// What a listing shows of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// No values.
    pub(crate) keys_only: bool,
    /// How long the keys live: only where one does not live for ever, else it is noise.
    pub(crate) lives: bool,
}

impl Columns {
    pub(crate) fn heads(self) -> &'static [Column] {
        match (self.keys_only, self.lives) {
            (false, false) => &[KEY, REVISION, VERSION, VALUE],
            (false, true) => &[KEY, REVISION, VERSION, TTL, VALUE],
            (true, false) => &[KEY, REVISION, VERSION],
            (true, true) => &[KEY, REVISION, VERSION, TTL],
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is; escaped where it must fit into a field.
    #[default]
    Text,
    Hex,
    Base64,
}

impl Form {
    fn field(self, value: &[u8]) -> String {
        match self {
            Self::Text => escape(value),
            Self::Hex => hex(value),
            Self::Base64 => base64(value),
        }
    }

    fn json(self, value: &[u8]) -> json::Value<'_> {
        match self {
            Self::Text => json::Value::new(value),
            Self::Hex => json::Value::hex(value),
            Self::Base64 => json::Value::base64(value),
        }
    }
}

/// An entry without its key, to be flattened into an object.
#[derive(Serialize)]
pub(crate) struct State<'a> {
    #[serde(flatten)]
    value: json::Value<'a>,
    #[serde(serialize_with = "json::as_string")]
    create_revision: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "json::as_optional_string"
    )]
    lease: Option<LeaseId>,
}

impl<'a> State<'a> {
    pub(crate) fn new(entry: &'a Entry, form: Form) -> Self {
        Self {
            value: form.json(&entry.value),
            create_revision: entry.create_revision,
            revision: entry.revision,
            version: entry.version,
            ttl_ms: entry.ttl.map(json::millis),
            lease: entry.lease,
        }
    }
}

/// The plain fields of an entry without its key: VALUE, REVISION, VERSION, CREATE_REVISION, TTL_MS,
/// LEASE; all absent where there is none.
pub(crate) fn state_fields(entry: Option<&Entry>, form: Form) -> Vec<String> {
    let Some(entry) = entry else {
        return vec![plain::ABSENT.to_owned(); 6];
    };
    vec![
        form.field(&entry.value),
        entry.revision.to_string(),
        entry.version.to_string(),
        entry.create_revision.to_string(),
        plain::optional(entry.ttl.map(json::millis)),
        plain::optional(entry.lease),
    ]
}

/// A line about what was there before, for people: `previous  version 2  revision 1 200  hello`.
/// With `key`, where there can be several.
pub(crate) fn previous_line(key: Option<&[u8]>, entry: Option<&Entry>, style: Style) -> String {
    let mut line = "previous".to_owned();
    if let Some(key) = key {
        line.push_str(&format!("  {}", escape(key)));
    }
    match entry {
        Some(entry) => line.push_str(&format!(
            "  version {}  revision {}  {}",
            grouped(entry.version),
            grouped(entry.revision),
            escape(&entry.value)
        )),
        None => line.push_str("  none"),
    }
    format!("{}\n", cut(line.trim_end(), style.width))
}

/// An entry and how to show it.
#[derive(Serialize)]
pub(crate) struct EntryRow<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(flatten)]
    state: State<'a>,
    #[serde(flatten)]
    aged: Option<Aged>,
    #[serde(skip)]
    entry: &'a Entry,
    #[serde(skip)]
    form: Form,
    #[serde(skip)]
    columns: Columns,
}

impl<'a> EntryRow<'a> {
    /// With everything there is.
    pub(crate) fn new(namespace: &'a str, entry: &'a Entry, form: Form) -> Self {
        Self {
            namespace,
            key: json::Key::new(&entry.key),
            state: State::new(entry, form),
            aged: None,
            entry,
            form,
            columns: Columns {
                keys_only: false,
                lives: true,
            },
        }
    }

    /// With how old it may be, if it was read so.
    pub(crate) fn aged(mut self, staleness: Option<Staleness>) -> Self {
        self.aged = staleness.map(Into::into);
        self
    }

    /// As a row of a listing.
    pub(crate) fn listed(namespace: &'a str, entry: &'a Entry, columns: Columns) -> Self {
        let mut row = Self {
            columns,
            ..Self::new(namespace, entry, Form::Text)
        };
        if columns.keys_only {
            row.state.value = json::Value::default();
        }
        row
    }

    fn fields(&self) -> Vec<String> {
        let mut fields = vec![escape(&self.entry.key)];
        if !self.columns.keys_only {
            fields.extend(state_fields(Some(self.entry), self.form));
        }
        fields.extend(self.aged.iter().flat_map(Aged::fields));
        fields
    }
}

impl Row for EntryRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![
            Cell::toned(escape(&self.entry.key), Tone::Accent),
            Cell::number(self.entry.revision),
            Cell::number(self.entry.version),
        ];
        if self.columns.lives {
            cells.push(match (self.entry.ttl, self.entry.lease) {
                (Some(ttl), Some(id)) => Cell::new(format!("{}, lease {id}", remaining(ttl))),
                (Some(ttl), None) => Cell::new(remaining(ttl)),
                (None, Some(id)) => Cell::new(format!("lease {id}")),
                (None, None) => Cell::toned("-", Tone::Dim),
            });
        }
        if !self.columns.keys_only {
            cells.push(Cell::new(self.form.field(&self.entry.value)));
        }
        cells
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

impl Record for EntryRow<'_> {
    fn table(&self, style: Style) -> String {
        let mut lines = vec![
            ("key", escape(&self.entry.key)),
            ("value", self.form.field(&self.entry.value)),
            ("size", size(self.entry.value.len() as u64)),
            ("version", grouped(self.entry.version)),
            ("revision", grouped(self.entry.revision)),
            ("created at revision", grouped(self.entry.create_revision)),
        ];
        if let Some(ttl) = self.entry.ttl {
            lines.push(("ttl", remaining(ttl)));
        }
        if let Some(id) = self.entry.lease {
            lines.push(("lease", id.to_string()));
        }
        if let Some(aged) = self.aged {
            lines.extend(aged.facts());
        }
        facts(&lines, style.color)
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

#[cfg(test)]
mod tests;
