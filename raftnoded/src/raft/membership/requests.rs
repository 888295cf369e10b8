//! Adding a node: by an operator who names its address, or because the node asks for it.

use std::time::Duration;

use openraft::ChangeMembers;

use common::transport::in_words;

use super::{ChangeError, Governor, plan::Situation, set};
use crate::raft::{
    ReadError,
    peer::{Answer, Candidate, Card, Stand},
    types::{Aim, MemberInfo},
    visit::{Found, visit},
};

/// How long a node may take to say who it is.
const VISIT: Duration = Duration::from_secs(1);

/// How long a majority may take to confirm that this member leads.
const CONFIRM: Duration = Duration::from_secs(2);

/// A node to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Where it listens for members.
    pub address: String,
    /// Whether it stays a learner.
    pub learner: bool,
    /// The member that goes when it is promoted.
    pub replaces: Option<u64>,
}

impl Governor {
    /// Adds the node that waits at an address; returns its id.
    pub(super) async fn add(&self, addition: &Addition) -> Result<u64, ChangeError> {
        if !self.leads() {
            return Err(ChangeError::NotLeader);
        }
        if addition.learner && addition.replaces.is_some() {
            return Err(ChangeError::Invalid(
                "a node that stays a learner is never promoted, so it cannot replace a member"
                    .to_owned(),
            ));
        }
        let card = self.waiting_node(&addition.address).await?;
        let replaced = addition.replaces;
        self.add_node(&addition.address, card, addition.learner, |situation, _| {
            if let Some(id) = replaced {
                situation.member(id)?;
            }
            Ok(replaced)
        })
        .await
    }

    /// Answers a node that asks to become a member.
    pub(in crate::raft) async fn answer_candidate(&self, candidate: &Candidate) -> Answer {
        let error = match self.join(candidate).await {
            Ok(node_id) => {
                return Answer::Joined {
                    cluster_id: self.me.cluster_id,
                    node_id,
                };
            }
            Err(error) => error,
        };
        let later = |message| Answer::Later { message };
        match error {
            ChangeError::NotLeader => match self.leader_elsewhere() {
                Some(peer_address) => Answer::Elsewhere { peer_address },
                None => later("the cluster has no leader".to_owned()),
            },
            ChangeError::Wiped { id, .. } => Answer::Known {
                cluster_id: self.me.cluster_id,
                id,
            },
            error @ (ChangeError::Exists { .. } | ChangeError::Invalid(_)) => Answer::Refused {
                message: format!("{error}; give the node a name and addresses of its own"),
            },
            error => later(error.to_string()),
        }
    }

    async fn join(&self, candidate: &Candidate) -> Result<u64, ChangeError> {
        if !self.leads() {
            return Err(ChangeError::NotLeader);
        }
        let address = &candidate.peer_address;
        let card = self.waiting_node(address).await?;
        if card.incarnation != candidate.incarnation {
            return Err(ChangeError::Unavailable {
                address: address.clone(),
                reason: format!(
                    "{} answers there, not {}; correct --peer-advertise",
                    card.name, candidate.name
                ),
            });
        }
        let learner = card.learner;
        let rejoins = candidate.rejoins;
        // A process that is alive is not replaced, whatever its replacement believes.
        let living = self.living_namesake(candidate).await;
        self.add_node(address, card, learner, |situation, card| {
            let known = situation
                .members
                .iter()
                .filter(|(_, info)| info.name == card.name)
                .max_by_key(|(id, _)| **id);
            let Some((id, _)) = known else {
                return Ok(None);
            };
            if let Some(living) = living.filter(|living| living == id) {
                return Err(ChangeError::Exists {
                    what: card.name.clone(),
                    name: card.name.clone(),
                    id: living,
                });
            }
            if !rejoins {
                return Err(ChangeError::Wiped {
                    name: card.name.clone(),
                    id: *id,
                });
            }
            Ok(Some(*id))
        })
        .await
    }

    /// The member that has a candidate's name, if its process is alive.
    async fn living_namesake(&self, candidate: &Candidate) -> Option<u64> {
        let members = self.members();
        let named = members.iter().filter(|(_, info)| {
            info.name == candidate.name && info.incarnation != candidate.incarnation
        });
        for (id, info) in named {
            if let Found::Somebody(card) = visit(&info.peer_address, VISIT).await
                && card.incarnation == info.incarnation
            {
                return Some(*id);
            }
        }
        None
    }

