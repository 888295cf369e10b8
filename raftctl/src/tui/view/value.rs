//! The pane with a value: what is known of the key, then the value, its long lines broken.
//!
//! The lines were made when the value was read. Here only those that are seen are looked at, but for
//! their count: a value of 64 KiB in one line scrolls as one of a thousand lines does.

use std::time::Instant;

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::{browser, glyph, line, list, panel, panel::Panel, wrap};
use crate::{
    output::table::{grouped, size},
    tui::{
        app::{App, Areas, Form, Shown},
        text,
        theme::Theme,
        update::lists,
    },
};

/// Between two facts.
const GAP: usize = 2;

/// With fewer lines than this, the head is one of them.
const SHORT: usize = 9;

/// What is known of a key, whether or not its value is there yet.
struct Facts {
    size: u64,
    revision: u64,
    create_revision: u64,
    version: u64,
    ends: Option<Instant>,
    lease: Option<u64>,
}

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let shown = &app.browser.value.shown;
    let title = match shown.key() {
        Some(key) => browser::key(key, usize::from(area.width), theme),
        None => "Value".to_owned(),
    };
    let panel = Panel::titled(theme, title).focused(theme, app.browser.in_value);
    // What is in the lower border is known when the lines are counted.
    let inside = Rect {
        x: area.x.saturating_add(2).min(area.right()),
        y: area.y.saturating_add(1).min(area.bottom()),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    let facts = facts(app);
    let head = match &facts {
        Some(facts) => head(app, facts, inside),
        None => Vec::new(),
    };
    // An empty line between them, where there is room for it.
    let space = usize::from(head.len() > 1);
    let taken = u16::try_from(head.len() + space).unwrap_or(u16::MAX);
    let body = Rect {
        y: inside.y + taken.min(inside.height),
        height: inside.height.saturating_sub(taken),
        ..inside
    };
    let (cells, room) = (usize::from(body.width), usize::from(body.height));
    let (rows, scroll) = match shown {
        Shown::Value { lines, .. } => {
            let rows: usize = lines.iter().map(|line| wrap::rows(line, cells)).sum();
            let scroll = app.browser.value.scroll.min(rows.saturating_sub(room));
            (rows, scroll)
        }
        _ => (0, 0),
    };
    let range = if rows > room && room > 0 {
        format!("{}-{} of {}", scroll + 1, scroll + room, rows)
    } else {
        String::new()
    };
    let cut = match shown {
        Shown::Value {
            head, size: whole, ..
        } if (head.len() as u64) < *whole => {
            format!("first {} of {}", size(head.len() as u64), size(*whole))
        }
        _ => String::new(),
    };
    panel.bottom(theme, cut, range).draw(frame, area, theme);
    for (at, spans) in head.into_iter().enumerate() {
        panel::put(frame, inside, at, spans, theme);
    }
    match shown {
        Shown::Value { lines, .. } => {
            if cells > 0 {
                text_of(frame, body, app, lines, scroll);
            }
            areas.pane = Some((body, rows));
        }
        Shown::Nothing => panel::empty(frame, body, "no key is selected", theme),
        Shown::Loading(_) => {
            let reading = Span::styled(theme.glyph("…", "..."), theme.dim());
            panel::put(frame, body, 0, vec![reading], theme);
        }
        Shown::Gone(_) => panel::empty(frame, body, "there is no such key any more", theme),
        Shown::Failed { reason, .. } => {
            let words = [
                ("The value could not be read.".to_owned(), theme.bad()),
                (line::typed(theme, reason), Style::new()),
            ];
            list::words(frame, body, &words, theme);
        }
    }
}

/// While the value is on its way, what the list knows of the key stands in for it, so that the head
/// stays where it is.
fn facts(app: &App) -> Option<Facts> {
    match &app.browser.value.shown {
        Shown::Value {
            size,
            revision,
            create_revision,
            version,
            ends,
            lease,
            ..
        } => Some(Facts {
            size: *size,
            revision: *revision,
            create_revision: *create_revision,
            version: *version,
            ends: *ends,
            lease: *lease,
        }),
        Shown::Loading(key) => {
            let rows = lists::rows(app);
            let row = rows.get(app.browser.selection.at)?;
            (row.key == *key).then_some(Facts {
                size: row.size,
                revision: row.revision,
                create_revision: row.create_revision,
                version: row.version,
                ends: row.ends,
                lease: None,
            })
        }
        _ => None,
    }
}

