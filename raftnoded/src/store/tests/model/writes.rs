//! Changes to entries.

use super::*;

/// What a put is asked to do.
pub(super) struct Put<'a> {
    pub namespace: &'a str,
    pub key: &'a [u8],
    pub value: &'a Bytes,
    pub create: bool,
    pub condition: Option<Condition>,
    pub lifetime: Lifetime,
}

impl Model {
    pub(super) fn write(&mut self, command: &Command) -> Reply {
        let revision = self.index;
        match command {
            Command::Put {
                namespace,
                key,
                value,
                create_namespace,
                condition,
                lifetime,
                previous,
            } => {
                let namespace_created = !self.spaces.contains_key(namespace);
                let (version, before) = self.put(&Put {
                    namespace,
                    key,
                    value,
                    create: *create_namespace,
                    condition: *condition,
                    lifetime: *lifetime,
                })?;
                Ok(Outcome::Put {
                    revision,
                    version,
                    namespace_created,
                    previous: before.filter(|_| *previous),
                })
            }
            Command::Delete {
                namespace,
                keys,
                condition,
                previous,
            } => {
                let deleted = self.delete(namespace, keys, *condition)?;
                Ok(Outcome::Deleted {
                    revision,
                    count: deleted.len() as u64,
                    previous: if *previous { deleted } else { Vec::new() },
                })
            }
            Command::DeletePrefix { namespace, prefix } => {
                let count = self.delete_prefix(namespace, prefix)?;
                Ok(Outcome::Deleted {
                    revision,
                    count,
                    previous: Vec::new(),
                })
            }
            Command::Touch {
                namespace,
                key,
                lifetime,
            } => {
                self.space(namespace)?;
                let Some(item) = self.find(namespace, key) else {
                    let found = false;
                    return Ok(Outcome::Touched { revision, found });
                };
                let life = self.life(namespace, *lifetime, Some(item.life))?;
                let items = &mut self.spaces.get_mut(namespace).unwrap().items;
                items.get_mut(&key[..]).unwrap().life = life;
                let found = true;
                Ok(Outcome::Touched { revision, found })
            }
            Command::Increment {
                namespace,
                key,
                by,
                lifetime,
                create_namespace,
            } => {
                let current = match self.find(namespace, key) {
                    None => 0,
                    Some(item) => number(&item.version.value).ok_or(Rejection::NotAnInteger {
                        namespace: namespace.clone(),
                        key: key.clone(),
                    })?,
                };
                let by = *by;
                let sum = i64::try_from(i128::from(current) + i128::from(by));
                let value = sum.map_err(|_| Rejection::IntegerOverflow { current, by })?;
                let (version, _) = self.put(&Put {
                    namespace,
                    key,
                    value: &Bytes::from(value.to_string()),
                    create: *create_namespace,
                    condition: None,
                    lifetime: *lifetime,
                })?;
                Ok(Outcome::Incremented {
                    revision,
                    version,
                    value,
                })
            }
            Command::Txn {
                compare,
                then,
                otherwise,
                create_namespaces,
            } => self.transact(compare, then, otherwise, *create_namespaces),
            other => unreachable!("not a write: {other:?}"),
        }
    }

    /// What a read shows of a key.
    pub(super) fn find(&self, namespace: &str, key: &[u8]) -> Option<Item> {
        self.shown(namespace).get(key).copied().cloned()
    }

    /// The version stored, and the entry that it replaced.
    pub(super) fn put(&mut self, put: &Put<'_>) -> Result<(u64, Option<Entry>), Rejection> {
        let Put {
            namespace,
            key,
            value,
            ..
        } = *put;
        let found = self.find(namespace, key);
        let before = self.clone();
        if put.create && !self.spaces.contains_key(namespace) {
            self.create(namespace, Settings::default())?;
        }
        self.space(namespace)?;
        let checked = check(put.condition, namespace, key, found.as_ref())
            .and_then(|()| self.life(namespace, put.lifetime, found.as_ref().map(|f| f.life)))
            .and_then(|life| self.fits(namespace, key, value).map(|()| life));
        let life = match checked {
            Ok(life) => life,
            Err(rejection) => {
                *self = before;
                return Err(rejection);
            }
        };
        let version = match &found {
            Some(found) => Version {
                value: value.clone(),
                mod_revision: self.index,
                version: found.version.version + 1,
                ..found.version.clone()
            },
            None => Version {
                value: value.clone(),
                create_revision: self.index,
                mod_revision: self.index,
                version: 1,
            },
        };
        let number = version.version;
        let item = Item { version, life };
        let items = &mut self.spaces.get_mut(namespace).unwrap().items;
        let replaced = items.insert(key.to_vec(), item.clone());
        if let (Some(ended), None) = (&replaced, &found) {
            self.tell(EventKind::Expired, namespace, key, None, Some(ended));
        }
        self.tell(EventKind::Put, namespace, key, Some(&item), found.as_ref());
        // As it was before, its lease included.
        Ok((number, found.map(|found| before.entry(&found))))
    }

