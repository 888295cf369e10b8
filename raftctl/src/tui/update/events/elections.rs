//! Elections: each member tells of those it lived through, and knows more or less of each.
//!
//! What they say of one term is put together: the earliest time, the longest time without a leader,
//! and the cause of whoever saw one. A member that was just started names no cause; it counts only
//! while nobody else was there.

use std::time::{Duration, UNIX_EPOCH};

use common::types::{Election, ElectionCause};

use super::tell_at;
use crate::tui::{
    app::{App, EventWeight},
    text::age,
};

/// How many elections are kept.
const KEPT: usize = 500;

/// Takes in what a member tells of elections.
pub(crate) fn elections(app: &mut App, told: &[Election]) {
    for election in told {
        let known = &mut app.cluster.elections;
        match known.binary_search_by_key(&election.term, |it| it.term) {
            Err(place) => {
                known.insert(place, election.clone());
                if known.len() > KEPT {
                    known.remove(0);
                }
                announce(app, election);
            }
            Ok(place) => {
                let before = known[place].clone();
                let best = merged(&before, election);
                if best != before {
                    known[place] = best.clone();
                    app.changed = true;
                    correct(app, &before, &best);
                }
            }
        }
    }
}

fn announce(app: &mut App, election: &Election) {
    // A clock ahead of ours does not tell of the future.
    let at = UNIX_EPOCH + Duration::from_millis(election.at_ms);
    let at = at.min(app.clock);
    let text = words(app, election);
    tell_at(app, at, EventWeight::Good, text);
}

/// More is known of an election that was told of.
fn correct(app: &mut App, before: &Election, best: &Election) {
    let (old, new) = (words(app, before), words(app, best));
    if let Some(event) = app.cluster.events.iter_mut().find(|it| it.text == old) {
        event.text = new;
    }
}

fn merged(one: &Election, other: &Election) -> Election {
    let saw_it = |it: &Election| it.cause != ElectionCause::First;
    match (saw_it(one), saw_it(other)) {
        (true, false) => one.clone(),
        (false, true) => other.clone(),
        _ => Election {
            at_ms: one.at_ms.min(other.at_ms),
            leaderless: one.leaderless.max(other.leaderless),
            from: one.from.or(other.from),
            cause: match one.cause {
                ElectionCause::Silence => other.cause,
                cause => cause,
            },
            ..one.clone()
        },
    }
}

/// "n2 elected in term 7, 31 ms without a leader (n1's process ended)".
fn words(app: &App, election: &Election) -> String {
    let name = |id| app.cluster.name_of(id);
    let mut text = format!("{} elected in term {}", name(election.to), election.term);
    if election.cause == ElectionCause::First {
        return text;
    }
    if !election.leaderless.is_zero() {
        text += &format!(", {} without a leader", time(election.leaderless));
    }
    let from = election.from.map(name);
    let cause = match (election.cause, from) {
        (ElectionCause::ProcessEnded, Some(from)) => format!("{from}'s process ended"),
        (ElectionCause::ProcessEnded, None) => "the leader's process ended".to_owned(),
        (ElectionCause::HandedOver, Some(from)) => format!("handed over by {from}"),
        (ElectionCause::HandedOver, None) => "handed over".to_owned(),
        (_, Some(from)) => format!("{from} was silent"),
        (_, None) => "the leader was silent".to_owned(),
    };
    text += &format!(" ({cause})");
    text
}

/// A short time: `31 ms`, `1.2 s`.
pub(super) fn time(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => age(time),
    }
}
