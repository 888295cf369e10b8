//! Work that blocks or takes long, off the threads that answer other members.

use std::io;

/// Runs it on a thread that may block.
///
/// # Errors
/// If it panics, or the runtime is shutting down.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    // Another thread would end it at no certain moment.
    #[cfg(test)]
    if super::simulation::runtime::is_simulated() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)
}
