//! Screen 4: what each namespace holds, how near to its bounds it is, and what is done in it.

use common::types::NamespaceInfo;
use ratatui::{Frame, layout::Rect, style::Style};

use super::{
    glyph, line,
    list::{self, Cell, Column, List},
    panel::Panel,
};
use crate::{
    output::{
        table::{grouped, size},
        time,
    },
    tui::{
        app::{App, Areas, Order},
        text,
        theme::Theme,
        update::lists,
    },
};

/// In this order the columns are sorted by, with the bounds among them.
const SORTED: [usize; 5] = [0, 1, 2, 4, 5];

/// How long the bar is with so many columns; none where there is no room for one.
fn bar(width: u16) -> usize {
    match width {
        0..78 => 0,
        78..100 => 6,
        _ => 10,
    }
}

fn columns(bar: usize) -> [Column; 7] {
    let quota = match bar {
        0 => Column::number("quota", 5),
        bar => Column::text("quota", bar + 12),
    };
    [
        Column::text("name", 11).grows(40),
        Column::number("keys", 10),
        Column::number("bytes", 8),
        quota,
        Column::number("writes/s", 10).spare(1),
        Column::number("reads/s", 9).spare(2),
        Column::number("default ttl", 11).spare(3),
    ]
}

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let screen = &app.namespaces;
    let rows = lists::namespaces(app);
    let filter = screen.narrowing.filter.as_str();
    let mut panel = Panel::titled(theme, "Namespaces");
    if let Some(listed) = &screen.listed {
        let count = if filter.is_empty() {
            listed.len().to_string()
        } else {
            format!("{} of {}", rows.len(), listed.len())
        };
        panel = panel.about(theme, count);
        if let Some(error) = &screen.error {
            let room = usize::from(area.width) / 2;
            let error = format!("not answered: {}", line::typed(theme, error));
            let error = text::cut(&error, room, glyph::ellipsis(theme));
            panel = panel.right(error, theme.warning());
        }
    }
    if !filter.is_empty() {
        panel = panel.about(theme, format!("filter \"{}\"", line::typed(theme, filter)));
    }
    let inner = panel.draw(frame, area, theme);
    if rows.is_empty() {
        list::words(frame, inner, &nothing(app), theme);
        return;
    }
    let bar = bar(area.width);
    let order = screen.order;
    let list = List {
        columns: &columns(bar),
        rows: rows.len(),
        selected: Some(screen.selection.at),
        before: app.areas.list.map_or(0, |list| list.1),
        order: SORTED.get(order.column).map(|at| Order {
            column: *at,
            ..order
        }),
        focused: true,
    };
    let drawn = list.draw(frame, inner, theme, |at| row(app, rows[at], bar));
    areas.list = Some(drawn);
}

/// Why there is no row.
fn nothing(app: &App) -> Vec<Cell> {
    let theme = app.settings.theme;
    let screen = &app.namespaces;
    match (&screen.listed, &screen.error) {
        (None, Some(error)) => vec![
            ("The namespaces could not be read.".to_owned(), theme.bad()),
            (line::typed(theme, error), Style::new()),
            (
                "They are asked for again and again.".to_owned(),
                theme.dim(),
            ),
        ],
        (None, None) => vec![(
            format!("reading the namespaces{}", theme.glyph("…", "...")),
            theme.dim(),
        )],
        (Some(listed), _) if !listed.is_empty() => vec![
            (
                "No namespace has this in its name.".to_owned(),
                Style::new(),
            ),
            ("Esc lists them all.".to_owned(), theme.dim()),
        ],
        _ if app.settings.read_only => {
            vec![("There is no namespace yet.".to_owned(), Style::new())]
        }
        _ => vec![
            ("There is no namespace yet.".to_owned(), Style::new()),
            (String::new(), Style::new()),
            (
                "Press a to create one, or use raftctl ns create NAME.".to_owned(),
                theme.dim(),
            ),
        ],
    }
}

