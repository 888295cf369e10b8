//! The faults, each as something that is done to a [`Run`](crate::scenario::Run) and seen to happen.
//!
//! ```text
//! disks        power cuts, full disks, damaged files
//! processes    SIGKILL, SIGSTOP, restart
//! ```

pub(crate) mod disks;
mod processes;
