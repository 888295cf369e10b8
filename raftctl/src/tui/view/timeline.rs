//! Who led when: a bar from the first election that is known until now, and the times below it.
//!
//! ```text
//! n1 ██████████████████████████  n2 ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
//! -6h                           -2h 11m                       now
//! ```
//!
//! Each member has a fill of its own. The span is a round one, so that the bar drifts slowly and does
//! not shrink with every second; what lies before the first election is empty. A cell shows whoever
//! led at its end: what is short is seen, and the last cell is right.

use std::time::Duration;

use common::types::{Election, NodeId};
use ratatui::{Frame, layout::Rect, text::Span};

use super::{glyph, panel};
use crate::tui::{app::App, text, theme::Theme};

/// The fill of a member.
fn fill(theme: Theme, place: usize) -> &'static str {
    const UNICODE: [&str; 7] = ["█", "▓", "▒", "░", "▚", "▄", "▀"];
    const ASCII: [&str; 7] = ["#", "=", "+", ":", "%", "o", "~"];
    let place = place % UNICODE.len();
    theme.glyph(UNICODE[place], ASCII[place])
}

/// Spans that are told in one unit, in seconds.
const SPANS: [u64; 19] = [
    60,
    2 * 60,
    5 * 60,
    10 * 60,
    15 * 60,
    30 * 60,
    3600,
    2 * 3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86_400,
    2 * 86_400,
    4 * 86_400,
    7 * 86_400,
    14 * 86_400,
    30 * 86_400,
    90 * 86_400,
    365 * 86_400,
];

/// A round span that is no shorter than this one.
fn span(ms: u64) -> u64 {
    let seconds = ms.div_ceil(1000);
    let round = SPANS.into_iter().find(|span| *span >= seconds);
    round.unwrap_or(seconds) * 1000
}

