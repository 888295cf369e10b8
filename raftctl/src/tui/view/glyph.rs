//! Marks and short words. Every mark stands beside a word: it says nothing alone, and neither does a
//! colour.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::types::Role;
use ratatui::style::Style;

use crate::{
    output::bytes::escape,
    survey::{Health, Kind, Seen, Survey},
    tui::{app::App, text, theme::Theme},
};

/// For what was cut off.
pub(crate) fn ellipsis(theme: Theme) -> &'static str {
    theme.glyph("…", "~")
}

/// Between two facts in a row.
pub(crate) fn dot(theme: Theme) -> &'static str {
    theme.glyph("·", "-")
}

/// What there is none of.
pub(crate) fn none(theme: Theme) -> &'static str {
    theme.glyph("—", "-")
}

/// A line, a cell of it.
pub(crate) fn rule(theme: Theme) -> &'static str {
    theme.glyph("─", "-")
}

/// From one to another.
pub(crate) fn arrow(theme: Theme) -> &'static str {
    theme.glyph("→", "->")
}

/// The mark of the selected row.
pub(crate) fn cursor(theme: Theme) -> &'static str {
    theme.glyph("▌", ">")
}

/// The leader.
pub(crate) fn leader(theme: Theme) -> &'static str {
    theme.glyph("★", "*")
}

/// The mark of a member, and its style.
pub(crate) fn of(theme: Theme, seen: &Seen) -> (&'static str, Style) {
    match (seen.health, seen.status().map(|status| status.role)) {
        (Health::Unreachable, _) => (theme.glyph("✗", "x"), theme.bad()),
        (
            Health::Forming
            | Health::Starting
            | Health::Stopping
            | Health::Waiting
            | Health::Removed,
            _,
        ) => ("?", theme.warning()),
        (_, Some(Role::Leader)) => (leader(theme), theme.leader()),
        (_, Some(Role::Candidate)) => ("?", theme.warning()),
        _ if Kind::of(&seen.member) != Kind::Voter => (theme.glyph("◌", "+"), Style::new()),
        _ => (theme.glyph("●", "o"), Style::new()),
    }
}

/// The word for what a member does, or for what is wrong with it, and its style.
pub(crate) fn word(app: &App, seen: &Seen, survey: &Survey) -> (String, Style) {
    let theme = app.settings.theme;
    let role = match seen.status().map(|status| status.role) {
        // Cut off from the others it does not know yet that they have a new one.
        Some(Role::Leader) if survey.leader.as_ref().map(|it| it.id) != Some(seen.member.id) => {
            return ("old leader".to_owned(), theme.warning());
        }
        Some(role) => role.as_str(),
        None => Kind::of(&seen.member).as_str(),
    };
    let percent = seen.catch_up.and_then(|it| it.percent());
    match (seen.health, percent) {
        (Health::Ok, _) if seen.leads() => (role.to_owned(), theme.leader()),
        (Health::Ok, _) => (role.to_owned(), Style::new()),
        (Health::Unreachable, _) => (down(app, seen), theme.bad()),
        (Health::Joining, Some(percent)) => (format!("joining {percent}%"), theme.warning()),
        (Health::CatchingUp, Some(percent)) => (format!("behind {percent}%"), theme.warning()),
        (Health::Alarm, _) => (format!("{role} !"), theme.warning()),
        (Health::Removed, _) => ("removed".to_owned(), theme.bad()),
        (health, _) => (health.words().to_owned(), theme.warning()),
    }
}

/// `down 4 s`; `no answer` before it is known since when.
fn down(app: &App, seen: &Seen) -> String {
    let cluster = app.shown();
    let at = cluster.probes.get(&seen.member.client_address);
    let since = cluster
        .last_word(seen.member.id)
        .and_then(|probe| probe.down_since)
        .or_else(|| at.and_then(|probe| probe.down_since));
    match since {
        Some(since) => format!("down {}", whole(now(app).saturating_duration_since(since))),
        None => "no answer".to_owned(),
    }
}

/// The moment that tables and charts show.
pub(crate) fn now(app: &App) -> Instant {
    app.frozen.as_ref().map_or(app.now, |frozen| frozen.0)
}

/// The same by the wall clock, in milliseconds of Unix time.
pub(crate) fn clock_ms(app: &App) -> u64 {
    let ago = app.now.saturating_duration_since(now(app));
    millis(app.clock).saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds of Unix time.
pub(crate) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An age in whole seconds: the text changes once a second.
pub(crate) fn whole(age: Duration) -> String {
    match age.as_secs() {
        0 => "0 s".to_owned(),
        _ => text::age(age),
    }
}

/// A name or another text from elsewhere: harmless, and ASCII where nothing else can be shown.
pub(crate) fn harmless(theme: Theme, text: &str) -> String {
    ascii(theme, escape(text.as_bytes()))
}

/// The text, with `?` for what is beyond ASCII where nothing else can be shown.
pub(crate) fn ascii(theme: Theme, text: String) -> String {
    if theme.unicode || text.is_ascii() {
        return text;
    }
    text.chars()
        .map(|it| if it.is_ascii() { it } else { '?' })
        .collect()
}

/// The name of a member by its id.
pub(crate) fn name(app: &App, id: u64) -> String {
    harmless(app.settings.theme, &app.shown().name_of(id))
}

/// The time of day, UTC.
pub(crate) fn time_of_day(ms: u64) -> String {
    let seconds = ms / 1000 % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Month and day, UTC: `11-24`.
pub(crate) fn day(ms: u64) -> String {
    // Days are counted in years that begin with March, so that the leap day is the last.
    let days = ms / 86_400_000 + 719_468;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    format!("{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "01-01 00:00:00"),
            (951_782_399, "02-28 23:59:59"),
            (951_782_400, "02-29 00:00:00"),
            (1_709_164_800, "02-29 00:00:00"),
            (1_709_251_200, "03-01 00:00:00"),
            (1_795_541_528, "11-24 17:32:08"),
            (1_798_761_599, "12-31 23:59:59"),
        ] {
            let ms = seconds * 1000;
            assert_eq!(format!("{} {}", day(ms), time_of_day(ms)), text);
        }
    }

    #[test]
    fn texts_from_elsewhere_are_harmless() {
        let theme = |unicode| Theme {
            depth: crate::tui::theme::Depth::None,
            unicode,
        };
        assert_eq!(harmless(theme(true), "é\x1b[2J"), r"é\x1b[2J");
        assert_eq!(harmless(theme(false), "é日\x1b"), r"??\x1b");
    }
}
