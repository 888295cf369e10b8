//! The check of the registers: linearizable one by one, and each value of one revision.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

use bytes::Bytes;
use checker::{
    models::{
        Register,
        register::{Found, Operation},
    },
    partition, revisions,
};
use common::types::Revision;

use super::{Answer, Asked, Registers, Seen, key};
use crate::{
    history::{Outcome, Recorded},
    workload::{
        Checked, Evidence,
        check::{call, linearizable, writes},
    },
};

type Call = Recorded<(usize, Asked), Answer>;

/// Which value each revision wrote, as far as answers tell.
type Values = HashMap<Revision, u64>;

/// What a write did to a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workload) struct Change {
    /// The key of the register.
    pub(in crate::workload) key: Bytes,
    /// What it holds since; none for a deletion.
    pub(in crate::workload) value: Option<u64>,
}

/// What watchers must be told, and what they may.
#[derive(Default)]
pub(in crate::workload) struct Changes {
    /// The acknowledged changes.
    pub(in crate::workload) acknowledged: BTreeMap<Revision, Change>,
    /// Changes that may have been made.
    pub(in crate::workload) unknown: Vec<Change>,
}

/// What is asked to be written; none for a call that writes nothing.
fn change((register, asked): &(usize, Asked)) -> Option<Change> {
    let value = match asked {
        Asked::Get => return None,
        Asked::Delete => None,
        Asked::Put(new) | Asked::Swap(_, new) => Some(*new),
    };
    let key = key(*register);
    Some(Change { key, value })
}

/// The revision of an answer that changed something.
fn changed(answer: &Answer) -> Option<Revision> {
    match answer {
        Answer::Written { revision, .. } => Some(*revision),
        Answer::Deleted {
            before: Seen::Absent,
            ..
        } => None,
        Answer::Deleted { revision, .. } => Some(*revision),
        Answer::Found(_) | Answer::NotSwapped { .. } => None,
    }
}

fn found(before: &Seen, values: &Values) -> Found<u64> {
    match before {
        Seen::Absent => Found::Absent,
        Seen::Value(value, _) => Found::Value(*value),
        Seen::Revision(revision) => values
            .get(revision)
            .map_or(Found::Untold, |value| Found::Value(*value)),
        Seen::Untold => Found::Untold,
    }
}

/// A call on a register as the model has it.
fn operation(asked: &Asked, answer: Option<&Answer>, values: &Values) -> Option<Operation<u64>> {
    let before = match answer {
        None | Some(Answer::Found(_)) => Found::Untold,
        Some(
            Answer::Written { before, .. }
            | Answer::Deleted { before, .. }
            | Answer::NotSwapped { before },
        ) => found(before, values),
    };
    Some(match (asked, answer) {
        (Asked::Get, None) => return None,
        (Asked::Get, Some(answer)) => match answer {
            Answer::Found(Seen::Value(value, _)) => Operation::Get {
                value: Some(*value),
            },
            _ => Operation::Get { value: None },
        },
        (Asked::Put(value), _) => Operation::Put {
            value: *value,
            found: before,
        },
        // There was not even a namespace.
        (Asked::Delete, Some(Answer::Found(_))) => Operation::Get { value: None },
        (Asked::Delete, _) => Operation::Delete { found: before },
        (Asked::Swap(expected, new), answer) => Operation::CompareAndSwap {
            expected: *expected,
            new: Some(*new),
            swapped: matches!(answer, Some(Answer::Written { .. })),
            found: before,
        },
    })
}

/// Which value each revision wrote, and the contradictions in what answers tell of it.
fn values(calls: &[Call]) -> (Values, Vec<String>) {
    let mut values = Values::new();
    let mut revisions: HashMap<u64, Revision> = HashMap::new();
    let mut violations = Vec::new();
    for call in calls {
        let Some(Outcome::Acknowledged(answer)) = &call.outcome else {
            continue;
        };
        let told = match (&call.asked.1, answer) {
            (_, Answer::Found(Seen::Value(value, revision)))
            | (
                Asked::Delete,
                Answer::Deleted {
                    before: Seen::Value(value, revision),
                    ..
                },
            )
            | (
                _,
                Answer::NotSwapped {
                    before: Seen::Value(value, revision),
                },
            ) => Some((*value, *revision)),
            (Asked::Put(value) | Asked::Swap(_, value), Answer::Written { revision, .. }) => {
                Some((*value, *revision))
            }
            _ => None,
        };
        if let Some((value, revision)) = told {
            values.insert(revision, value);
            let first = *revisions.entry(value).or_insert(revision);
            if first != revision {
                violations.push(format!(
                    "value {value} was told to be of revision {first} and of {revision}"
                ));
            }
        }
    }
    (values, violations)
}

