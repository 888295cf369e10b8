//! The log.

use crate::tui::{app::App, message::Effects};

pub(crate) fn tick(_app: &mut App) -> Effects {
    Effects::new()
}
