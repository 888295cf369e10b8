//! The leaders that were elected lately, as this member saw it, and why it came to each election.
//!
//! A leader is told once it counts for this member ([`tracker`](super::tracker)). Why the one before
//! it does not lead any more is known from evidence that others of this room bring, each about one
//! leader in one term:
//!
//! - its process ended: proved by [`failover`](super::failover), on every member for itself;
//! - it handed over: openraft tells every member, and the leader itself knows what it sends.
//!
//! Where neither is known, it was silent. Evidence may come a moment after the new leader, from a
//! voter that had won over others before this member was certain: then the entry is set right.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use common::types::{Election, ElectionCause};

use super::types::Vote;

/// How many are remembered.
const KEPT: usize = 64;

/// A leader in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) leader: u64,
    pub(super) term: u64,
}

impl Reign {
    pub(super) fn of(vote: &Vote) -> Self {
        Self {
            leader: vote.leader_id.voted_for,
            term: vote.leader_id.term,
        }
    }
}

/// What a member knows when it has a new leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elected {
    pub(super) to: Reign,
    /// Who led before; none for the first leader that this process hears of.
    pub(super) from: Option<Reign>,
    /// Since when that one did not count any more, if there was such a time.
    pub(super) gone: Option<Instant>,
    /// When it was last heard, if it was another member.
    pub(super) heard: Option<Instant>,
    pub(super) now: Instant,
}

/// See the module. Clones share it.
#[derive(Clone)]
pub(super) struct Elections(Arc<Mutex<State>>);

struct State {
    started: Instant,
    /// Evidence counts if the leader was not heard for longer than this after it: it can turn out
    /// to be none. A handover fails, a call that was refused was refused by somebody else.
    grace: Duration,
    told: VecDeque<(Election, Option<Reign>)>,
    ended: Option<(Reign, Instant)>,
    handed_over: Option<(Reign, Instant)>,
}

impl Elections {
    pub(super) fn new(started: Instant, grace: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            started,
            grace,
            told: VecDeque::new(),
            ended: None,
            handed_over: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process of a leader ended.
    pub(super) fn process_ended(&self, reign: Reign, now: Instant) {
        let mut state = self.state();
        if state.ended.is_none_or(|(known, _)| known != reign) {
            state.ended = Some((reign, now));
        }
        state.amend(reign, ElectionCause::ProcessEnded);
    }

    /// A leader hands over, or tries to.
    pub(super) fn handed_over(&self, reign: Reign, now: Instant) {
        let mut state = self.state();
        state.handed_over = Some((reign, now));
        state.amend(reign, ElectionCause::HandedOver);
    }

    /// There is a leader.
    pub(super) fn elected(&self, elected: Elected) {
        let mut state = self.state();
        let last = state.told.back().map_or(0, |(last, _)| last.term);
        if elected.to.term <= last {
            return;
        }
        let (cause, leaderless) = state.judge(&elected);
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = at.unwrap_or_default().as_millis();
        if state.told.len() == KEPT {
            state.told.pop_front();
        }
        let election = Election {
            term: elected.to.term,
            at_ms: u64::try_from(at).unwrap_or(u64::MAX),
            from: elected.from.map(|from| from.leader),
            to: elected.to.leader,
            leaderless,
            cause,
        };
        tracing::debug!(?election, "there is a leader");
        state.told.push_back((election, elected.from));
    }

    /// Those that are remembered, the oldest first.
    pub(super) fn told(&self) -> Vec<Election> {
        let state = self.state();
        let elections = state.told.iter().map(|(election, _)| election.clone());
        elections.collect()
    }
}

impl State {
    /// Why there was an election, and how long there was no leader.
    fn judge(&self, elected: &Elected) -> (ElectionCause, Duration) {
        let now = elected.now;
        let Some(from) = elected.from else {
            let waited = now.saturating_duration_since(self.started);
            return (ElectionCause::First, waited);
        };
        let led = elected.heard.or(elected.gone).unwrap_or(now);
        let proves = |evidence: Option<(Reign, Instant)>| {
            let (_, at) = evidence.filter(|(reign, _)| *reign == from)?;
            (led <= at + self.grace).then_some(at)
        };
        // First: a process that stops hands over, and may be gone before its heir is heard.
        if proves(self.handed_over).is_some() {
            let gone = elected.gone.unwrap_or(now);
            return (
                ElectionCause::HandedOver,
                now.saturating_duration_since(gone),
            );
        }
        if let Some(at) = proves(self.ended) {
            return (
                ElectionCause::ProcessEnded,
                now.saturating_duration_since(at),
            );
        }
        (ElectionCause::Silence, now.saturating_duration_since(led))
    }

