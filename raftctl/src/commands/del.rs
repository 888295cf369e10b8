//! `raftctl del`.

use std::ffi::OsString;

use common::{
    Client,
    types::{Consistency, CountRequest, DeletePrefixRequest, DeleteReply, DeleteRequest, Entry},
};
use serde::Serialize;

use super::{
    Session, argument_bytes,
    condition::ConditionArgs,
    entry::{Form, State, previous_line, state_fields},
};
use crate::{
    failure::Failure,
    output::{
        Format, Output, Record, Style,
        bytes::{escape, quote},
        json, plain,
        table::{counted, grouped},
    },
};

const DETAILS: &str = "\
The keys are deleted together or not at all. Keys that do not exist are not counted and are no
error. Prints how many were deleted and the revision; plain: DELETED, REVISION. With --prev also
what was there before; plain: a line for each, with KEY, VALUE, REVISION, VERSION, CREATE_REVISION,
TTL_MS, LEASE.

A condition must hold of every key named, each of which must exist; else nothing is deleted.

Examples:
  raftctl del default greeting
  raftctl del default a b c
  raftctl del default greeting --if-version 3 --prev
  raftctl del default --prefix sessions/
  raftctl del default --prefix \"\" --yes       every key of the namespace";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The keys
    #[arg(value_name = "KEY", required_unless_present = "prefix")]
    keys: Vec<OsString>,
    /// Delete every key that begins with this; asks first, and needs --yes where it cannot ask
    #[arg(
        long,
        conflicts_with_all = ["keys", "condition", "prev"],
        allow_hyphen_values = true
    )]
    prefix: Option<OsString>,
    #[command(flatten)]
    condition: ConditionArgs,
    /// Print what was there before
    #[arg(long)]
    prev: bool,
}

#[derive(Serialize)]
struct Deleted<'a> {
    namespace: &'a str,
    deleted: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    /// Absent unless it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Vec<Before<'a>>>,
    #[serde(skip)]
    before: &'a [Entry],
}

/// What was deleted.
#[derive(Serialize)]
struct Before<'a> {
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(flatten)]
    state: State<'a>,
}

impl<'a> From<&'a Entry> for Before<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            key: json::Key::new(&entry.key),
            state: State::new(entry, Form::Text),
        }
    }
}

impl<'a> Deleted<'a> {
    fn new(namespace: &'a str, reply: &'a DeleteReply, prev: bool) -> Self {
        Self {
            namespace,
            deleted: reply.deleted,
            revision: reply.revision,
            previous: prev.then(|| reply.previous.iter().map(Before::from).collect()),
            before: &reply.previous,
        }
    }

    /// The lines about what was there before, in the forms that have lines.
    fn print_before(&self, output: &mut Output) -> Result<(), Failure> {
        let style = output.style();
        for entry in self.before {
            let line = match output.format() {
                Format::Json => return Ok(()),
                Format::Table => previous_line(Some(&entry.key), Some(entry), style),
                Format::Plain => {
                    let mut fields = vec![escape(&entry.key)];
                    fields.extend(state_fields(Some(entry), Form::Text));
                    plain::line(&fields)
                }
            };
            output.raw(line.as_bytes())?;
        }
        Ok(())
    }
}

impl Record for Deleted<'_> {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  deleted {}  revision {}\n",
            grouped(self.deleted),
            grouped(self.revision)
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![self.deleted.to_string(), self.revision.to_string()]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let client = session.connect(output).await?;
    let reply = match &args.prefix {
        Some(prefix) => {
            let request = DeletePrefixRequest {
                namespace: args.namespace.clone(),
                prefix: argument_bytes(prefix),
            };
            delete_prefix(request, &client, session).await?
        }
        None => {
            let keys = args.keys.iter().map(|key| argument_bytes(key)).collect();
            client
                .delete(DeleteRequest {
                    condition: args.condition.chosen(),
                    previous: args.prev,
                    ..DeleteRequest::new(&args.namespace, keys)
                })
                .await?
        }
    };
    let deleted = Deleted::new(&args.namespace, &reply, args.prev);
    output.confirmation(&deleted)?;
    deleted.print_before(output)
}

async fn delete_prefix(
    request: DeletePrefixRequest,
    client: &Client,
    session: &Session,
) -> Result<DeleteReply, Failure> {
    if !session.prompt.assumes_yes() {
        let found = client
            .count(CountRequest {
                namespace: request.namespace.clone(),
                prefix: request.prefix.clone(),
                consistency: Consistency::Linearizable,
            })
            .await?;
        if found.count == 0 {
            // Keys that appear from now on were not part of any question.
            return Ok(DeleteReply {
                deleted: 0,
                revision: found.revision,
                previous: Vec::new(),
            });
        }
        session
            .prompt
            .confirm(effect(&request, found.count))
            .await?;
    }
    Ok(client.delete_prefix(request).await?)
}

fn effect(request: &DeletePrefixRequest, count: u64) -> String {
    let which = if request.prefix.is_empty() {
        "all keys".to_owned()
    } else {
        format!("every key that begins with {}", quote(&request.prefix))
    };
    format!(
        "this deletes {} ({which}) in namespace {:?}",
        counted(count, "key"),
        request.namespace
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::printed;

    fn show(format: Format, reply: &DeleteReply, prev: bool) -> String {
        printed(format, false, |output| {
            let deleted = Deleted::new("default", reply, prev);
            output.confirmation(&deleted)?;
            deleted.print_before(output)
        })
    }

    #[test]
    fn a_deletion_is_confirmed_in_each_form() {
        let reply = DeleteReply {
            deleted: 3,
            revision: 14,
            previous: Vec::new(),
        };
        let show = |format| show(format, &reply, false);
        assert_eq!(show(Format::Table), "OK  deleted 3  revision 14\n");
        assert_eq!(show(Format::Plain), "3\t14\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"deleted\":3,\"revision\":\"14\"}\n"
        );
    }

    #[test]
    fn what_was_deleted_is_printed_where_it_was_asked() {
        let entry = |key: &'static str, version| Entry {
            key: key.into(),
            value: "v".into(),
            create_revision: 3,
            size: 0,
            revision: 12,
            version,
            ttl: None,
            lease: None,
        };
        let reply = DeleteReply {
            deleted: 2,
            revision: 14,
            previous: vec![entry("a", 1), entry("b", 2)],
        };
        let show = |format| show(format, &reply, true);
        assert_eq!(
            show(Format::Table),
            "OK  deleted 2  revision 14\n\
             previous  a  version 1  revision 12  v\n\
             previous  b  version 2  revision 12  v\n"
        );
        assert_eq!(
            show(Format::Plain),
            "2\t14\na\tv\t12\t1\t3\t-\t-\nb\tv\t12\t2\t3\t-\t-\n"
        );
        let object: serde_json::Value = serde_json::from_str(&show(Format::Json)).unwrap();
        assert_eq!(object["previous"][1]["key"], "b");
        assert_eq!(object["previous"][1]["version"], 2);
    }

    #[test]
    fn the_question_says_how_much_is_at_stake() {
        let request = |prefix: &'static str| DeletePrefixRequest {
            namespace: "default".to_owned(),
            prefix: prefix.into(),
        };
        assert_eq!(
            effect(&request("a\n"), 1200),
            r#"this deletes 1 200 keys (every key that begins with "a\n") in namespace "default""#
        );
        assert_eq!(
            effect(&request(""), 1),
            r#"this deletes 1 key (all keys) in namespace "default""#
        );
    }
}
