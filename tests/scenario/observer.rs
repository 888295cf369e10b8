//! Somebody who asks every member several times a second how it is, and holds what it says against
//! what it, and the others, said before.
//!
//! - At most one member leads a term (Ongaro, "Consensus: Bridging Theory and Practice", figure 3.2,
//!   Election Safety): by the roles that members tell of themselves, and by their logs' "leader
//!   elected".
//! - The term of a member never goes back, restarts included: it is on disk.
//! - The applied index of a process never goes back. A restart may take it back to the last snapshot;
//!   the log brings the rest again, which the comparison of states sees.
//! - No process uses more memory than [`MEMORY_LIMIT`] at any time.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use common::{
    client::Observer,
    types::{ActivityRequest, MemberStatus, NodeId, Role},
};
use tokio::task::JoinHandle;

use crate::cluster::{Cluster, Member};

/// The most memory that a member's process may ever have had resident, in bytes.
pub(crate) const MEMORY_LIMIT: u64 = 300 << 20;

/// The pause between two questions to a member.
const EVERY: Duration = Duration::from_millis(100);

/// How long a member may take to answer. One that is paused or cut off does not.
const TIMEOUT: Duration = Duration::from_secs(1);

/// One observer a member, and what they have seen.
#[derive(Default)]
pub(super) struct Observers {
    seen: Arc<Mutex<Seen>>,
    /// By name.
    tasks: BTreeMap<String, JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    leaders: BTreeMap<u64, NodeId>,
    terms: BTreeMap<NodeId, u64>,
    /// Of the process that told it last.
    applied: BTreeMap<NodeId, (u32, u64)>,
    /// High-water marks by name, in bytes.
    memory: BTreeMap<String, u64>,
    violations: Vec<String>,
}

/// What a member says of itself, as far as it matters here.
#[derive(Clone, Copy)]
struct Told {
    id: NodeId,
    role: Role,
    term: u64,
    applied: u64,
}

impl Told {
    fn of(status: &MemberStatus) -> Self {
        Self {
            id: status.id,
            role: status.role,
            term: status.term,
            applied: status.applied,
        }
    }
}

impl Seen {
    fn leads(&mut self, term: u64, leader: NodeId, source: &str) {
        let first = *self.leaders.entry(term).or_insert(leader);
        if first != leader {
            self.violations.push(format!(
                "term {term} has two leaders: members {first} and {leader} ({source})"
            ));
        }
    }

    fn told(&mut self, process: u32, status: Told) {
        let id = status.id;
        if id == 0 {
            // It has no cluster yet.
            return;
        }
        if status.role == Role::Leader {
            self.leads(status.term, id, "by its status");
        }
        let term = self.terms.entry(id).or_default();
        if status.term < *term {
            let back = format!("member {id} went back from term {term} to {}", status.term);
            self.violations.push(back);
        } else {
            *term = status.term;
        }
        let applied = self.applied.entry(id).or_insert((process, 0));
        if applied.0 == process && status.applied < applied.1 {
            let (from, to) = (applied.1, status.applied);
            let back = format!("member {id} went back from applied index {from} to {to}");
            self.violations.push(back);
        }
        self.applied.insert(id, (process, status.applied));
    }

    fn uses(&mut self, name: &str, bytes: u64) {
        let high = self.memory.entry(name.to_owned()).or_default();
        if bytes > MEMORY_LIMIT && *high <= MEMORY_LIMIT {
            let mebibytes = bytes >> 20;
            self.violations
                .push(format!("{name} uses {mebibytes} MiB of memory"));
        }
        *high = bytes.max(*high);
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observers {
    /// Watches all members that are not watched yet.
    pub(super) fn watch(&mut self, cluster: &Cluster) {
        for member in cluster.members() {
            let name = member.name().to_owned();
            if !self.tasks.contains_key(&name) {
                let task = observe(
                    Arc::clone(&self.seen),
                    name.clone(),
                    member.client().to_owned(),
                    member.watched(),
                );
                self.tasks.insert(name, tokio::spawn(task));
            }
        }
    }

    /// Reads what a member has logged of leaders.
    pub(super) fn take_log(&self, member: &Member) {
        let mut seen = lock(&self.seen);
        let source = format!("by the log of {}", member.name());
        for event in member.events("leader elected") {
            if let (Some(term), Some(leader)) = (event["term"].as_u64(), event["leader"].as_u64()) {
                seen.leads(term, leader, &source);
            }
        }
    }

    /// Takes what was seen and must not be.
    pub(super) fn violations(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.seen).violations)
    }

    /// The high-water mark of each member's memory, in bytes.
    pub(super) fn memory(&self) -> BTreeMap<String, u64> {
        lock(&self.seen).memory.clone()
    }
}

impl Drop for Observers {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

async fn observe(seen: Arc<Mutex<Seen>>, name: String, address: String, process: Arc<AtomicU32>) {
    let mut observer = Observer::new(address);
    loop {
        let before = process.load(Ordering::Relaxed);
        if before != 0 {
            let looked = observer.look(ActivityRequest::default(), TIMEOUT).await;
            // What was asked of one process and answered by the next says nothing of either.
            if let Ok((status, _)) = looked
                && process.load(Ordering::Relaxed) == before
            {
                lock(&seen).told(before, Told::of(&status));
            }
            if let Some(bytes) = high_water_mark(before) {
                lock(&seen).uses(&name, bytes);
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The most memory that a process ever had resident, in bytes, as Linux tells it. None once it has
/// ended.
fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(id: NodeId, role: Role, term: u64, applied: u64) -> Told {
        Told {
            id,
            role,
            term,
            applied,
        }
    }

    #[test]
    fn two_leaders_of_a_term_and_what_goes_back_are_found() {
        let mut seen = Seen::default();
        seen.told(7, status(1, Role::Leader, 2, 10));
        seen.told(8, status(2, Role::Leader, 3, 10));
        // A restart may take the applied index back, and never the term.
        seen.told(9, status(1, Role::Follower, 3, 5));
        assert_eq!(seen.violations, Vec::<String>::new());
        seen.told(9, status(1, Role::Follower, 2, 6));
        assert_eq!(seen.violations.len(), 1, "{:?}", seen.violations);
        seen.told(8, status(2, Role::Leader, 3, 9));
        assert_eq!(seen.violations.len(), 2, "{:?}", seen.violations);
        seen.leads(3, 1, "a log");
        assert_eq!(seen.violations.len(), 3, "{:?}", seen.violations);
    }

    #[test]
    fn memory_beyond_the_limit_is_told_once() {
        let mut seen = Seen::default();
        for bytes in [MEMORY_LIMIT, MEMORY_LIMIT + 1, MEMORY_LIMIT + 2] {
            seen.uses("n1", bytes);
        }
        assert_eq!(seen.violations.len(), 1);
        assert_eq!(seen.memory["n1"], MEMORY_LIMIT + 2);
        assert!(high_water_mark(std::process::id()).is_some_and(|bytes| bytes > 0));
    }
}
