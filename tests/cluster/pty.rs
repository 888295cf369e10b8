//! A program on a pseudo-terminal: what it shows, and what somebody types.

use std::{
    io::{Read, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::{PATIENCE, program};

/// A terminal of 24 lines of 100 characters with a program in it.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
    // The terminal is gone when this is dropped.
    _master: Box<dyn MasterPty + Send>,
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
        let size = PtySize {
            rows: 24,
            cols: 100,
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("raftctl starts");
        // The end of the output shows only when nobody holds this side open.
        drop(pair.slave);
        let mut screen = pair.master.try_clone_reader().expect("the screen");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&shown);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            // A terminal whose program has ended answers with an error.
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.extend_from_slice(&chunk[..count]);
            }
        });
        Self {
            child,
            keyboard: pair.master.take_writer().expect("the keyboard"),
            shown,
            reader: Some(reader),
            _master: pair.master,
        }
    }

    /// All that was shown so far, without the sequences that colour text and move the cursor.
    pub(crate) fn text(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        plain(&String::from_utf8_lossy(&shown)).replace("\r\n", "\n")
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
        self.keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal takes keys");
    }

    /// Waits until the program has ended: everything shown, and the exit code.
    pub(crate) fn finish(mut self) -> (String, u32) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("an own child can be waited for")
            {
                break status;
            }
            if Instant::now() >= deadline {
                let _ = self.child.kill();
                panic!("raftctl did not end, and shows {:?}", self.text());
            }
            thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the screen");
        }
        (self.text(), status.exit_code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.reader.is_some() {
            // The test failed half-way; there is nothing to do if it has ended by itself.
            let _ = self.child.kill();
        }
    }
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
