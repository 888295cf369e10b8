//! `raftctl incr`.

use std::ffi::OsString;

use common::types::{IncrementReply, IncrementRequest, Lifetime};
use serde::Serialize;

use super::{Session, argument_bytes, lifetime::LifetimeArgs};
use crate::{
    failure::Failure,
    output::{Output, Record, Style, json, table::grouped},
};

const DETAILS: &str = "\
The value is a decimal number between -2^63 and 2^63-1; a key that does not exist counts as 0.
However often the request has to be sent, it is added once. Without a choice of its life, a counter
that exists lives on as it does.

Prints the new value, the revision and the version of the key; plain: VALUE, REVISION, VERSION. In
JSON the value is a string, as every number of 64 bits.

Examples:
  raftctl incr default visits
  raftctl incr default stock -5
  raftctl incr default attempts/n1 --ttl 10m        ten minutes from the last attempt
  next=$(raftctl incr default ticket -o plain | cut -f 1)";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The key
    key: OsString,
    /// What to add; may be negative
    #[arg(default_value = "1", allow_negative_numbers = true, value_parser = parse_by)]
    by: i64,
    #[command(flatten)]
    lifetime: LifetimeArgs,
}

#[derive(Serialize)]
struct Counter<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(serialize_with = "json::as_string")]
    value: i64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    version: u64,
}

impl<'a> Counter<'a> {
    fn new(namespace: &'a str, key: &'a [u8], reply: &IncrementReply) -> Self {
        Self {
            namespace,
            key: json::Key::new(key),
            value: reply.value,
            revision: reply.revision,
            version: reply.version,
        }
    }
}

impl Record for Counter<'_> {
    /// The digits of the value are not grouped: it is data.
    fn table(&self, _: Style) -> String {
        format!(
            "OK  value {}  revision {}  version {}\n",
            self.value,
            grouped(self.revision),
            grouped(self.version)
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![
            self.value.to_string(),
            self.revision.to_string(),
            self.version.to_string(),
        ]
    }
}

fn parse_by(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| "not a whole number of 64 bits".to_owned())
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let key = argument_bytes(&args.key);
    let client = session.connect(output).await?;
    let reply = client
        .increment(IncrementRequest {
            namespace: args.namespace.clone(),
            key: key.clone(),
            by: args.by,
            lifetime: args.lifetime.chosen().unwrap_or(Lifetime::Keep),
        })
        .await?;
    output.record(&Counter::new(&args.namespace, &key, &reply))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_counter_in_each_form() {
        let reply = IncrementReply {
            revision: 1200,
            version: 6,
            value: -1_234_567,
        };
        let show = |format| {
            printed(format, false, |output| {
                output.record(&Counter::new("default", b"c", &reply))
            })
        };
        assert_eq!(
            show(Format::Table),
            "OK  value -1234567  revision 1 200  version 6\n"
        );
        assert_eq!(show(Format::Plain), "-1234567\t1200\t6\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"key\":\"c\",\"value\":\"-1234567\",\
             \"revision\":\"1200\",\"version\":6}\n"
        );
    }
}
