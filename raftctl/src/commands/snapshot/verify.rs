//! `raftctl snapshot verify`: no cluster is needed.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use common::{
    snapshot::{self, FormatError, Header, SNAPSHOT_VERSION, Summary},
    types::Revision,
};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task;

use crate::{
    failure::{Exit, Failure},
    output::{
        Output, Record, Style, json, progress,
        table::{facts, grouped, size},
    },
};

const READ_BUFFER: usize = 1 << 20;

const DETAILS: &str = "\
Reads the file to its end and checks all of it. Exits with 1 if anything is wrong, and says what and
where: cut off at which byte, which block is damaged, no snapshot at all, or written by a newer
raftnode. Asks no member. - reads stdin.

plain: CLUSTER, REVISION, TERM, RECORDS, BYTES, FORMAT, LAYOUT, CHECKSUM.";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Verified {
    cluster_id: String,
    #[serde(serialize_with = "json::as_string")]
    revision: Revision,
    #[serde(serialize_with = "json::as_string")]
    term: u64,
    records: u64,
    bytes: u64,
    format: u32,
    layout: u32,
    checksum: String,
}

impl From<(Header, Summary)> for Verified {
    fn from((header, summary): (Header, Summary)) -> Self {
        Self {
            cluster_id: format!("{:032x}", header.cluster_id),
            revision: header.applied.map_or(0, |applied| applied.index),
            term: header.applied.map_or(0, |applied| applied.term),
            records: summary.records,
            bytes: summary.bytes,
            // The only one there is so far: a newer one is refused.
            format: SNAPSHOT_VERSION,
            layout: header.layout,
            checksum: format!("{:08x}", summary.checksum),
        }
    }
}

impl Record for Verified {
    fn table(&self, style: Style) -> String {
        let list = [
            ("snapshot", "whole and sound".to_owned()),
            ("cluster", self.cluster_id.clone()),
            (
                "revision",
                format!("{} (term {})", grouped(self.revision), grouped(self.term)),
            ),
            ("records", grouped(self.records)),
            ("size", size(self.bytes)),
            ("format", format!("{}, layout {}", self.format, self.layout)),
            ("checksum", self.checksum.clone()),
        ];
        facts(&list, style.color)
    }

    fn plain(&self) -> Vec<String> {
        vec![
            self.cluster_id.clone(),
            self.revision.to_string(),
            self.term.to_string(),
            self.records.to_string(),
            self.bytes.to_string(),
            self.format.to_string(),
            self.layout.to_string(),
            self.checksum.clone(),
        ]
    }
}

pub(crate) async fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let path = args.file.clone();
    let template = "verifying {wide_bar} {binary_bytes}/{binary_total_bytes}";
    let length = std::fs::metadata(&path).map_or(0, |found| found.len());
    let bar = progress::bar(output, Some(length), template);
    let reading = bar.clone();
    let verified = task::spawn_blocking(move || verify(&path, &reading)).await;
    bar.finish_and_clear();
    let verified = verified.map_err(|error| Failure::Runtime(io::Error::other(error)))??;
    output.record(&Verified::from(verified))
}

fn verify(path: &Path, bar: &ProgressBar) -> Result<(Header, Summary), Failure> {
    let what = if path == Path::new("-") {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    };
    let found = if path == Path::new("-") {
        snapshot::verify(bar.wrap_read(io::stdin().lock()))
    } else {
        let file = File::open(path).map_err(|source| Failure::Input {
            what: what.clone(),
            source,
        })?;
        snapshot::verify(bar.wrap_read(BufReader::with_capacity(READ_BUFFER, file)))
    };
    found.map_err(|error| match error {
        FormatError::Io { source, .. } => Failure::Input { what, source },
        error => Failure::Specific {
            exit: Exit::Error,
            code: error.code(),
            message: format!("{what}: {error}"),
            hint: None,
        },
    })
}
