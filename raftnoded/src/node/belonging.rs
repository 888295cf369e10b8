//! Which cluster a member belongs to, and that it still does.
//!
//! A data directory that belongs to a cluster says so. An empty one becomes a founder (`--peers`),
//! asks to be taken in (`--join`), waits to be added (`--wait`), or, with nothing said, founds a
//! cluster of one. A founder that finds the cluster formed and itself known with another directory
//! is refused, or with `--rejoin` asks to come back as a new member.

use std::{convert::Infallible, path::PathBuf};

use super::{Failure, Node};
use crate::{
    config::{Addresses, Peers},
    identity::{Belonging, DirectoryError},
    notify,
    raft::{
        Admission, Candidate, Consensus, Founder,
        double::{self, Double},
        formation::{self, FormationError},
        join,
        types::{Aim, MemberInfo},
    },
};

impl Node {
    /// The cluster this member belongs to; finds one if there is none yet.
    pub(super) async fn belonging(&mut self) -> Result<Belonging, Failure> {
        if let Some(belonging) = &self.identity.membership {
            if belonging.removed {
                return Err(removed(belonging, None));
            }
            let belonging = belonging.clone();
            self.look_for_double(&belonging).await?;
            return Ok(belonging);
        }
        let belonging = self.find_cluster().await?;
        self.identity.membership = Some(belonging.clone());
        self.directory.write(&self.identity)?;
        tracing::info!(
            cluster = format!("{:032x}", belonging.cluster_id),
            node = belonging.node_id,
            "part of a cluster"
        );
        Ok(belonging)
    }

