//! From a history to what the checker looks at.

use std::time::Duration;

use checker::{Call, Model, Verdict, revisions::Write};

use super::Checked;
use crate::history::{Outcome, Recorded};

/// How long the search for one order may take. None found in this time fails the run.
const BUDGET: Duration = Duration::from_secs(30);

/// A call as the checker takes it. `operation` makes it of what was asked and, if there is one, the
/// answer. None for a call that was refused: it did not happen; and where `operation` is none, for
/// one that tells nothing.
pub(super) fn call<Q, A, O>(
    recorded: &Recorded<Q, A>,
    operation: impl FnOnce(&Q, Option<&A>) -> Option<O>,
) -> Option<Call<O>> {
    let (answer, end) = match &recorded.outcome {
        Some(Outcome::Acknowledged(answer)) => (Some(answer), recorded.end),
        Some(Outcome::Refused(_)) => return None,
        Some(Outcome::Unknown(_)) | None => (None, None),
    };
    Some(Call {
        client: recorded.client,
        operation: operation(&recorded.asked, answer)?,
        start: recorded.start,
        end,
    })
}

/// Whether there is an order that explains all answers of one object.
pub(super) fn linearizable<M: Model>(
    what: &str,
    model: &M,
    calls: &[Call<M::Operation>],
) -> Checked {
    let verdict = checker::check(model, calls, BUDGET);
    let violations = match verdict {
        Verdict::Linearizable => Vec::new(),
        verdict => vec![format!("{what}: {verdict}")],
    };
    Checked {
        keys: 1,
        calls: calls.len(),
        violations,
        ..Checked::default()
    }
}

/// An acknowledged call as a write of this revision.
pub(super) fn write<Q: std::fmt::Debug, A>(
    recorded: &Recorded<Q, A>,
    revision: u64,
) -> Option<Write<String>> {
    Some(Write {
        what: format!("client {}: {:?}", recorded.client, recorded.asked),
        start: recorded.start,
        end: recorded.end?,
        revision,
    })
}
