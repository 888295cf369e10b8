//! Backups and snapshots, each at one member: they go over a connection of their own to its control
//! service.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tarpc::client::RpcError;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Client, link};
use crate::{
    api::ControlClient,
    error::Error,
    transport::context_until,
    types::{
        CloseBackupRequest, Consistency, OpenBackupReply, OpenBackupRequest, ReadBackupRequest,
        TriggerSnapshotReply,
    },
};

/// A backup that is being read from a member: the bytes of a stream in the format of
/// [`crate::snapshot`], all of one revision.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use common::{client::Backup, types::Consistency};
/// use std::time::Duration;
///
/// let timeout = Duration::from_secs(5);
/// let backup = Backup::open("127.0.0.1:7420", Consistency::Linearizable, timeout).await?;
/// println!("revision {}", backup.about().revision);
/// let mut bytes = Vec::new();
/// backup.write_to(&mut bytes).await?;
/// common::snapshot::verify(&bytes[..])?;
/// # Ok(())
/// # }
/// ```
///
/// What was read counts only when it was verified to its end ([`crate::snapshot::verify`]).
pub struct Backup {
    control: ControlClient,
    about: OpenBackupReply,
    offset: u64,
    timeout: Duration,
}

/// Why a backup was not written.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The member, or the way to it.
    #[error(transparent)]
    Source(#[from] Error),
    /// What it was to be written to.
    #[error("cannot write the backup: {0}")]
    Write(#[from] std::io::Error),
}

impl Backup {
    /// Opens a backup at the member that listens for clients at an address, whether or not it leads.
    /// `timeout` is for this call, connection included, and for each piece that is read later.
    ///
    /// # Errors
    /// [`Error::NoLeader`] if the consistency takes a leader and there is none,
    /// [`Error::Overloaded`] if the member has as many open as it accepts, or why it cannot be
    /// reached.
    pub async fn open(
        address: &str,
        consistency: Consistency,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let deadline = Instant::now() + timeout;
        let control = link::control(address, timeout).await?;
        let request = OpenBackupRequest { consistency };
        let opened = control.open_backup(context_until(deadline), request).await;
        Ok(Self {
            about: answer(opened, timeout)?,
            control,
            offset: 0,
            timeout,
        })
    }

    /// What it will hold.
    pub fn about(&self) -> &OpenBackupReply {
        &self.about
    }

    /// The bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, about 1 MiB; none at the end. The member reads no further than it is asked
    /// to.
    ///
    /// # Errors
    /// [`Error::BackupNotFound`] if nothing was read for too long, or why the member cannot be
    /// reached. The backup must be begun anew then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let context = context_until(Instant::now() + self.timeout);
        let request = ReadBackupRequest {
            backup: self.about.backup,
            offset: self.offset,
        };
        let read = self.control.read_backup(context, request).await;
        let bytes = answer(read, self.timeout)?.bytes;
        self.offset += bytes.len() as u64;
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// Writes all that is left, flushes, and closes the backup. Returns the bytes of the whole.
    ///
    /// # Errors
    /// [`BackupError`]; what was written is useless then.
    pub async fn write_to(
        mut self,
        output: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, BackupError> {
        while let Some(bytes) = self.next().await? {
            output.write_all(&bytes).await?;
        }
        output.flush().await?;
        let bytes = self.offset;
        self.close().await;
        Ok(bytes)
    }

    /// Lets the member free what it holds for it, which it does in any case after a while.
    pub async fn close(self) {
        let context = context_until(Instant::now() + self.timeout);
        let request = CloseBackupRequest {
            backup: self.about.backup,
        };
        if let Ok(Err(error)) = self.control.close_backup(context, request).await {
            tracing::debug!(%error, "the backup is closed already");
        }
    }
}

fn answer<T>(answered: Result<Result<T, Error>, RpcError>, timeout: Duration) -> Result<T, Error> {
    match answered {
        Ok(answer) => answer,
        Err(RpcError::DeadlineExceeded) => Err(Error::DeadlineExceeded { timeout }),
        Err(error) => Err(Error::Unreachable {
            reason: format!("the connection to the member broke ({error})"),
        }),
    }
}

impl Client {
    /// Lets the member that listens for clients at an address take a snapshot now and let go of the
    /// log before it, and waits until that is done.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn trigger_snapshot_of(
        address: &str,
        timeout: Duration,
    ) -> Result<TriggerSnapshotReply, Error> {
        let deadline = Instant::now() + timeout;
        let control = link::control(address, timeout.min(CONNECT)).await?;
        answer(
            control.trigger_snapshot(context_until(deadline)).await,
            timeout,
        )
    }
}

/// How long a connection may take: a snapshot may take much longer.
const CONNECT: Duration = Duration::from_secs(5);
