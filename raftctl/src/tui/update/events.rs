//! What happened: the differences between two answers, in words.

mod elections;

use std::time::{Duration, Instant, SystemTime};

use common::types::{Member, MemberStatus, TransferDirection};

use crate::{
    output::table::{counted_as, grouped},
    survey::{CatchUp, Health, Kind, Seen, label},
    tui::{
        app::{App, Event, EventWeight},
        text::age,
    },
};

pub(super) use elections::elections;

/// How many events are kept.
const KEPT: usize = 200;

/// An election that takes longer is an event before it is over.
const LONG: Duration = Duration::from_secs(1);

/// Tells of something that happens now.
fn tell(app: &mut App, weight: EventWeight, text: String) {
    tell_at(app, app.clock, weight, text);
}

/// Tells of something where it belongs in time.
fn tell_at(app: &mut App, at: SystemTime, weight: EventWeight, text: String) {
    let events = &mut app.cluster.events;
    // Nearly always behind the last one.
    let later = events.iter().rev().take_while(|event| event.at > at);
    let place = events.len() - later.count();
    events.insert(place, Event { at, weight, text });
    while events.len() > KEPT {
        events.pop_front();
    }
    app.changed = true;
}

/// A member stopped to answer at an address.
pub(super) fn down(app: &mut App, address: &str) {
    let Some(probe) = app.cluster.probes.get(address) else {
        return;
    };
    let reason = probe.error.clone().unwrap_or_default();
    let text = match &probe.status {
        // It answers at another one.
        Some(status) if app.cluster.main_address(status.id).is_some() => return,
        Some(status) => format!("{} down ({reason})", name(status)),
        None => {
            let members = app.cluster.survey.iter().flat_map(|it| &it.members);
            let mut members = members.map(|seen| &seen.member);
            let member = members.find(|member| member.client_address == address);
            let name = member.map_or(address, label);
            format!("{name} does not answer ({reason})")
        }
    };
    tell(app, EventWeight::Bad, text);
}

/// What an answer says that the one before did not. `away`: since when there was none.
pub(super) fn of_member(
    app: &mut App,
    address: &str,
    earlier: Option<&MemberStatus>,
    away: Option<Instant>,
) {
    let Some(status) = app
        .cluster
        .probes
        .get(address)
        .and_then(|it| it.status.clone())
    else {
        return;
    };
    if app.cluster.main_address(status.id) != Some(address) {
        return;
    }
    let name = name(&status).to_owned();
    let known = earlier.filter(|earlier| earlier.id == status.id);
    let restarted = known.is_some_and(|earlier| status.uptime < earlier.uptime);
    if let Some(since) = away {
        let time = age(app.now.saturating_duration_since(since));
        let how = if restarted { ", restarted" } else { "" };
        tell(
            app,
            EventWeight::Good,
            format!("{name} back after {time}{how}"),
        );
    } else if restarted {
        tell(app, EventWeight::Warning, format!("{name} restarted"));
    }
    if let Some(earlier) = known.filter(|_| !restarted)
        && status.snapshot > earlier.snapshot
    {
        let receives = |it: &MemberStatus| {
            let mut transfers = it.transfers.iter();
            transfers.any(|transfer| transfer.direction == TransferDirection::Receiving)
        };
        let index = grouped(status.snapshot);
        let text = if receives(earlier) || receives(&status) {
            format!("{name} received a snapshot up to index {index}")
        } else {
            format!("snapshot on {name} up to index {index}")
        };
        tell(app, EventWeight::Info, text);
    }
    let no_alarms: &[String] = &[];
    let before = known.map_or(no_alarms, |earlier| &earlier.alarms);
    for alarm in without(&status.alarms, before) {
        tell(app, EventWeight::Warning, format!("{name}: {alarm}"));
    }
    for alarm in without(before, &status.alarms) {
        tell(app, EventWeight::Good, format!("{name}, over: {alarm}"));
    }
    let was_full = known.is_some_and(|earlier| earlier.read_only.is_some());
    match &status.read_only {
        Some(reason) if !was_full => {
            tell(
                app,
                EventWeight::Bad,
                format!("{name} takes no writes: {reason}"),
            );
        }
        None if was_full => {
            tell(app, EventWeight::Good, format!("{name} takes writes again"));
        }
        _ => {}
    }
}

/// Those of `all` that `others` have not; figures in them may differ.
fn without(all: &[String], others: &[String]) -> Vec<String> {
    let words = |text: &String| text.replace(|letter: char| letter.is_ascii_digit(), "");
    let others: Vec<String> = others.iter().map(words).collect();
    let new = all.iter().filter(|text| !others.contains(&words(text)));
    new.cloned().collect()
}

