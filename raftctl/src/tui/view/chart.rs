//! Charts of a sample a second: the newest at the right, a column each.

use std::{collections::VecDeque, time::Duration};

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::panel;
use crate::tui::{app::Sample, theme::Theme};

/// The last `columns` samples as one figure each, the oldest first.
pub(crate) fn window(
    samples: &VecDeque<Sample>,
    columns: usize,
    figure: impl Fn(&Sample) -> f64,
) -> Vec<f64> {
    let skipped = samples.len().saturating_sub(columns);
    samples.iter().skip(skipped).map(figure).collect()
}

/// A latency as a figure; nothing where there was none.
pub(crate) fn millis(latency: Option<Duration>) -> f64 {
    latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

/// The highest of them.
pub(crate) fn peak(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The top of a chart of these values: a round number not far above the highest, so that it does
/// not change with every sample.
fn top(values: &[f64]) -> f64 {
    const STEPS: [f64; 7] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0];
    let peak = peak(values);
    if peak <= 0.0 || !peak.is_finite() {
        return 1.0;
    }
    let unit = 10f64.powf(peak.log10().floor());
    let step = STEPS.into_iter().find(|step| step * unit >= peak);
    step.unwrap_or(10.0) * unit
}

/// How many steps of a column are filled, of so many. Whatever there is of it is seen.
fn filled(value: f64, top: f64, steps: usize) -> usize {
    if value <= 0.0 || !value.is_finite() {
        return 0;
    }
    // Between 0 and `steps`, a few hundred.
    let part = (value / top * steps as f64).round() as usize;
    part.clamp(1, steps)
}

/// Draws the values from below, the last at the right end.
pub(crate) fn area(frame: &mut Frame, area: Rect, theme: Theme, values: &[f64], style: Style) {
    let columns = usize::from(area.width);
    let values = &values[values.len().saturating_sub(columns)..];
    let heights = theme.heights();
    let each = heights.len() - 1;
    let lines = usize::from(area.height);
    let top = top(values);
    let missing = columns - values.len();
    for line in 0..lines {
        let below = (lines - 1 - line) * each;
        let mut row = " ".repeat(missing);
        for value in values {
            let filled = filled(*value, top, lines * each);
            row.push_str(heights[filled.saturating_sub(below).min(each)]);
        }
        panel::put(frame, area, line, vec![Span::styled(row, style)], theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_round_and_not_below_the_highest() {
        for (peak, expected) in [
            (0.0, 1.0),
            (0.3, 0.3),
            (12_400.0, 15_000.0),
            (999.0, 1000.0),
            (1000.0, 1000.0),
            (31.0, 50.0),
        ] {
            let top = top(&[peak / 2.0, peak]);
            assert!((top - expected).abs() < expected * 1e-9, "{peak}: {top}");
        }
        assert!((top(&[f64::INFINITY]) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn whatever_there_is_is_seen() {
        assert_eq!(filled(0.0, 100.0, 8), 0);
        assert_eq!(filled(0.01, 100.0, 8), 1);
        assert_eq!(filled(50.0, 100.0, 8), 4);
        assert_eq!(filled(100.0, 100.0, 8), 8);
        assert_eq!(filled(f64::NAN, 100.0, 8), 0);
    }
}
