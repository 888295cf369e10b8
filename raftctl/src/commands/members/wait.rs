//! Waiting until a new member is what it was added for, and showing how far it is.
//!
//! The cluster goes on by itself, whoever waits: the leader promotes a learner that has caught up,
//! and the next leader does if this one dies.

use std::time::{Duration, Instant};

use common::types::{Member, NodeId};
use indicatif::ProgressBar;

use super::carry::Carrier;
use crate::{
    cli::parse_duration,
    failure::{Exit, Failure},
    output::{
        Output,
        progress::{self, INTERVAL},
        table::size,
        time::exact,
    },
    survey::{CatchUp, Health, Seen, Survey, label},
};

/// A learner that is behind by no more has caught up.
const CAUGHT_UP: u64 = 1000;

/// How long to wait.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct WaitArgs {
    /// How long to wait until it has caught up; the cluster goes on in any case
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = parse_duration,
        conflicts_with = "no_wait"
    )]
    wait_for: Duration,
    /// Return as soon as the change is accepted
    #[arg(long)]
    no_wait: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// It votes, and the one it replaces, if any, is gone.
    Voter { replaces: Option<NodeId> },
    /// It has caught up.
    Learner,
}

/// How far a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Reached,
    /// It is no member any more.
    Gone,
    Under {
        what: String,
        percent: Option<u64>,
    },
}

/// Waits, if that is wanted.
///
/// # Errors
/// With [`Exit::Timeout`] when the time is over.
pub(super) async fn until(
    goal: Goal,
    member: &Member,
    args: WaitArgs,
    carrier: &Carrier<'_>,
    output: &Output,
) -> Result<(), Failure> {
    if args.no_wait {
        return Ok(());
    }
    let bar = progress::bar(
        output,
        Some(100),
        "{spinner} {msg}  {bar:24} {pos:>2} %  {elapsed}",
    );
    let deadline = Instant::now() + args.wait_for;
    let reached = follow(goal, member, deadline, carrier, &bar, output).await;
    bar.finish_and_clear();
    reached.map_err(|last| last.unwrap_or_else(|so_far| late(goal, member, args, &so_far)))
}