    async fn find_cluster(&self) -> Result<Belonging, Failure> {
        // Nothing is left to read, and how long the others take is not known.
        self.ready();
        if let Some(Addresses(members)) = &self.config.join {
            return self.join(members).await;
        }
        if self.config.wait {
            notify::status("waits to be added to a cluster");
            self.service.joins();
            return Ok(admitted(join::wait(&self.peers).await));
        }
        let Some(peers) = &self.config.peers else {
            return Ok(Belonging {
                founders: vec![(1, self.info()).into()],
                ..nothing(rand::random(), 1)
            });
        };
        notify::status("waits for the other members of --peers");
        match formation::form(&self.peers, self.founder(peers)).await {
            Ok(formed) => Ok(Belonging {
                founders: formed.founders.into_iter().map(Into::into).collect(),
                peers: peers.0.iter().map(|(_, address)| address.clone()).collect(),
                ..nothing(formed.cluster_id, formed.node_id)
            }),
            Err(FormationError::Wiped { name, id, .. }) if self.config.rejoin => {
                tracing::info!(
                    name,
                    id,
                    "coming back as a new member in place of the old one"
                );
                let others = peers
                    .0
                    .iter()
                    .filter(|(name, _)| *name != self.identity.name);
                let others: Vec<String> = others.map(|(_, address)| address.clone()).collect();
                self.join(&others).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn join(&self, members: &[String]) -> Result<Belonging, Failure> {
        notify::status("asks to become a member");
        self.service.joins();
        let candidate = Candidate {
            name: self.identity.name.clone(),
            incarnation: self.identity.incarnation,
            peer_address: self.peer_address.clone(),
            rejoins: self.config.rejoin,
        };
        let admission = join::join(&self.peers, candidate, members).await?;
        Ok(admitted(admission))
    }

    fn founder(&self, Peers(list): &Peers) -> Founder {
        Founder {
            name: self.identity.name.clone(),
            incarnation: self.identity.incarnation,
            client_address: self.client_address.clone(),
            list: list.clone(),
        }
    }

    pub(super) fn info(&self) -> MemberInfo {
        MemberInfo {
            name: self.identity.name.clone(),
            incarnation: self.identity.incarnation,
            client_address: self.client_address.clone(),
            peer_address: self.peer_address.clone(),
            aim: Aim::Voter,
        }
    }

    /// Returns only if a member that the settings name belongs to another cluster.
    pub(super) fn watch_for_strangers(
        &self,
        belonging: &Belonging,
    ) -> impl Future<Output = FormationError> + use<> {
        let others: Vec<(String, String)> = match (&self.config.peers, &self.config.join) {
            (Some(Peers(list)), _) => {
                let others = list.iter().filter(|(name, _)| *name != self.identity.name);
                others.cloned().collect()
            }
            (None, Some(Addresses(list))) => {
                let named = |address: &String| (address.clone(), address.clone());
                list.iter().map(named).collect()
            }
            (None, None) => Vec::new(),
        };
        // What the settings of a restored member name may be the cluster that it was saved from.
        let others = if belonging.restored {
            Vec::new()
        } else {
            others
        };
        formation::watch_for_strangers(others, belonging.cluster_id)
    }

    /// Refuses to start beside another process with a copy of the directory; returns where nobody
    /// could say.
    async fn look_for_double(&mut self, belonging: &Belonging) -> Result<(), Failure> {
        let addresses = belonging.known_addresses();
        let looked = double::look(&self.own(belonging), &addresses).await;
        self.unasked = looked.map_err(|double| copied(self.directory.path().to_owned(), double))?;
        Ok(())
    }

    /// Returns only if there is such a process after all.
    pub(super) fn go_on_looking(
        &self,
        belonging: &Belonging,
    ) -> impl Future<Output = Failure> + use<> {
        let looking = double::go_on_looking(self.own(belonging), self.unasked.clone());
        let path = self.directory.path().to_owned();
        async move { copied(path, looking.await) }
    }

    fn own(&self, belonging: &Belonging) -> double::Own {
        double::Own {
            cluster_id: belonging.cluster_id,
            id: belonging.node_id,
            incarnation: self.identity.incarnation,
            boot: self.boot,
        }
    }

    /// Notes in the directory that the member was removed.
    pub(super) fn note_removal(&mut self, by: String) -> Failure {
        let Some(belonging) = &mut self.identity.membership else {
            unreachable!("a member that takes part belongs to a cluster");
        };
        belonging.removed = true;
        let failure = removed(belonging, Some(by));
        if let Err(error) = self.directory.write(&self.identity) {
            // It is told again when it starts.
            tracing::warn!(%error, "cannot note that this member was removed");
        }
        failure
    }

    /// Keeps the addresses in the directory up to date, so that a restart knows whom to ask. Never
    /// returns.
    pub(super) async fn note_addresses(&mut self, consensus: &Consensus) -> Infallible {
        loop {
            let members = consensus.members();
            let mut addresses: Vec<String> = members
                .into_values()
                .map(|member| member.info.peer_address)
                .collect();
            addresses.sort();
            if let Some(belonging) = &mut self.identity.membership
                && !addresses.is_empty()
                && belonging.peers != addresses
            {
                belonging.peers = addresses;
                if let Err(error) = self.directory.write(&self.identity) {
                    tracing::warn!(%error, "cannot note the addresses of the members");
                }
            }
            consensus.membership_changed().await;
        }
    }
}

fn copied(path: PathBuf, double: Double) -> Failure {
    DirectoryError::Copied {
        path,
        id: double.id,
        client_address: double.client_address,
        peer_address: double.peer_address,
    }
    .into()
}

fn removed(belonging: &Belonging, by: Option<String>) -> Failure {
    Failure::Removed {
        cluster_id: belonging.cluster_id,
        id: belonging.node_id,
        by,
    }
}

fn nothing(cluster_id: u128, node_id: u64) -> Belonging {
    Belonging {
        cluster_id,
        node_id,
        log_begun: false,
        restored: false,
        founders: Vec::new(),
        peers: Vec::new(),
        removed: false,
        must_hold: None,
    }
}

fn admitted(admission: Admission) -> Belonging {
    Belonging {
        peers: admission.peers,
        ..nothing(admission.cluster_id, admission.node_id)
    }
}
