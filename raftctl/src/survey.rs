//! The state of the cluster as its members tell it, each asked by itself.
//!
//! All members are asked at once, every one with its own deadline, beginning with the endpoints; a
//! member named by another one is asked as soon as it is heard of. So one that is down costs no
//! more than that deadline, and no leader is needed for an answer.
//!
//! Members speak at slightly different moments and may disagree, after a partition for a while even
//! about who leads. The membership and the leader are taken from the member with the highest term
//! and, within it, the most applied entries. What one *member* lags behind is the distance to the
//! highest commit index anyone told.

mod ask;
mod findings;

use std::time::Duration;

use common::types::{Disk, Member, MemberStatus, Role};

pub(crate) use ask::{Reply, ask, assemble};
pub(crate) use findings::{Finding, Weight};

/// The reason that says it all.
pub(crate) const NO_LEADER: &str = "no leader";

/// How one member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Ok,
    /// It was added, and becomes a voter when it has caught up.
    Joining,
    /// It is too far behind the leader.
    CatchingUp,
    /// It reads its data, and does not answer requests yet.
    Starting,
    /// It follows no leader.
    Electing,
    /// It waits for the other members to form the cluster.
    Forming,
    /// It belongs to no cluster, and waits to be added to one.
    Waiting,
    /// The others do not count it as a member any more.
    Removed,
    Stopping,
    /// Its disk is full.
    ReadOnly,
    /// It says that something wants attention.
    Alarm,
    Unreachable,
}

impl Health {
    /// The word for scripts.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Joining => "joining",
            Self::CatchingUp => "catching_up",
            Self::Starting => "starting",
            Self::Electing => "electing",
            Self::Forming => "forming",
            Self::Waiting => "waiting",
            Self::Removed => "removed",
            Self::Stopping => "stopping",
            Self::ReadOnly => "read_only",
            Self::Alarm => "alarm",
            Self::Unreachable => "unreachable",
        }
    }

    /// The words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::CatchingUp => "catching up",
            Self::ReadOnly => "read-only",
            other => other.as_str(),
        }
    }
}

/// How the cluster is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Healthy,
    /// It works, and something wants attention.
    Degraded,
    /// No leader, or no majority behind it: nothing can be written.
    NoQuorum,
}

impl Verdict {
    /// The word for scripts.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::NoQuorum => "no_quorum",
        }
    }
}

/// What the membership wants of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Voter,
    Learner,
    /// A learner that is promoted when it has caught up.
    Joining,
}

impl Kind {
    pub(crate) fn of(member: &Member) -> Self {
        match member {
            member if member.voter => Self::Voter,
            member if member.stays_learner => Self::Learner,
            _ => Self::Joining,
        }
    }

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
            Self::Joining => "joining",
        }
    }
}

/// How far a member is on its way to the leader's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CatchUp {
    /// It receives a snapshot: bytes, and about how many there will be.
    Snapshot { bytes: u64, total: Option<u64> },
    /// It receives the log: the last index it has, and the leader's.
    Entries { matched: u64, of: u64 },
}

impl CatchUp {
    /// How much of the way is behind it, from 0 to 99: what is complete is no catching up.
    pub(crate) fn percent(self) -> Option<u64> {
        let (done, all) = match self {
            Self::Snapshot { bytes, total } => (bytes, total?),
            Self::Entries { matched, of } => (matched, of),
        };
        let percent = u128::from(done) * 100 / u128::from(all.max(1));
        Some(u64::try_from(percent).unwrap_or(99).min(99))
    }
}

/// What the leader knows of another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replication {
    /// The entries of the leader's log that the member is not known to have; none if nothing is
    /// known.
    pub(crate) entries: Option<u64>,
    /// How long the leader has had an entry that the member has not.
    pub(crate) behind: Duration,
    /// The time since the member answered; none if it never did.
    pub(crate) last_contact: Option<Duration>,
}

/// One member: what the membership says of it, its own answer or why there is none, and what the
/// leader knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) member: Member,
    pub(crate) answer: Result<MemberStatus, String>,
    /// By how many entries its state is behind what anybody knows to be committed.
    pub(crate) lag: Option<u64>,
    pub(crate) replication: Option<Replication>,
    /// Where it is on its way, if it has not caught up.
    pub(crate) catch_up: Option<CatchUp>,
    pub(crate) health: Health,
}

impl Seen {
    /// What there is to say about its health; empty where one word says it all.
    pub(crate) fn detail(&self) -> String {
        match &self.answer {
            Err(reason) => reason.clone(),
            Ok(status) => match (&status.read_only, self.health) {
                (Some(reason), Health::ReadOnly) => reason.clone(),
                (_, Health::Removed) => "it is no member any more".to_owned(),
                (_, Health::Waiting) => "it belongs to no cluster".to_owned(),
                _ => status.alarms.join("; "),
            },
        }
    }

