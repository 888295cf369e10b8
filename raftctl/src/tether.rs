//! A command that dies with the process that started it.
//!
//! Linux kills a process together with its parent if the process has asked for it
//! (`PR_SET_PDEATHSIG`), which it can only do itself, between the fork and the exec. Code of ours
//! in that place would be unsafe. So this program is started a second time, under the name
//! [`NAME`]: it asks, and then becomes the command.
//!
//! Caveats. What the command starts in its turn is not tied to anything. A command that changes its
//! user (set-uid) loses the tie. On systems other than Linux there is none: a raftctl that is killed
//! leaves its command behind.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
};

use rustix::process::{Signal, getpid, getppid};

use crate::output::bytes::quote;

/// What the second start is called, in place of the program's path.
const NAME: &str = "raftctl-tether";

/// This very program, also after its file was replaced.
const MYSELF: &str = "/proc/self/exe";

/// The exit code of a command that is not there, as shells have it.
const NOT_FOUND: u8 = 127;

/// Likewise of one that cannot be run.
const NOT_EXECUTABLE: u8 = 126;

/// A command that will die with this process. If it cannot be run it ends with 126 or 127.
pub(crate) fn command(program: &OsStr, arguments: &[OsString]) -> Command {
    if !cfg!(target_os = "linux") || !Path::new(MYSELF).exists() {
        let mut command = Command::new(program);
        command.args(arguments);
        return command;
    }
    let mut command = Command::new(MYSELF);
    command
        .arg0(NAME)
        .arg(getpid().as_raw_nonzero().to_string())
        .arg(program)
        .args(arguments);
    command
}

/// Becomes the command, if this is the second start; returns only if it is not, or with an error.
pub(crate) fn become_command(arguments: &[OsString]) -> Option<ExitCode> {
    let [name, parent, program, arguments @ ..] = arguments else {
        return None;
    };
    if name != NAME {
        return None;
    }
    die_with_parent();
    // It may have died before that was asked for.
    let alive = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if alive.is_none_or(|alive| *parent != *alive) {
        return Some(ExitCode::FAILURE);
    }
    let error = Command::new(program).args(arguments).exec();
    Some(ExitCode::from(not_run(program, &error)))
}

fn die_with_parent() {
    #[cfg(target_os = "linux")]
    if rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        // Not allowed here: the command runs all the same, as on other systems.
    }
}

/// Says why a command could not be run; returns the exit code that says so.
pub(crate) fn not_run(program: &OsStr, error: &io::Error) -> u8 {
    let name = quote(program.as_encoded_bytes());
    let (why, exit) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such command".to_owned(), NOT_FOUND),
        io::ErrorKind::PermissionDenied => ("it is not executable".to_owned(), NOT_EXECUTABLE),
        _ => (error.to_string(), NOT_EXECUTABLE),
    };
    eprintln!("error: cannot run {name}: {why}");
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_start_becomes_a_command() {
        let arguments =
            |words: &[&str]| -> Vec<OsString> { words.iter().map(OsString::from).collect() };
        assert!(become_command(&arguments(&["raftctl"])).is_none());
        assert!(become_command(&arguments(&["raftctl", "1", "true"])).is_none());
        assert!(become_command(&arguments(&[NAME, "1"])).is_none());
        // Not the child of that process: whoever wanted the command is gone.
        let exit = become_command(&arguments(&[NAME, "0", "/bin/true"]));
        assert_eq!(exit, Some(ExitCode::FAILURE));
    }

    #[test]
    fn what_cannot_be_run_has_the_exit_code_of_a_shell() {
        let missing = io::ErrorKind::NotFound.into();
        assert_eq!(not_run(OsStr::new("nothing"), &missing), 127);
        let denied = io::ErrorKind::PermissionDenied.into();
        assert_eq!(not_run(OsStr::new("/etc"), &denied), 126);
    }
}
