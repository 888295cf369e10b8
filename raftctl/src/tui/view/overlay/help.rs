//! `?`: every key and what it does, from the table itself.

use ratatui::{Frame, layout::Rect, text::Span};

use super::{dim, middle, stage};
use crate::tui::{
    app::{App, Areas},
    keys, text,
    view::{glyph, panel, panel::Panel, wrap},
};

/// From so many cells on there are two columns.
const TWO: usize = 92;

/// The widest box.
const WIDTH: usize = 112;

type Lines = Vec<Vec<Span<'static>>>;

/// It. `areas.pane` says how many lines there are.
pub(super) fn draw(frame: &mut Frame, whole: Rect, app: &App, scroll: usize, areas: &mut Areas) {
    let theme = app.settings.theme;
    dim(frame, whole, theme);
    let width = usize::from(whole.width).min(WIDTH);
    let room = width.saturating_sub(4);
    let (columns, cells) = if room >= TWO {
        (2, (room - 3) / 2)
    } else {
        (1, room)
    };
    let columns = sections(app, columns, cells);
    let lines = columns.iter().map(Vec::len).max().unwrap_or(0);
    let height = (lines + 2).min(usize::from(stage(whole).height));
    let area = middle(frame, whole, width, height);
    let seen = usize::from(area.height).saturating_sub(2);
    let scroll = scroll.min(lines.saturating_sub(seen));
    let range = if lines > seen {
        format!("{}-{} of {lines}", scroll + 1, scroll + seen)
    } else {
        String::new()
    };
    let inner = Panel::titled(theme, "Keys")
        .bottom(theme, "Esc close".to_owned(), range)
        .draw(frame, area, theme);
    areas.pane = Some((inner, lines));
    for (column, lines) in columns.into_iter().enumerate() {
        let before = u16::try_from(1 + column * (cells + 3)).unwrap_or(u16::MAX);
        let place = Rect {
            x: inner.x.saturating_add(before).min(inner.right()),
            width: u16::try_from(cells)
                .unwrap_or(u16::MAX)
                .min(inner.width.saturating_sub(before)),
            ..inner
        };
        for (at, spans) in lines.into_iter().skip(scroll).take(seen).enumerate() {
            panel::put(frame, place, at, spans, theme);
        }
    }
}

/// The sections in so many columns, in their order, about as long each. None is torn apart.
fn sections(app: &App, columns: usize, cells: usize) -> Vec<Lines> {
    let theme = app.settings.theme;
    let sections = keys::help(app);
    let widths = sections
        .iter()
        .flat_map(|(_, rows)| rows.iter().map(|(key, _)| text::width(key)));
    let wide = widths.max().unwrap_or(0).min(cells / 3).min(18);
    let blocks: Vec<Lines> = sections
        .into_iter()
        .map(|(title, rows)| {
            let mut lines = vec![vec![Span::styled(title, theme.heading())]];
            for (key, about) in rows {
                let mut key = key;
                for about in wrap::words(about, cells.saturating_sub(wide + 2)) {
                    let shown = text::left(&key, wide, glyph::ellipsis(theme));
                    lines.push(vec![
                        Span::styled(shown, theme.leader()),
                        Span::raw("  "),
                        Span::raw(about),
                    ]);
                    key.clear();
                }
            }
            lines
        })
        .collect();
    // Every way to part them is tried: the best one has the shortest longest column.
    let length = |blocks: &[Lines]| {
        let lines: usize = blocks.iter().map(Vec::len).sum();
        lines + blocks.len().saturating_sub(1)
    };
    let parted = (0..=blocks.len())
        .min_by_key(|at| length(&blocks[..*at]).max(length(&blocks[*at..])))
        .filter(|_| columns == 2)
        .unwrap_or(blocks.len());
    // An empty line between two sections.
    let between = [Vec::new()];
    let joined = |blocks: &[Lines]| blocks.join(&between[..]);
    let mut columns = vec![joined(&blocks[..parted])];
    if parted < blocks.len() {
        columns.push(joined(&blocks[parted..]));
    }
    columns
}
