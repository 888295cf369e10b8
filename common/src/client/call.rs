//! One request from its first attempt to its answer: what is tried again, and what an error means.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tarpc::{client::RpcError, context};

use super::{Client, Writes, link::Link};
use crate::{
    error::Error,
    transport::{Limits, OversizedMessage, context_until},
    types::{Consistency, MAX_DELETE_BYTES, MAX_KEY_BYTES, OpenSessionRequest, Tag},
};

/// The first pause before a request is sent again; doubled each time up to [`MAX_BACKOFF`].
pub(super) const MIN_BACKOFF: Duration = Duration::from_millis(2);

/// The longest pause before a request is sent again.
const MAX_BACKOFF: Duration = Duration::from_millis(100);

/// The shortest time for an attempt after which another member is asked, if a second attempt is
/// harmless: a member that hangs must not use up all the time there is.
const MIN_ATTEMPT: Duration = Duration::from_secs(1);

/// Whether a request changes anything, and what it may read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A second attempt would be a second write.
    Write,
    /// A write with a tag: however often it is sent, it is carried out once.
    Once,
    /// A write that means the same when it is carried out twice.
    Idempotent,
    Read(Consistency),
}

impl Kind {
    /// Whether it may be sent again when nobody knows what became of it.
    fn is_repeatable(self) -> bool {
        self != Self::Write
    }
}

impl Client {
    /// Runs a write as one of a session; see [`session`](super::session).
    pub(super) async fn write<T, F, Fut>(&self, attempt: F) -> Result<T, Error>
    where
        F: Fn(Link, context::Context, Option<Tag>) -> Fut,
        Fut: Future<Output = Result<Result<Result<T, Error>, RpcError>, Error>>,
    {
        let sessions = match &self.writes {
            Writes::Sessions(sessions) => sessions,
            Writes::Tagged(tag) => {
                let tag = *tag;
                let kind = match tag {
                    Some(_) if !self.router.config.relay => Kind::Once,
                    _ => Kind::Write,
                };
                return self
                    .call(kind, |link, context| attempt(link, context, tag))
                    .await;
            }
        };
        let deadline = Instant::now() + self.timeout;
        loop {
            let opening = sessions.ticket(|ttl| async move {
                let left = self.with_timeout(deadline.saturating_duration_since(Instant::now()));
                match left.open_session(OpenSessionRequest { ttl }).await {
                    Ok(opened) => Ok(opened.session),
                    // The write itself was not sent.
                    Err(Error::OutcomeUnknown { reason }) => Err(Error::NoLeader { reason }),
                    Err(error) => Err(error),
                }
            });
            let Ok(ticket) = tokio::time::timeout_at(deadline.into(), opening).await else {
                return Err(not_sent(None, self.timeout));
            };
            let ticket = ticket?;
            let tag = ticket.tag;
            let answer = self
                .call_until(deadline, Kind::Once, |link, context| {
                    attempt(link, context, Some(tag))
                })
                .await;
            match answer {
                // Said to the first attempt: nothing of it was carried out.
                Err(Error::SessionExpired { session }) if Instant::now() < deadline => {
                    sessions.discard(session);
                }
                answer => return answer,
            }
        }
    }

    /// Runs one request until it has an answer, or an error that a further attempt cannot mend, or
    /// the time is over.
    pub(super) async fn call<T, F, Fut>(&self, kind: Kind, attempt: F) -> Result<T, Error>
    where
        F: Fn(Link, context::Context) -> Fut,
        Fut: Future<Output = Result<Result<Result<T, Error>, RpcError>, Error>>,
    {
        self.call_until(Instant::now() + self.timeout, kind, attempt)
            .await
    }

