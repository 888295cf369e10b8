//! A member: the real consensus, log, state machine and batcher, over a simulated disk and network.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::StreamExt;
use openraft::{RaftMetrics, alias::WatchReceiverOf};
use tokio::time::Instant;

use super::{
    disk::Disk,
    engine::Watched,
    network::{Factory, Message, Reply, Request},
    plan::Sabotage,
    runtime::Process,
    world::World,
};
use crate::{
    disk,
    engine::{Batch, Engine, View},
    raft::{
        Compaction, RaftHandle, Room, Settings,
        barrier::Barrier,
        batcher::Batcher,
        clock,
        machine::{Machine, Progress, files::SnapshotFiles},
        types::{MemberInfo, TypeConfig},
    },
    store,
    watch::Hub,
};

/// The id of the simulated cluster.
const CLUSTER: u128 = 7;

/// Bytes of events that a member keeps for watchers.
const EVENTS: usize = 64 << 10;

/// The heartbeat of the simulated members; they campaign after two to four of it.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(100);

/// The shortest time without a leader after which a member campaigns.
const ELECTION: Duration = Duration::from_millis(300);

/// Where a member starts from.
pub(super) struct Origin {
    pub(super) world: Arc<World>,
    pub(super) node: u64,
    pub(super) disk: Arc<Disk>,
    /// What its clock is ahead by, in milliseconds.
    pub(super) ahead: Arc<AtomicI64>,
    /// Whose ids a new cluster begins with; none for a member that joins one.
    pub(super) founders: Vec<u64>,
    /// The state of its last process, for a member that is made to keep it.
    pub(super) inherited: Option<View>,
}

/// A running member.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) raft: RaftHandle,
    pub(super) batcher: Batcher,
    pub(super) barrier: Barrier,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) progress: Arc<Progress>,
    pub(super) metrics: WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>,
}

/// What the membership says of a member.
pub(super) fn info(node: u64) -> MemberInfo {
    MemberInfo {
        name: format!("n{node}"),
        incarnation: node,
        ..MemberInfo::default()
    }
}

impl Member {
    /// Starts one, within its process.
    ///
    /// # Errors
    /// Why it cannot start.
    pub(super) async fn start(origin: Origin, directory: &Path) -> Result<Self, String> {
        fn words(error: impl std::fmt::Display) -> String {
            error.to_string()
        }
        let Origin {
            world,
            node,
            disk,
            ahead,
            founders,
            inherited,
        } = origin;
        let files = SnapshotFiles::open(directory.join(format!("n{node}"))).map_err(words)?;
        let watched = Arc::new(Watched::new(node, Arc::clone(&world)));
        let engine: Arc<dyn Engine> = watched.clone();
        files.load(&*engine, CLUSTER).map_err(words)?;
        let mut batch = Batch::new(&*engine);
        store::initialize(&mut batch).map_err(words)?;
        let writes = batch.into_writes();
        if !writes.is_empty() {
            engine.write(writes).map_err(words)?;
        }
        if let Some(state) = inherited {
            watched.inherit(&*state).map_err(words)?;
        }
        let log = disk.open().map_err(words)?;
        let began = Instant::now();
        let source: clock::Source = Arc::new(move || {
            let ahead = Duration::from_millis(u64::try_from(ahead.load(Relaxed)).unwrap_or(0));
            began.elapsed() + ahead
        });
        let hub = Hub::new(EVENTS, 0);
        let machine =
            Machine::new(Arc::clone(&engine), CLUSTER, files, true, source, hub).map_err(words)?;
        let (progress, clock) = (machine.progress(), machine.clock());
        let room = Room::new(
            disk::Disk::new(directory, Some(0)).map_err(words)?,
            log.clone(),
        );
        let pristine = log.is_pristine();
        let raft = RaftHandle::new(
            node,
            Arc::new(super::super::config(&settings(node)).map_err(words)?),
            Factory { node, world },
            log,
            machine,
        )
        .await
        .map_err(words)?;
        if pristine && !founders.is_empty() {
            let founders: BTreeMap<u64, MemberInfo> =
                founders.into_iter().map(|id| (id, info(id))).collect();
            raft.initialize(founders).await.map_err(words)?;
        }
        Ok(Self {
            batcher: Batcher::start(raft.clone(), clock, room),
            barrier: Barrier::start(raft.clone()),
            metrics: raft.metrics(),
            raft,
            engine,
            progress,
        })
    }

    /// Answers a request in a task of its process.
    pub(super) fn serve(&self, process: &Process, world: &Arc<World>, message: Message) {
        let Message {
            from,
            to,
            request,
            answer,
        } = message;
        let (raft, world) = (self.raft.clone(), Arc::clone(world));
        process.spawn(async move {
            let reply = handle(to, &raft, &world, request).await;
            world.with(|inner| inner.reply(to, from, reply, answer));
        });
    }
}

async fn handle(
    node: u64,
    raft: &RaftHandle,
    world: &World,
    request: Request,
) -> std::io::Result<Reply> {
    let stopped = |_| std::io::Error::other("it has stopped");
    Ok(match request {
        Request::Append(request) => {
            let mut results = Box::pin(raft.stream_append(futures::stream::iter([request])));
            let result = results.next().await;
            let result = result.ok_or_else(|| std::io::Error::other("it has stopped"))?;
            Reply::Append(result.map_err(std::io::Error::other)?)
        }
        Request::PreVote(request) => Reply::Vote(raft.pre_vote(request).await.map_err(stopped)?),
        Request::Vote(request) => {
            let asked = request.vote;
            let mut response = raft.vote(request).await.map_err(stopped)?;
            if response.vote_granted {
                world.with(|inner| inner.invariants.grants(node, asked));
            }
            if world.with(|inner| inner.plan.sabotage) == Some(Sabotage::VotesAreForged) {
                (response.vote, response.vote_granted) = (asked, true);
            }
            Reply::Vote(response)
        }
        Request::Transfer(request) => {
            let reply = raft.handle_transfer_leader(request).await;
            Reply::Transfer(reply.map_err(std::io::Error::other)?)
        }
        Request::Snapshot(vote, snapshot) => {
            let installed = raft.install_full_snapshot(vote, snapshot).await;
            Reply::Snapshot(installed.map_err(std::io::Error::other)?)
        }
    })
}

fn settings(node: u64) -> Settings {
    Settings {
        cluster_id: CLUSTER,
        node_id: node,
        incarnation: node,
        client_address: String::new(),
        peer_address: String::new(),
        heartbeat: HEARTBEAT,
        election_timeout: ELECTION,
        append_in_flight: 2,
        compaction: Compaction {
            snapshot_every: 0,
            retain: 0,
        },
    }
}
