//! What a command costs, counted in records read: bounded, whatever lies there.

use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::engine::{EngineError, Memory, Reader, Scan, Slice};

/// How many things are stored of each kind; far more than anything below may read.
const MANY: u64 = 5_000;

/// An engine that counts the records it gives out.
struct Counting {
    engine: Memory,
    read: AtomicUsize,
}

impl Reader for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.engine.get(key)
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        let count = |_: &_| {
            self.read.fetch_add(1, Ordering::Relaxed);
        };
        Box::new(self.engine.scan(start, end, reverse).inspect(count))
    }
}

struct Costs {
    counting: Counting,
    index: u64,
}

impl Costs {
    fn new() -> Self {
        let engine = Memory::new();
        let mut batch = Batch::new(&engine);
        initialize(&mut batch).unwrap();
        let writes = batch.into_writes();
        engine.write(writes).unwrap();
        Self {
            counting: Counting {
                engine,
                read: AtomicUsize::new(0),
            },
            index: 0,
        }
    }

    /// Applies a command, and returns the reply and how many records that read and wrote.
    fn apply(&mut self, now: u64, command: Command) -> (Reply, usize) {
        self.index += 1;
        self.counting.read.store(0, Ordering::Relaxed);
        let proposal = Proposal {
            now,
            tag: None,
            fingerprint: 0,
            command,
        };
        let mut applier = Applier::new(&self.counting).unwrap();
        let reply = applier.apply(self.index, proposal).unwrap();
        let cost = self.counting.read.load(Ordering::Relaxed) + applier.writes().len();
        let writes = applier.finish(None).writes;
        self.counting.engine.write(writes).unwrap();
        (reply, cost)
    }

    fn within(&mut self, bound: usize, now: u64, command: Command) -> Reply {
        let (reply, cost) = self.apply(now, command.clone());
        assert!(cost <= bound, "{command:?} cost {cost}");
        reply
    }

    fn fill(&mut self, namespace: &str, lifetime: Lifetime) {
        for number in 0..MANY {
            let mut put = put(namespace, &number.to_be_bytes(), b"v");
            if let Command::Put { lifetime: life, .. } = &mut put {
                *life = lifetime;
            }
            self.within(20, 0, put).unwrap();
        }
    }
}

fn set_quota(name: &str, max_keys: u64) -> Command {
    Command::SetNamespace {
        name: name.into(),
        change: SettingsChange {
            max_keys: Some(Some(max_keys)),
            ..SettingsChange::default()
        },
    }
}

#[test]
fn what_is_due_costs_only_what_removes_it() {
    let mut costs = Costs::new();
    costs.fill("t", Lifetime::Ttl(100));
    costs.apply(0, set_quota("t", MANY)).0.unwrap();
    // Nothing is due.
    let full = costs.within(20, 50, put("t", b"new", b"v"));
    assert!(matches!(full, Err(Rejection::QuotaExceeded { .. })));
    // All of it is due, and none removed: what is counted out is enough for this one.
    costs.within(3000, 100, put("t", b"new", b"v")).unwrap();
    costs.within(20, 100, put("default", b"new", b"v")).unwrap();
    costs.within(20, 100, Command::Expire { limit: 0 }).unwrap();
    for _ in 0..5 {
        costs
            .within(200, 100, Command::Expire { limit: 10 })
            .unwrap();
    }
    costs
        .apply(100, Command::Expire { limit: 2_000 })
        .0
        .unwrap();
    costs
        .within(200, 100, Command::Expire { limit: 10 })
        .unwrap();
}

#[test]
fn a_backlog_takes_room_where_it_is_too_long_to_be_counted() {
    let mut costs = Costs::new();
    costs.fill("t", Lifetime::Ttl(100));
    costs.apply(0, set_quota("t", 10)).0.unwrap();
    let refused = costs.within(3000, 100, put("t", b"new", b"v"));
    assert!(matches!(refused, Err(Rejection::QuotaExceeded { .. })));
    // What is told is right all the same.
    assert_eq!(describe(&costs.counting, "t").unwrap().keys, 0);
    costs
        .apply(100, Command::Expire { limit: u32::MAX })
        .0
        .unwrap();
    costs.within(20, 100, put("t", b"new", b"v")).unwrap();
}

#[test]
fn a_lease_costs_the_same_whatever_lives_with_it() {
    let mut costs = Costs::new();
    let (lease, _) = costs.apply(0, Command::GrantLease { ttl: 100 });
    let Ok(Outcome::Lease(LeaseInfo { id, .. })) = lease else {
        panic!("{lease:?}");
    };
    costs.fill("l", Lifetime::Lease(id));
    costs.within(20, 0, Command::KeepAliveLease { id }).unwrap();
    costs.within(20, 0, Command::RevokeLease { id }).unwrap();
    costs
        .within(20, 0, put("l", &5u64.to_be_bytes(), b"v"))
        .unwrap();
    costs.apply(0, set_quota("l", MANY)).0.unwrap();
    costs.within(3000, 0, put("l", b"new", b"v")).unwrap();
    costs.within(20, 0, Command::Expire { limit: 0 }).unwrap();
    for _ in 0..5 {
        costs.within(200, 0, Command::Expire { limit: 10 }).unwrap();
    }
    costs.apply(0, Command::Expire { limit: 2_000 }).0.unwrap();
    costs.within(200, 0, Command::Expire { limit: 10 }).unwrap();
}

#[test]
fn a_namespace_is_deleted_in_constant_time_and_reclaimed_in_pieces() {
    let mut costs = Costs::new();
    costs.fill("n", Lifetime::Ttl(100));
    let delete = Command::DeleteNamespace {
        name: "n".into(),
        only_if_empty: false,
    };
    costs.within(20, 0, delete).unwrap();
    for _ in 0..5 {
        costs
            .within(100, 0, Command::Reclaim { limit: 10 })
            .unwrap();
    }
    // What is left of it ends.
    costs
        .within(200, 100, Command::Expire { limit: 10 })
        .unwrap();
    // Many small ones, emptied by expiry.
    for number in 0..1000 {
        let name = format!("n{number}");
        let mut put = put(&name, b"k", b"v");
        if let Command::Put { lifetime, .. } = &mut put {
            *lifetime = Lifetime::Ttl(0);
        }
        costs.apply(100, put).0.unwrap();
        let only_if_empty = false;
        costs
            .apply(
                100,
                Command::DeleteNamespace {
                    name,
                    only_if_empty,
                },
            )
            .0
            .unwrap();
    }
    costs
        .apply(100, Command::Expire { limit: u32::MAX })
        .0
        .unwrap();
    costs
        .within(100, 100, Command::Reclaim { limit: 10 })
        .unwrap();
}
