//! The user's editor, in the foreground of the terminal.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, IsTerminal},
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use crate::{failure::Failure, interrupt};

/// What is opened where the environment names nothing.
const DEFAULT: &str = "vi";

/// The exit codes by which a shell says that it could not start a command.
const NOT_STARTED: [i32; 2] = [126, 127];

/// The command to edit with.
///
/// # Errors
/// [`Failure::Usage`] if the environment names none and the default has no terminal.
pub(crate) fn chosen() -> Result<OsString, Failure> {
    let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    choose(|name| env::var_os(name), terminal)
}

fn choose(
    variable: impl Fn(&str) -> Option<OsString>,
    terminal: bool,
) -> Result<OsString, Failure> {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    match named {
        Some(editor) => Ok(editor),
        None if terminal => Ok(DEFAULT.into()),
        None => Err(Failure::Usage {
            message: format!("there is no terminal for {DEFAULT}, and no other editor is named"),
            hint: Some("set VISUAL or EDITOR to a command that takes a file".to_owned()),
        }),
    }
}

/// Opens a file and waits until the editor is closed.
///
/// # Errors
/// [`Failure::Editor`] if it cannot be started or does not end well.
pub(crate) async fn open(editor: &OsStr, path: &Path) -> Result<(), Failure> {
    let failed = |reason: String| Failure::Editor {
        editor: editor.to_string_lossy().into_owned(),
        reason,
    };
    let mut command = shell(editor, path);
    if !io::stdout().is_terminal() {
        // stdout is for data: an editor that draws does so on the terminal there is.
        command.stdout(Stdio::from(io::stderr()));
    }
    let status = {
        let _editor_has_the_terminal = interrupt::hold();
        tokio::task::spawn_blocking(move || command.status())
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(format!("could not be started: {error}")))?
    };
    match refused(status) {
        None => Ok(()),
        Some(reason) => Err(failed(reason)),
    }
}

/// A line for the shell, as git and others read the variables: the editor may have arguments.
fn shell(editor: &OsStr, path: &Path) -> Command {
    let mut line = editor.to_owned();
    line.push(" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).arg(editor).arg(path);
    command
}

fn refused(status: ExitStatus) -> Option<String> {
    match status.code() {
        Some(0) => None,
        Some(code) if NOT_STARTED.contains(&code) => Some("could not be started".to_owned()),
        Some(code) => Some(format!("ended with exit code {code}")),
        None => Some("was ended by a signal".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn visual_comes_before_editor_and_vi_needs_a_terminal() {
        let choose = |terminal, set: &[(&str, &str)]| {
            choose(
                |name| {
                    let found = set.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| OsString::from(value))
                },
                terminal,
            )
        };
        let both = [("VISUAL", "code --wait"), ("EDITOR", "ed")];
        assert_eq!(choose(false, &both).unwrap(), "code --wait");
        assert_eq!(
            choose(false, &[("VISUAL", ""), ("EDITOR", "ed")]).unwrap(),
            "ed"
        );
        assert_eq!(choose(true, &[]).unwrap(), "vi");
        assert_eq!(choose(false, &[]).unwrap_err().exit() as u8, 2);
    }

    #[test]
    fn an_editor_may_have_arguments_and_must_end_well() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("two words");
        let run = |editor: &str| {
            let status = shell(OsStr::new(editor), &path)
                .stderr(Stdio::null())
                .status();
            refused(status.unwrap())
        };
        assert_eq!(run("printf '%s\\n' changed >"), None);
        assert_eq!(fs::read(&path).unwrap(), b"changed\n");
        assert_eq!(run("false"), Some("ended with exit code 1".to_owned()));
        assert_eq!(
            run("no-such-editor"),
            Some("could not be started".to_owned())
        );
    }
}
