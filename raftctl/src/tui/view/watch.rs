//! Screen 6: changes as they happen, the newest at the top.

use common::types::EventKind;
use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    glyph, line,
    list::{self, Cell, Column, List},
    panel::Panel,
};
use crate::{
    output::{
        bytes::escape,
        table::{counted, grouped, size},
    },
    tui::{
        app::{App, Areas, WatchLine, WatchState},
        text,
        update::lists,
    },
};

const COLUMNS: [Column; 6] = [
    Column::text("time UTC", 8),
    Column::text("change", 9),
    Column::number("revision", 13).spare(1),
    Column::number("version", 7).spare(3),
    Column::number("size", 8).spare(2),
    Column::text("key", 24).grows(usize::MAX),
];

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let screen = &app.watch;
    let mut panel = Panel::titled(theme, "Watch");
    if let Some(namespace) = &screen.namespace {
        panel = panel.about(theme, glyph::harmless(theme, namespace));
        if !screen.prefix.is_empty() {
            let some = &screen.prefix[..screen.prefix.len().min(256)];
            let prefix = glyph::ascii(theme, escape(some));
            panel = panel.about(theme, format!("prefix \"{prefix}\""));
        }
    }
    let filter = screen.narrowing.filter.as_str();
    if !filter.is_empty() {
        panel = panel.about(theme, format!("filter \"{}\"", line::typed(theme, filter)));
    }
    let (state, style) = state(app, usize::from(area.width) / 2);
    // The title of a narrow pane has no room for it.
    let panel = if area.width < 70 {
        panel.bottom(theme, state, String::new())
    } else {
        panel.right(state, style)
    };
    let inner = panel.draw(frame, area, theme);
    let rows = lists::watch(app);
    if rows.is_empty() {
        list::words(frame, inner, &nothing(app), theme);
        return;
    }
    let list = List {
        columns: &COLUMNS,
        rows: rows.len(),
        selected: Some(screen.selection.at),
        before: app.areas.list.map_or(0, |list| list.1),
        order: None,
        focused: true,
    };
    let cells = usize::from(inner.width);
    let drawn = list.draw(frame, inner, theme, |at| row(app, rows[at], cells));
    areas.list = Some(drawn);
}

/// How the stream is doing, in the title.
fn state(app: &App, room: usize) -> Cell {
    let theme = app.settings.theme;
    let screen = &app.watch;
    let (text, style) = match &screen.state {
        WatchState::Off => (String::new(), Style::new()),
        _ if app.frozen.is_some() => {
            let held = u64::try_from(screen.held.len()).unwrap_or(u64::MAX);
            (format!("paused, {} held", grouped(held)), theme.warning())
        }
        WatchState::Starting => (format!("starting{}", theme.glyph("…", "...")), theme.dim()),
        WatchState::Live => (
            format!("live, {}", counted(screen.told, "change")),
            theme.good(),
        ),
        WatchState::Broken(why) => (
            format!("cut off: {}", line::typed(theme, why)),
            theme.warning(),
        ),
    };
    (text::cut(&text, room, glyph::ellipsis(theme)), style)
}

/// Why there is no row.
fn nothing(app: &App) -> Vec<Cell> {
    let theme = app.settings.theme;
    let said = |text: &str| (text.to_owned(), Style::new());
    let hint = |text: &str| (text.to_owned(), theme.dim());
    if !app.watch.narrowing.filter.is_empty() && !app.watch.lines.is_empty() {
        return vec![
            said("No change has this in its key."),
            hint("Esc lists them all."),
        ];
    }
    match &app.watch.state {
        WatchState::Off => vec![
            said("Nothing is watched."),
            said(""),
            hint("Press w on a namespace (4) or in the browser (5),"),
            hint("or type :watch NAMESPACE PREFIX."),
        ],
        WatchState::Starting => vec![hint(&format!("starting{}", theme.glyph("…", "...")))],
        WatchState::Live => vec![
            said("No change yet."),
            hint("Whatever is written from now on appears here."),
        ],
        WatchState::Broken(why) => vec![
            ("The watch was cut off.".to_owned(), theme.warning()),
            (line::typed(theme, why), Style::new()),
            hint("It goes on by itself, where it was."),
        ],
    }
}

fn row(app: &App, line: &WatchLine, cells: usize) -> Vec<Cell> {
    let theme = app.settings.theme;
    let (kind, style) = match line.kind {
        EventKind::Put if line.version == 1 => ("+ put", theme.good()),
        EventKind::Put => ("~ put", Style::new()),
        EventKind::Delete => ("- delete", theme.warning()),
        EventKind::Expire => ("- expire", theme.dim()),
        EventKind::NamespaceDeleted => (theme.glyph("✗ deleted", "x deleted"), theme.bad()),
    };
    let none = || ("-".to_owned(), theme.dim());
    let put = line.kind == EventKind::Put;
    let key = if line.kind == EventKind::NamespaceDeleted {
        let whole = "(the whole namespace)";
        (
            whole.to_owned(),
            Style::new().add_modifier(Modifier::ITALIC),
        )
    } else {
        let key = text::line(&line.key, cells, glyph::ellipsis(theme));
        (glyph::ascii(theme, key), Style::new())
    };
    vec![
        (glyph::time_of_day(glyph::millis(line.at)), theme.dim()),
        (kind.to_owned(), style),
        (grouped(line.revision), Style::new()),
        if put {
            (grouped(line.version), Style::new())
        } else {
            none()
        },
        if put {
            (size(line.size), Style::new())
        } else {
            none()
        },
        key,
    ]
}