    /// Who waits at an address.
    async fn waiting_node(&self, address: &str) -> Result<Card, ChangeError> {
        let unavailable = |reason: String| {
            Err(ChangeError::Unavailable {
                address: address.to_owned(),
                reason,
            })
        };
        let card = match visit(address, VISIT).await {
            Found::Somebody(card) => *card,
            Found::ClientPort { name, peer_address } => {
                return unavailable(format!(
                    "that is the client port of {name}; give the address of its port for members, \
                     {peer_address}"
                ));
            }
            Found::Refusal(message) => return unavailable(message),
            Found::Nobody(error) => {
                return unavailable(format!(
                    "no node answers there ({}); start it with --wait or --join first",
                    in_words(&error)
                ));
            }
        };
        match &card.stand {
            Stand::Waiting => Ok(card),
            Stand::Starting => unavailable(format!("{} has not started yet; try again", card.name)),
            Stand::Founding => unavailable(format!(
                "{} waits for the founders of its --peers; start it with --wait instead",
                card.name
            )),
            Stand::Member { cluster_id, id, .. } if *cluster_id == self.me.cluster_id => {
                Err(ChangeError::Exists {
                    what: address.to_owned(),
                    name: card.name.clone(),
                    id: *id,
                })
            }
            Stand::Member { cluster_id, .. } => unavailable(format!(
                "{} belongs to another cluster, {cluster_id:032x}; start it with an empty data \
                 directory and --wait",
                card.name
            )),
        }
    }

    /// Adds a node as a learner, and tells it. `replaced` says in whose place it comes, when
    /// it is known who the members are.
    async fn add_node(
        &self,
        address: &str,
        card: Card,
        learner: bool,
        replaced: impl FnOnce(&Situation, &Card) -> Result<Option<u64>, ChangeError>,
    ) -> Result<u64, ChangeError> {
        let learner = learner || card.learner;
        let turn = self.turn(format!("{} is being added", card.name)).await?;
        // The highest id counts what is committed but not applied here yet.
        match tokio::time::timeout(CONFIRM, self.barrier.wait()).await {
            Ok(Ok(())) => {}
            Ok(Err(ReadError::NotLeader)) => return Err(ChangeError::NotLeader),
            Ok(Err(ReadError::Stopped)) => return Err(ChangeError::Stopped),
            Ok(Err(ReadError::NoQuorum)) | Err(_) => return Err(ChangeError::NoQuorum),
        }
        let situation = self.situation();
        let same = |info: &MemberInfo| info.incarnation == card.incarnation;
        if let Some((id, info)) = situation.members.iter().find(|(_, info)| same(info)) {
            // Added before, and it has not heard of it.
            let (id, info) = (*id, info.clone());
            drop(turn);
            self.admit(id, &info).await;
            return Ok(id);
        }
        let replaced = replaced(&situation, &card)?;
        for (id, info) in &situation.members {
            let found = [
                (&info.name, &card.name),
                (&info.peer_address, &card.peer_address),
                (&info.client_address, &card.client_address),
            ];
            let again = found.into_iter().find(|(known, new)| known == new);
            if let Some((what, _)) = again
                && replaced != Some(*id)
            {
                return Err(ChangeError::Exists {
                    what: what.clone(),
                    name: info.name.clone(),
                    id: *id,
                });
            }
        }
        let highest = situation.members.keys().max().copied().unwrap_or(0);
        let id = highest.max(self.progress.roster.highest()) + 1;
        let mut info = MemberInfo {
            name: card.name,
            incarnation: card.incarnation,
            client_address: card.client_address,
            peer_address: address.to_owned(),
            aim: if learner { Aim::Learner } else { Aim::Voter },
        };
        let mut changes = Vec::new();
        let mut gone = None;
        match replaced {
            Some(of) if !learner && situation.voters().contains(&of) => {
                info.aim = Aim::Replacement { of };
            }
            Some(of) if situation.voters().contains(&of) => {
                return Err(ChangeError::Invalid(format!(
                    "member {of} votes, and a node that stays a learner cannot replace it"
                )));
            }
            Some(of) => {
                // It has no vote that could be missed.
                if let Some(former) = situation.members.get(&of)
                    && former.aim == Aim::Learner
                {
                    info.aim = Aim::Learner;
                }
                changes.push(ChangeMembers::RemoveNodes(super::only(of)));
                gone = Some(of);
            }
            None => {}
        }
        changes.push(set(id, info.clone()));
        self.change(&situation, changes, true).await?;
        tracing::info!(id, name = info.name, aim = ?info.aim, "node added as a learner");
        self.dismiss(&situation, gone);
        drop(turn);
        self.admit(id, &info).await;
        self.wake.notify_one();
        Ok(id)
    }
}
