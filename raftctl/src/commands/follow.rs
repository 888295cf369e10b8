//! A watch that a person looks at: it outlives the members it comes from, and says once when it is
//! interrupted and once when it goes on.

use common::{
    Error,
    client::{Watch, WatchItem},
};

use crate::{failure::Failure, output::Output};

/// Whether the cluster is out of reach, and the user knows it.
#[derive(Debug, Default)]
pub(super) struct Outage {
    told: bool,
}

impl Outage {
    /// An attempt failed.
    pub(super) fn note(&mut self, what: &str, error: &Error, output: &Output) {
        if !self.told {
            self.told = true;
            output.note(&format!(
                "{what} is interrupted: {}; it goes on by itself",
                reason(error)
            ));
        }
    }

    /// An attempt succeeded.
    pub(super) fn over(&mut self, what: &str, output: &Output) {
        if self.told {
            self.told = false;
            output.note(&format!("{what} goes on"));
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.told
    }
}

/// Why the cluster is out of reach, without what an error says of writes.
fn reason(error: &Error) -> String {
    match error {
        Error::NoLeader { reason } => format!("no leader: {reason}"),
        Error::DeadlineExceeded { timeout } => format!("no answer within {timeout:?}"),
        Error::ShuttingDown => "the member is shutting down".to_owned(),
        Error::Overloaded { reason, .. } => format!("the member is overloaded ({reason})"),
        error => error.to_string(),
    }
}

/// A watch and what the user knows of it.
pub(super) struct Follow {
    pub(super) watch: Watch,
    outage: Outage,
}

impl Follow {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            outage: Outage::default(),
        }
    }

    /// The next item. May be dropped and called again at any time.
    ///
    /// # Errors
    /// What is in the way of the first contact; afterwards only what does not pass by itself.
    pub(super) async fn next(&mut self, output: &Output) -> Result<WatchItem, Failure> {
        loop {
            let outcome = if self.outage.is_told() {
                self.watch.reach().await.map(|()| None)
            } else {
                self.watch.next().await.map(Some)
            };
            match outcome {
                Ok(Some(item)) => return Ok(item),
                Ok(None) => self.outage.over("the watch", output),
                Err(error) if self.watch.has_begun() && error.is_retryable() => {
                    self.outage.note("the watch", &error, output);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_no_matter_of_writes() {
        let error = Error::NoLeader {
            reason: "n2 hears from no leader".to_owned(),
        };
        assert_eq!(reason(&error), "no leader: n2 hears from no leader");
        assert_eq!(reason(&Error::ShuttingDown), "the member is shutting down");
    }
}
