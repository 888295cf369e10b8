//! Durations as text for people.

use std::time::Duration;

/// The units from a day to a millisecond, in milliseconds.
const UNITS: [(u128, &str); 5] = [
    (24 * 60 * 60 * 1000, "d"),
    (60 * 60 * 1000, "h"),
    (60 * 1000, "m"),
    (1000, "s"),
    (1, "ms"),
];

/// To the millisecond, as `--ttl` reads it: `1h 30m`, `1s 500ms`.
pub(crate) fn exact(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if left >= unit {
            parts.push(format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    if parts.is_empty() {
        return "0s".to_owned();
    }
    parts.join(" ")
}

/// How long something lives on, as precisely as anyone wants to know: its greatest unit and the one
/// below, milliseconds only below a second.
pub(crate) fn remaining(duration: Duration) -> String {
    let millis = duration.as_millis();
    let precision = match UNITS.iter().position(|(unit, _)| millis >= *unit) {
        Some(greatest) if greatest + 2 < UNITS.len() => UNITS[greatest + 1].0,
        Some(greatest) => UNITS[greatest].0,
        None => 1,
    };
    let rounded = millis / precision * precision;
    exact(Duration::from_millis(
        u64::try_from(rounded).unwrap_or(u64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_duration_reads_back_as_what_it_was() {
        let table = [
            (0, "0s"),
            (30_000, "30s"),
            (1_500, "1s 500ms"),
            (5_400_000, "1h 30m"),
            (3_650 * 86_400_000, "3650d"),
        ];
        for (millis, text) in table {
            let duration = Duration::from_millis(millis);
            assert_eq!(exact(duration), text);
            assert_eq!(humantime::parse_duration(text), Ok(duration));
        }
    }

    #[test]
    fn what_remains_is_told_in_two_units() {
        let table = [
            (0, "0s"),
            (850, "850ms"),
            (9_999, "9s"),
            (1_798_500, "29m 58s"),
            (3_605_000, "1h"),
            (90_061_000, "1d 1h"),
            (86_405_000, "1d"),
        ];
        for (millis, text) in table {
            assert_eq!(remaining(Duration::from_millis(millis)), text);
        }
    }
}
