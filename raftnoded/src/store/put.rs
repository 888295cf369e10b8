//! Writing one entry: by a put, by an operation of a transaction, by an increment; and setting
//! how long one lives.
//!
//! Everything that can refuse a command is looked at before anything is written.

use super::apply::{Applier, Reply};
use super::command::{Condition, Lifetime};
use super::entry::{self, Found};
use super::keys::Key;
use super::kv::Entry;
use super::record::{self, EntryHead, Life, NamespaceRecord, Settings};
use super::{EventKind, Outcome, Rejection, expiry, lease, namespace, quota};
use crate::engine::{EngineError, Reader, Slice};

/// What to write.
pub(super) struct Put<'a> {
    pub namespace: &'a str,
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub create_namespace: bool,
    pub condition: Option<Condition>,
    pub lifetime: Lifetime,
    pub previous: bool,
}

/// What a put did.
pub(super) struct Stored {
    pub version: u64,
    pub namespace_created: bool,
    pub previous: Option<Entry>,
}

pub(super) fn put(applier: &mut Applier<'_>, put: Put<'_>) -> Result<Reply, EngineError> {
    let revision = applier.index;
    Ok(store(applier, put)?.map(|stored| Outcome::Put {
        revision,
        version: stored.version,
        namespace_created: stored.namespace_created,
        previous: stored.previous,
    }))
}

/// Carries a put out, or refuses it without having written anything.
pub(super) fn store(
    applier: &mut Applier<'_>,
    put: Put<'_>,
) -> Result<Result<Stored, Rejection>, EngineError> {
    let Put {
        namespace: name,
        key,
        value,
        ..
    } = put;
    let existing = namespace::find(&applier.batch, name)?;
    let namespace_created = existing.is_none();
    let mut space = match existing {
        Some(space) => space,
        None if put.create_namespace => {
            match namespace::draft(applier, name, Settings::default())? {
                Ok(space) => space,
                Err(rejection) => return Ok(Err(rejection)),
            }
        }
        None => {
            let name = name.to_owned();
            return Ok(Err(Rejection::NamespaceNotFound { name }));
        }
    };
    let place = Key::Entry(space.id, key);
    let encoded = place.encode();
    let found = match applier.batch.get(&encoded)? {
        Some(stored) => Some(Found::new(applier, place, stored)?),
        None => None,
    };
    let shown = found.as_ref().filter(|found| found.shows);
    if let Err(rejection) = entry::check(put.condition, name, key, shown) {
        return Ok(Err(rejection));
    }
    let before = shown.map(|found| found.head.life);
    let life = match life(applier, put.lifetime, before, &space.settings)? {
        Ok(life) => life,
        Err(rejection) => return Ok(Err(rejection)),
    };
    if let Err(rejection) = quota::check(applier, name, &space, key, value, found.as_ref())? {
        return Ok(Err(rejection));
    }
    let previous = match shown {
        Some(found) if put.previous => Some(found.entry(applier, place)?),
        _ => None,
    };
    let version = shown.map_or(0, |found| found.head.version) + 1;
    let head = EntryHead {
        create_revision: shown.map_or(applier.index, |found| found.head.create_revision),
        mod_revision: applier.index,
        version,
        life,
    };
    if namespace_created {
        namespace::establish(applier, name, &space);
    }
    let stored = record::encode_entry(&head, value);
    write(applier, &mut space, key, value.len(), life, found.as_ref())?;
    applier
        .batch
        .put(Slice::clone(&encoded), Slice::clone(&stored));
    namespace::store(&mut applier.batch, name, &space);
    let replaced = match found {
        Some(found) if found.shows => Some(found.stored),
        Some(ended) => {
            let place = Slice::clone(&encoded);
            applier.tell_gone(EventKind::Expired, name, place, ended.stored);
            None
        }
        None => None,
    };
    applier.tell_put(name, encoded, stored, replaced);
    Ok(Ok(Stored {
        version,
        namespace_created,
        previous,
    }))
}

/// Brings counts and indexes to an entry that takes the place of what was found there. The record
/// of the entry and that of the namespace are left to the caller.
fn write(
    applier: &mut Applier<'_>,
    space: &mut NamespaceRecord,
    key: &[u8],
    length: usize,
    life: Life,
    found: Option<&Found>,
) -> Result<(), EngineError> {
    if let Some(found) = found {
        entry::discount(space, key, found.value())?;
    }
    space.keys += 1;
    space.bytes += (key.len() + length) as u64;
    let before = found.map_or(Life::Forever, |found| found.head.life);
    if before != life {
        expiry::untrack(applier, space.id, key, before)?;
        if let Life::Lease(lease) = life {
            lease::recount(applier, lease, 1)?;
        }
    }
    expiry::track(applier, space.id, key, life, length);
    Ok(())
}

/// The life that a lifetime gives to a key.
fn life(
    applier: &Applier<'_>,
    lifetime: Lifetime,
    before: Option<Life>,
    settings: &Settings,
) -> Result<Result<Life, Rejection>, EngineError> {
    let until = |ttl| Life::Until(expiry::after(applier.clock, ttl));
    let default = || settings.default_ttl.map_or(Life::Forever, until);
    Ok(Ok(match lifetime {
        Lifetime::Default => default(),
        Lifetime::Keep => before.unwrap_or_else(default),
        Lifetime::Forever => Life::Forever,
        Lifetime::Ttl(ttl) => until(ttl),
        Lifetime::Lease(id) => {
            if lease::live(&applier.batch, id, applier.clock)?.is_none() {
                return Ok(Err(Rejection::LeaseNotFound { id }));
            }
            Life::Lease(id)
        }
    }))
}

/// Sets how long a key lives: no change of the entry in any other respect, and none that a watch
/// tells of.
pub(super) fn touch(
    applier: &mut Applier<'_>,
    name: String,
    key: &[u8],
    lifetime: Lifetime,
) -> Result<Reply, EngineError> {
    let Some(mut space) = namespace::find(&applier.batch, &name)? else {
        return Ok(Err(Rejection::NamespaceNotFound { name }));
    };
    let place = Key::Entry(space.id, key);
    let found = entry::find(applier, place)?.filter(|found| found.shows);
    if let Some(found) = &found {
        let before = Some(found.head.life);
        let life = match life(applier, lifetime, before, &space.settings)? {
            Ok(life) => life,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let value = found.value();
        let head = EntryHead { life, ..found.head };
        write(applier, &mut space, key, value.len(), life, Some(found))?;
        applier
            .batch
            .put(place.encode(), record::encode_entry(&head, value));
    }
    Ok(Ok(Outcome::Touched {
        revision: applier.index,
        found: found.is_some(),
    }))
}
