//! Screen 5: the keys of a namespace, and the value of the selected one.

use std::time::Duration;

use ratatui::{Frame, layout::Rect, style::Style};

use super::{
    glyph, line,
    list::{self, Cell, Column, List},
    panel::Panel,
    value,
};
use crate::{
    output::table::{counted, grouped, size},
    tui::{
        app::{App, Areas, Flash, Row},
        text,
        theme::Theme,
        update::lists,
    },
};

/// From so many columns on, the value stands beside the keys.
const BESIDE: u16 = 100;

/// From so many lines on, it stands below them; with less room it takes their place.
const BELOW: u16 = 16;

/// Below so many columns the title of the keys has no room for the state.
const NARROW: u16 = 70;

/// The lines of the keys while the value below them has the focus.
const KEYS: u16 = 8;

/// What happened to a key has the place of its time to live, so that nothing moves.
const COLUMNS: [Column; 5] = [
    Column::text("key", 16).grows(usize::MAX),
    Column::number("size", 8).spare(1),
    Column::number("version", 9).spare(3),
    Column::number("revision", 12).spare(2),
    Column::number("ttl", 9),
];

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let browser = &app.browser;
    if browser.namespace.is_none() {
        keys(frame, area, app, areas);
        return;
    }
    if area.width >= BESIDE {
        let left = u16::try_from(u32::from(area.width) * 57 / 100).unwrap_or(area.width);
        let (keys_area, value_area) = (
            Rect {
                width: left,
                ..area
            },
            Rect {
                x: area.x + left,
                width: area.width - left,
                ..area
            },
        );
        keys(frame, keys_area, app, areas);
        value::draw(frame, value_area, app, areas);
    } else if area.height >= BELOW {
        let upper = if browser.in_value {
            KEYS
        } else {
            area.height - area.height * 45 / 100
        };
        keys(
            frame,
            Rect {
                height: upper,
                ..area
            },
            app,
            areas,
        );
        let lower = Rect {
            y: area.y + upper,
            height: area.height - upper,
            ..area
        };
        value::draw(frame, lower, app, areas);
    } else if browser.in_value {
        value::draw(frame, area, app, areas);
    } else {
        keys(frame, area, app, areas);
    }
}

/// The pane with the keys.
fn keys(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let browser = &app.browser;
    let rows = lists::rows(app);
    let lines = usize::from(area.height).saturating_sub(3);
    let before = app.areas.list.map_or(0, |list| list.1);
    let at = browser.selection.at.min(rows.len().saturating_sub(1));
    let first = list::offset(before, at, lines, rows.len());
    let state = state(app, usize::from(area.width) / 2);
    let mut panel = titled(app).right(state.0.clone(), state.1);
    if !rows.is_empty() {
        let above = first > 0 || !browser.from_first;
        let below = first + lines < rows.len() || !browser.to_last;
        let loading = browser.loading_before || browser.loading_after;
        let more = format!(
            "{} {}",
            if above { theme.glyph("↑", "^") } else { " " },
            if below { theme.glyph("↓", "v") } else { " " },
        );
        let right = if loading {
            format!("loading{} {more}", theme.glyph("…", "..."))
        } else {
            more
        };
        let right = if right.trim().is_empty() {
            String::new()
        } else {
            right
        };
        let mut left = position(app, at, rows.len());
        // The title of a narrow pane has no room for what is wrong.
        if area.width < NARROW && (state.1 == theme.warning()) {
            left = format!("{left} {} {}", glyph::rule(theme), state.0);
        }
        panel = panel.bottom(theme, left, right);
    }
    let inner = panel.draw(frame, area, theme);
    if rows.is_empty() {
        list::words(frame, inner, &nothing(app), theme);
        return;
    }
    let list = List {
        columns: &COLUMNS,
        rows: rows.len(),
        selected: Some(browser.selection.at),
        before,
        order: Some(browser.order),
        focused: !browser.in_value,
    };
    let cells = usize::from(inner.width);
    let drawn = list.draw(frame, inner, theme, |at| row(app, rows[at], cells));
    areas.list = Some(drawn);
}

/// `sessions ─ 48 211 keys ─ prefix "user:"`.
fn titled(app: &App) -> Panel<'static> {
    let theme = app.settings.theme;
    let browser = &app.browser;
    let ellipsis = theme.glyph("…", "...");
    let Some(namespace) = &browser.namespace else {
        return Panel::titled(theme, "Browser");
    };
    let mut panel = Panel::titled(theme, glyph::harmless(theme, namespace));
    panel = match browser.total {
        Some(total) => panel.about(theme, counted(total, "key")),
        None if browser.error.is_none() => panel.about(theme, format!("counting{ellipsis}")),
        None => panel,
    };
    let prefix = browser.narrowing.filter.as_str();
    if !prefix.is_empty() {
        let prefix = format!("prefix \"{}\"", line::typed(theme, prefix));
        panel = panel.about(theme, prefix);
    }
    panel
}

