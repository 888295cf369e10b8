//! Figures that need real processes: measured and printed, not checked. `make bench-failover` and
//! `make bench-dashboard` run them on release builds.

mod dashboard;
mod leader;
