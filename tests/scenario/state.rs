//! Whether all members hold the same state.
//!
//! A backup is a stream whose checksum covers the position in the log, the membership and every
//! record of the state machine, sessions and leases included; equal states give equal streams. So a
//! stale backup of each member, opened at the same moment while nobody writes, says whether the
//! replicas are identical. What the cluster writes by itself (leases that are kept alive or end) may
//! come in between: then the indexes differ, and it is tried again.

use std::{
    fmt,
    time::{Duration, Instant},
};

use common::{client::Backup, snapshot, types::Consistency};
use futures::future::join_all;

use super::POLL;
use crate::cluster::Cluster;

/// How long one piece of a backup may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The state of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The applied index.
    index: u64,
    /// Over the position, the membership and all records.
    checksum: u32,
    records: u64,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            index,
            checksum,
            records,
        } = self;
        write!(f, "{records} records, hash {checksum:08x} at index {index}")
    }
}

/// Waits until all running members hold the same state at the same index.
///
/// # Errors
/// In words, what they hold instead: different states at one index, which is final, or no common
/// index in the time given.
pub(super) async fn equal(cluster: &Cluster, within: Duration) -> Result<State, String> {
    let deadline = Instant::now() + within;
    loop {
        let why = match attempt(cluster).await {
            Ok(states) => {
                let (_, first) = &states[0];
                if states.iter().all(|(_, state)| state == first) {
                    return Ok(first.clone());
                }
                let told = tell(&states);
                if states.iter().all(|(_, state)| state.index == first.index) {
                    return Err(format!("the members hold different states: {told}"));
                }
                told
            }
            Err(why) => why,
        };
        if Instant::now() > deadline {
            return Err(format!(
                "the members do not hold the same state within {within:?}: {why}"
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn tell(states: &[(String, State)]) -> String {
    let told = states
        .iter()
        .map(|(member, state)| format!("{member}: {state}"));
    told.collect::<Vec<_>>().join("; ")
}

/// The state of every running member, pinned at about the same moment.
async fn attempt(cluster: &Cluster) -> Result<Vec<(String, State)>, String> {
    let members: Vec<_> = cluster
        .running()
        .into_iter()
        .map(|index| &cluster.members()[index])
        .collect();
    let opening = members.iter().map(|member| async {
        Backup::open(member.client(), Consistency::STALE, TIMEOUT)
            .await
            .map_err(|error| format!("{}: {error}", member.name()))
    });
    let opened = join_all(opening).await;
    let reading = members
        .iter()
        .zip(opened)
        .map(|(member, backup)| async move {
            let (name, backup) = (member.name().to_owned(), backup?);
            let state = read(backup)
                .await
                .map_err(|error| format!("{name}: {error}"))?;
            Ok((name, state))
        });
    join_all(reading).await.into_iter().collect()
}

async fn read(backup: Backup) -> Result<State, String> {
    let index = backup.about().revision;
    let mut bytes = Vec::new();
    backup
        .write_to(&mut bytes)
        .await
        .map_err(|error| error.to_string())?;
    let (_, summary) = snapshot::verify(&bytes[..]).map_err(|error| error.to_string())?;
    Ok(State {
        index,
        checksum: summary.checksum,
        records: summary.records,
    })
}
