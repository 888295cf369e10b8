//! The bridge between the log and the store: applies committed entries and makes snapshots.
//!
//! A run of committed entries becomes ONE write to the engine, and the index of the last of them
//! is part of that write: no crash can separate the two. The proposers get their replies after it.
//!
//! A snapshot is a pinned view of the engine, streamed when somebody wants it; making one costs
//! nothing. What costs is to make the state survive a restart without the log before it, which is
//! what openraft waits for before it lets go of log entries: RocksDB is flushed, and for an engine
//! that keeps no files the view is written to a snapshot file.

pub mod files;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use futures::{FutureExt, Stream, StreamExt};
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine, Snapshot},
};
use tempfile::TempPath;

use super::{
    clock::{self, Clock},
    codec,
    roster::{Roster, highest_id},
    types::{Entry, LogId, Reply, SnapshotMeta, StoredMembership, TypeConfig, log_id},
};
use crate::{
    disk::is_lack_of_room,
    engine::{Engine, EngineError, Reader, View},
    store::{self, Applied, Applier, Command, Event, Operation, Position, Proposal},
    watch::Hub,
};
use files::SnapshotFiles;

/// The most entries applied as one write to the engine.
const MAX_RUN: usize = 4096;

/// More events than this are published where heartbeats do not wait for it.
const MANY_EVENTS: usize = 20_000;

/// A snapshot on its way: out of this member, or into it.
pub enum SnapshotData {
    /// The state as it was at one moment.
    View(View),
    /// A received file, complete and verified.
    File(TempPath),
}

type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotData>;

/// What the state machine tells to whoever wants to know, without asking it.
#[derive(Debug, Default)]
pub struct Progress {
    /// The index of the last entry whose effect the engine shows; 0 before the first.
    pub applied: AtomicU64,
    /// One beyond the last index whose effect survives a restart without the log; 0 for none. What
    /// openraft calls the snapshot is no measure of that: after a restart it takes the state as
    /// replayed for one.
    pub durable: AtomicU64,
    /// The bytes of state kept on disk by the last snapshot; 0 before the first.
    pub snapshot_bytes: AtomicU64,
    /// The membership as applied.
    pub roster: Roster,
}

/// The state machine.
pub struct Machine {
    engine: Arc<dyn Engine>,
    cluster_id: u128,
    files: SnapshotFiles,
    /// Whether the engine forgets everything when the process ends.
    volatile: bool,
    progress: Arc<Progress>,
    clock: Clock,
    hub: Hub,
}

impl Machine {
    /// A state machine over an engine that holds its state already. What it does is published in
    /// `hub`.
    ///
    /// # Errors
    /// If the engine cannot be read.
    pub fn new(
        engine: Arc<dyn Engine>,
        cluster_id: u128,
        files: SnapshotFiles,
        volatile: bool,
        source: clock::Source,
        hub: Hub,
    ) -> Result<Self, EngineError> {
        let clock = Clock::new(source, store::clock(&*engine)?);
        let progress = Progress {
            applied: AtomicU64::new(0),
            durable: AtomicU64::new(durable_in(&*engine)?),
            snapshot_bytes: AtomicU64::new(if volatile {
                files.bytes()
            } else {
                engine.disk_bytes()
            }),
            roster: Roster::default(),
        };
        Ok(Self {
            engine,
            cluster_id,
            files,
            volatile,
            progress: Arc::new(progress),
            clock,
            hub,
        })
    }

    /// See [`Progress`].
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// This member's copy of the cluster's clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn applied(&self, last: Option<LogId>) {
        if let Some(last) = last {
            self.progress.applied.store(last.index(), Ordering::Release);
        }
    }

    async fn apply_run(&self, run: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let (entries, responders): (Vec<Entry>, Vec<_>) = run.into_iter().unzip();
        let last = entries.last().map(|entry| entry.log_id);
        let steps = entries
            .into_iter()
            .map(Step::new)
            .collect::<io::Result<Vec<_>>>()?;
        failpoint!(async ApplyBefore);
        // What takes long in one piece must not hold up heartbeats.
        let done = if self.engine.may_block() || steps.iter().any(Step::is_heavy) {
            let engine = Arc::clone(&self.engine);
            tokio::task::spawn_blocking(move || apply(&*engine, steps))
                .await
                .map_err(io::Error::other)??
        } else {
            apply(&*self.engine, steps)?
        };
        self.clock.observe(done.clock);
        if let Some((membership, highest)) = &done.membership {
            self.progress.roster.set(membership, *highest);
        }
        self.applied(last);
        failpoint!(async ApplyAfter);
        for (responder, reply) in responders.into_iter().zip(done.replies) {
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        if let Some(last) = last {
            if done.events.len() > MANY_EVENTS {
                let (hub, events) = (self.hub.clone(), done.events);
                tokio::task::spawn_blocking(move || hub.publish(last.index(), events))
                    .await
                    .map_err(io::Error::other)?;
            } else {
                self.hub.publish(last.index(), done.events);
            }
        }
        Ok(())
    }
}

