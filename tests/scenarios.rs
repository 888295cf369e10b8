//! The scenarios: which faults, in which order. What each run checks is [`Run`](crate::scenario::Run)'s
//! affair. The number in a test's name is that of the scenario.
//!
//! ```text
//! processes    1 the leader is killed; 2 the leader is paused; 7 two of three are gone
//! ```

mod processes;
