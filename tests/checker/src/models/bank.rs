//! Several accounts, changed by transactions that need to know what they change, and read as a
//! whole.

use std::{
    fmt::{self, Debug, Formatter},
    hash::Hash,
};

use crate::{Call, Model};

/// Accounts, numbered from 0. What each holds is whatever the history has it to be: a sum, or, which
/// makes a search faster, a sum and the name of the transfer that left it.
#[derive(Clone, Debug)]
pub struct Bank<V> {
    initial: Vec<V>,
}

impl<V> Bank<V> {
    /// Accounts that hold this at first.
    pub fn new(initial: Vec<V>) -> Self {
        Self { initial }
    }
}

/// What a transfer does to one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change<V> {
    /// Which account.
    pub account: usize,
    /// What it must hold.
    pub before: V,
    /// What it holds then.
    pub after: V,
}

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome<V> {
    /// All accounts held what they must, and all were changed.
    Applied,
    /// At least one did not, and none was changed.
    Refused {
        /// What some accounts held, as far as the answer tells.
        found: Vec<(usize, V)>,
    },
}

/// What is done with a [`Bank`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Operation<V> {
    /// Changes accounts, all or none, each at most once.
    Transfer {
        /// What is done to each.
        changes: Vec<Change<V>>,
        /// The answer.
        outcome: Outcome<V>,
    },
    /// Reads all accounts at once.
    Read {
        /// The answer.
        accounts: Vec<V>,
    },
}

impl<V: Clone + Eq + Hash + Debug> Model for Bank<V> {
    type State = Vec<V>;
    type Operation = Operation<V>;

    fn initial(&self) -> Vec<V> {
        self.initial.clone()
    }

    /// An account that does not exist holds nothing that could be expected.
    fn step(&self, state: &Vec<V>, operation: &Operation<V>, answered: bool) -> Option<Vec<V>> {
        let holds = |account: usize, value: &V| state.get(account) == Some(value);
        match operation {
            Operation::Read { accounts } => (!answered || accounts == state).then(|| state.clone()),
            Operation::Transfer { changes, outcome } => {
                let meets = |change: &Change<V>| holds(change.account, &change.before);
                let is_met = changes.iter().all(meets);
                let is_answer = match outcome {
                    Outcome::Applied => is_met,
                    Outcome::Refused { found } => {
                        !is_met && found.iter().all(|(account, value)| holds(*account, value))
                    }
                };
                if answered && !is_answer {
                    return None;
                }
                let mut state = state.clone();
                for Change { account, after, .. } in changes.iter().filter(|_| is_met) {
                    state[*account] = after.clone();
                }
                Some(state)
            }
        }
    }

    fn is_read(&self, operation: &Operation<V>) -> bool {
        match operation {
            Operation::Read { .. } => true,
            Operation::Transfer { outcome, .. } => *outcome != Outcome::Applied,
        }
    }

    /// An unanswered call has no answer.
    fn simplify(&self, calls: &mut [Call<Operation<V>>]) {
        for call in calls.iter_mut().filter(|call| !call.is_answered()) {
            match &mut call.operation {
                Operation::Transfer { outcome, .. } => *outcome = Outcome::Applied,
                Operation::Read { accounts } => accounts.clear(),
            }
        }
    }
}

impl<V: Debug> Debug for Operation<V> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Read { accounts } => write!(f, "read -> {accounts:?}"),
            Self::Transfer { changes, outcome } => {
                write!(f, "transfer")?;
                for Change {
                    account,
                    before,
                    after,
                } in changes
                {
                    write!(f, " {account}: {before:?} => {after:?}")?;
                }
                match outcome {
                    Outcome::Applied => write!(f, " -> applied"),
                    Outcome::Refused { found } if found.is_empty() => write!(f, " -> refused"),
                    Outcome::Refused { found } => write!(f, " -> refused, found {found:?}"),
                }
            }
        }
    }
}
