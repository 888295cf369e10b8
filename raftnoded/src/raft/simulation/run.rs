//! One run: events one at a time, each followed by all that the members do of themselves, and by a
//! look at the invariants.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use futures::FutureExt;
use openraft::{ServerState, async_runtime::WatchReceiver};
use rand::RngExt;
use tokio::sync::oneshot;

use super::{
    clients::Client,
    disk::Disk,
    invariants::{Property, Violation},
    member::{Member, Origin},
    network::Returned,
    plan::{Plan, Sabotage},
    runtime::Process,
    world::{Event, World},
};
use crate::engine::View;

/// How long the cluster may take to heal, in milliseconds.
const HEALING: u64 = 30_000;

/// A run takes no longer than this before the faults end, in milliseconds of its own time.
const LONGEST: u64 = 600_000;

/// Calls that each client must see answered when the faults have ended.
const CALLS_AFTER: u64 = 3;

/// A place for a member: what outlives its processes, and the process of the moment.
pub(super) struct Slot {
    disk: Arc<Disk>,
    pub(super) ahead: Arc<AtomicI64>,
    founders: Vec<u64>,
    pub(super) process: Option<Process>,
    starting: Option<oneshot::Receiver<Result<Member, String>>>,
    member: Option<Member>,
    last_state: Option<View>,
}

impl Slot {
    pub(super) fn new(node: u64, world: &Arc<World>, founders: Vec<u64>) -> Self {
        Self {
            disk: Disk::new(node, Arc::clone(world)),
            ahead: Arc::default(),
            founders,
            process: None,
            starting: None,
            member: None,
            last_state: None,
        }
    }
}

/// What a run was like.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) seed: u64,
    /// Stands for all that happened.
    pub(super) hash: u64,
    /// Lines of the trace.
    pub(super) lines: u64,
    /// Events that happened one at a time.
    pub(super) steps: u64,
    /// Its own time, in milliseconds.
    pub(super) millis: u64,
    pub(super) elections: usize,
    pub(super) committed: usize,
    /// Calls of clients that were answered.
    pub(super) answered: u64,
    /// How often each fault happened.
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) violation: Option<Violation>,
    /// The lines of the trace that were kept.
    pub(super) trace: String,
}

/// A run under way.
pub(super) struct Run {
    pub(super) world: Arc<World>,
    pub(super) founders: u64,
    /// The highest id that was ever given: none is given twice.
    pub(super) highest: u64,
    pub(super) slots: BTreeMap<u64, Slot>,
    pub(super) faults: BTreeMap<&'static str, u64>,
    clients: Vec<Client>,
    directory: std::path::PathBuf,
    steps: u64,
    /// Whether the faults have ended.
    ended: bool,
    /// Whether clients have done enough.
    quiet: bool,
}

impl Run {
    /// Runs a plan to its end, in a runtime whose clock stands still; counts its steps for whoever
    /// watches it, and keeps files in `directory`.
    pub(super) async fn go(plan: Plan, directory: &Path, progress: &AtomicU64) -> Report {
        let world = World::new(plan.clone());
        let founders: Vec<u64> = (1..=plan.founders).collect();
        let slots = founders
            .iter()
            .map(|id| (*id, Slot::new(*id, &world, founders.clone())))
            .collect();
        let mut run = Self {
            world,
            founders: plan.founders,
            highest: plan.founders,
            slots,
            faults: BTreeMap::new(),
            clients: (0..plan.clients).map(Client::new).collect(),
            directory: directory.to_owned(),
            steps: 0,
            ended: false,
            quiet: false,
        };
        for id in founders {
            run.start(id);
        }
        run.world.with(|inner| {
            for id in 0..plan.clients {
                inner.schedule(500, Event::Client(id));
            }
            inner.schedule(2_000, Event::Fault);
        });
        while run.steps < plan.steps && run.now() < LONGEST && !run.is_violated() {
            run.step(progress).await;
        }
        run.heal(progress).await;
        run.report(plan.seed)
    }

    fn report(self, seed: u64) -> Report {
        self.world.with(|inner| Report {
            seed,
            hash: inner.trace.hash(),
            lines: inner.trace.len(),
            steps: self.steps,
            millis: inner.now(),
            elections: inner.invariants.elections(),
            committed: inner.invariants.committed(),
            answered: self.clients.iter().map(|client| client.done).sum(),
            faults: self.faults,
            violation: inner.invariants.violation().cloned(),
            trace: inner.trace.lines(),
        })
    }

    fn now(&self) -> u64 {
        self.world.with(|inner| inner.now())
    }

