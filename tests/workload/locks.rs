//! Locks: whoever holds one writes under its protection, and no write of a former holder comes
//! after one of its successor.
//!
//! Two ways are used. A pinned client takes a lock by hand: a lease, and a key that lives with it and
//! must not exist before. A roaming one also waits in the queue of [`Client::contend`]. Either way
//! the revision that created the holder's key is its fencing token, and a protected write is a
//! transaction that needs that key still to be there. Mutual exclusion is judged by these writes
//! alone, in the order of their revisions: a holder that was stopped past the end of its lease may
//! well believe to hold a lock that is another's.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use checker::revisions;
use common::{
    Client, Error,
    client::{Contender, Contest},
    types::{
        Comparison, Condition, GrantLeaseRequest, KeepAliveLeaseRequest, LeaseId, Lifetime,
        Operation, Operator, PutRequest, Revision, RevokeLeaseRequest, Target, TxnRequest,
    },
};
use rand::RngExt;

use super::{Caller, Checked, Evidence, TIMEOUT, Workload, check::writes};
use crate::history::{History, Outcome, Recorded, Recorder};

/// The lock that is taken by hand.
const BY_HAND: &str = "by hand";

/// The lock that is queued for.
const QUEUED: &str = "queued";

/// How long a holder that is not heard of keeps its lock.
const TTL: Duration = Duration::from_secs(2);

/// The most protected writes of one holder.
const WRITES: usize = 4;

/// What is asked.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "the lease is for whoever reads the history")]
enum Asked {
    Grant,
    Take(LeaseId),
    KeepAlive(LeaseId),
    /// A protected write, by the holder of this token.
    Write(Revision),
    Release(LeaseId),
    Queue,
}

/// What came back.
#[derive(Clone, Debug)]
enum Answer {
    Granted(LeaseId),
    Taken(Revision),
    /// Somebody else holds it, or the lease has ended.
    NotHeld,
    Kept,
    Written(Revision),
    Released,
}

