//! What a member of a cluster answers another one, channel by channel.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use common::transport::Connection;
use futures::{FutureExt, SinkExt, StreamExt};
use openraft::{
    EntryPayload,
    async_runtime::WatchReceiver,
    raft::{AppendEntriesRequest, TransferLeaderError, TransferLeaderRequest, VoteRequest},
    storage::Snapshot,
};
use tokio_util::sync::CancellationToken;

use super::super::{
    RaftHandle,
    codec::{self, Append, Appended},
    contact::Contact,
    elections::{Elections, Reign},
    failover::Rivals,
    log::LogStore,
    machine::{Progress, SnapshotData, files::SnapshotFiles},
    membership::Governor,
    network::Me,
    peer::{ControlReply, ControlRequest, SnapshotFrame, SnapshotReply, TransferReply},
    room::Room,
    standing::{Dismissal, Verdict},
    transfers::Transfers,
    types::{LogId, SnapshotMeta, TypeConfig, Vote, position},
};
use crate::{disk::Level, store};

/// After so many bytes of a snapshot it is asked anew whether the disk has room.
const CHECK_ROOM: usize = 8 << 20;

/// What it takes to answer other members.
pub(in crate::raft) struct Membered {
    pub(in crate::raft) me: Me,
    pub(in crate::raft) raft: RaftHandle,
    pub(in crate::raft) log: LogStore,
    pub(in crate::raft) files: SnapshotFiles,
    pub(in crate::raft) contact: Arc<Contact>,
    pub(in crate::raft) rivals: Arc<Rivals>,
    pub(in crate::raft) elections: Elections,
    pub(in crate::raft) progress: Arc<Progress>,
    pub(in crate::raft) governor: Arc<Governor>,
    pub(in crate::raft) dismissal: Dismissal,
    pub(in crate::raft) room: Arc<Room>,
    pub(in crate::raft) transfers: Transfers,
}

impl Membered {
    /// Why a caller must not take part.
    pub(super) fn refusal(
        &self,
        cluster_id: u128,
        from: u64,
        incarnation: u64,
        to: u64,
    ) -> Option<String> {
        if cluster_id != self.me.cluster_id {
            return Some(format!(
                "the caller belongs to cluster {cluster_id:032x}, this member to \
                 {:032x}; correct the addresses, or empty the caller's data directory if it is to \
                 change clusters",
                self.me.cluster_id
            ));
        }
        if to != self.me.id {
            return Some(format!(
                "the caller looks for member {to}, this is member {}; correct the addresses",
                self.me.id
            ));
        }
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let known = metrics.membership_config.get_node(&from)?;
        (known.incarnation != incarnation).then(|| {
            format!(
                "member {from} ({}) joined with another data directory; one that was emptied or \
                 copied must not come back under the old id: replace the member",
                known.name
            )
        })
    }

    /// The leader of a term says that this member has acknowledged an entry, and lacks it. Believed
    /// if it is so, and if no later leader could have had it dropped since.
    pub(super) fn told_of_loss(&self, from: u64, term: u64, acknowledged: LogId) {
        let metrics = self.raft.server_metrics();
        let (now, leader) = {
            let metrics = metrics.borrow_watched();
            let leader = metrics.membership_config.get_node(&from);
            (
                metrics.vote.leader_id.term,
                leader.map(|info| info.name.clone()),
            )
        };
        let acknowledged = position(acknowledged);
        if term < now || self.log.holds(acknowledged) {
            return;
        }
        let by = leader.unwrap_or_else(|| format!("member {from}"));
        self.dismissal
            .send_replace(Some(Verdict::LogLost { by, acknowledged }));
    }

