//! The file that is edited.
//!
//! It lies in a directory of its own that nobody else can read, under a name made of the key, from
//! which an editor knows what it has before it. Text that the user wrote and the cluster did not
//! take is never removed: however the command ends, the file stays and its path is told.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tempfile::TempDir;

use crate::{failure::Failure, output};

/// The longest name of a file that is made of a key.
const MAX_NAME: usize = 64;

/// The file; removed with its directory when it is dropped, unless it is held.
pub(crate) struct Scratch {
    directory: TempDir,
    path: PathBuf,
    held: bool,
}

impl Scratch {
    /// A file that holds `text`.
    pub(crate) fn new(key: &[u8], text: &[u8]) -> Result<Self, Failure> {
        let failed = |source| Failure::Scratch { source };
        let directory = tempfile::Builder::new()
            .prefix("raftctl-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(failed)?;
        let path = directory.path().join(name(key));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text))
            .map_err(failed)?;
        Ok(Self {
            directory,
            path,
            held: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the user made of `original`. By its path: an editor may have put another file there.
    pub(crate) fn read(&self, original: &[u8]) -> Result<Bytes, Failure> {
        match fs::read(&self.path) {
            Ok(edited) => Ok(intended(original, edited).into()),
            Err(source) => Err(Failure::Input {
                what: self.path.display().to_string(),
                source,
            }),
        }
    }

    /// From now on it is not removed, and its path is told when it is dropped. It holds what
    /// [`Scratch::read`] gave, without the newline that was left out.
    pub(crate) fn hold(&mut self, edited: &[u8]) {
        self.directory.disable_cleanup(true);
        self.held = true;
        let file = OpenOptions::new().write(true).open(&self.path);
        if file
            .and_then(|file| file.set_len(edited.len() as u64))
            .is_err()
        {
            // Then the newline is still there, and so is the text.
        }
    }

    /// The text is where it belongs; the file can go.
    pub(crate) fn let_go(&mut self) {
        self.directory.disable_cleanup(false);
        self.held = false;
    }

    /// Leaves it there, for the caller to tell.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.held = false;
        self.path.clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.held {
            output::warning(&kept(&self.path));
        }
    }
}

/// Where the text is.
pub(crate) fn kept(path: &Path) -> String {
    format!("your text is kept in {}", path.display())
}

/// Without the newline that an editor puts behind a last line that had none.
fn intended(original: &[u8], mut edited: Vec<u8>) -> Vec<u8> {
    if !original.ends_with(b"\n") && edited.ends_with(b"\n") {
        edited.pop();
    }
    edited
}

/// The last part of a key as the name of a file, extension included.
fn name(key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key);
    let last = key.rsplit('/').find(|part| !part.is_empty());
    let name: String = last
        .unwrap_or_default()
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
            _ => '_',
        })
        .collect();
    // The end says what it is.
    let end = &name[name.len().saturating_sub(MAX_NAME)..];
    match end.trim_start_matches(['.', '-']) {
        "" => "value".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_owner_reads_it_and_it_goes_by_itself() {
        let scratch = Scratch::new(b"app/config.json", b"a\x00\r\n").unwrap();
        let path = scratch.path().to_owned();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(path.ends_with("config.json"));
        assert_eq!(scratch.read(b"\n").unwrap(), "a\x00\r\n");
        drop(scratch);
        assert!(!path.parent().unwrap().exists());
    }

    #[test]
    fn what_is_held_or_kept_stays() {
        let mut held = Scratch::new(b"k", b"held\n").unwrap();
        let edited = held.read(b"").unwrap();
        held.hold(&edited);
        let path = held.path().to_owned();
        drop(held);
        assert_eq!(fs::read(&path).unwrap(), b"held");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();

        let mut kept = Scratch::new(b"k", b"kept").unwrap();
        kept.hold(b"kept");
        let path = kept.keep();
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();

        let mut written = Scratch::new(b"k", b"written").unwrap();
        written.hold(b"written");
        written.let_go();
        let path = written.path().to_owned();
        drop(written);
        assert!(!path.exists());
    }

    #[test]
    fn a_newline_that_the_editor_added_is_left_out() {
        let table: [(&[u8], &[u8], &[u8]); 6] = [
            (b"a", b"a\n", b"a"),
            (b"a", b"b\n", b"b"),
            (b"a", b"a\n\n", b"a\n"),
            (b"a\n", b"a\n", b"a\n"),
            (b"a\n", b"a", b"a"),
            (b"", b"new\n", b"new"),
        ];
        for (original, edited, meant) in table {
            assert_eq!(intended(original, edited.to_vec()), meant);
        }
    }

    #[test]
    fn a_key_becomes_a_harmless_name() {
        let table: [(&[u8], &str); 7] = [
            (b"app/config.json", "config.json"),
            (b"greeting", "greeting"),
            (b"dir/", "dir"),
            (b"../..", "value"),
            (b"-rf *", "rf__"),
            (b"\xff\n", "__"),
            (b"/", "value"),
        ];
        for (key, expected) in table {
            assert_eq!(name(key), expected);
        }
        let long = [&[b'a'; 300][..], b".toml"].concat();
        assert_eq!(name(&long).len(), MAX_NAME);
        assert!(name(&long).ends_with("a.toml"));
    }
}
