//! How old the answer to a stale read may be, as `get`, `ls` and `count` say it.

use common::types::Staleness;
use serde::Serialize;

use crate::output::{json, plain, table::grouped, time::remaining};

/// See [`Staleness`], to be flattened into an object; nothing of it for a linearizable read.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Aged {
    #[serde(serialize_with = "json::as_string")]
    applied: u64,
    age_ms: Option<u64>,
    #[serde(skip)]
    staleness: Staleness,
}

impl From<Staleness> for Aged {
    fn from(staleness: Staleness) -> Self {
        Self {
            applied: staleness.applied,
            age_ms: staleness.age.map(json::millis),
            staleness,
        }
    }
}

impl Aged {
    /// The lines of a record for people.
    pub(crate) fn facts(&self) -> [(&'static str, String); 2] {
        [
            ("applied", grouped(self.applied)),
            ("age", self.age_in_words()),
        ]
    }

    /// The plain fields APPLIED and AGE_MS.
    pub(crate) fn fields(&self) -> [String; 2] {
        [self.applied.to_string(), plain::optional(self.age_ms)]
    }

    /// The same in a sentence.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "the member's state at index {}; age {}",
            grouped(self.applied),
            self.age_in_words()
        )
    }

    fn age_in_words(&self) -> String {
        match self.staleness.age {
            Some(age) => remaining(age),
            None => "unknown: it has not heard from a leader since its start".to_owned(),
        }
    }
}
