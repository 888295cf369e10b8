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
//! Nothing waits for the network: a key is answered by the model that is there. A picture is drawn
//! when the model says that it looks different ([`App::changed`]), and not otherwise.

pub(crate) mod app;
pub(crate) mod effects;
pub(crate) mod keys;
pub(crate) mod message;
pub(crate) mod text;
pub(crate) mod theme;
pub(crate) mod update;
pub(crate) mod view;
