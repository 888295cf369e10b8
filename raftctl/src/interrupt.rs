//! Ctrl-C: it ends the program, except while somebody else sees to it.
//!
//! An editor runs in the foreground beside this program, and a terminal sends the signal to both.
//! What it means then is the editor's affair. And a command that has something to put in order
//! first takes it over ([`signals`](crate::signals)).

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// How many hold it: a command that took it over may open an editor.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// As long as it lives, Ctrl-C is not for this program.
pub(crate) struct Held(());

/// Leaves Ctrl-C to somebody else.
pub(crate) fn hold() -> Held {
    HELD.fetch_add(1, Ordering::Relaxed);
    Held(())
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns when the user presses Ctrl-C and means this program.
pub(crate) async fn pressed() {
    let Ok(mut interrupts) = signal(SignalKind::interrupt()) else {
        // No handler could be installed: then the signal ends the process by itself.
        return std::future::pending().await;
    };
    while interrupts.recv().await.is_some() {
        if HELD.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
    std::future::pending().await
}
