//! The dashboard on a terminal of its own: what stands on the screen, and what somebody types.

use std::{
    ffi::OsStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use portable_pty::CommandBuilder;

use super::{PATIENCE, program, pty::Pty};

/// A terminal, as an emulator has it.
pub(crate) struct Screen {
    pty: Pty,
    emulator: Arc<Mutex<vt100::Parser>>,
}

/// How a terminal is, and what it can do.
pub(crate) struct Kind<'a> {
    /// Columns and lines.
    pub(crate) size: (u16, u16),
    /// Further variables of the environment.
    pub(crate) variables: &'a [(&'a str, &'a OsStr)],
}

impl Default for Kind<'_> {
    /// The size that shows everything, without colour.
    fn default() -> Self {
        Self {
            size: (120, 35),
            variables: &[],
        }
    }
}

impl Screen {
    /// Starts `raftctl tui` with these endpoints.
    pub(crate) fn open(endpoints: &str, arguments: &[&str], kind: &Kind<'_>) -> Self {
        let mut command = CommandBuilder::new(program("raftctl"));
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("RAFTCTL_ENDPOINTS", endpoints);
        for (name, value) in kind.variables {
            command.env(name, value);
        }
        command.arg("tui");
        command.args(arguments);
        let (columns, lines) = kind.size;
        let emulator = Arc::new(Mutex::new(vt100::Parser::new(lines, columns, 0)));
        let sink = Arc::clone(&emulator);
        let pty = Pty::start(command, kind.size, move |chunk| {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.process(chunk);
        });
        Self { pty, emulator }
    }

    fn emulator(&self) -> MutexGuard<'_, vt100::Parser> {
        self.emulator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands on it, line by line.
    pub(crate) fn text(&self) -> String {
        self.emulator().screen().contents()
    }

    /// The first line: the state of the cluster.
    pub(crate) fn header(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// What stands on it, with the colours, as a program would print it line by line.
    pub(crate) fn colored(&self) -> String {
        colored(self.emulator().screen())
    }

    /// Whether the program has the terminal to itself: another screen, no cursor.
    pub(crate) fn is_taken(&self) -> bool {
        let emulator = self.emulator();
        emulator.screen().alternate_screen() || emulator.screen().hide_cursor()
    }

    /// Waits until it looks as wanted; how long that took.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&Self) -> bool) -> Duration {
        let began = Instant::now();
        while !wanted(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}; there is\n{}",
                self.text()
            );
            thread::sleep(Duration::from_millis(5));
        }
        began.elapsed()
    }

    /// Waits until the text stands somewhere on it; how long that took.
    pub(crate) fn expect(&self, text: &str) -> Duration {
        self.wait(text, |screen| screen.text().contains(text))
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.pty.press(keys);
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, columns: u16, lines: u16) {
        self.emulator().screen_mut().set_size(lines, columns);
        self.pty.resize(columns, lines);
    }

    /// The number of the process.
    pub(crate) fn process(&self) -> u32 {
        self.pty.process()
    }

    /// Waits until the program has ended: its exit code.
    pub(crate) fn finish(&mut self) -> u32 {
        let emulator = Arc::clone(&self.emulator);
        self.pty.finish(|| {
            let emulator = emulator.lock().unwrap_or_else(PoisonError::into_inner);
            emulator.screen().contents()
        })
    }
}

/// The cells of a screen as lines with select-graphic-rendition sequences (ECMA-48, 8.3.117).
fn colored(screen: &vt100::Screen) -> String {
    let (lines, columns) = screen.size();
    let mut text = String::new();
    for line in 0..lines {
        let mut before = String::new();
        for column in 0..columns {
            let Some(cell) = screen.cell(line, column) else {
                continue;
            };
            if cell.is_wide_continuation() {
                continue;
            }
            let style = rendition(cell);
            if style != before {
                text.push_str(&style);
                before = style;
            }
            text.push_str(if cell.has_contents() {
                cell.contents()
            } else {
                " "
            });
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

fn rendition(cell: &vt100::Cell) -> String {
    let mut codes = vec!["0".to_owned()];
    for (on, code) in [
        (cell.bold(), "1"),
        (cell.dim(), "2"),
        (cell.italic(), "3"),
        (cell.underline(), "4"),
        (cell.inverse(), "7"),
    ] {
        if on {
            codes.push(code.to_owned());
        }
    }
    for (color, base) in [(cell.fgcolor(), 30), (cell.bgcolor(), 40)] {
        match color {
            vt100::Color::Default => {}
            vt100::Color::Idx(index) => codes.push(format!("{};5;{index}", base + 8)),
            vt100::Color::Rgb(red, green, blue) => {
                codes.push(format!("{};2;{red};{green};{blue}", base + 8));
            }
        }
    }
    // One sequence each: not every reader takes several colours in one.
    codes.iter().map(|code| format!("\x1b[{code}m")).collect()
}
