//! The scenarios: which faults, in which order. What each run checks is [`Run`](crate::scenario::Run)'s
//! affair. The number in a test's name is that of the scenario.
//!
//! ```text
//! clocks       13 the clock of a member is set
//! failpoints   8 a sync of the log fails; 14 killed at named points
//! processes    1 the leader is killed; 2 the leader is paused; 7 two of three are gone
//! partitions   3 the leader is cut off; 4 cuts of one direction, and a bridge between two halves
//! latency      5 slow links whose connections break in the middle of a frame
//! disks        6 the power is cut; 9 disks are full
//! damage       10 the files of a stopped member change
//! laggard      11 a follower needs a snapshot, and is killed before and after it installs it
//! members      12 members are replaced, wiped and copied while others are killed
//! overload     15 the leader is given more than it can take
//! ```

mod clocks;
mod damage;
mod disks;
pub(crate) mod failpoints;
mod laggard;
mod latency;
mod members;
mod overload;
mod partitions;
mod processes;
