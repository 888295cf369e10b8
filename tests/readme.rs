//! The tour of the README, run as it is written.
//!
//! Every fenced block marked `console` is part of the tour. A line that begins with `$ ` is typed
//! into one shell that lasts for the whole tour, with the programs of this workspace in its path;
//! the lines under it are what it prints, stdout and stderr together. In these, `...` stands for
//! anything: inside a line for any text, alone on a line for any lines. A command under which
//! nothing stands may print what it likes. A block whose info string is `console ignore` is skipped.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use crate::cluster::{PATIENCE, Slots, program};

/// One command of the tour.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// The commands of a README, in order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut fence = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            fence = !fence;
            inside = fence && info.trim() == "console";
        } else if !inside {
            continue;
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: number + 1,
                command: command.to_owned(),
                expected: Vec::new(),
            });
        } else if let Some(step) = steps.last_mut() {
            if step.expected.is_empty() && step.command.ends_with('\\') {
                step.command.push('\n');
                step.command
                    .push_str(line.strip_prefix("> ").unwrap_or(line));
            } else {
                step.expected.push(line.to_owned());
            }
        }
    }
    steps
}

/// Whether a line is as expected, where `...` is any text.
fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut rest = Some(rest);
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest == Some("");
    }
    while let (Some(part), Some(text)) = (parts.next(), rest) {
        rest = if parts.peek().is_none() {
            text.ends_with(part).then_some("")
        } else {
            text.find(part).map(|place| &text[place + part.len()..])
        };
    }
    rest.is_some()
}

/// Whether the output is as expected, where a line of `...` is any lines.
fn matches(expected: &[String], output: &[String]) -> bool {
    match (expected.split_first(), output.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first.trim() == "..." => {
            (0..=output.len()).any(|skipped| matches(rest, &output[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => {
            line_matches(first, line) && matches(rest, others)
        }
        _ => false,
    }
}

/// A shell that runs one command after the other.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

/// Stands behind the output of each command.
const MARK: &str = "--- end of output, exit code ";

impl Shell {
    fn start(home: &Path) -> Self {
        let programs = program("raftctl");
        let programs = programs
            .parent()
            .expect("a directory")
            .display()
            .to_string();
        program("raftnoded");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .env_clear()
            .env("PATH", format!("{programs}:{path}"))
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("bash starts");
        let stdin = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut shell = Self {
            child,
            stdin,
            lines,
        };
        shell.type_line("exec 2>&1");
        // What the tour starts in the background ends with the shell.
        shell.type_line("trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT");
        shell
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("bash reads");
    }

    /// Runs a command: what it printed, and its exit code.
    fn run(&mut self, command: &str) -> (Vec<String>, i32) {
        self.type_line(command);
        self.type_line(&format!("printf '\\n{MARK}%d\\n' $?"));
        let mut output = Vec::new();
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no end of `{command}`; so far: {output:?}"));
            match line.strip_prefix(MARK) {
                Some(code) => {
                    // The newline before the mark ends a line without one; else it is empty.
                    if output.last().is_some_and(String::is_empty) {
                        output.pop();
                    }
                    return (output, code.parse().expect("an exit code"));
                }
                // Bash tells of a member that was killed; where in the output is a matter of luck.
                None if line.starts_with("bash: line ") && line.contains(" Killed ") => {}
                None => output.push(line),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = writeln!(self.stdin, "exit");
        let _ = self.stdin.flush();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
    }
}

#[test]
fn the_tour_of_the_readme_works_as_written() {
    // Tests run in the directory of their package.
    let text = std::fs::read_to_string("../README.md").expect("the README");
    let steps = steps(&text);
    assert!(steps.len() >= 5, "the README has a tour: {steps:?}");
    for step in &steps {
        // By name it would end members of other tests, and of a reader's real cluster.
        let broad = step.command.contains("pkill") || step.command.contains("killall");
        assert!(
            !broad,
            "README.md:{}: end a process by its id: {}",
            step.line, step.command
        );
    }
    // It takes fixed ports, and must not talk to members that somebody else has started there.
    let _alone = Slots::alone();
    for port in [7420, 7421, 7430, 7431, 7440, 7441] {
        let free = TcpListener::bind(("127.0.0.1", port)).is_ok();
        assert!(
            free,
            "port {port} is in use: stop what listens there (`make demo-stop`?)"
        );
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut shell = Shell::start(home.path());
    for step in steps {
        let (mut output, mut code) = shell.run(&step.command);
        // What was started in the background a moment ago may not serve yet.
        let deadline = std::time::Instant::now() + PATIENCE;
        while (code == 5 || code == 6) && std::time::Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
            (output, code) = shell.run(&step.command);
        }
        let silent = step.expected.is_empty();
        assert!(
            silent || matches(&step.expected, &output),
            "README.md:{}: `{}` ended with {code} and printed\n{}\n\nand not\n{}",
            step.line,
            step.command,
            output.join("\n"),
            step.expected.join("\n")
        );
        assert!(
            !silent || code == 0,
            "README.md:{}: `{}` ended with {code}: {}",
            step.line,
            step.command,
            output.join("\n")
        );
    }
}

#[test]
fn the_tour_is_found_and_compared_line_by_line() {
    let text = "# T\n```sh\nmake\n```\n```console\n$ a \\\n> b\none\n$ c\n```\n```\n$ d\n```\n";
    let found = steps(text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].command, "a \\\nb");
    assert_eq!(found[0].expected, ["one"]);
    assert_eq!(found[1].command, "c");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(line_matches(
        "OK  revision ...  version 1",
        "OK  revision 17  version 1"
    ));
    assert!(!line_matches(
        "OK  revision ...  version 1",
        "OK  revision 17  version 2"
    ));
    assert!(!line_matches("a", "ab"));
    assert!(line_matches("...b...d", "abcd"));
    assert!(matches(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(!matches(&lines("a\n...\nd"), &lines("a\nb\nc")));
    assert!(!matches(&lines("a"), &lines("a\nb")));
}
