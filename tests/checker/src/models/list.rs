//! A list that is appended to and read as a whole.

use std::{
    fmt::{self, Debug, Formatter},
    hash::{Hash, Hasher},
};

use crate::{Call, Model};

/// How many of a list's values are printed.
const SHOWN: usize = 8;

/// A list, empty at first.
#[derive(Clone, Debug)]
pub struct List<V> {
    /// The longest list that was read. None if that is not known.
    longest: Option<Vec<V>>,
}

impl<V> Default for List<V> {
    fn default() -> Self {
        Self { longest: None }
    }
}

/// What is done with a [`List`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Operation<V> {
    /// Adds a value at the end.
    Append {
        /// The value. It may be there already, but a history of unique values shows a write that was
        /// carried out twice.
        value: V,
    },
    /// Reads the list.
    Read {
        /// The answer.
        values: Vec<V>,
    },
}

/// The values of a list: cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Values<V: Clone>(imbl::Vector<V>);

impl<V: Clone> Values<V> {
    /// The values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &V> {
        self.0.iter()
    }
}

/// By length and last value: lists of one history rarely have both in common and differ.
impl<V: Clone + Hash> Hash for Values<V> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.len().hash(hasher);
        self.0.last().hash(hasher);
    }
}

impl<V: Clone + Eq + Hash + Debug> Model for List<V> {
    type State = Values<V>;
    type Operation = Operation<V>;

    fn initial(&self) -> Values<V> {
        Values(imbl::Vector::new())
    }

    fn step(
        &self,
        state: &Values<V>,
        operation: &Operation<V>,
        answered: bool,
    ) -> Option<Values<V>> {
        match operation {
            Operation::Append { value } => {
                if let Some(longest) = &self.longest {
                    let is_due = longest
                        .get(state.0.len())
                        .map_or(answered, |due| due == value);
                    if !is_due {
                        return None;
                    }
                }
                let mut state = state.clone();
                state.0.push_back(value.clone());
                Some(state)
            }
            Operation::Read { values } => {
                let is_it = || values.len() == state.0.len() && state.0.iter().eq(values);
                (!answered || is_it()).then(|| state.clone())
            }
        }
    }

    fn is_read(&self, operation: &Operation<V>) -> bool {
        matches!(operation, Operation::Read { .. })
    }

    /// An unanswered call has no answer.
    fn simplify(&self, calls: &mut [Call<Operation<V>>]) {
        for call in calls.iter_mut().filter(|call| !call.is_answered()) {
            if let Operation::Read { values } = &mut call.operation {
                values.clear();
            }
        }
    }

    /// Remembers the longest list that was read.
    ///
    /// In any order, what is appended before that read are its values in turn, so that no other
    /// append is possible there; and after it no read finds a longer list, so that no read follows
    /// an append of more. As appends tell nothing, unanswered ones are not needed there.
    fn learn(&self, calls: &[Call<Operation<V>>]) -> Option<Self> {
        let read = |call: &Call<Operation<V>>| match &call.operation {
            Operation::Read { values } if call.is_answered() => Some(values.clone()),
            _ => None,
        };
        let longest = calls.iter().filter_map(read).max_by_key(Vec::len);
        Some(Self {
            longest: Some(longest.unwrap_or_default()),
        })
    }
}

fn write_list<'a, V: Debug + 'a>(
    f: &mut Formatter,
    length: usize,
    values: impl Iterator<Item = &'a V>,
) -> fmt::Result {
    if length > SHOWN {
        write!(f, "{length} values, the last: ")?;
    }
    f.debug_list()
        .entries(values.skip(length.saturating_sub(SHOWN)))
        .finish()
}

impl<V: Clone + Debug> Debug for Values<V> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write_list(f, self.0.len(), self.0.iter())
    }
}

impl<V: Debug> Debug for Operation<V> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Append { value } => write!(f, "append {value:?}"),
            Self::Read { values } => {
                write!(f, "read -> ")?;
                write_list(f, values.len(), values.iter())
            }
        }
    }
}