    /// Evidence about the leader before the last one came late.
    fn amend(&mut self, reign: Reign, cause: ElectionCause) {
        if let Some((last, Some(from))) = self.told.back_mut()
            && *from == reign
            && last.cause == ElectionCause::Silence
        {
            last.cause = cause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_millis(500);

    fn reign(leader: u64, term: u64) -> Reign {
        Reign { leader, term }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A member that heard of leader 1 in term 1, 200 ms after its start.
    fn begun() -> (Elections, Instant) {
        let start = Instant::now();
        let elections = Elections::new(start, GRACE);
        elections.elected(Elected {
            to: reign(1, 1),
            from: None,
            gone: None,
            heard: None,
            now: start + ms(200),
        });
        (elections, start)
    }

    /// Leader 2 in term 2, at 2,000 ms; leader 1 was last heard at 1,000 ms, and its vote replaced
    /// at 1,900 ms.
    fn second(start: Instant) -> Elected {
        Elected {
            to: reign(2, 2),
            from: Some(reign(1, 1)),
            gone: Some(start + ms(1900)),
            heard: Some(start + ms(1000)),
            now: start + ms(2000),
        }
    }

    fn last(elections: &Elections) -> (Option<u64>, u64, ElectionCause, Duration) {
        let told = elections.told();
        let last = told.last().unwrap();
        (last.from, last.to, last.cause, last.leaderless)
    }

    #[test]
    fn the_first_leader_is_the_first() {
        let (elections, _) = begun();
        assert_eq!(last(&elections), (None, 1, ElectionCause::First, ms(200)));
    }

    #[test]
    fn a_silent_leader_is_missed_since_it_was_heard_last() {
        let (elections, start) = begun();
        elections.elected(second(start));
        let expected = (Some(1), 2, ElectionCause::Silence, ms(1000));
        assert_eq!(last(&elections), expected);
    }

    #[test]
    fn a_leader_whose_process_ended_is_missed_since_then() {
        let (elections, start) = begun();
        elections.process_ended(reign(1, 1), start + ms(1010));
        // What it sent last may be taken in after that.
        elections.elected(Elected {
            heard: Some(start + ms(1030)),
            ..second(start)
        });
        let expected = (Some(1), 2, ElectionCause::ProcessEnded, ms(990));
        assert_eq!(last(&elections), expected);
    }

    #[test]
    fn a_handover_leaves_the_time_in_which_this_member_saw_no_leader() {
        for (gone, leaderless) in [(Some(1900), 100), (None, 0)] {
            let (elections, start) = begun();
            elections.handed_over(reign(1, 1), start + ms(1890));
            elections.elected(Elected {
                gone: gone.map(|gone| start + ms(gone)),
                heard: Some(start + ms(1895)),
                ..second(start)
            });
            let expected = (Some(1), 2, ElectionCause::HandedOver, ms(leaderless));
            assert_eq!(last(&elections), expected);
        }
    }

    #[test]
    fn a_process_that_stops_has_handed_over_though_it_is_gone() {
        let (elections, start) = begun();
        elections.handed_over(reign(1, 1), start + ms(1890));
        elections.process_ended(reign(1, 1), start + ms(1900));
        elections.elected(Elected {
            heard: Some(start + ms(1890)),
            ..second(start)
        });
        let expected = (Some(1), 2, ElectionCause::HandedOver, ms(100));
        assert_eq!(last(&elections), expected);
    }

    #[test]
    fn the_leader_that_hands_over_tells_so_itself() {
        let (elections, start) = begun();
        elections.handed_over(reign(1, 1), start + ms(1890));
        elections.elected(Elected {
            heard: None,
            ..second(start)
        });
        let expected = (Some(1), 2, ElectionCause::HandedOver, ms(100));
        assert_eq!(last(&elections), expected);
    }

    #[test]
    fn evidence_that_came_to_nothing_is_forgotten() {
        let (elections, start) = begun();
        elections.process_ended(reign(1, 1), start + ms(300));
        elections.handed_over(reign(1, 1), start + ms(300));
        elections.elected(second(start));
        assert_eq!(last(&elections).2, ElectionCause::Silence);
    }

    #[test]
    fn evidence_of_another_term_is_none() {
        let (elections, start) = begun();
        elections.process_ended(reign(1, 0), start + ms(1000));
        elections.handed_over(reign(3, 1), start + ms(1000));
        elections.elected(second(start));
        assert_eq!(last(&elections).2, ElectionCause::Silence);
    }

    #[test]
    fn evidence_that_comes_late_sets_the_last_entry_right_once() {
        let (elections, start) = begun();
        elections.elected(second(start));
        elections.handed_over(reign(2, 2), start + ms(2010));
        assert_eq!(last(&elections).2, ElectionCause::Silence);
        elections.handed_over(reign(1, 1), start + ms(2010));
        // The process that handed over ends soon as a rule.
        elections.process_ended(reign(1, 1), start + ms(2020));
        assert_eq!(last(&elections).2, ElectionCause::HandedOver);
        assert_eq!(elections.told()[0].cause, ElectionCause::First);
    }

    #[test]
    fn a_term_is_told_once_and_the_oldest_is_forgotten() {
        let (elections, start) = begun();
        for term in 1..=100 {
            for _ in 0..2 {
                elections.elected(Elected {
                    to: reign(1, term),
                    from: Some(reign(1, term - 1)),
                    ..second(start)
                });
            }
        }
        let terms: Vec<u64> = elections.told().iter().map(|told| told.term).collect();
        assert_eq!(terms, (37..=100).collect::<Vec<_>>());
    }
}