fn name(status: &MemberStatus) -> &str {
    if status.name.is_empty() {
        &status.client_address
    } else {
        &status.name
    }
}

/// What is new once the answers are put together.
pub(super) fn of_cluster(app: &mut App) {
    membership(app);
    catching_up(app);
    if app.cluster.electing.is_none() {
        app.cluster.told_no_leader = false;
    }
}

/// Only the leader's word counts: others may be behind.
fn membership(app: &mut App) {
    let Some(survey) = &app.cluster.survey else {
        return;
    };
    let Some(leader) = survey.leader_status() else {
        return;
    };
    if app.cluster.membership.as_ref() == Some(&leader.members) {
        return;
    }
    let now = leader.members.clone();
    let Some(before) = app.cluster.membership.replace(now.clone()) else {
        return;
    };
    let find = |all: &[Member], id| all.iter().find(|member| member.id == id).cloned();
    for member in &now {
        let name = label(member);
        let (weight, text) = match find(&before, member.id).map(|it| (Kind::of(&it), it.voter)) {
            None => {
                let kind = match Kind::of(member) {
                    Kind::Voter => "as a voter",
                    Kind::Learner => "as a learner",
                    Kind::Joining => "and votes when it has caught up",
                };
                (EventWeight::Info, format!("{name} added {kind}"))
            }
            Some((_, false)) if member.voter => {
                (EventWeight::Good, format!("{name} promoted to a voter"))
            }
            Some((_, true)) if !member.voter => {
                (EventWeight::Info, format!("{name} votes no more"))
            }
            Some((before, _)) if before != Kind::of(member) => {
                let text = match Kind::of(member) {
                    Kind::Joining => format!("{name} is to be promoted when it has caught up"),
                    _ => format!("{name} stays a learner"),
                };
                (EventWeight::Info, text)
            }
            Some(_) => continue,
        };
        tell(app, weight, text);
    }
    for member in &before {
        if find(&now, member.id).is_none() {
            tell(app, EventWeight::Info, format!("{} removed", label(member)));
        }
    }
}

fn catching_up(app: &mut App) {
    let Some(survey) = &app.cluster.survey else {
        return;
    };
    let states: Vec<(u64, String, Health, Option<CatchUp>, u64)> = survey
        .membership()
        .map(|seen: &Seen| {
            let behind = seen.entries_behind().unwrap_or(0);
            let name = label(&seen.member).to_owned();
            (seen.member.id, name, seen.health, seen.catch_up, behind)
        })
        .collect();
    for (id, name, health, on_the_way, behind) in states {
        let under_way = on_the_way.is_some() || health == Health::CatchingUp;
        let known = app.cluster.catching_up.get(&id).copied();
        match (known, health) {
            (_, Health::Unreachable) => {
                app.cluster.catching_up.remove(&id);
            }
            (None, _) if under_way => {
                app.cluster.catching_up.insert(id, (app.now, behind));
                let text = match on_the_way {
                    Some(CatchUp::Snapshot { .. }) => format!("{name} receives a snapshot"),
                    _ => format!("{name} is catching up, {} behind", entries(behind)),
                };
                tell(app, EventWeight::Warning, text);
            }
            (Some((since, most)), _) if under_way => {
                let most = most.max(behind);
                app.cluster.catching_up.insert(id, (since, most));
            }
            (Some((since, most)), _) => {
                app.cluster.catching_up.remove(&id);
                let time = elections::time(app.now.saturating_duration_since(since));
                let text = format!("{name} caught up {} in {time}", entries(most));
                tell(app, EventWeight::Good, text);
            }
            (None, _) => {}
        }
    }
    let ids: Vec<u64> = app
        .cluster
        .survey
        .iter()
        .flat_map(|it| &it.members)
        .map(|it| it.member.id)
        .collect();
    app.cluster.catching_up.retain(|id, _| ids.contains(id));
}

fn entries(count: u64) -> String {
    counted_as(count, "entry", "entries")
}

/// Tells of an election that goes on and on.
pub(super) fn overdue(app: &mut App) {
    let Some(electing) = app.cluster.electing else {
        return;
    };
    let long = app.now.saturating_duration_since(electing.since) >= LONG;
    if long && !app.cluster.told_no_leader {
        app.cluster.told_no_leader = true;
        let text = format!("no leader since {}, term {}", age(LONG), electing.term);
        tell(app, EventWeight::Bad, text);
    }
}

#[cfg(test)]
mod tests;
