//! Requests that are passed on to the leader, over one connection that they share.

use std::time::{Duration, Instant};

use common::{Client, ClientConfig, Error};
use tokio::sync::Mutex;

/// The time a request on its way through this member has less than its caller gave it, so that the
/// caller hears what became of it.
const MARGIN: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(super) struct Forwarder {
    /// The leader's address, and a client that knows it.
    current: Mutex<Option<(String, Client)>>,
}

impl Forwarder {
    /// A client for the leader at this address, for requests until a deadline.
    pub(super) async fn client(&self, address: &str, deadline: Instant) -> Result<Client, Error> {
        let timeout = deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(MARGIN);
        let mut current = self.current.lock().await;
        if let Some((known, client)) = &*current
            && known == address
        {
            return Ok(client.with_timeout(timeout));
        }
        let mut config = ClientConfig::new([address]);
        config.connect_timeout = config.connect_timeout.min(timeout);
        let client = Client::connect(config).await?;
        *current = Some((address.to_owned(), client.clone()));
        Ok(client.with_timeout(timeout))
    }
}
