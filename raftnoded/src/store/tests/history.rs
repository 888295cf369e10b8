//! Random histories on every engine beside a model of plain maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 3] = ["default", "a", "b"];

#[derive(Debug, Clone)]
enum Move {
    /// Commands applied in one batch.
    Apply(Vec<Command>),
    /// Takes a snapshot and restores it into a fresh engine of each kind.
    Migrate,
    /// Takes a snapshot to go back to.
    Save,
    /// Goes back to the last snapshot taken.
    Restore,
    Reopen,
    /// Compares a listing, page by page.
    List {
        namespace: &'static str,
        prefix: Vec<u8>,
        start: Option<Vec<u8>>,
        end: Option<Vec<u8>>,
        reverse: bool,
        limit: usize,
        max_bytes: usize,
    },
}

fn any_key() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop::collection::vec(prop::sample::select(vec![0u8, 0x61, 0xff]), 0..3)
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from)
}

fn any_command() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    let key = any_key().prop_map(Bytes::from);
    prop_oneof![
        8 => (name.clone(), key.clone(), any_bytes(), any::<bool>()).prop_map(
            |(namespace, key, value, create_namespace)| Command::Put {
                namespace,
                key,
                value,
                create_namespace,
            }
        ),
        3 => (name.clone(), prop::collection::vec(key.clone(), 0..4))
            .prop_map(|(namespace, keys)| Command::Delete { namespace, keys }),
        1 => (name.clone(), key)
            .prop_map(|(namespace, prefix)| Command::DeletePrefix { namespace, prefix }),
        1 => prop_oneof![name.clone(), Just("not a name".to_owned())]
            .prop_map(|name| Command::CreateNamespace { name }),
        1 => (name, any::<bool>())
            .prop_map(|(name, only_if_empty)| Command::DeleteNamespace { name, only_if_empty }),
        2 => (0..6u32).prop_map(|limit| Command::Reclaim { limit }),
    ]
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => prop::collection::vec(any_command(), 1..8).prop_map(Move::Apply),
        1 => Just(Move::Migrate),
        1 => Just(Move::Save),
        1 => Just(Move::Restore),
        1 => Just(Move::Reopen),
        4 => (
            prop::sample::select(&NAMES[..]),
            any_key(),
            prop::option::of(any_key()),
            prop::option::of(any_key()),
            any::<bool>(),
            0..4usize,
            prop::sample::select(vec![0usize, 8, 1000]),
        )
            .prop_map(|(namespace, prefix, start, end, reverse, limit, max_bytes)| {
                Move::List { namespace, prefix, start, end, reverse, limit, max_bytes }
            }),
    ]
}

#[derive(Debug, Clone, Default, PartialEq)]
struct ModelNamespace {
    id: u32,
    create_revision: u64,
    entries: BTreeMap<Vec<u8>, Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Model {
    index: u64,
    next_id: u32,
    namespaces: BTreeMap<String, ModelNamespace>,
    /// Entries left of deleted namespaces.
    dropped: u64,
}

impl Model {
    fn new() -> Self {
        let default = ModelNamespace {
            id: 1,
            ..ModelNamespace::default()
        };
        Self {
            index: 0,
            next_id: 2,
            namespaces: BTreeMap::from([("default".to_owned(), default)]),
            dropped: 0,
        }
    }

    fn create(&mut self, name: &str) -> Result<&mut ModelNamespace, Rejection> {
        if let Some(character) = name.chars().find(|c| *c == ' ') {
            return Err(Rejection::InvalidNamespace {
                name: name.to_owned(),
                reason: NameFault::Character(character),
            });
        }
        let fresh = ModelNamespace {
            id: self.next_id,
            create_revision: self.index,
            entries: BTreeMap::new(),
        };
        self.next_id += 1;
        Ok(self.namespaces.entry(name.to_owned()).or_insert(fresh))
    }

    fn existing(&mut self, name: &str) -> Result<&mut ModelNamespace, Rejection> {
        let not_found = Rejection::NamespaceNotFound {
            name: name.to_owned(),
        };
        self.namespaces.get_mut(name).ok_or(not_found)
    }

    fn apply(&mut self, command: &Command) -> Result<Outcome, Rejection> {
        self.index += 1;
        let revision = self.index;
        match command {
            Command::Put {
                namespace,
                key,
                value,
                create_namespace,
            } => {
                let namespace_created = !self.namespaces.contains_key(namespace);
                let space = if namespace_created && *create_namespace {
                    self.create(namespace)?
                } else {
                    self.existing(namespace)?
                };
                let old = space.entries.get(&key[..]);
                let entry = Entry {
                    value: value.clone(),
                    create_revision: old.map_or(revision, |old| old.create_revision),
                    mod_revision: revision,
                    version: old.map_or(0, |old| old.version) + 1,
                };
                let version = entry.version;
                space.entries.insert(key.to_vec(), entry);
                Ok(Outcome::Put {
                    revision,
                    version,
                    namespace_created,
                })
            }
            Command::Delete { namespace, keys } => {
                let space = self.existing(namespace)?;
                let removed = keys
                    .iter()
                    .filter(|key| space.entries.remove(&key[..]).is_some());
                let count = removed.count() as u64;
                Ok(Outcome::Deleted { revision, count })
            }
            Command::DeletePrefix { namespace, prefix } => {
                let space = self.existing(namespace)?;
                let before = space.entries.len();
                space.entries.retain(|key, _| !key.starts_with(prefix));
                let count = (before - space.entries.len()) as u64;
                Ok(Outcome::Deleted { revision, count })
            }
            Command::CreateNamespace { name } => {
                if self.namespaces.contains_key(name) {
                    return Err(Rejection::NamespaceExists { name: name.clone() });
                }
                let id = self.create(name)?.id;
                Ok(Outcome::NamespaceCreated { revision, id })
            }
            Command::DeleteNamespace {
                name,
                only_if_empty,
            } => {
                let keys = self.existing(name)?.entries.len() as u64;
                if *only_if_empty && keys > 0 {
                    let name = name.clone();
                    return Err(Rejection::NamespaceNotEmpty { name, keys });
                }
                self.namespaces.remove(name);
                self.dropped += keys;
                Ok(Outcome::NamespaceDeleted { revision, keys })
            }
            Command::Reclaim { limit } => {
                let removed = self.dropped.min(u64::from(*limit));
                self.dropped -= removed;
                Ok(Outcome::Reclaimed {
                    removed: removed as u32,
                    left: self.dropped > 0,
                })
            }
        }
    }

