//! Pictures: each a function of the model, one region a file.

use ratatui::Frame;

use super::app::{App, Areas};

/// Draws everything, and says where it is.
pub(crate) fn draw(_frame: &mut Frame, _app: &App) -> Areas {
    Areas::default()
}
