//! Transactions: tried on the model itself, which is put back as it was if one is refused.

use super::writes::Put;
use super::*;

impl Model {
    pub(super) fn transact(
        &mut self,
        compare: &[Comparison],
        then: &[Operation],
        otherwise: &[Operation],
        create: bool,
    ) -> Reply {
        let succeeded = compare.iter().all(|comparison| self.holds(comparison));
        let operations = if succeeded { then } else { otherwise };
        let before = self.clone();
        let mut results = Vec::new();
        for operation in operations {
            match self.operate(operation, create) {
                Ok(result) => results.push(result),
                Err(rejection) => {
                    *self = before;
                    return Err(rejection);
                }
            }
        }
        Ok(Outcome::Txn {
            revision: self.index,
            succeeded,
            results,
        })
    }

    fn holds(&self, comparison: &Comparison) -> bool {
        let item = self.find(&comparison.namespace, &comparison.key);
        let number = |of: fn(&Version) -> u64| item.as_ref().map_or(0, |item| of(&item.version));
        match &comparison.target {
            Target::Exists(wanted) => item.is_some() == *wanted,
            Target::Value(operator, wanted) => match &item {
                None => *operator == Operator::NotEqual,
                Some(item) => compare(*operator, &item.version.value, wanted),
            },
            Target::Version(operator, wanted) => compare(*operator, &number(|v| v.version), wanted),
            Target::CreateRevision(operator, wanted) => {
                compare(*operator, &number(|v| v.create_revision), wanted)
            }
            Target::ModRevision(operator, wanted) => {
                compare(*operator, &number(|v| v.mod_revision), wanted)
            }
        }
    }

    fn operate(
        &mut self,
        operation: &Operation,
        create: bool,
    ) -> Result<OperationResult, Rejection> {
        Ok(match operation {
            Operation::Put {
                namespace,
                key,
                value,
                lifetime,
                previous,
            } => {
                let (version, before) = self.put(&Put {
                    namespace,
                    key,
                    value,
                    create,
                    condition: None,
                    lifetime: *lifetime,
                })?;
                let previous = before.filter(|_| *previous);
                OperationResult::Put { version, previous }
            }
            Operation::Get { namespace, key } => {
                let found = self.find(namespace, key);
                OperationResult::Get(found.map(|item| self.entry(&item)))
            }
            Operation::Delete {
                namespace,
                key,
                previous,
            } => {
                let mut deleted = self.delete(namespace, std::slice::from_ref(key), None)?;
                OperationResult::Deleted {
                    count: deleted.len() as u64,
                    previous: deleted.pop().map(|(_, entry)| entry).filter(|_| *previous),
                }
            }
            Operation::DeletePrefix { namespace, prefix } => OperationResult::Deleted {
                count: self.delete_prefix(namespace, prefix)?,
                previous: None,
            },
        })
    }
}

fn compare<T: PartialOrd>(operator: Operator, found: &T, wanted: &T) -> bool {
    match operator {
        Operator::Equal => found == wanted,
        Operator::NotEqual => found != wanted,
        Operator::Less => found < wanted,
        Operator::LessOrEqual => found <= wanted,
        Operator::Greater => found > wanted,
        Operator::GreaterOrEqual => found >= wanted,
    }
}
