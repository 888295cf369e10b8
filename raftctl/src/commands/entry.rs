//! An entry as `get --meta` and `ls` print it.

use common::types::Entry;
use serde::Serialize;

use crate::output::{
    Record, Row, Style,
    bytes::{base64, escape, hex},
    json,
    table::{Cell, Column, Tone, facts, grouped, number, size, text},
};

/// The columns of a listing with values.
pub(crate) const COLUMNS: [Column; 4] = [
    text("KEY"),
    number("REVISION"),
    number("VERSION"),
    text("VALUE"),
];

/// The columns of a listing of keys.
pub(crate) const KEY_COLUMNS: [Column; 3] = [text("KEY"), number("REVISION"), number("VERSION")];

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

/// An entry and how to show it.
#[derive(Serialize)]
pub(crate) struct EntryRow<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(flatten)]
    value: json::Value<'a>,
    #[serde(serialize_with = "json::as_string")]
    create_revision: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    version: u64,
    #[serde(skip)]
    entry: &'a Entry,
    #[serde(skip)]
    form: Form,
    #[serde(skip)]
    keys_only: bool,
}

impl<'a> EntryRow<'a> {
    pub(crate) fn new(namespace: &'a str, entry: &'a Entry, form: Form) -> Self {
        Self {
            namespace,
            key: json::Key::new(&entry.key),
            value: form.json(&entry.value),
            create_revision: entry.create_revision,
            revision: entry.revision,
            version: entry.version,
            entry,
            form,
            keys_only: false,
        }
    }

    /// Without the value.
    pub(crate) fn key(namespace: &'a str, entry: &'a Entry) -> Self {
        Self {
            value: json::Value::default(),
            keys_only: true,
            ..Self::new(namespace, entry, Form::Text)
        }
    }

    fn fields(&self) -> Vec<String> {
        if self.keys_only {
            return vec![escape(&self.entry.key)];
        }
        vec![
            escape(&self.entry.key),
            self.form.field(&self.entry.value),
            self.revision.to_string(),
            self.version.to_string(),
            self.create_revision.to_string(),
        ]
    }
}

impl Row for EntryRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![
            Cell::toned(escape(&self.entry.key), Tone::Accent),
            Cell::number(self.revision),
            Cell::number(self.version),
        ];
        if !self.keys_only {
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
        facts(
            &[
                ("key", escape(&self.entry.key)),
                ("value", self.form.field(&self.entry.value)),
                ("size", size(self.entry.value.len() as u64)),
                ("version", grouped(self.version)),
                ("revision", grouped(self.revision)),
                ("created at revision", grouped(self.create_revision)),
            ],
            style.color,
        )
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::output::{Format, tests::printed};

    fn entry(key: &'static [u8], value: &'static [u8]) -> Entry {
        Entry {
            key: Bytes::from_static(key),
            value: Bytes::from_static(value),
            create_revision: 3,
            revision: 1200,
            version: 2,
        }
    }

    #[test]
    fn a_listing_in_each_form() {
        let entries = [entry(b"a\tb", b"one\ntwo"), entry(b"\xff", b"")];
        let list = |format, terminal| {
            printed(format, terminal, |output| {
                let rows: Vec<_> = entries
                    .iter()
                    .map(|entry| EntryRow::new("default", entry, Form::Text))
                    .collect();
                output.rows(&COLUMNS, &rows)
            })
        };
        assert_eq!(
            list(Format::Table, false),
            "KEY   REVISION  VERSION  VALUE\n\
             a\\tb     1 200        2  one\\ntwo\n\
             \\xff     1 200        2\n"
        );
        assert_eq!(
            list(Format::Plain, false),
            "a\\tb\tone\\ntwo\t1200\t2\t3\n\\xff\t\t1200\t2\t3\n"
        );
        assert_eq!(
            list(Format::Json, false),
            "{\"namespace\":\"default\",\"key\":\"a\\tb\",\"value\":\"one\\ntwo\",\
             \"create_revision\":\"3\",\"revision\":\"1200\",\"version\":2}\n\
             {\"namespace\":\"default\",\"key_b64\":\"/w==\",\"value\":\"\",\
             \"create_revision\":\"3\",\"revision\":\"1200\",\"version\":2}\n"
        );
    }

    #[test]
    fn keys_alone_have_no_value_in_any_form() {
        let entry = entry(b"k", b"");
        let list = |format| {
            printed(format, false, |output| {
                output.rows(&KEY_COLUMNS, &[EntryRow::key("default", &entry)])
            })
        };
        assert_eq!(
            list(Format::Table),
            "KEY  REVISION  VERSION\nk       1 200        2\n"
        );
        assert_eq!(list(Format::Plain), "k\n");
        assert_eq!(
            list(Format::Json),
            "{\"namespace\":\"default\",\"key\":\"k\",\"create_revision\":\"3\",\
             \"revision\":\"1200\",\"version\":2}\n"
        );
    }

    #[test]
    fn one_entry_with_its_history() {
        let entry = entry(b"k", b"\x00v");
        let show = |format, form| {
            printed(format, false, |output| {
                output.record(&EntryRow::new("default", &entry, form))
            })
        };
        assert_eq!(
            show(Format::Table, Form::Hex),
            "key                  k\n\
             value                0076\n\
             size                 2 B\n\
             version              2\n\
             revision             1 200\n\
             created at revision  3\n"
        );
        assert_eq!(show(Format::Plain, Form::Base64), "k\tAHY=\t1200\t2\t3\n");
        assert!(show(Format::Json, Form::Hex).contains(r#""value_hex":"0076""#));
    }
}