fn row(app: &App, info: &NamespaceInfo, bar: usize) -> Vec<Cell> {
    let theme = app.settings.theme;
    let none = || ("-".to_owned(), theme.dim());
    let rate = |value: f64| {
        let text = text::rate(value);
        let style = if text == "0" {
            theme.dim()
        } else {
            Style::new()
        };
        (text, style)
    };
    let (writes, reads) = rates(app, &info.name);
    vec![
        (glyph::harmless(theme, &info.name), Style::new()),
        (grouped(info.keys), Style::new()),
        (size(info.bytes), Style::new()),
        quota(info, bar, theme).unwrap_or_else(none),
        rate(writes),
        rate(reads),
        info.settings
            .default_ttl
            .map_or_else(none, |ttl| (time::remaining(ttl), Style::new())),
    ]
}

/// Writes and reads a second, at all members together.
fn rates(app: &App, name: &str) -> (f64, f64) {
    let members = app.shown().probes.values();
    members
        .filter_map(|member| member.rates.namespaces.get(name))
        .fold((0.0, 0.0), |sum, rate| (sum.0 + rate.0, sum.1 + rate.1))
}

/// The bound that is nearer: `▓▓▓▓▓░░░  63 % keys`.
fn quota(info: &NamespaceInfo, bar: usize, theme: Theme) -> Option<Cell> {
    let share = |used: u64, bound: Option<u64>| {
        let percent = |bound: u64| match bound {
            // Nothing fits; what is there is too much.
            0 => 100,
            bound => u128::from(used) * 100 / u128::from(bound),
        };
        bound.map(percent)
    };
    let keys = share(info.keys, info.settings.max_keys).map(|it| (it, "keys"));
    let bytes = share(info.bytes, info.settings.max_bytes).map(|it| (it, "bytes"));
    let (percent, of) = keys.into_iter().chain(bytes).max_by_key(|it| it.0)?;
    let percent = usize::try_from(percent).unwrap_or(usize::MAX).min(999);
    let style = match percent {
        100.. => theme.bad(),
        90.. => theme.warning(),
        _ => Style::new(),
    };
    if bar == 0 {
        return Some((format!("{percent} %"), style));
    }
    // What is used at all is seen, and what is not full is not.
    let filled = match percent {
        0 => 0,
        100.. => bar,
        _ => (percent * bar).div_ceil(100).min(bar - 1),
    };
    let full = theme.glyph("▓", "#").repeat(filled);
    let free = theme.glyph("░", ".").repeat(bar - filled);
    Some((format!("{full}{free} {percent:>3} % {of}"), style))
}

#[cfg(test)]
mod tests {
    use common::types::NamespaceSettings;

    use super::*;
    use crate::tui::theme::Depth;

    #[test]
    fn the_bar_is_of_the_nearer_bound() {
        let of = |keys, max_keys, bytes, max_bytes| {
            let info = NamespaceInfo {
                name: String::new(),
                id: 1,
                create_revision: 1,
                keys,
                bytes,
                settings: NamespaceSettings {
                    max_keys,
                    max_bytes,
                    ..NamespaceSettings::default()
                },
            };
            let theme = Theme {
                depth: Depth::None,
                unicode: false,
            };
            quota(&info, 8, theme).map(|cell| cell.0)
        };
        assert_eq!(of(5, None, 5, None), None);
        assert_eq!(of(63, Some(100), 5, None).unwrap(), "######..  63 % keys");
        assert_eq!(of(0, Some(100), 0, None).unwrap(), "........   0 % keys");
        assert_eq!(
            of(1, Some(100), 9, Some(100)).unwrap(),
            "#.......   9 % bytes"
        );
        assert_eq!(of(99, Some(100), 0, None).unwrap(), "#######.  99 % keys");
        assert_eq!(of(100, Some(100), 0, None).unwrap(), "######## 100 % keys");
        assert_eq!(of(1, Some(0), 0, None).unwrap(), "######## 100 % keys");
        assert_eq!(
            of(u64::MAX, Some(1), 0, None).unwrap(),
            "######## 999 % keys"
        );
    }
}
