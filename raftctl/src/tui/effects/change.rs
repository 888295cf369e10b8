//! Changes: made, and told in the past tense.

use std::time::Instant;

use common::{
    Client, Error,
    types::{
        AddMemberRequest, Condition, CreateNamespaceRequest, DeleteNamespaceRequest, DeleteRequest,
        Lifetime, NamespaceSettings, PutRequest, RemoveMemberRequest, SetMemberRequest,
        TransferLeaderRequest,
    },
};

use crate::{
    commands::{PER_MEMBER, members::target},
    failure::Failure,
    output::table::{counted, grouped, milliseconds},
    survey::{self, label},
    tui::{
        message::{Change, Refused},
        text,
    },
};

/// Cells that a key takes in a sentence.
const NAME: usize = 40;

/// Makes a change, and says what happened.
pub(super) async fn make(
    change: Change,
    client: Client,
    endpoints: Vec<String>,
) -> Result<String, Refused> {
    let made = attempt(change, client, endpoints).await;
    made.map_err(refused)
}

fn refused(error: Error) -> Refused {
    let conflict = match &error {
        Error::ConditionFailed { current, .. } => Some(current.map(|current| current.revision)),
        _ => None,
    };
    Refused {
        reason: Failure::Api(error).in_full(),
        conflict,
    }
}

/// A put: what was edited lives on as it did, under the condition that nobody else wrote it.
fn put_request(change: &Change) -> Option<PutRequest> {
    let Change::Put {
        namespace,
        key,
        value,
        ttl,
        base,
    } = change
    else {
        return None;
    };
    let lifetime = match (ttl, base) {
        (Some(ttl), _) => Lifetime::Ttl(*ttl),
        (None, Some(1..)) => Lifetime::Keep,
        (None, Some(0) | None) => Lifetime::Default,
    };
    Some(PutRequest {
        condition: base.map(|base| match base {
            0 => Condition::Absent,
            base => Condition::Revision(base),
        }),
        lifetime,
        ..PutRequest::new(namespace, key.clone(), value.clone())
    })
}

async fn attempt(change: Change, client: Client, endpoints: Vec<String>) -> Result<String, Error> {
    if let Some(request) = put_request(&change) {
        let name = text::line(&request.key, NAME, "...");
        let reply = client.put(request).await?;
        return Ok(format!(
            "put {name}  revision {}  version {}",
            grouped(reply.revision),
            grouped(reply.version)
        ));
    }
    match change {
        // Made above.
        Change::Put { .. } => Ok(String::new()),
        Change::Delete { namespace, key } => {
            let request = DeleteRequest::new(namespace, vec![key.clone()]);
            let reply = client.delete(request).await?;
            let name = text::line(&key, NAME, "...");
            Ok(match reply.deleted {
                0 => format!("{name} was not there any more"),
                _ => format!("deleted {name}  revision {}", grouped(reply.revision)),
            })
        }
        Change::CreateNamespace {
            name,
            default_ttl,
            max_keys,
            max_bytes,
        } => {
            let info = client
                .create_namespace(CreateNamespaceRequest {
                    name: name.clone(),
                    settings: NamespaceSettings {
                        max_keys,
                        max_bytes,
                        max_value_bytes: None,
                        default_ttl,
                    },
                })
                .await?;
            Ok(format!(
                "created namespace {name}  revision {}",
                grouped(info.create_revision)
            ))
        }
        Change::DeleteNamespace { name } => {
            let request = DeleteNamespaceRequest {
                name: name.clone(),
                only_if_empty: false,
            };
            let reply = client.delete_namespace(request).await?;
            Ok(format!(
                "deleted namespace {name} with {}  revision {}",
                counted(reply.keys, "key"),
                grouped(reply.revision)
            ))
        }
        Change::AddMember { address, learner } => {
            add_member(address, learner, client, endpoints).await
        }
        Change::RemoveMember { id, force, .. } => {
            let request = RemoveMemberRequest { id, force };
            let member = client.remove_member(request).await?;
            Ok(format!("removed {} (id {id})", label(&member)))
        }
        Change::PromoteMember { id, .. } => {
            let request = SetMemberRequest {
                id,
                voter: Some(true),
                client_address: None,
                peer_address: None,
                force: false,
            };
            let member = client.set_member(request).await?;
            let name = label(&member);
            Ok(if member.voter {
                format!("{name} (id {id}) votes")
            } else {
                format!("{name} (id {id}) votes as soon as it has caught up")
            })
        }
        Change::TransferLeader { to, .. } => {
            let began = Instant::now();
            let leader = client.transfer_leader(TransferLeaderRequest { to }).await?;
            Ok(format!(
                "{} leads  took {}",
                leader.name,
                milliseconds(began.elapsed())
            ))
        }
    }
}

/// The node may be named by either of its addresses.
async fn add_member(
    address: String,
    learner: bool,
    client: Client,
    endpoints: Vec<String>,
) -> Result<String, Error> {
    let mut asked = client.addresses();
    for endpoint in endpoints {
        if !asked.contains(&endpoint) {
            asked.push(endpoint.clone());
        }
    }
    let survey = survey::ask(&asked, PER_MEMBER).await?;
    let target = target::look(&address, None, &survey, PER_MEMBER).await?;
    let member = client
        .add_member(AddMemberRequest {
            address: target.peer_address,
            learner,
            replaces: None,
        })
        .await?;
    let name = label(&member);
    Ok(if learner {
        format!("added {name} (id {}) as a learner", member.id)
    } else {
        format!(
            "added {name} (id {}), which votes as soon as it has caught up",
            member.id
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::types::Current;

    use super::*;

    fn put(ttl: Option<Duration>, base: Option<u64>) -> PutRequest {
        let change = Change::Put {
            namespace: "default".to_owned(),
            key: "k".into(),
            value: "v".into(),
            ttl,
            base,
        };
        put_request(&change).unwrap()
    }

    #[test]
    fn an_edit_is_conditional_and_the_key_lives_on_as_it_did() {
        let edit = put(None, Some(12));
        assert_eq!(edit.condition, Some(Condition::Revision(12)));
        assert_eq!(edit.lifetime, Lifetime::Keep);
        let new = put(None, Some(0));
        assert_eq!(new.condition, Some(Condition::Absent));
        assert_eq!(new.lifetime, Lifetime::Default);
        let over = put(Some(Duration::from_secs(5)), None);
        assert_eq!(over.condition, None);
        assert_eq!(over.lifetime, Lifetime::Ttl(Duration::from_secs(5)));
    }

    #[test]
    fn a_conflict_says_what_is_there_and_an_error_what_to_do() {
        let failed = |current| {
            refused(Error::ConditionFailed {
                namespace: "default".to_owned(),
                key: "k".into(),
                current,
            })
        };
        let current = Current {
            version: 2,
            revision: 14,
        };
        assert_eq!(failed(Some(current)).conflict, Some(Some(14)));
        assert_eq!(failed(None).conflict, Some(None));
        let other = refused(Error::NoLeader {
            reason: "1 of 3 voters up".to_owned(),
        });
        assert_eq!(other.conflict, None);
        assert!(
            other.reason.contains("1 of 3 voters up"),
            "{}",
            other.reason
        );
        assert!(other.reason.contains("majority"), "{}", other.reason);
    }
}
