//! What commands changed, for those who watch.
//!
//! An event shares the bytes of the engine's own records, so that making one copies nothing; they
//! are read when somebody asks ([`Event::read`]).
//!
//! # Invariants
//!
//! - The events of a command are a function of the state and the command, in an order that is the
//!   same on every replica: a place among them means the same everywhere.
//! - A rejected command has none, and neither has one that only moves the life of an entry.
//! - An entry that has ended and was not removed yet gets its [`EventKind::Expired`] when it is
//!   removed or replaced, whichever comes first: once.
//! - The entries of a deleted namespace have none: [`EventKind::NamespaceDeleted`] stands for all.

use std::sync::Arc;

use bytes::Bytes;

use super::apply::Applier;
use super::keys::Key;
use super::record::{self, EntryHead};
use crate::engine::{EngineError, Slice};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A value was set.
    Put,
    /// An entry was deleted.
    Deleted,
    /// An entry had outlived its time, or its lease.
    Expired,
    /// A namespace was deleted with all that was in it.
    NamespaceDeleted,
}

/// A change to one entry, or the end of a namespace.
#[derive(Debug, Clone)]
pub struct Event {
    /// The index of the command.
    pub revision: u64,
    /// What happened.
    pub kind: EventKind,
    /// The name of the namespace.
    pub namespace: Arc<str>,
    /// The engine's key of the entry; empty for a namespace.
    place: Slice,
    new: Option<Slice>,
    old: Option<Slice>,
}

/// A value, with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The value.
    pub value: Bytes,
    /// The revision that created the entry.
    pub create_revision: u64,
    /// The revision that set the value.
    pub mod_revision: u64,
    /// The version of the entry.
    pub version: u64,
}

impl Event {
    /// The key of the entry; empty for a namespace.
    pub fn key(&self) -> &[u8] {
        self.place.get(Key::ENTRY_PREFIX..).unwrap_or_default()
    }

    /// What it keeps in memory beside what it shares with the state at best, in bytes.
    pub fn size(&self) -> usize {
        let length = |slice: &Option<Slice>| slice.as_ref().map_or(0, |slice| slice.len());
        size_of::<Self>() + self.place.len() + length(&self.new) + length(&self.old)
    }

    /// What there was after and before it.
    ///
    /// # Errors
    /// If the records do not read.
    pub fn read(&self) -> Result<(Option<Version>, Option<Version>), EngineError> {
        let version = |stored: &Option<Slice>| {
            let Some(stored) = stored else {
                return Ok(None);
            };
            let (head, value) = record::decode_entry(Key::decode(&self.place)?, stored)?;
            let EntryHead {
                create_revision,
                mod_revision,
                version,
                ..
            } = head;
            let start = stored.len() - value.len();
            Ok(Some(Version {
                value: Bytes::from_owner(Arc::clone(stored)).slice(start..),
                create_revision,
                mod_revision,
                version,
            }))
        };
        Ok((version(&self.new)?, version(&self.old)?))
    }
}

/// The names of the namespaces that the events of a run belong to: few, and each made once.
#[derive(Default)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    /// More than a run usually touches; beyond it a name may be made twice.
    const KEPT: usize = 16;

    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == name) {
            return Arc::clone(known);
        }
        let made: Arc<str> = name.into();
        if self.0.len() < Self::KEPT {
            self.0.push(Arc::clone(&made));
        }
        made
    }
}

impl Applier<'_> {
    /// A value was set.
    pub(super) fn tell_put(
        &mut self,
        namespace: &str,
        place: Slice,
        new: Slice,
        old: Option<Slice>,
    ) {
        self.tell(EventKind::Put, namespace, place, Some(new), old);
    }

    /// An entry is gone.
    pub(super) fn tell_gone(&mut self, kind: EventKind, namespace: &str, place: Slice, old: Slice) {
        self.tell(kind, namespace, place, None, Some(old));
    }

    /// A namespace is gone.
    pub(super) fn tell_namespace_deleted(&mut self, namespace: &str) {
        self.tell(
            EventKind::NamespaceDeleted,
            namespace,
            Slice::from([]),
            None,
            None,
        );
    }

    fn tell(
        &mut self,
        kind: EventKind,
        namespace: &str,
        place: Slice,
        new: Option<Slice>,
        old: Option<Slice>,
    ) {
        let namespace = self.names.shared(namespace);
        self.events.push(Event {
            revision: self.index,
            kind,
            namespace,
            place,
            new,
            old,
        });
    }
}
