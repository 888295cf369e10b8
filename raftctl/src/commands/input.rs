//! What a command reads beside its arguments: a file, or what stands on stdin.

use std::{
    fs::{File, FileType},
    io::{self, Read},
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use common::{Error, transport::MAX_REPLY_BYTES};

use crate::failure::Failure;

/// The most that is read. No server accepts more in one request, and input may have no end.
const MAX_INPUT_BYTES: u64 = MAX_REPLY_BYTES as u64;

/// Reads a file to its end; `what` names it if it is too large: "value".
///
/// # Errors
/// [`Failure::Input`], or [`Error::TooLarge`] beyond 64 MiB.
pub(super) async fn file(path: &Path, what: &'static str) -> Result<Bytes, Failure> {
    let path: PathBuf = path.to_owned();
    blocking(move || {
        let failed = |source| Failure::Input {
            what: path.display().to_string(),
            source,
        };
        let file = File::open(&path).map_err(failed)?;
        all(file, what).map_err(failed)?
    })
    .await
}

/// Reads stdin to its end.
///
/// # Errors
/// As [`file()`].
pub(super) async fn stdin(what: &'static str) -> Result<Bytes, Failure> {
    blocking(move || {
        all(io::stdin().lock(), what).map_err(|source| Failure::Input {
            what: "standard input".to_owned(),
            source,
        })?
    })
    .await
}

/// Whether something may be taken from stdin unasked.
pub(super) fn stdin_offers() -> bool {
    offers(stdin_type().as_ref())
}

fn stdin_type() -> Option<FileType> {
    let descriptor = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let metadata = File::from(descriptor).metadata().ok()?;
    Some(metadata.file_type())
}

/// Not `/dev/null` or a closed stdin, where a forgotten argument would silently be nothing.
fn offers(kind: Option<&FileType>) -> bool {
    kind.is_some_and(|kind| kind.is_fifo() || kind.is_file() || kind.is_socket())
}

/// Reads on a thread of its own: a pipe may keep it waiting, and Ctrl-C must not.
async fn blocking<F>(read: F) -> Result<Bytes, Failure>
where
    F: FnOnce() -> Result<Bytes, Failure> + Send + 'static,
{
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Failure::Runtime(io::Error::other(error)))?
}

fn all(from: impl Read, what: &str) -> io::Result<Result<Bytes, Failure>> {
    let mut read = Vec::new();
    from.take(MAX_INPUT_BYTES + 1).read_to_end(&mut read)?;
    let size = read.len() as u64;
    Ok(if size > MAX_INPUT_BYTES {
        Err(Failure::Api(Error::TooLarge {
            what: what.to_owned(),
            size,
            limit: MAX_INPUT_BYTES,
            setting: "fixed".to_owned(),
        }))
    } else {
        Ok(read.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn input_without_an_end_is_refused_and_not_held() {
        let failure = all(io::repeat(7), "value").unwrap().unwrap_err();
        assert_eq!(failure.exit(), Exit::Limit);
        assert_eq!(all(&b"x\n"[..], "value").unwrap().unwrap(), "x\n");
    }

    #[test]
    fn nothing_is_taken_from_the_null_device() {
        let null = File::open("/dev/null").unwrap().metadata().unwrap();
        assert!(!offers(Some(&null.file_type())));
        assert!(!offers(None));
        let (reader, _writer) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(reader));
        assert!(offers(Some(&pipe.metadata().unwrap().file_type())));
    }
}
