//! The terminal, taken and given back.
//!
//! It is taken in raw mode, with the alternate screen, without a cursor, with pastes in brackets and,
//! if that is wanted, with the mouse. It is given back whatever happens: when the guard is dropped,
//! and before a panic is printed, also one of a task, which ends the program then. A signal ends the
//! loop, and with it the guard.

use std::{
    io::{self, Write},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    Command,
    clipboard::CopyToClipboard,
    cursor::{Hide, Show},
    event::{
        DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
        Event, EventStream,
    },
    queue,
    style::ResetColor,
    terminal::{
        Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode,
    },
};
use futures::StreamExt;
use rustix::process::Signal;

use super::{
    effects::{Runner, editor},
    host::{Host, Incoming},
    message::{Effect, Message},
};
use crate::{
    failure::Failure,
    signals::{Caught, Taken},
};

/// The exit code of a program that panicked.
const PANICKED: i32 = 101;

/// Whether the terminal is taken at this moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

static HOOK: Once = Once::new();

/// The terminal is taken as long as this lives.
pub(crate) struct Guard(());

impl Guard {
    /// Takes it.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn take(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |information| {
                let taken = give_back();
                before(information);
                if taken {
                    // Nobody would draw, and nobody would read keys any more.
                    std::process::exit(PANICKED);
                }
            }));
        });
        let guard = Self(());
        take(mouse)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::Relaxed);
    let mut terminal = io::stdout();
    enter(&mut terminal, mouse)?;
    terminal.flush()
}

/// Gives the terminal back if it is taken, and says whether it was. What fails here fails because
/// the terminal is gone.
fn give_back() -> bool {
    let taken = TAKEN.swap(false, Ordering::Relaxed);
    if taken {
        let mut terminal = io::stdout();
        let left = leave(&mut terminal).and_then(|()| terminal.flush());
        let cooked = disable_raw_mode();
        drop((left, cooked));
    }
    taken
}

fn enter(terminal: &mut impl Write, mouse: bool) -> io::Result<()> {
    queue!(
        terminal,
        EnterAlternateScreen,
        Clear(ClearType::All),
        EnableBracketedPaste,
        Hide
    )?;
    if mouse {
        queue!(terminal, EnableMouseCapture)?;
    }
    Ok(())
}

fn leave(terminal: &mut impl Write) -> io::Result<()> {
    queue!(
        terminal,
        DisableMouseCapture,
        DisableBracketedPaste,
        ResetColor,
        LeaveAlternateScreen,
        Show
    )
}

fn write(command: impl Command) -> io::Result<()> {
    let mut terminal = io::stdout();
    queue!(terminal, command)?;
    terminal.flush()
}

/// The loop's world: this terminal, the signals, and the cluster.
pub(crate) struct Outside {
    runner: Runner,
    signals: Taken,
    /// None while somebody else reads the keys.
    events: Option<EventStream>,
    /// A signal that came while the terminal was an editor's.
    late: Option<Caught>,
    mouse: bool,
    _guard: Guard,
}

impl Outside {
    pub(crate) fn new(runner: Runner, signals: Taken, guard: Guard, mouse: bool) -> Self {
        Self {
            runner,
            signals,
            events: None,
            late: None,
            mouse,
            _guard: guard,
        }
    }
}

impl Host for Outside {
    async fn next(&mut self) -> Incoming {
        if let Some(caught) = self.late.take() {
            return Incoming::Signal(caught);
        }
        let events = self.events.get_or_insert_with(EventStream::new);
        tokio::select! {
            caught = self.signals.next() => Incoming::Signal(caught),
            event = events.next() => match event {
                Some(Ok(event)) => Incoming::Event(event),
                Some(Err(error)) => Incoming::Broken(error),
                None => Incoming::Broken(io::ErrorKind::UnexpectedEof.into()),
            },
        }
    }

    fn start(&mut self, effect: Effect) {
        self.runner.start(effect);
    }

    fn copy(&mut self, text: &[u8]) -> io::Result<()> {
        write(CopyToClipboard::to_clipboard_from(text))
    }

    fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            write(EnableMouseCapture)
        } else {
            write(DisableMouseCapture)
        }
    }

    async fn edit(&mut self, effect: Effect) -> io::Result<Message> {
        let Effect::OpenEditor {
            namespace,
            key,
            base,
            original,
            text,
        } = effect
        else {
            return Ok(Message::Tick);
        };
        // Its thread would take the editor's keys.
        self.events = None;
        give_back();
        let edited = editor::edit(&key, &original, text.as_ref()).await;
        self.after_others().await;
        take(self.mouse)?;
        Ok(Message::Edited {
            namespace,
            key,
            base,
            size: original.len() as u64,
            result: edited.map_err(|failure: Failure| failure.in_full()),
        })
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.events = None;
        give_back();
        let stopped = rustix::process::kill_process(rustix::process::getpid(), Signal::TSTP);
        // Here it goes on when the shell says so.
        take(self.mouse)?;
        Ok(stopped?)
    }
}

impl Outside {
    /// A Ctrl-C in the editor went to this program as well, and was not meant for it.
    async fn after_others(&mut self) {
        while let std::task::Poll::Ready(caught) = {
            let next = std::pin::pin!(self.signals.next());
            futures::poll!(next)
        } {
            if caught != Caught::Interrupt {
                self.late = Some(caught);
            }
        }
    }
}

/// An event of the terminal as a message, if it means anything.
pub(crate) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => Some(Message::Key(key)),
        Event::Mouse(mouse) => Some(Message::Mouse(mouse)),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(columns, lines) => Some(Message::Resize(columns, lines)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Private modes that are switched on or off, in their order.
    fn modes(text: &str, end: char) -> Vec<&str> {
        let parts = text.split("\x1b[?").skip(1);
        parts
            .filter_map(|part| {
                let at = part.find(|it: char| !it.is_ascii_digit())?;
                part[at..].starts_with(end).then_some(&part[..at])
            })
            .collect()
    }

    #[test]
    fn whatever_is_switched_on_is_switched_off() {
        for mouse in [true, false] {
            let entered = written(|out| enter(out, mouse));
            let left = written(leave);
            // The cursor is off while it is taken, and on again.
            assert_eq!(modes(&entered, 'l'), ["25"]);
            assert!(modes(&left, 'h').contains(&"25"), "{left:?}");
            let on = modes(&entered, 'h');
            assert!(on.contains(&"1049") && on.contains(&"2004"), "{entered:?}");
            assert_eq!(on.contains(&"1000"), mouse);
            let off = modes(&left, 'l');
            for mode in on {
                assert!(off.contains(&mode), "mode {mode} stays on: {left:?}");
            }
        }
    }

    #[test]
    fn what_was_not_taken_is_not_given_back() {
        assert!(!give_back());
    }

    #[test]
    #[ignore = "run by the next test, on a terminal of its own"]
    fn takes_the_terminal_and_panics() {
        let _guard = Guard::take(true).unwrap();
        let task = std::thread::spawn(|| panic!("a bug, on purpose"));
        // Nothing but the panic itself can end this.
        task.join().ok();
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back_and_is_read_on_it() {
        let program = std::env::current_exe().unwrap();
        let mut command = portable_pty::CommandBuilder::new("sh");
        command.args([
            "-c",
            "\"$0\" --ignored --nocapture --exact tui::terminal::tests::takes_the_terminal_and_panics; \
             echo \"code $?\"; stty -a",
        ]);
        command.arg(program);
        let size = portable_pty::PtySize::default();
        let terminal = portable_pty::native_pty_system().openpty(size).unwrap();
        let mut child = terminal.slave.spawn_command(command).unwrap();
        drop(terminal.slave);
        let mut shown = Vec::new();
        // A terminal whose program has ended answers with an error, and has told everything.
        io::Read::read_to_end(&mut terminal.master.try_clone_reader().unwrap(), &mut shown).ok();
        child.wait().unwrap();
        let shown = String::from_utf8_lossy(&shown);
        let at = |text: &str| {
            let found = shown.find(text);
            found.unwrap_or_else(|| panic!("no {text:?} in {shown}"))
        };
        assert!(at("\x1b[?1049h") < at("\x1b[?1049l"));
        assert!(at("\x1b[?1049l") < at("a bug, on purpose"), "{shown}");
        assert!(at("\x1b[?25h") < at("a bug, on purpose"), "{shown}");
        let settings = &shown[at(&format!("code {PANICKED}"))..];
        assert!(
            settings.contains(" icanon") && settings.contains(" echo "),
            "{shown}"
        );
    }

    #[test]
    fn the_clipboard_is_reached_by_osc_52() {
        let written = written(|out| queue!(out, CopyToClipboard::to_clipboard_from("user:1")));
        assert_eq!(written, "\x1b]52;c;dXNlcjox\x1b\\");
    }
}