/// Follows it until it is there; else a failure, or how far it came until the deadline.
async fn follow(
    goal: Goal,
    member: &Member,
    deadline: Instant,
    carrier: &Carrier<'_>,
    bar: &ProgressBar,
    output: &Output,
) -> Result<(), Result<Failure, String>> {
    let mut so_far = "nothing was heard of it".to_owned();
    loop {
        match carrier.session.look(&carrier.known).await {
            Ok(survey) => match stage(goal, member.id, &survey) {
                Stage::Reached => return Ok(()),
                Stage::Gone if survey.has_quorum() => return Err(Ok(removed(member))),
                Stage::Gone => so_far = "the cluster has no quorum".to_owned(),
                Stage::Under { what, percent } => {
                    bar.set_position(percent.unwrap_or(0));
                    let told = percent.map_or_else(String::new, |at| format!(", {at} %"));
                    if so_far != format!("{what}{told}") {
                        output.verbose(&what);
                    }
                    bar.set_message(what.clone());
                    so_far = format!("{what}{told}");
                }
            },
            Err(error) if error.is_retryable() => {
                so_far = error.to_string();
                bar.set_message("no member answers");
            }
            Err(error) => return Err(Ok(error.into())),
        }
        bar.tick();
        if Instant::now() >= deadline {
            return Err(Err(so_far));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn stage(goal: Goal, id: NodeId, survey: &Survey) -> Stage {
    let Some(seen) = survey.member(id) else {
        return Stage::Gone;
    };
    let name = label(&seen.member);
    match goal {
        Goal::Voter { replaces } if seen.member.voter => {
            let old = replaces.and_then(|old| survey.member(old));
            match old {
                Some(old) => Stage::Under {
                    what: format!("{name} votes, {} is to go", label(&old.member)),
                    percent: None,
                },
                None => Stage::Reached,
            }
        }
        Goal::Learner if is_caught_up(seen) => Stage::Reached,
        _ => Stage::Under {
            what: under_way(seen),
            percent: seen.catch_up.and_then(CatchUp::percent),
        },
    }
}

fn is_caught_up(seen: &Seen) -> bool {
    let behind = |lag| lag <= CAUGHT_UP;
    let heard = seen.status().is_some_and(|status| status.leader.is_some());
    heard && seen.lag.is_some_and(behind)
}

fn under_way(seen: &Seen) -> String {
    let name = label(&seen.member);
    match (seen.catch_up, seen.health) {
        (_, Health::Unreachable) => format!("{name} does not answer ({})", seen.detail()),
        (Some(CatchUp::Snapshot { bytes, total }), _) => {
            let of = total.map_or_else(String::new, |total| format!(" of {}", size(total)));
            format!("{name} receives a snapshot, {}{of}", size(bytes))
        }
        (Some(CatchUp::Entries { .. }), _) => format!("{name} receives the log"),
        _ => format!("{name} is to catch up"),
    }
}

fn removed(member: &Member) -> Failure {
    Failure::Specific {
        exit: Exit::Error,
        code: "removed_meanwhile",
        message: format!(
            "{} (id {}) is no member any more: somebody removed it",
            label(member),
            member.id
        ),
        hint: Some("`raftctl members ls` shows the members".to_owned()),
    }
}

/// The time is over.
fn late(goal: Goal, member: &Member, args: WaitArgs, so_far: &str) -> Failure {
    let name = label(member);
    let (yet, then) = match goal {
        Goal::Voter { replaces: None } => ("does not vote yet", "promotes it"),
        Goal::Voter { replaces: Some(_) } => ("has not taken over yet", "puts it in its place"),
        Goal::Learner => ("has not caught up yet", "goes on feeding it"),
    };
    Failure::Specific {
        exit: Exit::Timeout,
        code: "not_caught_up",
        message: format!(
            "{name} (id {}) is a member, but {yet} after {}: {so_far}",
            member.id,
            exact(args.wait_for)
        ),
        hint: Some(format!(
            "nothing more needs to be done, the cluster {then} by itself; `raftctl members ls` \
             shows how far it is, `raftctl members remove {}` takes it back",
            member.id
        )),
    }
}

#[cfg(test)]
mod tests {
    use common::types::{Lag, MemberStatus, Role, SnapshotTransfer, TransferDirection};

    use super::*;
    use crate::survey::tests::{member, status, survey};

    const JOINS: Goal = Goal::Voter { replaces: None };

    /// Three voters led by n2, and n4 as given; n4 has `matched` of the log.
    fn cluster(newcomer: Member, matched: Option<u64>, transfers: Vec<SnapshotTransfer>) -> Survey {
        let mut members: Vec<Member> = (1..=3).map(member).collect();
        members.push(newcomer);
        let leader = MemberStatus {
            lags: vec![Lag {
                id: 4,
                matched,
                behind: Duration::from_secs(20),
                last_contact: None,
            }],
            transfers,
            members: members.clone(),
            ..status(2, Role::Leader, Some(2))
        };
        let new = MemberStatus {
            applied: matched.unwrap_or(0),
            last_log: matched.unwrap_or(0),
            members,
            ..status(4, Role::Learner, Some(2))
        };
        survey(vec![leader, status(1, Role::Follower, Some(2)), new], &[3])
    }

    fn newcomer(voter: bool, stays_learner: bool) -> Member {
        Member {
            voter,
            stays_learner,
            ..member(4)
        }
    }

    fn under(what: &str, percent: Option<u64>) -> Stage {
        Stage::Under {
            what: what.to_owned(),
            percent,
        }
    }

    #[test]
    fn a_newcomer_is_followed_from_snapshot_to_vote() {
        let joining = || newcomer(false, false);
        let transfer = SnapshotTransfer {
            direction: TransferDirection::Sending,
            peer: 4,
            bytes: 12 << 20,
            total: Some(48 << 20),
        };
        let by_snapshot = cluster(joining(), None, vec![transfer]);
        assert_eq!(
            stage(JOINS, 4, &by_snapshot),
            under("n4 receives a snapshot, 12 MiB of 48 MiB", Some(25))
        );
        let by_log = cluster(joining(), Some(642_456), Vec::new());
        assert_eq!(
            stage(JOINS, 4, &by_log),
            under("n4 receives the log", Some(49))
        );
        let there = cluster(newcomer(true, false), Some(1_284_913), Vec::new());
        assert_eq!(stage(JOINS, 4, &there), Stage::Reached);
        assert_eq!(stage(JOINS, 5, &there), Stage::Gone);
    }

    #[test]
    fn a_replacement_is_there_when_the_old_one_is_gone() {
        let both = cluster(newcomer(true, false), Some(1_284_913), Vec::new());
        let goal = |id| Goal::Voter { replaces: Some(id) };
        assert_eq!(
            stage(goal(3), 4, &both),
            under("n4 votes, n3 is to go", None)
        );
        assert_eq!(stage(goal(7), 4, &both), Stage::Reached);
    }

    #[test]
    fn a_learner_is_there_when_it_has_the_log() {
        let at = |matched| cluster(newcomer(false, true), Some(matched), Vec::new());
        assert_eq!(stage(Goal::Learner, 4, &at(1_284_900)), Stage::Reached);
        assert_ne!(stage(Goal::Learner, 4, &at(1_000)), Stage::Reached);
    }

    #[test]
    fn when_the_time_is_over_it_says_how_far_it_came_and_that_it_goes_on() {
        let args = WaitArgs {
            wait_for: Duration::from_secs(60),
            no_wait: false,
        };
        let failure = late(
            JOINS,
            &newcomer(false, false),
            args,
            "n4 receives the log, 49 %",
        );
        assert_eq!(failure.exit(), Exit::Timeout);
        assert_eq!(
            failure.to_string(),
            "n4 (id 4) is a member, but does not vote yet after 1m: n4 receives the log, 49 %"
        );
        assert!(failure.hint().unwrap().contains("by itself"));
    }
}