    fn is_violated(&self) -> bool {
        self.world
            .with(|inner| inner.invariants.violation().is_some())
    }

    /// The next event, and all that follows from it at once; or the time until there is one.
    async fn step(&mut self, progress: &AtomicU64) {
        progress.fetch_add(1, Relaxed);
        match self.world.with(|inner| inner.take_due()) {
            Some(event) => {
                self.steps += 1;
                self.happens(event);
                // Comes back when every other task has nothing to do.
                tokio::task::yield_now().await;
            }
            None => {
                let now = self.now();
                let next = self.world.with(|inner| inner.next_at());
                let until = self.world.moment(next.unwrap_or(now + 1_000));
                // Tasks wake by their own timers, too, and schedule what comes earlier.
                let _ = tokio::time::timeout_at(until, self.world.scheduled.notified()).await;
            }
        }
        self.observe();
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Deliver(message) => {
                let (from, to) = (message.from, message.to);
                let lost = self.world.with(|inner| {
                    inner.note(format_args!("{from} -> {to} {}", message.request));
                    inner.links.cut.contains(&(from, to))
                });
                let refused = std::io::ErrorKind::ConnectionRefused;
                match self.running_member(to) {
                    Some((member, process)) if !lost => {
                        member.serve(process, &self.world, message);
                    }
                    _ if lost => {
                        let reset = std::io::ErrorKind::ConnectionReset;
                        self.world.with(|inner| inner.fail(message, reset));
                    }
                    _ => self.world.with(|inner| inner.fail(message, refused)),
                }
            }
            Event::Return(Returned {
                from,
                to,
                reply,
                answer,
            }) => {
                // Nobody waits any more for what comes too late.
                if !answer.is_closed() {
                    self.world
                        .with(|inner| inner.note(format_args!("{to} <- {from} {reply:?}")));
                }
                let _ = answer.send(reply);
            }
            Event::Synced { node, opened } => {
                if let Some(slot) = self.slots.get(&node) {
                    slot.disk.synced(opened);
                }
            }
            Event::Client(id) => self.client(id),
            Event::Answer(id, answer) => {
                if let Some(client) = self.clients.get_mut(id) {
                    client.hear(&self.world, answer);
                    self.again(id);
                }
            }
            Event::Fault if self.ended => {}
            Event::Fault => self.fault(),
            Event::Repair(repair) => self.repair(repair),
        }
    }

    fn again(&self, id: usize) {
        if !self.quiet {
            self.world.with(|inner| {
                let after = inner.rng.random_range(1..60);
                inner.schedule(after, Event::Client(id));
            });
        }
    }

    fn client(&mut self, id: usize) {
        let hint = self.clients.get(id).and_then(|client| client.at);
        let up: Vec<u64> = self.running().map(|(id, _)| id).collect();
        let drawn = self.world.with(|inner| match up.len() {
            0 => None,
            all => up.get(inner.rng.random_range(0..all)).copied(),
        });
        let target = hint.filter(|id| up.contains(id)).or(drawn);
        let Some(target) = target else {
            return self.again(id);
        };
        let (slots, clients) = (&self.slots, &mut self.clients);
        let slot = slots.get(&target);
        if let Some(slot) = slot
            && let (Some(member), Some(process)) = (&slot.member, &slot.process)
            && let Some(client) = clients.get_mut(id)
        {
            client.at = Some(target);
            client.ask(&self.world, member, process);
        }
    }

    /// The members that run, standing still or not.
    pub(super) fn running(&self) -> impl Iterator<Item = (u64, &Member)> {
        let slots = self.slots.iter();
        slots.filter_map(|(id, slot)| slot.member.as_ref().map(|member| (*id, member)))
    }

    pub(super) fn running_member(&self, node: u64) -> Option<(&Member, &Process)> {
        let slot = self.slots.get(&node)?;
        Some((slot.member.as_ref()?, slot.process.as_ref()?))
    }

    /// The member that leads in the highest term.
    pub(super) fn leader(&self) -> Option<u64> {
        let leaders = self.running().filter_map(|(id, member)| {
            let metrics = member.metrics.borrow_watched();
            (metrics.state == ServerState::Leader).then_some((metrics.current_term, id))
        });
        leaders.max().map(|(_, id)| id)
    }

    /// Starts a member, if it does not run.
    pub(super) fn start(&mut self, node: u64) {
        let sabotaged =
            self.world.with(|inner| inner.plan.sabotage) == Some(Sabotage::AppliesTwice);
        let Some(slot) = self.slots.get_mut(&node) else {
            return;
        };
        if slot.process.is_some() {
            return;
        }
        let origin = Origin {
            world: Arc::clone(&self.world),
            node,
            disk: Arc::clone(&slot.disk),
            ahead: Arc::clone(&slot.ahead),
            founders: slot.founders.clone(),
            inherited: slot.last_state.take().filter(|_| sabotaged),
        };
        let process = Process::default();
        let (started, starting) = oneshot::channel();
        let directory = self.directory.clone();
        process.spawn(async move {
            let _ = started.send(Member::start(origin, &directory).await);
        });
        slot.process = Some(process);
        slot.starting = Some(starting);
    }

    /// Ends the process of a member, as SIGKILL or a power cut does.
    pub(super) fn crash(&mut self, node: u64) {
        let Some(slot) = self.slots.get_mut(&node) else {
            return;
        };
        if let Some(process) = slot.process.take() {
            process.kill();
            slot.starting = None;
            slot.last_state = slot.member.take().map(|member| member.engine.snapshot());
            slot.disk.crash();
        }
    }

    /// Looks at what the members say of themselves.
    fn observe(&mut self) {
        for (node, slot) in &mut self.slots {
            if let Some(started) = slot
                .starting
                .as_mut()
                .and_then(|starting| starting.try_recv().ok())
            {
                slot.starting = None;
                match started {
                    Ok(member) => slot.member = Some(member),
                    Err(error) => self.world.with(|inner| {
                        let detail = format!("member {node} does not start: {error}");
                        inner.invariants.violated(Property::Running, detail);
                    }),
                }
            }
            let Some(member) = &mut slot.member else {
                continue;
            };
            if member.metrics.changed().now_or_never().is_none() {
                continue;
            }
            let metrics = member.metrics.borrow_and_update();
            self.world.with(|inner| {
                let invariants = &mut inner.invariants;
                if let Err(fatal) = &metrics.running_state {
                    let detail = format!("member {node} ends: {fatal}");
                    invariants.violated(Property::Running, detail);
                }
                if metrics.state == ServerState::Leader && metrics.vote.committed {
                    invariants.leads(*node, metrics.vote.leader_id.term);
                }
                let index = |id: Option<crate::raft::types::LogId>| id.map(|id| id.index());
                invariants.says(
                    *node,
                    index(metrics.last_applied),
                    index(metrics.local_committed),
                );
            });
        }
    }

    /// The faults end. Then there must be a leader soon, clients must be served, and the voters must
    /// become equal.
    async fn heal(&mut self, progress: &AtomicU64) {
        if self.is_violated() {
            return;
        }
        let deadline = self.now() + HEALING;
        let goals: Vec<u64> = self.clients.iter().map(|c| c.done + CALLS_AFTER).collect();
        self.ended = true;
        self.calm();
        let mut next_change = 0;
        loop {
            let served = |(client, goal): (&Client, &u64)| client.done >= *goal;
            self.quiet = self.clients.iter().zip(&goals).all(served);
            let now = self.now();
            if self.is_violated() || (self.quiet && self.is_whole()) {
                return;
            }
            if now > deadline {
                let detail = self.describe();
                self.world
                    .with(|inner| inner.invariants.violated(Property::Heals, detail));
                return;
            }
            if now >= next_change && self.world.with(|inner| inner.invariants.voters()).len() > 1 {
                next_change = now + 1_000;
                self.finish_change();
            }
            self.step(progress).await;
        }
    }

    /// Whether every voter has applied all that is committed.
    fn is_whole(&self) -> bool {
        let (voters, last) = self
            .world
            .with(|inner| (inner.invariants.voters(), inner.invariants.last_committed()));
        let applied = |id: &u64| {
            let member = self.running_member(*id);
            member.map(|(member, _)| member.progress.applied.load(Relaxed))
        };
        voters.len() == 1 && voters.iter().flatten().all(|id| applied(id) == last)
    }

    fn describe(&self) -> String {
        let mut text = format!(
            "{HEALING} ms after the faults the leader is {:?}, and",
            self.leader()
        );
        self.world.with(|inner| {
            let (voters, last) = (inner.invariants.voters(), inner.invariants.last_committed());
            text += &format!(" {last:?} is committed with voters {voters:?};");
        });
        for (id, member) in self.running() {
            let applied = member.progress.applied.load(Relaxed);
            let metrics = member.metrics.borrow_watched();
            text += &format!(
                " {id} is {:?} at {applied} in {};",
                metrics.state, metrics.vote
            );
        }
        for client in &self.clients {
            text += &format!(" a client was answered {} times;", client.done);
        }
        text
    }
}
