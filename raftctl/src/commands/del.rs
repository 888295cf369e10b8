//! `raftctl del`.

use std::ffi::OsString;

use common::{
    Client,
    types::{Consistency, CountRequest, DeletePrefixRequest, DeleteReply, DeleteRequest},
};
use serde::Serialize;

use super::{Session, argument_bytes};
use crate::{
    failure::Failure,
    output::{
        Output, Record, Style,
        bytes::quote,
        json,
        table::{counted, grouped},
    },
};

const DETAILS: &str = "\
The keys are deleted together or not at all. Keys that do not exist are not counted and are no
error. Prints how many were deleted and the revision; plain: DELETED, REVISION.

Examples:
  raftctl del default greeting
  raftctl del default a b c
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
    #[arg(long, conflicts_with = "keys", allow_hyphen_values = true)]
    prefix: Option<OsString>,
}

#[derive(Serialize)]
struct Deleted<'a> {
    namespace: &'a str,
    deleted: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
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
            client
                .delete(DeleteRequest {
                    namespace: args.namespace.clone(),
                    keys: args.keys.iter().map(|key| argument_bytes(key)).collect(),
                })
                .await?
        }
    };
    output.confirmation(&Deleted {
        namespace: &args.namespace,
        deleted: reply.deleted,
        revision: reply.revision,
    })
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
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_deletion_is_confirmed_in_each_form() {
        let show = |format| {
            printed(format, false, |output| {
                output.confirmation(&Deleted {
                    namespace: "default",
                    deleted: 3,
                    revision: 14,
                })
            })
        };
        assert_eq!(show(Format::Table), "OK  deleted 3  revision 14\n");
        assert_eq!(show(Format::Plain), "3\t14\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"deleted\":3,\"revision\":\"14\"}\n"
        );
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
