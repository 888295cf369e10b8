//! One file of the log.
//!
//! A segment is a page of header, then records. The header is durable before the file gets its
//! segment name, so a segment whose header does not verify is damaged, never torn.
//!
//! The file's length says how far it was filled with zeros (or holds an earlier life's bytes): a
//! sync of an overwrite there commits no metadata. Blocks for the whole segment are reserved
//! beforehand, where the file system can. Beyond its length a file is merely slower to write, so
//! the writer never waits for the filling.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FallocateFlags;

use super::error::OpenError;
use super::record::{HEADER, Header, Role};
#[cfg(feature = "failpoints")]
use crate::failpoint::{self, Switch};

/// Bytes before the first record: one page, rewritten as a whole when a file is recycled.
pub(super) const PAGE: u32 = 4096;
/// The format that this program writes, and the newest that it reads.
pub(super) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"raftwal\0";
/// Bytes of the header that its checksum covers.
const COVERED: usize = 24;
/// Zeros are written this many bytes at a time.
const CHUNK: u32 = 1 << 20;
static ZEROS: [u8; CHUNK as usize] = [0; CHUNK as usize];

/// Asked before each write and each sync of a segment; an error is returned in its place.
pub(super) trait Gate: Send + Sync {
    /// Before bytes are written to `path`.
    fn write(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Before `path` is synced.
    fn sync(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The gate that lets everything through.
pub(super) struct OpenGate;
impl Gate for OpenGate {}

/// The path of a segment.
pub(super) fn segment_path(dir: &Path, sequence: u32) -> PathBuf {
    dir.join(format!("segment-{sequence:010}.wal"))
}

/// The path of a file that waits to become a segment; the number only keeps names apart.
pub(super) fn spare_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("spare-{number:010}.wal"))
}

/// What a file name in the log's directory stands for.
pub(super) enum Name {
    Segment(u32),
    Spare,
}

impl Name {
    pub fn parse(name: &str) -> Option<Self> {
        let number = |rest: &str| {
            let digits = rest.strip_suffix(".wal")?;
            let plain = digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| plain)
        };
        if let Some(rest) = name.strip_prefix("segment-") {
            number(rest).filter(|n| *n > 0).map(Self::Segment)
        } else {
            number(name.strip_prefix("spare-")?).map(|_| Self::Spare)
        }
    }
}

/// Makes creations, renames and removals in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// An open segment.
pub(super) struct Segment {
    pub sequence: u32,
    pub path: PathBuf,
    /// Seeds the checksum of each record: sequence and nonce.
    pub seed: u32,
    file: File,
    gate: Arc<dyn Gate>,
    /// Where the written records end.
    end: AtomicU32,
    /// Length of the file. Grown under `growing`, so that zeros never land on records.
    filled: AtomicU32,
    growing: Mutex<()>,
    #[cfg(feature = "failpoints")]
    unsynced: super::unsynced::Unsynced,
}

impl Segment {
    /// Makes a segment without records, from `spare` if there is one; durable on return.
    pub fn create(
        dir: &Path,
        sequence: u32,
        spare: Option<PathBuf>,
        segment_bytes: u32,
        gate: Arc<dyn Gate>,
    ) -> io::Result<Self> {
        let fresh = spare.is_none();
        let draft = spare.unwrap_or_else(|| spare_path(dir, sequence));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(fresh)
            .open(&draft)?;
        reserve(&file, segment_bytes)?;
        // A nonce for each life of a file: no record of an earlier life verifies, even one of the
        // same sequence number, and no payload can imitate a record.
        let nonce = std::hash::RandomState::new().build_hasher().finish();
        let mut page = [0; PAGE as usize];
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        page[12..16].copy_from_slice(&sequence.to_le_bytes());
        page[16..24].copy_from_slice(&nonce.to_le_bytes());
        let crc = crc32c::crc32c(&page[..COVERED]);
        page[24..28].copy_from_slice(&crc.to_le_bytes());
        gate.write(&draft)?;
        file.write_all_at(&page, 0)?;
        if file.metadata()?.len() > u64::from(segment_bytes) {
            file.set_len(u64::from(segment_bytes))?;
        }
        gate.sync(&draft)?;
        file.sync_all()?;
        let path = segment_path(dir, sequence);
        std::fs::rename(&draft, &path)?;
        sync_dir(dir)?;
        let filled = file.metadata()?.len() as u32;
        Ok(Self {
            sequence,
            path,
            seed: crc32c::crc32c(&page[12..24]),
            file,
            gate,
            end: AtomicU32::new(PAGE),
            filled: AtomicU32::new(filled),
            growing: Mutex::new(()),
            #[cfg(feature = "failpoints")]
            unsynced: super::unsynced::Unsynced::default(),
        })
    }