type Call = Recorded<(&'static str, Asked), Answer>;

/// The workload and its history. What is asked is told with the name of the lock.
pub(super) struct Locks {
    namespace: String,
    history: History<(&'static str, Asked), Answer>,
}

/// The end of a lease is an answer here, and no failure.
fn or_ended(result: Result<Answer, Error>) -> Result<Answer, Error> {
    match result {
        Err(Error::LeaseNotFound { .. } | Error::ConditionFailed { .. }) => Ok(Answer::NotHeld),
        result => result,
    }
}

impl Locks {
    pub(super) fn new(shift: usize, recorder: &Arc<Recorder>) -> Self {
        Self {
            namespace: format!("locks-{shift}"),
            history: History::new("locks", Arc::clone(recorder)),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Takes the lock by hand, if it is free; returns the lease, and the token if it was.
    async fn take(&self, caller: &mut Caller) -> Option<(LeaseId, Option<Revision>)> {
        let client = caller.id;
        let call = async {
            let request = GrantLeaseRequest { ttl: TTL };
            Ok(Answer::Granted(caller.grant_lease(request).await?.id))
        };
        let asked = (BY_HAND, Asked::Grant);
        let granted = self.history.record(client, "grant", asked, call).await?;
        let Answer::Granted(lease) = granted else {
            return None;
        };
        let mut request = PutRequest::new(&self.namespace, BY_HAND, client.to_string());
        request.condition = Some(Condition::Absent);
        request.lifetime = Lifetime::Lease(lease);
        let call = async {
            let put = caller.put(request).await;
            or_ended(put.map(|reply| Answer::Taken(reply.revision)))
        };
        let asked = (BY_HAND, Asked::Take(lease));
        match self.history.record(client, "take", asked, call).await? {
            Answer::Taken(token) => Some((lease, Some(token))),
            _ => Some((lease, None)),
        }
    }

    /// Writes if the key of the holder is still there; returns whether it was.
    async fn write(
        &self,
        caller: &mut Caller,
        lock: &'static str,
        holder: Bytes,
        token: Revision,
    ) -> bool {
        let request = TxnRequest {
            compare: vec![Comparison {
                namespace: self.namespace.clone(),
                key: holder,
                target: Target::CreateRevision(Operator::Equal, token),
            }],
            then: vec![Operation::Put {
                namespace: self.namespace.clone(),
                key: format!("protected by {lock}").into(),
                value: token.to_string().into(),
                lifetime: Lifetime::Forever,
                previous: false,
            }],
            otherwise: Vec::new(),
        };
        let client = caller.id;
        let call = async {
            let reply = caller.txn(request).await?;
            Ok(if reply.succeeded {
                Answer::Written(reply.revision)
            } else {
                Answer::NotHeld
            })
        };
        let asked = (lock, Asked::Write(token));
        let answer = self.history.record(client, "write", asked, call).await;
        matches!(answer, Some(Answer::Written(_)))
    }

    async fn keep_alive(&self, caller: &mut Caller, id: LeaseId) -> bool {
        let client = caller.id;
        let call = async {
            let kept = caller.keep_alive_lease(KeepAliveLeaseRequest { id }).await;
            or_ended(kept.map(|_| Answer::Kept))
        };
        let asked = (BY_HAND, Asked::KeepAlive(id));
        let answer = self.history.record(client, "keep alive", asked, call).await;
        matches!(answer, Some(Answer::Kept))
    }

    async fn release(&self, caller: &mut Caller, id: LeaseId) -> bool {
        let client = caller.id;
        let call = async {
            let revoked = caller.revoke_lease(RevokeLeaseRequest { id }).await;
            or_ended(revoked.map(|_| Answer::Released))
        };
        let asked = (BY_HAND, Asked::Release(id));
        let answer = self.history.record(client, "release", asked, call).await;
        answer.is_some()
    }

    async fn by_hand(&self, caller: &mut Caller) -> bool {
        let Some((lease, token)) = self.take(caller).await else {
            return false;
        };
        if let Some(token) = token {
            for number in 0..caller.rng.random_range(1..=WRITES) {
                if number % 2 == 1 && !self.keep_alive(caller, lease).await {
                    break;
                }
                if !self.write(caller, BY_HAND, BY_HAND.into(), token).await {
                    break;
                }
            }
        }
        self.release(caller, lease).await
    }

    async fn queued(&self, caller: &mut Caller, client: Client) -> bool {
        let id = caller.id;
        let mut held = None;
        let call = async {
            let contender = self.contend(client).await?;
            let token = contender.token();
            held = Some(contender);
            Ok(Answer::Taken(token))
        };
        let call = async { or_ended(call.await) };
        let asked = (QUEUED, Asked::Queue);
        let answer = self.history.record(id, "queue", asked, call).await;
        let (Some(contender), Some(answer)) = (held, answer) else {
            return false;
        };
        if matches!(answer, Answer::Taken(_)) {
            for _ in 0..caller.rng.random_range(1..=WRITES) {
                let (key, token) = (contender.key().clone(), contender.token());
                if !self.write(caller, QUEUED, key, token).await {
                    break;
                }
            }
        }
        let lease = contender.lease();
        let call = async { or_ended(contender.release().await.map(|()| Answer::Released)) };
        let asked = (QUEUED, Asked::Release(lease));
        let answer = self.history.record(id, "release", asked, call).await;
        answer.is_some()
    }

    /// Waits in the queue for as long as a call may take. Who gives up leaves its place to its lease.
    async fn contend(&self, client: Client) -> Result<Contender, Error> {
        let waiting = async {
            let contest = Contest {
                namespace: self.namespace.clone(),
                name: QUEUED.into(),
                value: Bytes::new(),
                ttl: TTL,
            };
            let contender = client.contend(contest).await?;
            contender.held().await?;
            Ok(contender)
        };
        tokio::time::timeout(TIMEOUT, waiting)
            .await
            .unwrap_or_else(|_| {
                Err(Error::OutcomeUnknown {
                    reason: "the turn did not come in time".to_owned(),
                })
            })
    }
}

impl Workload for Locks {
    async fn work(&self, caller: &mut Caller) -> bool {
        match caller.client() {
            Some(client) if caller.rng.random_bool(0.5) => self.queued(caller, client).await,
            _ => self.by_hand(caller).await,
        }
    }
}

/// Whether the protected writes of one lock are those of one holder after the other: ordered by
/// revision their tokens never fall, and no two clients have one.
fn exclusive(lock: &str, calls: &[Call]) -> Vec<String> {
    let mut writes = BTreeMap::new();
    for call in calls {
        if let (name, Asked::Write(token)) = call.asked
            && name == lock
            && let Some(Outcome::Acknowledged(Answer::Written(revision))) = call.outcome
        {
            writes.insert(revision, (token, call.client));
        }
    }
    let mut violations = Vec::new();
    let mut last: Option<(Revision, u32)> = None;
    for (revision, (token, client)) in writes {
        if let Some((last_token, last_client)) = last
            && (token < last_token || token == last_token && client != last_client)
        {
            violations.push(format!(
                "lock {lock}: client {client} with token {token} wrote at revision {revision}, after \
                 client {last_client} with token {last_token}"
            ));
        }
        last = Some((token, client));
    }
    violations
}

impl Evidence for Locks {
    fn check(&self) -> Checked {
        let calls = self.history.calls();
        let locks = [BY_HAND, QUEUED];
        Checked {
            keys: locks.len(),
            calls: calls.len(),
            violations: locks
                .iter()
                .flat_map(|lock| exclusive(lock, &calls))
                .collect(),
            ..Checked::default()
        }
    }

    fn written(&self) -> Vec<revisions::Write<String>> {
        writes(&self.history.calls(), |answer| match answer {
            Answer::Written(revision) => Some(*revision),
            _ => None,
        })
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.history.write(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_of(client: u32, token: Revision, revision: Revision) -> Call {
        Recorded {
            client,
            asked: (QUEUED, Asked::Write(token)),
            start: revision,
            end: Some(revision),
            outcome: Some(Outcome::Acknowledged(Answer::Written(revision))),
        }
    }

    #[test]
    fn a_write_of_a_former_holder_after_its_successors_is_found() {
        let (one, two) = (write_of(1, 10, 11), write_of(2, 12, 13));
        let proper = [one.clone(), two.clone(), write_of(2, 12, 14)];
        assert_eq!(exclusive(QUEUED, &proper), Vec::<String>::new());
        let late = [one, two, write_of(1, 10, 14)];
        assert_eq!(exclusive(QUEUED, &late).len(), 1);
        let shared = [write_of(1, 10, 11), write_of(2, 10, 12)];
        assert_eq!(exclusive(QUEUED, &shared).len(), 1);
    }
}
