//! A record of a watch in each form.

use common::{
    client::WatchItem,
    types::{EventKind, PreviousValue, Revision},
};
use serde::Serialize;

use crate::output::{
    Row,
    bytes::escape,
    json, plain,
    table::{Cell, Column, Tone, number, text},
};

pub(super) const COLUMNS: [Column; 5] = [
    text("TYPE"),
    number("REVISION"),
    number("VERSION"),
    text("KEY"),
    text("VALUE"),
];

pub(super) const COLUMNS_WITH_PREVIOUS: [Column; 6] = [
    text("TYPE"),
    number("REVISION"),
    number("VERSION"),
    text("KEY"),
    text("VALUE"),
    text("BEFORE"),
];

/// Records come one at a time: columns have room from the beginning for what is usual.
pub(super) const WIDTHS: [usize; 4] = [6, 9, 7, 16];

/// The type of a record, as each form has it.
pub(super) fn word(item: &WatchItem) -> &'static str {
    match item {
        WatchItem::Entry(_) => "entry",
        WatchItem::Ready => "ready",
        WatchItem::Resync => "resync",
        WatchItem::Event(event) => match event.kind {
            EventKind::Put => "put",
            EventKind::Delete => "delete",
            EventKind::Expire => "expire",
            EventKind::NamespaceDeleted => "namespace_deleted",
        },
    }
}

fn tone(word: &str) -> Tone {
    match word {
        "put" => Tone::Good,
        "delete" | "namespace_deleted" => Tone::Bad,
        "expire" | "resync" => Tone::Warning,
        "ready" => Tone::Dim,
        _ => Tone::Normal,
    }
}

/// A record. What it does not have is left out of the object.
#[derive(Serialize)]
pub(super) struct Change<'a> {
    r#type: &'static str,
    namespace: &'a str,
    #[serde(flatten)]
    key: Option<json::Key<'a>>,
    #[serde(flatten)]
    value: Option<json::Value<'a>>,
    #[serde(
        serialize_with = "json::as_optional_string",
        skip_serializing_if = "Option::is_none"
    )]
    revision: Option<Revision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(
        serialize_with = "json::as_optional_string",
        skip_serializing_if = "Option::is_none"
    )]
    create_revision: Option<Revision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous<'a>>,
    #[serde(skip)]
    bytes: Bytes<'a>,
}

/// The key and values themselves, for the forms that escape them.
#[derive(Default)]
struct Bytes<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// None: it was not asked for.
    previous: Option<Option<&'a PreviousValue>>,
}

/// What was there before.
#[derive(Serialize)]
struct Previous<'a> {
    #[serde(flatten)]
    value: json::Value<'a>,
    #[serde(serialize_with = "json::as_string")]
    revision: Revision,
    version: u64,
}

impl<'a> Change<'a> {
    /// `previous`: whether it was asked for what was there before.
    pub(super) fn new(namespace: &'a str, item: &'a WatchItem, previous: bool) -> Self {
        let mut change = Self {
            r#type: word(item),
            namespace,
            key: None,
            value: None,
            revision: None,
            version: None,
            create_revision: None,
            previous: None,
            bytes: Bytes::default(),
        };
        let bytes = &mut change.bytes;
        match item {
            WatchItem::Ready | WatchItem::Resync => {}
            WatchItem::Entry(entry) => {
                bytes.key = Some(&entry.key);
                bytes.value = Some(&entry.value);
                change.revision = Some(entry.revision);
                change.version = Some(entry.version);
                change.create_revision = Some(entry.create_revision);
            }
            WatchItem::Event(event) => {
                if event.kind != EventKind::NamespaceDeleted {
                    bytes.key = Some(&event.key);
                }
                change.revision = Some(event.revision);
                if event.kind == EventKind::Put {
                    bytes.value = Some(&event.value);
                    change.version = Some(event.version);
                    change.create_revision = Some(event.create_revision);
                }
                bytes.previous = previous.then_some(event.previous.as_ref());
                change.previous = event.previous.as_ref().map(|before| Previous {
                    value: json::Value::new(&before.value),
                    revision: before.revision,
                    version: before.version,
                });
            }
        }
        if previous {
            bytes.previous.get_or_insert(None);
        }
        change.key = bytes.key.map(json::Key::new);
        change.value = bytes.value.map(json::Value::new);
        change
    }
}

