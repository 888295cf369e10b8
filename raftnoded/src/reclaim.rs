//! Frees what deleted namespaces held, a bounded piece at a time, so that nothing else waits long.
//!
//! The leader proposes each piece through the log: all members remove the same entries at the same
//! index. A new leader goes on where the old one stopped, since what is left stands in the state.

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
const PIECE: u32 = 1000;

/// How often the leader looks for something to remove.
const EVERY: Duration = Duration::from_millis(200);

/// How long a piece may take before the leader looks anew.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(consensus: Consensus, engine: Arc<dyn Engine>) {
    let command = Command::Reclaim { limit: PIECE };
    loop {
        tokio::time::sleep(EVERY).await;
        while consensus.leads() && matches!(store::has_dropped(&*engine), Ok(true)) {
            let Ok(bytes) = command.encode() else { return };
            match consensus.propose(bytes, Instant::now() + PATIENCE).await {
                Ok(Ok(Outcome::Reclaimed { left: true, .. })) => {}
                _ => break,
            }
        }
    }
}
