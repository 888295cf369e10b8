//! Screen 1: members, what the cluster does, who led when, what happened.
//!
//! The members have what they need; the events take what is left. Where lines are few the timeline
//! goes first, then the charts; where columns are few one chart stays.

mod charts;

use common::types::MemberStatus;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::Span,
};

use super::{
    glyph,
    list::{Cell, Column, List},
    panel::{self, Panel},
    timeline,
};
use crate::{
    output::table::{grouped, size},
    survey::{Health, Seen, Survey, label},
    tui::{
        app::{App, Areas, EventWeight, Order},
        text,
        update::lists,
    },
};

/// From so many columns on there are three charts side by side.
const WIDE: u16 = 100;

/// The fewest lines of the panel with the events.
const EVENTS: u16 = 5;

/// The lines of the timeline's panel.
const TIMELINE: u16 = 4;

/// The cells of the lag.
const LAG: usize = 11;

/// Where in the table the columns stand that it can be ordered by: id, name, role, last log, lag, rtt.
const SORTED: [Option<usize>; 6] = [None, Some(0), Some(1), Some(3), Some(6), Some(7)];

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let count = u16::try_from(lists::members(app).len()).unwrap_or(u16::MAX);
    let heights = heights(area.height, count, area.width >= WIDE);
    let parts: [Rect; 4] = Layout::vertical(heights.map(Constraint::Length)).areas(area);
    members(frame, parts[0], app, areas);
    if parts[1].height > 0 {
        charts::draw(frame, parts[1], app);
    }
    if parts[2].height > 0 {
        let theme = app.settings.theme;
        let inside = Panel::titled(theme, "Leaders").draw(frame, parts[2], theme);
        timeline::draw(frame, margins(inside), app);
    }
    if parts[3].height > 0 {
        events(frame, parts[3], app);
    }
}

/// Members, charts, timeline, events: so many lines each.
fn heights(lines: u16, members: u16, wide: bool) -> [u16; 4] {
    let wanted = members.clamp(1, 50) + 3;
    // A long list scrolls before it takes everything else away.
    let members = wanted.min((lines / 2).max(5)).min(lines);
    let mut left = lines - members;
    let mut charts = 0;
    if left >= 3 + EVENTS {
        // An even number of lines inside: the latencies have half of them each.
        let least = if wide { 4 } else { 5 };
        let more = left.saturating_sub(least + TIMELINE + 8) / 2;
        charts = least.min(left - EVENTS) + more.min(6) / 2 * 2;
        left -= charts;
    }
    let timeline = if left >= TIMELINE + 8 { TIMELINE } else { 0 };
    left -= timeline;
    // Too few for events: the members have the lines.
    if left < 3 {
        return [members + left, charts, timeline, 0];
    }
    [members, charts, timeline, left]
}

/// A column free at either side.
fn margins(area: Rect) -> Rect {
    Rect {
        x: area.x + 1.min(area.width),
        width: area.width.saturating_sub(2),
        ..area
    }
}

/// The table of the members, in its box.
pub(crate) fn members(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let listed = lists::members(app);
    let filter = &app.member_narrowing.filter;
    let about = if filter.is_empty() {
        String::new()
    } else {
        format!("/{}", glyph::harmless(theme, filter))
    };
    let panel = Panel::titled(theme, "Members").about(theme, about);
    let inside = panel.draw(frame, area, theme);
    let Some(survey) = &app.shown().survey else {
        no_answer(frame, inside, app);
        return;
    };
    if listed.is_empty() {
        panel::empty(frame, inside, "no member of that name", theme);
        return;
    }
    let columns = columns(app, &listed);
    let list = List {
        columns: &columns,
        rows: listed.len(),
        selected: Some(app.member.at),
        before: app.areas.list.map_or(0, |list| list.1),
        order: order(app, &SORTED),
        focused: true,
    };
    let place = list.draw(frame, inside, theme, |row| cells(app, survey, listed[row]));
    areas.list = Some(place);
}

/// The order of the members, by the place of its column in a list; by id, as at first, none is marked.
pub(crate) fn order(app: &App, places: &[Option<usize>]) -> Option<Order> {
    let order = app.member_order;
    let column = (*places.get(order.column)?)?;
    Some(Order { column, ..order })
}

/// Before the first answer: why there is none, if that is known.
pub(crate) fn no_answer(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let words = match &app.shown().error {
        Some(reason) => glyph::harmless(theme, reason),
        None => "no answer yet".to_owned(),
    };
    panel::empty(frame, area, &words, theme);
}

/// As wide as what is in them, where that changes hardly ever.
fn columns(app: &App, listed: &[&Seen]) -> Vec<Column> {
    let theme = app.settings.theme;
    let names = listed
        .iter()
        .map(|seen| text::width(&glyph::harmless(theme, label(&seen.member))));
    let statuses = || listed.iter().filter_map(|seen| last(app, seen));
    let terms = statuses().map(|status| grouped(status.term).len());
    let indices = statuses().map(|status| grouped(status.last_log.max(status.commit)).len());
    // A billion entries fit without a jump.
    let index = indices.max().unwrap_or(0).max(11);
    vec![
        // With the mark.
        Column::text("  name", names.max().unwrap_or(0).clamp(6, 24) + 2),
        Column::text("role", 11),
        Column::number("term", terms.max().unwrap_or(0).max(4)),
        Column::number("last log", index),
        Column::number("commit", index).spare(9),
        Column::number("applied", index).spare(4),
        Column::number("lag", LAG),
        Column::number("rtt", 6).spare(5),
        Column::number("fsync p99", 9).spare(6),
        Column::text("store", 7).spare(8),
        Column::number("disk", 8).spare(7),
        Column::number("up", 7).spare(8),
    ]
}

