//! Where an export or a backup goes: a thread beside the runtime's encodes and writes, so that the next page is
//! read meanwhile, and a reader that takes nothing does not keep Ctrl-C away.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
};

use common::types::Entry;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::{self, JoinHandle},
};

use crate::{
    commands::dump,
    failure::{Exit, Failure, in_words},
};

/// How many pages (of about 1 MiB) wait to be written.
const AHEAD: usize = 2;

/// How much is gathered before it is written.
const BUFFER: usize = 256 * 1024;

/// What the thread is told.
enum Piece {
    Lines(Vec<u8>),
    Entries(Vec<Entry>),
    /// Forget what was written.
    Restart,
}

/// Where an export or a backup is written to.
pub(super) struct Sink {
    /// None once the thread has ended.
    pieces: Option<Sender<Piece>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    kind: Kind,
}

enum Kind {
    Stdout,
    /// A pipe or a device, which is written to as it is.
    Special(PathBuf),
    /// A file that appears when it is whole.
    File {
        name: PathBuf,
        partial: Partial,
    },
}

/// A file that is not whole yet; removed unless it is kept.
struct Partial {
    path: PathBuf,
    kept: bool,
}

impl Partial {
    fn keep_as(&mut self, name: &Path) -> io::Result<()> {
        fs::rename(&self.path, name)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept && fs::remove_file(&self.path).is_err() {
            // It is gone already.
        }
    }
}

impl Sink {
    /// Opens a file, or stdout.
    ///
    /// # Errors
    /// `file` if it cannot be created.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::start(io::stdout(), Kind::Stdout, false));
        };
        let failed = |error: io::Error| unwritable(path, &error);
        // Behind a symbolic link: the link stays one.
        let name = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&name) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok(metadata) if !metadata.is_file() => {
                let special = File::options().write(true).open(&name).map_err(failed)?;
                return Ok(Self::start(special, Kind::Special(name), false));
            }
            _ => {}
        }
        let partial = beside(&name);
        let created = File::create_new(&partial).map_err(failed)?;
        let partial = Partial {
            path: partial,
            kept: false,
        };
        if let Ok(metadata) = fs::metadata(&name) {
            // Who may read the one that is replaced may read this one.
            created
                .set_permissions(metadata.permissions())
                .map_err(failed)?;
        }
        Ok(Self::start(created, Kind::File { name, partial }, true))
    }

    fn start(target: impl Target, kind: Kind, sync: bool) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        Self {
            pieces: Some(sender),
            thread: Some(task::spawn_blocking(move || write(target, pieces, sync))),
            kind,
        }
    }

    /// Whether it is a file that appears when it is whole. What was written to anything else cannot
    /// be taken back.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File { .. })
    }

    /// Writes lines.
    ///
    /// # Errors
    /// What the thread failed with, now or before.
    pub(super) async fn write(&mut self, lines: Vec<u8>) -> Result<(), Failure> {
        self.send(Piece::Lines(lines)).await
    }

    /// Writes a line for each entry.
    ///
    /// # Errors
    /// What the thread failed with, now or before.
    pub(super) async fn write_entries(&mut self, entries: Vec<Entry>) -> Result<(), Failure> {
        self.send(Piece::Entries(entries)).await
    }

    /// Begins anew; only a file can.
    ///
    /// # Errors
    /// What the thread failed with, now or before.
    pub(super) async fn restart(&mut self) -> Result<(), Failure> {
        self.send(Piece::Restart).await
    }

    async fn send(&mut self, piece: Piece) -> Result<(), Failure> {
        if let Some(pieces) = &self.pieces
            && pieces.send(piece).await.is_ok()
        {
            return Ok(());
        }
        self.end().await
    }

    /// Waits for the thread to write what it was given.
    async fn end(&mut self) -> Result<(), Failure> {
        self.pieces = None;
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let ended = thread
            .await
            .map_err(|error| Failure::Runtime(io::Error::other(error)))?;
        ended.map_err(|error| match &self.kind {
            Kind::Stdout => Failure::Output(error),
            Kind::Special(name) | Kind::File { name, .. } => unwritable(name, &error),
        })
    }

    /// Writes what is left, and puts a file in its place.
    ///
    /// # Errors
    /// `file` if that fails; no file appears then.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        if self.is_file() {
            return self.finish_checked(|_| Ok(())).await;
        }
        let mut sink = self;
        sink.end().await
    }

    /// Writes what is left of a file, and puts it in its place if it passes a check.
    ///
    /// # Errors
    /// That of the check, or `file`; no file appears then.
    pub(super) async fn finish_checked<T: Send + 'static>(
        mut self,
        check: impl FnOnce(&Path) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.end().await?;
        let placed = task::spawn_blocking(move || {
            let Kind::File { name, mut partial } = self.kind else {
                return check(Path::new("-"));
            };
            let checked = check(&partial.path)?;
            partial
                .keep_as(&name)
                .map_err(|error| unwritable(&name, &error))?;
            // The name, too, survives a power cut.
            let directory = name.parent().filter(|path| !path.as_os_str().is_empty());
            let directory = File::open(directory.unwrap_or(Path::new(".")));
            directory
                .and_then(|directory| directory.sync_all())
                .map_err(|error| unwritable(&name, &error))?;
            Ok(checked)
        });
        placed
            .await
            .map_err(|error| Failure::Runtime(io::Error::other(error)))?
    }
}

