//! Screen 3: elections, how the log grows, the end of the log.

use common::types::{Election, ElectionCause, LogLine};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
};

use super::{
    chart, glyph,
    list::{Cell, Column, List},
    panel::{self, Panel},
};
use crate::{
    output::table::{grouped, size},
    tui::{
        app::{App, Areas},
        text,
        theme::Theme,
        update::lists,
    },
};

/// From so many columns on the chart stands beside the elections.
const WIDE: u16 = 100;

/// All of it.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let count = u16::try_from(app.shown().elections.len()).unwrap_or(u16::MAX);
    let wanted = count.clamp(1, 50) + 3;
    if area.width >= WIDE && area.height >= 14 {
        let upper = wanted.clamp(6, (area.height / 3).max(8));
        let [upper, tail] =
            Layout::vertical([Constraint::Length(upper), Constraint::Fill(1)]).areas(area);
        let [left, right] =
            Layout::horizontal([Constraint::Fill(6), Constraint::Fill(5)]).areas(upper);
        elections(frame, left, app, areas);
        growth(frame, right, app);
        log(frame, tail, app, areas);
        return;
    }
    // Below each other: what does not fit goes, the log stays.
    let upper = wanted.min(area.height / 3);
    let upper = if upper >= 4 { upper } else { 0 };
    let chart = if area.height >= 18 { 5 } else { 0 };
    let [first, second, third] = Layout::vertical([
        Constraint::Length(upper),
        Constraint::Length(chart),
        Constraint::Fill(1),
    ])
    .areas(area);
    if upper > 0 {
        elections(frame, first, app, areas);
    }
    if chart > 0 {
        growth(frame, second, app);
    }
    log(frame, third, app, areas);
}

/// Why there was an election.
fn cause(cause: ElectionCause) -> &'static str {
    match cause {
        ElectionCause::First => "first seen",
        ElectionCause::ProcessEnded => "process ended",
        ElectionCause::HandedOver => "handed over",
        ElectionCause::Silence => "leader silent",
    }
}

/// The elections, the newest first.
fn elections(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let listed = &app.shown().elections;
    let panel = Panel::titled(theme, "Elections")
        .focused(theme, app.raft.in_elections)
        .about(theme, "UTC");
    let inside = panel.draw(frame, area, theme);
    if listed.is_empty() {
        panel::empty(frame, inside, "no elections yet", theme);
        return;
    }
    let today = glyph::day(glyph::clock_ms(app));
    let dated = listed.iter().any(|it| glyph::day(it.at_ms) != today);
    let names = |election: &Election| -> usize {
        let from = election
            .from
            .map_or(1, |id| text::width(&glyph::name(app, id)));
        from.max(text::width(&glyph::name(app, election.to)))
    };
    let name = listed.iter().map(names).max().unwrap_or(2).clamp(2, 12);
    let terms = listed.iter().map(|it| grouped(it.term).len());
    let leaders = 2 * name + 2 + text::width(glyph::arrow(theme));
    let columns = [
        Column::text("time", if dated { 14 } else { 8 }),
        Column::number("term", terms.max().unwrap_or(0).max(4)),
        Column::text("leader", leaders),
        Column::number("leaderless", 10).spare(1),
        Column::text("cause", 14).spare(2).grows(usize::MAX),
    ];
    let list = List {
        columns: &columns,
        rows: listed.len(),
        selected: None,
        before: app.raft.elections_scroll,
        order: None,
        focused: app.raft.in_elections,
    };
    let (rows, first) = list.draw(frame, inside, theme, |row| {
        let election = &listed[listed.len() - 1 - row];
        election_cells(app, theme, election, name, dated, row == 0)
    });
    let lines = usize::from(rows.height);
    panel::part(frame, area, first, lines, listed.len(), theme);
    areas.pane = Some((rows, listed.len()));
}

fn election_cells(
    app: &App,
    theme: Theme,
    election: &Election,
    name: usize,
    dated: bool,
    newest: bool,
) -> Vec<Cell> {
    let plain = Style::new();
    let ellipsis = glyph::ellipsis(theme);
    let mut time = glyph::time_of_day(election.at_ms);
    if dated {
        time = format!("{} {time}", glyph::day(election.at_ms));
    }
    let from = match election.from {
        Some(id) => glyph::name(app, id),
        None => glyph::none(theme).to_owned(),
    };
    let from = text::left(&from, name, ellipsis);
    let to = text::cut(&glyph::name(app, election.to), name, ellipsis);
    let leaderless = match election.leaderless {
        time if time.is_zero() => "-".to_owned(),
        // Always the same unit.
        time => {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            format!("{} ms", grouped(millis.max(1)))
        }
    };
    let leads = newest && app.shown().electing.is_none();
    vec![
        (time, theme.dim()),
        (grouped(election.term), plain),
        (
            format!("{from} {} {to}", glyph::arrow(theme)),
            if leads { theme.leader() } else { plain },
        ),
        (leaderless, plain),
        (cause(election.cause).to_owned(), plain),
    ]
}

