//! Changes of the membership: made by the member that leads, and by no other.
//!
//! The rules that need the consensus are in [`raft`](crate::raft): that a node has caught up before
//! it votes, that a majority stays, that changes come one after another. Here: who answers, and what
//! a refusal is called.

use std::time::{Duration, Instant};

use common::{
    Error,
    types::{
        AddMemberRequest, Leader, Member, RemoveMemberRequest, SetMemberRequest,
        TransferLeaderRequest,
    },
};

use super::{Call, Part, Service, leader, member};
use crate::{
    config::check_address,
    raft::{Addition, ChangeError, Edit},
};

/// How long a handover of leadership may take.
const HAND_OVER: Duration = Duration::from_secs(2);

impl Service {
    /// See [`Control::add_member`](common::api::Control::add_member).
    pub async fn add_member(
        &self,
        _call: &Call,
        request: AddMemberRequest,
    ) -> Result<Member, Error> {
        let _admitted = self.admit()?;
        let part = self.part()?;
        address(&request.address)?;
        let addition = Addition {
            address: request.address,
            learner: request.learner,
            replaces: request.replaces,
        };
        match part.consensus.add_member(&addition).await {
            Ok(added) => Ok(member(added)),
            Err(error) => Err(part.refusal(error)),
        }
    }

    /// See [`Control::set_member`](common::api::Control::set_member).
    pub async fn set_member(
        &self,
        call: &Call,
        request: SetMemberRequest,
    ) -> Result<Member, Error> {
        let _admitted = self.admit()?;
        let part = self.part()?;
        let given = [&request.client_address, &request.peer_address];
        given
            .into_iter()
            .flatten()
            .try_for_each(|one| address(one))?;
        let edit = Edit {
            voter: request.voter,
            client_address: request.client_address,
            peer_address: request.peer_address,
            force: request.force,
        };
        match part.consensus.set_member(request.id, &edit).await {
            Ok(changed) => Ok(member(changed)),
            Err(ChangeError::HandOverFirst) => Err(part.make_way(call).await),
            Err(error) => Err(part.refusal(error)),
        }
    }

    /// See [`Control::remove_member`](common::api::Control::remove_member).
    pub async fn remove_member(
        &self,
        call: &Call,
        request: RemoveMemberRequest,
    ) -> Result<Member, Error> {
        let _admitted = self.admit()?;
        let part = self.part()?;
        let removed = part.consensus.remove_member(request.id, request.force);
        match removed.await {
            Ok(removed) => Ok(member(removed)),
            Err(ChangeError::HandOverFirst) => Err(part.make_way(call).await),
            Err(error) => Err(part.refusal(error)),
        }
    }

    /// See [`Control::transfer_leader`](common::api::Control::transfer_leader).
    pub async fn transfer_leader(
        &self,
        call: &Call,
        request: TransferLeaderRequest,
    ) -> Result<Leader, Error> {
        let _admitted = self.admit()?;
        let part = self.part()?;
        let transferred = part
            .consensus
            .transfer_leader(request.to, patience(call))
            .await;
        transferred.map(leader).map_err(|error| part.refusal(error))
    }
}

fn patience(call: &Call) -> Duration {
    let left = call.last_word().saturating_duration_since(Instant::now());
    left.min(HAND_OVER)
}

fn address(given: &str) -> Result<(), Error> {
    check_address(given).map_err(|message| Error::Invalid { message })
}

impl Part {
    /// Another member is to make a change that takes this leader's vote: hands leadership over, and
    /// says who has it.
    async fn make_way(&self, call: &Call) -> Error {
        match self.consensus.transfer_leader(None, patience(call)).await {
            Ok(next) => Error::NotLeader {
                leader: Some(leader(next)),
            },
            // Nothing was changed: the caller may try again.
            Err(ChangeError::Unknown(reason)) => Error::NoLeader { reason },
            Err(error) => self.refusal(error),
        }
    }

    fn refusal(&self, error: ChangeError) -> Error {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        match error {
            ChangeError::NotLeader | ChangeError::HandOverFirst => Error::NotLeader {
                leader: self
                    .leader()
                    .filter(|leader| leader.id != self.consensus.node_id()),
            },
            ChangeError::NoQuorum => Error::NoLeader {
                reason: "no majority confirms that this member leads".to_owned(),
            },
            ChangeError::NotFound(id) => Error::MemberNotFound { id },
            ChangeError::Exists { what, name, id } => Error::MemberExists { what, name, id },
            ChangeError::Wiped { name, id } => Error::MemberExists {
                what: name.clone(),
                name,
                id,
            },
            ChangeError::Unavailable { address, reason } => {
                Error::NodeUnavailable { address, reason }
            }
            ChangeError::AtRisk {
                voters,
                reachable,
                quorum,
            } => Error::QuorumAtRisk {
                voters: small(voters),
                reachable: small(reachable),
                quorum: small(quorum),
            },
            ChangeError::InProgress(what) => Error::ChangeInProgress { what },
            ChangeError::Invalid(message) => Error::Invalid { message },
            ChangeError::Unknown(reason) => Error::OutcomeUnknown { reason },
            ChangeError::Stopped => Error::ShuttingDown,
        }
    }
}
