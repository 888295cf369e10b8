//! Asking, and putting the answers together.

use std::time::Duration;

use common::{
    Client, Error,
    types::{Member, MemberStatus, Role, TransferDirection},
};
use futures::{StreamExt, stream::FuturesUnordered};

use super::{CatchUp, Health, Kind, Replication, Seen, Survey};

/// Behind by more entries than this, a member is catching up; below it, it merely heard of them a
/// moment later. For members of which the leader does not say how long they have been behind.
const ENTRIES_BEHIND: u64 = 1000;

/// Behind by more entries than this, a member that has the log does not keep up with applying it,
/// however short the time.
const ENTRIES_FAR_BEHIND: u64 = 200_000;

/// Behind for longer than this, a member is catching up. Far above what a busy disk explains.
const TIME_BEHIND: Duration = Duration::from_secs(5);

/// A leader that has not heard from a majority for so long leads nobody. Many times any sensible
/// heartbeat interval.
const QUORUM_LOST: Duration = Duration::from_secs(3);

/// What came of asking one address.
pub(crate) type Reply = (String, Result<MemberStatus, Error>);

/// Asks the endpoints and every member they know, each for at most `timeout`.
///
/// # Errors
/// [`Error::Unreachable`] if nobody answers, or what they refused with.
pub(crate) async fn ask(endpoints: &[String], timeout: Duration) -> Result<Survey, Error> {
    let mut asked: Vec<String> = Vec::new();
    let mut waiting = FuturesUnordered::new();
    let question = |address: String| async move {
        let answer = match tokio::time::timeout(timeout, Client::status_of(&address, timeout)).await
        {
            Ok(answer) => answer,
            Err(_) => Err(Error::Unreachable {
                reason: format!("no answer within {timeout:?}"),
            }),
        };
        (address, answer)
    };
    for endpoint in endpoints {
        if !asked.contains(endpoint) {
            asked.push(endpoint.clone());
            waiting.push(question(endpoint.clone()));
        }
    }
    let mut replies: Vec<Reply> = Vec::new();
    while let Some(reply) = waiting.next().await {
        if let Ok(status) = &reply.1 {
            for member in &status.members {
                // A member that answers under another address is recognized by its id later on.
                if member.id != status.id && !asked.contains(&member.client_address) {
                    asked.push(member.client_address.clone());
                    waiting.push(question(member.client_address.clone()));
                }
            }
        }
        replies.push(reply);
    }
    // In the order they were asked, whoever was quicker.
    replies.sort_by_key(|(address, _)| asked.iter().position(|known| known == address));
    assemble(replies)
}

