//! Namespaces as they are printed: what they hold, and how much of what they allow that is.

use common::types::{NamespaceInfo, NamespaceSettings};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{
        Output, Record, Row, Style,
        bytes::escape,
        json, plain,
        table::{Cell, Column, Tone, counted, facts, grouped, number, size, text},
        time::exact,
    },
};

const NAME: Column = text("NAME");
const ID: Column = number("ID");
const KEYS: Column = number("KEYS");
const SIZE: Column = number("SIZE");
const USED: Column = number("USED");
const CREATED_AT: Column = number("CREATED AT");

/// The bounds of which a share is used.
const QUOTAS: [&str; 2] = ["max-keys", "max-bytes"];

/// Above this share, in percent, a namespace is soon full; the members say so, too.
const SOON_FULL: u64 = 80;

/// A namespace, as JSON has it everywhere; a bound that is not set is null.
#[derive(Serialize)]
pub(super) struct NamespaceRow<'a> {
    name: &'a str,
    id: String,
    keys: u64,
    bytes: u64,
    #[serde(serialize_with = "json::as_string")]
    create_revision: u64,
    max_keys: Option<u64>,
    max_bytes: Option<u64>,
    max_value_bytes: Option<u64>,
    default_ttl_ms: Option<u64>,
    #[serde(skip)]
    settings: NamespaceSettings,
}

impl<'a> From<&'a NamespaceInfo> for NamespaceRow<'a> {
    fn from(info: &'a NamespaceInfo) -> Self {
        Self {
            name: &info.name,
            id: info.id.to_string(),
            keys: info.keys,
            bytes: info.bytes,
            create_revision: info.create_revision,
            max_keys: info.settings.max_keys,
            max_bytes: info.settings.max_bytes,
            max_value_bytes: info.settings.max_value_bytes,
            default_ttl_ms: info.settings.default_ttl.map(json::millis),
            settings: info.settings,
        }
    }
}

impl NamespaceRow<'_> {
    fn fields(&self) -> Vec<String> {
        vec![
            escape(self.name.as_bytes()),
            self.id.clone(),
            self.keys.to_string(),
            self.bytes.to_string(),
            self.create_revision.to_string(),
            plain::optional(self.max_keys),
            plain::optional(self.max_bytes),
            plain::optional(self.max_value_bytes),
            plain::optional(self.default_ttl_ms),
        ]
    }

    /// The greater of the shares used, in percent; none without a bound.
    fn used(&self) -> Option<u64> {
        let keys = self.max_keys.map(|most| percent(self.keys, most));
        let bytes = self.max_bytes.map(|most| percent(self.bytes, most));
        keys.max(bytes)
    }

    /// The settings as they are typed: `max-keys 2 000  max-bytes 64 MiB  default-ttl 10m`.
    fn bounds(&self) -> Vec<(&'static str, String)> {
        let NamespaceSettings {
            max_keys,
            max_bytes,
            max_value_bytes,
            default_ttl,
        } = self.settings;
        let bounds = [
            ("max-keys", max_keys.map(grouped)),
            ("max-bytes", max_bytes.map(size)),
            ("max-value", max_value_bytes.map(size)),
            ("default-ttl", default_ttl.map(exact)),
        ];
        bounds
            .into_iter()
            .map(|(name, bound)| (name, bound.unwrap_or_else(|| "none".to_owned())))
            .collect()
    }
}

/// A share in whole percent, not rounded up: full is full. Nothing is all of nothing.
fn percent(used: u64, most: u64) -> u64 {
    if most == 0 {
        return 100;
    }
    let percent = u128::from(used) * 100 / u128::from(most);
    u64::try_from(percent).unwrap_or(u64::MAX)
}

/// What of a bound is used: `1 200 of 2 000 (60 %)`.
fn of(used: String, share: Option<(String, u64)>) -> String {
    match share {
        Some((most, percent)) => format!("{used} of {most} ({percent} %)"),
        None => used,
    }
}

/// A namespace in a listing.
#[derive(Serialize)]
#[serde(transparent)]
struct Listed<'a> {
    row: NamespaceRow<'a>,
    /// Whether the listing says how much of its bounds it has used.
    #[serde(skip)]
    used: bool,
}