    pub(super) async fn serve_append(
        &self,
        from: u64,
        lane: Connection<Append, Appended>,
    ) -> io::Result<()> {
        let (mut answers, requests) = lane.split();
        // openraft reads the requests in a task of its own: it must end with this one.
        let ended = CancellationToken::new();
        let (no_room, room) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.room));
        let refused = Arc::clone(&no_room);
        let _end = ended.clone().drop_guard();
        let requests = requests
            .take_while(|request| {
                if let Err(error) = request {
                    tracing::debug!(%error, "append connection broken");
                }
                std::future::ready(request.is_ok())
            })
            .filter_map(|request| std::future::ready(request.ok().map(|append| append.0)))
            .take_while(move |request| {
                let refuse = room.level() == Level::Exhausted
                    && carries_commands(request, room.last_index());
                refused.store(refuse, Ordering::Relaxed);
                std::future::ready(!refuse)
            })
            .take_until(ended.cancelled_owned());
        // Fused: it is polled once more after its end.
        let mut results = Box::pin(self.raft.stream_append(requests).fuse());
        while let Some(result) = results.next().await {
            let mut next = Some(result);
            // One write for all that is ready.
            while let Some(result) = next {
                let result = result.map_err(io::Error::other)?;
                let refused = result.is_err();
                if !refused {
                    self.contact.heard(from);
                }
                let answer = Appended::new(result, self.room.level());
                answers.feed(answer).await?;
                if refused {
                    return answers.flush().await;
                }
                next = results.next().now_or_never().flatten();
            }
            answers.flush().await?;
        }
        if no_room.load(Ordering::Relaxed) {
            answers.send(Appended::no_room(self.room.level())).await?;
        }
        Ok(())
    }

    pub(super) async fn serve_control(
        &self,
        from: u64,
        name: &str,
        mut lane: Connection<ControlRequest, ControlReply>,
    ) -> io::Result<()> {
        while let Some(request) = lane.next().await {
            let reply = match request? {
                ControlRequest::Vote(_) | ControlRequest::PreVote(_)
                    if self.progress.roster.removed(from) =>
                {
                    ControlReply::Removed {
                        by: name.to_owned(),
                    }
                }
                ControlRequest::Vote(request) => {
                    let request: VoteRequest<TypeConfig> = request.into();
                    self.rivals.asked(from, request.last_log_id);
                    self.raft.vote(request).await.map_or_else(
                        |_| ControlReply::Failed,
                        |response| ControlReply::Vote(response.into()),
                    )
                }
                ControlRequest::PreVote(request) => {
                    let request: VoteRequest<TypeConfig> = request.into();
                    self.rivals.asked(from, request.last_log_id);
                    self.raft.pre_vote(request).await.map_or_else(
                        |_| ControlReply::Failed,
                        |response| ControlReply::Vote(response.into()),
                    )
                }
                ControlRequest::Transfer(request) => {
                    let request: TransferLeaderRequest<TypeConfig> = request.into();
                    // Every member is told, and one of them campaigns.
                    let handing_over = Reign::of(request.from_leader());
                    self.elections.handed_over(handing_over, Instant::now());
                    match self.raft.handle_transfer_leader(request).await {
                        Ok(reply) => ControlReply::Transfer(transfer_reply(reply)),
                        Err(_) => ControlReply::Failed,
                    }
                }
            };
            lane.send(reply).await?;
        }
        Ok(())
    }

    /// Receives a snapshot into a file, verifies it, and installs it.
    pub(super) async fn serve_snapshot(
        &self,
        from: u64,
        mut lane: Connection<SnapshotFrame, SnapshotReply>,
    ) -> io::Result<()> {
        let reply = match self.receive_snapshot(from, &mut lane).await {
            Ok(vote) => SnapshotReply::Installed(vote.into()),
            Err(error) => {
                tracing::warn!(%error, "snapshot not installed");
                SnapshotReply::Failed {
                    message: error.to_string(),
                }
            }
        };
        lane.send(reply).await
    }

    async fn receive_snapshot(
        &self,
        from: u64,
        lane: &mut Connection<SnapshotFrame, SnapshotReply>,
    ) -> io::Result<Vote> {
        let Some(SnapshotFrame::Begin {
            vote,
            last,
            membership,
            bytes,
        }) = lane.next().await.transpose()?
        else {
            return Err(io::Error::other("a snapshot must begin with its header"));
        };
        let meta = SnapshotMeta {
            last_log_id: last.map(Into::into),
            last_membership: codec::decode_stored_membership(&membership)?,
        };
        tracing::info!(
            index = meta.last_log_id.map(|id| id.index()),
            "receiving a snapshot"
        );
        if !self.room.has(bytes) {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("the disk has no room for a snapshot of {bytes} bytes"),
            ));
        }
        let total = (bytes > 0).then_some(bytes);
        let under_way = self.transfers.begin(false, from, total);
        let room = Arc::clone(&self.room);
        let file = self.files.incoming()?;
        let (chunks, mut receive) = tokio::sync::mpsc::channel::<bytes::Bytes>(4);
        let cluster_id = self.me.cluster_id;
        let index = meta.last_log_id.map(|id| id.index());
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file;
            let mut unchecked = 0;
            while let Some(chunk) = receive.blocking_recv() {
                unchecked += chunk.len();
                if unchecked >= CHECK_ROOM {
                    unchecked = 0;
                    // What was announced is about right; the log needs the rest.
                    if !room.has(0) {
                        return Err(io::Error::new(
                            io::ErrorKind::StorageFull,
                            "the disk has no room for the rest of the snapshot",
                        ));
                    }
                }
                io::Write::write_all(&mut file, &chunk)?;
                under_way.add(chunk.len());
            }
            file.as_file().sync_all()?;
            let path = file.into_temp_path();
            // Refused before openraft hears of it: it takes an installed snapshot for granted.
            let stream = io::BufReader::new(std::fs::File::open(&path)?);
            let (header, _) = store::verify(stream).map_err(io::Error::other)?;
            if header.cluster_id != cluster_id
                || header.applied.map(|position| position.index) != index
            {
                return Err(io::Error::other(
                    "the snapshot is of another cluster or moment than announced",
                ));
            }
            Ok(path)
        });
        let mut complete = false;
        while let Some(frame) = lane.next().await.transpose()? {
            match frame {
                SnapshotFrame::Chunk(chunk) => {
                    if chunks.send(chunk).await.is_err() {
                        // Writing failed; the writer's own error says why.
                        break;
                    }
                }
                SnapshotFrame::End => {
                    complete = true;
                    break;
                }
                SnapshotFrame::Begin { .. } => {
                    return Err(io::Error::other("a snapshot began twice"));
                }
            }
        }
        drop(chunks);
        let path = written.await.map_err(io::Error::other)??;
        if !complete {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let snapshot = Snapshot {
            meta,
            snapshot: SnapshotData::File(path),
        };
        let response = self
            .raft
            .install_full_snapshot(vote.into(), snapshot)
            .await
            .map_err(io::Error::other)?;
        Ok(response.vote)
    }
}

/// Holds a connection until the caller closes it. If this process ends, the kernel does.
pub(super) async fn serve_watch(
    mut lane: Connection<ControlRequest, ControlReply>,
) -> io::Result<()> {
    while lane.next().await.transpose()?.is_some() {}
    Ok(())
}

/// Whether a request has more behind the end of the log than what a leader needs to lead and to
/// change the membership. A new leader also sends what is there already, to find out where the logs
/// part.
fn carries_commands(request: &AppendEntriesRequest<TypeConfig>, last: u64) -> bool {
    let mut entries = request.entries.iter();
    entries.any(|entry| {
        entry.log_id.index() > last && matches!(entry.payload, EntryPayload::Normal(_))
    })
}

fn transfer_reply(reply: Result<(), TransferLeaderError<TypeConfig>>) -> TransferReply {
    match reply {
        Ok(()) => TransferReply::Accepted,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => TransferReply::VoteChanged {
            expected: expected.into(),
            actual: actual.into(),
        },
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            TransferReply::LogNotFlushed {
                expected: expected.map(Into::into),
                actual: actual.map(Into::into),
            }
        }
    }
}
