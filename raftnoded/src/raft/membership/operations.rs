//! What may be asked of a member about the membership, whether or not it leads.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Addition, ChangeError, Edit};
use crate::raft::{Consensus, MemberView, types::MemberInfo};

impl Consensus {
    /// Adds the node that waits at an address, as a learner. It is promoted when it has caught up,
    /// unless it is to stay one.
    ///
    /// # Errors
    /// [`ChangeError`]
    pub async fn add_member(&self, addition: &Addition) -> Result<(u64, MemberView), ChangeError> {
        let id = self.governor.add(addition).await?;
        self.changed(id)
    }

    /// Promotes or demotes a member, or changes its addresses.
    ///
    /// # Errors
    /// [`ChangeError`]
    pub async fn set_member(&self, id: u64, edit: &Edit) -> Result<(u64, MemberView), ChangeError> {
        self.governor.edit(id, edit).await?;
        self.changed(id)
    }

    /// Removes a member; returns it as it was.
    ///
    /// # Errors
    /// [`ChangeError`]
    pub async fn remove_member(
        &self,
        id: u64,
        force: bool,
    ) -> Result<(u64, MemberView), ChangeError> {
        let info = self.governor.remove(id, force).await?;
        Ok((id, MemberView { info, voter: false }))
    }

    fn changed(&self, id: u64) -> Result<(u64, MemberView), ChangeError> {
        let found = self.members().remove(&id);
        found
            .map(|view| (id, view))
            .ok_or_else(|| ChangeError::Unknown(format!("member {id} is gone again")))
    }

    /// Hands leadership to a voter, or to the best one, and returns who leads then.
    ///
    /// # Errors
    /// [`ChangeError`]
    pub async fn transfer_leader(
        &self,
        to: Option<u64>,
        patience: Duration,
    ) -> Result<(u64, MemberInfo), ChangeError> {
        if !self.leads() {
            return Err(ChangeError::NotLeader);
        }
        let situation = self.governor.settled_situation().await;
        let voters = situation.voters();
        if let Some(id) = to {
            let info = situation.member(id)?;
            if id == self.node_id {
                return Ok((id, info.clone()));
            }
            if !voters.contains(&id) {
                return Err(ChangeError::Invalid(format!(
                    "{} is a learner, and only a voter can lead; promote it first",
                    info.name
                )));
            }
            if !situation.alive.contains(&id) {
                return Err(ChangeError::Unavailable {
                    address: info.peer_address.clone(),
                    reason: format!("{} does not answer", info.name),
                });
            }
        } else if voters.intersection(&situation.alive).count() < 2 {
            return Err(ChangeError::Invalid(
                "no other voter answers that could lead".to_owned(),
            ));
        }
        let until = Instant::now() + patience;
        self.hand_over(to, patience).await;
        // This member knows that it does not lead a moment before it knows who does.
        while self.leads() || self.leader().is_none_or(|(id, _)| id == self.node_id) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ChangeError::Unknown(
                    "no other member took leadership in time".to_owned(),
                ));
            }
            let before = self.leader().map(|(id, _)| id);
            self.leader_changed(before, left).await;
        }
        let members: BTreeMap<u64, MemberView> = self.members();
        self.leader()
            .filter(|(id, _)| members.contains_key(id))
            .ok_or_else(|| ChangeError::Unknown("leadership moved on".to_owned()))
    }
}
