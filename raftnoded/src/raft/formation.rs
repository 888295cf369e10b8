//! The first formation of a cluster from a static list of members.
//!
//! Every founder gets the same `--peers` list and asks each of the others, on their peer port, who
//! it is. Once all have answered, each computes the same membership: node ids by the order of
//! names, the incarnation each founder drew when its data directory was made, and a cluster id that
//! is a hash of all that. Writing the same first entry on every founder is what openraft allows;
//! an election does the rest.
//!
//! *All* founders must have been up together once, not only a majority. That is what makes a
//! directory that is wiped later recognisable: every member knows from the first moment which
//! incarnations may speak under which id, so there is no window in which an emptied disk can vote
//! a second time. Two founders that disagree about an incarnation get different cluster ids, and
//! refuse each other.
//!
//! What is formed here changes later ([`membership`](super::membership)); the list is only for the
//! beginning.
//!
//! A founder that comes late, because the others have formed and it was killed before it noted so,
//! is told by any of them, and joins under the id that its incarnation already has.

use std::time::Duration;

use super::{
    peer::{self, Answer, Founder, Greeting, Purpose, Stand},
    server::{PeerServer, Phase},
    types::{Aim, MemberInfo},
};

/// How often the others are asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long one of them may take to answer.
const ANSWER: Duration = Duration::from_millis(1000);

/// How often the wait is logged.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// The outcome of a formation: the cluster, and who this member is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formed {
    /// The id of the cluster.
    pub cluster_id: u128,
    /// This member's id.
    pub node_id: u64,
    /// All founders; empty if the cluster was formed without this member's doing, so that it waits
    /// for the leader instead of writing the first entry itself.
    pub founders: Vec<(u64, MemberInfo)>,
}

/// Why a cluster cannot be formed.
#[derive(Debug, thiserror::Error)]
pub enum FormationError {
    /// The cluster knows this member with another data directory.
    #[error(
        "the cluster {cluster_id:032x} knows {name} as member {id}, with another data directory \
         than this empty one; an emptied member must not come back under its old id, for it has \
         forgotten what it promised. Start it with the old directory if it still exists; if it is \
         lost, start it with --rejoin to come back as a new member in its place, or start an empty \
         node with --wait and run: raftctl members replace {name} HOST:PORT"
    )]
    Wiped {
        /// The cluster.
        cluster_id: u128,
        /// The member's name.
        name: String,
        /// The id under which it is known.
        id: u64,
    },
    /// The data directory belongs to another cluster than the members of the list.
    #[error(
        "this data directory belongs to cluster {own:032x}, but {name} at {address} belongs to \
         cluster {found:032x}; give the directory that belongs to these members, or correct --peers \
         or --join"
    )]
    Foreign {
        /// The cluster of the directory.
        own: u128,
        /// Who answered.
        name: String,
        /// Where.
        address: String,
        /// The cluster it belongs to.
        found: u128,
    },
    /// The cluster was formed without this member.
    #[error(
        "{name} is not among the members of the cluster {cluster_id:032x} that {from} belongs to; \
         correct --peers, or give --join instead to make it a new member"
    )]
    NotAFounder {
        /// The cluster.
        cluster_id: u128,
        /// This member's name.
        name: String,
        /// Who said so.
        from: String,
    },
    /// A cluster does not take this node in.
    #[error("the member at {address} does not take this node in: {message}")]
    Refused {
        /// Who says so.
        address: String,
        /// Why, and what to do.
        message: String,
    },
}

