//! What the commands print: one choice of form for all of them.
//!
//! A command hands over records; the form decides whether they become lines of a table, plain
//! fields or JSON objects. stdout carries data only, and nothing else is written to it.

pub(crate) mod bytes;
pub(crate) mod fit;
pub(crate) mod json;
pub(crate) mod plain;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod time;

use std::{
    env,
    ffi::OsString,
    io::{self, BufWriter, IsTerminal, Write},
};

use clap::ValueEnum;
use dialoguer::console::Term;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use serde::Serialize;

use crate::{cli::Globals, failure::Failure};
use table::{Cell, Column, Table, Tone};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people
    Table,
    /// One JSON object a line
    Json,
    /// Tab-separated fields without a header
    Plain,
}

impl Format {
    /// What a command line that could not be parsed asks for, as far as one can tell.
    pub(crate) fn requested(arguments: &[OsString]) -> Option<Self> {
        let mut found = None;
        let mut arguments = arguments
            .iter()
            .skip(1)
            .map(|argument| argument.to_string_lossy())
            .take_while(|argument| argument != "--");
        while let Some(argument) = arguments.next() {
            let value = if argument == "-o" || argument == "--output" {
                arguments.next().map(|value| value.into_owned())
            } else {
                argument
                    .strip_prefix("--output=")
                    .or_else(|| argument.strip_prefix("-o=").or(argument.strip_prefix("-o")))
                    .map(str::to_owned)
            };
            if let Some(value) = value {
                found = Self::from_str(&value, false).ok().or(found);
            }
        }
        found
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// Decides for one stream: the flag, then <https://no-color.org>, then `CLICOLOR_FORCE`, then
    /// `TERM=dumb`, then whether it is a terminal.
    fn colored(self, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR").is_some() => false,
            Self::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Self::Auto if set("TERM").is_some_and(|value| value == "dumb") => false,
            Self::Auto => terminal,
        }
    }
}

/// Something with one place in the output.
pub(crate) trait Record: Serialize {
    /// For people: whole lines.
    fn table(&self, style: Style) -> String;
    /// For scripts: the fields of a line, escaped.
    fn plain(&self) -> Vec<String>;
}

/// One of many of a kind.
pub(crate) trait Row: Serialize {
    /// For people: a cell for each column.
    fn cells(&self) -> Vec<Cell>;
    /// For scripts: the fields of a line, escaped.
    fn plain(&self) -> Vec<String>;
}

/// How text for people looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether colour may be used.
    pub(crate) color: bool,
    /// Whether characters beyond ASCII may be used for decoration.
    pub(crate) unicode: bool,
    /// The width of the terminal, if it is one.
    pub(crate) width: Option<usize>,
    /// Its height.
    pub(crate) height: Option<usize>,
}

/// Where a command prints.
pub(crate) struct Output {
    format: Format,
    style: Style,
    terminal: bool,
    stderr_color: bool,
    quiet: bool,
    verbose: bool,
    out: Box<dyn Write>,
}

impl Output {
    /// stdout, as the options have it.
    pub(crate) fn new(globals: &Globals) -> Self {
        let terminal = io::stdout().is_terminal();
        let variable = |name: &str| env::var_os(name);
        let size = terminal.then(|| Term::stdout().size());
        Self {
            format: globals.output,
            style: Style {
                color: globals.color.colored(terminal, variable),
                unicode: is_utf8_locale(variable),
                width: size.map(|(_, width)| usize::from(width)),
                height: size.map(|(height, _)| usize::from(height)),
            },
            terminal,
            stderr_color: globals.color.colored(io::stderr().is_terminal(), variable),
            quiet: globals.quiet,
            verbose: globals.verbose,
            out: Box::new(BufWriter::with_capacity(64 * 1024, io::stdout())),
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether stdout is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Asks the terminal, if it is one, for its size again: somebody may have changed it.
    pub(crate) fn measure(&mut self) {
        if self.terminal {
            let (height, width) = Term::stdout().size();
            self.style.width = Some(usize::from(width));
            self.style.height = Some(usize::from(height));
        }
    }

    /// Whether confirmations, notes and progress are unwanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a record.
    pub(crate) fn record<R: Record>(&mut self, record: &R) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => record.table(self.style),
            Format::Plain => plain::line(&record.plain()),
            Format::Json => return self.json(record),
        };
        self.raw(text.as_bytes())
    }

    /// Prints a record that only confirms what was done: nothing for people who want quiet.
    pub(crate) fn confirmation<R: Record>(&mut self, record: &R) -> Result<(), Failure> {
        if self.quiet && self.format == Format::Table {
            return Ok(());
        }
        self.record(record)
    }