/// How many entries a second the log grew by, and what of it is not committed.
fn growth(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let cluster = app.shown();
    let columns = usize::from(area.width.saturating_sub(4));
    let skipped = cluster.samples.len().saturating_sub(columns + 1);
    let samples = || cluster.samples.iter().skip(skipped);
    let values: Vec<f64> = samples()
        .zip(samples().skip(1))
        // A log that was cut off after a change of leader did not grow.
        .map(|(before, after)| after.last_log.saturating_sub(before.last_log) as f64)
        .collect();
    let mut panel = Panel::titled(theme, "Log growth");
    if let (Some(now), Some(sample)) = (values.last(), cluster.samples.back()) {
        let open = sample.last_log.saturating_sub(sample.commit);
        panel = panel
            .right(format!("{} entries/s", text::rate(*now)), theme.heading())
            .bottom(
                theme,
                format!("not committed {}", grouped(open)),
                format!("peak {}/s", text::rate(chart::peak(&values))),
            );
    }
    let inside = panel.draw(frame, area, theme);
    let inside = Rect {
        x: inside.x + 1.min(inside.width),
        width: inside.width.saturating_sub(2),
        ..inside
    };
    let style = if cluster.error.is_some() {
        theme.dim()
    } else {
        theme.chart()
    };
    match () {
        () if values.is_empty() => panel::empty(frame, inside, "no figures yet", theme),
        () if chart::peak(&values) <= 0.0 => {
            panel::empty(frame, inside, "the log does not grow", theme);
        }
        () => chart::area(frame, inside, theme, &values, style),
    }
}

/// The end of the log.
fn log(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let listed = lists::log(app);
    let mut about = match &app.raft.of {
        Some(name) => format!("of {}", glyph::harmless(theme, name)),
        None => String::new(),
    };
    let filter = &app.raft.narrowing.filter;
    if !filter.is_empty() {
        let all = app.raft.tail.len();
        let rule = if about.is_empty() { "" } else { " " };
        about.push_str(&format!(
            "{rule}/{}  {} of {all}",
            glyph::harmless(theme, filter),
            listed.len()
        ));
    }
    let panel = Panel::titled(theme, "Log").about(theme, about);
    let inside = panel.draw(frame, area, theme);
    if listed.is_empty() {
        let words = if filter.is_empty() {
            "no entries yet"
        } else {
            "no entry that matches"
        };
        panel::empty(frame, inside, words, theme);
        return;
    }
    let widest = |width: &dyn Fn(&LogLine) -> usize| listed.iter().map(|it| width(it)).max();
    let index = widest(&|line| grouped(line.index).len()).unwrap_or(0);
    let term = widest(&|line| grouped(line.term).len()).unwrap_or(0);
    let columns = [
        Column::number("index", index.max(11)),
        Column::number("term", term.max(4)),
        Column::text("operation", 12),
        Column::text("namespace", 16).spare(1),
        Column::text("key", 8).grows(usize::MAX),
        Column::number("size", 8).spare(2),
    ];
    let list = List {
        columns: &columns,
        rows: listed.len(),
        selected: Some(app.raft.selection.at),
        before: app.areas.list.map_or(0, |list| list.1),
        order: None,
        focused: !app.raft.in_elections,
    };
    let wide = usize::from(inside.width);
    let ellipsis = glyph::ellipsis(theme);
    let place = list.draw(frame, inside, theme, |row| {
        let line = listed[row];
        let (dim, plain) = (theme.dim(), Style::new());
        let namespace = line.namespace.as_deref().unwrap_or("");
        // Not more of a long key than there is room for.
        let key = line.key.as_deref().unwrap_or_default();
        let key = glyph::ascii(theme, text::line(key, wide, ellipsis));
        vec![
            (grouped(line.index), plain),
            (grouped(line.term), dim),
            (glyph::harmless(theme, &line.operation), plain),
            (glyph::harmless(theme, namespace), dim),
            (key, plain),
            (size(line.size), dim),
        ]
    });
    areas.list = Some(place);
}
