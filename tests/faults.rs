//! Faults that a scenario can bring about, and ways to see that they really happened.

pub(crate) mod disks;
