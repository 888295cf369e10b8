//! `raftctl count`.

use std::ffi::OsString;

use common::types::CountRequest;
use serde::Serialize;

use super::{Session, aged::Aged, optional_bytes};
use crate::{
    cli::ReadArgs,
    failure::Failure,
    output::{Output, Record, Style, json},
};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// Only keys that begin with this
    prefix: Option<OsString>,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Counted<'a> {
    namespace: &'a str,
    count: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    #[serde(flatten)]
    aged: Option<Aged>,
}

impl Record for Counted<'_> {
    /// Digits are not grouped: `$(raftctl count ...)` is a number.
    fn table(&self, _: Style) -> String {
        format!("{}\n", self.count)
    }

    fn plain(&self) -> Vec<String> {
        vec![self.count.to_string()]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let consistency = args.read.consistency()?;
    let client = session.connect(output).await?;
    let reply = client
        .count(CountRequest {
            namespace: args.namespace.clone(),
            prefix: optional_bytes(args.prefix.as_ref()).unwrap_or_default(),
            consistency,
        })
        .await?;
    output.record(&Counted {
        namespace: &args.namespace,
        count: reply.count,
        revision: reply.revision,
        aged: reply.staleness.map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_count_is_a_bare_number_or_an_object() {
        let show = |format| {
            printed(format, false, |output| {
                output.record(&Counted {
                    namespace: "default",
                    count: 1_234_567,
                    revision: 9,
                    aged: None,
                })
            })
        };
        assert_eq!(show(Format::Table), "1234567\n");
        assert_eq!(show(Format::Plain), "1234567\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"count\":1234567,\"revision\":\"9\"}\n"
        );
    }
}
