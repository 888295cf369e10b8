//! Changes of the membership, at the leader.
//!
//! They go over a connection of their own to the control service of the member that leads. Another
//! one answers who does.

use std::time::Instant;

use tarpc::{client::RpcError, context::Context};

use super::{Client, link};
use crate::{
    api::ControlClient,
    error::Error,
    transport::context_until,
    types::{
        AddMemberRequest, Leader, Member, RemoveMemberRequest, SetMemberRequest,
        TransferLeaderRequest,
    },
};

impl Client {
    /// Adds a node as a learner; see [`Control::add_member`](crate::api::Control::add_member).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn add_member(&self, request: AddMemberRequest) -> Result<Member, Error> {
        self.at_leader(|control, context| {
            let request = request.clone();
            async move { control.add_member(context, request).await }
        })
        .await
    }

    /// Promotes or demotes a member, or changes its addresses.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn set_member(&self, request: SetMemberRequest) -> Result<Member, Error> {
        self.at_leader(|control, context| {
            let request = request.clone();
            async move { control.set_member(context, request).await }
        })
        .await
    }

    /// Removes a member. A leader that is to go hands its leadership over first.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn remove_member(&self, request: RemoveMemberRequest) -> Result<Member, Error> {
        self.at_leader(
            |control, context| async move { control.remove_member(context, request).await },
        )
        .await
    }

    /// Hands leadership over; returns who has it then.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn transfer_leader(&self, request: TransferLeaderRequest) -> Result<Leader, Error> {
        self.at_leader(
            |control, context| async move { control.transfer_leader(context, request).await },
        )
        .await
    }

    // Not an `AsyncFn`: of its future nobody could tell that it may go to another thread.
    async fn at_leader<T, F>(
        &self,
        attempt: impl Fn(ControlClient, Context) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Result<T, Error>, RpcError>>,
    {
        let deadline = Instant::now() + self.timeout;
        let late = || Error::OutcomeUnknown {
            reason: format!("no answer within {:?}", self.timeout),
        };
        let mut address = None;
        loop {
            let leader = match address.take() {
                Some(address) => address,
                None => self.leader_address(deadline).await?,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let control = match link::control(&leader, left).await {
                Ok(control) => control,
                // It may have died: another one is elected.
                Err(error) if error.is_retryable() && Instant::now() < deadline => {
                    tokio::time::sleep(super::call::MIN_BACKOFF).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match attempt(control, context_until(deadline)).await {
                Ok(Err(Error::NotLeader { leader })) if Instant::now() < deadline => {
                    address = leader.map(|leader| leader.address);
                }
                Ok(Err(error)) if error.is_retryable() && Instant::now() < deadline => {}
                Ok(answer) => return answer,
                Err(RpcError::DeadlineExceeded) => return Err(late()),
                Err(error) => {
                    return Err(Error::OutcomeUnknown {
                        reason: format!("the connection to the leader broke ({error})"),
                    });
                }
            }
            tokio::time::sleep(super::call::MIN_BACKOFF).await;
        }
    }

    /// Where the leader's client API is.
    async fn leader_address(&self, deadline: Instant) -> Result<String, Error> {
        loop {
            let error = match self.router.link(false, &[]).await {
                Ok(link) if link.leads() => return Ok(link.address().to_owned()),
                Ok(_) => match self.router.leader() {
                    Some(leader) => return Ok(leader.address),
                    None => Error::NoLeader {
                        reason: "no member knows one".to_owned(),
                    },
                },
                Err(error) => error,
            };
            if Instant::now() >= deadline || !error.is_retryable() {
                return Err(error);
            }
            tokio::time::sleep(super::call::MIN_BACKOFF).await;
        }
    }
}