impl Registers {
    /// What was changed, for the check of the watches.
    pub(in crate::workload) fn changes(&self) -> Changes {
        let mut changes = Changes::default();
        for call in self.history.calls() {
            let Some(change) = change(&call.asked) else {
                continue;
            };
            match &call.outcome {
                Some(Outcome::Acknowledged(answer)) => {
                    if let Some(revision) = changed(answer) {
                        changes.acknowledged.insert(revision, change);
                    }
                }
                Some(Outcome::Refused(_)) => {}
                Some(Outcome::Unknown(_)) | None => changes.unknown.push(change),
            }
        }
        changes
    }
}

/// Checks all registers.
fn check(calls: &[Call]) -> Checked {
    let (values, violations) = values(calls);
    let mut checked = Checked {
        violations,
        ..Checked::default()
    };
    let histories = partition(calls.iter().filter_map(|recorded| {
        let call = call(recorded, |(_, asked), answer| {
            operation(asked, answer, &values)
        })?;
        Some((recorded.asked.0, call))
    }));
    for (register, calls) in histories {
        let what = format!("register {register}");
        checked.absorb(linearizable(&what, &Register::default(), &calls));
    }
    checked
}

impl Evidence for Registers {
    fn check(&self) -> Checked {
        check(&self.history.calls())
    }

    fn written(&self) -> Vec<revisions::Write<String>> {
        writes(&self.history.calls(), changed)
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.history.write(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::Error;

    /// Calls of one register and one client each, one after the other.
    fn history(calls: &[(Asked, Outcome<Answer>)]) -> Vec<Call> {
        (0..)
            .zip(calls)
            .map(|(number, (asked, outcome))| Recorded {
                client: 1,
                asked: (0, asked.clone()),
                start: 2 * number,
                end: Some(2 * number + 1),
                outcome: Some(outcome.clone()),
            })
            .collect()
    }

    fn written(revision: Revision) -> Outcome<Answer> {
        let before = Seen::Untold;
        Outcome::Acknowledged(Answer::Written { revision, before })
    }

    fn read(seen: Seen) -> (Asked, Outcome<Answer>) {
        (Asked::Get, Outcome::Acknowledged(Answer::Found(seen)))
    }

    fn violations(calls: &[(Asked, Outcome<Answer>)]) -> usize {
        check(&history(calls)).violations.len()
    }

    #[test]
    fn a_stale_read_and_a_lost_write_are_found() {
        let (one, two) = ((Asked::Put(1), written(5)), (Asked::Put(2), written(6)));
        let fresh = read(Seen::Value(2, 6));
        assert_eq!(violations(&[one.clone(), two.clone(), fresh]), 0);
        let stale = read(Seen::Value(1, 5));
        assert_eq!(violations(&[one.clone(), two.clone(), stale]), 1);
        assert_eq!(violations(&[one, two, read(Seen::Absent)]), 1);
    }

    #[test]
    fn what_was_refused_must_not_be_there_and_what_is_unknown_may() {
        let refused = Outcome::Refused(Error::ShuttingDown);
        let seen = read(Seen::Value(1, 5));
        assert_eq!(violations(&[(Asked::Put(1), refused), seen.clone()]), 1);
        let reason = String::new();
        let unknown = Outcome::Unknown(Error::OutcomeUnknown { reason });
        assert_eq!(violations(&[(Asked::Put(1), unknown.clone()), seen]), 0);
        assert_eq!(
            violations(&[(Asked::Put(1), unknown), read(Seen::Absent)]),
            0
        );
    }

    #[test]
    fn a_swap_that_should_have_failed_is_found() {
        let swap = (Asked::Swap(Some(1), 3), written(7));
        let one = (Asked::Put(1), written(5));
        assert_eq!(violations(&[one.clone(), swap.clone()]), 0);
        assert_eq!(violations(&[one, (Asked::Put(2), written(6)), swap]), 1);
        // A refusal that tells a revision tells the value that it wrote.
        let before = Seen::Revision(5);
        let refused = Outcome::Acknowledged(Answer::NotSwapped { before });
        let again = (Asked::Swap(Some(1), 3), refused);
        assert_eq!(violations(&[(Asked::Put(1), written(5)), again]), 1);
    }

    #[test]
    fn a_value_of_two_revisions_is_found() {
        let reads = [read(Seen::Value(1, 5)), read(Seen::Value(1, 6))];
        let calls = [vec![(Asked::Put(1), written(5))], reads.to_vec()].concat();
        assert_eq!(violations(&calls), 1);
    }
}