/// Puts the replies together.
pub(crate) fn assemble(replies: Vec<Reply>) -> Result<Survey, Error> {
    let mut answers: Vec<(String, MemberStatus)> = Vec::new();
    let mut silent: Vec<(String, Error)> = Vec::new();
    for (address, reply) in replies {
        match reply {
            // The same member under a second address.
            Ok(status) if answers.iter().any(|(_, known)| is_same(known, &status)) => {}
            Ok(status) => answers.push((address, status)),
            Err(error) => silent.push((address, error)),
        }
    }
    let Some(cluster_id) = majority_cluster(&answers) else {
        return Err(nobody(silent));
    };
    let mut remarks = Vec::new();
    answers.retain(|(address, status)| {
        let ours = status.cluster_id.is_empty() || status.cluster_id == cluster_id;
        if !ours {
            remarks.push(format!(
                "{address} belongs to another cluster ({}) and is left out",
                status.cluster_id
            ));
        }
        ours
    });
    let membership = answers
        .iter()
        .map(|(_, status)| status)
        .filter(|status| !status.members.is_empty())
        .max_by_key(|status| (status.term, status.role == Role::Leader, status.applied))
        .map(|status| status.members.clone())
        .unwrap_or_default();
    let commit = answers
        .iter()
        .map(|(_, status)| status.commit)
        .max()
        .unwrap_or(0);

    let mut members = Vec::new();
    for member in membership {
        let own = answers.iter().position(|(_, status)| {
            // One that does not know its id yet: the cluster is being formed, or has just added it.
            // A voter has started before; an empty node in its place is another one.
            let unaware = match status.role {
                Role::Forming => true,
                Role::Joining => !member.voter,
                _ => false,
            };
            let here = status.client_address == member.client_address;
            status.id == member.id || (status.id == 0 && unaware && here)
        });
        let answer = match own {
            Some(index) => Ok(answers.swap_remove(index).1),
            None => {
                let reason = silent
                    .iter()
                    .position(|(address, _)| *address == member.client_address)
                    .map(|index| reason(&silent.remove(index).1));
                let stranger = answers.iter().any(|(_, status)| {
                    status.id == 0 && status.client_address == member.client_address
                });
                let otherwise = if stranger {
                    "an empty node answers there"
                } else {
                    "did not answer"
                };
                Err(reason.unwrap_or_else(|| otherwise.to_owned()))
            }
        };
        members.push(seen(member, answer, commit));
    }
    let (leader, term, quorum_lost) = leader(&members);
    if let Some(status) = members
        .iter()
        .find(|seen| Some(seen.member.id) == leader.as_ref().map(|leader| leader.id))
        .and_then(Seen::status)
        .cloned()
    {
        for seen in &mut members {
            complete(seen, &status);
        }
    }
    let voters = members.iter().filter(|seen| seen.member.voter).count();
    let voters_up = members
        .iter()
        .filter(|seen| seen.member.voter && seen.is_up())
        .count();
    // Those that are in no membership: still forming, waiting, or removed.
    for (_, status) in answers {
        let mut other = seen(own_entry(&status), Ok(status), commit);
        if other.member.id != 0 && voters > 0 {
            other.health = Health::Removed;
        }
        members.push(other);
    }
    for (address, error) in silent {
        remarks.push(format!("{address} did not answer: {}", reason(&error)));
    }
    members.sort_by(|a, b| {
        (a.member.id, &a.member.client_address).cmp(&(b.member.id, &b.member.client_address))
    });

    Ok(Survey {
        cluster_id,
        term,
        leader,
        commit,
        voters,
        voters_up,
        members,
        remarks,
        quorum_lost,
    })
}

/// The leader of the highest term anyone knows, that term, and for how long the leader has not
/// heard from a majority, if that is too long.
fn leader(members: &[Seen]) -> (Option<Member>, u64, Option<Duration>) {
    let statuses = || {
        members
            .iter()
            .filter_map(|seen| Some((&seen.member, seen.answer.as_ref().ok()?)))
    };
    let leading = statuses()
        .filter(|(_, status)| status.role == Role::Leader)
        .max_by_key(|(_, status)| status.term);
    let highest = statuses().map(|(_, status)| status.term).max().unwrap_or(0);
    if let Some((member, status)) = leading {
        // A follower that campaigned alone behind a partition has a higher term and no followers:
        // a leader that still hears its majority leads.
        let lost = status.since_quorum.filter(|since| *since > QUORUM_LOST);
        return (Some(member.clone()), status.term, lost);
    }
    // The leader did not answer us; those that did may still follow it.
    let followed = statuses()
        .filter(|(_, status)| status.term == highest)
        .filter_map(|(_, status)| status.leader)
        .find_map(|id| members.iter().find(|seen| seen.member.id == id))
        .filter(|seen| seen.answer.is_err());
    (followed.map(|seen| seen.member.clone()), highest, None)
}

