//! `raftctl` as a process with its three streams in pipes.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use super::program;

/// How to call raftctl: every call is a new process.
#[derive(Clone)]
pub(crate) struct Raftctl {
    endpoints: String,
}

/// What a call did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// What it printed, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it printed, as one JSON object a line.
    pub(crate) fn objects(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON object"))
            .collect()
    }

    /// Asserts exit code, stdout and stderr, all exactly.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, stdout: impl AsRef<[u8]>, stderr: &str) {
        let expected = Self {
            code,
            stdout: stdout.as_ref().to_vec(),
            stderr: stderr.to_owned(),
        };
        assert!(
            *self == expected,
            "\n  code {}, stdout {:?}, stderr {:?}\nand not\n  code {code}, stdout {:?}, stderr {stderr:?}",
            self.code,
            self.text(),
            self.stderr,
            expected.text()
        );
    }

    /// Asserts success with this output and nothing on stderr.
    #[track_caller]
    pub(crate) fn prints(&self, stdout: impl AsRef<[u8]>) {
        self.is(0, stdout, "");
    }
}

impl Raftctl {
    /// With these endpoints in its environment.
    pub(crate) fn new(endpoints: &str) -> Self {
        Self {
            endpoints: endpoints.to_owned(),
        }
    }

    /// The command before its arguments, with nothing of the environment that could matter.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(program("raftctl"));
        command
            .env_clear()
            .env("RAFTCTL_ENDPOINTS", &self.endpoints);
        command
    }

    /// Runs it with these arguments and nothing on stdin.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        finish(self.command().args(arguments).stdin(Stdio::null()), None)
    }

    /// Runs it with these arguments and a pipe on stdin.
    pub(crate) fn run_with_input<S: AsRef<OsStr>>(&self, input: &[u8], arguments: &[S]) -> Run {
        finish(
            self.command().args(arguments).stdin(Stdio::piped()),
            Some(input),
        )
    }
}

/// Runs a command to its end, with its output in pipes.
pub(crate) fn finish(command: &mut Command, input: Option<&[u8]>) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A command that refuses its arguments does not read; its exit code says more.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().expect("the command ends");
    Run {
        code: output
            .status
            .code()
            .unwrap_or_else(|| -output.status.signal().unwrap_or(0)),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
