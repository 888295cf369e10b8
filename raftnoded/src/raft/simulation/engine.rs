//! The memory engine, watched: after each write the state is compared with those of the others.

use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{plan::Sabotage, world::World};
use crate::{
    engine::{
        Aborted, Engine, EngineError, Memory, Reader, Record, ReplaceError, Scan, Slice, View,
        Writes,
    },
    store::{self, Applier, Position},
};

/// The first byte of the records of sessions; see the layout in `store::keys`.
const SESSION: u8 = 0x50;

/// The first byte of the entries of namespaces.
const ENTRY: u8 = 0x20;

/// An engine of one process of a member.
pub(super) struct Watched {
    node: u64,
    world: Arc<World>,
    content: Memory,
    /// Whether it has lost a write.
    drifted: AtomicBool,
}

impl Watched {
    /// An empty one.
    pub(super) fn new(node: u64, world: Arc<World>) -> Self {
        Self {
            node,
            world,
            content: Memory::new(),
            drifted: AtomicBool::new(false),
        }
    }

    /// Takes over the state of an engine as if it had outlived a crash, with the applied position
    /// that `self` has.
    ///
    /// # Errors
    /// If either cannot be read.
    pub(super) fn inherit(&self, state: &dyn Reader) -> Result<(), EngineError> {
        let applied = store::applied(&self.content)?;
        let mut records = state
            .scan(Bound::Unbounded, Bound::Unbounded, false)
            .map(|record| record.map_err(|_| Aborted));
        let replaced = self.content.replace(&mut records);
        replaced.map_err(|_| EngineError::Stopped { engine: "memory" })?;
        let position = applied.unwrap_or(Position { term: 0, index: 0 });
        let writes = Applier::new(&self.content)?.finish(Some(position)).writes;
        self.content.write(writes)
    }

    fn compare(&self) -> Result<(), EngineError> {
        let Some(at) = store::applied(&self.content)? else {
            return Ok(());
        };
        let digest = store::hash(&self.content)?;
        let node = self.node;
        self.world.with(|inner| {
            inner.note(format_args!(
                "state {node} at {}-{}: {digest:016x}",
                at.term, at.index
            ));
            inner.invariants.applied(node, at, digest);
        });
        Ok(())
    }

    /// The writes that sabotage leaves over.
    fn broken(&self, writes: Writes) -> Writes {
        let forgets = match self.world.with(|inner| inner.plan.sabotage) {
            Some(Sabotage::RepliesAreForgotten) => true,
            Some(Sabotage::StateDrifts) if self.node == 2 => false,
            _ => return writes,
        };
        let mut left = Writes::default();
        for (key, value) in writes {
            let first = key.first().copied();
            let known = || self.content.get(&key).is_ok_and(|found| found.is_some());
            let lost = if forgets {
                first == Some(SESSION) && known()
            } else {
                first == Some(ENTRY) && known() && !self.drifted.swap(true, Relaxed)
            };
            if !lost {
                left.set(key, value);
            }
        }
        left
    }
}

impl Reader for Watched {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        self.content.get(key)
    }

    fn scan(&self, start: Bound<&[u8]>, end: Bound<&[u8]>, reverse: bool) -> Scan<'_> {
        self.content.scan(start, end, reverse)
    }
}

impl Engine for Watched {
    fn name(&self) -> &'static str {
        self.content.name()
    }

    fn write(&self, writes: Writes) -> Result<(), EngineError> {
        self.content.write(self.broken(writes))?;
        self.compare()
    }

    fn snapshot(&self) -> View {
        self.content.snapshot()
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.content.persist()
    }

    fn replace(
        &self,
        records: &mut dyn Iterator<Item = Result<Record, Aborted>>,
    ) -> Result<(), ReplaceError> {
        self.content.replace(records)?;
        self.compare().map_err(ReplaceError::Engine)
    }

    fn may_block(&self) -> bool {
        false
    }

    fn disk_bytes(&self) -> u64 {
        self.content.disk_bytes()
    }

    fn memory_bytes(&self) -> u64 {
        self.content.memory_bytes()
    }
}
