//! What is known of the cluster: each member's last word, and what became of it over time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant, SystemTime},
};

use common::types::{Activity, Election, MemberStatus, NodeId, OperationKind};

use crate::survey::Survey;

/// The cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    /// Everybody who is asked, by the address of the client API.
    pub(crate) probes: BTreeMap<String, Member>,
    /// The answers put together; none before the first one. A member that does not answer is in it
    /// with the reason; its last answer is in its probe.
    pub(crate) survey: Option<Survey>,
    /// When somebody answered last.
    pub(crate) heard: Option<Instant>,
    /// Why nobody answers, if nobody does.
    pub(crate) error: Option<String>,
    /// Since when there is no leader, if there is none, and nothing but a new one is missing.
    pub(crate) electing: Option<Electing>,
    /// A sample a second, the oldest first.
    pub(crate) samples: VecDeque<Sample>,
    /// What runs up to the next sample.
    pub(crate) flow: Flow,
    /// Elections that any member told of, one a term, the oldest first.
    pub(crate) elections: Vec<Election>,
    /// What happened, the oldest first.
    pub(crate) events: VecDeque<Event>,
    /// The members as the leader told them last: what differs is an event.
    pub(crate) membership: Option<Vec<common::types::Member>>,
    /// Members that catch up: since when, and how many entries they were behind at most.
    pub(crate) catching_up: BTreeMap<NodeId, (Instant, u64)>,
    /// Whether it was told that there is no leader.
    pub(crate) told_no_leader: bool,
    /// What is shown of round trips, rates and times, as of the last second.
    pub(crate) texts: Vec<String>,
}

impl Cluster {
    /// Before the first answer: the endpoints are asked.
    pub(crate) fn new(endpoints: &[String]) -> Self {
        Self {
            probes: endpoints
                .iter()
                .map(|address| (address.clone(), Member::default()))
                .collect(),
            ..Self::default()
        }
    }

    /// The one address under which a member is counted, of several at which it answers.
    pub(crate) fn main_address(&self, id: NodeId) -> Option<&str> {
        let answers = |probe: &Member| {
            probe.error.is_none() && probe.status.as_ref().is_some_and(|status| status.id == id)
        };
        let found = self.probes.iter().find(|(_, probe)| answers(probe));
        found.map(|(address, _)| address.as_str())
    }

    /// The last word of a member, whenever it was.
    pub(crate) fn last_word(&self, id: NodeId) -> Option<&Member> {
        self.probes
            .values()
            .filter(|probe| probe.status.as_ref().is_some_and(|status| status.id == id))
            .max_by_key(|probe| probe.answered)
    }

    /// The name of a member by its id, also of one that is gone if it was ever seen.
    pub(crate) fn name_of(&self, id: NodeId) -> String {
        let listed = self.survey.as_ref().and_then(|survey| survey.member(id));
        match (listed, self.last_word(id).and_then(|it| it.status.as_ref())) {
            (Some(seen), _) => crate::survey::label(&seen.member).to_owned(),
            (None, Some(status)) => status.name.clone(),
            (None, None) => self.told_name(id).unwrap_or_else(|| format!("id {id}")),
        }
    }

    /// The name that anybody who answered knows a member by.
    fn told_name(&self, id: NodeId) -> Option<String> {
        let statuses = self.probes.values().filter_map(|it| it.status.as_ref());
        let mut members = statuses.flat_map(|status| &status.members);
        let member = members.find(|member| member.id == id)?;
        Some(crate::survey::label(member).to_owned())
    }
}

/// One member, or an endpoint where one may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    /// Whether an answer is awaited.
    pub(crate) asking: bool,
    /// When it was last asked.
    pub(crate) asked: Option<Instant>,
    /// When it last answered.
    pub(crate) answered: Option<Instant>,
    /// How long the last answer took.
    pub(crate) round_trip: Option<Duration>,
    /// Its last answer.
    pub(crate) status: Option<MemberStatus>,
    /// Its counters at that moment.
    pub(crate) activity: Option<Activity>,
    /// Why it does not answer, if it does not.
    pub(crate) error: Option<String>,
    /// Since when it does not.
    pub(crate) down_since: Option<Instant>,
    /// What it does, from its last two answers.
    pub(crate) rates: Rates,
}

/// What a member does in a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) writes: f64,
    pub(crate) reads: f64,
    /// Kinds that occurred.
    pub(crate) operations: Vec<OperationRate>,
    /// By namespace: writes and reads a second.
    pub(crate) namespaces: BTreeMap<String, (f64, f64)>,
}

/// One kind of operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OperationRate {
    pub(crate) kind: OperationKind,
    pub(crate) rate: f64,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
}

/// What is added up until the next sample: of all members, since the last one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) since: Option<Instant>,
    pub(crate) latencies: BTreeMap<OperationKind, common::types::Latencies>,
    /// What each address had to tell of it.
    pub(crate) shares: BTreeMap<String, Share>,
}

/// What one member did, and in which time: its answers do not come on the second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Share {
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    pub(crate) time: Duration,
}

/// A second of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Writes and reads a second, by all members together.
    pub(crate) writes: f64,
    pub(crate) reads: f64,
    /// Latencies of puts and gets; none where there were none.
    pub(crate) put_p50: Option<Duration>,
    pub(crate) put_p99: Option<Duration>,
    pub(crate) get_p50: Option<Duration>,
    pub(crate) get_p99: Option<Duration>,
    /// The highest index in any log, and the highest commit index.
    pub(crate) last_log: u64,
    pub(crate) commit: u64,
}

/// No leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Electing {
    pub(crate) since: Instant,
    /// The highest term that anybody told.
    pub(crate) term: u64,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventWeight {
    Info,
    Good,
    Warning,
    Bad,
}

/// Something that happened, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: SystemTime,
    pub(crate) weight: EventWeight,
    pub(crate) text: String,
}
