//! What to tell of an import that ended early: where, why, and how much is there.

use common::{Error, ErrorCode};

use super::{flow::Stop, ledger::Ledger, reader::End};
use crate::{
    failure::{Exit, Failure},
    output::{
        bytes::quote,
        table::{counted, grouped},
    },
};

/// What to tell, if not all was imported; `go_on` says how the rest can be imported later.
pub(super) fn failure(
    ended: Result<End, Stop>,
    name: &str,
    ledger: &Ledger,
    go_on: &str,
) -> Option<Failure> {
    let told = match &ended {
        Err(Stop::Failed(Error::OutcomeUnknown { .. }, lines)) => Some(*lines),
        _ => None,
    };
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
                Some(format!("mend the line; {go_on}")),
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
            let lines = named((first, last));
            let passes = error.is_retryable() || matches!(error, Error::OutcomeUnknown { .. });
            let failure = Failure::from(error);
            let hint = match failure.hint() {
                Some(hint) if passes => Some(format!("{hint}; {go_on}")),
                hint => hint.or_else(|| passes.then(|| go_on.to_owned())),
            };
            (
                failure.exit(),
                failure.code(),
                format!("{name}, {lines}: {failure}"),
                hint,
            )
        }
    };
    let mut message = format!("{problem}; {}", so_far(ledger));
    let (mut exit, mut code) = (exit, code);
    // Whatever else went wrong: there may be more than was counted.
    if let Some(lines) = ledger.in_doubt.filter(|lines| told != Some(*lines)) {
        message.push_str(&format!(
            "; it is not known whether any of {} was",
            named(lines)
        ));
        (exit, code) = (Exit::Timeout, ErrorCode::OutcomeUnknown.as_str());
    }
    Some(Failure::Specific {
        exit,
        code,
        message,
        hint,
    })
}

fn named((first, last): (u64, u64)) -> String {
    match first == last {
        true => format!("line {first}"),
        false => format!("lines {first} to {last}"),
    }
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

    const GO_ON: &str = "begin again";

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
        let failure = failure(ended, "f.jsonl", &ledger(batches), GO_ON).unwrap();
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
        assert!(failure(Ok(End::Whole), "f.jsonl", &ledger(&[]), GO_ON).is_none());
    }

    #[test]
    fn batches_in_doubt_are_told_beside_the_first_that_failed() {
        let mut ledger = ledger(&[(0, 4)]);
        ledger.doubt((7, 9));
        ledger.doubt((5, 6));
        let lost = || Error::OutcomeUnknown {
            reason: "no answer within 5s".to_owned(),
        };
        let quota = Error::NotAnInteger {
            namespace: "default".to_owned(),
            key: "k".into(),
        };
        for (error, line) in [(quota, 3), (lost(), 5)] {
            let ended = Err(Stop::Failed(error, (line, line)));
            let told = failure(ended, "f.jsonl", &ledger, GO_ON).unwrap();
            assert_eq!(told.exit(), Exit::Timeout);
            assert!(
                told.to_string().ends_with(
                    "4 keys were imported; it is not known whether any of lines 5 to 9 was"
                ),
                "{told}"
            );
        }
        let alone = Err(Stop::Failed(lost(), (5, 9)));
        let told = failure(alone, "f.jsonl", &ledger, GO_ON).unwrap();
        assert!(told.to_string().ends_with("4 keys were imported"), "{told}");
    }
}
