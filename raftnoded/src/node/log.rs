//! That the log in the data directory is this member's own, and all of it.
//!
//! A member that has forgotten part of what it promised must not come back under its old id. The
//! identity file, which lies outside of the log, says what the log must still show: that it was
//! begun at all, and an entry that it must hold. That entry is the last one known to be committed
//! when the member last stopped in order, or one that its leader heard it acknowledge.
//!
//! # Caveats
//!
//! After a kill or a power cut there is no such note: if a log ends at a whole record, nothing here
//! says that there were more. The leader that heard the acknowledgements then finds out, if it still
//! leads ([`Verdict::LogLost`](crate::raft::Verdict)).

use super::{Failure, Node};
use crate::{
    config::Fsync,
    identity::{Belonging, DirectoryError},
    raft::log::{LogStore, Stamp},
    store::Position,
};

impl Node {
    /// Refuses a log that is not this member's own, that was removed since it was begun, or that
    /// lacks what it must hold. The stamp is in the log, and the identity says so, before this member
    /// answers anybody: whatever it promises later, an emptied log cannot be taken for a new one.
    pub(super) async fn begin_log(
        &mut self,
        belonging: &Belonging,
        log: &LogStore,
    ) -> Result<(), Failure> {
        let own = Stamp {
            cluster_id: belonging.cluster_id,
            node_id: belonging.node_id,
            incarnation: self.identity.incarnation,
        };
        let path = || self.directory.path().join("wal");
        match log.stamp() {
            Some(found) if found != own => {
                return Err(DirectoryError::OtherLog {
                    path: path(),
                    found_node: found.node_id,
                    found_cluster: found.cluster_id,
                }
                .into());
            }
            Some(_) => {}
            None if belonging.log_begun => {
                return Err(DirectoryError::LogLost {
                    path: path(),
                    id: belonging.node_id,
                }
                .into());
            }
            None => log
                .set_stamp(own)
                .await
                .map_err(|error| Failure::LogWrite(error.to_string()))?,
        }
        if let Some(entry) = belonging.must_hold.filter(|entry| !log.holds(*entry)) {
            return Err(self.log_cut(belonging.node_id, entry, None));
        }
        if let Some(membership) = &mut self.identity.membership
            && !membership.log_begun
        {
            membership.log_begun = true;
            self.directory.write(&self.identity)?;
        }
        Ok(())
    }

    /// Notes, for the next start, what a log that was closed in order must hold then.
    pub(super) fn note_end(&mut self, log: &LogStore) {
        // Without syncs the file system may still lose what was closed.
        if self.config.fsync == Fsync::Never {
            return;
        }
        if let Some(committed) = log.committed() {
            self.must_hold(committed);
        }
    }

    /// Notes that the log lost an entry that it had acknowledged, so that no start forgets it.
    pub(super) fn note_loss(&mut self, acknowledged: Position, by: String) -> Failure {
        self.must_hold(acknowledged);
        let id = self.identity.membership.as_ref().map_or(0, |at| at.node_id);
        self.log_cut(id, acknowledged, Some(by))
    }

    fn must_hold(&mut self, entry: Position) {
        let Some(belonging) = &mut self.identity.membership else {
            return;
        };
        if belonging.must_hold == Some(entry) {
            return;
        }
        belonging.must_hold = Some(entry);
        if let Err(error) = self.directory.write(&self.identity) {
            tracing::warn!(%error, "cannot note what the log must hold");
        }
    }

    fn log_cut(&self, id: u64, entry: Position, by: Option<String>) -> Failure {
        DirectoryError::LogCut {
            path: self.directory.path().join("wal"),
            id,
            term: entry.term,
            index: entry.index,
            by,
        }
        .into()
    }
}
