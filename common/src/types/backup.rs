//! Backups and snapshots of a member's state.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Consistency, NodeId, Revision};

/// Names an open backup at the member that has it.
pub type BackupId = u64;

/// How long an open backup is kept while nothing is read of it.
pub const BACKUP_IDLE: Duration = Duration::from_secs(60);

/// See [`Control::open_backup`](crate::api::Control::open_backup).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBackupRequest {
    /// Linearizable: all that was acknowledged before is in it, which takes a leader. Stale: what
    /// the member has, also without one.
    pub consistency: Consistency,
}

/// What a backup will hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBackupReply {
    /// For the calls that follow.
    pub backup: BackupId,
    /// The cluster, as 32 hexadecimal digits.
    pub cluster_id: String,
    /// The member that answers.
    pub node_id: NodeId,
    /// Its name.
    pub name: String,
    /// The revision of the state.
    pub revision: Revision,
    /// The keys in all namespaces.
    pub keys: u64,
    /// About how many bytes there will be.
    pub estimated_bytes: u64,
}

/// See [`Control::read_backup`](crate::api::Control::read_backup).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBackupRequest {
    /// Which.
    pub backup: BackupId,
    /// The bytes read so far. The piece before may be asked for once more, for an answer that was
    /// lost.
    pub offset: u64,
}

/// The next bytes of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBackupReply {
    /// About 1 MiB, or one large value; empty at the end.
    pub bytes: Bytes,
}

/// See [`Control::close_backup`](crate::api::Control::close_backup).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseBackupRequest {
    /// Which.
    pub backup: BackupId,
}

/// What a member has on disk after [`Control::trigger_snapshot`](crate::api::Control::trigger_snapshot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerSnapshotReply {
    /// The snapshot stands for the log up to this index.
    pub index: u64,
    /// The bytes of state on disk.
    pub state_bytes: u64,
    /// The log is gone up to this index; what `--log-retain` keeps is still there.
    pub purged: Option<u64>,
    /// The bytes of log on disk.
    pub log_bytes: u64,
}
