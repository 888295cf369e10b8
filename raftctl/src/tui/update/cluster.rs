//! Members: each is asked on its own clock, and what they answer becomes one picture.
//!
//! An address is asked again when the interval has passed since it was last asked and it has
//! answered: one that hangs holds up nobody else. After every answer the last replies of all
//! addresses are put together anew ([`crate::survey`]): what the tables show is never older than the
//! last word of each member. A member that stops answering keeps its last good status in its probe.
//!
//! A member is asked at one address only, where possible: at an endpoint that it answers at, else at
//! the address that the membership has. What it did counts once even if two endpoints lead to it.

mod flow;

use std::{collections::BTreeSet, time::Duration};

use common::{
    Error,
    types::{Activity, ActivityRequest, MemberStatus, Role},
};

use super::{events, lists, raft};
use crate::{
    survey::{self, Health, Survey},
    tui::{
        app::{App, Cluster, Electing, Member, Screen},
        message::{Effect, Effects},
    },
};

/// Entries of the leader's log that are shown.
const LOG_TAIL: u32 = 200;

/// Asks whom it is time to ask, and lets time pass in the picture.
pub(crate) fn tick(app: &mut App) -> Effects {
    if flow::sample(app) {
        slow_texts(app);
    }
    events::overdue(app);
    // A running time.
    app.changed |= app.cluster.electing.is_some();
    ask(app)
}

fn ask(app: &mut App) -> Effects {
    let (now, interval) = (app.now, app.settings.interval);
    let leader = app.cluster.survey.as_ref().and_then(leader_id);
    let leader = leader.and_then(|id| app.cluster.main_address(id).map(str::to_owned));
    let shows_log = app.screen == Screen::Raft && app.frozen.is_none() && raft::is_due(app);
    let namespaces = app.screen == Screen::Namespaces;
    let mut effects = Effects::new();
    for (address, probe) in &mut app.cluster.probes {
        let due = probe.asked.map_or(now, |asked| asked + interval);
        if probe.asking || now < due {
            continue;
        }
        // Counted from when it was due: ticks do not add up to a longer interval.
        let late = now.saturating_duration_since(due);
        probe.asked = Some(if late < interval { due } else { now });
        probe.asking = true;
        let tail = shows_log && leader.as_ref() == Some(address);
        let request = ActivityRequest {
            log_tail: if tail { LOG_TAIL } else { 0 },
            namespaces,
        };
        effects.push(Effect::Look {
            address: address.clone(),
            request,
        });
    }
    effects
}

fn leader_id(survey: &Survey) -> Option<u64> {
    survey.leader.as_ref().map(|leader| leader.id)
}

/// Takes in what a member answered, or why it did not.
pub(crate) fn looked(
    app: &mut App,
    address: String,
    took: Duration,
    answer: Result<Box<(MemberStatus, Activity)>, String>,
) -> Effects {
    if !app.cluster.probes.contains_key(&address) {
        // It was let go meanwhile.
        return Effects::new();
    }
    let before = Face::of(&app.cluster, &address);
    match answer {
        Ok(answer) => answered(app, &address, took, *answer),
        Err(reason) => failed(app, &address, reason),
    }
    let place = lists::place(app, Screen::Members);
    assemble(app);
    lists::stay(app, Screen::Members, place);
    let after = Face::of(&app.cluster, &address);
    app.changed |= before != after;
    Effects::new()
}

fn answered(
    app: &mut App,
    address: &str,
    took: Duration,
    (status, mut activity): (MemberStatus, Activity),
) {
    let now = app.now;
    if status.role == Role::Leader && !activity.log.is_empty() {
        raft::told(app, &status.name, std::mem::take(&mut activity.log));
    }
    activity.log = Vec::new();
    app.cluster.heard = Some(now);
    let elections = activity.elections.clone();
    flow::count(&mut app.cluster, address, &status, &activity, now);
    let Some(probe) = app.cluster.probes.get_mut(address) else {
        return;
    };
    probe.asking = false;
    probe.answered = Some(now);
    // One slow answer is no slow member.
    probe.round_trip = Some(match (probe.round_trip, &probe.error) {
        (Some(before), None) => (before * 3 + took) / 4,
        _ => took,
    });
    let earlier = probe.status.replace(status);
    let away = probe.down_since.take();
    probe.activity = Some(activity);
    probe.error = None;
    // After the answer is stored: it has the names.
    events::elections(app, &elections);
    events::of_member(app, address, earlier.as_ref(), away);
}

