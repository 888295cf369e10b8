//! Where a request is carried out that only the leader can carry out.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use common::{Client, Error, types::Leader};
use futures::future::BoxFuture;

use super::{Call, Part, Service, activity::Work};

/// Why this member did not carry out a request.
pub(super) enum Refusal {
    /// It does not lead. The request had no effect.
    NotLeader,
    /// The answer to the caller.
    Final(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Service {
    /// Carries a request out `here` if this member leads, and counts it, else `there`, at the
    /// leader; waits for one to be elected, and tries again what certainly had no effect, until the
    /// deadline. A caller that follows the leader is told instead, also by a leader that has lost its
    /// majority: elsewhere there may be another one.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function keeps its arguments twice: a request's future is to be small"
    )]
    pub(super) fn route<T, H, HF, R, RF>(
        &self,
        call: &Call,
        work: &Work<'_>,
        here: H,
        there: R,
    ) -> impl Future<Output = Result<T, Error>>
    where
        H: Fn() -> HF,
        HF: Future<Output = Result<T, Refusal>>,
        R: Fn(Client) -> RF + Send + Sync,
        RF: Future<Output = Result<T, Error>> + Send,
    {
        async move {
            let part = self.part()?;
            loop {
                if part.consensus.leads() && !part.consensus.leads_nobody() {
                    let result = match here().await {
                        Ok(reply) => Some(Ok(reply)),
                        Err(Refusal::Final(error)) => Some(Err(error)),
                        Err(Refusal::NotLeader) => None,
                    };
                    if let Some(result) = result {
                        self.carried_out(part, call, work, &result);
                        return result;
                    }
                }
                let known = part.leader();
                let before = known.as_ref().map(|leader| leader.id);
                let leader = known.filter(|leader| leader.id != part.consensus.node_id());
                if call.follow_leader {
                    return Err(Error::NotLeader { leader });
                }
                if let Some(leader) = leader {
                    match self.forward(leader, call, &there).await {
                        // Nothing was changed: whoever leads next may carry it out.
                        Err(error) if error.is_retryable() && call.has_time() => {}
                        answer => return answer,
                    }
                }
                self.await_leader(part, call, before).await?;
            }
        }
    }

    /// Boxed: a request's future is copied when its task is spawned, and the way through another
    /// member is long and rare.
    fn forward<'a, T, R, RF>(
        &'a self,
        leader: Leader,
        call: &'a Call,
        there: &'a R,
    ) -> BoxFuture<'a, Result<T, Error>>
    where
        R: Fn(Client) -> RF + Send + Sync,
        RF: Future<Output = Result<T, Error>> + Send + 'a,
    {
        Box::pin(async move {
            let client = self.forwarder.client(&leader.address, call.deadline)?;
            there(client.with_tag(call.tag)).await
        })
    }

    async fn await_leader(
        &self,
        part: &Part,
        call: &Call,
        before: Option<u64>,
    ) -> Result<(), Error> {
        let left = call.last_word().saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::NoLeader {
                reason: format!("{} knows no leader with a majority", self.about.name),
            });
        }
        // A leader without a majority stays the leader it knows: look again after a while, too.
        part.consensus
            .leader_changed(before, left.min(Duration::from_millis(50)))
            .await;
        Ok(())
    }
}
