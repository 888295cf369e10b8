//! Sending a snapshot: a view of the state, streamed while the leader goes on serving.

use std::{io, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use common::transport::Connection;
use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;

use super::{RaftSnapshot, remote::Peer};
use crate::{
    raft::{
        codec,
        machine::SnapshotData,
        peer::{Channel, SnapshotFrame, SnapshotReply},
        types::Vote,
    },
    store::SnapshotWriter,
};

/// How long a receiver may take nothing before it is given up: others wait for their snapshot.
const STALLED: Duration = Duration::from_secs(10);

/// How long a member that was sent a snapshot may take to install it.
const INSTALL: Duration = Duration::from_secs(600);

/// Streams a view to a member and waits until it is installed there. Returns the member's vote.
pub(super) async fn send(peer: &Peer, vote: Vote, snapshot: RaftSnapshot) -> io::Result<Vote> {
    let _one_at_a_time = peer
        .shared
        .sending
        .acquire()
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?;
    let SnapshotData::View(view) = snapshot.snapshot else {
        return Err(io::Error::other("only a view can be sent"));
    };
    let mut lane: Connection<SnapshotReply, SnapshotFrame> =
        peer.connect(Channel::Snapshot).await?;
    tracing::info!(
        peer = peer.id,
        name = peer.info.name,
        index = snapshot.meta.last_log_id.map(|id| id.index()),
        "sending a snapshot"
    );
    let bytes = peer.shared.progress.snapshot_bytes.load(Ordering::Relaxed);
    let total = (bytes > 0).then_some(bytes);
    let under_way = peer.shared.transfers.begin(true, peer.id, total);
    let begin = SnapshotFrame::Begin {
        vote: vote.into(),
        last: snapshot.meta.last_log_id.map(Into::into),
        membership: codec::encode_stored_membership(&snapshot.meta.last_membership),
        bytes,
    };
    send_in_time(&mut lane, begin).await?;

    // Reading the view may touch a disk, and encoding it keeps a core busy.
    let (chunks, mut receive) = mpsc::channel::<io::Result<Bytes>>(2);
    let cluster_id = peer.me.cluster_id;
    tokio::task::spawn_blocking(move || {
        let mut writer = match SnapshotWriter::new(view, cluster_id) {
            Ok(writer) => writer,
            Err(error) => {
                let _ = chunks.blocking_send(Err(io::Error::other(error)));
                return;
            }
        };
        while let Some(chunk) = writer.next_chunk().map_err(io::Error::other).transpose() {
            if chunks.blocking_send(chunk.map(Bytes::from)).is_err() {
                // The transfer was given up.
                return;
            }
        }
    });
    while let Some(chunk) = receive.recv().await {
        let chunk = chunk?;
        let bytes = chunk.len();
        send_in_time(&mut lane, SnapshotFrame::Chunk(chunk)).await?;
        under_way.add(bytes);
    }
    send_in_time(&mut lane, SnapshotFrame::End).await?;
    match tokio::time::timeout(INSTALL, lane.next()).await {
        Ok(Some(Ok(SnapshotReply::Installed(vote)))) => Ok(vote.into()),
        Ok(Some(Ok(SnapshotReply::Failed { message }))) => Err(io::Error::other(message)),
        Ok(Some(Err(error))) => Err(error),
        Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn send_in_time(
    lane: &mut Connection<SnapshotReply, SnapshotFrame>,
    frame: SnapshotFrame,
) -> io::Result<()> {
    tokio::time::timeout(STALLED, lane.send(frame))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
