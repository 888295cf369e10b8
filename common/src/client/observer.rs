//! Asking one member again and again how it is doing.

use std::time::{Duration, Instant};

use tarpc::client::RpcError;

use super::link;
use crate::{
    api::ControlClient,
    error::Error,
    transport::context_until,
    types::{Activity, ActivityRequest, MemberStatus},
};

/// A connection to the member at one address, made when it is needed and kept as long as it lives.
/// For whoever looks often; [`Client::status_of`](super::Client::status_of) looks once.
pub struct Observer {
    address: String,
    control: Option<ControlClient>,
}

impl Observer {
    /// An observer of the member at an address. Nothing is sent yet.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            control: None,
        }
    }

    /// Asks for the member's state and for what it does, within `timeout` in all.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unreachable`] if it does not answer in time.
    pub async fn look(
        &mut self,
        request: ActivityRequest,
        timeout: Duration,
    ) -> Result<(MemberStatus, Activity), Error> {
        let looked = tokio::time::timeout(timeout, async {
            let kept = self.control.is_some();
            match self.attempt(request, timeout).await {
                // The process may be gone, or be another one: a new connection tells.
                Err(Error::Unreachable { .. }) if kept => {
                    self.control = None;
                    self.attempt(request, timeout).await
                }
                result => result,
            }
        })
        .await;
        let result = looked.unwrap_or_else(|_| {
            Err(Error::Unreachable {
                reason: format!("no answer within {timeout:?}"),
            })
        });
        if result.is_err() {
            self.control = None;
        }
        result
    }

    async fn attempt(
        &mut self,
        request: ActivityRequest,
        timeout: Duration,
    ) -> Result<(MemberStatus, Activity), Error> {
        let deadline = Instant::now() + timeout;
        let control = match &self.control {
            Some(control) => control.clone(),
            None => link::control(&self.address, timeout).await?,
        };
        self.control = Some(control.clone());
        let failed = |error: RpcError| Error::Unreachable {
            reason: format!("the connection broke ({error})"),
        };
        let (status, activity) = futures::join!(
            control.status(context_until(deadline)),
            control.activity(context_until(deadline), request)
        );
        Ok((status.map_err(failed)??, activity.map_err(failed)??))
    }
}
