//! Ctrl-C and its like, for a command that has something to put in order first: it takes them over,
//! and ends by itself.

use std::{fs, io, process::ExitCode};

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

use crate::{
    failure::Failure,
    interrupt::{self, Held},
    prompt::restore_terminal,
};

/// What asks the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caught {
    /// Ctrl-C.
    Interrupt,
    /// As a service manager does, or `kill`.
    Terminate,
    /// The terminal is gone.
    Hangup,
}

impl Caught {
    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
            Self::Hangup => Signal::HUP,
        }
    }

    /// 128 and the signal's number, as shells have it: 130, 143, 129.
    pub(crate) fn exit(self) -> ExitCode {
        ExitCode::from(ended_by(self.signal().as_raw()))
    }
}

/// The exit code of what was ended by a signal.
pub(crate) fn ended_by(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Takes the signals over: from now on the caller is told of them, and has to end when they come.
///
/// # Errors
/// [`Failure::Runtime`] if the operating system refuses.
pub(crate) fn take() -> Result<Taken, Failure> {
    let listen = |kind| unix::signal(kind).map_err(Failure::Runtime);
    Ok(Taken {
        interrupt: listen(SignalKind::interrupt())?,
        terminate: listen(SignalKind::terminate())?,
        // Under nohup it goes on without its terminal.
        hangup: if is_ignored(Signal::HUP) {
            None
        } else {
            Some(listen(SignalKind::hangup())?)
        },
        _held: interrupt::hold(),
    })
}

/// The signals, taken over.
pub(crate) struct Taken {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: Option<unix::Signal>,
    _held: Held,
}

impl Taken {
    /// The next one; where a terminal shows a `^C`, what comes stands on a line of its own. May be
    /// dropped and called again at any time.
    pub(crate) async fn next(&mut self) -> Caught {
        let caught = self.caught().await;
        if caught == Caught::Interrupt {
            restore_terminal();
        }
        caught
    }

    async fn caught(&mut self) -> Caught {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(()) = self.interrupt.recv() => Caught::Interrupt,
            Some(()) = self.terminate.recv() => Caught::Terminate,
            Some(()) = hangup => Caught::Hangup,
            else => std::future::pending().await,
        }
    }
}

/// Whether whoever started the program had it ignore a signal. Said by Linux; elsewhere it counts
/// as not ignored.
fn is_ignored(signal: Signal) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored_in(&status, signal))
}

fn ignored_in(status: &str, signal: Signal) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// Whether a Ctrl-C went to every process that this one has started, too: the terminal sends it to
/// its whole foreground.
pub(crate) fn is_foreground() -> bool {
    let terminal = io::stdin();
    rustix::termios::tcgetpgrp(&terminal)
        .or_else(|_| rustix::termios::tcgetpgrp(io::stderr()))
        .is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(ended_by(Signal::INT.as_raw()), 130);
        assert_eq!(ended_by(Signal::TERM.as_raw()), 143);
        assert_eq!(ended_by(Signal::KILL.as_raw()), 137);
        assert_eq!(Caught::Hangup.signal(), Signal::HUP);
    }

    #[test]
    fn an_ignored_signal_is_found_in_the_mask() {
        let status = |mask| format!("Name:\traftctl\nSigIgn:\t{mask}\nSigCgt:\tffffffffffffffff\n");
        assert!(ignored_in(&status("0000000000000001"), Signal::HUP));
        assert!(!ignored_in(&status("0000000000001002"), Signal::HUP));
        assert!(ignored_in(&status("0000000000001002"), Signal::INT));
        assert!(!ignored_in("", Signal::HUP));
    }

    #[tokio::test]
    async fn what_is_taken_over_does_not_end_the_program() {
        let mut taken = take().unwrap();
        let mut ending = std::pin::pin!(interrupt::pressed());
        // The handler is installed by the first poll; the signal comes after it.
        assert!(futures::poll!(ending.as_mut()).is_pending());
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, Signal::INT).unwrap();
        assert_eq!(taken.next().await, Caught::Interrupt);
        assert!(futures::poll!(ending.as_mut()).is_pending());
        rustix::process::kill_process(me, Signal::TERM).unwrap();
        assert_eq!(taken.next().await, Caught::Terminate);
    }
}
