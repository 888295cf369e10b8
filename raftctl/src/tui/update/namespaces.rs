//! The namespaces.

use common::types::NamespaceInfo;

use crate::tui::{app::App, message::Effects};

pub(crate) fn tick(_app: &mut App) -> Effects {
    Effects::new()
}

pub(crate) fn listed(app: &mut App, answer: Result<Vec<NamespaceInfo>, String>) -> Effects {
    app.namespaces.listed = answer.ok();
    Effects::new()
}