impl Row for Change<'_> {
    fn cells(&self) -> Vec<Cell> {
        let tone = tone(self.r#type);
        let Some(revision) = self.revision else {
            return vec![Cell::toned(self.r#type, tone)];
        };
        let mut cells = vec![
            Cell::toned(self.r#type, tone),
            Cell::number(revision),
            Cell::optional(self.version),
            Cell::toned(self.bytes.key.map(escape).unwrap_or_default(), Tone::Accent),
            Cell::new(self.bytes.value.map(escape).unwrap_or_default()),
        ];
        if let Some(Some(before)) = self.bytes.previous {
            cells.push(Cell::toned(escape(&before.value), Tone::Dim));
        }
        cells
    }

    fn plain(&self) -> Vec<String> {
        let mut fields = vec![
            self.r#type.to_owned(),
            plain::optional(self.bytes.key.map(escape)),
            plain::optional(self.bytes.value.map(escape)),
            plain::optional(self.revision),
            plain::optional(self.version),
            plain::optional(self.create_revision),
        ];
        if let Some(before) = self.bytes.previous {
            fields.extend([
                plain::optional(before.map(|before| escape(&before.value))),
                plain::optional(before.map(|before| before.revision)),
                plain::optional(before.map(|before| before.version)),
            ]);
        }
        fields
    }
}

#[cfg(test)]
pub(super) mod tests {
    use common::types::{Entry, Event};

    use super::*;
    use crate::output::{Format, table::Table, tests::printed};

    pub(in crate::commands::watch) fn put() -> Event {
        Event {
            kind: EventKind::Put,
            key: "k".into(),
            size: 0,
            revision: 1200,
            value: "one\ntwo".into(),
            version: 2,
            create_revision: 3,
            previous: None,
        }
    }

    pub(in crate::commands::watch) fn delete() -> Event {
        Event {
            kind: EventKind::Delete,
            revision: 1201,
            value: "".into(),
            version: 0,
            create_revision: 0,
            previous: Some(PreviousValue {
                value: "before".into(),
                revision: 1200,
                version: 2,
            }),
            ..put()
        }
    }

    fn items() -> Vec<WatchItem> {
        let entry = Entry {
            key: "\u{fc}".into(),
            value: b"\xff"[..].into(),
            create_revision: 3,
            size: 0,
            revision: 4,
            version: 1,
            ttl: None,
            lease: None,
        };
        let gone = Event {
            kind: EventKind::NamespaceDeleted,
            key: "".into(),
            revision: 1_000_000,
            previous: None,
            ..delete()
        };
        vec![
            WatchItem::Entry(entry),
            WatchItem::Ready,
            WatchItem::Event(put()),
            WatchItem::Event(delete()),
            WatchItem::Event(gone),
        ]
    }

    fn shown(format: Format, previous: bool) -> String {
        printed(format, false, |output| {
            let columns: &[_] = match previous {
                true => &COLUMNS_WITH_PREVIOUS,
                false => &COLUMNS,
            };
            let mut table = Table::new(columns).at_least(&WIDTHS);
            items().iter().try_for_each(|item| {
                output.more_rows(&mut table, &[Change::new("default", item, previous)])
            })
        })
    }

    #[test]
    fn people_get_aligned_lines_one_at_a_time() {
        assert_eq!(
            shown(Format::Table, true),
            "\
TYPE     REVISION  VERSION  KEY               VALUE  BEFORE
entry           4        1  \u{fc}                 \\xff
ready
put         1 200        2  k                 one\\ntwo
delete      1 201        -  k                           before
namespace_deleted  1 000 000        -
"
        );
    }

    #[test]
    fn scripts_get_fields_that_stay_where_they_are() {
        assert_eq!(
            shown(Format::Plain, false),
            "entry\t\u{fc}\t\\xff\t4\t1\t3\n\
             ready\t-\t-\t-\t-\t-\n\
             put\tk\tone\\ntwo\t1200\t2\t3\n\
             delete\tk\t-\t1201\t-\t-\n\
             namespace_deleted\t-\t-\t1000000\t-\t-\n"
        );
        let lines = shown(Format::Plain, true);
        assert!(lines.contains("put\tk\tone\\ntwo\t1200\t2\t3\t-\t-\t-\n"));
        assert!(lines.contains("delete\tk\t-\t1201\t-\t-\tbefore\t1200\t2\n"));
        assert!(lines.contains("ready\t-\t-\t-\t-\t-\t-\t-\t-\n"));
    }

    #[test]
    fn programs_get_an_object_with_what_the_record_has() {
        let lines = shown(Format::Json, true);
        assert_eq!(
            lines,
            "{\"type\":\"entry\",\"namespace\":\"default\",\"key\":\"\u{fc}\",\"value_b64\":\"/w==\",\
             \"revision\":\"4\",\"version\":1,\"create_revision\":\"3\"}\n\
             {\"type\":\"ready\",\"namespace\":\"default\"}\n\
             {\"type\":\"put\",\"namespace\":\"default\",\"key\":\"k\",\"value\":\"one\\ntwo\",\
             \"revision\":\"1200\",\"version\":2,\"create_revision\":\"3\"}\n\
             {\"type\":\"delete\",\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"1201\",\
             \"previous\":{\"value\":\"before\",\"revision\":\"1200\",\"version\":2}}\n\
             {\"type\":\"namespace_deleted\",\"namespace\":\"default\",\"revision\":\"1000000\"}\n"
        );
    }
}
