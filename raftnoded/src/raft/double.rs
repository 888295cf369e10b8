//! Looking for another process with a copy of this data directory.
//!
//! Two processes under one id could vote twice. Before a member takes part it asks the others, as
//! far as they can be reached, where they know the member of its id to be, and looks there. A copy
//! has the same incarnation; only the number that each process draws when it starts differs.
//!
//! Members that are down cannot be asked: those are asked later, for a while.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;

use super::{
    peer::{Card, Stand},
    visit::{Found, visit},
};

/// How long a member may take to answer. One that is down refuses the connection at once.
const ANSWER: Duration = Duration::from_millis(300);

/// The pause between two rounds when some could not be asked.
const AGAIN: Duration = Duration::from_secs(1);

/// How many rounds there are.
const ROUNDS: u32 = 60;

/// Another process with a copy of this data directory.
#[derive(Debug, thiserror::Error)]
#[error("member {id} runs already, at {peer_address}")]
pub struct Double {
    /// The id of both.
    pub id: u64,
    /// Where the other process talks to members.
    pub peer_address: String,
    /// Where it serves clients.
    pub client_address: String,
}

/// Which member this process is.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its cluster.
    pub cluster_id: u128,
    /// Its id.
    pub id: u64,
    /// Its incarnation.
    pub incarnation: u64,
    /// The number it drew when it started.
    pub boot: u64,
}

/// Asks at these addresses, and where those who answer know this member to be. Returns the
/// addresses where nobody could say.
///
/// # Errors
/// [`Double`]
pub async fn look(own: &Own, addresses: &[String]) -> Result<Vec<String>, Double> {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut unanswered = Vec::new();
    let mut next: BTreeSet<String> = addresses.iter().cloned().collect();
    // Two rounds: those that are known, and those they name.
    for _ in 0..2 {
        next.retain(|address| asked.insert(address.clone()));
        let visits = next.iter().map(|address| visit(address, ANSWER));
        let found = join_all(visits).await;
        let mut named = BTreeSet::new();
        for (address, found) in next.iter().zip(found) {
            let Found::Somebody(card) = found else {
                unanswered.push(address.clone());
                continue;
            };
            named.extend(judge(own, &card)?);
            let says = matches!(&card.stand, Stand::Member { members, .. } if !members.is_empty());
            if !says && card.boot != own.boot {
                unanswered.push(address.clone());
            }
        }
        next = named;
    }
    Ok(unanswered)
}

/// Looks again for a while at those who could not say; returns only if there is a double.
pub async fn go_on_looking(own: Own, mut addresses: Vec<String>) -> Double {
    for _ in 0..ROUNDS {
        if addresses.is_empty() {
            break;
        }
        tokio::time::sleep(AGAIN).await;
        match look(&own, &addresses).await {
            Ok(left) => addresses = left,
            Err(double) => return double,
        }
    }
    std::future::pending().await
}

/// Where somebody knows this member to be, unless it is its double.
fn judge(own: &Own, card: &Card) -> Result<Option<String>, Double> {
    let Stand::Member {
        cluster_id,
        id,
        members,
        ..
    } = &card.stand
    else {
        return Ok(None);
    };
    if *cluster_id != own.cluster_id {
        return Ok(None);
    }
    if *id == own.id && card.incarnation == own.incarnation && card.boot != own.boot {
        return Err(Double {
            id: own.id,
            peer_address: card.peer_address.clone(),
            client_address: card.client_address.clone(),
        });
    }
    let known = members.iter().find(|(id, _)| *id == own.id);
    Ok(known.map(|(_, info)| info.peer_address.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_process_with_the_same_directory_is_a_double() {
        let own = Own {
            cluster_id: 1,
            id: 2,
            incarnation: 3,
            boot: 4,
        };
        let card = |cluster_id, id, incarnation, boot| Card {
            name: "n".to_owned(),
            incarnation,
            boot,
            client_address: "h:1".to_owned(),
            peer_address: "h:2".to_owned(),
            learner: false,
            stand: Stand::Member {
                cluster_id,
                id,
                members: Vec::new(),
                highest: 0,
            },
        };
        assert!(judge(&own, &card(1, 2, 3, 5)).is_err());
        for other in [
            card(1, 2, 3, 4),
            card(1, 2, 9, 5),
            card(1, 9, 3, 5),
            card(9, 2, 3, 5),
        ] {
            assert!(judge(&own, &other).is_ok(), "{other:?}");
        }
    }
}
