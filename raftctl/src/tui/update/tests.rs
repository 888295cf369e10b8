//! Messages in, model and effects out.
