//! How far long work is: a bar on stderr, where that is a terminal.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;

/// How often a bar moves.
pub(crate) const INTERVAL: Duration = Duration::from_millis(200);

/// A bar of a length, if it is known; see [`ProgressStyle`] for the template. Hidden where nobody
/// would see it.
pub(crate) fn bar(output: &Output, length: Option<u64>, template: &str) -> ProgressBar {
    if output.is_quiet() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    bar.with_style(style)
}
