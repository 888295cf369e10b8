//! `raftctl put`.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, FileType},
    io::{self, IsTerminal, Read},
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use common::{Error, transport::MAX_REPLY_BYTES, types::PutRequest};
use serde::Serialize;

use super::{Session, argument_bytes};
use crate::{
    failure::Failure,
    output::{Output, Record, Style, bytes::quote, json, table::grouped},
};

/// The most that is read as a value. No server accepts more, and input may have no end.
const MAX_INPUT_BYTES: u64 = MAX_REPLY_BYTES as u64;

const EXAMPLES: &str = "\
Examples:
  raftctl put default greeting hello
  raftctl put default greeting \"\"             the empty value
  raftctl put default offset -5               a value may begin with a dash
  raftctl put default flag -- --yes           one that looks like an option stands behind --
  raftctl put default logo --file logo.png
  date | raftctl put default now              the bytes of a pipe, the last newline included

Prints the revision and the version of the key; plain: REVISION, VERSION.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The key
    key: OsString,
    /// The value; - reads stdin. Without it the value is read from a pipe, or asked for
    #[arg(allow_hyphen_values = true)]
    value: Option<OsString>,
    /// Take the value from a file
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Stored<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
    version: u64,
}

impl Record for Stored<'_> {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  revision {}  version {}\n",
            grouped(self.revision),
            grouped(self.version)
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![self.revision.to_string(), self.version.to_string()]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let key = argument_bytes(&args.key);
    let value = value(args, &key, session).await?;
    let client = session.connect(output).await?;
    let reply = client
        .put(PutRequest::new(&args.namespace, key.clone(), value))
        .await?;
    output.confirmation(&Stored {
        namespace: &args.namespace,
        key: json::Key::new(&key),
        revision: reply.revision,
        version: reply.version,
    })
}

async fn value(args: &Args, key: &[u8], session: &Session) -> Result<Bytes, Failure> {
    if let Some(path) = &args.file {
        let path = path.clone();
        return blocking(move || read_file(&path)).await;
    }
    match args.value.as_deref() {
        Some(value) if value != OsStr::new("-") => return Ok(argument_bytes(value)),
        Some(_) => return blocking(read_stdin).await,
        None => {}
    }
    if io::stdin().is_terminal() {
        let prompt = format!("Value of {}", quote(key));
        if let Some(typed) = session.prompt.value(prompt).await? {
            return Ok(typed.into());
        }
    } else if is_input(stdin_type().as_ref()) {
        return blocking(read_stdin).await;
    }
    Err(Failure::Usage {
        message: "the value is missing".to_owned(),
        hint: Some(
            "give it as an argument (\"\" is the empty value), with --file, or through a pipe"
                .to_owned(),
        ),
    })
}

fn stdin_type() -> Option<FileType> {
    let descriptor = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let metadata = File::from(descriptor).metadata().ok()?;
    Some(metadata.file_type())
}

/// Whether a value may be taken from it unasked: not from `/dev/null` or a closed stdin, where a
/// forgotten argument would silently store nothing.
fn is_input(kind: Option<&FileType>) -> bool {
    kind.is_some_and(|kind| kind.is_fifo() || kind.is_file() || kind.is_socket())
}

async fn blocking<F>(read: F) -> Result<Bytes, Failure>
where
    F: FnOnce() -> Result<Bytes, Failure> + Send + 'static,
{
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Failure::Runtime(io::Error::other(error)))?
}

fn read_file(path: &Path) -> Result<Bytes, Failure> {
    let failed = |source| Failure::Input {
        what: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    read_all(file).map_err(failed)?
}

fn read_stdin() -> Result<Bytes, Failure> {
    read_all(io::stdin().lock()).map_err(|source| Failure::Input {
        what: "standard input".to_owned(),
        source,
    })?
}

fn read_all(from: impl Read) -> io::Result<Result<Bytes, Failure>> {
    let mut value = Vec::new();
    from.take(MAX_INPUT_BYTES + 1).read_to_end(&mut value)?;
    let size = value.len() as u64;
    Ok(if size > MAX_INPUT_BYTES {
        Err(Failure::Api(Error::TooLarge {
            what: "value".to_owned(),
            size,
            limit: MAX_INPUT_BYTES,
            setting: "fixed".to_owned(),
        }))
    } else {
        Ok(value.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        failure::Exit,
        output::{Format, tests::printed},
    };

    #[test]
    fn a_put_is_confirmed_in_each_form() {
        let show = |format| {
            printed(format, false, |output| {
                output.confirmation(&Stored {
                    namespace: "default",
                    key: json::Key::new(b"k"),
                    revision: 1200,
                    version: 1,
                })
            })
        };
        assert_eq!(show(Format::Table), "OK  revision 1 200  version 1\n");
        assert_eq!(show(Format::Plain), "1200\t1\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"1200\",\"version\":1}\n"
        );
    }

    #[test]
    fn input_without_an_end_is_refused_and_not_held() {
        let failure = read_all(io::repeat(7)).unwrap().unwrap_err();
        assert_eq!(failure.exit(), Exit::Limit);
        assert_eq!(read_all(&b"x\n"[..]).unwrap().unwrap(), "x\n");
    }

    #[test]
    fn a_value_is_not_taken_from_the_null_device() {
        let null = File::open("/dev/null").unwrap().metadata().unwrap();
        assert!(!is_input(Some(&null.file_type())));
        assert!(!is_input(None));
        let (reader, _writer) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(reader));
        assert!(is_input(Some(&pipe.metadata().unwrap().file_type())));
    }
}