/// Asks the other founders until the cluster is formed. Waits as long as it takes.
///
/// # Errors
/// [`FormationError`]
pub async fn form(server: &PeerServer, me: Founder) -> Result<Formed, FormationError> {
    server.set_phase(Phase::Founding(me.clone()));
    let mut known: Vec<Option<Founder>> = me
        .list
        .iter()
        .map(|(name, _)| (*name == me.name).then(|| me.clone()))
        .collect();
    let mut reported: Option<tokio::time::Instant> = None;
    loop {
        let mut missing = Vec::new();
        for (slot, (name, address)) in known.iter_mut().zip(&me.list) {
            if slot.is_some() {
                continue;
            }
            let greeting = Greeting::new(Purpose::Founder(me.clone()));
            match peer::call(address, greeting, ANSWER).await {
                Ok((_, Answer::Founder(founder))) if founder.name == *name => {
                    tracing::info!(peer = name, address, "founder found");
                    *slot = Some(founder);
                }
                Ok((_, Answer::Founder(founder))) => {
                    missing.push(format!("{name} ({address} belongs to {})", founder.name));
                }
                Ok((
                    _,
                    Answer::Formed {
                        cluster_id,
                        members,
                    },
                )) => return adopt(&me, cluster_id, &members, name),
                Ok((_, Answer::Refused { message })) => missing.push(format!("{name} ({message})")),
                Ok(_) => {
                    missing.push(format!("{name} (not ready yet)"));
                }
                Err(error) => missing.push(format!("{name} ({address}: {error})")),
            }
        }
        let founders: Option<Vec<&Founder>> = known.iter().map(Option::as_ref).collect();
        if let Some(founders) = founders {
            return Ok(found(&me, &founders));
        }
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            reported = Some(tokio::time::Instant::now());
            tracing::info!(
                missing = missing.join(", "),
                "waiting for the other founders"
            );
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Asks the others, given by name and address, until each has answered once, whether they belong to
/// the cluster that this member's data directory names. Does not return while all is well.
pub async fn watch_for_strangers(mut unasked: Vec<(String, String)>, own: u128) -> FormationError {
    while !unasked.is_empty() {
        let mut left = Vec::new();
        for (name, address) in unasked {
            match peer::ask(&address, Purpose::Inquiry, ANSWER).await {
                Ok(Answer::Present(card)) => {
                    if let Stand::Member { cluster_id, .. } = card.stand
                        && cluster_id != own
                    {
                        return FormationError::Foreign {
                            own,
                            name: card.name,
                            address,
                            found: cluster_id,
                        };
                    }
                }
                _ => left.push((name, address)),
            }
        }
        unasked = left;
        tokio::time::sleep(ASK_EVERY * 10).await;
    }
    std::future::pending().await
}

fn adopt(
    me: &Founder,
    cluster_id: u128,
    members: &[(u64, MemberInfo)],
    from: &str,
) -> Result<Formed, FormationError> {
    let Some((id, info)) = members.iter().find(|(_, info)| info.name == me.name) else {
        return Err(FormationError::NotAFounder {
            cluster_id,
            name: me.name.clone(),
            from: from.to_owned(),
        });
    };
    if info.incarnation != me.incarnation {
        return Err(FormationError::Wiped {
            cluster_id,
            name: me.name.clone(),
            id: *id,
        });
    }
    Ok(Formed {
        cluster_id,
        node_id: *id,
        founders: Vec::new(),
    })
}

/// The cluster that follows from its founders: the same on each of them.
fn found(me: &Founder, founders: &[&Founder]) -> Formed {
    let mut node_id = 0;
    let founders: Vec<(u64, MemberInfo)> = founders
        .iter()
        .zip(&me.list)
        .zip(1..)
        .map(|((founder, (_, peer_address)), id)| {
            if founder.name == me.name {
                node_id = id;
            }
            let info = MemberInfo {
                name: founder.name.clone(),
                incarnation: founder.incarnation,
                client_address: founder.client_address.clone(),
                peer_address: peer_address.clone(),
                aim: Aim::Voter,
            };
            (id, info)
        })
        .collect();
    Formed {
        cluster_id: cluster_id(&founders),
        node_id,
        founders,
    }
}

/// FNV-1a with 128 bits over names and incarnations. The incarnations are random, so the id is, too.
fn cluster_id(founders: &[(u64, MemberInfo)]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = OFFSET_BASIS;
    for (_, info) in founders {
        let bytes = info
            .name
            .bytes()
            .chain([0])
            .chain(info.incarnation.to_le_bytes());
        for byte in bytes {
            hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn founder(name: &str, incarnation: u64) -> Founder {
        Founder {
            name: name.to_owned(),
            incarnation,
            client_address: format!("{name}:7420"),
            list: ["n1", "n2", "n3"]
                .map(|name| (name.to_owned(), format!("{name}:7421")))
                .to_vec(),
        }
    }

    #[test]
    fn every_founder_computes_the_same_cluster() {
        let all = [founder("n1", 11), founder("n2", 22), founder("n3", 33)];
        let refs: Vec<_> = all.iter().collect();
        let formed: Vec<_> = all.iter().map(|me| found(me, &refs)).collect();
        assert_eq!(
            formed.iter().map(|f| f.node_id).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert!(formed.iter().all(|f| f.cluster_id == formed[0].cluster_id));
        assert!(formed.iter().all(|f| f.founders == formed[0].founders));
        let wiped = founder("n3", 34);
        let refs = [&all[0], &all[1], &wiped];
        assert_ne!(found(&all[0], &refs).cluster_id, formed[0].cluster_id);
    }

    #[test]
    fn a_late_founder_is_let_in_only_with_the_directory_it_was_known_by() {
        let all = [founder("n1", 11), founder("n2", 22), founder("n3", 33)];
        let refs: Vec<_> = all.iter().collect();
        let formed = found(&all[0], &refs);
        let late = adopt(&all[2], formed.cluster_id, &formed.founders, "n1").unwrap();
        assert_eq!((late.node_id, late.founders.len()), (3, 0));
        let wiped = adopt(
            &founder("n3", 34),
            formed.cluster_id,
            &formed.founders,
            "n1",
        );
        assert!(matches!(wiped, Err(FormationError::Wiped { id: 3, .. })));
        let stranger = adopt(&founder("n4", 1), formed.cluster_id, &formed.founders, "n1");
        assert!(matches!(stranger, Err(FormationError::NotAFounder { .. })));
    }
}
