//! Several batches under way at a time, and the order that is kept nevertheless.

use std::collections::HashSet;

use bytes::Bytes;
use common::Error;
use futures::{StreamExt, stream::FuturesUnordered};
use indicatif::ProgressBar;
use tokio::sync::mpsc::Receiver;

use super::{
    batch::{Batch, Item},
    ledger::Ledger,
    reader::End,
    write::{Refused, Writer},
};

/// How many batches are under way at a time.
const IN_FLIGHT: usize = 8;

/// What comes from the thread that reads.
pub(super) enum Piece {
    Batch(Batch),
    End(End),
}

/// Why the import ends before its end.
pub(super) enum Stop {
    Exists(Item),
    /// Said of these lines.
    Failed(Error, (u64, u64)),
}

impl Stop {
    fn line(&self) -> u64 {
        match self {
            Self::Exists(item) => item.line,
            Self::Failed(_, (first, _)) => *first,
        }
    }
}

/// Writes what comes until it ends, one way or the other.
pub(super) async fn import(
    writer: &Writer<'_>,
    mut pieces: Receiver<Piece>,
    ledger: &mut Ledger,
    bar: &ProgressBar,
) -> Result<End, Stop> {
    let mut flying = FuturesUnordered::new();
    let mut keys: HashSet<Bytes> = HashSet::new();
    // A batch that has to wait for one under way that has a key of it.
    let mut waiting: Option<Batch> = None;
    let mut end = None;
    let mut stop: Option<Stop> = None;
    let mut number = 0;
    let mut look = false;
    loop {
        let free = |batch: &Batch| !batch.items.iter().any(|item| keys.contains(&item.key));
        if stop.is_none()
            && (flying.is_empty() || writer.may_go_ahead())
            && let Some(batch) = waiting.take_if(|batch| free(batch))
        {
            keys.extend(batch.items.iter().map(|item| item.key.clone()));
            let look = look;
            flying.push(async move {
                let outcome = writer.write(&batch, look).await;
                (number, batch, outcome)
            });
            number += 1;
        }
        let room = flying.len() < IN_FLIGHT && waiting.is_none();
        tokio::select! {
            piece = pieces.recv(), if room && end.is_none() && stop.is_none() => match piece {
                Some(Piece::Batch(batch)) => waiting = Some(batch),
                Some(Piece::End(ended)) => end = Some(ended),
                // The thread is gone without a word, which it never is.
                None => end = Some(End::Cut),
            },
            Some((number, batch, outcome)) = flying.next(), if !flying.is_empty() => {
                for item in &batch.items {
                    keys.remove(&item.key);
                }
                let stopped = match outcome {
                    Ok(written) => {
                        look = written.skipped > 0;
                        ledger.add(number, written);
                        bar.set_position(bar.position().max(batch.offset));
                        continue;
                    }
                    Err(Refused::Exists(item)) => Stop::Exists(item),
                    Err(Refused::Failed(error)) => {
                        let lines = lines_of(&error, &batch);
                        if matches!(error, Error::OutcomeUnknown { .. }) {
                            ledger.doubt(lines);
                        }
                        Stop::Failed(error, lines)
                    }
                };
                // Of several the first in the order of the lines.
                if stop.as_ref().is_none_or(|other| stopped.line() < other.line()) {
                    stop = Some(stopped);
                }
            }
            else => break,
        }
    }
    match stop {
        Some(stop) => Err(stop),
        None => Ok(end.unwrap_or(End::Cut)),
    }
}

/// The lines that an error is about: the one whose value is too large, or all of the batch.
fn lines_of(error: &Error, batch: &Batch) -> (u64, u64) {
    let size = match error {
        Error::TooLarge { size, .. } => *size,
        Error::QuotaExceeded { wanted, .. } => *wanted,
        _ => return batch.lines(),
    };
    let mut items = batch.items.iter();
    match items.find(|item| item.value.len() as u64 == size) {
        Some(item) => (item.line, item.line),
        None => batch.lines(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::import::batch::tests::item;

    #[test]
    fn a_value_that_is_too_large_is_traced_to_its_line() {
        let mut batch = Batch::default();
        for (line, size) in [(4, 10), (5, 99), (6, 11)] {
            batch.add(item(line, ["a", "b", "c"][line as usize - 4], size));
        }
        let error = Error::TooLarge {
            what: "value".to_owned(),
            size: 99,
            limit: 50,
            setting: "--max-value-bytes".to_owned(),
        };
        assert_eq!(lines_of(&error, &batch), (5, 5));
        assert_eq!(lines_of(&Error::ShuttingDown, &batch), (4, 6));
    }
}
