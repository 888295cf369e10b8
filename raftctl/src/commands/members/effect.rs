//! What a change does to the quorum, told before it is made.
//!
//! *Tolerates* is a matter of numbers: how many of the voters may fail if all of them are up. What
//! is down now, and counts all the same, is a warning; and if those that are up are fewer than the
//! quorum after the change, it is a risk that wants `--force`.

use std::fmt;

use common::Error;

use crate::survey::{Health, Kind, Seen, Survey, label};

/// A change of the membership.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    /// A new member, which ends as a voter or stays a learner.
    Add {
        learner: bool,
    },
    Remove(&'a Seen),
    Promote(&'a Seen),
    Demote(&'a Seen),
    /// A new voter, and the old one goes.
    Replace(&'a Seen),
}

/// The voters, as far as numbers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) voters: usize,
    pub(crate) quorum: usize,
    pub(crate) tolerates: usize,
}

impl Counts {
    pub(crate) fn of(voters: usize) -> Self {
        let quorum = if voters == 0 { 0 } else { voters / 2 + 1 };
        Self {
            voters,
            quorum,
            tolerates: voters - quorum,
        }
    }
}

/// What a change does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) before: Counts,
    pub(crate) after: Counts,
    /// The voters that are up after it.
    pub(crate) up: usize,
    pub(crate) warnings: Vec<String>,
}

impl Effect {
    pub(crate) fn of(change: Change<'_>, survey: &Survey) -> Self {
        let is_voter = |seen: &Seen| usize::from(seen.member.voter);
        let is_up = |seen: &Seen| usize::from(seen.member.voter && seen.is_up());
        let (voters, up) = (survey.voters, survey.voters_up);
        // A new voter is up: it is promoted only when it has caught up.
        let (voters, up) = match change {
            Change::Add { learner: true } => (voters, up),
            Change::Add { learner: false } => (voters + 1, up + 1),
            Change::Promote(seen) if seen.member.voter => (voters, up),
            Change::Promote(_) => (voters + 1, up + 1),
            Change::Remove(seen) | Change::Demote(seen) => {
                (voters - is_voter(seen), up - is_up(seen))
            }
            Change::Replace(seen) => (voters + 1 - is_voter(seen), up + 1 - is_up(seen)),
        };
        let mut effect = Self {
            before: Counts::of(survey.voters),
            after: Counts::of(voters),
            up,
            warnings: Vec::new(),
        };
        effect.warn(change, survey);
        effect
    }

    /// That those that are up after it would be too few.
    pub(crate) fn risk(&self) -> Option<Error> {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        (self.up < self.after.quorum || self.after.voters == 0).then(|| Error::QuorumAtRisk {
            voters: count(self.after.voters),
            reachable: count(self.up),
            quorum: count(self.after.quorum.max(1)),
        })
    }

    fn warn(&mut self, change: Change<'_>, survey: &Survey) {
        let leaving = match change {
            Change::Remove(seen) | Change::Demote(seen) | Change::Replace(seen) => Some(seen),
            Change::Add { .. } | Change::Promote(_) => None,
        };
        let leader = survey.leader.as_ref().map(|leader| leader.id);
        if let Some(seen) = leaving.filter(|seen| Some(seen.member.id) == leader) {
            let name = label(&seen.member);
            self.warnings
                .push(format!("{name} leads: it hands leadership over first"));
        }
        let down: Vec<&Seen> = survey
            .membership()
            .filter(|seen| seen.member.voter && !seen.is_up())
            .filter(|seen| leaving.is_none_or(|gone| gone.member.id != seen.member.id))
            .collect();
        let changes = self.before.voters != self.after.voters;
        let concerned = changes || matches!(change, Change::Replace(_));
        if concerned && !down.is_empty() && self.up >= self.after.quorum {
            self.warnings.push(counts_all_the_same(&down, self));
        }
        if let (Change::Add { learner: false }, [one]) = (change, &down[..]) {
            let name = label(&one.member);
            self.warnings.push(format!(
                "to put the new node in the place of {name}: `raftctl members replace {name} \
                 HOST:PORT`"
            ));
        }
        if changes && self.after.voters == 2 {
            self.warnings
                .push("of two voters neither may fail".to_owned());
        } else if changes && self.after.voters > 2 && self.after.voters.is_multiple_of(2) {
            self.warnings.push(format!(
                "{} voters tolerate no more failures than {}",
                self.after.voters,
                self.after.voters - 1
            ));
        }
        if self.after.voters == 1 && self.before.voters > 1 {
            self.warnings
                .push("one voter tolerates no failure, and has the only copy".to_owned());
        }
        if let Change::Promote(seen) = change
            && !seen.is_up()
        {
            self.warnings.push(format!(
                "{} does not answer: it becomes a voter when it is back and has caught up",
                label(&seen.member)
            ));
        }
    }
}

/// That members which are down count as voters.
fn counts_all_the_same(down: &[&Seen], effect: &Effect) -> String {
    let names: Vec<&str> = down.iter().map(|seen| label(&seen.member)).collect();
    let (verb, count) = if down.len() == 1 {
        ("is", "counts")
    } else {
        ("are", "count")
    };
    let spare = match effect.up - effect.after.quorum {
        0 => "none may fail".to_owned(),
        spare => format!("{spare} more may fail"),
    };
    format!(
        "{} {verb} down and {count}: {} of {} voters will be up, {spare}",
        names.join(", "),
        effect.up,
        effect.after.voters
    )
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after, .. } = self;
        write!(
            f,
            "voters {} -> {}, quorum {} -> {}, tolerates {} -> {}",
            before.voters,
            after.voters,
            before.quorum,
            after.quorum,
            before.tolerates,
            after.tolerates
        )
    }
}

/// What a question says of a member: "the healthy voter n3".
pub(crate) fn described(seen: &Seen) -> String {
    let kind = match Kind::of(&seen.member) {
        Kind::Voter => "voter",
        Kind::Learner => "learner",
        Kind::Joining => "future voter",
    };
    let name = label(&seen.member);
    match seen.health {
        Health::Ok | Health::Joining => format!("the healthy {kind} {name}"),
        health => format!("the {kind} {name} ({})", health.words()),
    }
}

#[cfg(test)]
mod tests;