fn failed(app: &mut App, address: &str, reason: String) {
    let now = app.now;
    let Some(probe) = app.cluster.probes.get_mut(address) else {
        return;
    };
    probe.asking = false;
    probe.rates = Default::default();
    let news = probe.down_since.is_none();
    probe.down_since.get_or_insert(now);
    probe.error = Some(reason);
    if news {
        events::down(app, address);
    }
}

/// Puts the last replies together.
fn assemble(app: &mut App) {
    match survey::assemble(replies(app)) {
        Ok(survey) => {
            app.cluster.survey = Some(survey);
            app.cluster.error = None;
            know_addresses(app);
        }
        Err(error) => {
            let asked = |probe: &Member| probe.error.is_some() || probe.answered.is_some();
            if app.cluster.probes.values().all(asked) {
                nobody(&mut app.cluster, &error);
            }
        }
    }
    app.cluster.electing = electing(app);
    events::of_cluster(app);
}

/// The last word of each address that was asked; the endpoints first, as they were given.
fn replies(app: &App) -> Vec<survey::Reply> {
    let endpoints = &app.settings.endpoints;
    let place = |address: &String| endpoints.iter().position(|known| known == address);
    let mut replies: Vec<survey::Reply> = app
        .cluster
        .probes
        .iter()
        .filter_map(|(address, probe)| Some((address.clone(), reply(app, probe)?)))
        .collect();
    replies.sort_by_key(|(address, _)| place(address).unwrap_or(usize::MAX));
    replies
}

fn reply(app: &App, probe: &Member) -> Option<Result<MemberStatus, Error>> {
    let silent = |reason: &str| {
        Some(Err(Error::Unreachable {
            reason: reason.to_owned(),
        }))
    };
    match (&probe.error, &probe.status) {
        (Some(reason), _) => silent(reason),
        (None, Some(status)) if is_overtaken(app, probe, status) => silent("no answer yet"),
        (None, Some(status)) => Some(Ok(status.clone())),
        (None, None) => None,
    }
}

/// Whether this is the word of a leader that lets us wait while others went on to a later term: it
/// leads no more, though it could not say so.
fn is_overtaken(app: &App, probe: &Member, status: &MemberStatus) -> bool {
    let Some(asked) = probe.asked.filter(|_| probe.asking) else {
        return false;
    };
    status.role == Role::Leader
        && app.now.saturating_duration_since(asked) > app.settings.interval
        && app.cluster.probes.values().any(|other| {
            let later = other
                .status
                .as_ref()
                .is_some_and(|it| it.term > status.term);
            later && other.error.is_none() && other.answered > Some(asked)
        })
}

/// Nobody answers: the last picture stays, and everybody in it is out of reach.
fn nobody(cluster: &mut Cluster, error: &Error) {
    let reason = match error {
        Error::Unreachable { reason } => reason.clone(),
        error => error.to_string(),
    };
    if let Some(survey) = &mut cluster.survey {
        survey.leader = None;
        survey.voters_up = 0;
        for seen in &mut survey.members {
            let address = &seen.member.client_address;
            let probe = cluster.probes.get(address);
            let why = probe.and_then(|probe| probe.error.clone());
            seen.answer = Err(why.unwrap_or_else(|| "did not answer".to_owned()));
            seen.health = Health::Unreachable;
            seen.lag = None;
            seen.replication = None;
            seen.catch_up = None;
        }
    }
    cluster.error = Some(reason);
}

/// Asks at the addresses of the members from now on, and at no others but the endpoints.
fn know_addresses(app: &mut App) {
    let Some(survey) = &app.cluster.survey else {
        return;
    };
    if survey.membership().next().is_none() {
        return;
    }
    let endpoints = &app.settings.endpoints;
    let mut wanted: BTreeSet<&String> = endpoints.iter().collect();
    for seen in survey.membership() {
        let at_endpoint = app.cluster.probes.iter().any(|(address, probe)| {
            let is_it = |status: &MemberStatus| status.id == seen.member.id;
            probe.error.is_none()
                && endpoints.contains(address)
                && probe.status.as_ref().is_some_and(is_it)
        });
        if !at_endpoint {
            wanted.insert(&seen.member.client_address);
        }
    }
    let probes = &mut app.cluster.probes;
    probes.retain(|address, _| wanted.contains(address));
    for address in wanted {
        if !probes.contains_key(address) {
            probes.insert(address.clone(), Member::default());
        }
    }
}

