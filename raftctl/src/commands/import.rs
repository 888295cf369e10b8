//! `raftctl import`: JSON lines ([`dump`](super::dump)) into a namespace.
//!
//! A thread reads lines and makes batches of them; each is one transaction, and several are under
//! way at a time. Batches that share a key are written one after the other. Nothing that comes after
//! a line in error is sent; what was sent before the error showed is waited for and counted.

mod batch;
mod failure;
mod flow;
#[cfg(test)]
mod fuzz;
mod ledger;
mod reader;
mod write;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum;
use common::types::Revision;
use serde::Serialize;
use tokio::{
    sync::mpsc::{self, Sender},
    task,
};

use super::Session;
use crate::{
    failure::Failure,
    output::{Output, Record, Style, json, plain, progress, table::grouped},
    signals,
};
use failure::{failure, so_far};
use flow::{Piece, import};
use ledger::Ledger;
use reader::Reader;
use write::Writer;

/// How many batches wait to be sent.
const AHEAD: usize = 2;

/// How much is read from the input at a time.
const BUFFER: usize = 256 * 1024;

const DETAILS: &str = "\
Reads what `raftctl export` wrote, or lines of {\"key\":..,\"value\":..} from anywhere else, with
key_b64 and value_b64 for what is not UTF-8, and ttl_ms for how long a key lives; other fields are
ignored. Lines of an export without ttl_ms become keys that live for ever, other lines get what the
namespace has by default.

Where a key exists already: fail stops, skip leaves it as it is, overwrite replaces it. Keys are
written in transactions of --batch lines, several at a time, so keys after the one in error may be
there, too; the error says how many were imported. A line that makes no sense is named, and nothing
after it is imported. An export that was cut is an error after all that is there was imported.

Prints how many keys were imported and skipped, and the last revision; plain: IMPORTED, SKIPPED,
REVISION (- if nothing was written).

Examples:
  raftctl import default default.jsonl
  gunzip -c users.jsonl.gz | raftctl import default -
  raftctl import default default.jsonl --on-conflict skip     go on with one that broke off";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace; created if the members allow it
    #[arg(value_name = "NS")]
    namespace: String,
    /// What to read; - is stdin
    file: PathBuf,
    /// What to do with a key that exists already: skip, overwrite or fail
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value = "fail",
        hide_possible_values = true
    )]
    on_conflict: OnConflict,
    /// How many keys a transaction writes, at most; fewer where they take more than 1 MiB
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
}

/// What to do with a key that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnConflict {
    Skip,
    Overwrite,
    Fail,
}

impl OnConflict {
    /// What to do next, where the rest can be imported later.
    fn go_on(self) -> &'static str {
        match self {
            // What was there before the import would be left as it was.
            Self::Overwrite => "the same command again imports the rest, too",
            Self::Skip | Self::Fail => "--on-conflict skip goes on where this ended",
        }
    }
}

#[derive(Serialize)]
struct Imported<'a> {
    namespace: &'a str,
    imported: u64,
    skipped: u64,
    #[serde(serialize_with = "json::as_optional_string")]
    revision: Option<Revision>,
}

impl Record for Imported<'_> {
    fn table(&self, _: Style) -> String {
        let mut text = format!("OK  imported {}", grouped(self.imported));
        if self.skipped > 0 {
            text.push_str(&format!("  skipped {}", grouped(self.skipped)));
        }
        if let Some(revision) = self.revision {
            text.push_str(&format!("  revision {}", grouped(revision)));
        }
        text.push('\n');
        text
    }

    fn plain(&self) -> Vec<String> {
        vec![
            self.imported.to_string(),
            self.skipped.to_string(),
            plain::optional(self.revision),
        ]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let input = open(&args.file)?;
    let client = session.connect(output).await?;
    let mut signals = signals::take()?;
    let bar = progress::bar(
        output,
        input.size,
        match input.size {
            Some(_) => "importing {wide_bar} {bytes}/{total_bytes}",
            None => "{spinner} importing {bytes}",
        },
    );
    let (sender, pieces) = mpsc::channel(AHEAD);
    let reader = Reader::new(
        BufReader::with_capacity(BUFFER, input.from),
        args.batch as usize,
    );
    task::spawn_blocking(move || read(reader, &sender));
    let writer = Writer::new(&client, &args.namespace, args.on_conflict);
    let mut ledger = Ledger::default();
    let outcome = tokio::select! {
        ended = import(&writer, pieces, &mut ledger, &bar) => Ok(ended),
        caught = signals.next() => Err(caught),
    };
    bar.finish_and_clear();
    let ended = match outcome {
        Ok(ended) => ended,
        Err(caught) => {
            // What was under way may or may not be there.
            let go_on = args.on_conflict.go_on();
            output.note(&format!("at least {}; {go_on}", so_far(&ledger)));
            return Ok(caught.exit());
        }
    };
    let name = match input.stdin {
        true => "standard input".to_owned(),
        false => args.file.display().to_string(),
    };
    if let Some(failure) = failure(ended, &name, &ledger, args.on_conflict.go_on()) {
        return Err(failure);
    }
    output.confirmation(&Imported {
        namespace: &args.namespace,
        imported: ledger.imported,
        skipped: ledger.skipped,
        revision: ledger.revision,
    })?;
    Ok(ExitCode::SUCCESS)
}

struct Input {
    from: Box<dyn Read + Send>,
    stdin: bool,
    size: Option<u64>,
}

fn open(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok(Input {
            from: Box::new(io::stdin()),
            stdin: true,
            size: None,
        });
    }
    let failed = |source| Failure::Input {
        what: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok(Input {
        size: metadata.is_file().then_some(metadata.len()),
        stdin: false,
        from: Box::new(file),
    })
}

/// Runs on a thread of its own, until all is read or nobody wants more.
fn read(mut reader: Reader<BufReader<Box<dyn Read + Send>>>, pieces: &Sender<Piece>) {
    while let Some(batch) = reader.batch() {
        if pieces.blocking_send(Piece::Batch(batch)).is_err() {
            return;
        }
    }
    if pieces.blocking_send(Piece::End(reader.end())).is_err() {
        // The import has ended before.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn an_import_is_confirmed_in_each_form() {
        let show = |format, skipped, revision| {
            printed(format, false, |output| {
                output.confirmation(&Imported {
                    namespace: "default",
                    imported: 1200,
                    skipped,
                    revision,
                })
            })
        };
        let table = Format::Table;
        assert_eq!(
            show(table, 0, Some(5000)),
            "OK  imported 1 200  revision 5 000\n"
        );
        assert_eq!(
            show(table, 3, Some(5000)),
            "OK  imported 1 200  skipped 3  revision 5 000\n"
        );
        assert_eq!(show(Format::Plain, 3, None), "1200\t3\t-\n");
        assert_eq!(
            show(Format::Json, 3, Some(5000)),
            "{\"namespace\":\"default\",\"imported\":1200,\"skipped\":3,\"revision\":\"5000\"}\n"
        );
    }
}