    /// Prints rows of one kind at once.
    pub(crate) fn rows<R: Row>(&mut self, columns: &[Column], rows: &[R]) -> Result<(), Failure> {
        self.more_rows(&mut Table::new(columns), rows)
    }

    /// Prints further rows of a list.
    pub(crate) fn more_rows<R: Row>(
        &mut self,
        table: &mut Table,
        rows: &[R],
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                let cells: Vec<_> = rows.iter().map(Row::cells).collect();
                let part = table.part(&cells, self.style.color, self.style.width);
                self.raw(part.as_bytes())
            }
            Format::Plain => rows
                .iter()
                .try_for_each(|row| self.raw(plain::line(&row.plain()).as_bytes())),
            Format::Json => rows.iter().try_for_each(|row| self.json(row)),
        }
    }

    /// Prints an object as a line of JSON.
    pub(crate) fn json<T: Serialize>(&mut self, object: &T) -> Result<(), Failure> {
        let line = json::line(object).map_err(|error| Failure::Output(error.into()))?;
        self.raw(line.as_bytes())
    }

    /// Prints exactly these bytes.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Output)
    }

    /// Hands everything printed so far to the reader.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Output)
    }

    /// Returns when whoever reads a pipe on stdout has closed it, which a write would only show
    /// when there is something to write. Never returns for a file.
    pub(crate) async fn reader_gone() {
        // On a thread: nothing but the end of the reader makes it return.
        let closed = tokio::task::spawn_blocking(|| {
            let stdout = io::stdout();
            // An error or a hang-up is told without being asked for.
            let mut pipe = [PollFd::new(&stdout, PollFlags::empty())];
            loop {
                match poll(&mut pipe, None) {
                    Err(Errno::INTR) => {}
                    polled => return polled.is_ok(),
                }
            }
        });
        if !closed.await.unwrap_or(false) {
            std::future::pending::<()>().await;
        }
    }

    /// Tells the user something beside the data, on stderr.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("note: {text}\n"));
        }
    }

    /// Tells the user, on stderr, what must not be missed: also where quiet is wanted.
    pub(crate) fn warning(&self, text: &str) {
        warning(text);
    }

    /// Shows a unified diff on stderr.
    pub(crate) fn difference(&self, diff: &str) {
        to_stderr(&painted_diff(diff, self.stderr_color));
    }

    /// Tells what is being done, with `--verbose`.
    pub(crate) fn verbose(&self, text: &str) {
        if self.verbose {
            to_stderr(&format!("{text}\n"));
        }
    }

    /// Prints a failure on stderr. What was printed before it is data that stands.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let flushed = self.flush();
        if failure.exit() == crate::failure::Exit::Ok || (self.quiet && failure.expected()) {
            return;
        }
        if self.format == Format::Json {
            print_json_failure(failure);
        } else {
            to_stderr(&failure_text(failure, self.stderr_color));
        }
        // The failure at hand is the one to report.
        drop(flushed);
    }
}

/// `error: ...` and, where there is something to do, `hint: ...`.
fn failure_text(failure: &Failure, color: bool) -> String {
    let mut text = format!(
        "{} {}\n",
        Tone::Bad.paint("error:", color),
        bytes::escape_for_terminal(failure.to_string().as_bytes())
    );
    if let Some(hint) = failure.hint() {
        text.push_str(&format!(
            "{} {}\n",
            Tone::Accent.paint("hint:", color),
            bytes::escape_for_terminal(hint.as_bytes())
        ));
    }
    text
}

/// [`Output::warning`] for what has no output at hand.
pub(crate) fn warning(text: &str) {
    let text = bytes::escape_for_terminal(text.as_bytes());
    to_stderr(&format!("warning: {text}\n"));
}

/// A unified diff with its colours, whatever it holds.
fn painted_diff(diff: &str, color: bool) -> String {
    let mut text = String::with_capacity(diff.len());
    for line in diff.lines() {
        let tone = match line.as_bytes().first() {
            _ if line.starts_with("--- ") || line.starts_with("+++ ") => Tone::Heading,
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            Some(b'@') => Tone::Accent,
            _ => Tone::Normal,
        };
        let line = bytes::escape_for_terminal(line.as_bytes());
        text.push_str(&tone.paint(&line, color));
        text.push('\n');
    }
    text
}

/// Prints a failure as an object on stderr.
pub(crate) fn print_json_failure(failure: &Failure) {
    if let Ok(line) = json::line(&json::FailureObject::from(failure)) {
        to_stderr(&line);
    }
}

/// Writes in one piece. If stderr is closed there is nobody to tell.
fn to_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether the locale's characters are UTF-8 (`LC_ALL`, then `LC_CTYPE`, then `LANG`).
fn is_utf8_locale(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .is_some_and(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

#[cfg(test)]
pub(crate) mod tests;
