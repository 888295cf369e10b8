//! Backups: a member's state at one moment, handed out as a snapshot stream, a piece at a time.
//!
//! Any member gives one, also one that follows: it first learns the revision of the state from the
//! leader, as a read does, and waits until it has that itself. The view is pinned then, and encoded
//! only as far as somebody asks, off the asynchronous threads: a slow reader costs one piece of memory,
//! and a busy member serves its clients between two pieces.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Error,
    types::{
        BACKUP_IDLE, BackupId, CloseBackupRequest, Consistency, OpenBackupReply, OpenBackupRequest,
        ReadBackupReply, ReadBackupRequest, TriggerSnapshotReply,
    },
};

use super::{
    Call, Service,
    read::{applied, internal},
};
use crate::{
    engine::Reader,
    raft::CompactError,
    store::{self, SnapshotWriter},
};

/// How many backups are open at once: each holds on to what is overwritten or deleted meanwhile.
const MAX_BACKUPS: usize = 4;

/// How long a client is asked to wait for whom there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A piece is handed out when it has this many bytes; its last block may go beyond.
const PIECE_BYTES: usize = 768 << 10;

/// About how many bytes the stream adds to each key and its value.
const PER_KEY: u64 = 48;

/// The backups that are open.
#[derive(Clone, Default)]
pub(super) struct Backups(Arc<Mutex<HashMap<BackupId, Open>>>);

#[derive(Clone)]
struct Open {
    stream: Arc<Mutex<Stream>>,
    used: Instant,
}

/// A stream, and the last piece of it that was handed out.
struct Stream {
    writer: SnapshotWriter,
    /// Where the next piece begins.
    offset: u64,
    last: Bytes,
}

impl Stream {
    /// The piece at an offset: the next, or the last once more.
    fn read(&mut self, offset: u64) -> Result<Bytes, Error> {
        if offset + self.last.len() as u64 == self.offset && offset != self.offset {
            return Ok(self.last.clone());
        }
        if offset != self.offset {
            return Err(Error::Invalid {
                message: format!(
                    "a backup is read in order: the next piece begins at byte {}, not {offset}",
                    self.offset
                ),
            });
        }
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES
            && let Some(chunk) = self.writer.next_chunk().map_err(internal)?
        {
            if piece.is_empty() {
                piece = chunk;
            } else {
                piece.extend(chunk);
            }
        }
        self.offset += piece.len() as u64;
        self.last = piece.into();
        Ok(self.last.clone())
    }
}

impl Backups {
    fn all(&self) -> MutexGuard<'_, HashMap<BackupId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full() -> Error {
        Error::Overloaded {
            reason: format!("{MAX_BACKUPS} backups are read from it already"),
            retry_after: RETRY_AFTER,
        }
    }

    fn open(&self, writer: SnapshotWriter) -> Result<BackupId, Error> {
        let open = Open {
            stream: Arc::new(Mutex::new(Stream {
                writer,
                offset: 0,
                last: Bytes::new(),
            })),
            used: Instant::now(),
        };
        let mut all = self.all();
        if all.len() >= MAX_BACKUPS {
            return Err(Self::full());
        }
        // Not counted up: one of before a restart must not be taken for one of now.
        let id = loop {
            let id = rand::random();
            if !all.contains_key(&id) {
                break id;
            }
        };
        all.insert(id, open);
        drop(all);
        tokio::spawn(self.clone().close_when_idle(id));
        Ok(id)
    }

    async fn close_when_idle(self, id: BackupId) {
        loop {
            let end = match self.all().get(&id) {
                Some(open) => open.used + BACKUP_IDLE,
                None => return,
            };
            if end <= Instant::now() {
                self.all().remove(&id);
                return;
            }
            tokio::time::sleep_until(end.into()).await;
        }
    }

    fn get(&self, id: BackupId) -> Result<Arc<Mutex<Stream>>, Error> {
        let mut all = self.all();
        let open = all.get_mut(&id).ok_or(Error::BackupNotFound)?;
        open.used = Instant::now();
        Ok(Arc::clone(&open.stream))
    }
}

impl Service {
    /// See [`Control::open_backup`](common::api::Control::open_backup).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn open_backup(
        &self,
        call: &Call,
        request: OpenBackupRequest,
    ) -> Result<OpenBackupReply, Error> {
        let _admitted = self.admit()?;
        let part = self.part()?;
        if self.backups.all().len() >= MAX_BACKUPS {
            return Err(Backups::full());
        }
        if request.consistency == Consistency::Linearizable {
            // Asked of the leader, and the backup taken here all the same.
            let call = Call {
                follow_leader: false,
                tag: None,
                ..*call
            };
            let began = Instant::now();
            let revision = self.revision(&call).await?;
            if !part.consensus.reaches(revision, call.last_word()).await {
                return Err(Error::DeadlineExceeded {
                    timeout: began.elapsed(),
                });
            }
        }
        let view = part.engine.snapshot();
        let cluster_id = part.cluster_id;
        let prepared = tokio::task::spawn_blocking(move || {
            let (keys, bytes) = contents(&*view)?;
            let revision = applied(&*view)?;
            let writer = SnapshotWriter::new(view, cluster_id).map_err(internal)?;
            Ok::<_, Error>((keys, bytes, revision, writer))
        });
        let (keys, bytes, revision, writer) = prepared.await.map_err(internal)??;
        let backup = self.backups.open(writer)?;
        tracing::info!(revision, keys, "a backup begins");
        Ok(OpenBackupReply {
            backup,
            cluster_id: format!("{cluster_id:032x}"),
            node_id: part.consensus.node_id(),
            name: self.about.name.clone(),
            revision,
            keys,
            estimated_bytes: bytes + keys * PER_KEY,
        })
    }

    /// See [`Control::read_backup`](common::api::Control::read_backup).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn read_backup(&self, request: ReadBackupRequest) -> Result<ReadBackupReply, Error> {
        let _admitted = self.admit()?;
        let stream = self.backups.get(request.backup)?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            stream.read(request.offset)
        });
        let bytes = reading.await.map_err(internal)??;
        Ok(ReadBackupReply { bytes })
    }

    /// See [`Control::close_backup`](common::api::Control::close_backup).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn close_backup(&self, request: CloseBackupRequest) -> Result<(), Error> {
        let _admitted = self.admit()?;
        self.backups.all().remove(&request.backup);
        Ok(())
    }

    /// See [`Control::trigger_snapshot`](common::api::Control::trigger_snapshot).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn trigger_snapshot(&self, call: &Call) -> Result<TriggerSnapshotReply, Error> {
        let _admitted = self.admit()?;
        let consensus = &self.part()?.consensus;
        let began = Instant::now();
        let done = consensus.compact(call.last_word()).await;
        let (index, purged) = done.map_err(|error| match error {
            CompactError::Stopped => Error::ShuttingDown,
            CompactError::TooLong => Error::DeadlineExceeded {
                timeout: began.elapsed(),
            },
        })?;
        Ok(TriggerSnapshotReply {
            index,
            state_bytes: consensus.state_bytes(),
            purged,
            log_bytes: consensus.log().disk_bytes().map_err(internal)?,
        })
    }
}

/// The keys in all namespaces, and their bytes with their values.
fn contents(view: &dyn Reader) -> Result<(u64, u64), Error> {
    let all = store::namespaces(view).map_err(internal)?;
    Ok(all.iter().fold((0, 0), |(keys, bytes), namespace| {
        (keys + namespace.keys, bytes + namespace.bytes)
    }))
}
