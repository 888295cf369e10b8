//! The scenarios: which faults, in which order. What each run checks is [`Run`](crate::scenario::Run)'s
//! affair. The number in a test's name is that of the scenario.
//!
//! ```text
//! clocks       13 the clock of a member is set
//! failpoints   8 a sync of the log fails; 14 killed at named points
//! processes    1 the leader is killed; 2 the leader is paused; 7 two of three are gone
//! ```

mod clocks;
mod failpoints;
mod processes;
