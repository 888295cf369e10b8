//! A program on a pseudo-terminal: what it shows, and what somebody types.

use std::{
    io::{Read, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::{PATIENCE, program};

/// A program on a pseudo-terminal, whatever becomes of its output.
pub(super) struct Pty {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    reader: Option<thread::JoinHandle<()>>,
    // The terminal is gone when this is dropped.
    master: Box<dyn MasterPty + Send>,
}

impl Pty {
    /// Starts a program on a terminal of its own, and hands over what it writes.
    pub(super) fn start(
        command: CommandBuilder,
        (columns, lines): (u16, u16),
        mut sink: impl FnMut(&[u8]) + Send + 'static,
    ) -> Self {
        let pair = native_pty_system()
            .openpty(size(columns, lines))
            .expect("a pseudo-terminal");
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program starts");
        // The end of the output shows only when nobody holds this side open.
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("the screen");
        let reader = thread::spawn(move || {
            let mut chunk = [0; 16_384];
            // A terminal whose program has ended answers with an error.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                sink(&chunk[..count]);
            }
        });
        Self {
            child,
            keyboard: pair.master.take_writer().expect("the keyboard"),
            reader: Some(reader),
            master: pair.master,
        }
    }

    /// Types keys.
    pub(super) fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal takes keys");
    }

    /// Gives it another size.
    pub(super) fn resize(&self, columns: u16, lines: u16) {
        self.master
            .resize(size(columns, lines))
            .expect("a terminal takes any size");
    }

    /// The number of the process.
    pub(super) fn process(&self) -> u32 {
        self.child.process_id().expect("a process that runs")
    }

    /// Waits until the program has ended and everything it wrote was handed over: its exit code.
    pub(super) fn finish(&mut self, shown: impl Fn() -> String) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("an own child can be waited for")
            {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "the program did not end, and shows\n{}",
                shown()
            );
            thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the screen");
        }
        status.exit_code()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.reader.is_some() {
            // The test failed half-way; there is nothing to do if it has ended by itself.
            let _ = self.child.kill();
        }
    }
}

fn size(columns: u16, lines: u16) -> PtySize {
    PtySize {
        rows: lines,
        cols: columns,
        ..PtySize::default()
    }
}

/// A terminal of 24 lines of 100 characters with a program in it.
pub(crate) struct Terminal {
    pty: Pty,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts raftctl on a terminal of its own.
    pub(crate) fn raftctl(endpoint: &str, arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(program("raftctl"));
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("NO_COLOR", "1");
        command.env("LANG", "C.UTF-8");
        command.env("RAFTCTL_ENDPOINTS", endpoint);
        command.args(arguments);
        Self::start(command)
    }

    /// Starts raftnoded on a terminal of its own.
    pub(crate) fn raftnoded(arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(program("raftnoded"));
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("NO_COLOR", "1");
        command.args(arguments);
        Self::start(command)
    }

    fn start(command: CommandBuilder) -> Self {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&shown);
        let pty = Pty::start(command, (100, 24), move |chunk| {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.extend_from_slice(chunk);
        });
        Self { pty, shown }
    }

    /// All that was shown so far, without the sequences that colour text and move the cursor.
    pub(crate) fn text(&self) -> String {
        text_of(&self.shown)
    }

    /// Waits until the text is shown.
    pub(crate) fn expect(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(
                Instant::now() < deadline,
                "{text:?} was not shown, but {:?}",
                self.text()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.pty.press(keys);
    }

    /// Waits until the program has ended: everything shown, and the exit code.
    pub(crate) fn finish(mut self) -> (String, u32) {
        let shown = Arc::clone(&self.shown);
        let code = self.pty.finish(|| text_of(&shown));
        (self.text(), code)
    }
}

fn text_of(shown: &Mutex<Vec<u8>>) -> String {
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
    plain(&String::from_utf8_lossy(&shown)).replace("\r\n", "\n")
}

/// Removes escape sequences (ECMA-48 control sequences: `ESC [`, parameters, a final byte).
fn plain(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\u{1b}' {
            kept.push(character);
        } else if rest.clone().next() == Some('[') {
            rest.next();
            rest.by_ref()
                .find(|end| ('\u{40}'..='\u{7e}').contains(end));
        }
    }
    kept
}
