//! `raftctl snapshot save`.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::{Buf, Bytes};
use common::{
    Error,
    client::Backup,
    snapshot::{self, FormatError, Header, Summary},
    types::{OpenBackupReply, Revision},
};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::{sync::mpsc, task};

use super::{Target, address, by_leisure};
use crate::{
    cli::ReadArgs,
    commands::{Session, sink::Sink},
    failure::{Exit, Failure},
    output::{
        Output, Record, Style,
        bytes::escape,
        json, progress,
        table::{counted, grouped, size},
    },
};

const DETAILS: &str = "\
All namespaces, leases and sessions as they were at one revision, which is not below anything that
was acknowledged before. A member that follows is asked, if there is one; when it fails, the next
one is, and the backup begins anew. The file appears when it is whole, on disk and verified; it is
never half there. With - the backup goes to stdout, is verified on the way, and counts only if the
exit code is 0.

Prints CLUSTER, REVISION, KEYS, RECORDS, BYTES, CHECKSUM and the MEMBER that gave it. Records are the
keys, and what the cluster keeps beside them.

Examples:
  raftctl snapshot save monday.snap
  raftctl snapshot save - | zstd > monday.snap.zst
  raftctl snapshot save last.snap --from n2 --consistency stale    (without a leader)

raftnoded restore FILE --data-dir DIR makes a new cluster of it.";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The file to write; - is stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Ask this member and no other: a name, an id, or HOST:PORT
    #[arg(long, value_name = "MEMBER")]
    from: Option<String>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Saved {
    cluster_id: String,
    #[serde(serialize_with = "json::as_string")]
    revision: Revision,
    keys: u64,
    records: u64,
    bytes: u64,
    checksum: String,
    member: String,
}

impl Saved {
    fn new(about: OpenBackupReply, summary: Summary) -> Self {
        Self {
            cluster_id: about.cluster_id,
            revision: about.revision,
            keys: about.keys,
            records: summary.records,
            bytes: summary.bytes,
            checksum: format!("{:08x}", summary.checksum),
            member: about.name,
        }
    }
}

impl Record for Saved {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  saved {} at revision {} from {}\n    cluster {}  {}  {}  checksum {}\n",
            counted(self.keys, "key"),
            grouped(self.revision),
            escape(self.member.as_bytes()),
            self.cluster_id,
            counted(self.records, "record"),
            size(self.bytes),
            self.checksum
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![
            self.cluster_id.clone(),
            self.revision.to_string(),
            self.keys.to_string(),
            self.records.to_string(),
            self.bytes.to_string(),
            self.checksum.clone(),
            escape(self.member.as_bytes()),
        ]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    check_vacant(args)?;
    let targets = targets(args, session, output).await?;
    let mut sink = Sink::open(Some(&args.file))?;
    let mut left = targets.iter().peekable();
    let saved = loop {
        let Some(target) = left.next() else {
            return Err(Failure::Api(Error::Unreachable {
                reason: "no member can give a backup".to_owned(),
            }));
        };
        output.verbose(&format!("asking {} for a backup", target.label));
        let mut begun = false;
        match save(args, session, target, &mut sink, output, &mut begun).await {
            Err(Failure::Api(error))
                if left.peek().is_some() && others_may(&error) && (!begun || sink.is_file()) =>
            {
                output.note(&format!(
                    "{} cannot: {error}; asking another member",
                    target.label
                ));
                if begun {
                    sink.restart().await?;
                }
            }
            saved => break saved?,
        }
    };
    if !sink.is_file() {
        let (about, summary) = saved;
        let summary = summary.ok_or_else(|| unsound(&FormatError::NotASnapshot))?;
        sink.finish().await?;
        output.verbose(Saved::new(about, summary).table(output.style()).trim_end());
        return Ok(());
    }
    let about = saved.0;
    let check = Check {
        cluster_id: about.cluster_id.clone(),
        revision: about.revision,
    };
    let vacant = (args.file.clone(), args.force);
    let summary = sink
        .finish_checked(move |partial| {
            let summary = check.file(partial)?;
            // Somebody may have made it meanwhile.
            refuse_existing(&vacant.0, vacant.1)?;
            Ok(summary)
        })
        .await?;
    output.confirmation(&Saved::new(about, summary))
}

/// Whom to ask, in order.
async fn targets(args: &Args, session: &Session, output: &Output) -> Result<Vec<Target>, Failure> {
    if let Some(from) = &args.from {
        if let Some(target) = address(from)? {
            return Ok(vec![target]);
        }
        let survey = session.survey(output).await?;
        return Ok(vec![Target::named(from, &survey)?]);
    }
    Ok(by_leisure(&session.survey(output).await?))
}

/// Whether another member may do what this one cannot.
fn others_may(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. }
            | Error::ShuttingDown
            | Error::BackupNotFound
            | Error::Overloaded { .. }
            | Error::Internal { .. }
    )
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn check_vacant(args: &Args) -> Result<(), Failure> {
    refuse_existing(&args.file, args.force)
}

