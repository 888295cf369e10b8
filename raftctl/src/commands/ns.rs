//! `raftctl ns`: namespaces.

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
        Output, Record, Row, Style,
        bytes::escape,
        json,
        table::{Cell, Column, Tone, counted, facts, grouped, number, size, text},
    },
};

const COLUMNS: [Column; 5] = [
    text("NAME"),
    number("ID"),
    number("KEYS"),
    number("SIZE"),
    number("CREATED AT"),
];

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Create a namespace
    Create {
        /// Its name: 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit
        name: String,
    },
    /// List the namespaces
    ///
    /// plain: NAME, ID, KEYS, BYTES, CREATE_REVISION.
    Ls {
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Show what a namespace holds
    ///
    /// plain: NAME, ID, KEYS, BYTES, CREATE_REVISION.
    Describe {
        /// Its name
        name: String,
        #[command(flatten)]
        read: ReadArgs,
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
struct NamespaceRow<'a> {
    name: &'a str,
    id: String,
    keys: u64,
    bytes: u64,
    #[serde(serialize_with = "json::as_string")]
    create_revision: u64,
}

impl<'a> From<&'a NamespaceInfo> for NamespaceRow<'a> {
    fn from(info: &'a NamespaceInfo) -> Self {
        Self {
            name: &info.name,
            id: info.id.to_string(),
            keys: info.keys,
            bytes: info.bytes,
            create_revision: info.create_revision,
        }
    }
}

impl NamespaceRow<'_> {
    fn fields(&self) -> Vec<String> {
        vec![
            escape(self.name.as_bytes()),
            self.id.clone(),
            self.keys.to_string(),
            self.bytes.to_string(),
            self.create_revision.to_string(),
        ]
    }
}

impl Row for NamespaceRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::toned(escape(self.name.as_bytes()), Tone::Accent),
            Cell::new(self.id.clone()),
            Cell::number(self.keys),
            Cell::new(size(self.bytes)),
            Cell::number(self.create_revision),
        ]
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

impl Record for NamespaceRow<'_> {
    fn table(&self, style: Style) -> String {
        facts(
            &[
                ("name", escape(self.name.as_bytes())),
                ("id", self.id.clone()),
                ("keys", grouped(self.keys)),
                ("size", size(self.bytes)),
                ("created at revision", grouped(self.create_revision)),
            ],
            style.color,
        )
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

/// A namespace that was just created.
#[derive(Serialize)]
#[serde(transparent)]
struct Created<'a>(NamespaceRow<'a>);

impl Record for Created<'_> {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  created {}  id {}  revision {}\n",
            escape(self.0.name.as_bytes()),
            self.0.id,
            grouped(self.0.create_revision)
        )
    }

    fn plain(&self) -> Vec<String> {
        self.0.fields()
    }
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
        Command::Create { name } => {
            let info = client
                .create_namespace(CreateNamespaceRequest { name: name.clone() })
                .await?;
            output.confirmation(&Created(NamespaceRow::from(&info)))
        }
        Command::Ls { read } => {
            let namespaces = client
                .list_namespaces(ListNamespacesRequest {
                    consistency: read.consistency.into(),
                })
                .await?;
            let rows: Vec<_> = namespaces.iter().map(NamespaceRow::from).collect();
            output.rows(&COLUMNS, &rows)
        }
        Command::Describe { name, read } => {
            let info = describe(name, read.consistency.into(), &client).await?;
            output.record(&NamespaceRow::from(&info))
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

    fn info() -> NamespaceInfo {
        NamespaceInfo {
            name: "default".to_owned(),
            id: 1,
            create_revision: 2,
            keys: 1200,
            bytes: 1536,
        }
    }

    #[test]
    fn namespaces_in_each_form() {
        let list = |format| {
            printed(format, false, |output| {
                output.rows(&COLUMNS, &[NamespaceRow::from(&info())])
            })
        };
        assert_eq!(
            list(Format::Table),
            "NAME     ID   KEYS     SIZE  CREATED AT\n\
             default   1  1 200  1.5 KiB           2\n"
        );
        assert_eq!(list(Format::Plain), "default\t1\t1200\t1536\t2\n");
        assert_eq!(
            list(Format::Json),
            "{\"name\":\"default\",\"id\":\"1\",\"keys\":1200,\"bytes\":1536,\"create_revision\":\"2\"}\n"
        );
    }

    #[test]
    fn one_namespace_is_described_created_and_deleted() {
        let info = info();
        let described = printed(Format::Table, false, |output| {
            output.record(&NamespaceRow::from(&info))
        });
        assert_eq!(
            described,
            "name                 default\n\
             id                   1\n\
             keys                 1 200\n\
             size                 1.5 KiB\n\
             created at revision  2\n"
        );
        let created = |format| {
            printed(format, false, |output| {
                output.confirmation(&Created(NamespaceRow::from(&info)))
            })
        };
        assert_eq!(
            created(Format::Table),
            "OK  created default  id 1  revision 2\n"
        );
        assert!(created(Format::Json).starts_with("{\"name\":\"default\",\"id\":\"1\","));
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