/// One beyond the index that the content of an engine stands for.
fn durable_in(reader: &dyn Reader) -> Result<u64, EngineError> {
    Ok(store::applied(reader)?.map_or(0, |position| position.index + 1))
}

/// An entry, decoded.
pub(super) struct Step {
    id: LogId,
    change: Change,
}

enum Change {
    Nothing,
    Command(Proposal),
    Membership(StoredMembership),
}

impl Step {
    pub(super) fn new(entry: Entry) -> io::Result<Self> {
        let id = entry.log_id;
        let change = match entry.payload {
            EntryPayload::Blank => Change::Nothing,
            EntryPayload::Normal(proposal) => {
                Change::Command(Proposal::decode(&proposal.0).map_err(|error| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("log entry {}: {error}", id.index()),
                    )
                })?)
            }
            EntryPayload::Membership(membership) => {
                Change::Membership(StoredMembership::new(Some(id), membership))
            }
        };
        Ok(Self { id, change })
    }

    /// Whether its work grows with what is stored.
    fn is_heavy(&self) -> bool {
        let Change::Command(proposal) = &self.change else {
            return false;
        };
        match &proposal.command {
            Command::DeletePrefix { .. } | Command::DeleteNamespace { .. } => true,
            Command::Txn {
                then, otherwise, ..
            } => then
                .iter()
                .chain(otherwise)
                .any(|operation| matches!(operation, Operation::DeletePrefix { .. })),
            _ => false,
        }
    }
}

/// What applying a run of entries gave.
pub(super) struct Done {
    replies: Vec<Reply>,
    /// The clock after them.
    clock: u64,
    events: Vec<Event>,
    /// The last membership among them, and the highest id ever given away.
    membership: Option<(StoredMembership, u64)>,
}

/// Applies entries as one write.
pub(super) fn apply(engine: &dyn Engine, steps: Vec<Step>) -> io::Result<Done> {
    let mut applier = Applier::new(engine).map_err(io::Error::other)?;
    let mut replies = Vec::with_capacity(steps.len());
    let last = steps.last().map(|step| step.id);
    let mut membership = None;
    for Step { id, change } in steps {
        replies.push(match change {
            Change::Nothing => None,
            Change::Command(proposal) => Some(
                applier
                    .apply(id.index(), proposal)
                    .map_err(io::Error::other)?,
            ),
            Change::Membership(stored) => {
                let before = match &membership {
                    Some((_, highest)) => *highest,
                    None => applied_state(engine)?.highest,
                };
                let highest = before.max(highest_id(&stored));
                applier.set_membership(&codec::encode_applied_membership(&stored, highest));
                membership = Some((stored, highest));
                None
            }
        });
    }
    let clock = applier.clock();
    let Applied { writes, events } = applier.finish(last.map(|last| Position {
        term: last.committed_leader_id().term,
        index: last.index(),
    }));
    engine.write(writes).map_err(io::Error::other)?;
    Ok(Done {
        replies,
        clock,
        events,
        membership,
    })
}

/// What the state says of its place in the log.
pub(super) struct AppliedState {
    pub(super) last: Option<LogId>,
    pub(super) membership: StoredMembership,
    /// The highest id ever given away.
    highest: u64,
}

/// How far the state behind a reader has come.
pub(super) fn applied_state(reader: &dyn Reader) -> io::Result<AppliedState> {
    let last = store::applied(reader)
        .map_err(io::Error::other)?
        .map(|position| log_id(position.term, position.index));
    let (membership, highest) = match store::membership(reader).map_err(io::Error::other)? {
        Some(bytes) => codec::decode_applied_membership(&bytes)?,
        None => (StoredMembership::default(), 0),
    };
    Ok(AppliedState {
        last,
        membership,
        highest,
    })
}

