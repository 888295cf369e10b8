//! Requests that are passed on to the leader, over one connection that they share.
//!
//! The client used for it makes one attempt and never asks a member to forward: a request passes
//! through one member at most. Nothing is held while a connection is opened; those who wait for it share the attempt, and
//! each gives up at its own deadline.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use common::{Client, ClientConfig, Error};

/// The time a request on its way through this member has less than its caller gave it, so that the
/// caller hears what became of it.
const MARGIN: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(super) struct Forwarder {
    /// The leader's address, and a client that begins there.
    current: Mutex<Option<(String, Client)>>,
}

impl Forwarder {
    /// A client for the leader at this address, for a request until a deadline; none if there is no
    /// time left for an answer.
    pub(super) fn client(&self, address: &str, deadline: Instant) -> Result<Client, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = left.saturating_sub(MARGIN);
        if timeout.is_zero() {
            return Err(Error::DeadlineExceeded { timeout: left });
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match &*current {
            Some((known, client)) if known == address => client.clone(),
            _ => {
                let mut config = ClientConfig::new([address]);
                config.relay = true;
                let client = Client::new(config);
                *current = Some((address.to_owned(), client.clone()));
                client
            }
        };
        Ok(client.with_timeout(timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_time_for_an_answer_nothing_is_forwarded() {
        let forwarder = Forwarder::default();
        let ask = |left: Duration| forwarder.client("127.0.0.1:1", Instant::now() + left);
        for left in [Duration::ZERO, MARGIN / 2] {
            let refused = ask(left).err();
            assert!(
                matches!(refused, Some(Error::DeadlineExceeded { .. })),
                "{refused:?}"
            );
        }
        assert!(ask(Duration::from_secs(60)).is_ok());
    }
}
