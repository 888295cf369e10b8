//! `raftctl lease`: lifetimes that many keys share.

mod follow;
mod show;

use std::time::Duration;

use common::{
    Client,
    types::{
        DescribeLeaseRequest, GrantLeaseRequest, KeepAliveLeaseRequest, LeaseId, LeaseInfo,
        ListLeasesRequest, MIN_LEASE_TTL, RevokeLeaseRequest,
    },
};
use serde::Serialize;

use super::{
    Session,
    lifetime::{parse_lease, parse_ttl},
};
use crate::{
    cli::ReadArgs,
    failure::Failure,
    output::{
        Format, Output, Record, Row, Style, json,
        table::{Cell, Column, Table, Tone, counted, grouped, number, text},
        time::{exact, remaining},
    },
};

const COLUMNS: [Column; 4] = [
    number("LEASE"),
    text("TTL"),
    text("REMAINING"),
    number("KEYS"),
];

const GRANT: &str = "\
Keys that are written with --lease live as long as the lease. When nobody has kept it alive for its
time to live, all of them expire at once. Prints its number; plain: ID, TTL_MS.

Examples:
  id=$(raftctl lease grant 30s -o plain | cut -f 1)
  raftctl put default workers/n1 up --lease $id
  raftctl lease keepalive $id --follow";

const KEEPALIVE: &str = "\
Prints the lease; plain: ID, TTL_MS. A lease that has ended is exit code 3: it cannot be brought
back, and its keys are gone.

--follow keeps it alive three times as often as it needs, and prints a line each time. It goes on
over the loss of a member or of the leader, until the lease has ended, until nobody confirmed it for
its time to live, or until Ctrl-C, which leaves the lease to end by itself.";

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Grant a lease
    #[command(after_help = GRANT)]
    Grant {
        /// How long it lives without being kept alive: 1s to 3650d
        #[arg(value_parser = parse_lease_ttl)]
        ttl: Duration,
    },
    /// Let a lease live its full time again, from now
    #[command(after_help = KEEPALIVE)]
    Keepalive {
        /// Its number
        #[arg(value_parser = parse_lease)]
        id: LeaseId,
        /// Keep it alive until interrupted
        #[arg(long)]
        follow: bool,
    },
    /// End a lease and the life of its keys at once
    ///
    /// Prints how many keys lived with it and the revision from which on they are gone; plain:
    /// KEYS, REVISION.
    Revoke {
        /// Its number
        #[arg(value_parser = parse_lease)]
        id: LeaseId,
    },
    /// List the leases
    ///
    /// plain: ID, TTL_MS, REMAINING_MS, KEYS.
    Ls {
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Show a lease and the keys that live with it, a thousand of them at most
    ///
    /// plain: ID, TTL_MS, REMAINING_MS, KEYS; with --keys a line for each key: NAMESPACE, KEY.
    Show {
        /// Its number
        #[arg(value_parser = parse_lease)]
        id: LeaseId,
        /// Print only the keys
        #[arg(long)]
        keys: bool,
        #[command(flatten)]
        read: ReadArgs,
    },
}

/// A lease, as JSON has it everywhere.
#[derive(Serialize)]
struct LeaseRow {
    #[serde(serialize_with = "json::as_string")]
    id: LeaseId,
    ttl_ms: u64,
    remaining_ms: u64,
    keys: u64,
    #[serde(skip)]
    info: LeaseInfo,
}

impl From<LeaseInfo> for LeaseRow {
    fn from(info: LeaseInfo) -> Self {
        Self {
            id: info.id,
            ttl_ms: json::millis(info.ttl),
            remaining_ms: json::millis(info.remaining),
            keys: info.keys,
            info,
        }
    }
}

impl LeaseRow {
    fn fields(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.ttl_ms.to_string(),
            self.remaining_ms.to_string(),
            self.keys.to_string(),
        ]
    }
}