impl Row for Listed<'_> {
    fn cells(&self) -> Vec<Cell> {
        let row = &self.row;
        let mut cells = vec![
            Cell::toned(escape(row.name.as_bytes()), Tone::Accent),
            Cell::new(row.id.clone()),
            Cell::number(row.keys),
            Cell::new(size(row.bytes)),
        ];
        if self.used {
            cells.push(match row.used() {
                Some(percent) => {
                    let tone = match percent {
                        100.. => Tone::Bad,
                        percent if percent > SOON_FULL => Tone::Warning,
                        _ => Tone::Normal,
                    };
                    Cell::toned(format!("{percent} %"), tone)
                }
                None => Cell::optional(None),
            });
        }
        cells.push(Cell::number(row.create_revision));
        cells
    }

    fn plain(&self) -> Vec<String> {
        self.row.fields()
    }
}

/// Prints namespaces. The column of what they have used is there only where one has a bound.
pub(super) fn print_all(namespaces: &[NamespaceInfo], output: &mut Output) -> Result<(), Failure> {
    let rows = || namespaces.iter().map(NamespaceRow::from);
    let used = rows().any(|row| row.used().is_some());
    let columns: &[Column] = if used {
        &[NAME, ID, KEYS, SIZE, USED, CREATED_AT]
    } else {
        &[NAME, ID, KEYS, SIZE, CREATED_AT]
    };
    let rows: Vec<_> = rows().map(|row| Listed { row, used }).collect();
    output.rows(columns, &rows)
}

impl Record for NamespaceRow<'_> {
    fn table(&self, style: Style) -> String {
        let keys = self
            .max_keys
            .map(|most| (grouped(most), percent(self.keys, most)));
        let bytes = self
            .max_bytes
            .map(|most| (size(most), percent(self.bytes, most)));
        let mut lines = vec![
            ("name", escape(self.name.as_bytes())),
            ("id", self.id.clone()),
            ("keys", of(grouped(self.keys), keys)),
            ("size", of(size(self.bytes), bytes)),
        ];
        // The others stand above, with what is used of them.
        let bounds = self.bounds();
        lines.extend(
            bounds
                .into_iter()
                .filter(|(name, _)| !QUOTAS.contains(name)),
        );
        lines.push(("created at revision", grouped(self.create_revision)));
        facts(&lines, style.color)
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

/// A namespace that was just created.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Created<'a>(pub(super) NamespaceRow<'a>);

impl Record for Created<'_> {
    fn table(&self, _: Style) -> String {
        format!(
            "OK  created {}  id {}  revision {}\n",
            escape(self.0.name.as_bytes()),
            self.0.id,
            grouped(self.0.create_revision)
        )
    }

    fn plain(&self) -> Vec<String> {
        self.0.fields()
    }
}

/// A namespace whose settings were just changed.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Changed<'a>(pub(super) NamespaceRow<'a>);

impl Record for Changed<'_> {
    fn table(&self, _: Style) -> String {
        let mut line = format!("OK  {}", escape(self.0.name.as_bytes()));
        for (name, bound) in self.0.bounds() {
            line.push_str(&format!("  {name} {bound}"));
        }
        format!("{line}\n")
    }

    fn plain(&self) -> Vec<String> {
        self.0.fields()
    }
}

/// What a namespace holds beyond its bounds: it stays, but whoever set the bound should know.
pub(super) fn beyond(info: &NamespaceInfo) -> Vec<String> {
    let keys = info
        .settings
        .max_keys
        .filter(|most| info.keys > *most)
        .map(|most| (counted(info.keys, "key"), "max-keys", grouped(most)));
    let bytes = info
        .settings
        .max_bytes
        .filter(|most| info.bytes > *most)
        .map(|most| (size(info.bytes), "max-bytes", size(most)));
    keys.into_iter()
        .chain(bytes)
        .map(|(held, setting, most)| {
            format!(
                "{} holds {held} already, {setting} is {most}: nothing that adds to it is \
                 accepted until it holds less",
                info.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