/// Whether the changes are told, and why not.
fn state(app: &App, room: usize) -> Cell {
    let theme = app.settings.theme;
    let browser = &app.browser;
    let ellipsis = theme.glyph("…", "...");
    if browser.namespace.is_none() {
        return (String::new(), Style::new());
    }
    let (state, style) = match (&browser.error, &browser.live) {
        (Some(error), _) if !browser.rows.is_empty() => {
            (format!("not answered: {error}"), theme.warning())
        }
        (Some(_), _) => (String::new(), Style::new()),
        _ if app.frozen.is_some() => ("paused".to_owned(), theme.warning()),
        (_, Some(Ok(()))) => ("live".to_owned(), theme.good()),
        (_, Some(Err(why))) => (format!("not live: {why}"), theme.warning()),
        (_, None) => (format!("starting{ellipsis}"), theme.dim()),
    };
    let state = line::typed(theme, &state);
    (text::cut(&state, room, glyph::ellipsis(theme)), style)
}

/// Where the selected key is among all, as far as that is known.
fn position(app: &App, at: usize, rows: usize) -> String {
    let browser = &app.browser;
    let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let place = if browser.from_first {
        Some(counted(at) + 1)
    } else if browser.to_last {
        let behind = counted(rows.saturating_sub(at + 1));
        browser.total.and_then(|total| total.checked_sub(behind))
    } else {
        None
    };
    match (place, browser.total) {
        // A key that is gone is listed for a moment, and not counted.
        (Some(place), Some(total)) => {
            format!("{} of {}", grouped(place), grouped(total.max(place)))
        }
        (Some(place), None) => grouped(place),
        (None, Some(total)) => format!("- of {}", grouped(total)),
        (None, None) => String::new(),
    }
}

/// Why there is no key.
fn nothing(app: &App) -> Vec<Cell> {
    let theme = app.settings.theme;
    let browser = &app.browser;
    let said = |text: &str| (text.to_owned(), Style::new());
    let hint = |text: &str| (text.to_owned(), theme.dim());
    if browser.namespace.is_none() {
        return vec![
            said("No namespace is chosen."),
            said(""),
            hint("Press 4 and Enter on one of the namespaces,"),
            hint("or type :ns NAME."),
        ];
    }
    if let Some(error) = &browser.error {
        return vec![
            ("The keys could not be read.".to_owned(), theme.bad()),
            (line::typed(theme, error), Style::new()),
            hint("They are asked for again and again."),
        ];
    }
    let whole = browser.from_first && browser.to_last;
    if !(whole || browser.total == Some(0)) {
        return vec![hint(&format!(
            "reading the keys{}",
            theme.glyph("…", "...")
        ))];
    }
    if !browser.narrowing.filter.is_empty() {
        return vec![
            said("No key begins with this prefix."),
            hint("Esc lists them all."),
        ];
    }
    let mut words = vec![said("The namespace is empty."), said("")];
    if !app.settings.read_only {
        words.push(hint("Press a to put a key."));
    }
    words.push(hint("Whatever is written elsewhere appears here."));
    words
}

fn row(app: &App, row: &Row, cells: usize) -> Vec<Cell> {
    let theme = app.settings.theme;
    let now = glyph::now(app);
    let flash = row.flash.filter(|(_, until)| *until > app.now);
    let gone = flash.is_some_and(|(flash, _)| flash == Flash::Gone);
    let style = if gone { theme.dim() } else { Style::new() };
    let last = match flash.map(|(flash, _)| flash) {
        Some(Flash::New) => ("+ new".to_owned(), theme.good()),
        Some(Flash::Changed) => ("~ changed".to_owned(), theme.warning()),
        Some(Flash::Gone) => ("- gone".to_owned(), theme.dim()),
        None => match row.ends {
            Some(ends) => (left(ends.saturating_duration_since(now)), Style::new()),
            None => ("-".to_owned(), theme.dim()),
        },
    };
    vec![
        (key(&row.key, cells, theme), style),
        (size(row.size), style),
        (grouped(row.version), style),
        (grouped(row.revision), style),
        last,
    ]
}

/// A key, harmless.
pub(super) fn key(key: &[u8], cells: usize, theme: Theme) -> String {
    glyph::ascii(theme, text::line(key, cells, glyph::ellipsis(theme)))
}

/// What is left of a life, in short: `45s`, `3m 20s` near the end of it, `28m`, `3h 05m`, `3d 04h`.
pub(super) fn left(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..300 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        300..3600 => format!("{}m", seconds / 60),
        _ => text::age(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_short() {
        for (seconds, text) in [
            (0, "0s"),
            (45, "45s"),
            (200, "3m 20s"),
            (299, "4m 59s"),
            (300, "5m"),
            (1739, "28m"),
            (7860, "2h 11m"),
            (273_600, "3d 04h"),
        ] {
            assert_eq!(left(Duration::from_secs(seconds)), text);
        }
    }
}
