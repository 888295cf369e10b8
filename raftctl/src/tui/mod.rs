//! `raftctl tui`: the cluster, live.
//!
//! # The way of a key, and of an answer
//!
//! ```text
//! key, mouse, resize --\                               /--> view::draw(frame, &app) -> Areas
//! ticker ---------------+--> Message --> update(&mut App) --> Effects
//! answers of effects --/                                \--> effects::start(effect) ... Message
//! ```
//!
//! - [`app`]: the model, plain data: the last good data with its age, what is selected, what is open.
//! - [`message`]: what can happen ([`Message`]), and what can be asked for ([`Effect`]).
//! - [`update`]: the only place that changes the model. Pure: no clock, no I/O.
//! - [`keys`]: one table from keys to commands; the help prints it.
//! - [`effects`]: the only I/O: members asked, pages read, watches followed, changes made.
//! - [`view`]: one region a file, each a function of the model.
//! - [`theme`], [`text`]: colours and glyphs; numbers, widths and escapes.
//!
//! - [`host`]: what the loop needs of the world; [`terminal`]: the real one, and the terminal taken
//!   and given back.
//!
//! Nothing waits for the network: a key is answered by the model that is there. A picture is drawn
//! when the model says that it looks different ([`App::changed`]), and not otherwise.

pub(crate) mod app;
pub(crate) mod effects;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod message;
pub(crate) mod terminal;
pub(crate) mod text;
pub(crate) mod theme;
pub(crate) mod update;
pub(crate) mod view;

use std::{
    io::{self, BufWriter},
    process::ExitCode,
    task::Poll,
    time::{Duration, Instant, SystemTime},
};

use common::Client;
use crossterm::event::Event;
use ratatui::{
    Terminal,
    backend::{Backend, CrosstermBackend},
    layout::{Position, Rect},
};
use tokio::{
    sync::mpsc::{self, Receiver},
    time::{MissedTickBehavior, interval, sleep_until},
};

use crate::{
    failure::Failure,
    signals::{self, Caught},
};
use app::{App, Settings};
use host::{Host, Incoming};
use keys::Command;
use message::{Copied, Effect, Message, Moment};

/// How often time passes for the model.
const TICK: Duration = Duration::from_millis(100);

/// The time between two pictures where no key asks for one.
const PICTURE: Duration = Duration::from_millis(50);

/// Messages that are taken in before the next picture, at most.
const AT_ONCE: usize = 1000;

/// Messages that wait to be taken in; whoever sends more waits.
const WAITING: usize = 1024;

/// Bytes of a picture that are written at once.
const WRITTEN: usize = 64 * 1024;

