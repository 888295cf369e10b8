//! `raftctl export`: a namespace at one revision, as JSON lines ([`dump`]).

use std::{ffi::OsString, path::PathBuf};

use common::{
    Client, Error,
    types::{Consistency, CountRequest, ListRequest, Revision},
};
use indicatif::ProgressBar;
use serde::Serialize;

use super::{Session, dump, optional_bytes, sink::Sink};
use crate::{
    failure::{Exit, Failure},
    output::{
        Output, Record, Style, json, progress,
        table::{counted, grouped},
    },
};

/// How often an export to a file is begun anew before it is given up.
const ATTEMPTS: u32 = 10;

const DETAILS: &str = "\
Every key as it was at one revision, in order, however long that takes and whatever is written
meanwhile. With --file the file appears when it is whole, in place of one that was there. The leader
keeps the state that is read; when another one takes over, an export to a file begins anew, and one
to stdout fails. Prints with --file how many keys there were, and the revision; plain: KEYS,
REVISION.

The first line is {\"raftnode_export\":1,\"namespace\":..,\"prefix\":..,\"revision\":\"..\"}, the last one
{\"end\":true,\"keys\":\"..\"}: without it, the export was cut. Each line between is a key:
{\"key\":..,\"value\":..,\"ttl_ms\":..} with key_b64 and value_b64 for what is not UTF-8, and without
ttl_ms for a key that lives for ever.

Examples:
  raftctl export default --file default.jsonl
  raftctl export default --prefix user/ | gzip > users.jsonl.gz
  raftctl export default | raftctl -e other:7420 import default -";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// Only keys that begin with this
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    prefix: Option<OsString>,
    /// Write to this file; - is stdout
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Exported<'a> {
    namespace: &'a str,
    keys: u64,
    #[serde(serialize_with = "json::as_string")]
    revision: Revision,
}

impl Record for Exported<'_> {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  exported {}  revision {}\n",
            counted(self.keys, "key"),
            grouped(self.revision)
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![self.keys.to_string(), self.revision.to_string()]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let client = session.connect(output).await?;
    let mut sink = Sink::open(args.file.as_deref())?;
    let mut attempts = 1;
    let exported = loop {
        let bar = bar(args, &client, output).await?;
        let exported = export(args, &client, &mut sink, &bar).await;
        let keys = bar.position();
        bar.finish_and_clear();
        match exported {
            Err(Failure::Api(Error::ViewNotFound)) if !sink.is_file() => return Err(cut(keys)),
            Err(Failure::Api(Error::ViewNotFound)) if attempts < ATTEMPTS => {
                output.note("another member leads now: the export begins anew");
                attempts += 1;
                sink.restart().await?;
            }
            exported => break exported?,
        }
    };
    let to_file = sink.is_file();
    sink.finish().await?;
    if to_file {
        output.confirmation(&exported)
    } else {
        output.verbose(exported.table(output.style()).trim_end());
        Ok(())
    }
}

/// The export ended in the middle, and what was written cannot be taken back.
fn cut(keys: u64) -> Failure {
    Failure::Specific {
        exit: Exit::Error,
        code: Error::ViewNotFound.code().as_str(),
        message: format!(
            "the export is cut after {}: another member leads now, or nothing was read for too long",
            counted(keys, "key")
        ),
        hint: Some("with --file an export begins anew by itself".to_owned()),
    }
}

async fn bar(args: &Args, client: &Client, output: &Output) -> Result<ProgressBar, Failure> {
    let known = "exporting {wide_bar} {human_pos}/{human_len} keys";
    let bar = progress::bar(output, None, "{spinner} exporting {human_pos} keys");
    // Counting a prefix would take as long as reading it.
    if bar.is_hidden() || args.prefix.is_some() {
        return Ok(bar);
    }
    let request = CountRequest {
        namespace: args.namespace.clone(),
        prefix: bytes::Bytes::new(),
        consistency: Consistency::Linearizable,
    };
    let count = client.count(request).await?.count;
    Ok(progress::bar(output, Some(count), known))
}

/// Writes everything, from the first line to the last.
async fn export<'a>(
    args: &'a Args,
    client: &Client,
    sink: &mut Sink,
    bar: &ProgressBar,
) -> Result<Exported<'a>, Failure> {
    let view = client.open_view().await?;
    let prefix = optional_bytes(args.prefix.as_ref()).unwrap_or_default();
    let mut request = ListRequest {
        namespace: args.namespace.clone(),
        prefix: prefix.clone(),
        view: Some(view.view),
        ..ListRequest::default()
    };
    let mut page = client.list(request.clone()).await?;
    let mut first = Vec::new();
    dump::write_header(&mut first, &args.namespace, &prefix, view.revision).map_err(unwritable)?;
    sink.write(first).await?;
    let mut keys = 0;
    loop {
        keys += page.entries.len() as u64;
        sink.write_entries(page.entries).await?;
        bar.set_position(keys);
        let Some(next) = page.next else { break };
        request.page = Some(next);
        page = client.list(request.clone()).await?;
    }
    let mut last = Vec::new();
    dump::write_end(&mut last, keys).map_err(unwritable)?;
    sink.write(last).await?;
    if client.close_view(view.view).await.is_err() {
        // Nobody reads it any more: the leader lets go of it by itself.
    }
    Ok(Exported {
        namespace: &args.namespace,
        keys,
        revision: view.revision,
    })
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::Output(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn an_export_is_confirmed_in_each_form() {
        let show = |format| {
            printed(format, false, |output| {
                output.confirmation(&Exported {
                    namespace: "default",
                    keys: 1200,
                    revision: 1204,
                })
            })
        };
        assert_eq!(
            show(Format::Table),
            "OK  exported 1 200 keys  revision 1 204\n"
        );
        assert_eq!(show(Format::Plain), "1200\t1204\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"keys\":1200,\"revision\":\"1204\"}\n"
        );
    }

    #[test]
    fn a_cut_export_says_how_far_it_came_and_what_to_do() {
        let failure = cut(7);
        assert_eq!(failure.exit(), Exit::Error);
        assert_eq!(failure.code(), "view_not_found");
        assert!(failure.to_string().contains("cut after 7 keys"));
        assert!(failure.hint().unwrap().contains("--file"));
    }
}