impl Row for LeaseRow {
    fn cells(&self) -> Vec<Cell> {
        vec![
            // Not grouped: it is to be copied.
            Cell::toned(self.id.to_string(), Tone::Accent),
            Cell::new(exact(self.info.ttl)),
            Cell::new(remaining(self.info.remaining)),
            Cell::number(self.keys),
        ]
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

/// A lease that was just granted or kept alive: it lives its full time.
#[derive(Serialize)]
#[serde(transparent)]
struct Alive(LeaseRow);

impl Record for Alive {
    fn table(&self, _: Style) -> String {
        format!("OK  lease {}  ttl {}\n", self.0.id, exact(self.0.info.ttl))
    }

    fn plain(&self) -> Vec<String> {
        vec![self.0.id.to_string(), self.0.ttl_ms.to_string()]
    }
}

#[derive(Serialize)]
struct Revoked {
    #[serde(serialize_with = "json::as_string")]
    id: LeaseId,
    keys: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
}

impl Record for Revoked {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  revoked lease {} with {}  revision {}\n",
            self.id,
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
        Command::Grant { ttl } => {
            let info = client.grant_lease(GrantLeaseRequest { ttl: *ttl }).await?;
            // Not only a confirmation: without its number the lease is of no use.
            output.record(&Alive(info.into()))
        }
        Command::Keepalive { id, follow: false } => {
            let request = KeepAliveLeaseRequest { id: *id };
            let info = client.keep_alive_lease(request).await?;
            output.confirmation(&Alive(info.into()))
        }
        Command::Keepalive { id, follow: true } => {
            follow::run(*id, session.timeout, &client, output).await
        }
        Command::Revoke { id } => {
            let reply = client.revoke_lease(RevokeLeaseRequest { id: *id }).await?;
            output.confirmation(&Revoked {
                id: *id,
                keys: reply.keys,
                revision: reply.revision,
            })
        }
        Command::Ls { read } => list(*read, &client, output).await,
        Command::Show { id, keys, read } => {
            let request = DescribeLeaseRequest {
                id: *id,
                consistency: read.consistency()?,
            };
            let reply = client.describe_lease(request).await?;
            if *keys {
                show::print_keys(&reply, output)
            } else {
                show::print(&reply, output)
            }
        }
    }
}

async fn list(read: ReadArgs, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let mut request = ListLeasesRequest {
        after: None,
        consistency: read.consistency()?,
    };
    let mut table = Table::new(&COLUMNS);
    let mut any = false;
    loop {
        let reply = client.list_leases(request).await?;
        let rows: Vec<LeaseRow> = reply.leases.into_iter().map(LeaseRow::from).collect();
        if !rows.is_empty() {
            any = true;
            output.more_rows(&mut table, &rows)?;
            output.flush()?;
        }
        match reply.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    if !any && output.format() == Format::Table {
        output.note("no leases");
    }
    Ok(())
}

/// Parses how long a lease lives without being kept alive.
pub(super) fn parse_lease_ttl(text: &str) -> Result<Duration, String> {
    let ttl = parse_ttl(text)?;
    if ttl < MIN_LEASE_TTL {
        return Err(format!("must be at least {}", exact(MIN_LEASE_TTL)));
    }
    Ok(ttl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::printed;

    pub(super) fn info() -> LeaseInfo {
        LeaseInfo {
            id: 1150,
            ttl: Duration::from_secs(30),
            remaining: Duration::from_millis(21_400),
            keys: 2,
        }
    }

    #[test]
    fn leases_in_each_form() {
        let list = |format| {
            printed(format, false, |output| {
                output.rows(&COLUMNS, &[LeaseRow::from(info())])
            })
        };
        assert_eq!(
            list(Format::Table),
            "LEASE  TTL  REMAINING  KEYS\n 1150  30s  21s           2\n"
        );
        assert_eq!(list(Format::Plain), "1150\t30000\t21400\t2\n");
        assert_eq!(
            list(Format::Json),
            "{\"id\":\"1150\",\"ttl_ms\":30000,\"remaining_ms\":21400,\"keys\":2}\n"
        );
    }

    #[test]
    fn a_lease_that_was_granted_or_revoked() {
        let granted =
            |format| printed(format, false, |output| output.record(&Alive(info().into())));
        assert_eq!(granted(Format::Table), "OK  lease 1150  ttl 30s\n");
        assert_eq!(granted(Format::Plain), "1150\t30000\n");
        assert!(granted(Format::Json).starts_with("{\"id\":\"1150\",\"ttl_ms\":30000,"));
        let revoked = |format| {
            printed(format, false, |output| {
                output.confirmation(&Revoked {
                    id: 1150,
                    keys: 1,
                    revision: 1200,
                })
            })
        };
        assert_eq!(
            revoked(Format::Table),
            "OK  revoked lease 1150 with 1 key  revision 1 200\n"
        );
        assert_eq!(revoked(Format::Plain), "1\t1200\n");
        assert_eq!(
            revoked(Format::Json),
            "{\"id\":\"1150\",\"keys\":1,\"revision\":\"1200\"}\n"
        );
    }

    #[test]
    fn a_lease_lives_a_second_or_longer() {
        assert_eq!(parse_lease_ttl("1s"), Ok(MIN_LEASE_TTL));
        assert_eq!(
            parse_lease_ttl("999ms"),
            Err("must be at least 1s".to_owned())
        );
    }
}
