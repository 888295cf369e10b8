//! Random histories on every engine beside the model: replies, events, everything that can be
//! read, and the invariants of the records must agree after each move, wherever the batches are
//! cut, and across snapshots and restarts.

mod drafts;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::model::{Model, Told};
use super::*;
use drafts::{Draft, Move, NAMES};

/// What a watcher of everything has, who began with an empty state.
#[derive(Debug, Clone, Default, PartialEq)]
struct Watcher(BTreeMap<(String, Vec<u8>), Version>);

impl Watcher {
    fn hear(&mut self, event: &Told) {
        let place = (event.namespace.clone(), event.key.clone());
        let before = match (event.kind, &event.new) {
            (EventKind::NamespaceDeleted, _) => {
                self.0.retain(|(name, _), _| *name != event.namespace);
                return;
            }
            (_, Some(new)) => self.0.insert(place, new.clone()),
            (_, None) => self.0.remove(&place),
        };
        assert_eq!(before, event.old, "what {event:?} replaced");
    }
}

/// A history, played so far.
struct Play {
    /// Makes empty stores to play it on.
    make: fn() -> Vec<Store>,
    stores: Vec<Store>,
    model: Model,
    watcher: Watcher,
    now: u64,
    /// The writes of sessions so far, to be sent again.
    sent: Vec<Request>,
    saved: (Vec<u8>, Model, Watcher),
}

impl Play {
    fn new(make: fn() -> Vec<Store>) -> Self {
        let stores = make();
        let saved = (stores[0].save(), Model::new(), Watcher::default());
        Self {
            make,
            stores,
            model: Model::new(),
            watcher: Watcher::default(),
            now: 0,
            sent: Vec::new(),
            saved,
        }
    }

    /// The request that a draft stands for, as things are now.
    fn request(&mut self, draft: &Draft) -> Request {
        self.now = self.now.saturating_add_signed(draft.passes);
        if let Some(again) = &draft.again
            && !self.sent.is_empty()
        {
            let now = self.now;
            return Request {
                now,
                ..again.get(&self.sent).clone()
            };
        }
        let (leases, sessions) = (self.model.leases(), self.model.sessions());
        let mut command = draft.command.clone();
        resolve(&mut command, &leases, &sessions);
        let tag = draft.tag.as_ref().and_then(|tag| {
            let (session, low) = *sessions.get(tag.session as usize)?;
            Some(Tag {
                session,
                seq: low.wrapping_add(tag.ahead),
                first_unacked: low + tag.acknowledged,
            })
        });
        let request = Request {
            now: self.now,
            tag,
            command,
        };
        if tag.is_some() {
            self.sent.push(request.clone());
        }
        request
    }

    fn apply(&mut self, drafts: &[Draft]) {
        let told = self.model.told.len();
        let mut requests = Vec::new();
        let mut expected = Vec::new();
        for draft in drafts {
            let request = self.request(draft);
            expected.push(self.model.apply(&request));
            requests.push(request);
        }
        let told = &self.model.told[told..];
        for store in &mut self.stores {
            assert_eq!(store.run(&requests), expected);
            let events = std::mem::take(&mut store.events);
            assert_eq!(events.iter().map(Told::from).collect::<Vec<_>>(), told);
        }
        for event in told {
            self.watcher.hear(event);
        }
    }

    fn step(&mut self, step: &Move) {
        match step {
            Move::Apply(drafts) => self.apply(drafts),
            Move::Save => {
                let stream = self.stores[0].save();
                self.saved = (stream, self.model.clone(), self.watcher.clone());
            }
            Move::Restore => {
                for store in &mut self.stores {
                    store.restore(&self.saved.0).unwrap();
                }
                self.model = self.saved.1.clone();
                self.watcher = self.saved.2.clone();
            }
            Move::Migrate => {
                let stream = self.stores[0].save();
                self.stores = (self.make)();
                for store in &mut self.stores {
                    store.restore(&stream).unwrap();
                }
            }
            Move::Reopen => self.stores.iter_mut().for_each(|s| s.engine.reopen()),
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
                for store in &self.stores {
                    check_list(store, &self.model, &request, namespace);
                }
            }
        }
    }

    fn check(&self) {
        let stream = self.stores[0].save();
        let sum = hash(&**self.stores[0].engine()).unwrap();
        for store in &self.stores {
            let engine = &**store.engine();
            self.model.check(store, &NAMES);
            invariants::check(engine);
            assert_eq!(self.watcher.0, invariants::contents(engine));
            assert_eq!(store.save(), stream, "snapshots of equal states differ");
            assert_eq!(hash(engine).unwrap(), sum);
        }
    }
}

/// Puts the leases and sessions that there are in the place of their numbers.
fn resolve(command: &mut Command, leases: &[u64], sessions: &[(u64, u64)]) {
    let lease = |id: &mut u64| *id = leases.get(*id as usize).copied().unwrap_or(u64::MAX);
    let life = |lifetime: &mut Lifetime| {
        if let Lifetime::Lease(id) = lifetime {
            lease(id);
        }
    };
    match command {
        Command::Put { lifetime, .. }
        | Command::Touch { lifetime, .. }
        | Command::Increment { lifetime, .. } => life(lifetime),
        Command::Txn {
            then, otherwise, ..
        } => {
            for operation in then.iter_mut().chain(otherwise) {
                if let Operation::Put { lifetime, .. } = operation {
                    life(lifetime);
                }
            }
        }
        Command::KeepAliveLease { id } | Command::RevokeLease { id } => lease(id),
        Command::CloseSession { id } => {
            *id = sessions.get(*id as usize).map_or(u64::MAX, |(id, _)| *id);
        }
        _ => {}
    }
}

/// Follows a listing to its end and compares it with a filter over the model.
fn check_list(store: &Store, model: &Model, request: &List<'_>, name: &str) {
    let engine = &**store.engine();
    let Some(entries) = model.entries(name) else {
        let missing = list(engine, name, request);
        assert!(matches!(missing, Err(ReadError::NamespaceNotFound { .. })));
        return;
    };
    let inside = |key: &[u8]| {
        key.starts_with(request.prefix)
            && request.start.is_none_or(|start| key >= start)
            && request.end.is_none_or(|end| key < end)
    };
    let mut expected: Vec<_> = (entries.into_iter())
        .filter(|(key, _)| inside(key))
        .map(|(key, entry)| (Bytes::from(key), entry))
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

fn play(history: &[Move], make: fn() -> Vec<Store>) {
    let mut play = Play::new(make);
    for step in history {
        play.step(step);
        play.check();
    }
}

proptest! {
    // Opening RocksDB takes its time.
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_model_on_every_engine(
        history in prop::collection::vec(drafts::any_move(), 1..30),
    ) {
        play(&history, Store::on_every_engine);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_model(
        history in prop::collection::vec(drafts::any_move(), 1..40),
    ) {
        play(&history, || vec![Store::new(TestEngine::memory())]);
    }
}
