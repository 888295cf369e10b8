//! What lives and ends: leases, sessions, expiry, and what deleted namespaces leave.

use super::*;
use crate::engine::Reader;

/// What is due, in the order in which it is removed at one time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Entry(u32, Vec<u8>),
    Lease(u64),
    Session(u64),
}

impl Model {
    pub(super) fn keep_time(&mut self, command: &Command) -> Reply {
        let revision = self.index;
        match *command {
            Command::GrantLease { ttl } => {
                let ends = self.clock.saturating_add(ttl);
                self.leases.insert(revision, Lease { ttl, ends });
                Ok(Outcome::Lease(self.info(revision)))
            }
            Command::KeepAliveLease { id } => {
                let now = self.clock;
                let lease = self.lease(id)?;
                lease.ends = now.saturating_add(lease.ttl);
                Ok(Outcome::Lease(self.info(id)))
            }
            Command::RevokeLease { id } => {
                let now = self.clock;
                self.lease(id)?.ends = now;
                let keys = self.info(id).keys;
                Ok(Outcome::LeaseRevoked { revision, keys })
            }
            Command::OpenSession { ttl } => {
                let session = Session {
                    ttl,
                    used: self.clock,
                    due: self.clock.saturating_add(ttl),
                    low: 1,
                    replies: BTreeMap::new(),
                };
                self.sessions.insert(revision, session);
                Ok(Outcome::SessionOpened { id: revision })
            }
            Command::CloseSession { id } => {
                self.sessions.remove(&id);
                Ok(Outcome::SessionClosed)
            }
            Command::Reclaim { limit } => Ok(self.reclaim(limit)),
            Command::Expire { limit } => Ok(self.expire(limit)),
            ref other => unreachable!("not of time: {other:?}"),
        }
    }

    pub(super) fn once(&mut self, tag: Tag, command: &Command) -> Reply {
        let expired = Rejection::SessionExpired {
            session: tag.session,
        };
        let now = self.clock;
        let alive = |session: &&Session| now < session.used.saturating_add(session.ttl);
        let Some(session) = self.sessions.get(&tag.session).filter(alive) else {
            return Err(expired);
        };
        let seq = tag.seq;
        let low = session.low.max(tag.first_unacked);
        if seq < low {
            return Err(Rejection::StaleTag { seq, low });
        }
        if let Some((first, reply)) = session.replies.get(&seq) {
            if first != command {
                return Err(Rejection::TagReused { seq });
            }
            return reply.clone();
        }
        if seq - low >= WINDOW {
            let window = WINDOW;
            return Err(Rejection::TagOutOfWindow { seq, low, window });
        }
        let reply = self.execute(command);
        let session = self.sessions.get_mut(&tag.session).unwrap();
        session.used = now;
        session.low = low;
        session.replies.retain(|seq, _| *seq >= low);
        session
            .replies
            .insert(seq, (command.clone(), reply.clone()));
        reply
    }

    fn lease(&mut self, id: u64) -> Result<&mut Lease, Rejection> {
        let now = self.clock;
        let lease = self.leases.get_mut(&id);
        let alive = lease.filter(|lease| now < lease.ends);
        alive.ok_or(Rejection::LeaseNotFound { id })
    }

    /// Everything stored, by number of the namespace and key.
    fn everything(&self) -> BTreeMap<(u32, &[u8]), &Item> {
        let live = self.spaces.values().map(|space| (space.id, &space.items));
        let dropped = self.dropped.iter().map(|(id, items)| (*id, items));
        let all = live.chain(dropped).flat_map(|(id, items)| {
            let items = items.iter();
            items.map(move |(key, item)| ((id, &key[..]), item))
        });
        all.collect()
    }

    fn leased(&self, lease: u64) -> Vec<(u32, Vec<u8>)> {
        let all = self.everything().into_iter();
        let leased = all.filter(|(_, item)| item.life == Life::Lease(lease));
        leased.map(|((id, key), _)| (id, key.to_vec())).collect()
    }

