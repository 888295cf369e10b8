//! Failpoints: named places where a test makes the process die, fail or wait, and deliberate bugs.
//!
//! Only a build with the feature `failpoints`, the program `raftnoded-faulty`, has them: without it
//! `failpoint!` expands to nothing. They are set once, at the start, by the variable
//! `RAFTNODED_FAILPOINTS`:
//!
//! ```text
//! wal.sync.before=eio@10; log.vote.after=kill; apply.before=delay(200ms); wal.unsynced
//! ```
//!
//! - A point (`names.rs` has them all) with an action. With `@N` it acts at the N-th time that the
//!   place is reached in the life of the process, and at no other; without, at each time. The first
//!   time that it acts, it logs `failpoint reached`.
//! - A switch, which is a mode or a deliberate bug, stands alone.
//!
//! Anything else refuses the start with exit code 2 and all the names, for a fault that is never
//! injected proves nothing.
//!
//! # Why not the crate `fail`
//!
//! Its last release (0.5.1) is of 2022, and its last commit of 2024. It knows no list of names, so a
//! misspelt point is never reached and nobody is told; what a point returns is text for the place
//! itself to read, at the time it is reached; and its actions are neither to kill nor to fail with
//! an error of the system.

// Tested in ordinary builds, too: a build of its own only for that would take minutes.
#[cfg(any(test, feature = "failpoints"))]
mod names;
#[cfg(any(test, feature = "failpoints"))]
mod settings;

#[cfg(feature = "failpoints")]
pub(crate) use enabled::*;

/// Marks a point in a function that returns a `Result`: the second argument makes its error of an
/// [`io::Error`](std::io::Error). With `async` in front, a delay there holds up only its task.
macro_rules! failpoint {
    ($point:ident) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::reach($crate::failpoint::Point::$point)?;
    };
    ($point:ident, $error:expr) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::reach($crate::failpoint::Point::$point).map_err($error)?;
    };
    (async $point:ident) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::reach_waiting($crate::failpoint::Point::$point).await?;
    };
}

#[cfg(feature = "failpoints")]
mod enabled {
    use std::{io, sync::OnceLock, time::Duration};

    use rustix::process::{Signal, getpid, kill_process};

    pub(crate) use super::names::{Point, Switch};
    use super::settings::{Action, Settings, SettingsError};

    /// The variable that sets them.
    const VARIABLE: &str = "RAFTNODED_FAILPOINTS";

    /// What the variable said. Never set where nothing began, as in unit tests: then nothing fails.
    static SETTINGS: OnceLock<Settings> = OnceLock::new();

    /// Reads the variable. To be called once, before anything else.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub(crate) fn begin() -> Result<(), SettingsError> {
        let text = std::env::var_os(VARIABLE).unwrap_or_default();
        let settings = Settings::parse(&text.to_string_lossy())?;
        let _ = SETTINGS.set(settings);
        Ok(())
    }

    /// Whether a deliberate change of behaviour is on.
    pub(crate) fn is_on(switch: Switch) -> bool {
        SETTINGS.get().is_some_and(|settings| settings.has(switch))
    }

    /// The process is at a point: dies here, waits, or gets the error.
    pub(crate) fn reach(point: Point) -> io::Result<()> {
        if let Some(delay) = delay(point)? {
            std::thread::sleep(delay);
        }
        Ok(())
    }

    /// [`reach`] in an asynchronous task.
    pub(crate) async fn reach_waiting(point: Point) -> io::Result<()> {
        if let Some(delay) = delay(point)? {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    /// How long to wait at a point, if it is one to wait at.
    fn delay(point: Point) -> io::Result<Option<Duration>> {
        let Some(hit) = SETTINGS.get().and_then(|settings| settings.hit(point)) else {
            return Ok(None);
        };
        if hit.first {
            tracing::warn!(
                point = point.name(),
                action = %hit.action,
                time = hit.time,
                "failpoint reached"
            );
        }
        match hit.action {
            Action::Kill => die(),
            Action::Fail(error) => Err(error.into()),
            Action::Delay(delay) => Ok(Some(delay)),
        }
    }

    /// SIGKILL: no destructor runs, no buffer is written out.
    fn die() -> ! {
        // Its own process can always be signalled, and the call does not return then.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort()
    }
}
