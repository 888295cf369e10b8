//! Screen 2: one member in full, beside the list of all.

mod facts;

use facts::{Group, groups};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::Span,
};

use super::{
    glyph,
    list::{Cell, Column, List},
    overview,
    panel::{self, Panel},
};
use crate::{
    survey::{Health, label},
    tui::{
        app::{App, Areas},
        text,
        theme::Theme,
        update::lists,
    },
};

/// From so many columns on the list stands beside the member.
const WIDE: u16 = 80;

/// From so many columns on the member's facts stand in two columns.
const TWO_COLUMNS: u16 = 78;

/// Narrow, and with fewer lines than this, there is no room for the list.
const SHORT: u16 = 14;

/// The cells of a fact's name.
const LABEL: usize = 14;

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let rows = u16::try_from(lists::members(app).len()).unwrap_or(u16::MAX);
    let [list, pane] = if area.width >= WIDE {
        let list = (area.width / 4).clamp(26, 36);
        Layout::horizontal([Constraint::Length(list), Constraint::Fill(1)]).areas(area)
    } else if area.height < SHORT {
        // The title says which one it is.
        return member(frame, area, app, areas);
    } else {
        let list = rows.clamp(1, 50).saturating_add(3).min(area.height / 2);
        Layout::vertical([Constraint::Length(list), Constraint::Fill(1)]).areas(area)
    };
    members(frame, list, app, areas);
    member(frame, pane, app, areas);
}

/// The list.
fn members(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    if area.width >= 60 {
        overview::members(frame, area, app, areas);
        return;
    }
    let filter = &app.member_narrowing.filter;
    let about = if filter.is_empty() {
        String::new()
    } else {
        format!("/{}", glyph::harmless(theme, filter))
    };
    let panel = Panel::titled(theme, "Members").about(theme, about);
    let inside = panel.draw(frame, area, theme);
    let listed = lists::members(app);
    let Some(survey) = &app.shown().survey else {
        overview::no_answer(frame, inside, app);
        return;
    };
    if listed.is_empty() {
        panel::empty(frame, inside, "no such name", theme);
        return;
    }
    let columns = [
        Column::text("  name", 8).grows(usize::MAX),
        Column::text("role", 11),
    ];
    let list = List {
        columns: &columns,
        rows: listed.len(),
        selected: Some(app.member.at),
        before: app.areas.list.map_or(0, |list| list.1),
        order: overview::order(app, &[None, Some(0), Some(1)]),
        focused: true,
    };
    let silent = app.shown().error.is_some();
    let place = list.draw(frame, inside, theme, |row| {
        let seen = listed[row];
        let (mark, style) = glyph::of(theme, seen);
        let (word, word_style) = glyph::word(app, seen, survey);
        let emphasis = |style: Style| if silent { theme.dim() } else { style };
        let name = glyph::harmless(theme, label(&seen.member));
        let row: Vec<Cell> = vec![
            (format!("{mark} {name}"), emphasis(style)),
            (word, emphasis(word_style)),
        ];
        row
    });
    areas.list = Some(place);
}

/// The selected member.
fn member(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let listed = lists::members(app);
    let seen = listed.get(app.member.at.min(listed.len().saturating_sub(1)));
    let (Some(seen), Some(survey)) = (seen, &app.shown().survey) else {
        let inside = Panel::titled(theme, "Member").draw(frame, area, theme);
        panel::empty(frame, inside, "no member", theme);
        return;
    };
    let name = glyph::harmless(theme, label(&seen.member));
    let (word, _) = glyph::word(app, seen, survey);
    let mut panel = Panel::titled(theme, name).about(theme, word);
    if area.width < WIDE {
        let place = app.member.at.min(listed.len() - 1) + 1;
        panel = panel.right(format!("{place} of {}", listed.len()), theme.dim());
    }
    let inside = panel.draw(frame, area, theme);
    let inside = Rect {
        x: inside.x + 1.min(inside.width),
        width: inside.width.saturating_sub(2),
        ..inside
    };
    let groups = groups(app, survey, seen);
    let old = app.shown().error.is_some() || seen.health == Health::Unreachable;
    let columns = if inside.width >= TWO_COLUMNS { 2 } else { 1 };
    let lines = laid_out(&groups, columns, usize::from(inside.width), theme, old);
    let height = usize::from(inside.height);
    let first = app.member_scroll.min(lines.len().saturating_sub(height));
    areas.pane = Some((inside, lines.len()));
    let total = lines.len();
    panel::part(frame, area, first, height, total, theme);
    for (line, spans) in lines.into_iter().skip(first).take(height).enumerate() {
        panel::put(frame, inside, line, spans, theme);
    }
}

/// The groups as lines, in so many columns side by side.
fn laid_out(
    groups: &[Group],
    columns: usize,
    width: usize,
    theme: Theme,
    old: bool,
) -> Vec<Vec<Span<'static>>> {
    const GAP: usize = 3;
    let cells = (width.saturating_sub(GAP * (columns - 1))) / columns;
    let blocks: Vec<Vec<Vec<Span<'static>>>> = groups
        .iter()
        .map(|group| block(group, cells, theme, old))
        .collect();
    if columns == 1 {
        return blocks.into_iter().flatten().collect();
    }
    // The left column has the first half of the lines.
    let total: usize = blocks.iter().map(Vec::len).sum();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for block in blocks {
        if right.is_empty() && (left.is_empty() || left.len() + block.len() / 2 < total / 2) {
            left.extend(block);
        } else {
            right.extend(block);
        }
    }
    let lines = left.len().max(right.len());
    left.resize(lines, Vec::new());
    right.resize(lines, Vec::new());
    left.into_iter()
        .zip(right)
        .map(|(left, right)| {
            let mut line = panel::fit(left, cells, theme).spans;
            let taken: usize = line.iter().map(Span::width).sum();
            line.push(Span::raw(" ".repeat(cells + GAP - taken.min(cells))));
            line.extend(panel::fit(right, cells, theme).spans);
            line
        })
        .collect()
}

/// A group as lines: its title, its facts, an empty line.
fn block(group: &Group, cells: usize, theme: Theme, old: bool) -> Vec<Vec<Span<'static>>> {
    let title = text::left(group.title, LABEL, glyph::ellipsis(theme));
    let mut lines = vec![vec![
        Span::styled(title, theme.heading()),
        Span::styled(group.head.clone(), theme.dim()),
    ]];
    for fact in &group.facts {
        let words = fact.name.len() <= 1;
        let label = if words { 2 } else { LABEL };
        let style = if old && !words {
            theme.dim()
        } else {
            fact.style
        };
        let label_style = if words { fact.style } else { theme.dim() };
        let room = cells.saturating_sub(label).max(8);
        for (index, text) in wrapped(&fact.text, room).into_iter().enumerate() {
            let name = if index == 0 { fact.name.as_str() } else { "" };
            lines.push(vec![
                Span::styled(text::left(name, label, glyph::ellipsis(theme)), label_style),
                Span::styled(text, style),
            ]);
        }
    }
    lines.push(Vec::new());
    lines
}

/// Broken between words into lines of so many cells; spaces within a line stay as they are.
fn wrapped(text: &str, cells: usize) -> Vec<String> {
    if text::width(text) <= cells {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| text::width(line));
        if line > 0 && line + 1 + text::width(word) > cells {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_facts_break_between_words() {
        assert_eq!(wrapped("one two three", 13), ["one two three"]);
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("endlessly", 3), ["endlessly"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