/// Its answer, or the last one it gave.
pub(crate) fn last<'a>(app: &'a App, seen: &'a Seen) -> Option<&'a MemberStatus> {
    let word = || app.shown().last_word(seen.member.id)?.status.as_ref();
    seen.status().or_else(word)
}

fn cells(app: &App, survey: &Survey, seen: &Seen) -> Vec<Cell> {
    let theme = app.settings.theme;
    // What it said before it went silent, and all of it when nobody answers.
    let silent = app.shown().error.is_some();
    let old = silent || seen.health == Health::Unreachable;
    let plain = if old { theme.dim() } else { Style::new() };
    let (mark, mark_style) = glyph::of(theme, seen);
    let (word, word_style) = glyph::word(app, seen, survey);
    let name = glyph::harmless(theme, label(&seen.member));
    let emphasis = |style: Style| if silent { theme.dim() } else { style };
    let name_style = match seen.health {
        Health::Unreachable => emphasis(mark_style),
        _ if seen.leads() => emphasis(theme.leader()),
        _ => plain,
    };
    let none = || ("-".to_owned(), theme.dim());
    let probe = app.shown().last_word(seen.member.id);
    let status = last(app, seen);
    let of = |text: &dyn Fn(&MemberStatus) -> String| -> Cell {
        status.map_or_else(none, |status| (text(status), plain))
    };
    let (lag, lag_style) = lag(app, seen, LAG);
    let trip = probe.and_then(|probe| probe.round_trip).filter(|_| !old);
    vec![
        (format!("{mark} {name}"), name_style),
        (word, emphasis(word_style)),
        of(&|status| grouped(status.term)),
        of(&|status| grouped(status.last_log)),
        of(&|status| grouped(status.commit)),
        of(&|status| grouped(status.applied)),
        (lag, emphasis(lag_style)),
        trip.map_or_else(none, |trip| (text::latency(trip), plain)),
        match status.filter(|status| !status.fsync_p99.is_zero()) {
            Some(status) => (text::latency(status.fsync_p99), plain),
            None => none(),
        },
        of(&|status| glyph::harmless(theme, &status.store)),
        of(&|status| size(status.log_bytes.saturating_add(status.state_bytes))),
        match status.filter(|_| !old) {
            Some(status) => (glyph::whole(status.uptime), plain),
            None => none(),
        },
    ]
}

/// How far it is behind: `2`, `412 · 12 ms`; the time only where there is room for it.
pub(crate) fn lag(app: &App, seen: &Seen, room: usize) -> Cell {
    let theme = app.settings.theme;
    let none = ("-".to_owned(), theme.dim());
    if seen.health == Health::Unreachable || seen.leads() {
        return none;
    }
    let Some(entries) = seen.entries_behind() else {
        return none;
    };
    let count = if room > LAG {
        grouped(entries)
    } else if entries < 10_000 {
        entries.to_string()
    } else {
        // Three digits are shown.
        text::rate(entries as f64)
    };
    let style = match seen.health {
        Health::CatchingUp => theme.warning(),
        _ => Style::new(),
    };
    let time = seen.time_behind().filter(|time| time.as_millis() > 0);
    let Some(time) = time.filter(|_| entries > 0) else {
        return (count, style);
    };
    let whole = format!("{count} {} {}", glyph::dot(theme), text::age(time));
    if text::width(&whole) <= room {
        (whole, style)
    } else {
        (count, style)
    }
}

/// What happened, the newest at the bottom.
pub(crate) fn events(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let panel = Panel::titled(theme, "Events").about(theme, "UTC");
    let inside = panel.draw(frame, area, theme);
    event_lines(frame, margins(inside), app);
}

/// The last of them that there are lines for.
pub(crate) fn event_lines(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let events = &app.shown().events;
    if events.is_empty() {
        panel::empty(frame, area, "no events yet", theme);
        return;
    }
    let lines = usize::from(area.height);
    let shown = events.iter().skip(events.len().saturating_sub(lines));
    let today = glyph::day(glyph::clock_ms(app));
    let days: Vec<String> = shown
        .clone()
        .map(|event| glyph::day(glyph::millis(event.at)))
        .collect();
    let dated = days.iter().any(|day| *day != today);
    for (line, (event, day)) in shown.zip(days).enumerate() {
        let (style, mark) = match event.weight {
            EventWeight::Bad => (theme.bad(), "!"),
            EventWeight::Warning => (theme.warning(), "!"),
            EventWeight::Good => (theme.good(), " "),
            EventWeight::Info => (Style::new(), " "),
        };
        let time = glyph::time_of_day(glyph::millis(event.at));
        let time = if dated {
            format!("{day} {time} ")
        } else {
            format!("{time} ")
        };
        let spans = vec![
            Span::styled(time, theme.dim()),
            Span::styled(mark, style),
            Span::raw(" "),
            Span::styled(glyph::harmless(theme, &event.text), style),
        ];
        panel::put(frame, area, line, spans, theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_given_to_something() {
        for lines in 0..120 {
            for members in 0..60 {
                for wide in [false, true] {
                    let heights = heights(lines, members, wide);
                    assert_eq!(heights.iter().sum::<u16>(), lines, "{lines} {members}");
                }
            }
        }
        assert_eq!(heights(32, 3, true), [6, 8, 4, 14]);
        assert_eq!(heights(21, 3, false), [6, 5, 0, 10]);
        assert_eq!(heights(21, 7, false), [10, 5, 0, 6]);
    }
}
