//! Transactions: compare, then carry out one list of operations or the other, all or nothing.

use std::cmp::Ordering;

use super::apply::{Applier, Reply};
use super::command::{Comparison, Operation, Operator, Target};
use super::put::{self, Put};
use super::{Entry, OperationResult, Outcome, ReadError, Rejection, delete, kv};
use crate::engine::EngineError;

pub(super) fn run(
    applier: &mut Applier<'_>,
    compare: &[Comparison],
    then: Vec<Operation>,
    otherwise: Vec<Operation>,
    create_namespaces: bool,
) -> Result<Reply, EngineError> {
    let mut succeeded = true;
    for comparison in compare {
        if !holds(applier, comparison)? {
            succeeded = false;
            break;
        }
    }
    let operations = if succeeded { then } else { otherwise };
    let revision = applier.index;
    applier.all_or_nothing(|applier| {
        let mut results = Vec::with_capacity(operations.len());
        let mut bytes = 0;
        for operation in operations {
            match carry_out(applier, operation, create_namespaces)? {
                Ok(result) => {
                    bytes += size(&result);
                    results.push(result);
                }
                Err(rejection) => return Ok(Err(rejection)),
            }
            if let Err(rejection) = delete::check_reply(bytes) {
                return Ok(Err(rejection));
            }
        }
        Ok(Ok(Outcome::Txn {
            revision,
            succeeded,
            results,
        }))
    })
}

fn size(result: &OperationResult) -> u64 {
    match result {
        OperationResult::Put { previous, .. }
        | OperationResult::Get(previous)
        | OperationResult::Deleted { previous, .. } => previous
            .as_ref()
            .map_or(0, |entry| entry.value.len() as u64),
    }
}

/// What a read shows of a key; nothing in a namespace that does not exist.
fn shown(applier: &Applier<'_>, namespace: &str, key: &[u8]) -> Result<Option<Entry>, EngineError> {
    // The clock of this command, which the state behind the batch does not have yet.
    match kv::get_at(&applier.batch, namespace, key, applier.clock) {
        Ok(entry) => Ok(entry),
        Err(ReadError::Engine(error)) => Err(error),
        Err(ReadError::NamespaceNotFound { .. } | ReadError::InvalidPage) => Ok(None),
    }
}

fn holds(applier: &Applier<'_>, comparison: &Comparison) -> Result<bool, EngineError> {
    let entry = shown(applier, &comparison.namespace, &comparison.key)?;
    let number = |number: fn(&Entry) -> u64| entry.as_ref().map_or(0, number);
    Ok(match &comparison.target {
        Target::Exists(wanted) => entry.is_some() == *wanted,
        Target::Value(operator, wanted) => match &entry {
            Some(entry) => compares(*operator, entry.value.as_ref().cmp(wanted)),
            None => *operator == Operator::NotEqual,
        },
        Target::Version(operator, wanted) => {
            compares(*operator, number(|entry| entry.version).cmp(wanted))
        }
        Target::CreateRevision(operator, wanted) => {
            compares(*operator, number(|entry| entry.create_revision).cmp(wanted))
        }
        Target::ModRevision(operator, wanted) => {
            compares(*operator, number(|entry| entry.mod_revision).cmp(wanted))
        }
    })
}

fn compares(operator: Operator, found: Ordering) -> bool {
    match operator {
        Operator::Equal => found.is_eq(),
        Operator::NotEqual => found.is_ne(),
        Operator::Less => found.is_lt(),
        Operator::LessOrEqual => found.is_le(),
        Operator::Greater => found.is_gt(),
        Operator::GreaterOrEqual => found.is_ge(),
    }
}

fn carry_out(
    applier: &mut Applier<'_>,
    operation: Operation,
    create_namespace: bool,
) -> Result<Result<OperationResult, Rejection>, EngineError> {
    match operation {
        Operation::Put {
            namespace,
            key,
            value,
            lifetime,
            previous,
        } => {
            let put = Put {
                namespace: &namespace,
                key: &key,
                value: &value,
                create_namespace,
                condition: None,
                lifetime,
                previous,
            };
            Ok(
                put::store(applier, put)?.map(|stored| OperationResult::Put {
                    version: stored.version,
                    previous: stored.previous,
                }),
            )
        }
        Operation::Get { namespace, key } => {
            let entry = shown(applier, &namespace, &key)?;
            Ok(Ok(OperationResult::Get(entry)))
        }
        Operation::Delete {
            namespace,
            key,
            previous,
        } => deleted(delete::delete(applier, namespace, &[key], None, previous)?),
        Operation::DeletePrefix { namespace, prefix } => {
            deleted(delete::delete_prefix(applier, namespace, &prefix)?)
        }
    }
}

fn deleted(reply: Reply) -> Result<Result<OperationResult, Rejection>, EngineError> {
    match reply {
        Ok(Outcome::Deleted {
            count, previous, ..
        }) => Ok(Ok(OperationResult::Deleted {
            count,
            previous: previous.into_iter().next().map(|(_, entry)| entry),
        })),
        Ok(other) => Err(EngineError::Corrupt {
            what: "the answer to a delete".into(),
            reason: format!("it is {other:?}"),
        }),
        Err(rejection) => Ok(Err(rejection)),
    }
}