fn snapshot_of(view: View) -> io::Result<RaftSnapshot> {
    let state = applied_state(&*view)?;
    Ok(Snapshot {
        meta: SnapshotMeta {
            last_log_id: state.last,
            last_membership: state.membership,
        },
        snapshot: SnapshotData::View(view),
    })
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let state = applied_state(&*self.engine)?;
        self.progress.roster.set(&state.membership, state.highest);
        self.applied(state.last);
        Ok((state.last, state.membership))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some(first) = entries.next().await {
            let mut run = vec![first?];
            while run.len() < MAX_RUN
                && let Some(Some(entry)) = entries.next().now_or_never()
            {
                run.push(entry?);
            }
            self.apply_run(run).await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            view: self.engine.snapshot(),
            engine: Arc::clone(&self.engine),
            cluster_id: self.cluster_id,
            files: self.files.clone(),
            volatile: self.volatile,
            progress: Arc::clone(&self.progress),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotData,
    ) -> io::Result<()> {
        let started = Instant::now();
        let engine = Arc::clone(&self.engine);
        let files = self.files.clone();
        let (cluster_id, volatile) = (self.cluster_id, self.volatile);
        let covered = meta.last_log_id.map_or(0, |id| id.index() + 1);
        failpoint!(async SnapshotInstallBefore);
        let bytes = tokio::task::spawn_blocking(move || -> io::Result<u64> {
            let file = match snapshot {
                SnapshotData::File(file) => file,
                SnapshotData::View(view) => {
                    let mut file = files.incoming()?;
                    let mut writer =
                        store::SnapshotWriter::new(view, cluster_id).map_err(io::Error::other)?;
                    while let Some(chunk) = writer.next_chunk().map_err(io::Error::other)? {
                        io::Write::write_all(&mut file, &chunk)?;
                    }
                    file.as_file().sync_all()?;
                    file.into_temp_path()
                }
            };
            store::restore(files::read(&file)?, &*engine, Some(cluster_id))
                .map_err(io::Error::other)?;
            if volatile {
                files.adopt(file, covered)?;
                Ok(files.bytes())
            } else {
                Ok(engine.disk_bytes())
            }
        })
        .await
        .map_err(io::Error::other)??;
        failpoint!(async SnapshotInstallAfter);
        self.progress.snapshot_bytes.store(bytes, Ordering::Relaxed);
        let clock = store::clock(&*self.engine).map_err(io::Error::other)?;
        self.clock.observe(clock);
        let state = applied_state(&*self.engine)?;
        self.progress.roster.set(&state.membership, state.highest);
        self.applied(meta.last_log_id);
        self.hub
            .skip_to(meta.last_log_id.map_or(0, |id| id.index()));
        self.progress.durable.fetch_max(covered, Ordering::AcqRel);
        tracing::info!(
            index = meta.last_log_id.map(|id| id.index()),
            elapsed_ms = started.elapsed().as_millis() as u64,
            "snapshot installed"
        );
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<RaftSnapshot>> {
        let view = self.engine.snapshot();
        let snapshot = snapshot_of(view)?;
        Ok(snapshot.meta.last_log_id.is_some().then_some(snapshot))
    }
}

/// Makes the state of one moment survive without the log before it.
pub struct Builder {
    view: View,
    engine: Arc<dyn Engine>,
    cluster_id: u128,
    files: SnapshotFiles,
    volatile: bool,
    progress: Arc<Progress>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<RaftSnapshot> {
        let started = Instant::now();
        let view = Arc::clone(&self.view);
        let engine = Arc::clone(&self.engine);
        let files = self.files.clone();
        let (cluster_id, volatile) = (self.cluster_id, self.volatile);
        let covered = durable_in(&*view).map_err(io::Error::other)?;
        failpoint!(async SnapshotSaveBefore);
        let bytes = tokio::task::spawn_blocking(move || -> io::Result<u64> {
            if volatile {
                files.save(view, cluster_id, covered)
            } else {
                engine.persist().map_err(io::Error::other)?;
                Ok(engine.disk_bytes())
            }
        })
        .await
        .map_err(io::Error::other)?;
        let snapshot = snapshot_of(Arc::clone(&self.view))?;
        let bytes = match bytes {
            Ok(bytes) => bytes,
            // An error would end the member. Without `durable` going on, the log keeps what this
            // snapshot does not cover, and another one will be taken.
            Err(error) if is_lack_of_room(&error) => {
                tracing::warn!(%error, "snapshot not taken");
                return Ok(snapshot);
            }
            Err(error) => return Err(error),
        };
        failpoint!(async SnapshotSaveAfter);
        self.progress.snapshot_bytes.store(bytes, Ordering::Relaxed);
        self.progress.durable.fetch_max(covered, Ordering::AcqRel);
        tracing::info!(
            index = snapshot.meta.last_log_id.map(|id| id.index()),
            bytes,
            elapsed_ms = started.elapsed().as_millis() as u64,
            "snapshot taken"
        );
        Ok(snapshot)
    }
}
