//! What the loop needs of the world: the real one is [`Outside`](super::terminal::Outside), and tests
//! have one of their own.

use std::io;

use crossterm::event::Event;

use super::message::{Effect, Message};
use crate::signals::Caught;

/// What comes from outside.
#[derive(Debug)]
pub(crate) enum Incoming {
    Event(Event),
    /// The program is asked to end.
    Signal(Caught),
    /// Nothing comes any more.
    Broken(io::Error),
}

/// The world.
pub(crate) trait Host {
    /// The next event or signal. May be dropped and called again at any time.
    async fn next(&mut self) -> Incoming;

    /// Starts an effect that needs no terminal; what comes of it is sent as a message.
    fn start(&mut self, effect: Effect);

    /// Puts something into the clipboard of the terminal.
    fn copy(&mut self, text: &[u8]) -> io::Result<()>;

    /// Takes the mouse in, or leaves it to the terminal.
    fn mouse(&mut self, on: bool) -> io::Result<()>;

    /// Leaves the terminal to an editor ([`Effect::OpenEditor`]), and takes it back.
    ///
    /// # Errors
    /// If it cannot be taken back.
    async fn edit(&mut self, effect: Effect) -> io::Result<Message>;

    /// Leaves the terminal to the shell until the program is in the foreground again.
    ///
    /// # Errors
    /// If it cannot be taken back.
    fn suspend(&mut self) -> io::Result<()>;
}
