//! The faults, each as something that is done to a [`Run`](crate::scenario::Run) and seen to happen.
//!
//! ```text
//! processes    SIGKILL, SIGSTOP, restart
//! ```

mod processes;
