//! The store as plain maps: what every command means, without an index, a count or a cursor. It is
//! slow, and short enough to be believed.

mod time;
mod txn;
mod writes;

use std::collections::BTreeMap;

use super::*;

/// How an entry lives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Life {
    Forever,
    Until(u64),
    Lease(u64),
}

#[derive(Debug, Clone, PartialEq)]
struct Item {
    version: Version,
    life: Life,
}

type Items = BTreeMap<Vec<u8>, Item>;

/// A live namespace with all it holds, hidden or not.
#[derive(Debug, Clone, PartialEq)]
struct Space {
    id: u32,
    created: u64,
    settings: Settings,
    items: Items,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Lease {
    ttl: u64,
    ends: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Session {
    ttl: u64,
    used: u64,
    /// When it is looked at next.
    due: u64,
    low: u64,
    replies: BTreeMap<u64, (Command, Reply)>,
}

/// An event, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub revision: u64,
    pub kind: EventKind,
    pub namespace: String,
    pub key: Vec<u8>,
    pub new: Option<Version>,
    pub old: Option<Version>,
}

impl From<&Event> for Told {
    fn from(event: &Event) -> Self {
        let (new, old) = event.read().unwrap();
        Self {
            revision: event.revision,
            kind: event.kind,
            namespace: event.namespace.to_string(),
            key: event.key().to_vec(),
            new,
            old,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub index: u64,
    clock: u64,
    next_id: u32,
    spaces: BTreeMap<String, Space>,
    /// What deleted namespaces left.
    dropped: BTreeMap<u32, Items>,
    leases: BTreeMap<u64, Lease>,
    sessions: BTreeMap<u64, Session>,
    /// What the commands told, all of it.
    pub told: Vec<Told>,
}

impl Model {
    pub(super) fn new() -> Self {
        let default = Space {
            id: 1,
            created: 0,
            settings: Settings::default(),
            items: Items::new(),
        };
        Self {
            index: 0,
            clock: 0,
            next_id: 2,
            spaces: BTreeMap::from([("default".to_owned(), default)]),
            dropped: BTreeMap::new(),
            leases: BTreeMap::new(),
            sessions: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn leases(&self) -> Vec<u64> {
        self.leases.keys().copied().collect()
    }

    /// The sessions, each with the lowest number it remembers.
    pub(super) fn sessions(&self) -> Vec<(u64, u64)> {
        let sessions = self.sessions.iter();
        sessions.map(|(id, session)| (*id, session.low)).collect()
    }

    pub(super) fn apply(&mut self, request: &Request) -> Reply {
        self.index += 1;
        self.clock = self.clock.max(request.now);
        let unremembered = matches!(
            request.command,
            Command::CloseSession { .. } | Command::Reclaim { .. } | Command::Expire { .. }
        );
        match request.tag {
            Some(tag) if !unremembered => self.once(tag, &request.command),
            _ => self.execute(&request.command),
        }
    }

    fn execute(&mut self, command: &Command) -> Reply {
        let revision = self.index;
        match command {
            Command::Put { .. }
            | Command::Delete { .. }
            | Command::DeletePrefix { .. }
            | Command::Touch { .. }
            | Command::Increment { .. }
            | Command::Txn { .. } => self.write(command),
            Command::CreateNamespace { name, settings } => {
                if self.spaces.contains_key(name) {
                    return Err(Rejection::NamespaceExists { name: name.clone() });
                }
                let id = self.create(name, *settings)?.id;
                Ok(Outcome::NamespaceCreated { revision, id })
            }
            Command::SetNamespace { name, change } => {
                let settings = &mut self.space(name)?.settings;
                settings.max_keys = change.max_keys.unwrap_or(settings.max_keys);
                settings.max_bytes = change.max_bytes.unwrap_or(settings.max_bytes);
                settings.max_value = change.max_value.unwrap_or(settings.max_value);
                settings.default_ttl = change.default_ttl.unwrap_or(settings.default_ttl);
                Ok(Outcome::NamespaceSet { revision })
            }
            Command::DeleteNamespace {
                name,
                only_if_empty,
            } => {
                self.space(name)?;
                let keys = self.shown(name).len() as u64;
                if *only_if_empty && keys > 0 {
                    let name = name.clone();
                    return Err(Rejection::NamespaceNotEmpty { name, keys });
                }
                let space = self.spaces.remove(name).unwrap();
                if !space.items.is_empty() {
                    self.dropped.insert(space.id, space.items);
                }
                self.tell(EventKind::NamespaceDeleted, name, b"", None, None);
                Ok(Outcome::NamespaceDeleted { revision, keys })
            }
            time => self.keep_time(time),
        }
    }

    fn create(&mut self, name: &str, settings: Settings) -> Result<&mut Space, Rejection> {
        if let Some(character) = name.chars().find(|c| *c == ' ') {
            return Err(Rejection::InvalidNamespace {
                name: name.to_owned(),
                reason: NameFault::Character(character),
            });
        }
        let space = Space {
            id: self.next_id,
            created: self.index,
            settings,
            items: Items::new(),
        };
        self.next_id += 1;
        Ok(self.spaces.entry(name.to_owned()).or_insert(space))
    }

    fn space(&mut self, name: &str) -> Result<&mut Space, Rejection> {
        let not_found = Rejection::NamespaceNotFound {
            name: name.to_owned(),
        };
        self.spaces.get_mut(name).ok_or(not_found)
    }

    /// When an entry ends.
    fn end(&self, life: Life) -> Option<u64> {
        match life {
            Life::Forever => None,
            Life::Until(end) => Some(end),
            Life::Lease(id) => Some(self.leases[&id].ends),
        }
    }

    fn shows(&self, item: &Item) -> bool {
        self.end(item.life).is_none_or(|end| self.clock < end)
    }

    /// What a read shows of a namespace; nothing if it does not exist.
    fn shown(&self, name: &str) -> BTreeMap<&[u8], &Item> {
        let items = self.spaces.get(name).map(|space| &space.items);
        let items = items.into_iter().flatten();
        let shown = items.filter(|(_, item)| self.shows(item));
        shown.map(|(key, item)| (&key[..], item)).collect()
    }

    pub(super) fn entries(&self, name: &str) -> Option<BTreeMap<Vec<u8>, Entry>> {
        self.spaces.get(name)?;
        let shown = self.shown(name).into_iter();
        Some(
            shown
                .map(|(key, item)| (key.to_vec(), self.entry(item)))
                .collect(),
        )
    }

    fn entry(&self, item: &Item) -> Entry {
        Entry {
            value: item.version.value.clone(),
            left_out: 0,
            create_revision: item.version.create_revision,
            mod_revision: item.version.mod_revision,
            version: item.version.version,
            ends: self.end(item.life),
            lease: match item.life {
                Life::Lease(id) => Some(id),
                _ => None,
            },
        }
    }

    fn tell(
        &mut self,
        kind: EventKind,
        namespace: &str,
        key: &[u8],
        new: Option<&Item>,
        old: Option<&Item>,
    ) {
        self.told.push(Told {
            revision: self.index,
            kind,
            namespace: namespace.to_owned(),
            key: key.to_vec(),
            new: new.map(|item| item.version.clone()),
            old: old.map(|item| item.version.clone()),
        });
    }

    /// Compares everything that can be read.
    pub(super) fn check(&self, store: &Store, names: &[&str]) {
        let engine = &**store.engine();
        assert_eq!(clock(engine).unwrap(), self.clock);
        assert_eq!(
            applied(engine).unwrap().map_or(0, |at| at.index),
            self.index
        );
        assert_eq!(has_dropped(engine).unwrap(), !self.dropped.is_empty());
        let due = self.due().first().map(|(at, _)| *at);
        assert_eq!(next_deadline(engine).unwrap(), due);
        let due = self
            .due()
            .iter()
            .map(|(at, _)| *at)
            .find(|at| *at > self.clock);
        assert_eq!(next_end(engine).unwrap(), due);
        let infos = self.spaces.iter().map(|(name, space)| {
            let shown = self.shown(name);
            let size = |(key, item): (&&[u8], &&Item)| key.len() + item.version.value.len();
            NamespaceInfo {
                name: name.clone(),
                id: space.id,
                create_revision: space.created,
                keys: shown.len() as u64,
                bytes: shown.iter().map(size).sum::<usize>() as u64,
                settings: space.settings,
            }
        });
        assert_eq!(namespaces(engine).unwrap(), infos.collect::<Vec<_>>());
        for name in names {
            let Some(entries) = self.entries(name) else {
                let missing = get(engine, name, b"");
                assert!(matches!(missing, Err(ReadError::NamespaceNotFound { .. })));
                continue;
            };
            for key in self.spaces[*name].items.keys() {
                let entry = get(engine, name, key).unwrap();
                assert_eq!(entry.as_ref(), entries.get(key));
                let same = entries.keys().filter(|other| other.starts_with(key));
                assert_eq!(count(engine, name, key).unwrap(), same.count() as u64);
            }
            assert_eq!(get(engine, name, b"never put").unwrap(), None);
        }
        self.check_leases(engine);
    }
}