/// Runs the dashboard until it is closed, and says how it ended.
///
/// # Errors
/// If the terminal cannot be taken or written.
pub(crate) async fn run(
    settings: Settings,
    screen: app::Screen,
    client: Client,
) -> Result<ExitCode, Failure> {
    let (sender, mut messages) = mpsc::channel(WAITING);
    // Shown like by a key, so that it asks for what it shows.
    if sender
        .try_send(Message::Command(Command::Go(screen)))
        .is_err()
    {
        // It has room for many: this is the first one.
    }
    let runner = effects::Runner::new(settings.endpoints.clone(), client, sender);
    let signals = signals::take()?;
    let guard = terminal::Guard::take(settings.mouse).map_err(Failure::Output)?;
    let mut outside = terminal::Outside::new(runner, signals, guard, settings.mouse);
    let output = BufWriter::with_capacity(WRITTEN, io::stdout());
    let mut terminal = Terminal::new(CrosstermBackend::new(output)).map_err(Failure::Output)?;
    let mut app = App::new(settings, Instant::now(), SystemTime::now());
    let ended = drive(&mut app, &mut terminal, &mut outside, &mut messages).await;
    drop(outside);
    match ended? {
        Some(caught) => Ok(caught.exit()),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The loop. Ends when the user quits, or with the signal that ended it.
pub(crate) async fn drive<B, H>(
    app: &mut App,
    terminal: &mut Terminal<B>,
    host: &mut H,
    messages: &mut Receiver<Message>,
) -> Result<Option<Caught>, Failure>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
    H: Host,
{
    let mut turn = Loop {
        app,
        terminal,
        host,
        urgent: true,
        drawn: tokio::time::Instant::now(),
        ended: None,
    };
    let size = turn.terminal.size().map_err(unwritten)?;
    turn.take(Message::Resize(size.width, size.height)).await?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !turn.app.quit {
        let due = turn.drawn + PICTURE;
        if turn.app.changed && (turn.urgent || tokio::time::Instant::now() >= due) {
            turn.draw()?;
        }
        // Only a key is worth a picture before its time.
        let next = tokio::select! {
            incoming = turn.host.next() => Next::Incoming(incoming),
            Some(message) = messages.recv() => Next::Message(message),
            _ = ticks.tick() => Next::Message(Message::Tick),
            () = sleep_until(due), if turn.app.changed => continue,
        };
        match next {
            Next::Incoming(incoming) => turn.incoming(incoming).await?,
            Next::Message(message) => turn.take(message).await?,
        }
        // What is there already shares the next picture.
        for _ in 0..AT_ONCE {
            if turn.app.quit {
                break;
            }
            let ready = {
                let next = std::pin::pin!(turn.host.next());
                // With this task's own waker: the terminal's reader remembers it.
                futures::poll!(next)
            };
            if let Poll::Ready(incoming) = ready {
                turn.incoming(incoming).await?;
            } else if let Ok(message) = messages.try_recv() {
                turn.take(message).await?;
            } else {
                break;
            }
        }
    }
    Ok(turn.ended)
}

/// What comes next.
enum Next {
    Incoming(Incoming),
    Message(Message),
}

/// The loop between two messages.
struct Loop<'a, B: Backend, H> {
    app: &'a mut App,
    terminal: &'a mut Terminal<B>,
    host: &'a mut H,
    /// Whether the next picture answers the user: it is drawn at once.
    urgent: bool,
    /// When the last picture was drawn.
    drawn: tokio::time::Instant,
    ended: Option<Caught>,
}

impl<B, H> Loop<'_, B, H>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
    H: Host,
{
    fn draw(&mut self) -> Result<(), Failure> {
        self.app.changed = false;
        let app = &*self.app;
        let mut areas = None;
        self.terminal
            .draw(|frame| areas = Some(view::draw(frame, app)))
            .map_err(unwritten)?;
        self.app.areas = areas.unwrap_or_default();
        self.drawn = tokio::time::Instant::now();
        self.urgent = false;
        Ok(())
    }

    async fn incoming(&mut self, incoming: Incoming) -> Result<(), Failure> {
        match incoming {
            Incoming::Event(event) => {
                // Also back to the size before: what was cut off meanwhile is gone.
                if matches!(event, Event::Resize(..)) {
                    self.anew()?;
                }
                match terminal::message(event) {
                    Some(message) => {
                        self.urgent = true;
                        self.take(message).await
                    }
                    None => Ok(()),
                }
            }
            Incoming::Signal(caught) => {
                self.ended = Some(caught);
                self.app.quit = true;
                Ok(())
            }
            Incoming::Broken(error) => Err(Failure::Input {
                what: "the terminal".to_owned(),
                source: error,
            }),
        }
    }

    /// Takes a message in, and does what the model asks for; what comes of that at once is taken in
    /// as well.
    async fn take(&mut self, message: Message) -> Result<(), Failure> {
        let mut next = vec![message];
        while let Some(message) = next.pop() {
            let moment = Moment {
                now: Instant::now(),
                clock: SystemTime::now(),
            };
            for effect in update::update(self.app, message, moment) {
                next.extend(self.does(effect).await?);
            }
        }
        Ok(())
    }

    async fn does(&mut self, effect: Effect) -> Result<Option<Message>, Failure> {
        let trouble = |what: &str, error: io::Error| {
            let reason = crate::failure::in_words(&error);
            Some(Message::Trouble(format!("{what}: {reason}")))
        };
        Ok(match effect {
            Effect::Copy(Copied::Text(text)) => self.copy(text.as_bytes()),
            Effect::Copy(Copied::Bytes(bytes)) => self.copy(&bytes),
            Effect::Mouse(on) => match self.host.mouse(on) {
                Ok(()) => None,
                Err(error) => trouble("the mouse cannot be switched", error),
            },
            Effect::Redraw => {
                self.anew()?;
                None
            }
            edit @ Effect::OpenEditor { .. } => {
                let edited = self.host.edit(edit).await.map_err(Failure::Output)?;
                self.anew()?;
                Some(edited)
            }
            Effect::Suspend => {
                self.host.suspend().map_err(Failure::Output)?;
                self.anew()?;
                None
            }
            effect => {
                self.host.start(effect);
                None
            }
        })
    }

    fn copy(&mut self, text: &[u8]) -> Option<Message> {
        Some(match self.host.copy(text) {
            Ok(()) => Message::Copied(text.len()),
            Err(error) => Message::Trouble(format!("not copied: {error}")),
        })
    }

    /// Nothing on the terminal is as it was.
    fn anew(&mut self) -> Result<(), Failure> {
        let size = self.terminal.size().map_err(unwritten)?;
        // Not `clear`: it asks the terminal where the cursor is, and the answer would be read as keys.
        let whole = Rect::from((Position::ORIGIN, size));
        self.terminal.resize(whole).map_err(unwritten)?;
        self.app.size = (size.width, size.height);
        self.app.changed = true;
        self.urgent = true;
        Ok(())
    }
}

fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Output(io::Error::other(error))
}

#[cfg(test)]
mod figures;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
