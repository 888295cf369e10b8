//! Asking the members for changes: one at a time, the next one when it cannot tell.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tarpc::client::RpcError;

use super::super::{Client, link::Link, route::Router};
use crate::{
    error::Error,
    transport::context_until,
    types::{Revision, WatchReply, WatchRequest},
};

/// A member that is silent for so much longer than it was asked to wait is gone.
const GRACE: Duration = Duration::from_secs(1);

/// The pause between two attempts once all members were asked in vain.
const PAUSE: Duration = Duration::from_millis(100);

/// The members as sources of changes.
pub(super) struct Members {
    pub(super) client: Client,
    link: Option<Link>,
    /// The address asked now, or next.
    at: usize,
    /// The last member asked hears from no leader: nobody is made to wait before one is found that
    /// does.
    adrift: bool,
    /// Members that do not keep changes from the present place on, and the oldest they keep.
    compacted: Vec<(String, Revision)>,
}

impl Members {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            link: None,
            at: 0,
            adrift: false,
            compacted: Vec::new(),
        }
    }

    /// Asks one member after the other until one answers that hears from a leader, or has changes.
    pub(super) async fn ask(&mut self, request: &WatchRequest) -> Result<WatchReply, Error> {
        let began = Instant::now();
        let mut failed = 0;
        let mut failures = Failures::default();
        loop {
            let address = self.address()?;
            let error = match self.ask_one(&address, request).await {
                Ok(reply) => {
                    self.adrift = !reply.in_contact;
                    if !self.adrift || !reply.events.is_empty() {
                        self.compacted.clear();
                        if self.adrift {
                            self.move_on();
                        }
                        return Ok(reply);
                    }
                    // Changes may go on elsewhere, and never reach it.
                    Error::NoLeader {
                        reason: format!("{address} hears from no leader"),
                    }
                }
                Err(error) => error,
            };
            self.move_on();
            failed += 1;
            match &error {
                Error::Invalid { .. } | Error::TooLarge { .. } => return Err(error),
                error => tracing::debug!(%address, %error, "another member is asked"),
            }
            failures.note(address, error);
            if failed < self.router().addresses().len() {
                continue;
            }
            // All were asked, and those that answered do not keep the changes.
            if let Some(oldest) = self.compacted.iter().map(|(_, oldest)| *oldest).min() {
                self.compacted.clear();
                return Err(Error::Compacted { oldest });
            }
            if began.elapsed() >= self.client.timeout {
                return Err(failures.in_the_end());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn router(&self) -> &Arc<Router> {
        &self.client.router
    }

    fn move_on(&mut self) {
        self.link = None;
        self.at += 1;
    }

    fn address(&self) -> Result<String, Error> {
        if let Some(link) = &self.link {
            return Ok(link.address().to_owned());
        }
        let mut addresses = self.router().addresses();
        if addresses.is_empty() {
            return Err(Error::Unreachable {
                reason: "no endpoint is configured".to_owned(),
            });
        }
        Ok(addresses.swap_remove(self.at % addresses.len()))
    }

    async fn ask_one(
        &mut self,
        address: &str,
        request: &WatchRequest,
    ) -> Result<WatchReply, Error> {
        let link = match &self.link {
            Some(link) if !link.is_closed() => link.clone(),
            _ => {
                let link = self.router().dial_member(address).await?;
                self.link = Some(link.clone());
                link
            }
        };
        let mut request = request.clone();
        if self.adrift {
            request.max_wait = Duration::ZERO;
        }
        let until = Instant::now() + request.max_wait + GRACE.min(self.client.timeout);
        match link.data.watch(context_until(until), request).await {
            Ok(Err(Error::Compacted { oldest })) => {
                self.compacted.push((address.to_owned(), oldest));
                Err(Error::Compacted { oldest })
            }
            Ok(answer) => answer,
            Err(RpcError::DeadlineExceeded) => Err(Error::Unreachable {
                reason: "it does not answer".to_owned(),
            }),
            Err(_) => Err(Error::Unreachable {
                reason: "the connection broke".to_owned(),
            }),
        }
    }
}

/// Why each member could not tell.
#[derive(Default)]
struct Failures {
    last: Vec<(String, Error)>,
}

impl Failures {
    fn note(&mut self, address: String, error: Error) {
        self.last.retain(|(known, _)| *known != address);
        self.last.push((address, error));
    }

    /// What a member said tells more than that others said nothing.
    fn in_the_end(mut self) -> Error {
        let said = |(_, error): &(String, Error)| !matches!(error, Error::Unreachable { .. });
        if let Some(index) = self.last.iter().position(said) {
            return self.last.swap_remove(index).1;
        }
        let reasons: Vec<String> = self
            .last
            .into_iter()
            .map(|(address, error)| match error {
                Error::Unreachable { reason } => format!("{address}: {reason}"),
                error => format!("{address}: {error}"),
            })
            .collect();
        Error::Unreachable {
            reason: reasons.join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(reason: &str) -> Error {
        Error::Unreachable {
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn every_member_that_is_silent_is_named_unless_one_says_why() {
        let mut failures = Failures::default();
        failures.note("a:1".to_owned(), silent("it does not answer"));
        failures.note("b:2".to_owned(), silent("it does not answer"));
        failures.note("a:1".to_owned(), silent("refused"));
        assert_eq!(
            failures.in_the_end(),
            silent("b:2: it does not answer; a:1: refused")
        );

        let adrift = Error::NoLeader {
            reason: "b:2 hears from no leader".to_owned(),
        };
        let mut failures = Failures::default();
        failures.note("a:1".to_owned(), silent("refused"));
        failures.note("b:2".to_owned(), adrift.clone());
        failures.note("c:3".to_owned(), silent("refused"));
        assert_eq!(failures.in_the_end(), adrift);
    }
}