/// Whether nothing but a leader is missing, and since when.
fn electing(app: &App) -> Option<Electing> {
    let cluster = &app.cluster;
    let survey = cluster.survey.as_ref()?;
    let missing = survey.leader.is_none()
        && cluster.error.is_none()
        && survey.voters > 0
        && survey.voters_up >= survey.quorum();
    missing.then(|| Electing {
        since: cluster.electing.map_or(app.now, |known| known.since),
        term: survey
            .members
            .iter()
            .filter_map(|seen| Some(seen.status()?.term))
            .fold(survey.term, u64::max),
    })
}

/// Of a member: its id, health, the entries and the time that it is behind, the way it has come.
type MemberFace = (u64, Health, Option<u64>, Duration, Option<survey::CatchUp>);

/// What the picture shows of the cluster, without what is different in every answer.
#[derive(PartialEq)]
struct Face {
    status: Option<MemberStatus>,
    error: Option<String>,
    down: bool,
    electing: bool,
    nobody: Option<String>,
    leader: Option<u64>,
    term: u64,
    commit: u64,
    voters: (usize, usize),
    quorum: bool,
    members: Vec<MemberFace>,
    remarks: Vec<String>,
}

impl Face {
    fn of(cluster: &Cluster, address: &str) -> Self {
        let probe = cluster.probes.get(address);
        let survey = cluster.survey.as_ref();
        Self {
            status: probe.and_then(|probe| probe.status.clone()).map(quiet),
            error: probe.and_then(|probe| probe.error.clone()),
            down: probe.is_some_and(|probe| probe.down_since.is_some()),
            electing: cluster.electing.is_some(),
            nobody: cluster.error.clone(),
            leader: survey.and_then(leader_id),
            term: survey.map_or(0, |survey| survey.term),
            commit: survey.map_or(0, |survey| survey.commit),
            voters: survey.map_or((0, 0), |survey| (survey.voters, survey.voters_up)),
            quorum: survey.is_some_and(Survey::has_quorum),
            members: survey.map_or_else(Vec::new, |survey| {
                let member = |seen: &survey::Seen| {
                    let behind = seen.time_behind().unwrap_or_default();
                    let lag = seen.entries_behind();
                    (seen.member.id, seen.health, lag, behind, seen.catch_up)
                };
                survey.members.iter().map(member).collect()
            }),
            remarks: survey.map_or_else(Vec::new, |survey| survey.remarks.clone()),
        }
    }
}

/// A status without what differs each time it is asked for; times are looked at once a second.
fn quiet(mut status: MemberStatus) -> MemberStatus {
    status.uptime = Duration::ZERO;
    status.since_leader = status.since_leader.map(|_| Duration::ZERO);
    status.since_quorum = status.since_quorum.map(|_| Duration::ZERO);
    for lag in &mut status.lags {
        lag.last_contact = lag.last_contact.map(|_| Duration::ZERO);
    }
    if let Some(disk) = &mut status.disk {
        // Others write to it, too: to 64 MiB.
        disk.free >>= 26;
    }
    status
}

/// Once a second: whether times, round trips or rates read differently now.
fn slow_texts(app: &mut App) {
    use crate::tui::text::{age, latency, rate};
    let now = app.now;
    let cluster = &app.cluster;
    let since = |since| age(now.saturating_duration_since(since));
    let mut texts = Vec::new();
    for probe in cluster.probes.values() {
        texts.push(probe.round_trip.map(latency).unwrap_or_default());
        texts.push(probe.down_since.map(since).unwrap_or_default());
        let uptime = probe.status.as_ref().map(|status| age(status.uptime));
        texts.push(uptime.unwrap_or_default());
        texts.push(rate(probe.rates.writes));
        texts.push(rate(probe.rates.reads));
        for (writes, reads) in probe.rates.namespaces.values() {
            texts.push(rate(*writes));
            texts.push(rate(*reads));
        }
    }
    let old = cluster
        .heard
        .map(since)
        .filter(|text| !text.ends_with("ms"));
    texts.extend(old);
    if texts != cluster.texts {
        app.cluster.texts = texts;
        app.changed = true;
    }
}

#[cfg(test)]
pub(crate) mod tests;
