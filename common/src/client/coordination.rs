//! Locks and elections: who holds a name, in the order in which they asked for it.
//!
//! Each contender grants itself a lease and writes a key `NAME/LEASE` that lives with it. The one
//! whose key was created first holds the name; each other waits for the one before it to go, so
//! that a release wakes one and not all (Hunt et al., "ZooKeeper: Wait-free coordination for
//! Internet-scale systems", 2010, section 2.4, "Simple locks without herd effect").
//!
//! # Caveats
//!
//! A lease is a promise about time, and a process may sleep through its end. Whoever was stopped
//! for longer than the lease lasts is not the holder any more when it goes on, and knows it only a
//! moment later. What must not be done by two at once therefore carries the **fencing token**,
//! [`Contender::token`], to the resource: it grows from one holder to the next, and the resource
//! refuses one lower than it has seen.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::{sync::watch, task::JoinHandle};

use super::{Client, Start, WatchItem, WatchOptions};
use crate::{
    error::Error,
    types::{
        Condition, Consistency, Entry, EventKind, GrantLeaseRequest, KeepAliveLeaseRequest,
        LeaseId, Lifetime, ListRequest, PutRequest, Revision, RevokeLeaseRequest, WatchTarget,
    },
};

/// The length of a lease's number in the key of a contender, `NAME/LEASE`: hexadecimal digits.
pub const LEASE_DIGITS: usize = 16;

/// The shortest time that a request to keep a lease alive is given.
const MIN_ATTEMPT: Duration = Duration::from_millis(200);

/// The shortest pause before a lease that could not be kept alive is tried again.
const MIN_PAUSE: Duration = Duration::from_millis(50);

/// The longest.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What is contended for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// The namespace.
    pub namespace: String,
    /// The name of the lock or office.
    pub name: Bytes,
    /// What the others may read of this contender.
    pub value: Bytes,
    /// How long a contender that is not heard of keeps its place:
    /// [`MIN_LEASE_TTL`](crate::types::MIN_LEASE_TTL) or more.
    pub ttl: Duration,
}

/// A place in the queue for a name, kept by a lease that is kept alive in the background. Dropping
/// it leaves the place to its lease; [`Contender::release`] gives it up at once.
pub struct Contender {
    client: Client,
    namespace: String,
    prefix: Bytes,
    key: Bytes,
    lease: LeaseId,
    token: Revision,
    ends: watch::Receiver<Option<Instant>>,
    keeper: Keeper,
}

/// The task that keeps a lease alive, as long as this lives.
struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    /// Takes a place in the queue for a name. [`Contender::held`] waits for the turn.
    ///
    /// If this is dropped before it has returned, a place may be left to its lease.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn contend(&self, contest: Contest) -> Result<Contender, Error> {
        let began = Instant::now();
        let ttl = contest.ttl;
        let lease = self.grant_lease(GrantLeaseRequest { ttl }).await?.id;
        let (keep, ends) = watch::channel(Some(began + ttl));
        // From now on: a failover may make the write take longer than the lease lasts.
        let keeper = Keeper(tokio::spawn(keep_alive(self.clone(), lease, ttl, keep)));
        let prefix: Bytes = [&contest.name[..], b"/"].concat().into();
        let key: Bytes = [&prefix[..], format!("{lease:0LEASE_DIGITS$x}").as_bytes()]
            .concat()
            .into();
        let mut put = PutRequest::new(&contest.namespace, key.clone(), contest.value);
        put.lifetime = Lifetime::Lease(lease);
        put.condition = Some(Condition::Absent);
        let token = match self.put(put).await {
            Ok(reply) => reply.revision,
            Err(error) => {
                drop(keeper);
                // Not to stand in the queue without an owner, if it does.
                let _ = self.revoke_lease(RevokeLeaseRequest { id: lease }).await;
                return Err(error);
            }
        };
        Ok(Contender {
            client: self.clone(),
            namespace: contest.namespace,
            prefix,
            key,
            lease,
            token,
            ends,
            keeper,
        })
    }

    /// Who holds a name: the contender that was first of those that are there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn holder(&self, namespace: &str, name: &[u8]) -> Result<Option<Entry>, Error> {
        let prefix = [name, b"/"].concat().into();
        let queue = self.queue(namespace, prefix).await?;
        Ok(queue.into_iter().min_by_key(|entry| entry.create_revision))
    }

    async fn queue(&self, namespace: &str, prefix: Bytes) -> Result<Vec<Entry>, Error> {
        let mut queue = Vec::new();
        let mut page = None;
        loop {
            let request = ListRequest {
                namespace: namespace.to_owned(),
                prefix: prefix.clone(),
                page,
                consistency: Consistency::Linearizable,
                ..ListRequest::default()
            };
            let reply = match self.list(request).await {
                Ok(reply) => reply,
                Err(Error::NamespaceNotFound { .. }) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            // "a/b" is a name beside "a", and its contenders stand below "a/", too.
            let place = prefix.len() + LEASE_DIGITS;
            let mine = |entry: &Entry| {
                entry.key.len() == place && !entry.key[prefix.len()..].contains(&b'/')
            };
            queue.extend(reply.entries.into_iter().filter(mine));
            page = reply.next;
            if page.is_none() {
                return Ok(queue);
            }
        }
    }
}