    async fn call_until<T, F, Fut>(
        &self,
        deadline: Instant,
        kind: Kind,
        attempt: F,
    ) -> Result<T, Error>
    where
        F: Fn(Link, context::Context) -> Fut,
        Fut: Future<Output = Result<Result<Result<T, Error>, RpcError>, Error>>,
    {
        let timeout = self.timeout;
        let stale = matches!(kind, Kind::Read(consistency) if consistency.is_stale());
        // Members whose state was too old for this read.
        let mut too_old = Vec::new();
        let mut backoff = MIN_BACKOFF;
        let mut last = None;
        // Why an attempt of a write may have been carried out, if one may.
        let mut doubt = None;
        loop {
            let routed = match self.router.current(stale, &too_old) {
                Some(link) => Ok(link),
                None => {
                    let searching = self.router.link(stale, &too_old);
                    match tokio::time::timeout_at(deadline.into(), searching).await {
                        Ok(routed) => routed,
                        Err(_) => return Err(doubt.unwrap_or_else(|| not_sent(last, timeout))),
                    }
                }
            };
            let error = match routed {
                Err(error) => error,
                // What is sent without time for an answer would end as "outcome unknown".
                Ok(_) if Instant::now() >= deadline => {
                    return Err(doubt.unwrap_or_else(|| not_sent(last, timeout)));
                }
                Ok(link) => {
                    let answers = link.answers();
                    let until = self.attempt_until(kind, deadline);
                    match attempt(link.clone(), context_until(until)).await {
                        // More than this member takes: nothing was sent.
                        Err(error) => error,
                        Ok(Err(RpcError::Send(error))) => unsendable(&*error),
                        Ok(Ok(answer)) => {
                            link.answered();
                            match answer {
                                Ok(reply) => return Ok(reply),
                                Err(error) => {
                                    self.heed(&link, &error);
                                    if matches!(error, Error::TooStale { .. }) {
                                        avoid(&mut too_old, &link);
                                    }
                                    error
                                }
                            }
                        }
                        Ok(Err(broken)) => {
                            let late = matches!(broken, RpcError::DeadlineExceeded);
                            if !late || link.answers() == answers {
                                self.router.forget(&link, late);
                            }
                            match (interrupted(kind, &broken, timeout), &last) {
                                // What was seen before says more than the clock does.
                                (Error::DeadlineExceeded { .. }, Some(_)) => {
                                    return Err(not_sent(last, timeout));
                                }
                                (error, _) => error,
                            }
                        }
                    }
                }
            };
            match &error {
                Error::OutcomeUnknown { .. } if kind.is_repeatable() => {
                    doubt = Some(error.clone());
                }
                // About this attempt: to the first one the session would have given its answer.
                error if doubt.is_some() && error.is_about_the_attempt() => {
                    let reason = format!("an attempt was cut off, then: {error}");
                    return Err(Error::OutcomeUnknown { reason });
                }
                Error::DeadlineExceeded { .. } if matches!(kind, Kind::Write | Kind::Read(_)) => {
                    return Err(error);
                }
                error if !error.is_retryable() => return Err(error.clone()),
                _ => {}
            }
            if self.router.config.relay {
                return Err(in_the_end(error, timeout));
            }
            let pause = match &error {
                Error::Overloaded { retry_after, .. } => (*retry_after).max(backoff),
                // The next attempt goes elsewhere.
                Error::TooStale { .. } if too_old.len() < self.router.addresses().len() => {
                    Duration::ZERO
                }
                Error::NotLeader { leader: Some(_) } | Error::ShuttingDown if last.is_none() => {
                    Duration::ZERO
                }
                _ => backoff,
            };
            // A member may tell any time to wait: beyond what an instant can hold.
            if pause >= deadline.saturating_duration_since(Instant::now()) {
                return Err(doubt.unwrap_or_else(|| in_the_end(error, timeout)));
            }
            tokio::time::sleep(pause).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
            last = Some(error);
        }
    }

    /// When an attempt is given up for another one.
    fn attempt_until(&self, kind: Kind, deadline: Instant) -> Instant {
        match kind {
            Kind::Once | Kind::Idempotent if !self.router.config.relay => {
                deadline.min(Instant::now() + (self.timeout / 3).max(MIN_ATTEMPT))
            }
            _ => deadline,
        }
    }

