//! The node that is to become a member, found by whichever of its two addresses was given.

use std::time::Duration;

use common::{
    Client, Error,
    types::{MemberStatus, NodeId, Role},
};

use crate::survey::Survey;

/// A node to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where it listens for other members.
    pub(crate) peer_address: String,
    /// Its name, if it answered.
    pub(crate) name: Option<String>,
}

impl Target {
    /// What to call it before it is a member.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.peer_address)
    }
}

/// Asks the node at an address; one that answers there tells its other address. One that does not is
/// taken to listen there for members: the leader asks it then.
///
/// # Errors
/// [`Error::MemberExists`] and [`Error::NodeUnavailable`], as far as that can be told from here.
pub(crate) async fn look(
    address: &str,
    replaces: Option<NodeId>,
    survey: &Survey,
    timeout: Duration,
) -> Result<Target, Error> {
    let found = Client::status_of(address, timeout).await;
    check(address, found, replaces, survey)
}

fn check(
    address: &str,
    found: Result<MemberStatus, Error>,
    replaces: Option<NodeId>,
    survey: &Survey,
) -> Result<Target, Error> {
    let exists = |what: String, id: NodeId, name: &str| Error::MemberExists {
        what,
        name: name.to_owned(),
        id,
    };
    let others = || {
        survey
            .membership()
            .map(|seen| &seen.member)
            // What takes the place of a member may have its name and its addresses.
            .filter(|member| Some(member.id) != replaces)
    };
    if let Some(member) =
        others().find(|member| member.peer_address == address || member.client_address == address)
    {
        return Err(exists(address.to_owned(), member.id, &member.name));
    }
    let Ok(status) = found else {
        return Ok(Target {
            peer_address: address.to_owned(),
            name: None,
        });
    };
    let refused = |reason: String| Error::NodeUnavailable {
        address: address.to_owned(),
        reason,
    };
    if !status.cluster_id.is_empty() {
        if status.cluster_id != survey.cluster_id {
            return Err(refused(format!(
                "it is {} of another cluster ({})",
                status.name, status.cluster_id
            )));
        }
        return Err(match survey.member(status.id) {
            Some(seen) => exists(address.to_owned(), status.id, &seen.member.name),
            None => refused(format!(
                "it was removed from this cluster (id {}); start it with an empty data directory",
                status.id
            )),
        });
    }
    if status.role != Role::Joining {
        return Err(refused(format!(
            "it is {}: it waits for the other nodes of its --peers",
            status.role.as_str()
        )));
    }
    if let Some(member) = others().find(|member| member.name == status.name) {
        let what = format!("a node named {}", status.name);
        return Err(exists(what, member.id, &member.name));
    }
    if let Some(member) = others().find(|member| member.peer_address == status.peer_address) {
        return Err(exists(status.peer_address, member.id, &member.name));
    }
    Ok(Target {
        peer_address: status.peer_address,
        name: Some(status.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::{status, survey};

    fn cluster() -> Survey {
        let follower = |id| status(id, Role::Follower, Some(2));
        survey(vec![status(2, Role::Leader, Some(2)), follower(1)], &[3])
    }

    fn waiting(name: &str) -> MemberStatus {
        MemberStatus {
            cluster_id: String::new(),
            id: 0,
            name: name.to_owned(),
            members: Vec::new(),
            ..status(4, Role::Joining, None)
        }
    }

    #[test]
    fn a_node_that_waits_tells_its_peer_address_and_name() {
        let target = check("127.0.0.1:7424", Ok(waiting("n4")), None, &cluster()).unwrap();
        assert_eq!(
            (target.peer_address.as_str(), target.label()),
            ("127.0.0.1:7524", "n4")
        );
    }

    #[test]
    fn an_address_that_does_not_answer_is_left_to_the_leader() {
        let silent = Err(Error::Unreachable {
            reason: "Connection refused".to_owned(),
        });
        let target = check("10.0.0.9:7421", silent, None, &cluster()).unwrap();
        assert_eq!(
            (target.label(), target.name.as_deref()),
            ("10.0.0.9:7421", None)
        );
    }

    #[test]
    fn what_is_a_member_already_is_named() {
        let refused = |address: &str, found| check(address, found, None, &cluster()).unwrap_err();
        let member = || Ok(status(1, Role::Follower, Some(2)));
        // By either address, also while it is down, and by another name of its host.
        for address in ["127.0.0.1:7421", "127.0.0.1:7521", "localhost:7421"] {
            assert_eq!(
                refused(address, member()).to_string(),
                format!("{address} is already a member: n1, id 1")
            );
        }
        let down = || Err(Error::ShuttingDown);
        assert_eq!(
            refused("127.0.0.1:7523", down()).to_string(),
            "127.0.0.1:7523 is already a member: n3, id 3"
        );
        assert_eq!(
            refused("127.0.0.1:7424", Ok(waiting("n3"))).to_string(),
            "a node named n3 is already a member: n3, id 3"
        );
    }

    #[test]
    fn a_replacement_may_have_the_name_and_the_place_of_the_old_one() {
        let reborn = MemberStatus {
            cluster_id: String::new(),
            id: 0,
            members: Vec::new(),
            ..status(3, Role::Joining, None)
        };
        let target = check("127.0.0.1:7423", Ok(reborn), Some(3), &cluster()).unwrap();
        assert_eq!(target.peer_address, "127.0.0.1:7523");
    }

    #[test]
    fn a_node_with_a_cluster_is_refused_and_told_which() {
        let refused = |status| {
            check("h:1", Ok(status), None, &cluster())
                .unwrap_err()
                .to_string()
        };
        let mut foreign = status(1, Role::Leader, Some(1));
        foreign.cluster_id = "beef".to_owned();
        assert_eq!(
            refused(foreign),
            "the node at h:1 cannot become a member: it is n1 of another cluster (beef)"
        );
        let removed = status(9, Role::Learner, None);
        assert!(refused(removed).contains("was removed from this cluster (id 9)"));
        let mut forming = waiting("n4");
        forming.role = Role::Forming;
        assert!(refused(forming).contains("--peers"));
    }
}
