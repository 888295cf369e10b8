//! Changes of the membership: checked here, carried out by the leader.

use common::{
    Error,
    types::{
        AddMemberRequest, Leader, Member, RemoveMemberRequest, SetMemberRequest,
        TransferLeaderRequest,
    },
};

use super::{Call, Service};

fn pending() -> Error {
    Error::Internal {
        message: "under construction".to_owned(),
    }
}

impl Service {
    /// See [`Control::add_member`](common::api::Control::add_member).
    pub async fn add_member(
        &self,
        _call: &Call,
        _request: AddMemberRequest,
    ) -> Result<Member, Error> {
        Err(pending())
    }

    /// See [`Control::set_member`](common::api::Control::set_member).
    pub async fn set_member(
        &self,
        _call: &Call,
        _request: SetMemberRequest,
    ) -> Result<Member, Error> {
        Err(pending())
    }

    /// See [`Control::remove_member`](common::api::Control::remove_member).
    pub async fn remove_member(
        &self,
        _call: &Call,
        _request: RemoveMemberRequest,
    ) -> Result<Member, Error> {
        Err(pending())
    }

    /// See [`Control::transfer_leader`](common::api::Control::transfer_leader).
    pub async fn transfer_leader(
        &self,
        _call: &Call,
        _request: TransferLeaderRequest,
    ) -> Result<Leader, Error> {
        Err(pending())
    }
}