    fn info(&self, id: u64) -> LeaseInfo {
        let Lease { ttl, ends } = self.leases[&id];
        LeaseInfo {
            id,
            ttl,
            remaining: ends.saturating_sub(self.clock),
            keys: self.leased(id).len() as u64,
        }
    }

    /// All that ends some day, the earliest first.
    pub(super) fn due(&self) -> Vec<(u64, Due)> {
        let entries = self.everything().into_iter();
        let entries = entries.filter_map(|((id, key), item)| match item.life {
            Life::Until(end) => Some((end, Due::Entry(id, key.to_vec()))),
            _ => None,
        });
        let leases = self
            .leases
            .iter()
            .map(|(id, lease)| (lease.ends, Due::Lease(*id)));
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|(id, session)| (session.due, Due::Session(*id)));
        let mut all: Vec<_> = entries.chain(leases).chain(sessions).collect();
        all.sort();
        all
    }

    fn expire(&mut self, limit: u32) -> Outcome {
        let mut removed = 0;
        let mut left = false;
        let clock = self.clock;
        for (_, due) in self.due().into_iter().filter(|(at, _)| *at <= clock) {
            if removed == limit {
                left = true;
                break;
            }
            match due {
                Due::Entry(id, key) => {
                    self.end_entry(id, &key);
                    removed += 1;
                }
                Due::Lease(lease) => {
                    let mut leased = self.leased(lease);
                    leased.truncate((limit - removed) as usize);
                    for (id, key) in &leased {
                        self.end_entry(*id, key);
                    }
                    removed += leased.len() as u32;
                    if removed == limit {
                        left = true;
                        break;
                    }
                    self.leases.remove(&lease);
                    removed += 1;
                }
                Due::Session(id) => {
                    let session = self.sessions.get_mut(&id).unwrap();
                    session.due = session.used.saturating_add(session.ttl);
                    if session.due <= clock {
                        self.sessions.remove(&id);
                    }
                    removed += 1;
                }
            }
        }
        Outcome::Expired { removed, left }
    }

    fn end_entry(&mut self, id: u32, key: &[u8]) {
        if let Some(items) = self.dropped.get_mut(&id) {
            items.remove(key).unwrap();
            return;
        }
        let (name, _) = self
            .spaces
            .iter()
            .find(|(_, space)| space.id == id)
            .unwrap();
        let name = name.clone();
        self.remove(&name, key);
    }

    fn reclaim(&mut self, limit: u32) -> Outcome {
        let mut removed = 0;
        let ids: Vec<u32> = self.dropped.keys().copied().take(limit as usize).collect();
        for id in ids {
            if removed == limit {
                break;
            }
            let items = self.dropped.get_mut(&id).unwrap();
            while removed < limit && items.pop_first().is_some() {
                removed += 1;
            }
            if items.is_empty() {
                self.dropped.remove(&id);
            }
        }
        Outcome::Reclaimed {
            removed,
            left: !self.dropped.is_empty(),
        }
    }

    pub(super) fn check_leases(&self, engine: &dyn Reader) {
        let live = |id: &u64| self.clock < self.leases[id].ends;
        let infos: Vec<_> = (self.leases.keys())
            .filter(|id| live(id))
            .map(|id| self.info(*id))
            .collect();
        assert_eq!(leases(engine, None, usize::MAX).unwrap(), infos);
        for id in self.leases.keys() {
            let keys = self.leased(*id).into_iter().filter_map(|(space, key)| {
                let name = self.spaces.iter().find(|(_, one)| one.id == space)?.0;
                Some((name.clone(), Bytes::from(key)))
            });
            let described = live(id).then(|| (self.info(*id), keys.collect::<Vec<_>>()));
            assert_eq!(describe_lease(engine, *id, 1000).unwrap(), described);
        }
    }
}