/// What the thread writes to.
trait Target: Write + Send + 'static {
    /// Forgets everything that was written.
    fn restart(&mut self) -> io::Result<()>;
    /// Makes what was written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

impl Target for io::Stdout {
    fn restart(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for File {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.set_len(0)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

fn write(target: impl Target, mut pieces: Receiver<Piece>, sync: bool) -> io::Result<()> {
    let mut target = BufWriter::with_capacity(BUFFER, target);
    let mut lines = Vec::new();
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Lines(lines) => target.write_all(&lines)?,
            Piece::Entries(entries) => {
                lines.clear();
                for entry in &entries {
                    dump::write_entry(&mut lines, entry)?;
                }
                target.write_all(&lines)?;
            }
            Piece::Restart => {
                target.flush()?;
                target.get_mut().restart()?;
            }
        }
    }
    target.flush()?;
    if sync {
        target.get_mut().sync()
    } else {
        Ok(())
    }
}

/// The name of the file before it is whole: hidden, and in the same directory, from where it can be
/// put in place in one step.
fn beside(name: &Path) -> PathBuf {
    let mut partial = OsString::from(".");
    partial.push(name.file_name().unwrap_or_default());
    partial.push(format!(".{}.partial", std::process::id()));
    name.with_file_name(partial)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Specific {
        exit: Exit::Error,
        code: "file",
        message: format!("cannot write {}: {}", path.display(), in_words(error)),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let id = std::process::id();
            let path = std::env::temp_dir().join(format!("raftctl-sink-{name}-{id}"));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[tokio::test]
    async fn a_file_appears_when_it_is_whole() {
        let directory = Directory::new("whole");
        let path = directory.0.join("out.jsonl");
        fs::write(&path, "old").unwrap();
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write(b"begun\n".to_vec()).await.unwrap();
        sink.restart().await.unwrap();
        sink.write(b"new\n".to_vec()).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        sink.finish().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(directory.names(), ["out.jsonl"]);
    }

    #[tokio::test]
    async fn nothing_is_left_of_one_that_is_given_up() {
        let directory = Directory::new("given-up");
        let mut sink = Sink::open(Some(&directory.0.join("out.jsonl"))).unwrap();
        sink.write(b"begun\n".to_vec()).await.unwrap();
        assert_eq!(directory.names().len(), 1);
        drop(sink);
        assert!(directory.names().is_empty());
    }

    #[tokio::test]
    async fn a_link_stays_one_and_a_device_is_not_replaced() {
        let directory = Directory::new("links");
        let (file, link) = (directory.0.join("file"), directory.0.join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        let mut sink = Sink::open(Some(&link)).unwrap();
        sink.write(b"new\n".to_vec()).await.unwrap();
        sink.finish().await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new\n");

        let null = Path::new("/dev/null");
        let mut sink = Sink::open(Some(null)).unwrap();
        assert!(!sink.is_file());
        sink.write(b"new\n".to_vec()).await.unwrap();
        sink.finish().await.unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_named() {
        let message = |path: &str| Sink::open(Some(Path::new(path))).err().unwrap().to_string();
        assert_eq!(message("/"), "cannot write /: is a directory");
        let missing = message("/nothing/there");
        assert!(
            missing.starts_with("cannot write /nothing/there: "),
            "{missing}"
        );
        assert!(!missing.contains("os error"), "{missing}");
        let mut sink = Sink::open(Some(Path::new("/dev/full"))).unwrap();
        sink.write(vec![b'x'; 2 * BUFFER]).await.unwrap();
        let failure = sink.finish().await.unwrap_err();
        assert!(failure.to_string().starts_with("cannot write /dev/full: "));
    }
}
