//! `raftctl ls`.

use std::ffi::OsString;

use bytes::Bytes;
use common::types::{Entry, ListRequest, Staleness};
use serde::Serialize;

use super::{
    Session,
    aged::Aged,
    entry::{Columns, EntryRow},
    optional_bytes,
};
use crate::{
    cli::ReadArgs,
    failure::Failure,
    output::{
        Format, Output,
        bytes::{base64, from_base64},
        table::Table,
    },
};

const DETAILS: &str = "\
Without --limit everything is listed, page by page as it arrives; keys written meanwhile may or may
not be seen. Where --limit leaves more, the token for --page is on stderr, with -o json in a last
object {\"next_page\": ...} on stdout. On a terminal long lines are cut. Where a key does not live for
ever the table has a column TTL: how long it will live on.
A stale listing says on stderr how old its first page may be.
plain: KEY, VALUE, REVISION, VERSION, CREATE_REVISION, TTL_MS, LEASE; with --keys-only: KEY.

Examples:
  raftctl ls default
  raftctl ls default user/ --keys-only
  raftctl ls default --start 2026-01 --end 2026-02 -o json
  raftctl ls default --reverse --limit 1        the last key";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// Only keys that begin with this
    prefix: Option<OsString>,
    /// Only keys at or after this one
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    start: Option<OsString>,
    /// Only keys before this one
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    end: Option<OsString>,
    /// At most so many keys
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on where a listing with --limit ended; with the same options otherwise
    #[arg(long, value_name = "TOKEN", value_parser = parse_page)]
    page: Option<Bytes>,
    /// Leave the values out
    #[arg(long)]
    keys_only: bool,
    /// From the last key to the first
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct NextPage {
    next_page: String,
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let consistency = args.read.consistency()?;
    let client = session.connect(output).await?;
    let mut request = ListRequest {
        namespace: args.namespace.clone(),
        prefix: optional_bytes(args.prefix.as_ref()).unwrap_or_default(),
        start: optional_bytes(args.start.as_ref()),
        end: optional_bytes(args.end.as_ref()),
        limit: 0,
        page: args.page.clone(),
        reverse: args.reverse,
        keys_only: args.keys_only,
        consistency,
        view: None,
    };
    let mut columns = Columns {
        keys_only: args.keys_only,
        lives: false,
    };
    let mut table = Table::new(columns.heads());
    let mut remaining = args.limit;
    let mut any = false;
    let mut oldest: Option<Staleness> = None;
    loop {
        request.limit = remaining.map_or(0, |left| u32::try_from(left).unwrap_or(u32::MAX));
        let reply = client.list(request.clone()).await?;
        oldest = oldest.or(reply.staleness);
        if !columns.lives && reply.entries.iter().any(is_mortal) {
            // A page further on, the table begins anew under a heading that has the column.
            columns.lives = true;
            table = Table::new(columns.heads());
        }
        let rows: Vec<_> = reply
            .entries
            .iter()
            .map(|entry| EntryRow::listed(&args.namespace, entry, columns))
            .collect();
        if !rows.is_empty() {
            any = true;
            output.more_rows(&mut table, &rows)?;
            // Whoever reads should see a page as soon as it is there.
            output.flush()?;
        }
        remaining = remaining.map(|left| left.saturating_sub(rows.len() as u64));
        let Some(next) = reply.next else { break };
        if remaining == Some(0) {
            tell_next_page(&next, output)?;
            break;
        }
        request.page = Some(next);
    }
    if !any && output.format() == Format::Table {
        output.note("no keys");
    }
    if let Some(staleness) = oldest {
        output.note(&Aged::from(staleness).sentence());
    }
    Ok(())
}

/// Whether a key does not live for ever.
fn is_mortal(entry: &Entry) -> bool {
    entry.ttl.is_some() || entry.lease.is_some()
}

fn tell_next_page(next: &[u8], output: &mut Output) -> Result<(), Failure> {
    let next_page = base64(next);
    if output.format() == Format::Json {
        return output.json(&NextPage { next_page });
    }
    output.note(&format!("there is more: --page {next_page}"));
    Ok(())
}

fn parse_page(text: &str) -> Result<Bytes, String> {
    from_base64(text)
        .map(Bytes::from)
        .ok_or_else(|| "not a token that a listing ended with".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::printed;

    #[test]
    fn a_page_token_reads_back_as_it_was_printed() {
        let token = b"\x00user/\xff";
        let printed = printed(Format::Json, false, |output| tell_next_page(token, output));
        assert_eq!(printed, "{\"next_page\":\"AHVzZXIv/w==\"}\n");
        assert_eq!(parse_page("AHVzZXIv/w==").unwrap(), &token[..]);
        assert!(parse_page("user/").is_err());
    }
}
