//! The checker's own tests.
//!
//! ```text
//! histories   how tests write a history down, and one client's calls at random
//! brute       every order of a small history, tried one by one, must give the same verdict
//! simulated   long histories of objects that really are atomic
//! mutations   the same with one thing changed that no order explains
//! hard        shapes that are known to be hard, or easy to get wrong
//! effort      how many configurations long histories take
//! models      what each model allows
//! reports     what is told of a violation
//! ```

mod brute;
mod effort;
mod hard;
mod histories;
mod models;
mod mutations;
mod reports;
mod simulated;
