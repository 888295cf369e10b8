//! The faults, each as something that is done to a [`Run`](crate::scenario::Run) and seen to happen.
//!
//! ```text
//! clocks       the wall clock of a member is set
//! disks        power cuts, full disks, damaged files
//! failpoints   members that die, fail or wait at a named place, or have a bug on purpose
//! links        cuts, delays, refusals and resets between members, one direction at a time
//! network      some of them as faults of a run with links
//! processes    SIGKILL, SIGSTOP, restart
//! ```

pub(crate) mod clocks;
pub(crate) mod disks;
pub(crate) mod failpoints;
pub(crate) mod links;
mod network;
mod processes;
