//! The only I/O of the dashboard: effects in, messages out.

pub(crate) mod members;
pub(crate) mod pages;
pub(crate) mod watches;
