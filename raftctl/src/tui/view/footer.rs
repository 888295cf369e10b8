//! Drawn elsewhere.

use ratatui::{Frame, layout::Rect};

use crate::tui::app::{App, Areas};

/// Nothing yet.
pub(crate) fn draw(_frame: &mut Frame, _area: Rect, _app: &App, _areas: &mut Areas) {}
