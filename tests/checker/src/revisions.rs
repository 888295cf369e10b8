//! A second, cheaper check, of what a store tells of its own order: each write's revision.
//!
//! Revisions must be unique, and monotone with real time: if a write ended before another began, its
//! revision is lower. Sorting is all it takes, so that it is made of every key at once. Reads are not
//! looked at.

use std::{
    error::Error,
    fmt::{self, Debug, Display, Formatter},
};

/// An acknowledged write that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<T> {
    /// What was written, for the report.
    pub what: T,
    /// When the write was about to be sent, in nanoseconds of one monotonic clock.
    pub start: u64,
    /// When its answer was there.
    pub end: u64,
    /// The revision of the answer.
    pub revision: u64,
}

/// Two writes that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disorder<T> {
    /// They have one revision.
    Shared(Write<T>, Write<T>),
    /// The first ended before the second began, and has the higher revision.
    Reversed(Write<T>, Write<T>),
}

impl<T: Debug> Display for Disorder<T> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Shared(one, other) => {
                write!(f, "two writes share a revision: {one:?}, {other:?}")
            }
            Self::Reversed(earlier, later) => write!(
                f,
                "a write that began after another had ended has the lower revision: {earlier:?}, {later:?}"
            ),
        }
    }
}

impl<T: Debug> Error for Disorder<T> {}

/// Checks the writes, which may be given in any order.
///
/// # Errors
///
/// Two writes that contradict each other, if there are any.
pub fn check<T: Clone>(writes: &[Write<T>]) -> Result<(), Disorder<T>> {
    let mut by_revision: Vec<_> = writes.iter().collect();
    by_revision.sort_by_key(|write| write.revision);
    let mut previous: Option<&Write<T>> = None;
    // Of the writes with lower revisions, the one that began last.
    let mut last: Option<&Write<T>> = None;
    for write in by_revision {
        if let Some(last) = last
            && write.end < last.start
        {
            return Err(Disorder::Reversed(write.clone(), last.clone()));
        }
        if let Some(before) = previous.replace(write)
            && before.revision == write.revision
        {
            return Err(Disorder::Shared(before.clone(), write.clone()));
        }
        if last.is_none_or(|last| last.start < write.start) {
            last = Some(write);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(start: u64, end: u64, revision: u64) -> Write<&'static str> {
        let what = "k";
        Write {
            what,
            start,
            end,
            revision,
        }
    }

    #[test]
    fn concurrent_writes_may_have_either_order() {
        assert_eq!(check::<&str>(&[]), Ok(()));
        assert_eq!(
            check(&[write(0, 9, 5), write(1, 2, 3), write(2, 3, 4)]),
            Ok(())
        );
        assert_eq!(
            check(&[write(2, 3, 1), write(0, 2, 2)]),
            Ok(()),
            "they meet"
        );
    }

    #[test]
    fn a_shared_revision_is_found() {
        let (one, other) = (write(0, 1, 7), write(2, 3, 7));
        let writes = [one.clone(), write(4, 5, 8), other.clone()];
        assert_eq!(check(&writes), Err(Disorder::Shared(one, other)));
    }

    #[test]
    fn a_revision_that_goes_back_is_found_across_others() {
        let (earlier, later) = (write(0, 1, 9), write(4, 5, 2));
        let writes = [later.clone(), write(0, 6, 4), earlier.clone()];
        let found = check(&writes).expect_err("disorder");
        assert_eq!(found, Disorder::Reversed(earlier, later));
        assert!(found.to_string().contains("revision: 9"), "{found}");
    }

    #[test]
    fn it_finds_what_a_look_at_every_pair_finds() {
        for seed in 0u64..5_000 {
            let digit = |place: u32| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (4 * place)) % 8;
            let writes: Vec<_> = (0..4)
                .map(|number| {
                    let start = digit(3 * number);
                    write(
                        start,
                        start + digit(3 * number + 1) / 2,
                        digit(3 * number + 2),
                    )
                })
                .collect();
            let disorder = writes.iter().enumerate().any(|(number, one)| {
                writes[number + 1..].iter().any(|other| {
                    one.revision == other.revision
                        || one.end < other.start && one.revision > other.revision
                        || other.end < one.start && other.revision > one.revision
                })
            });
            assert_eq!(check(&writes).is_err(), disorder, "{writes:?}");
        }
    }
}
