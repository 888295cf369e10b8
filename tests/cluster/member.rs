//! One `raftnoded` process and what belongs to it on disk.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::process::{Pid, Signal, kill_process};

use super::{program, wait_for};

/// The program that a member is.
const DAEMON: &str = "raftnoded";

/// So much of each output is printed when a test fails.
const TAIL_LINES: usize = 60;

/// A member, running or not.
pub(crate) struct Member {
    name: String,
    client: String,
    peer: String,
    data: PathBuf,
    output: PathBuf,
    program: &'static str,
    settings: Vec<String>,
    environment: BTreeMap<String, OsString>,
    process: Option<Child>,
    paused: bool,
    /// The id of the process, for those who watch it beside the test; 0 while there is none.
    watched: Arc<AtomicU32>,
}

impl Member {
    /// A member with its data under `root`, not started.
    pub(crate) fn new(name: String, client: &str, peer: &str, root: &Path) -> Self {
        Self {
            data: root.join(&name),
            output: root.join(format!("{name}.log")),
            name,
            client: client.to_owned(),
            peer: peer.to_owned(),
            program: DAEMON,
            settings: Vec::new(),
            environment: BTreeMap::new(),
            process: None,
            paused: false,
            watched: Arc::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The address of its client API.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// The address on which members talk to each other.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Has another name from the next start on, and its data where they were.
    pub(crate) fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Its data directory is gone, as if the disk had been replaced.
    pub(crate) fn wipe(&self) {
        assert!(!self.is_running(), "{} runs", self.name);
        fs::remove_dir_all(&self.data).expect("the data directory is removed");
    }

    /// Copies its data directory to a place that is not there yet.
    pub(crate) fn copy_data(&self, to: &Path) {
        copy_directory(&self.data, to);
    }

    /// Uses other addresses from the next start on.
    pub(crate) fn move_to(&mut self, client: &str, peer: &str) {
        client.clone_into(&mut self.client);
        peer.clone_into(&mut self.peer);
    }

    /// Uses another data directory from the next start on.
    pub(crate) fn set_data(&mut self, data: &Path) {
        data.clone_into(&mut self.data);
    }

    /// Listens for other members elsewhere from the next start on, and tells nobody: they call
    /// where it was.
    pub(crate) fn set_peer(&mut self, peer: &str) {
        peer.clone_into(&mut self.peer);
    }

    /// Further arguments from the next start on.
    pub(crate) fn set(&mut self, settings: &[&str]) {
        self.settings
            .extend(settings.iter().map(|setting| (*setting).to_owned()));
    }

    /// A variable of its environment from the next start on.
    pub(crate) fn set_variable(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    /// Is another program from the next start on.
    pub(crate) fn set_program(&mut self, name: &'static str) {
        self.program = name;
    }

    /// Nothing beyond name, addresses and directory from the next start on.
    pub(crate) fn forget_settings(&mut self) {
        self.settings.clear();
    }

    /// The command line of this member.
    pub(crate) fn command(&self) -> Command {
        let mut command = bare(self.program);
        command
            .args(["--name", &self.name])
            .args(["--listen", &self.client])
            .args(["--peer-listen", &self.peer])
            .arg("--data-dir")
            .arg(&self.data)
            .args(["--threads", "1", "--log-format", "json"])
            .args(&self.settings)
            .envs(&self.environment);
        command
    }

    /// Starts the process; its output is appended to that of earlier ones.
    pub(crate) fn start(&mut self) {
        assert!(!self.is_running(), "{} runs already", self.name);
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(self.output_file("stdout"))
            .stderr(self.output_file("stderr"))
            .spawn()
            .expect("raftnoded starts");
        self.watched.store(child.id(), Ordering::Relaxed);
        self.process = Some(child);
    }

    fn output_file(&self, stream: &str) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.output.with_extension(stream))
            .expect("a file for the output")
    }

    /// The id of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().expect("a running member").id()
    }

