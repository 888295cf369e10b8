//! What all members share: time, chance, what is about to happen, and what has happened.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};
use tokio::{sync::Notify, time::Instant};

use super::{
    clients::Answer,
    faults::Repair,
    invariants::Invariants,
    network::{Links, Message, Returned},
    plan::Plan,
    trace::Trace,
};

/// Something that happens at a moment, alone.
pub(super) enum Event {
    /// A request reaches a member.
    Deliver(Message),
    /// A reply reaches whoever asked.
    Return(Returned),
    /// A sync ends.
    Synced {
        /// Whose disk.
        node: u64,
        /// By whom it was opened.
        opened: u64,
    },
    /// A client does something.
    Client(usize),
    /// A client gets an answer.
    Answer(usize, Answer),
    /// Something breaks.
    Fault,
    /// Something is made good.
    Repair(Repair),
}

/// The world of a run.
pub(super) struct World {
    inner: Mutex<Inner>,
    /// Something was scheduled.
    pub(super) scheduled: Notify,
    start: Instant,
}

/// What is in it.
pub(super) struct Inner {
    pub(super) plan: Plan,
    pub(super) rng: StdRng,
    pub(super) invariants: Invariants,
    pub(super) trace: Trace,
    pub(super) links: Links,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    start: Instant,
}

impl World {
    /// An empty one, in a runtime whose clock stands still.
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        let start = Instant::now();
        Arc::new(Self {
            inner: Mutex::new(Inner {
                rng: StdRng::seed_from_u64(plan.seed),
                invariants: Invariants::default(),
                trace: Trace::new(plan.whole_trace),
                links: Links::default(),
                events: BTreeMap::new(),
                scheduled: 0,
                start,
                plan,
            }),
            scheduled: Notify::new(),
            start,
        })
    }

    /// Looks at it, or changes it. Not from within itself.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.scheduled;
        let result = act(&mut inner);
        if inner.scheduled != before {
            self.scheduled.notify_one();
        }
        result
    }

    /// A moment, from milliseconds since the start.
    pub(super) fn moment(&self, at: u64) -> Instant {
        self.start + Duration::from_millis(at)
    }
}

impl Inner {
    /// Milliseconds since the start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds a line to the trace.
    pub(super) fn note(&mut self, what: fmt::Arguments<'_>) {
        let now = self.now();
        self.trace.add(now, what);
    }

    /// Lets something happen in so many milliseconds.
    pub(super) fn schedule(&mut self, after: u64, event: Event) {
        self.schedule_at(self.now() + after, event);
    }

    /// Lets something happen at a moment, behind what happens then already.
    pub(super) fn schedule_at(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    /// When the next event is due.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next event that is due.
    pub(super) fn take_due(&mut self) -> Option<Event> {
        let now = self.now();
        let first = self.events.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
