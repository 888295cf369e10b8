//! Changing and removing members.

use std::{collections::BTreeSet, time::Duration};

use common::Client;
use openraft::ChangeMembers;

use super::{ChangeError, Governor, only, plan::Situation, set};
use crate::raft::{
    peer::{Announcement, Answer, Stand},
    types::{Aim, MemberInfo},
    visit::{Found, visit},
};

/// How long a member may take to answer at its new address.
const VISIT: Duration = Duration::from_secs(1);

/// What is to change of a member; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Whether it votes.
    pub voter: Option<bool>,
    /// The address of its client API.
    pub client_address: Option<String>,
    /// The address on which it talks to members.
    pub peer_address: Option<String>,
    /// Do it although the cluster may be without a majority then.
    pub force: bool,
}

impl Governor {
    /// Removes a member.
    pub(super) async fn remove(&self, id: u64, force: bool) -> Result<MemberInfo, ChangeError> {
        let _turn = self.turn(format!("member {id} is being removed")).await?;
        let situation = self.settled_situation().await;
        let info = situation.member(id)?.clone();
        self.may_lose_vote(&situation, id, &info, force)?;
        let mut changes = Vec::new();
        // Who was to replace it now simply joins.
        for (other, info) in &situation.members {
            if info.aim == (Aim::Replacement { of: id }) {
                let mut info = info.clone();
                info.aim = Aim::Voter;
                changes.push(set(*other, info));
            }
        }
        changes.extend(self.removal(&situation, id));
        self.change(&situation, changes, false).await?;
        self.dismiss(&situation, [id]);
        Ok(info)
    }

    /// Promotes or demotes a member, or changes its addresses. A promotion is noted, and carried out
    /// when the member has caught up.
    pub(super) async fn edit(&self, id: u64, edit: &Edit) -> Result<(), ChangeError> {
        if !self.leads() {
            return Err(ChangeError::NotLeader);
        }
        let known = self.situation().member(id)?.clone();
        self.check_addresses(id, &known, edit).await?;
        let _turn = self.turn(format!("member {id} is being changed")).await?;
        let situation = self.settled_situation().await;
        let mut info = situation.member(id)?.clone();
        for (other, taken) in &situation.members {
            let same = |new: &Option<String>, known: &String| new.as_ref() == Some(known);
            let again = if same(&edit.peer_address, &taken.peer_address) {
                Some(&taken.peer_address)
            } else if same(&edit.client_address, &taken.client_address) {
                Some(&taken.client_address)
            } else {
                None
            };
            if let Some(what) = again
                && *other != id
            {
                return Err(ChangeError::Exists {
                    what: what.clone(),
                    name: taken.name.clone(),
                    id: *other,
                });
            }
        }
        if let Some(address) = &edit.client_address {
            info.client_address.clone_from(address);
        }
        if let Some(address) = &edit.peer_address {
            info.peer_address.clone_from(address);
        }
        let votes = situation.voters().contains(&id);
        let mut loses_vote = false;
        match edit.voter {
            Some(true) if info.aim == Aim::Learner => info.aim = Aim::Voter,
            Some(false) => {
                self.may_lose_vote(&situation, id, &info, edit.force)?;
                info.aim = Aim::Learner;
                loses_vote = votes;
            }
            Some(true) | None => {}
        }
        if situation.members.get(&id) == Some(&info) && !loses_vote {
            return Ok(());
        }
        let mut changes = vec![set(id, info.clone())];
        if loses_vote {
            changes.push(ChangeMembers::RemoveVoters(only(id)));
        }
        self.change(&situation, changes, true).await?;
        tracing::info!(
            id,
            name = info.name,
            client = info.client_address,
            peer = info.peer_address,
            aim = ?info.aim,
            "member changed"
        );
        self.wake.notify_one();
        Ok(())
    }

    /// Refuses to take the vote that holds the cluster together.
    fn may_lose_vote(
        &self,
        situation: &Situation,
        id: u64,
        info: &MemberInfo,
        force: bool,
    ) -> Result<(), ChangeError> {
        let mut voters: BTreeSet<u64> = situation.voters();
        if !voters.remove(&id) {
            return Ok(());
        }
        if voters.is_empty() {
            return Err(ChangeError::Invalid(format!(
                "{} is the only voter: without it there is no cluster. Promote another member \
                 first, or stop the process and delete its data directory",
                info.name
            )));
        }
        situation.check(&voters, force)?;
        if id == self.me.id {
            return Err(ChangeError::HandOverFirst);
        }
        Ok(())
    }

    /// Makes sure that new addresses are this member's.
    async fn check_addresses(
        &self,
        id: u64,
        known: &MemberInfo,
        edit: &Edit,
    ) -> Result<(), ChangeError> {
        let unavailable = |address: &String, reason: String| {
            Err(ChangeError::Unavailable {
                address: address.clone(),
                reason,
            })
        };
        if let Some(address) = &edit.peer_address
            && *address != known.peer_address
        {
            match visit(address, VISIT).await {
                Found::Somebody(card)
                    if card.incarnation == known.incarnation
                        && matches!(card.stand, Stand::Member { id: own, .. } if own == id) => {}
                Found::Somebody(card) => {
                    return unavailable(
                        address,
                        format!("{} answers there, not {}", card.name, known.name),
                    );
                }
                Found::ClientPort { name, peer_address } => {
                    return unavailable(
                        address,
                        format!("that is the client port of {name}, not {peer_address}"),
                    );
                }
                Found::Refusal(message) => return unavailable(address, message),
                Found::Nobody(error) => {
                    return unavailable(
                        address,
                        format!("{} does not answer there ({error})", known.name),
                    );
                }
            }
        }
        if let Some(address) = &edit.client_address
            && *address != known.client_address
        {
            match Client::status_of(address, VISIT).await {
                Ok(status) if status.id == id && status.name == known.name => {}
                Ok(status) => {
                    return unavailable(
                        address,
                        format!("{} answers there, not {}", status.name, known.name),
                    );
                }
                Err(error) => {
                    return unavailable(
                        address,
                        format!("{} does not serve clients there ({error})", known.name),
                    );
                }
            }
        }
        Ok(())
    }

    /// A member has other addresses than the membership says.
    pub(in crate::raft) async fn answer_announcement(&self, said: &Announcement) -> Answer {
        let refused = |message: String| Answer::Refused { message };
        if said.cluster_id != self.me.cluster_id {
            return refused("this member belongs to another cluster".to_owned());
        }
        let members = self.members();
        let Some(info) = members.get(&said.id) else {
            return refused(format!("there is no member {}", said.id));
        };
        if info.incarnation != said.incarnation {
            return refused("another data directory is known for this member".to_owned());
        }
        let edit = Edit {
            client_address: Some(said.client_address.clone()),
            peer_address: Some(said.peer_address.clone()),
            ..Edit::default()
        };
        match self.edit(said.id, &edit).await {
            Ok(()) => Answer::Done,
            Err(ChangeError::NotLeader) => match self.leader_elsewhere() {
                Some(peer_address) => Answer::Elsewhere { peer_address },
                None => Answer::Later {
                    message: "the cluster has no leader".to_owned(),
                },
            },
            Err(error) => Answer::Later {
                message: error.to_string(),
            },
        }
    }
}
