//! What one member knows when its cluster is gone: its state and all of its log, read without
//! taking part in anything.

use std::io;

use openraft::storage::RaftLogStorage;

use super::{
    MemberView,
    log::LogStore,
    machine::{self, AppliedState, Step},
    types::{LogId, StoredMembership, position},
};
use crate::{engine::Engine, store::Position};

/// Bytes of entries applied at a time.
const RUN_BYTES: usize = 4 << 20;

/// What was found and put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Salvaged {
    /// Where the state on disk was; none if it was empty.
    pub applied: Option<Position>,
    /// The last entry known on disk to be committed. Others may have been: the mark trails.
    pub committed: Option<Position>,
    /// The last entry of the log, which the state now is at.
    pub last: Option<Position>,
    /// The members by the latest membership in the log or the state, with their ids.
    pub members: Vec<(u64, MemberView)>,
}

impl Salvaged {
    /// Entries that were kept though nothing on disk says that they are committed.
    pub fn uncertain(&self) -> u64 {
        let index = |position: Option<Position>| position.map_or(0, |position| position.index);
        index(self.last).saturating_sub(index(self.committed).max(index(self.applied)))
    }
}

/// Applies all of a log to the state it belongs to, committed or not. Blocks for as long as that
/// takes, and writes to the engine.
///
/// # Errors
/// If an entry is missing, cannot be read, or was written by a newer program.
pub async fn salvage(log: &mut LogStore, engine: &dyn Engine) -> io::Result<Salvaged> {
    let AppliedState {
        last: applied,
        mut membership,
        ..
    } = machine::applied_state(engine)?;
    let committed = log.read_committed().await?;
    let held = log.get_log_state().await?;
    let next = |id: Option<LogId>| id.map_or(0, |id| id.index() + 1);
    let (mut from, end) = (next(applied), next(held.last_log_id));
    while from < end {
        let run = log.read_files(from, end, RUN_BYTES)?;
        if run.first().map(|entry| entry.log_id.index()) != Some(from) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("entry {from} of the log is missing"),
            ));
        }
        from += run.len() as u64;
        for entry in &run {
            if let openraft::EntryPayload::Membership(found) = &entry.payload {
                membership = StoredMembership::new(Some(entry.log_id), found.clone());
            }
        }
        let steps = run
            .into_iter()
            .map(Step::new)
            .collect::<io::Result<Vec<_>>>()?;
        machine::apply(engine, steps)?;
    }
    let voters: Vec<u64> = membership.voter_ids().collect();
    Ok(Salvaged {
        applied: applied.map(position),
        committed: committed.map(position),
        last: held.last_log_id.max(applied).map(position),
        members: membership
            .nodes()
            .map(|(id, info)| {
                let view = MemberView {
                    info: info.clone(),
                    voter: voters.contains(id),
                };
                (*id, view)
            })
            .collect(),
    })
}
