//! What was written, of batches that end in another order than they began.

use std::collections::BTreeMap;

use common::types::Revision;

use super::write::Written;

/// The sum of what was written.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The batches before this number have all ended, and are in the sums.
    next: u64,
    pub(super) imported: u64,
    pub(super) skipped: u64,
    pub(super) revision: Option<Revision>,
    /// The first and the last line of the batches of which nobody knows whether they were written.
    pub(super) in_doubt: Option<(u64, u64)>,
    /// Those that ended before one in front of them.
    ahead: BTreeMap<u64, Written>,
}

impl Ledger {
    /// A batch was written; they are numbered from 0 on.
    pub(super) fn add(&mut self, number: u64, written: Written) {
        self.revision = self.revision.max(written.revision);
        self.ahead.insert(number, written);
        while let Some(written) = self.ahead.remove(&self.next) {
            self.imported += written.imported;
            self.skipped += written.skipped;
            self.next += 1;
        }
    }

    /// Nobody knows whether the batch of these lines was written.
    pub(super) fn doubt(&mut self, (first, last): (u64, u64)) {
        let (from, to) = self.in_doubt.unwrap_or((first, last));
        self.in_doubt = Some((from.min(first), to.max(last)));
    }

    /// The keys that were imported behind a batch that was not written.
    pub(super) fn behind(&self) -> u64 {
        self.ahead.values().map(|written| written.imported).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_gap_is_told_apart() {
        let written = |imported, skipped, revision| Written {
            imported,
            skipped,
            revision: Some(revision),
        };
        let mut ledger = Ledger::default();
        ledger.add(1, written(10, 1, 5));
        assert_eq!((ledger.imported, ledger.behind()), (0, 10));
        ledger.add(0, written(20, 2, 4));
        assert_eq!((ledger.imported, ledger.skipped), (30, 3));
        assert_eq!((ledger.behind(), ledger.revision), (0, Some(5)));
        ledger.add(3, written(1, 0, 9));
        assert_eq!((ledger.imported, ledger.behind()), (30, 1));
    }
}
