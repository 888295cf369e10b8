//! What the leader does unasked, a bounded piece at a time, so that nothing else waits long: frees
//! what deleted namespaces held, and removes what has outlived its time.
//!
//! Each piece goes through the log: all members remove the same entries at the same index. A new
//! leader goes on where the old one stopped, since what is left stands in the state.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    engine::Engine,
    raft::Consensus,
    store::{self, Command, Outcome},
};

/// Entries removed by one command: about a millisecond of work.
const PIECE: u32 = 500;

/// How often the leader looks for something to free.
const RECLAIM_EVERY: Duration = Duration::from_millis(200);

/// How often the leader looks for something that has ended.
const EXPIRE_EVERY: Duration = Duration::from_millis(50);

/// How far the clock of the state may fall behind while nothing is written and something is to end
/// some day. A member that takes over after a restart goes on from the clock of the state: what
/// passed since would be given to every time to live once more.
const TICK_EVERY: Duration = Duration::from_secs(10);

/// How long a piece may take before the leader looks anew.
const PATIENCE: Duration = Duration::from_secs(10);

/// Frees what deleted namespaces held.
pub(crate) async fn reclaim(consensus: Consensus, engine: Arc<dyn Engine>) {
    let command = Command::Reclaim { limit: PIECE };
    loop {
        tokio::time::sleep(RECLAIM_EVERY).await;
        while consensus.leads() && matches!(store::has_dropped(&*engine), Ok(true)) {
            match carry_out(&consensus, &command).await {
                Some(Outcome::Reclaimed { left: true, .. }) => {}
                _ => break,
            }
        }
    }
}

/// Removes what has outlived its time.
pub(crate) async fn expire(consensus: Consensus, engine: Arc<dyn Engine>) {
    let command = Command::Expire { limit: PIECE };
    let mut ticked = Instant::now();
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        // What cannot be read is left to the next command that is applied: it stops the member.
        while consensus.leads()
            && let Ok(Some(at)) = store::next_deadline(&*engine)
        {
            let now = consensus.clock();
            if at > now {
                if ticked.elapsed() < TICK_EVERY {
                    break;
                }
                ticked = Instant::now();
                let applied = store::clock(&*engine).unwrap_or(now);
                if now.saturating_sub(applied) < TICK_EVERY.as_millis() as u64 {
                    break;
                }
            }
            match carry_out(&consensus, &command).await {
                Some(Outcome::Expired { left: true, .. }) => {}
                _ => break,
            }
        }
    }
}

async fn carry_out(consensus: &Consensus, command: &Command) -> Option<Outcome> {
    let bytes = command.encode(None).ok()?;
    let until = Instant::now() + PATIENCE;
    consensus.propose(bytes, until).await.ok()?.ok()
}
