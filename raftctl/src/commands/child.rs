//! A command that this one has started: what it is told, and how it ended.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt,
    process::{self, ChildStdin},
};

use crate::signals::{Caught, ended_by, is_foreground};

/// A command that runs.
#[derive(Debug)]
pub(super) struct Child {
    child: process::Child,
}

impl Child {
    /// Starts a command. If this is dropped, it runs on.
    ///
    /// # Errors
    /// If there is no such command, or it cannot be run.
    pub(super) fn start(command: Command) -> io::Result<Self> {
        let child = process::Command::from(command).spawn()?;
        Ok(Self { child })
    }

    /// Starts a command that is given `input` on stdin. It may leave it unread.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(super) fn start_with(mut command: Command, input: &[u8]) -> io::Result<Self> {
        command.stdin(Stdio::piped());
        let mut started = Self::start(command)?;
        if let Some(stdin) = started.child.stdin.take() {
            tokio::spawn(feed(stdin, input.to_vec()));
        }
        Ok(started)
    }

    /// Waits for its end. May be dropped and called again at any time.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends it a signal, if it still runs.
    pub(super) fn send(&self, signal: Signal) {
        // Its number belongs to nobody else before it was waited for.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw)
            && kill_process(pid, signal).is_err()
        {
            // It has just ended.
        }
    }

    /// Passes on what asks this program to end. A terminal has told the command of a Ctrl-C
    /// already, and many programs take a second one for impatience.
    pub(super) fn pass_on(&self, caught: Caught) {
        if caught != Caught::Interrupt || !is_foreground() {
            self.send(caught.signal());
        }
    }
}

async fn feed(mut stdin: ChildStdin, input: Vec<u8>) {
    if stdin.write_all(&input).await.is_err() {
        // It did not want all of it.
    }
}

/// The exit code that stands for how a command ended: its own, or 128 and the signal's number.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => ended_by(signal),
        (None, None) => u8::MAX,
    }
}

/// How a command ended, as a clause: "exited with 3".
pub(super) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn the_exit_code_is_the_commands_or_tells_its_signal() {
        for (script, code, words) in [
            ("exit 0", 0, "exited with 0"),
            ("exit 3", 3, "exited with 3"),
            ("kill -9 $$", 137, "was ended by signal 9"),
        ] {
            let status = Child::start(shell(script)).unwrap().wait().await.unwrap();
            assert_eq!((exit_code(status), ending(status).as_str()), (code, words));
        }
        assert!(Child::start(Command::new("/nothing/there")).is_err());
    }

    #[tokio::test]
    async fn input_arrives_byte_for_byte_and_may_be_left_unread() {
        let input: Vec<u8> = (0..=255u8).cycle().take(300_000).collect();
        let file = std::env::temp_dir().join(format!("raftctl-child-{}", std::process::id()));
        let script = format!("cat > '{}'", file.display());
        let mut child = Child::start_with(shell(&script), &input).unwrap();
        assert!(child.wait().await.unwrap().success());
        assert!(fs::read(&file).unwrap() == input);
        fs::remove_file(&file).unwrap();

        let mut child = Child::start_with(shell("exit 0"), &input).unwrap();
        assert!(child.wait().await.unwrap().success());
    }

    #[tokio::test]
    async fn a_signal_reaches_the_command() {
        let mut child = Child::start(shell("exec sleep 60")).unwrap();
        child.send(Signal::TERM);
        assert_eq!(exit_code(child.wait().await.unwrap()), 143);
        // Nobody is left to send it to.
        child.send(Signal::TERM);
    }
}