/// A span in one unit: `6h`.
fn span_text(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A part of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reign {
    /// Nobody, for the time without a leader up to now.
    leader: Option<NodeId>,
    /// The first cell, and how many there are.
    at: usize,
    cells: usize,
    since_ms: u64,
}

/// The parts of a bar of so many cells, from the left.
fn reigns(elections: &[Election], leaderless: Option<u64>, now: u64, cells: usize) -> Vec<Reign> {
    let Some(first) = elections.first() else {
        return Vec::new();
    };
    let span = span(now.saturating_sub(first.at_ms));
    let begin = now.saturating_sub(span);
    let mut parts: Vec<(Option<NodeId>, u64)> = Vec::new();
    let moments = elections
        .iter()
        .map(|election| (Some(election.to), election.at_ms))
        .chain(leaderless.map(|since| (None, since)));
    for (leader, at) in moments {
        // The clocks of members differ: no part begins before the one to its left, or later than now.
        let at = at.clamp(parts.last().map_or(begin, |part| part.1), now.max(begin));
        if parts.last().is_none_or(|last| last.0 != leader) {
            parts.push((leader, at));
        }
    }
    let cell = |at: u64| {
        let part = u128::from(at - begin) * cells as u128 / u128::from(span.max(1));
        usize::try_from(part).unwrap_or(cells).min(cells)
    };
    let mut reigns: Vec<Reign> = Vec::new();
    // From the right: the newest has a cell at least.
    let mut end = cells;
    for (leader, since_ms) in parts.into_iter().rev() {
        let at = cell(since_ms).min(end.saturating_sub(1));
        if end > 0 {
            reigns.push(Reign {
                leader,
                at,
                cells: end - at,
                since_ms,
            });
        }
        end = at;
    }
    reigns.reverse();
    reigns
}

/// Draws it into two lines.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let cluster = app.shown();
    if cluster.elections.is_empty() {
        panel::empty(frame, area, "no leader yet", theme);
        return;
    }
    let now = glyph::clock_ms(app);
    let leaderless = cluster.electing.map(|electing| {
        let since = glyph::now(app).saturating_duration_since(electing.since);
        now.saturating_sub(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    });
    let cells = usize::from(area.width);
    let reigns = reigns(&cluster.elections, leaderless, now, cells);
    // The order of ids gives the fills: they stay when the leader changes.
    let mut ids: Vec<NodeId> = cluster.elections.iter().map(|it| it.to).collect();
    if let Some(survey) = &cluster.survey {
        ids.extend(survey.membership().map(|seen| seen.member.id));
    }
    ids.sort_unstable();
    ids.dedup();

    let mut bar = Vec::new();
    if let Some(first) = reigns.first() {
        bar.push(Span::raw(" ".repeat(first.at)));
    }
    for (index, reign) in reigns.iter().enumerate() {
        let Some(id) = reign.leader else {
            let none = glyph::dot(theme).repeat(reign.cells);
            bar.push(Span::styled(none, theme.warning()));
            continue;
        };
        let place = ids.iter().position(|it| *it == id).unwrap_or(0);
        let leads = index + 1 == reigns.len();
        let style = if leads { theme.leader() } else { theme.chart() };
        // A cell apart from the one before.
        let gap = usize::from(index > 0 && reign.cells > 1);
        bar.push(Span::raw(" ".repeat(gap)));
        let mut left = reign.cells - gap;
        let label = format!("{} ", glyph::name(app, id));
        if text::width(&label) + 2 <= left {
            left -= text::width(&label);
            bar.push(Span::styled(label, style));
        }
        bar.push(Span::styled(fill(theme, place).repeat(left), style));
    }
    panel::put(frame, area, 0, bar, theme);
    let times = times(&reigns, now, cells);
    panel::put(
        frame,
        area,
        1,
        vec![Span::styled(times, theme.dim())],
        theme,
    );
}

/// The times of the changes, as many as there is room for, the newest first of all.
fn times(reigns: &[Reign], now: u64, cells: usize) -> String {
    let mut labels: Vec<(usize, String)> = Vec::new();
    let mut free = cells;
    let end = "now".to_owned();
    if cells >= end.len() {
        free = cells - end.len();
        labels.push((free, end));
    }
    let Some(first) = reigns.first() else {
        return String::new();
    };
    let whole = format!("-{}", span_text(span(now.saturating_sub(first.since_ms))));
    // The left end has the span, or the time of the first election where the bar begins there.
    let begin = if first.at > whole.len() + 1 {
        whole.len() + 2
    } else {
        0
    };
    for reign in reigns.iter().rev() {
        let since = Duration::from_millis(now.saturating_sub(reign.since_ms));
        let label = format!("-{}", glyph::whole(since).replace(" s", "s"));
        if reign.at >= begin && reign.at + label.len() < free {
            free = reign.at;
            labels.push((reign.at, label));
        }
    }
    if begin > 0 && whole.len() < free {
        labels.push((0, whole));
    }
    let mut line = String::new();
    for (at, label) in labels.into_iter().rev() {
        let missing = at.saturating_sub(line.len());
        line.extend(std::iter::repeat_n(' ', missing));
        line.push_str(&label);
    }
    line
}

#[cfg(test)]
mod tests {
    use common::types::ElectionCause;

    use super::*;

    fn election(term: u64, at_s: u64, to: NodeId) -> Election {
        Election {
            term,
            at_ms: at_s * 1000,
            from: None,
            to,
            leaderless: Duration::ZERO,
            cause: ElectionCause::Silence,
        }
    }

    fn cells(reigns: &[Reign]) -> Vec<(Option<NodeId>, usize, usize)> {
        let parts = reigns.iter();
        parts
            .map(|reign| (reign.leader, reign.at, reign.cells))
            .collect()
    }

    #[test]
    fn reigns_are_as_long_as_they_lasted() {
        let elections = [election(1, 1000, 1), election(2, 1030, 2)];
        let found = reigns(&elections, None, 1_060_000, 60);
        assert_eq!(cells(&found), [(Some(1), 0, 30), (Some(2), 30, 30)]);
        assert_eq!(
            times(&found, 1_060_000, 60).trim_end(),
            format!("{:30}{:27}now", "-1m 00s", "-30s")
        );
        // A round span: what is before the first is empty.
        let found = reigns(&elections, None, 1_090_000, 60);
        assert_eq!(cells(&found), [(Some(1), 15, 15), (Some(2), 30, 30)]);
        // The same leader again is no change; nobody leads at the end.
        let elections = [election(1, 1000, 1), election(3, 1030, 1)];
        let found = reigns(&elections, Some(1_045_000), 1_060_000, 60);
        assert_eq!(cells(&found), [(Some(1), 0, 45), (None, 45, 15)]);
    }

    #[test]
    fn the_newest_is_seen_however_short() {
        let elections = [
            election(1, 0, 1),
            election(2, 3599, 2),
            election(3, 3600, 3),
        ];
        let found = reigns(&elections, None, 3_600_000, 10);
        assert_eq!(
            cells(&found),
            [(Some(1), 0, 8), (Some(2), 8, 1), (Some(3), 9, 1)]
        );
        // More changes than cells, clocks that are ahead, no room at all.
        let many: Vec<Election> = (0..50).map(|term| election(term, term, term % 3)).collect();
        assert_eq!(reigns(&many, None, 60_000, 4).len(), 4);
        assert!(reigns(&many, None, 60_000, 0).is_empty());
        assert!(reigns(&[], None, 1, 10).is_empty());
    }
}