    /// Opens a segment and verifies its header. Where its records end is not known yet.
    pub fn open(dir: &Path, sequence: u32, gate: Arc<dyn Gate>) -> Result<Self, OpenError> {
        let path = segment_path(dir, sequence);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(OpenError::io("open", &path))?;
        let length = file
            .metadata()
            .map_err(OpenError::io("inspect", &path))?
            .len();
        let Some(filled) = u32::try_from(length).ok().filter(|l| *l >= PAGE) else {
            return Err(OpenError::DamagedHeader { path });
        };
        let mut page = [0; PAGE as usize];
        file.read_exact_at(&mut page, 0)
            .map_err(OpenError::io("read", &path))?;
        let word =
            |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
        if page[..8] != MAGIC || word(24) != crc32c::crc32c(&page[..COVERED]) {
            return Err(OpenError::DamagedHeader { path });
        }
        if word(8) > VERSION {
            return Err(OpenError::NewerVersion {
                path,
                found: word(8),
                supported: VERSION,
            });
        }
        if word(12) != sequence {
            return Err(OpenError::WrongSequence {
                path,
                found: word(12),
            });
        }
        Ok(Self {
            sequence,
            path,
            seed: crc32c::crc32c(&page[12..24]),
            file,
            gate,
            end: AtomicU32::new(PAGE),
            filled: AtomicU32::new(filled),
            growing: Mutex::new(()),
            #[cfg(feature = "failpoints")]
            unsynced: super::unsynced::Unsynced::default(),
        })
    }

    /// Where the written records end, in bytes.
    pub fn end(&self) -> u32 {
        self.end.load(Ordering::Acquire)
    }

    /// Says that the records before `end` are written.
    pub fn set_end(&self, end: u32) {
        self.end.store(end, Ordering::Release);
    }

    /// Length of the file, in bytes.
    pub fn filled(&self) -> u32 {
        self.filled.load(Ordering::Acquire)
    }

    /// The segment's first record, if it is a whole link.
    pub fn link(&self) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER];
        if self.filled() < PAGE + HEADER as u32 {
            return Ok(None);
        }
        self.file.read_exact_at(&mut bytes, u64::from(PAGE))?;
        Ok(Header::decode(&bytes, self.seed, PAGE)
            .filter(|h| h.role == Role::Link && h.payload_matches(&bytes)))
    }

    /// The whole file into `buffer`.
    pub fn read_all(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(self.filled() as usize, 0);
        self.file.read_exact_at(buffer, 0)
    }

    /// Bytes from `offset`.
    pub fn read_at(&self, buffer: &mut [u8], offset: u32) -> io::Result<()> {
        #[cfg(feature = "failpoints")]
        if failpoint::is_on(Switch::Unsynced) {
            return self.unsynced.read(&self.file, buffer, offset);
        }
        self.file.read_exact_at(buffer, u64::from(offset))
    }

    /// Writes records at `offset`, which is where the last write ended.
    pub fn write_at(&self, bytes: &[u8], offset: u32) -> io::Result<()> {
        self.gate.write(&self.path)?;
        #[cfg(feature = "failpoints")]
        if failpoint::is_on(Switch::Unsynced) {
            self.unsynced.write(bytes, offset);
            return Ok(());
        }
        let end = offset + bytes.len() as u32;
        if end <= self.filled() {
            return self.file.write_all_at(bytes, u64::from(offset));
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.write_all_at(bytes, u64::from(offset))?;
        self.filled.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }

    /// Makes what was written durable.
    pub fn sync(&self) -> io::Result<()> {
        self.gate.sync(&self.path)?;
        #[cfg(feature = "failpoints")]
        if failpoint::is_on(Switch::SkipSync) {
            return Ok(());
        }
        #[cfg(feature = "failpoints")]
        self.write_out()?;
        self.file.sync_data()
    }

    /// Brings into the file what a power cut would take until the sync that follows.
    #[cfg(feature = "failpoints")]
    fn write_out(&self) -> io::Result<()> {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = self.unsynced.write_out(&self.file)? {
            self.filled.fetch_max(end, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Writes up to one chunk of zeros at the end of the file, not beyond `target`. Returns
    /// whether there was anything to do.
    pub fn fill_towards(&self, target: u32) -> io::Result<bool> {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = self.filled();
        if filled >= target {
            return Ok(false);
        }
        let chunk = (target - filled).min(CHUNK);
        self.file
            .write_all_at(&ZEROS[..chunk as usize], u64::from(filled))?;
        self.filled.store(filled + chunk, Ordering::Release);
        Ok(true)
    }

    /// Drops everything from `end` on; durable on return. The reserved blocks come back with it,
    /// for zeros to be written over them.
    pub fn truncate(&self, end: u32, segment_bytes: u32) -> io::Result<()> {
        self.file.set_len(u64::from(end))?;
        self.gate.sync(&self.path)?;
        self.file.sync_all()?;
        self.filled.store(end, Ordering::Release);
        self.set_end(end);
        // A full disk must not keep a member from starting.
        if let Err(error) = reserve(&self.file, segment_bytes) {
            tracing::warn!(path = %self.path.display(), %error, "wal: cannot reserve space");
        }
        Ok(())
    }
}

/// Reserves blocks without changing the length. A file system that cannot is left alone: only
/// speed and the early notice of a full disk are lost.
fn reserve(file: &File, bytes: u32) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, u64::from(bytes)) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
