//! The faults, each as something that is done to a [`Run`](crate::scenario::Run) and seen to happen.
//!
//! ```text
//! clocks       the wall clock of a member is set
//! failpoints   members that die, fail or wait at a named place, or have a bug on purpose
//! processes    SIGKILL, SIGSTOP, restart
//! ```

pub(crate) mod clocks;
pub(crate) mod failpoints;
mod processes;
