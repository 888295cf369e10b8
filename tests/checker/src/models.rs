//! What objects do when nothing is concurrent.

pub mod bank;
pub mod counter;
pub mod list;
pub mod register;

pub use bank::Bank;
pub use counter::Counter;
pub use list::List;
pub use register::Register;
