//! Somebody who works while others do harm.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::{
    Client,
    types::{Consistency, GetRequest, PutRequest},
};
use tokio::task::JoinHandle;

use crate::cluster::wait_for;

/// A client that puts and gets all the time, and expects every answer.
pub(super) struct Bystander {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    task: JoinHandle<Duration>,
}

impl Bystander {
    pub(super) fn start(client: Client) -> Self {
        Self::start_in("default", client)
    }

    /// The same in another namespace, for where the others have a hold on the keys of `default`.
    pub(super) fn start_in(namespace: &'static str, client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&rounds));
        let task = tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                let value = counted.fetch_add(1, Ordering::Relaxed).to_string();
                let put = PutRequest::new(namespace, "bystander", value.clone());
                client.put(put).await.expect("the bystander's put");
                let get = GetRequest::new(namespace, "bystander", Consistency::Linearizable);
                let found = client.get(get).await.expect("the bystander's get");
                assert_eq!(found.entry.expect("the key").value, value);
                slowest = slowest.max(began.elapsed());
            }
            slowest
        });
        Self { stop, rounds, task }
    }

    /// Waits until it has done some more.
    pub(super) async fn goes_on(&self) {
        let goal = self.rounds.load(Ordering::Relaxed) + 20;
        wait_for("the bystander goes on", async || {
            assert!(!self.task.is_finished(), "the bystander was harmed");
            (self.rounds.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    pub(super) async fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        let slowest = self.task.await.expect("the bystander");
        assert!(slowest < Duration::from_secs(5), "a round took {slowest:?}");
    }
}