    /// Takes from a member's error where further requests should go.
    fn heed(&self, link: &Link, error: &Error) {
        match error {
            Error::NotLeader { leader } => self.router.follow(link, leader.as_ref()),
            // It says so until it is gone; the others know who takes over.
            Error::ShuttingDown => self.router.forget(link, false),
            // It is cut off from the others, who may have elected another leader: asked last.
            Error::NoLeader { .. } | Error::OutcomeUnknown { .. } if !self.router.config.relay => {
                self.router.forget(link, true);
            }
            _ => {}
        }
    }
}

/// A read goes to the other members before it comes back to this one.
fn avoid(too_old: &mut Vec<String>, link: &Link) {
    too_old.retain(|address| address != link.address());
    too_old.push(link.address().to_owned());
}

/// The error of a request that certainly had no effect when its time was over.
fn not_sent(last: Option<Error>, timeout: Duration) -> Error {
    last.map_or(Error::DeadlineExceeded { timeout }, |last| {
        in_the_end(last, timeout)
    })
}

/// The error to end with when the time for further attempts is over.
fn in_the_end(last: Error, timeout: Duration) -> Error {
    match last {
        Error::NotLeader { .. } => Error::NoLeader {
            reason: format!("no member led with a majority for {timeout:?}"),
        },
        other => other,
    }
}

/// What a request that got no answer from its connection means to the caller.
fn interrupted(kind: Kind, error: &RpcError, timeout: Duration) -> Error {
    match (kind, error) {
        (Kind::Read(_), RpcError::DeadlineExceeded) => Error::DeadlineExceeded { timeout },
        (Kind::Read(_), error) => Error::Unreachable {
            reason: error.to_string(),
        },
        (_, RpcError::DeadlineExceeded) => Error::OutcomeUnknown {
            reason: format!("no answer within {timeout:?}"),
        },
        (_, error) => Error::OutcomeUnknown {
            reason: format!("the connection to the member broke ({error})"),
        },
    }
}

/// What a request means that could not be put into a frame. Nothing of it was sent.
fn unsendable(error: &(dyn std::error::Error + 'static)) -> Error {
    let oversized = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
        .and_then(|inner| inner.downcast_ref::<OversizedMessage>());
    match oversized {
        // The server derives the limit from this setting.
        Some(found) => too_large("request", found.size, found.limit, "--max-value-bytes"),
        None => Error::Invalid {
            message: format!("the request cannot be encoded: {error}"),
        },
    }
}

/// Refuses what the server would refuse, before it is sent.
pub(super) fn check_key(key: &[u8]) -> Result<(), Error> {
    if key.len() > MAX_KEY_BYTES {
        return Err(too_large("key", key.len(), MAX_KEY_BYTES, "fixed"));
    }
    Ok(())
}

/// Likewise for a key and its value.
pub(super) fn check_entry(limits: &Limits, key: &[u8], value: Option<usize>) -> Result<(), Error> {
    check_key(key)?;
    let limit = usize::try_from(limits.max_value_bytes).unwrap_or(usize::MAX);
    match value {
        Some(size) if size > limit => Err(too_large("value", size, limit, "--max-value-bytes")),
        _ => Ok(()),
    }
}

/// Likewise for the keys of a deletion.
pub(super) fn check_keys(keys: &[Bytes]) -> Result<(), Error> {
    let mut bytes = 0;
    for key in keys {
        check_key(key)?;
        bytes += key.len();
    }
    if bytes > MAX_DELETE_BYTES {
        return Err(too_large("list of keys", bytes, MAX_DELETE_BYTES, "fixed"));
    }
    Ok(())
}

fn too_large(what: &str, size: usize, limit: usize, setting: &str) -> Error {
    Error::TooLarge {
        what: what.to_owned(),
        size: size as u64,
        limit: limit as u64,
        setting: setting.to_owned(),
    }
}