/// The facts, as many a line as fit. Each has its place for good: a figure that grows or shrinks
/// moves nothing.
fn head(app: &App, facts: &Facts, area: Rect) -> Vec<Vec<Span<'static>>> {
    let theme = app.settings.theme;
    let cells = usize::from(area.width);
    let fact = |label: &'static str, value: String, wide: usize| {
        let value = text::left(&value, wide.max(text::width(&value)), "");
        let spans = vec![
            Span::styled(format!("{label} "), theme.dim()),
            Span::raw(value),
        ];
        (text::width(label) + 1 + spans[1].width(), spans)
    };
    let revision = fact("revision", grouped(facts.revision), 9);
    let version = fact("version", grouped(facts.version), 2);
    let ttl = match facts.ends {
        Some(ends) => {
            let left = ends.saturating_duration_since(glyph::now(app));
            fact("ttl", precise(left.as_secs()), 7)
        }
        None => fact("ttl", "-".to_owned(), 7),
    };
    let created = fact("created", grouped(facts.create_revision), 10);
    let bytes = vec![Span::raw(text::left(&size(facts.size), 10, ""))];
    let bytes = (10, bytes);
    let lease = facts.lease.map(|lease| fact("lease", lease.to_string(), 4));
    let form = form(app.browser.value.form, theme);
    let short = usize::from(area.height) < SHORT;
    let facts = if short {
        vec![form, bytes, ttl, version, revision]
    } else {
        let mut facts = vec![revision, version, ttl, created, bytes, form];
        facts.extend(lease);
        facts
    };
    let mut lines: Vec<Vec<Span>> = vec![Vec::new()];
    let mut taken = 0;
    for (wide, spans) in facts {
        if taken > 0 && taken + GAP + wide > cells {
            if short {
                break;
            }
            lines.push(Vec::new());
            taken = 0;
        }
        // There is a line at least.
        if let Some(line) = lines.last_mut() {
            if taken > 0 {
                line.push(Span::raw(" ".repeat(GAP)));
                taken += GAP;
            }
            line.extend(spans);
            taken += wide;
        }
    }
    lines
}

/// `text [JSON] hex`, as wide whichever it is.
fn form(form: Form, theme: Theme) -> (usize, Vec<Span<'static>>) {
    let words = [
        (Form::Text, "text"),
        (Form::Json, "JSON"),
        (Form::Hex, "hex"),
    ];
    let mut spans = Vec::new();
    for (at, (of, word)) in words.into_iter().enumerate() {
        if at > 0 {
            spans.push(Span::raw(" "));
        }
        spans.push(if of == form {
            Span::styled(format!("[{word}]"), theme.heading())
        } else {
            Span::styled(word, theme.dim())
        });
    }
    (spans.iter().map(Span::width).sum(), spans)
}

/// `27m 12s`: two units, always as wide.
fn precise(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{:>2}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{:>2}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{:>2}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The lines from this row on.
fn text_of(frame: &mut Frame, area: Rect, app: &App, lines: &[String], scroll: usize) {
    let theme = app.settings.theme;
    let (cells, room) = (usize::from(area.width), usize::from(area.height));
    let json = app.browser.value.form == Form::Json
        && lines.first().is_some_and(|line| line == "{" || line == "[");
    let mut skipped = scroll;
    let mut at = 0;
    for line in lines {
        let rows = wrap::rows(line, cells);
        if skipped >= rows {
            skipped -= rows;
            continue;
        }
        let name = name(line).filter(|_| json && skipped == 0);
        for (row, part) in wrap::parts(line, cells, skipped).enumerate() {
            if at == room {
                return;
            }
            let shown = |text: &str| glyph::ascii(theme, text.to_owned());
            let spans = match name.and_then(|end| part.split_at_checked(end)) {
                Some((name, value)) if row == 0 => vec![
                    Span::styled(shown(name), theme.dim()),
                    Span::raw(shown(value)),
                ],
                _ => vec![Span::raw(shown(part))],
            };
            panel::put(frame, area, at, spans, theme);
            at += 1;
        }
        skipped = 0;
    }
}

/// Where the name of a member ends in a line of JSON that was indented by us, colon included.
fn name(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start().len();
    let mut escaped = false;
    let inside = line[start..].strip_prefix('"')?;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let end = start + 1 + at + 1;
                return line[end..].starts_with(": ").then_some(end + 1);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_members_end_at_their_colon() {
        assert_eq!(name(r#"  "cart": ["#), Some(9));
        assert_eq!(name(r#"  "a\": b": 1"#), Some(11));
        assert_eq!(name(r#"  "only a string","#), None);
        assert_eq!(name("  12,"), None);
        assert_eq!(name(r#"""#), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn a_time_is_always_as_wide() {
        for seconds in [0, 59, 61, 3599, 3600, 86_399, 86_400, 8_553_600] {
            assert_eq!(precise(seconds).len(), 7, "{seconds}");
        }
    }
}
