//! What is listed, in its order.

use common::types::NamespaceInfo;

use crate::tui::app::{App, Row, WatchLine};

/// Screen 4.
pub(crate) fn namespaces(app: &App) -> Vec<&NamespaceInfo> {
    let filter = app.namespaces.narrowing.filter.as_str();
    let listed = app.namespaces.listed.iter().flatten();
    listed.filter(|info| info.name.contains(filter)).collect()
}

/// Screen 5.
pub(crate) fn rows(app: &App) -> Vec<&Row> {
    app.browser.rows.iter().collect()
}

/// Screen 6, the newest first.
pub(crate) fn watch(app: &App) -> Vec<&WatchLine> {
    let filter = app.watch.narrowing.filter.as_bytes();
    let lines = app.watch.lines.iter().rev();
    lines
        .filter(|line| {
            filter.is_empty() || line.key.windows(filter.len()).any(|part| part == filter)
        })
        .collect()
}
