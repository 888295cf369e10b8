//! Faults that are done to a running cluster from outside: no program under test knows of them.

pub(crate) mod links;
