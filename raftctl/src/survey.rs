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

use std::time::Duration;

use common::types::{Member, MemberStatus};

pub(crate) use ask::ask;

/// The reason that says it all.
pub(crate) const NO_LEADER: &str = "no leader";

/// How one member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Ok,
    CatchingUp,
    /// It follows no leader.
    Electing,
    /// It waits for the other members to form the cluster.
    Forming,
    Stopping,
    /// It says that something wants attention.
    Alarm,
    Unreachable,
}

impl Health {
    /// The word for scripts.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::CatchingUp => "catching_up",
            Self::Electing => "electing",
            Self::Forming => "forming",
            Self::Stopping => "stopping",
            Self::Alarm => "alarm",
            Self::Unreachable => "unreachable",
        }
    }

    /// The words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::CatchingUp => "catching up",
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

/// One member: what the membership says of it, and its own answer or why there is none.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) member: Member,
    pub(crate) answer: Result<MemberStatus, String>,
    pub(crate) lag: Option<u64>,
    pub(crate) health: Health,
}

impl Seen {
    /// What there is to say about its health; empty where one word says it all.
    pub(crate) fn detail(&self) -> String {
        match &self.answer {
            Err(reason) => reason.clone(),
            Ok(status) => status.alarms.join("; "),
        }
    }
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

    /// What is well but may not stay so. It is about what all members have: the leader says it, or
    /// whoever else answered.
    pub(crate) fn notices(&self) -> Vec<&str> {
        let leader = self.leader.as_ref().map(|leader| leader.id);
        let said_by = |leads: bool| {
            self.members
                .iter()
                .filter(move |seen| (Some(seen.member.id) == leader) == leads)
                .filter_map(|seen| seen.answer.as_ref().ok())
        };
        let mut notices = Vec::new();
        let speakers: Vec<&MemberStatus> = match said_by(true).next() {
            Some(leader) => vec![leader],
            None => said_by(false).collect(),
        };
        for notice in speakers.into_iter().flat_map(|status| &status.notices) {
            if !notices.contains(&notice.as_str()) {
                notices.push(notice);
            }
        }
        notices
    }

    /// How the cluster is doing, and why it is not doing well.
    pub(crate) fn verdict(&self) -> (Verdict, Vec<String>) {
        let mut reasons = Vec::new();
        if self.voters == 0 {
            reasons.push("the cluster is not formed yet".to_owned());
        } else if self.voters_up < self.quorum() {
            reasons.push(format!(
                "{} of {} voters up, {} needed",
                self.voters_up,
                self.voters,
                self.quorum()
            ));
        }
        if let Some(since) = self.quorum_lost {
            reasons.push(format!(
                "the leader has not heard from a majority for {:.1} s",
                since.as_secs_f64()
            ));
        }
        if self.leader.is_none() && self.voters > 0 {
            reasons.push(NO_LEADER.to_owned());
        }
        let works = reasons.is_empty();
        for seen in &self.members {
            if seen.health != Health::Ok {
                let detail = seen.detail();
                let detail = if detail.is_empty() {
                    String::new()
                } else {
                    format!(" ({detail})")
                };
                let name = label(&seen.member);
                reasons.push(format!("{name} {}{detail}", seen.health.words()));
            }
        }
        let verdict = match (works, reasons.is_empty()) {
            (false, _) => Verdict::NoQuorum,
            (true, false) => Verdict::Degraded,
            (true, true) => Verdict::Healthy,
        };
        (verdict, reasons)
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
