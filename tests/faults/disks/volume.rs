//! One ext4 file system in a file.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FallocateFlags, fallocate, syncfs},
    ioctl::{Opcode, Setter, ioctl},
};

/// How long a file system may stay busy after its last process has ended.
const BUSY: Duration = Duration::from_secs(10);

/// Written, and never synced, just before the power is cut: there afterwards, it was no cut.
const WITNESS: &str = "unsynced";

/// The largest piece in which room is taken: a power of two.
const PIECE: u64 = 64 << 20;

/// The smallest: a block of the file system.
const BLOCK: u64 = 4096;

/// An ext4 file system in a sparse file, mounted; gone when this is dropped.
pub(crate) struct Volume {
    image: PathBuf,
    root: PathBuf,
}

impl Volume {
    /// Makes and mounts one of so many bytes under `place`.
    ///
    /// # Errors
    /// What this machine lacks, in words.
    pub(super) fn create(place: &Path, name: &str, bytes: u64) -> Result<Self, String> {
        let volume = Self {
            image: place.join(format!("{name}.ext4")),
            root: place.join(name),
        };
        let room = || {
            File::create(&volume.image)?.set_len(bytes)?;
            fs::create_dir(&volume.root)
        };
        room().map_err(|error| format!("no room for a file system: {error}"))?;
        // Nothing reserved for root, and nothing left to be initialized in the background.
        let arguments = [
            "-q",
            "-F",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=0,lazy_journal_init=0,nodiscard",
        ];
        let mut arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        arguments.push(volume.image.as_os_str());
        run("mkfs.ext4", &arguments, 0)?;
        volume.mount()?;
        Ok(volume)
    }

    /// Where a member keeps its data on it.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn mount(&self) -> Result<(), String> {
        let options = ["-o", "loop,noatime"].map(OsStr::new);
        let places = [self.image.as_os_str(), self.root.as_os_str()];
        run("mount", &[options, places].concat(), 0)
    }

    /// From now on nothing reaches the disk any more, and every write fails.
    pub(super) fn cut(&self) {
        let mut witness = File::create(self.root.join(WITNESS)).expect("a file");
        witness.write_all(b"unsynced").expect("room for a line");
        let root = File::open(&self.root).expect("the root of the file system");
        shut_down(&root).expect("EXT4_IOC_SHUTDOWN");
        let refused = File::create(self.root.join("refused"));
        assert!(refused.is_err(), "the file system was not shut down");
    }

    /// Mounts it anew, as the next boot of the machine would. Returns whether what was not synced at
    /// the cut is gone.
    pub(super) fn restore(&self) -> bool {
        let deadline = Instant::now() + BUSY;
        while let Err(busy) = run("umount", &[self.root.as_os_str()], 0) {
            assert!(Instant::now() < deadline, "{busy}");
            thread::sleep(Duration::from_millis(20));
        }
        // Replays the journal; 1 says that something was put right.
        let check = [OsStr::new("-p"), self.image.as_os_str()];
        run("e2fsck", &check, 1).expect("the file system is sound after a power cut");
        self.mount().expect("mounted a moment ago");
        fs::read(self.root.join(WITNESS))
            .unwrap_or_default()
            .is_empty()
    }

    /// Takes all its room, but for so many bytes.
    pub(crate) fn fill(&self, leave: u64) -> Filler {
        let path = self.root.join("filler");
        let mut file = File::create(&path).expect("a file");
        let mut length = 0;
        let mut piece = PIECE;
        while piece >= BLOCK {
            match fallocate(&file, FallocateFlags::empty(), length, piece) {
                Ok(()) => length += piece,
                Err(rustix::io::Errno::NOSPC) => piece /= 2,
                Err(error) => panic!("cannot fill {}: {error}", path.display()),
            }
        }
        if leave == 0 {
            // What a metadata block of the file itself may have left.
            let block = [1; BLOCK as usize];
            io::Seek::seek(&mut file, io::SeekFrom::Start(length)).expect("a place");
            while file.write_all(&block).is_ok() {}
        } else {
            file.set_len(length.saturating_sub(leave)).expect("a file");
            file.sync_all().expect("a synced file");
        }
        Filler(path)
    }

    /// Bytes that are free.
    pub(crate) fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.root).expect("a file system");
        found.f_bavail * found.f_frsize
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        unmount(&self.root);
        let _ = fs::remove_file(&self.image);
        let _ = fs::remove_dir(&self.root);
    }
}

/// What takes the room; it is given back when this is dropped.
pub(crate) struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        // Blocks are free for others when the transaction that freed them is in the journal.
        if let Some(root) = self.0.parent().and_then(|root| File::open(root).ok()) {
            let _ = syncfs(root);
        }
    }
}

/// Detaches what is mounted there, now or, if it is in use, when that ends.
pub(super) fn unmount(root: &Path) {
    let _ = run("umount", &[OsStr::new("-l"), root.as_os_str()], 0);
}

/// Stops all writes to the file system that the file lies on, without writing out its journal.
fn shut_down(file: impl AsFd) -> rustix::io::Result<()> {
    /// `_IOR('X', 125, __u32)`, from the kernel's `include/uapi/linux/ext4.h`.
    const EXT4_IOC_SHUTDOWN: Opcode = 0x8004_587d;
    const EXT4_GOING_FLAGS_NOLOGFLUSH: u32 = 2;
    // No crate offers this one. The kernel reads a `__u32` through the pointer that `Setter` passes,
    // and writes nothing back.
    #[allow(unsafe_code)]
    unsafe {
        ioctl(
            file,
            Setter::<EXT4_IOC_SHUTDOWN, u32>::new(EXT4_GOING_FLAGS_NOLOGFLUSH),
        )
    }
}

/// Runs a program of the system to its end. An exit code up to `tolerated` is a success.
fn run(program: &str, arguments: &[&OsStr], tolerated: i32) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    match output.status.code() {
        Some(code) if code <= tolerated => Ok(()),
        _ => Err(format!(
            "{program}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// The search path, with the directories that hold what only root needs.
fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}
