//! The scenarios: which faults, in which order. What each run checks is [`Run`](crate::scenario::Run)'s
//! affair. The number in a test's name is that of the scenario.
//!
//! ```text
//! damage       10 the files of a stopped member change
//! disks        6 the power is cut; 9 disks are full
//! processes    1 the leader is killed; 2 the leader is paused; 7 two of three are gone
//! ```

mod damage;
mod disks;
mod processes;
