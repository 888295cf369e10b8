//! What to tell of an import that ended early: where, why, and how much is there.

use common::Error;

use super::{flow::Stop, ledger::Ledger, reader::End};
use crate::{
    failure::{Exit, Failure},
    output::{
        bytes::quote,
        table::{counted, grouped},
    },
};

/// What to do next, where the rest can be imported later.
pub(super) const GO_ON: &str = "--on-conflict skip goes on where this ended";

/// What to tell, if not all was imported.
pub(super) fn failure(ended: Result<End, Stop>, name: &str, ledger: &Ledger) -> Option<Failure> {
    let (exit, code, problem, hint) = match ended {
        Ok(End::Whole) => return None,
        Ok(End::Cut) => (
            Exit::Error,
            "cut",
            format!("{name} is cut: the last line of an export is missing"),
            Some("export it again".to_owned()),
        ),
        Ok(End::Miscounted { told, read }) => (
            Exit::Error,
            "cut",
            format!("{name} has {} and tells of {told}", counted(read, "key")),
            Some("export it again".to_owned()),
        ),
        Ok(End::Malformed { line, fault }) => {
            let column = fault.column.map(|column| format!(", column {column}"));
            let column = column.unwrap_or_default();
            (
                Exit::Error,
                "malformed",
                format!("{name}, line {line}{column}: {}", fault.message),
                Some(format!("mend the line; {GO_ON}")),
            )
        }
        Ok(End::Unreadable(source)) => {
            let failure = Failure::Input {
                what: name.to_owned(),
                source,
            };
            (failure.exit(), failure.code(), failure.to_string(), None)
        }
        Err(Stop::Exists(item)) => (
            Exit::Precondition,
            "exists",
            format!(
                "{name}, line {}: key {} exists already",
                item.line,
                quote(&item.key)
            ),
            Some(
                "--on-conflict skip leaves such keys as they are, --on-conflict overwrite \
                 replaces them"
                    .to_owned(),
            ),
        ),
        Err(Stop::Failed(error, (first, last))) => {
            let lines = match first == last {
                true => format!("line {first}"),
                false => format!("lines {first} to {last}"),
            };
            let passes = error.is_retryable() || matches!(error, Error::OutcomeUnknown { .. });
            let failure = Failure::from(error);
            let hint = match failure.hint() {
                Some(hint) if passes => Some(format!("{hint}; {GO_ON}")),
                hint => hint.or_else(|| passes.then(|| GO_ON.to_owned())),
            };
            (
                failure.exit(),
                failure.code(),
                format!("{name}, {lines}: {failure}"),
                hint,
            )
        }
    };
    Some(Failure::Specific {
        exit,
        code,
        message: format!("{problem}; {}", so_far(ledger)),
        hint,
    })
}

/// How much was imported before the end: "12 keys were imported before, and 3 after it".
pub(super) fn so_far(ledger: &Ledger) -> String {
    let Ledger {
        imported, skipped, ..
    } = ledger;
    let verb = |count| if count == 1 { "was" } else { "were" };
    let mut text = format!("{} {} imported", counted(*imported, "key"), verb(*imported));
    if *skipped > 0 {
        text.push_str(&format!(" and {} skipped", grouped(*skipped)));
    }
    match ledger.behind() {
        0 => {}
        behind => text.push_str(&format!(
            " before it, {} {} imported from lines behind it",
            grouped(behind),
            verb(behind)
        )),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        dump::Malformed,
        import::{batch::tests::item, write::Written},
    };

    fn ledger(batches: &[(u64, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (number, imported) in batches {
            let written = Written {
                imported: *imported,
                skipped: 0,
                revision: Some(7),
            };
            ledger.add(*number, written);
        }
        ledger
    }

    fn told(ended: Result<End, Stop>, batches: &[(u64, u64)]) -> (u8, String) {
        let failure = failure(ended, "f.jsonl", &ledger(batches)).unwrap();
        (failure.exit() as u8, failure.to_string())
    }

    #[test]
    fn an_import_that_ends_early_says_where_and_how_much_is_there() {
        let item = item(17, "k\n", 0);
        assert_eq!(
            told(Err(Stop::Exists(item.clone())), &[(0, 16)]),
            (
                4,
                "f.jsonl, line 17: key \"k\\n\" exists already; 16 keys were imported".to_owned()
            )
        );
        let (_, message) = told(Err(Stop::Exists(item)), &[(0, 16), (2, 1)]);
        assert!(
            message
                .ends_with("16 keys were imported before it, 1 was imported from lines behind it"),
            "{message}"
        );
        let malformed = End::Malformed {
            line: 3,
            fault: Malformed {
                column: Some(5),
                message: "expected value".to_owned(),
                is_cut: false,
            },
        };
        assert_eq!(
            told(Ok(malformed), &[(0, 1)]),
            (
                1,
                "f.jsonl, line 3, column 5: expected value; 1 key was imported".to_owned()
            )
        );
        assert_eq!(
            told(Ok(End::Cut), &[]),
            (
                1,
                "f.jsonl is cut: the last line of an export is missing; 0 keys were imported"
                    .to_owned()
            )
        );
        let lost = Error::NoLeader {
            reason: "n1 knows no leader".to_owned(),
        };
        let (exit, message) = told(Err(Stop::Failed(lost, (5, 9))), &[]);
        assert_eq!(exit, 6);
        assert!(
            message.starts_with("f.jsonl, lines 5 to 9: no leader: "),
            "{message}"
        );
        assert!(failure(Ok(End::Whole), "f.jsonl", &ledger(&[])).is_none());
    }
}
