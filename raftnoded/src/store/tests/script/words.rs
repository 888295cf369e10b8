//! What the arguments of a line mean: conditions, lifetimes, tags, and the names that a script gives
//! to leases and sessions.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

use super::super::*;
use super::steps::Step;

/// A condition: `absent`, `version/3`, `revision/7`.
#[derive(Default, Clone, Copy)]
pub(super) struct When(pub Option<Condition>);

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(Some(match parts(text)? {
            ("absent", None) => Condition::Absent,
            ("version", Some(version)) => Condition::Version(version),
            ("revision", Some(revision)) => Condition::Revision(revision),
            _ => return Err(format!("no condition: {text}")),
        })))
    }
}

/// A lifetime: `keep`, `forever`, `ttl/500`, `lease/NAME`.
#[derive(Default, Clone)]
pub(super) struct Life(Option<String>);

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(Some(text.to_owned())))
    }
}

/// The leases and sessions that a script has named.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, u64>);

impl Names {
    /// Names what the next command makes. A name is given once: a command that is sent again makes
    /// nothing new.
    pub(super) fn give(&mut self, step: &Step, index: u64) {
        if let Step::Lease { name, .. } | Step::Session { name, .. } = step {
            self.0.entry(name.clone()).or_insert(index);
        }
    }

    pub(super) fn id(&self, name: &str) -> Result<u64, String> {
        let id = self.0.get(name).copied().or_else(|| name.parse().ok());
        id.ok_or_else(|| format!("nothing is named {name}"))
    }

    pub(super) fn lifetime(&self, life: &Life) -> Result<Lifetime, String> {
        let Some(text) = &life.0 else {
            return Ok(Lifetime::Default);
        };
        if let Some(name) = text.strip_prefix("lease/") {
            return Ok(Lifetime::Lease(self.id(name)?));
        }
        Ok(match parts(text)? {
            ("keep", None) => Lifetime::Keep,
            ("forever", None) => Lifetime::Forever,
            ("ttl", Some(ttl)) => Lifetime::Ttl(ttl),
            _ => return Err(format!("no lifetime: {text}")),
        })
    }

    /// A tag, in front of a command: `SESSION/NUMBER:` or `SESSION/NUMBER/LOWEST:`.
    pub(super) fn tag(&self, prefix: &str) -> Result<Tag, Box<dyn Error>> {
        let parts: Vec<&str> = prefix.split('/').collect();
        let (session, seq, first_unacked) = match parts[..] {
            [session, seq] => (session, seq, "1"),
            [session, seq, lowest] => (session, seq, lowest),
            _ => return Err(format!("no tag: {prefix}").into()),
        };
        Ok(Tag {
            session: self.id(session)?,
            seq: number(seq)?,
            first_unacked: number(first_unacked)?,
        })
    }
}

fn number(text: &str) -> Result<u64, String> {
    match text {
        "max" => Ok(u64::MAX),
        number => number.parse().map_err(|_| format!("no number: {number}")),
    }
}

/// A word and, behind a slash, a number.
fn parts(text: &str) -> Result<(&str, Option<u64>), String> {
    match text.split_once('/') {
        None => Ok((text, None)),
        Some((word, behind)) => Ok((word, Some(number(behind)?))),
    }
}