fn seen(member: Member, answer: Result<MemberStatus, String>, commit: u64) -> Seen {
    let lag = answer
        .as_ref()
        .ok()
        .map(|status| commit.saturating_sub(status.applied));
    let health = match &answer {
        Err(_) => Health::Unreachable,
        Ok(status) => match status.role {
            Role::Forming => Health::Forming,
            Role::Joining if member.id == 0 => Health::Waiting,
            Role::Joining => Health::Joining,
            Role::Stopping => Health::Stopping,
            // One that follows a leader has read its data.
            _ if status.leader.is_none() && !status.ready => Health::Starting,
            Role::Candidate => Health::Electing,
            _ if status.leader.is_none() => Health::Electing,
            _ if status.read_only.is_some() => Health::ReadOnly,
            _ if !status.alarms.is_empty() => Health::Alarm,
            _ if member.id != 0 && Kind::of(&member) == Kind::Joining => Health::Joining,
            _ if lag.is_some_and(|lag| lag > ENTRIES_BEHIND) => Health::CatchingUp,
            _ => Health::Ok,
        },
    };
    Seen {
        member,
        answer,
        lag,
        replication: None,
        catch_up: None,
        health,
    }
}

/// Adds what the leader knows of a member.
fn complete(seen: &mut Seen, leader: &MemberStatus) {
    let id = seen.member.id;
    if id == leader.id {
        // Only its own word counts: others may have been asked later.
        let lag = leader.commit.saturating_sub(leader.applied);
        seen.lag = Some(lag);
        if seen.health == Health::CatchingUp && lag <= ENTRIES_FAR_BEHIND {
            seen.health = Health::Ok;
        }
    }
    let known = leader.lags.iter().find(|lag| lag.id == id);
    seen.replication = known.map(|known| Replication {
        entries: known
            .matched
            .map(|matched| leader.last_log.saturating_sub(matched)),
        behind: known.behind,
        last_contact: known.last_contact,
    });
    if let (Health::Ok | Health::CatchingUp, Some(known), Some(lag)) =
        (seen.health, known, seen.lag)
    {
        let late = known.behind > TIME_BEHIND || lag > ENTRIES_FAR_BEHIND;
        seen.health = if late { Health::CatchingUp } else { Health::Ok };
    }
    let receiving = leader
        .transfers
        .iter()
        .find(|transfer| transfer.direction == TransferDirection::Sending && transfer.peer == id);
    let unfinished = matches!(seen.health, Health::Joining | Health::CatchingUp);
    seen.catch_up = match (receiving, known) {
        (Some(transfer), _) => Some(CatchUp::Snapshot {
            bytes: transfer.bytes,
            total: transfer.total,
        }),
        (None, known) if unfinished => {
            let own = seen.status().map(|status| status.last_log);
            let matched = known.and_then(|known| known.matched).or(own);
            matched.map(|matched| CatchUp::Entries {
                matched,
                of: leader.last_log,
            })
        }
        _ => None,
    };
}

fn is_same(a: &MemberStatus, b: &MemberStatus) -> bool {
    a.cluster_id == b.cluster_id && a.id == b.id && (a.id != 0 || a.peer_address == b.peer_address)
}

/// The cluster that most of them belong to; of several, the one asked first.
fn majority_cluster(answers: &[(String, MemberStatus)]) -> Option<String> {
    let ids = || answers.iter().map(|(_, status)| &status.cluster_id);
    let count = |id: &String| ids().filter(|other| *other == id).count();
    // `max_by_key` keeps the last of equals.
    ids()
        .rev()
        .max_by_key(|id| (!id.is_empty(), count(id)))
        .cloned()
}

/// A member as it describes itself.
fn own_entry(status: &MemberStatus) -> Member {
    Member {
        id: status.id,
        name: status.name.clone(),
        voter: false,
        stays_learner: false,
        replaces: None,
        client_address: status.client_address.clone(),
        peer_address: status.peer_address.clone(),
    }
}

fn nobody(silent: Vec<(String, Error)>) -> Error {
    let unreachable = |error: &Error| matches!(error, Error::Unreachable { .. });
    match silent.iter().find(|(_, error)| !unreachable(error)) {
        Some((_, error)) => error.clone(),
        None => Error::Unreachable {
            reason: silent
                .iter()
                .map(|(address, error)| format!("{address}: {}", reason(error)))
                .collect::<Vec<_>>()
                .join("; "),
        },
    }
}

/// Why there was no answer.
fn reason(error: &Error) -> String {
    match error {
        Error::Unreachable { reason } => reason.clone(),
        error => error.to_string(),
    }
}
