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

/// The acknowledged calls whose answers say that they wrote something, and with which revision.
pub(super) fn writes<Q, A>(
    calls: &[Recorded<Q, A>],
    revision: impl Fn(&A) -> Option<u64>,
) -> Vec<Write<String>>
where
    Q: std::fmt::Debug,
{
    let written = calls.iter().filter_map(|recorded| match &recorded.outcome {
        Some(Outcome::Acknowledged(answer)) => Some(Write {
            what: format!("client {}: {:?}", recorded.client, recorded.asked),
            start: recorded.start,
            end: recorded.end?,
            revision: revision(answer)?,
        }),
        _ => None,
    });
    written.collect()
}