/// A device or a pipe is written to as it is.
fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if force || is_stdout(path) || !fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    Err(Failure::Specific {
        exit: Exit::Precondition,
        code: "file_exists",
        message: format!("{} exists already; nothing was written", path.display()),
        hint: Some("name another file, or pass --force to replace it".to_owned()),
    })
}

/// Reads a backup into the sink. Verifies it on the way where it cannot be read again.
async fn save(
    args: &Args,
    session: &Session,
    target: &Target,
    sink: &mut Sink,
    output: &Output,
    begun: &mut bool,
) -> Result<(OpenBackupReply, Option<Summary>), Failure> {
    let consistency = args.read.consistency()?;
    let mut backup = Backup::open(&target.address, consistency, session.timeout).await?;
    let about = backup.about().clone();
    let bar = bar(output, &about);
    let (to_verifier, verified) = if sink.is_file() {
        (None, None)
    } else {
        let (sender, pieces) = mpsc::channel::<Bytes>(2);
        let pieces = Pieces {
            pieces,
            piece: Bytes::new(),
        };
        let verified = task::spawn_blocking(move || snapshot::verify(pieces));
        (Some(sender), Some(verified))
    };
    while let Some(bytes) = backup.next().await? {
        *begun = true;
        if let Some(sender) = &to_verifier
            && sender.send(bytes.clone()).await.is_err()
        {
            // It found damage, and says which below.
            break;
        }
        sink.write(bytes.into()).await?;
        bar.set_length(bar.length().unwrap_or(0).max(backup.offset()));
        bar.set_position(backup.offset());
    }
    drop(to_verifier);
    bar.finish_and_clear();
    backup.close().await;
    let summary = match verified {
        None => None,
        Some(verified) => {
            let found = verified
                .await
                .map_err(|error| Failure::Runtime(io::Error::other(error)))?;
            let (header, summary) = found.map_err(|error| unsound(&error))?;
            let check = Check {
                cluster_id: about.cluster_id.clone(),
                revision: about.revision,
            };
            check.header(&header)?;
            Some(summary)
        }
    };
    Ok((about, summary))
}

fn bar(output: &Output, about: &OpenBackupReply) -> ProgressBar {
    let template = "saving from {msg} {wide_bar} {binary_bytes}/{binary_total_bytes} \
                    {binary_bytes_per_sec}";
    let bar = progress::bar(output, Some(about.estimated_bytes), template);
    bar.set_message(escape(about.name.as_bytes()));
    bar
}

/// What the member announced.
struct Check {
    cluster_id: String,
    revision: Revision,
}

impl Check {
    fn file(&self, path: &Path) -> Result<Summary, Failure> {
        let read = |source| Failure::Input {
            what: path.display().to_string(),
            source,
        };
        let file = io::BufReader::with_capacity(1 << 20, File::open(path).map_err(read)?);
        let (header, summary) = snapshot::verify(file).map_err(|error| unsound(&error))?;
        self.header(&header)?;
        Ok(summary)
    }

    fn header(&self, header: &Header) -> Result<(), Failure> {
        let revision = header.applied.map_or(0, |applied| applied.index);
        if format!("{:032x}", header.cluster_id) == self.cluster_id && revision == self.revision {
            return Ok(());
        }
        Err(unsound(&FormatError::Corrupt {
            part: snapshot::Part::Header,
            offset: 0,
            reason: "it is of another cluster or revision than the member said".to_owned(),
        }))
    }
}

fn unsound(error: &FormatError) -> Failure {
    Failure::Specific {
        exit: Exit::Error,
        code: error.code(),
        message: format!("what the member sent is not sound: {error}"),
        hint: Some("save it anew; if that is no help, --from another member".to_owned()),
    }
}

/// Pieces as they come, as a stream.
struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_backup_is_confirmed_in_each_form() {
        let show = |format| {
            printed(format, false, |output| {
                output.confirmation(&Saved {
                    cluster_id: "0f".repeat(16),
                    revision: 1204,
                    keys: 1200,
                    records: 1215,
                    bytes: 421_888,
                    checksum: "0badcafe".to_owned(),
                    member: "n2".to_owned(),
                })
            })
        };
        assert_eq!(
            show(Format::Table),
            "OK  saved 1 200 keys at revision 1 204 from n2\n    \
             cluster 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f  1 215 records  412 KiB  checksum 0badcafe\n"
        );
        assert_eq!(
            show(Format::Plain),
            "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\t1204\t1200\t1215\t421888\t0badcafe\tn2\n"
        );
        assert_eq!(
            show(Format::Json),
            "{\"cluster_id\":\"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\",\"revision\":\"1204\",\"keys\":1200,\
             \"records\":1215,\"bytes\":421888,\"checksum\":\"0badcafe\",\"member\":\"n2\"}\n"
        );
    }
}
