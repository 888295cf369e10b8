//! `raftctl put`.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal},
    path::PathBuf,
};

use bytes::Bytes;
use common::types::{Condition, Entry, Lifetime, PutReply, PutRequest};
use serde::Serialize;

use super::{
    Session, argument_bytes,
    condition::ConditionArgs,
    entry::{Form, State, previous_line, state_fields},
    input,
    lifetime::LifetimeArgs,
};
use crate::{
    failure::Failure,
    output::{Output, Record, Style, bytes::quote, json, table::grouped},
};

const DETAILS: &str = "\
Prints the revision and the version of the key; plain: REVISION, VERSION. With --prev also what was
there before, or that there was nothing; plain appends its VALUE, REVISION, VERSION,
CREATE_REVISION, TTL_MS, LEASE.

Without a choice of its life, the key lives as the namespace has it: for the default time to live,
else for ever. If a condition does not hold nothing is written, and the error names the version and
the revision that the key has; with -o json as `current`.

Examples:
  raftctl put default greeting hello
  raftctl put default greeting \"\"                 the empty value
  raftctl put default offset -5                   a value may begin with a dash
  raftctl put default flag -- --yes               one that looks like an option stands behind --
  raftctl put default logo --file logo.png
  date | raftctl put default now                  the bytes of a pipe, the last newline included
  raftctl put default code 4711 --ttl 5m
  raftctl put default config v2 --if-version 3    nobody else wrote it meanwhile
  raftctl put default owner n1 --if-absent --lease 1150";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The key
    key: OsString,
    /// The value; - reads stdin. Without it the value is read from a pipe, or asked for
    #[arg(allow_hyphen_values = true)]
    value: Option<OsString>,
    /// Take the value from a file
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    file: Option<PathBuf>,
    #[command(flatten)]
    lifetime: LifetimeArgs,
    /// Let the key live on as it does; a new one as the namespace has it
    #[arg(long, group = "lifetime")]
    keep_ttl: bool,
    #[command(flatten)]
    condition: ConditionArgs,
    /// Only if there is no such key; else exit code 4
    #[arg(long, group = "condition")]
    if_absent: bool,
    /// Print what was there before
    #[arg(long)]
    prev: bool,
}

impl Args {
    fn lifetime(&self) -> Lifetime {
        let keep = self.keep_ttl.then_some(Lifetime::Keep);
        self.lifetime.chosen().or(keep).unwrap_or_default()
    }

    fn condition(&self) -> Option<Condition> {
        let absent = self.if_absent.then_some(Condition::Absent);
        self.condition.chosen().or(absent)
    }
}

#[derive(Serialize)]
struct Stored<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    version: u64,
    /// Absent unless it was asked for; null if there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Option<State<'a>>>,
    #[serde(skip)]
    before: Option<&'a Entry>,
}

impl<'a> Stored<'a> {
    fn new(namespace: &'a str, key: &'a [u8], reply: &'a PutReply, prev: bool) -> Self {
        let before = reply.previous.as_ref();
        Self {
            namespace,
            key: json::Key::new(key),
            revision: reply.revision,
            version: reply.version,
            previous: prev.then(|| before.map(|entry| State::new(entry, Form::Text))),
            before,
        }
    }
}

impl Record for Stored<'_> {
    fn table(&self, style: Style) -> String {
        let mut lines = format!(
            "OK  revision {}  version {}\n",
            grouped(self.revision),
            grouped(self.version)
        );
        if self.previous.is_some() {
            lines.push_str(&previous_line(None, self.before, style));
        }
        lines
    }

    fn plain(&self) -> Vec<String> {
        let mut fields = vec![self.revision.to_string(), self.version.to_string()];
        if self.previous.is_some() {
            fields.extend(state_fields(self.before, Form::Text));
        }
        fields
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let key = argument_bytes(&args.key);
    let value = value(args, &key, session).await?;
    let client = session.connect(output).await?;
    let reply = client
        .put(PutRequest {
            condition: args.condition(),
            lifetime: args.lifetime(),
            previous: args.prev,
            ..PutRequest::new(&args.namespace, key.clone(), value)
        })
        .await?;
    let stored = Stored::new(&args.namespace, &key, &reply, args.prev);
    if args.prev {
        // It was asked for: more than a confirmation.
        output.record(&stored)
    } else {
        output.confirmation(&stored)
    }
}

async fn value(args: &Args, key: &[u8], session: &Session) -> Result<Bytes, Failure> {
    if let Some(path) = &args.file {
        return input::file(path, "value").await;
    }
    match args.value.as_deref() {
        Some(value) if value != OsStr::new("-") => return Ok(argument_bytes(value)),
        Some(_) => return input::stdin("value").await,
        None => {}
    }
    if io::stdin().is_terminal() {
        let prompt = format!("Value of {}", quote(key));
        if let Some(typed) = session.prompt.value(prompt).await? {
            return Ok(typed.into());
        }
    } else if input::stdin_offers() {
        return input::stdin("value").await;
    }
    Err(Failure::Usage {
        message: "the value is missing".to_owned(),
        hint: Some(
            "give it as an argument (\"\" is the empty value), with --file, or through a pipe"
                .to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    fn show(format: Format, reply: &PutReply, prev: bool) -> String {
        printed(format, false, |output| {
            output.confirmation(&Stored::new("default", b"k", reply, prev))
        })
    }

    #[test]
    fn a_put_is_confirmed_in_each_form() {
        let reply = PutReply {
            revision: 1200,
            version: 1,
            previous: None,
        };
        let show = |format| show(format, &reply, false);
        assert_eq!(show(Format::Table), "OK  revision 1 200  version 1\n");
        assert_eq!(show(Format::Plain), "1200\t1\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"1200\",\"version\":1}\n"
        );
    }

    #[test]
    fn what_was_there_before_stands_behind_it() {
        let reply = PutReply {
            revision: 1200,
            version: 3,
            previous: Some(Entry {
                key: "k".into(),
                value: "old\n".into(),
                create_revision: 7,
                size: 0,
                revision: 1150,
                version: 2,
                ttl: None,
                lease: Some(9),
            }),
        };
        let show = |format| show(format, &reply, true);
        assert_eq!(
            show(Format::Table),
            "OK  revision 1 200  version 3\nprevious  version 2  revision 1 150  old\\n\n"
        );
        assert_eq!(show(Format::Plain), "1200\t3\told\\n\t1150\t2\t7\t-\t9\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"1200\",\"version\":3,\
             \"previous\":{\"value\":\"old\\n\",\"create_revision\":\"7\",\"revision\":\"1150\",\
             \"version\":2,\"lease\":\"9\"}}\n"
        );
    }

    #[test]
    fn that_there_was_nothing_before_is_said_where_it_was_asked() {
        let reply = PutReply {
            revision: 12,
            version: 1,
            previous: None,
        };
        let show = |format| show(format, &reply, true);
        assert_eq!(
            show(Format::Table),
            "OK  revision 12  version 1\nprevious  none\n"
        );
        assert_eq!(show(Format::Plain), "12\t1\t-\t-\t-\t-\t-\t-\n");
        assert!(show(Format::Json).ends_with("\"version\":1,\"previous\":null}\n"));
    }
}
