//! The cluster's clock: the time that keys, leases and sessions live by.
//!
//! It is no clock of the wall. The leader stamps every command with the clock, replicas keep the
//! greatest stamp they applied, and between stamps every member lets its own copy run with its
//! monotonic clock, so that whoever leads next goes on where the last leader was. Hence:
//!
//! - setting a member's wall clock, by ten minutes or ten years, changes nothing;
//! - members whose clocks differ agree, because only differences of one member's own clock count;
//! - the time in which no member ran does not count: nothing expires unseen.
//!
//! # Invariants
//!
//! - `stamp` never falls on a member, and never falls behind what its state has applied.
//! - A copy is at most [`AHEAD`] ahead of the last stamp it applied when it applied it: a member
//!   whose clock runs fast is set back with every command, and a leader's clock is what it says.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How far a copy may have run ahead of a stamp that arrives: the time a command takes from its
/// stamp to its application, and more. A leader's own commands arrive that late, too.
const AHEAD: Duration = Duration::from_secs(1);

/// Reads the time since some moment of this process: the system's monotonic clock, unless a test
/// passes in another.
pub type Source = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The system's monotonic clock.
pub fn monotonic() -> Source {
    let began = Instant::now();
    Arc::new(move || began.elapsed())
}

/// One member's copy of the cluster's clock, in milliseconds.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    source: Source,
    state: Mutex<State>,
}

struct State {
    /// The clock at a moment of the source.
    clock: u64,
    at: Duration,
    /// The last stamp given.
    stamped: u64,
}

impl Clock {
    /// A copy that goes on from what the state has applied.
    pub fn new(source: Source, applied: u64) -> Self {
        let state = State {
            clock: applied,
            at: source(),
            stamped: applied,
        };
        Self(Arc::new(Inner {
            source,
            state: Mutex::new(state),
        }))
    }

    /// The time now.
    pub fn now(&self) -> u64 {
        let now = (self.0.source)();
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.at(now)
    }

    /// The time for a command that is proposed now.
    pub fn stamp(&self) -> u64 {
        let now = (self.0.source)();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stamped = state.stamped.max(state.at(now));
        state.stamped
    }

    /// The state has applied commands up to this stamp.
    pub fn observe(&self, applied: u64) {
        let now = (self.0.source)();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = applied.saturating_add(AHEAD.as_millis() as u64);
        let own = state.at(now);
        if own < applied || own > latest {
            state.clock = own.clamp(applied, latest);
            state.at = now;
        }
        state.stamped = state.stamped.max(applied);
    }
}

impl State {
    fn at(&self, now: Duration) -> u64 {
        let ran = now.saturating_sub(self.at).as_millis();
        self.clock
            .saturating_add(u64::try_from(ran).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock whose source is set by hand.
    fn by_hand(start: u64) -> (Clock, Arc<AtomicU64>) {
        let hand = Arc::new(AtomicU64::new(start));
        let source = Arc::clone(&hand);
        let source: Source = Arc::new(move || Duration::from_millis(source.load(Ordering::SeqCst)));
        (Clock::new(source, 0), hand)
    }

    #[test]
    fn members_whose_clocks_differ_by_ten_minutes_agree() {
        let (leader, leaders_hand) = by_hand(600_000);
        let (follower, followers_hand) = by_hand(5);
        for _ in 0..100 {
            leaders_hand.fetch_add(70, Ordering::SeqCst);
            followers_hand.fetch_add(70, Ordering::SeqCst);
            let stamp = leader.stamp();
            leader.observe(stamp);
            follower.observe(stamp);
            assert_eq!(follower.now(), leader.now());
        }
        assert_eq!(leader.now(), 7000);
        // The leader dies; who takes over goes on where it was.
        followers_hand.fetch_add(300, Ordering::SeqCst);
        assert_eq!(follower.stamp(), 7300);
    }

    #[test]
    fn the_time_a_command_takes_does_not_slow_the_clock() {
        let (leader, hand) = by_hand(0);
        for _ in 0..1000 {
            let stamp = leader.stamp();
            hand.fetch_add(2, Ordering::SeqCst);
            leader.observe(stamp);
        }
        assert_eq!(leader.now(), 2000);
    }

    #[test]
    fn a_copy_that_ran_away_is_set_back_but_no_stamp_is_given_twice_lower() {
        let (clock, hand) = by_hand(0);
        clock.observe(1000);
        hand.fetch_add(600_000, Ordering::SeqCst);
        clock.observe(1500);
        assert_eq!(clock.now(), 2500);
        let stamp = clock.stamp();
        hand.fetch_add(600_000, Ordering::SeqCst);
        let late = clock.stamp();
        assert!(late > stamp);
        clock.observe(stamp);
        assert!(clock.now() < late);
        assert_eq!(clock.stamp(), late);
        // A source that goes back stands still.
        hand.store(0, Ordering::SeqCst);
        assert_eq!(clock.stamp(), late);
    }

    #[test]
    fn replaying_a_log_sets_the_clock_to_its_end() {
        let (clock, hand) = by_hand(0);
        for applied in [10_000, 20_000, 3_600_000] {
            clock.observe(applied);
            hand.fetch_add(1, Ordering::SeqCst);
        }
        assert_eq!(clock.now(), 3_600_001);
    }
}
