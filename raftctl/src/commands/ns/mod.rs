//! `raftctl ns`: namespaces.

mod settings;
mod show;

use common::{
    Client,
    types::{
        Consistency, CreateNamespaceRequest, DeleteNamespaceReply, DeleteNamespaceRequest,
        DescribeNamespaceRequest, ListNamespacesRequest, NamespaceInfo,
    },
};
use serde::Serialize;

use super::Session;
use crate::{
    cli::ReadArgs,
    failure::Failure,
    output::{
        Output, Record, Style,
        bytes::escape,
        json,
        table::{counted, grouped},
    },
};
use settings::SettingsArgs;
use show::{Changed, Created, NamespaceRow};

const CREATE: &str = "\
Prints the namespace; plain: NAME, ID, KEYS, BYTES, CREATE_REVISION, MAX_KEYS, MAX_BYTES,
MAX_VALUE_BYTES, DEFAULT_TTL_MS, each of the last four - if there is no bound.

Examples:
  raftctl ns create bank
  raftctl ns create cache --max-keys 100000 --max-bytes 64MiB --default-ttl 10m";

const SET: &str = "\
What is not named stays as it is. Keys that are there already stay, also beyond a new bound; then
nothing is accepted that would add to them. A new default time to live applies to what is written
from now on. Prints the namespace as it is then; plain as `raftctl ns describe`.

Examples:
  raftctl ns set cache --max-keys 200000
  raftctl ns set cache --max-bytes none --default-ttl none";

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Create a namespace
    #[command(after_help = CREATE)]
    Create {
        /// Its name: 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit
        name: String,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// List the namespaces
    ///
    /// Where a namespace has a bound there is a column USED: the share of its keys or of its bytes
    /// that is used, whichever is greater. plain: NAME, ID, KEYS, BYTES, CREATE_REVISION, MAX_KEYS, MAX_BYTES,
    /// MAX_VALUE_BYTES, DEFAULT_TTL_MS.
    Ls {
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Show what a namespace holds and allows
    ///
    /// plain: NAME, ID, KEYS, BYTES, CREATE_REVISION, MAX_KEYS, MAX_BYTES, MAX_VALUE_BYTES,
    /// DEFAULT_TTL_MS.
    Describe {
        /// Its name
        name: String,
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Change what a namespace allows
    #[command(
        after_help = SET,
        group = clap::ArgGroup::new("change")
            .required(true)
            .multiple(true)
            .args(settings::NAMES)
    )]
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Delete a namespace and all its keys
    ///
    /// If it holds keys, its name must be typed; where nobody can be asked, --yes is needed. Prints
    /// how many keys it held and the revision; plain: KEYS, REVISION.
    Delete {
        /// Its name
        name: String,
    },
}

#[derive(Serialize)]
struct Deleted<'a> {
    name: &'a str,
    keys: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
}

impl Record for Deleted<'_> {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  deleted {} with {}  revision {}\n",
            escape(self.name.as_bytes()),
            counted(self.keys, "key"),
            grouped(self.revision)
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![self.keys.to_string(), self.revision.to_string()]
    }
}

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let client = session.connect(output).await?;
    match command {
        Command::Create { name, settings } => {
            let info = client
                .create_namespace(CreateNamespaceRequest {
                    name: name.clone(),
                    settings: settings.whole(),
                })
                .await?;
            output.confirmation(&Created(NamespaceRow::from(&info)))
        }
        Command::Ls { read } => {
            let namespaces = client
                .list_namespaces(ListNamespacesRequest {
                    consistency: read.consistency()?,
                })
                .await?;
            show::print_all(&namespaces, output)
        }
        Command::Describe { name, read } => {
            let info = describe(name, read.consistency()?, &client).await?;
            output.record(&NamespaceRow::from(&info))
        }
        Command::Set { name, settings } => {
            let info = client.set_namespace(settings.change(name)).await?;
            for note in show::beyond(&info) {
                output.note(&note);
            }
            output.confirmation(&Changed(NamespaceRow::from(&info)))
        }
        Command::Delete { name } => {
            let reply = delete(name, &client, session).await?;
            output.confirmation(&Deleted {
                name,
                keys: reply.keys,
                revision: reply.revision,
            })
        }
    }
}

async fn describe(
    name: &str,
    consistency: Consistency,
    client: &Client,
) -> Result<NamespaceInfo, Failure> {
    let request = DescribeNamespaceRequest {
        name: name.to_owned(),
        consistency,
    };
    Ok(client.describe_namespace(request).await?)
}

async fn delete(
    name: &str,
    client: &Client,
    session: &Session,
) -> Result<DeleteNamespaceReply, Failure> {
    let mut only_if_empty = false;
    if !session.prompt.assumes_yes() {
        let info = describe(name, Consistency::Linearizable, client).await?;
        if info.keys == 0 {
            // Nothing to ask about, unless somebody writes a key meanwhile.
            only_if_empty = true;
        } else {
            let effect = format!(
                "this deletes namespace {name:?} and the {} in it",
                counted(info.keys, "key")
            );
            session.prompt.type_out(effect, name).await?;
        }
    }
    let request = DeleteNamespaceRequest {
        name: name.to_owned(),
        only_if_empty,
    };
    Ok(client.delete_namespace(request).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_deletion_is_confirmed_in_each_form() {
        let deleted = |format| {
            printed(format, false, |output| {
                output.confirmation(&Deleted {
                    name: "old",
                    keys: 1,
                    revision: 44,
                })
            })
        };
        assert_eq!(
            deleted(Format::Table),
            "OK  deleted old with 1 key  revision 44\n"
        );
        assert_eq!(deleted(Format::Plain), "1\t44\n");
        assert_eq!(
            deleted(Format::Json),
            "{\"name\":\"old\",\"keys\":1,\"revision\":\"44\"}\n"
        );
    }
}
