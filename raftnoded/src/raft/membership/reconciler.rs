//! Makes the membership what its aims say, while this member leads.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use openraft::{ChangeMembers, async_runtime::WatchReceiver};

use super::{
    ChangeError, Governor, RaftMetrics, only,
    plan::{Situation, Step},
    set,
};
use crate::raft::{Consensus, types::Aim};

/// How often the leader looks.
const EVERY: Duration = Duration::from_millis(100);

/// The pause after a step that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a handover may take.
const HAND_OVER: Duration = Duration::from_secs(1);

/// Runs until consensus stops.
pub(in crate::raft) async fn run(consensus: Consensus) {
    let governor = Arc::clone(&consensus.governor);
    let mut history = History::default();
    let mut admissions = super::admission::Admissions::default();
    loop {
        let _ = tokio::time::timeout(EVERY, governor.wake.notified()).await;
        let leads = {
            let metrics = governor.raft.metrics();
            let metrics = metrics.borrow_watched();
            if metrics.running_state.is_err() {
                return;
            }
            history.note(&metrics, governor.election_timeout);
            metrics.current_leader == Some(governor.me.id)
        };
        governor.reign();
        if !leads {
            history = History::default();
            continue;
        }
        let mut situation = governor.situation();
        admissions.begin(&governor, &situation);
        situation.caught_up = {
            let metrics = governor.raft.metrics();
            history.caught_up(&metrics.borrow_watched())
        };
        let Some(step) = situation.next() else {
            continue;
        };
        // A request that has its turn now leads to another situation.
        let Ok(_turn) = governor.turn.try_lock() else {
            continue;
        };
        match governor.carry_out(&situation, &step).await {
            Ok(()) | Err(ChangeError::NotLeader | ChangeError::InProgress(_)) => {}
            Err(ChangeError::HandOverFirst) => {
                consensus.hand_over(None, HAND_OVER).await;
                tokio::time::sleep(EVERY).await;
            }
            Err(error) => {
                tracing::warn!(?step, %error, "the membership is not as it should be yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What the log of a leader ended with at some moments: who has that, has caught up in a round that
/// took no longer (Ongaro's dissertation, 4.2.1).
#[derive(Default)]
struct History(VecDeque<(Instant, u64)>);

impl History {
    fn note(&mut self, metrics: &RaftMetrics, round: Duration) {
        let now = Instant::now();
        // One older than a round is kept: the goal.
        while self.0.get(1).is_some_and(|(at, _)| now - *at >= round) {
            self.0.pop_front();
        }
        self.0.push_back((now, metrics.last_log_index.unwrap_or(0)));
    }

    fn caught_up(&self, metrics: &RaftMetrics) -> BTreeSet<u64> {
        let Some((_, goal)) = self.0.front() else {
            return BTreeSet::new();
        };
        let matched = metrics.replication.iter().flatten();
        matched
            .filter(|(_, matched)| matched.is_some_and(|id| id.index() >= *goal))
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Governor {
    /// Carries one step out.
    pub(super) async fn carry_out(
        &self,
        situation: &Situation,
        step: &Step,
    ) -> Result<(), ChangeError> {
        let name = |id: &u64| situation.members.get(id).map(|info| info.name.clone());
        match step {
            Step::Finish { stay } => {
                tracing::info!("finishing a change of the membership that was begun before");
                let gone = situation.leaving();
                self.change(
                    situation,
                    vec![ChangeMembers::AddVoterIds(BTreeSet::new())],
                    *stay,
                )
                .await?;
                if !stay {
                    self.dismiss(situation, gone);
                }
                Ok(())
            }
            Step::Promote { id, instead_of } => {
                let info = situation.member(*id)?;
                let mut promoted = info.clone();
                let later = matches!(info.aim, Aim::Replacement { of } if *instead_of != Some(of)
                    && situation.members.contains_key(&of));
                if !later {
                    promoted.aim = Aim::Voter;
                }
                let mut changes = vec![set(*id, promoted), ChangeMembers::AddVoterIds(only(*id))];
                if let Some(of) = instead_of {
                    changes.extend(self.removal(situation, *of));
                }
                self.change(situation, changes, false).await?;
                tracing::info!(id, name = name(id), instead_of, "learner promoted to voter");
                self.dismiss(situation, instead_of.iter().copied());
                Ok(())
            }
            Step::Supersede { of, by } => {
                let mut info = situation.member(*by)?.clone();
                info.aim = Aim::Voter;
                let mut changes = vec![set(*by, info)];
                changes.extend(self.removal(situation, *of));
                self.change(situation, changes, false).await?;
                tracing::info!(id = of, name = name(of), by, "member replaced");
                self.dismiss(situation, [*of]);
                Ok(())
            }
            Step::Demote { id } => {
                self.change(
                    situation,
                    vec![ChangeMembers::RemoveVoters(only(*id))],
                    true,
                )
                .await?;
                tracing::info!(id, name = name(id), "voter demoted to learner");
                Ok(())
            }
            Step::Settle { id } => {
                let mut info = situation.member(*id)?.clone();
                info.aim = Aim::Voter;
                self.change(situation, vec![set(*id, info)], true).await
            }
            Step::HandOver => Err(ChangeError::HandOverFirst),
        }
    }

    /// The changes that remove a member, voter or not, and with it what was wanted of others for its
    /// sake. They must be made without retaining it.
    pub(super) fn removal(&self, situation: &Situation, id: u64) -> Vec<super::Changes> {
        let mut changes = Vec::new();
        if situation.configs.iter().flatten().any(|voter| *voter == id) {
            // Its aim says that it does not stay as a learner, should this be finished by another.
            if let Some(info) = situation.members.get(&id)
                && info.aim == Aim::Learner
            {
                let mut info = info.clone();
                info.aim = Aim::Voter;
                changes.push(set(id, info));
            }
            changes.push(ChangeMembers::RemoveVoters(only(id)));
        } else {
            changes.push(ChangeMembers::RemoveNodes(only(id)));
        }
        changes
    }
}
