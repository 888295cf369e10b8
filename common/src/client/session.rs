//! The sessions of a client: each write gets a number, so that sending it again is safe.
//!
//! A session takes at most [`SESSION_WINDOW`] writes at a time; when more run side by side, or one
//! hangs, another session is opened beside it. A session that was not used for a while is left to
//! expire rather than used again: whether the cluster still knows it would be a guess.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    types::{MAX_SESSION_TTL, SESSION_WINDOW, Tag},
};

/// How long the cluster keeps a session without use, unless requests may take longer.
const TTL: Duration = Duration::from_secs(60);

/// The sessions of one client.
pub(super) struct Sessions {
    ttl: Duration,
    pool: Mutex<Vec<Session>>,
    /// Held while one is opened, so that many waiting writes open one.
    opening: tokio::sync::Mutex<()>,
}

struct Session {
    id: u64,
    next: u64,
    /// The numbers whose answers are waited for.
    waiting: BTreeSet<u64>,
    used: Instant,
}

impl Session {
    fn first_unacked(&self) -> u64 {
        self.waiting.first().copied().unwrap_or(self.next)
    }

    fn has_room(&self) -> bool {
        self.next - self.first_unacked() < SESSION_WINDOW
    }
}

/// The number of one write, as long as its answer is waited for.
pub(super) struct Ticket {
    sessions: Arc<Sessions>,
    pub(super) tag: Tag,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut pool = self.sessions.pool();
        if let Some(session) = pool.iter_mut().find(|one| one.id == self.tag.session) {
            session.waiting.remove(&self.tag.seq);
        }
    }
}

impl Sessions {
    /// For requests that take at most `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            ttl: timeout.saturating_mul(2).clamp(TTL, MAX_SESSION_TTL),
            pool: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Vec<Session>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a write; `open` opens a session of a time to live where there is no room.
    pub(super) async fn ticket<O, F>(self: &Arc<Self>, open: O) -> Result<Ticket, Error>
    where
        O: Fn(Duration) -> F,
        F: Future<Output = Result<u64, Error>>,
    {
        if let Some(ticket) = self.take() {
            return Ok(ticket);
        }
        let _one_at_a_time = self.opening.lock().await;
        loop {
            if let Some(ticket) = self.take() {
                return Ok(ticket);
            }
            // Counted from before the request: the cluster counts from later.
            let used = Instant::now();
            let id = open(self.ttl).await?;
            self.pool().push(Session {
                id,
                next: 1,
                waiting: BTreeSet::new(),
                used,
            });
        }
    }

    fn take(self: &Arc<Self>) -> Option<Ticket> {
        let now = Instant::now();
        let fresh = self.ttl * 2 / 3;
        let mut pool = self.pool();
        pool.retain(|one| !one.waiting.is_empty() || now - one.used < fresh);
        let session = pool
            .iter_mut()
            .find(|one| one.has_room() && now - one.used < fresh)?;
        let seq = session.next;
        session.next += 1;
        session.waiting.insert(seq);
        session.used = now;
        Some(Ticket {
            sessions: Arc::clone(self),
            tag: Tag {
                session: session.id,
                seq,
                first_unacked: session.first_unacked(),
            },
        })
    }

    /// The cluster does not know this session any more.
    pub(super) fn discard(&self, id: u64) {
        self.pool().retain(|one| one.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ticket(sessions: &Arc<Sessions>, opened: &Mutex<u64>) -> Ticket {
        let open = |_| async {
            let mut opened = opened.lock().unwrap();
            *opened += 100;
            Ok(*opened)
        };
        sessions.ticket(open).await.unwrap()
    }

    #[tokio::test]
    async fn numbers_count_up_and_the_lowest_unanswered_one_follows() {
        let (sessions, opened) = (Arc::new(Sessions::new(TTL)), Mutex::new(0));
        let first = ticket(&sessions, &opened).await;
        let second = ticket(&sessions, &opened).await;
        let tag = |session, seq, first_unacked| Tag {
            session,
            seq,
            first_unacked,
        };
        assert_eq!(first.tag, tag(100, 1, 1));
        assert_eq!(second.tag, tag(100, 2, 1));
        drop(first);
        assert_eq!(ticket(&sessions, &opened).await.tag, tag(100, 3, 2));
        drop(second);
        assert_eq!(ticket(&sessions, &opened).await.tag, tag(100, 4, 4));
        sessions.discard(100);
        assert_eq!(ticket(&sessions, &opened).await.tag, tag(200, 1, 1));
    }

    #[tokio::test]
    async fn a_hanging_write_fills_its_window_and_no_more() {
        let (sessions, opened) = (Arc::new(Sessions::new(TTL)), Mutex::new(0));
        let hanging = ticket(&sessions, &opened).await;
        for seq in 2..=SESSION_WINDOW {
            let next = ticket(&sessions, &opened).await;
            assert_eq!((next.tag.session, next.tag.seq), (100, seq));
        }
        assert_eq!(ticket(&sessions, &opened).await.tag.session, 200);
        drop(hanging);
        assert_eq!(ticket(&sessions, &opened).await.tag.session, 100);
    }

    #[tokio::test]
    async fn a_session_that_cannot_be_opened_is_tried_again_by_the_next_write() {
        let sessions = Arc::new(Sessions::new(TTL));
        let failed = sessions
            .ticket(|_| async { Err(Error::ShuttingDown) })
            .await;
        assert_eq!(failed.err(), Some(Error::ShuttingDown));
        assert_eq!(ticket(&sessions, &Mutex::new(0)).await.tag.session, 100);
    }
}