    /// The id of whatever process it has, 0 for none: follows every start and end.
    pub(crate) fn watched(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.watched)
    }

    /// It has no process any more.
    fn ended(&mut self) {
        self.watched.store(0, Ordering::Relaxed);
        self.process = None;
        self.paused = false;
    }

    /// Whether it was started and not yet killed or seen to exit.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("a running member");
        // Not yet waited for, so the id still names this process, even if it has ended.
        kill_process(Pid::from_child(process), signal).expect("a signal to an own child");
    }

    /// SIGKILL, without waiting for the end.
    pub(crate) fn send_kill(&self) {
        if self.is_running() {
            self.signal(Signal::KILL);
        }
    }

    /// SIGKILL, and waits until the process is gone; returns what it ended with.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        self.send_kill();
        let process = self.process.as_mut()?;
        let status = process.wait().expect("an own child can be waited for");
        self.ended();
        Some(status)
    }

    /// SIGTERM: asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGINT, as Ctrl-C sends it.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// SIGSTOP: the process stands still, its connections stay open.
    pub(crate) fn pause(&mut self) {
        self.signal(Signal::STOP);
        self.paused = true;
    }

    /// SIGCONT.
    pub(crate) fn resume(&mut self) {
        self.signal(Signal::CONT);
        self.paused = false;
    }

    /// Waits until the process ends by itself.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        let process = self.process.as_mut().expect("a running member");
        let status = wait_for("the member exits", async || {
            process.try_wait().expect("an own child can be waited for")
        })
        .await;
        self.ended();
        status
    }

    /// Whether it has ended, by itself or not.
    pub(crate) fn is_gone(&mut self) -> bool {
        if let Some(process) = &mut self.process
            && let Ok(Some(_)) = process.try_wait()
        {
            self.ended();
        }
        self.process.is_none()
    }

    /// Starts it and waits until it ends by itself, for starts that must be refused: exit code and
    /// what this start wrote to stderr.
    pub(crate) async fn refused(&mut self) -> (Option<i32>, String) {
        let before = self.stderr().len();
        self.start();
        let status = self.exited().await;
        (status.code(), self.stderr()[before..].to_owned())
    }

    /// All that it has written to stdout, over all starts.
    pub(crate) fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// All that it has written to stderr, over all starts.
    pub(crate) fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, stream: &str) -> String {
        let bytes = fs::read(self.output.with_extension(stream)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The events of its log whose message is this.
    pub(crate) fn events(&self, message: &str) -> Vec<serde_json::Value> {
        self.stderr()
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["message"] == message)
            .collect()
    }

    /// Bytes on disk under its data directory: blocks in use, not lengths of files.
    pub(crate) fn disk_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let mut sum = 0;
        let mut directories = vec![self.data.clone()];
        while let Some(directory) = directories.pop() {
            // Files come and go under a running member.
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(found) if found.is_dir() => directories.push(entry.path()),
                    Ok(found) => sum += found.blocks() * 512,
                    Err(_) => {}
                }
            }
        }
        sum
    }

    /// Prints the end of what it wrote.
    pub(crate) fn print_output(&self) {
        for (stream, text) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            let lines: Vec<&str> = text.lines().collect();
            // A panic may lie far before the end.
            for (number, line) in lines.iter().enumerate() {
                if line.contains("panicked at") {
                    let panic = &lines[number..lines.len().min(number + 3)];
                    eprintln!("--- a panic of {}: {}", self.name, panic.join("\n"));
                }
            }
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            eprintln!("--- {stream} of {}, last {} lines", self.name, tail.len());
            for line in tail {
                eprintln!("{line}");
            }
        }
    }
}

/// Copies a directory to a place that is not there yet.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// `raftnoded` with nothing set, and nothing of the environment but the path.
pub(crate) fn daemon() -> Command {
    bare(DAEMON)
}

fn bare(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command.env_clear().env("RUST_BACKTRACE", "1");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}
