//! Changes, told by any member.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    Error,
    types::{
        Cursor, Event, EventKind, MAX_WATCH_WAIT, OperationKind, PreviousValue, Revision,
        WatchReply, WatchRequest, WatchTarget,
    },
};

use super::{
    Call, Service,
    activity::Work,
    limits::{check_key, check_name, check_prefix},
    read::{barrier, internal},
};
use crate::{
    store,
    watch::{Bounds, Compacted, Interest, Keys, Place},
};

/// How much one answer returns.
const BOUNDS: Bounds = Bounds {
    events: 1000,
    bytes: 1 << 20,
};

/// How often a member that waits for a change makes sure that it would hear of one.
const LOOK_UP: Duration = Duration::from_secs(1);

impl Service {
    /// See [`Data::watch`](common::api::Data::watch).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn watch(&self, call: &Call, request: WatchRequest) -> Result<WatchReply, Error> {
        // It may wait for long: a member that stops does not wait for it, but ends it.
        drop(self.admit()?);
        check_name(&request.namespace)?;
        let keys = match request.target {
            WatchTarget::Key(key) => {
                check_key(&key)?;
                Keys::One(key)
            }
            WatchTarget::Prefix(prefix) => {
                check_prefix(&prefix, "prefix")?;
                Keys::Prefix(prefix)
            }
        };
        let interest = Interest {
            namespace: request.namespace,
            keys,
        };
        let wait = request.max_wait.min(MAX_WATCH_WAIT);
        let until = call.last_word().min(Instant::now() + wait);
        let part = self.part()?;
        let mut from = Place {
            revision: request.from.revision,
            seen: request.from.seen,
        };
        loop {
            let slice = until.min(Instant::now() + LOOK_UP);
            let found = tokio::select! {
                found = part.hub.poll(&interest, from, BOUNDS, slice) => found,
                () = self.stopping.cancelled() => return Err(Error::ShuttingDown),
            };
            let found = found.map_err(|Compacted { oldest }| Error::Compacted { oldest })?;
            from = found.next;
            let in_contact = part.consensus.in_contact();
            if !found.events.is_empty() || !in_contact || Instant::now() >= until {
                let events = found.events.iter();
                return Ok(WatchReply {
                    events: events
                        .map(|found| event(found, request.previous, request.keys_only))
                        .collect::<Result<_, _>>()?,
                    next: Cursor {
                        revision: from.revision,
                        seen: from.seen,
                    },
                    in_contact,
                });
            }
        }
    }

    /// See [`Data::revision`](common::api::Data::revision).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn revision(&self, call: &Call) -> Result<Revision, Error> {
        let _admitted = self.admit()?;
        self.route(
            call,
            &Work::new(OperationKind::Read),
            || async {
                let part = self.part()?;
                barrier(part, call).await?;
                Ok(part.consensus.applied())
            },
            |leader| async move { leader.revision().await },
        )
        .await
    }
}

fn event(found: &store::Event, previous: bool, keys_only: bool) -> Result<Event, Error> {
    let (new, old) = found.read().map_err(internal)?;
    let told = |value: Bytes| if keys_only { Bytes::new() } else { value };
    let mut event = Event {
        kind: match found.kind {
            store::EventKind::Put => EventKind::Put,
            store::EventKind::Deleted => EventKind::Delete,
            store::EventKind::Expired => EventKind::Expire,
            store::EventKind::NamespaceDeleted => EventKind::NamespaceDeleted,
        },
        key: Bytes::copy_from_slice(found.key()),
        size: 0,
        revision: found.revision,
        value: Bytes::new(),
        version: 0,
        create_revision: 0,
        previous: old.filter(|_| previous).map(|old| PreviousValue {
            value: told(old.value),
            revision: old.mod_revision,
            version: old.version,
        }),
    };
    if let Some(new) = new {
        event.size = new.value.len() as u64;
        event.value = told(new.value);
        event.version = new.version;
        event.create_revision = new.create_revision;
    }
    Ok(event)
}
