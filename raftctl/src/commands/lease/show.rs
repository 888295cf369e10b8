//! One lease with the keys that live with it.

use common::types::DescribeLeaseReply;
use serde::Serialize;

use super::LeaseRow;
use crate::{
    failure::Failure,
    output::{
        Format, Output, Record, Row, Style,
        bytes::escape,
        json,
        table::{Cell, Column, Tone, counted, facts, grouped, text},
        time::{exact, remaining},
    },
};

const COLUMNS: [Column; 2] = [text("NAMESPACE"), text("KEY")];

/// A key that lives with the lease.
#[derive(Serialize)]
struct Attached<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(skip)]
    bytes: &'a [u8],
}

impl Row for Attached<'_> {
    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::new(escape(self.namespace.as_bytes())),
            Cell::toned(escape(self.bytes), Tone::Accent),
        ]
    }

    fn plain(&self) -> Vec<String> {
        vec![escape(self.namespace.as_bytes()), escape(self.bytes)]
    }
}

fn attached(reply: &DescribeLeaseReply) -> Vec<Attached<'_>> {
    reply
        .keys
        .iter()
        .map(|(namespace, key)| Attached {
            namespace,
            key: json::Key::new(key),
            bytes: key,
        })
        .collect()
}

/// The lease; in JSON its keys stand in it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    lease: LeaseRow,
    attached: Vec<Attached<'a>>,
}

impl Record for Shown<'_> {
    fn table(&self, style: Style) -> String {
        facts(
            &[
                // Not grouped: it is to be copied.
                ("lease", self.lease.id.to_string()),
                ("ttl", exact(self.lease.info.ttl)),
                ("remaining", remaining(self.lease.info.remaining)),
                ("keys", grouped(self.lease.keys)),
            ],
            style.color,
        )
    }

    fn plain(&self) -> Vec<String> {
        self.lease.fields()
    }
}

/// Prints the lease, and in a table its keys below.
pub(super) fn print(reply: &DescribeLeaseReply, output: &mut Output) -> Result<(), Failure> {
    output.record(&Shown {
        lease: reply.lease.into(),
        attached: attached(reply),
    })?;
    if output.format() == Format::Table && !reply.keys.is_empty() {
        output.raw(b"\n")?;
        return print_keys(reply, output);
    }
    Ok(())
}

/// Prints the keys alone.
pub(super) fn print_keys(reply: &DescribeLeaseReply, output: &mut Output) -> Result<(), Failure> {
    let rows = attached(reply);
    let shown = rows.len() as u64;
    if rows.is_empty() {
        if output.format() == Format::Table {
            output.note("no keys");
        }
        return Ok(());
    }
    output.rows(&COLUMNS, &rows)?;
    if shown < reply.lease.keys {
        output.note(&format!(
            "these are the first {} of {}",
            grouped(shown),
            counted(reply.lease.keys, "key")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commands::lease::tests::info, output::tests::printed};

    fn reply() -> DescribeLeaseReply {
        DescribeLeaseReply {
            lease: info(),
            keys: vec![
                ("default".to_owned(), "workers/n1".into()),
                ("jobs".to_owned(), "a\t\u{1}".into()),
            ],
        }
    }

    #[test]
    fn a_lease_with_its_keys_in_each_form() {
        let show = |format| printed(format, false, |output| print(&reply(), output));
        assert_eq!(
            show(Format::Table),
            "lease      1150\n\
             ttl        30s\n\
             remaining  21s\n\
             keys       2\n\
             \n\
             NAMESPACE  KEY\n\
             default    workers/n1\n\
             jobs       a\\t\\x01\n"
        );
        assert_eq!(show(Format::Plain), "1150\t30000\t21400\t2\n");
        assert_eq!(
            show(Format::Json),
            "{\"id\":\"1150\",\"ttl_ms\":30000,\"remaining_ms\":21400,\"keys\":2,\
             \"attached\":[{\"namespace\":\"default\",\"key\":\"workers/n1\"},\
             {\"namespace\":\"jobs\",\"key\":\"a\\t\\u0001\"}]}\n"
        );
    }

    #[test]
    fn its_keys_alone_are_lines_or_objects() {
        let show = |format| printed(format, false, |output| print_keys(&reply(), output));
        assert_eq!(
            show(Format::Plain),
            "default\tworkers/n1\njobs\ta\\t\\x01\n"
        );
        assert!(
            show(Format::Json).starts_with("{\"namespace\":\"default\",\"key\":\"workers/n1\"}\n")
        );
    }
}
