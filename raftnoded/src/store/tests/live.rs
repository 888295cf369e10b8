//! A read beside a writer: a key that is there all the time is found, wherever the write falls
//! between its lookups.

use std::ops::Bound;
use std::sync::Mutex;

use super::*;
use crate::engine::{Aborted, EngineError, Record, ReplaceError, Scan, Slice, View};

/// An engine that a writer changes before one of the lookups.
struct Meddled {
    engine: Arc<dyn Engine>,
    /// How many lookups are left before the change, and the change.
    change: Mutex<(usize, Option<Writes>)>,
}

impl Meddled {
    fn is_changed(&self) -> bool {
        self.change.lock().unwrap().1.is_none()
    }
}

impl Reader for Meddled {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        let (left, writes) = &mut *self.change.lock().unwrap();
        match left.checked_sub(1) {
            Some(fewer) => *left = fewer,
            None => writes
                .take()
                .map_or(Ok(()), |writes| self.engine.write(writes))?,
        }
        self.engine.get(key)
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        self.engine.scan(start, end, reverse)
    }
}

impl Engine for Meddled {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn write(&self, writes: Writes) -> Result<(), EngineError> {
        self.engine.write(writes)
    }

    fn snapshot(&self) -> View {
        self.engine.snapshot()
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.engine.persist()
    }

    fn replace(
        &self,
        records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
    ) -> Result<(), ReplaceError> {
        self.engine.replace(records)
    }

    fn may_block(&self) -> bool {
        self.engine.may_block()
    }

    fn disk_bytes(&self) -> u64 {
        self.engine.disk_bytes()
    }

    fn memory_bytes(&self) -> u64 {
        self.engine.memory_bytes()
    }
}

/// Reads the key "k", which lives as long as `lifetime`, while a writer makes it live for ever and
/// then ends what it lived by, at a time.
fn read_beside(lifetime: Lifetime, time: u64, end: Command) {
    for lookups in 0.. {
        let mut changed = true;
        for mut store in Store::on_every_engine() {
            store.now = 100;
            let lease = Command::GrantLease { ttl: 1000 };
            let mut stored = put("default", b"k", b"v");
            if let Command::Put {
                lifetime: of_put, ..
            } = &mut stored
            {
                *of_put = lifetime;
            }
            store.apply(&[lease, stored]);
            let mut applier = Applier::new(&**store.engine()).unwrap();
            let touch = Command::Touch {
                namespace: "default".into(),
                key: Bytes::from_static(b"k"),
                lifetime: Lifetime::Forever,
            };
            let mut index = store.index;
            for (now, command) in [(500, &touch), (time, &end)] {
                let mut bytes = command.encode(None).unwrap();
                stamp(&mut bytes, now);
                let proposal = Proposal::decode(&bytes).unwrap();
                index += 1;
                applier.apply(index, proposal).unwrap().unwrap();
            }
            let meddled = Meddled {
                engine: Arc::clone(store.engine()),
                change: Mutex::new((lookups, Some(applier.finish(None).writes))),
            };
            let found = get_live(&meddled, "default", b"k").unwrap();
            assert!(found.is_some(), "hidden, with {lookups} lookups before");
            changed &= meddled.is_changed();
        }
        if !changed {
            assert!(lookups > 2, "an entry, its end and the clock are looked up");
            return;
        }
    }
}

#[test]
fn a_key_that_gets_more_time_is_never_missed() {
    read_beside(Lifetime::Ttl(1000), 5000, put("default", b"other", b"v"));
}

#[test]
fn a_key_that_leaves_its_lease_is_never_missed() {
    // The number of a lease is the index of its grant.
    read_beside(Lifetime::Lease(1), 600, Command::RevokeLease { id: 1 });
}