    /// Its answer, if it gave one.
    pub(crate) fn status(&self) -> Option<&MemberStatus> {
        self.answer.as_ref().ok()
    }

    /// By how many entries it is behind: its own word, else the leader's.
    pub(crate) fn entries_behind(&self) -> Option<u64> {
        self.lag
            .or_else(|| self.replication.and_then(|known| known.entries))
    }

    /// How long it has been behind, if the leader knows.
    pub(crate) fn time_behind(&self) -> Option<Duration> {
        self.replication.map(|replication| replication.behind)
    }

    /// The time since it and the leader last heard of each other.
    pub(crate) fn last_contact(&self) -> Option<Duration> {
        let own = self.status().and_then(|status| status.since_leader);
        own.or_else(|| self.replication.and_then(|known| known.last_contact))
    }

    /// Whether it can take part in decisions.
    pub(crate) fn is_up(&self) -> bool {
        !matches!(
            self.health,
            Health::Unreachable
                | Health::Forming
                | Health::Starting
                | Health::Stopping
                | Health::Waiting
                | Health::Removed
        )
    }

    /// Whether it leads, as it says itself.
    pub(crate) fn leads(&self) -> bool {
        self.status()
            .is_some_and(|status| status.role == Role::Leader)
    }
}

/// How much of a file system is taken, in per cent, rounded up: 100 is full.
pub(crate) fn used_percent(disk: Disk) -> u64 {
    let used = u128::from(disk.total.saturating_sub(disk.free));
    let percent = (used * 100).div_ceil(u128::from(disk.total.max(1)));
    u64::try_from(percent).unwrap_or(100)
}

/// The cluster.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// Empty while it is being formed.
    pub(crate) cluster_id: String,
    pub(crate) term: u64,
    pub(crate) leader: Option<Member>,
    /// The highest commit index told.
    pub(crate) commit: u64,
    pub(crate) voters: usize,
    /// The voters that answered.
    pub(crate) voters_up: usize,
    /// By id.
    pub(crate) members: Vec<Seen>,
    /// What the user should know about the endpoints given.
    pub(crate) remarks: Vec<String>,
    /// For how long the leader has not heard from a majority, if that is too long.
    quorum_lost: Option<Duration>,
}

impl Survey {
    /// How many voters a decision needs; 0 while there are none.
    pub(crate) fn quorum(&self) -> usize {
        if self.voters == 0 {
            0
        } else {
            self.voters / 2 + 1
        }
    }

    /// Whether a majority of the voters is up and the leader hears it.
    pub(crate) fn has_quorum(&self) -> bool {
        self.voters > 0 && self.voters_up >= self.quorum() && self.quorum_lost.is_none()
    }

    /// How many of the voters that are up may fail before there is no quorum.
    pub(crate) fn spare(&self) -> usize {
        self.voters_up.saturating_sub(self.quorum())
    }

    /// The leader's own answer.
    pub(crate) fn leader_status(&self) -> Option<&MemberStatus> {
        let leader = self.leader.as_ref()?.id;
        let seen = self.members.iter().find(|seen| seen.member.id == leader)?;
        seen.status()
    }

    /// The member of this id, if the membership has it.
    pub(crate) fn member(&self, id: u64) -> Option<&Seen> {
        self.members
            .iter()
            .find(|seen| seen.member.id == id && seen.health != Health::Removed)
    }

    /// All of the membership: no node that only answered at an endpoint.
    pub(crate) fn membership(&self) -> impl Iterator<Item = &Seen> {
        self.members
            .iter()
            .filter(|seen| seen.member.id != 0 && seen.health != Health::Removed)
    }

    /// Where the members answer.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.membership()
            .map(|seen| seen.member.client_address.clone())
            .collect()
    }

    /// How the cluster is doing.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.findings().iter().map(|finding| finding.weight).max() {
            Some(Weight::Outage) => Verdict::NoQuorum,
            Some(Weight::Problem) => Verdict::Degraded,
            Some(Weight::Notice) | None => Verdict::Healthy,
        }
    }

    /// Why there is no leader, without saying that there is none.
    pub(crate) fn without_leader(&self) -> String {
        let reasons = self.reasons();
        let others: Vec<&str> = reasons
            .iter()
            .map(String::as_str)
            .filter(|reason| *reason != NO_LEADER)
            .collect();
        others.join("; ")
    }

    /// Why it is not doing well.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.findings()
            .into_iter()
            .filter(|finding| finding.weight > Weight::Notice)
            .map(|finding| finding.what)
            .collect()
    }

    /// What is well but may not stay so.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.findings()
            .into_iter()
            .filter(|finding| finding.weight == Weight::Notice)
            .map(|finding| finding.what)
            .collect()
    }
}

/// A name, or the address where there is none.
pub(crate) fn label(member: &Member) -> &str {
    if member.name.is_empty() {
        &member.client_address
    } else {
        &member.name
    }
}

#[cfg(test)]
pub(crate) mod tests;