impl Contender {
    /// The fencing token: the revision that created this contender's key. Each holder of a name has
    /// a greater one than all holders before it.
    pub fn token(&self) -> Revision {
        self.token
    }

    /// The key of this contender.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The lease that keeps the place.
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// Who holds the name now; this contender, if the entry's key is its own.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::LeaseNotFound`] if this contender has lost its place.
    pub async fn holder(&self) -> Result<Entry, Error> {
        let queue = self.places().await?;
        let first = queue.into_iter().min_by_key(|entry| entry.create_revision);
        first.ok_or(Error::LeaseNotFound { id: self.lease })
    }

    /// Waits until this contender holds the name.
    ///
    /// # Errors
    /// [`Error::LeaseNotFound`] if its lease ended meanwhile; what else is in the way, see
    /// [`Error`]: call again to go on waiting.
    pub async fn held(&self) -> Result<(), Error> {
        loop {
            let queue = self.places().await?;
            let before = queue
                .into_iter()
                .filter(|entry| entry.create_revision < self.token)
                .max_by_key(|entry| entry.create_revision);
            match before {
                None => return Ok(()),
                Some(entry) => self.gone(entry).await?,
            }
        }
    }

    /// The contenders that are there, this one among them.
    async fn places(&self) -> Result<Vec<Entry>, Error> {
        let queue = self.client.queue(&self.namespace, self.prefix.clone());
        let queue = queue.await?;
        if queue.iter().any(|entry| entry.key == self.key) {
            Ok(queue)
        } else {
            Err(Error::LeaseNotFound { id: self.lease })
        }
    }

    /// Waits until another contender has left the queue, or this one has lost its place.
    async fn gone(&self, other: Entry) -> Result<(), Error> {
        let mut watch = self.client.watch(WatchOptions {
            namespace: self.namespace.clone(),
            target: WatchTarget::Key(other.key),
            start: Start::Initial,
            previous: false,
            keys_only: false,
            resync: true,
        });
        let mut there = false;
        let lost = self.lost();
        tokio::pin!(lost);
        loop {
            let item = tokio::select! {
                () = &mut lost => return Err(Error::LeaseNotFound { id: self.lease }),
                item = watch.next() => item?,
            };
            match item {
                WatchItem::Entry(_) => there = true,
                WatchItem::Resync => there = false,
                WatchItem::Ready if !there => return Ok(()),
                WatchItem::Event(event) if event.kind != EventKind::Put => return Ok(()),
                WatchItem::Ready | WatchItem::Event(_) => {}
            }
        }
    }

    /// Returns when the place is lost or can no longer be relied on: the lease is known to have
    /// ended, or was not confirmed for its time to live, counted from before the last request.
    pub async fn lost(&self) {
        let mut ends = self.ends.clone();
        loop {
            let Some(end) = *ends.borrow_and_update() else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep_until(end.into()) => {
                    if ends.borrow().is_none_or(|end| end <= Instant::now()) {
                        return;
                    }
                }
                changed = ends.changed() => if changed.is_err() {
                    return tokio::time::sleep_until(end.into()).await;
                },
            }
        }
    }

    /// Gives the place up: the next in the queue has its turn.
    ///
    /// # Errors
    /// See [`Error`]; the lease ends by itself then.
    pub async fn release(self) -> Result<(), Error> {
        drop(self.keeper);
        let request = RevokeLeaseRequest { id: self.lease };
        match self.client.revoke_lease(request).await {
            Ok(_) | Err(Error::LeaseNotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Keeps a lease alive until it is known to have ended.
async fn keep_alive(
    client: Client,
    id: LeaseId,
    ttl: Duration,
    ends: watch::Sender<Option<Instant>>,
) {
    let every = ttl / 3;
    let again = (ttl / 20).clamp(MIN_PAUSE, MAX_PAUSE);
    let patient = client.with_timeout(every.max(MIN_ATTEMPT));
    let mut pause = every;
    loop {
        tokio::time::sleep(pause).await;
        let began = Instant::now();
        pause = match patient.keep_alive_lease(KeepAliveLeaseRequest { id }).await {
            Ok(_) => {
                ends.send_replace(Some(began + ttl));
                every
            }
            Err(Error::LeaseNotFound { .. }) => {
                ends.send_replace(None);
                return;
            }
            // The next attempt may succeed, and must not come too late; `lost` watches the time.
            Err(error) => {
                tracing::debug!(%error, lease = id, "a lease was not kept alive");
                again
            }
        };
    }
}