    /// Compares everything that can be read.
    fn check(&self, store: &Store) {
        let engine = &**store.engine();
        let infos = namespaces(engine).unwrap();
        let expected = self.namespaces.iter().map(|(name, space)| NamespaceInfo {
            name: name.clone(),
            id: space.id,
            create_revision: space.create_revision,
            keys: space.entries.len() as u64,
            bytes: (space.entries.iter())
                .map(|(key, entry)| (key.len() + entry.value.len()) as u64)
                .sum(),
        });
        assert_eq!(infos, expected.collect::<Vec<_>>());
        assert_eq!(has_dropped(engine).unwrap(), self.dropped > 0);
        let position = applied(engine).unwrap();
        assert_eq!(position.map_or(0, |at| at.index), self.index);
        for name in NAMES {
            let Some(space) = self.namespaces.get(name) else {
                let missing = get(engine, name, b"");
                assert!(matches!(missing, Err(ReadError::NamespaceNotFound { .. })));
                continue;
            };
            for (key, entry) in &space.entries {
                assert_eq!(get(engine, name, key).unwrap().as_ref(), Some(entry));
                let same = space.entries.keys().filter(|other| other.starts_with(key));
                assert_eq!(count(engine, name, key).unwrap(), same.count() as u64);
            }
            assert_eq!(get(engine, name, b"never put").unwrap(), None);
        }
    }
}

/// Follows a listing to its end and compares it with a filter over the model.
fn check_list(store: &Store, model: &Model, request: &List<'_>, name: &str) {
    let engine = &**store.engine();
    let Some(space) = model.namespaces.get(name) else {
        let missing = list(engine, name, request);
        assert!(matches!(missing, Err(ReadError::NamespaceNotFound { .. })));
        return;
    };
    let inside = |key: &[u8]| {
        key.starts_with(request.prefix)
            && request.start.is_none_or(|start| key >= start)
            && request.end.is_none_or(|end| key < end)
    };
    let mut expected: Vec<_> = (space.entries.iter())
        .filter(|(key, _)| inside(key))
        .map(|(key, entry)| (Bytes::copy_from_slice(key), entry.clone()))
        .collect();
    if request.reverse {
        expected.reverse();
    }
    let mut found = Vec::new();
    let mut token: Option<Bytes> = None;
    loop {
        let page = token.as_deref();
        let page = list(engine, name, &List { page, ..*request }).unwrap();
        let size = page
            .entries
            .iter()
            .map(|(key, entry)| key.len() + entry.value.len());
        assert!(page.entries.len() <= request.limit.max(1));
        assert!(size.sum::<usize>() <= request.max_bytes || page.entries.len() == 1);
        assert!(page.next.is_none() || !page.entries.is_empty());
        found.extend(page.entries);
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
}

fn run(history: &[Move]) {
    let mut stores = Store::on_every_engine();
    let mut model = Model::new();
    let mut saved = (stores[0].save(), model.clone());
    for step in history {
        match step {
            Move::Apply(commands) => {
                let expected: Vec<_> = commands.iter().map(|c| model.apply(c)).collect();
                for store in &mut stores {
                    assert_eq!(store.apply(commands), expected);
                }
            }
            Move::Save => saved = (stores[0].save(), model.clone()),
            Move::Restore => {
                for store in &mut stores {
                    store.restore(&saved.0).unwrap();
                }
                model = saved.1.clone();
            }
            Move::Migrate => {
                let stream = stores[0].save();
                stores = Store::on_every_engine();
                for store in &mut stores {
                    store.restore(&stream).unwrap();
                }
            }
            Move::Reopen => stores.iter_mut().for_each(|store| store.engine.reopen()),
            Move::List {
                namespace,
                prefix,
                start,
                end,
                reverse,
                limit,
                max_bytes,
            } => {
                let request = List {
                    prefix,
                    start: start.as_deref(),
                    end: end.as_deref(),
                    reverse: *reverse,
                    keys_only: false,
                    limit: *limit,
                    max_bytes: *max_bytes,
                    page: None,
                };
                for store in &stores {
                    check_list(store, &model, &request, namespace);
                }
            }
        }
        let stream = stores[0].save();
        let sum = hash(&**stores[0].engine()).unwrap();
        for store in &stores {
            model.check(store);
            assert_eq!(store.save(), stream, "snapshots of equal states differ");
            assert_eq!(hash(&**store.engine()).unwrap(), sum);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { // Opening RocksDB takes its time.
        cases: if cfg!(feature = "rocksdb") { 32 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_model(history in prop::collection::vec(any_move(), 1..30)) {
        run(&history);
    }
}
