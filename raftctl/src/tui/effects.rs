//! The only I/O of the dashboard: effects in, messages out.
