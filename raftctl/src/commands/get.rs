//! `raftctl get`.

use std::ffi::OsString;

use common::types::{Entry, GetRequest};

use super::{
    Session, argument_bytes,
    entry::{EntryRow, Form},
};
use crate::{
    cli::ReadArgs,
    failure::Failure,
    output::{
        Format, Output,
        bytes::{base64, escape_for_terminal, hex},
    },
};

const DETAILS: &str = "\
Prints the exact bytes of the value. On a terminal a newline is added and control characters are
escaped. --meta adds how long the key will live on, and its lease, if it does not live for ever;
plain: KEY, VALUE, REVISION, VERSION, CREATE_REVISION, TTL_MS, LEASE. A stale read with --meta or -o
json also says how old the answer may be: the index that the member had applied, and the time since
it last heard from a leader; plain: APPLIED, AGE_MS. A key that does not exist is exit code 3.

Examples:
  raftctl get default greeting
  raftctl get default logo > logo.png
  raftctl get default greeting -o json | jq -r .value
  raftctl get default greeting --consistency stale     also without a leader
  raftctl get default greeting --consistency stale --max-age 2s";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The key
    key: OsString,
    /// Print the key's revisions, version and time to live as well
    #[arg(long)]
    meta: bool,
    /// Print the value as hexadecimal
    #[arg(long, conflicts_with = "base64")]
    hex: bool,
    /// Print the value as base64
    #[arg(long)]
    base64: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl Args {
    fn form(&self) -> Form {
        match (self.hex, self.base64) {
            (true, _) => Form::Hex,
            (_, true) => Form::Base64,
            _ => Form::Text,
        }
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let key = argument_bytes(&args.key);
    let consistency = args.read.consistency()?;
    let client = session.connect(output).await?;
    let reply = client
        .get(GetRequest::new(&args.namespace, key.clone(), consistency))
        .await?;
    match reply.entry {
        Some(entry) if args.meta || output.format() == Format::Json => output
            .record(&EntryRow::new(&args.namespace, &entry, args.form()).aged(reply.staleness)),
        Some(entry) => print(&entry, args.form(), output),
        None => Err(Failure::KeyNotFound {
            namespace: args.namespace.clone(),
            key: key.into(),
        }),
    }
}

/// The value and nothing else.
fn print(entry: &Entry, form: Form, output: &mut Output) -> Result<(), Failure> {
    match form {
        Form::Hex => output.raw(format!("{}\n", hex(&entry.value)).as_bytes()),
        Form::Base64 => output.raw(format!("{}\n", base64(&entry.value)).as_bytes()),
        Form::Text if output.is_terminal() => {
            output.raw(format!("{}\n", escape_for_terminal(&entry.value)).as_bytes())
        }
        Form::Text => output.raw(&entry.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::printed;

    fn show(value: &'static [u8], terminal: bool, form: Form, format: Format) -> String {
        let entry = Entry {
            key: "k".into(),
            value: value.into(),
            create_revision: 3,
            size: 0,
            revision: 12,
            version: 2,
            ttl: None,
            lease: None,
        };
        printed(format, terminal, |output| print(&entry, form, output))
    }

    #[test]
    fn a_pipe_gets_the_exact_bytes() {
        for format in [Format::Table, Format::Plain] {
            assert_eq!(show(b"a\x1b[1m\n", false, Form::Text, format), "a\x1b[1m\n");
            assert_eq!(show(b"", false, Form::Text, format), "");
        }
    }

    #[test]
    fn a_terminal_gets_a_newline_and_no_control_characters() {
        let table = Format::Table;
        assert_eq!(
            show(b"a\x1b[1m\nb", true, Form::Text, table),
            "a\\x1b[1m\nb\n"
        );
        assert_eq!(show(b"", true, Form::Text, table), "\n");
    }

    #[test]
    fn other_forms_are_lines() {
        assert_eq!(show(b"\xffA", false, Form::Hex, Format::Table), "ff41\n");
        assert_eq!(show(b"\xffA", false, Form::Base64, Format::Table), "/0E=\n");
    }
}
