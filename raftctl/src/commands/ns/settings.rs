//! What a namespace allows, on the command line.

use std::time::Duration;

use bytesize::ByteSize;
use common::types::{Change, NamespaceSettings, SetNamespaceRequest};

use crate::commands::lifetime::parse_ttl;

/// The ids of [`SettingsArgs`].
pub(super) const NAMES: [&str; 4] = ["max_keys", "max_bytes", "max_value", "default_ttl"];

/// Stands for "no bound".
const NONE: &str = "none";

/// One option for each setting; what is not given is not touched.
#[derive(clap::Args, Clone, Copy, Debug)]
#[group(skip)]
pub(crate) struct SettingsArgs {
    /// The most keys it holds, or none
    #[arg(long, value_name = "N", value_parser = parse_number)]
    max_keys: Option<Bound<u64>>,
    /// The most bytes of keys and values it holds, like 64MiB, or none
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<Bound<u64>>,
    /// The longest value it takes, like 4KiB, or none: then as long as the members take
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_value: Option<Bound<u64>>,
    /// How long a key lives that is written without a choice of its life, like 10m, or none
    #[arg(long, value_name = "DURATION", value_parser = parse_default_ttl)]
    default_ttl: Option<Bound<Duration>>,
}

impl SettingsArgs {
    /// For a new namespace.
    pub(super) fn whole(&self) -> NamespaceSettings {
        NamespaceSettings {
            max_keys: whole(self.max_keys),
            max_bytes: whole(self.max_bytes),
            max_value_bytes: whole(self.max_value),
            default_ttl: whole(self.default_ttl),
        }
    }

    /// For one that exists.
    pub(super) fn change(&self, name: &str) -> SetNamespaceRequest {
        SetNamespaceRequest {
            name: name.to_owned(),
            max_keys: change(self.max_keys),
            max_bytes: change(self.max_bytes),
            max_value_bytes: change(self.max_value),
            default_ttl: change(self.default_ttl),
        }
    }
}

/// A bound, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound<T> {
    None,
    At(T),
}

fn whole<T>(given: Option<Bound<T>>) -> Option<T> {
    match given {
        Some(Bound::At(bound)) => Some(bound),
        Some(Bound::None) | None => None,
    }
}

fn change<T>(given: Option<Bound<T>>) -> Change<T> {
    match given {
        Some(Bound::At(bound)) => Change::Set(bound),
        Some(Bound::None) => Change::Clear,
        None => Change::Keep,
    }
}

fn parse_number(text: &str) -> Result<Bound<u64>, String> {
    bound(text, |text| {
        text.parse()
            .map_err(|_| "not a whole number; `none` is no bound".to_owned())
    })
}

fn parse_size(text: &str) -> Result<Bound<u64>, String> {
    bound(text, |text| {
        text.parse::<ByteSize>()
            .map(|size| size.as_u64())
            .map_err(|_| "not a size; write it like 64MiB or 65536, or `none`".to_owned())
    })
}

fn parse_default_ttl(text: &str) -> Result<Bound<Duration>, String> {
    bound(text, |text| {
        parse_ttl(text).map_err(|error| format!("{error}; `none` is for ever"))
    })
}

fn bound<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Bound<T>, String> {
    if text == NONE {
        return Ok(Bound::None);
    }
    parse(text).map(Bound::At)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_number_a_size_a_duration_or_none() {
        assert_eq!(parse_number("100"), Ok(Bound::At(100)));
        assert_eq!(parse_number("none"), Ok(Bound::None));
        assert_eq!(parse_size("64MiB"), Ok(Bound::At(64 << 20)));
        assert_eq!(parse_size("1.5 KiB"), Ok(Bound::At(1536)));
        assert_eq!(parse_size("65536"), Ok(Bound::At(65536)));
        assert_eq!(parse_size("none"), Ok(Bound::None));
        assert_eq!(
            parse_default_ttl("10m"),
            Ok(Bound::At(Duration::from_secs(600)))
        );
        assert_eq!(parse_default_ttl("none"), Ok(Bound::None));
        assert!(parse_number("1k").is_err());
        assert!(parse_size("64 apples").unwrap_err().contains("64MiB"));
        assert!(parse_size("-1").is_err());
        assert!(parse_default_ttl("0s").unwrap_err().contains("none"));
    }

    #[test]
    fn what_is_not_given_is_kept_and_none_clears() {
        let given = SettingsArgs {
            max_keys: Some(Bound::At(5)),
            max_bytes: Some(Bound::None),
            max_value: None,
            default_ttl: None,
        };
        let request = given.change("bank");
        assert_eq!(request.name, "bank");
        assert_eq!(request.max_keys, Change::Set(5));
        assert_eq!(request.max_bytes, Change::Clear);
        assert_eq!(request.max_value_bytes, Change::Keep);
        let settings = given.whole();
        assert_eq!((settings.max_keys, settings.max_bytes), (Some(5), None));
    }
}
