//! The charts of the overview: writes, reads, latencies.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::Span,
};

use super::{WIDE, margins};
use crate::tui::{
    app::{App, Sample},
    text,
    view::{
        chart,
        panel::{self, Panel},
    },
};

/// Writes, reads and latencies; or only the writes.
pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    if area.width < WIDE {
        rate(frame, area, app, Kind::Writes);
        return;
    }
    let [writes, reads, latencies] = Layout::horizontal([
        Constraint::Fill(7),
        Constraint::Fill(7),
        Constraint::Fill(10),
    ])
    .areas(area);
    rate(frame, writes, app, Kind::Writes);
    rate(frame, reads, app, Kind::Reads);
    latency(frame, latencies, app);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Writes,
    Reads,
}

/// A chart of a rate.
fn rate(frame: &mut Frame, area: Rect, app: &App, kind: Kind) {
    let theme = app.settings.theme;
    let cluster = app.shown();
    let (title, figure): (_, fn(&Sample) -> f64) = match kind {
        Kind::Writes => ("Writes", |sample| sample.writes),
        Kind::Reads => ("Reads", |sample| sample.reads),
    };
    let columns = usize::from(area.width.saturating_sub(4));
    let values = chart::window(&cluster.samples, columns, figure);
    let mut panel = Panel::titled(theme, title);
    if let Some(now) = values.last() {
        let mut text = format!("{}/s", text::rate(*now));
        if let (true, Some(sample)) = (area.width >= 60, cluster.samples.back()) {
            let (p50, p99) = match kind {
                Kind::Writes => (sample.put_p50, sample.put_p99),
                Kind::Reads => (sample.get_p50, sample.get_p99),
            };
            let time = |time: Option<_>| time.map_or_else(|| "-".to_owned(), text::latency);
            text = format!("p50 {}  p99 {}  {text}", time(p50), time(p99));
        }
        panel = panel.right(text, theme.heading()).bottom(
            theme,
            format!("{} s", values.len()),
            format!("peak {}/s", text::rate(chart::peak(&values))),
        );
    }
    let inside = margins(panel.draw(frame, area, theme));
    let style = if cluster.error.is_some() {
        theme.dim()
    } else {
        theme.chart()
    };
    match () {
        () if values.is_empty() => panel::empty(frame, inside, "no figures yet", theme),
        () if chart::peak(&values) <= 0.0 => {
            let words = format!("no {}", title.to_lowercase());
            panel::empty(frame, inside, &words, theme);
        }
        () => chart::area(frame, inside, theme, &values, style),
    }
}

/// The latencies of puts and gets: now as figures, before as a line.
fn latency(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let cluster = app.shown();
    let inside = margins(Panel::titled(theme, "Latency p99").draw(frame, area, theme));
    let Some(last) = cluster.samples.back() else {
        panel::empty(frame, inside, "no figures yet", theme);
        return;
    };
    let old = cluster.error.is_some();
    let each = inside.height / 2;
    type Figure = fn(&Sample) -> f64;
    let kinds: [(&str, _, _, Figure); 2] = [
        ("put", last.put_p50, last.put_p99, |sample| {
            chart::millis(sample.put_p99)
        }),
        ("get", last.get_p50, last.get_p99, |sample| {
            chart::millis(sample.get_p99)
        }),
    ];
    for (index, (word, p50, p99, figure)) in (0u16..).zip(kinds) {
        let Some(y) = (each * index < inside.height).then_some(inside.y + each * index) else {
            continue;
        };
        let place = Rect {
            y,
            height: each.max(1).min(inside.bottom() - y),
            ..inside
        };
        let time = |time: Option<_>| time.map_or_else(|| "-".to_owned(), text::latency);
        let (dim, plain) = (theme.dim(), if old { theme.dim() } else { Style::new() });
        let figures = vec![
            Span::styled(format!("{word}  "), theme.heading()),
            Span::styled("p50 ", dim),
            Span::styled(format!("{:>7}", time(p50)), plain),
            Span::styled("  p99 ", dim),
            Span::styled(format!("{:>7}", time(p99)), plain),
        ];
        let taken: usize = figures.iter().map(Span::width).sum();
        let taken = u16::try_from(taken + 2).unwrap_or(u16::MAX);
        // Beside the foot of the chart.
        panel::put(frame, place, usize::from(place.height) - 1, figures, theme);
        let graph = Rect {
            x: place.x.saturating_add(taken).min(place.right()),
            width: place.width.saturating_sub(taken),
            ..place
        };
        let values = chart::window(&cluster.samples, usize::from(graph.width), figure);
        let style = if old { dim } else { theme.chart() };
        chart::area(frame, graph, theme, &values, style);
    }
}