    fn life(
        &self,
        namespace: &str,
        lifetime: Lifetime,
        before: Option<Life>,
    ) -> Result<Life, Rejection> {
        let until = |ttl| Life::Until(self.clock.saturating_add(ttl));
        let ttl = self.spaces[namespace].settings.default_ttl;
        let default = ttl.map_or(Life::Forever, until);
        Ok(match lifetime {
            Lifetime::Default => default,
            Lifetime::Keep => before.unwrap_or(default),
            Lifetime::Forever => Life::Forever,
            Lifetime::Ttl(ttl) => until(ttl),
            Lifetime::Lease(id) => match self.leases.get(&id) {
                Some(lease) if self.clock < lease.ends => Life::Lease(id),
                _ => return Err(Rejection::LeaseNotFound { id }),
            },
        })
    }

    /// Whether there is room for a value.
    fn fits(&self, namespace: &str, key: &[u8], value: &[u8]) -> Result<(), Rejection> {
        let settings = self.spaces[namespace].settings;
        let mut after: BTreeMap<&[u8], usize> = (self.shown(namespace).into_iter())
            .map(|(key, item)| (key, key.len() + item.version.value.len()))
            .collect();
        let length = value.len() as u64;
        let new = key.len() + value.len();
        let old = after.insert(key, new);
        let (keys, bytes) = (after.len() as u64, after.values().sum::<usize>() as u64);
        let larger = new > old.unwrap_or(0);
        for (quota, wanted, limit, counts) in [
            (Quota::Value, length, settings.max_value, true),
            (Quota::Keys, keys, settings.max_keys, old.is_none()),
            (Quota::Bytes, bytes, settings.max_bytes, larger),
        ] {
            if let Some(limit) = limit
                && counts
                && wanted > limit
            {
                return Err(Rejection::QuotaExceeded {
                    namespace: namespace.to_owned(),
                    quota,
                    wanted,
                    limit,
                });
            }
        }
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        namespace: &str,
        keys: &[Bytes],
        condition: Option<Condition>,
    ) -> Result<Vec<(Bytes, Entry)>, Rejection> {
        self.space(namespace)?;
        let keys: std::collections::BTreeSet<&Bytes> = keys.iter().collect();
        for key in &keys {
            check(
                condition,
                namespace,
                key,
                self.find(namespace, key).as_ref(),
            )?;
        }
        let mut deleted = Vec::new();
        for key in keys {
            if let Some(item) = self.find(namespace, key) {
                deleted.push((key.clone(), self.entry(&item)));
                self.remove(namespace, key);
            }
        }
        Ok(deleted)
    }

    pub(super) fn delete_prefix(
        &mut self,
        namespace: &str,
        prefix: &[u8],
    ) -> Result<u64, Rejection> {
        let keys: Vec<_> = self.space(namespace)?.items.keys().cloned().collect();
        let mut count = 0;
        for key in keys.iter().filter(|key| key.starts_with(prefix)) {
            count += u64::from(self.find(namespace, key).is_some());
            self.remove(namespace, key);
        }
        Ok(count)
    }

    /// Takes out what is stored under a key, hidden or not.
    pub(super) fn remove(&mut self, namespace: &str, key: &[u8]) {
        let items = &mut self.spaces.get_mut(namespace).unwrap().items;
        let item = items.remove(key).unwrap();
        let kind = if self.shows(&item) {
            EventKind::Deleted
        } else {
            EventKind::Expired
        };
        self.tell(kind, namespace, key, None, Some(&item));
    }
}

fn check(
    condition: Option<Condition>,
    namespace: &str,
    key: &[u8],
    found: Option<&Item>,
) -> Result<(), Rejection> {
    let current = found.map(|item| (item.version.version, item.version.mod_revision));
    let holds = match condition {
        None => true,
        Some(Condition::Absent) => current.is_none(),
        Some(Condition::Version(wanted)) => current.is_some_and(|(version, _)| version == wanted),
        Some(Condition::Revision(wanted)) => {
            current.is_some_and(|(_, revision)| revision == wanted)
        }
    };
    if holds {
        return Ok(());
    }
    Err(Rejection::ConditionFailed {
        namespace: namespace.to_owned(),
        key: Bytes::copy_from_slice(key),
        current,
    })
}

/// The values that histories use are numbers of `i64` or begin with a letter.
fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).unwrap().parse().ok()
}
