//! Scenario 13: the clock of one member is set by ten minutes, forward and back, while it follows and
//! while it leads. What has a time to live ends at that time, neither early nor never.

use std::time::{Duration, Instant};

use common::{
    Client,
    types::{Consistency, GetRequest, GrantLeaseRequest, Lifetime, PutRequest},
};

use super::failpoints::promote;
use crate::{
    cluster::wait_at_most,
    faults::clocks::WallClock,
    scenario::{Plan, Run},
};

/// The wall clock of a member is set.
const SET: &str = "clock set";

/// How long keys and leases live here.
const TTL: Duration = Duration::from_secs(4);

/// How much sooner they may end: a copy of the cluster's clock may be ahead of the leader's by a
/// second, and is what counts when its member is the next leader.
const EARLY: Duration = Duration::from_secs(1);

/// How much later they may be gone, a change of leader and a busy machine included.
const LATE: Duration = Duration::from_secs(10);

/// What is to end by itself, and when it was begun.
struct Mortal {
    client: Client,
    keys: [&'static str; 2],
    /// Before the first of them was written.
    before: Instant,
}

impl Mortal {
    /// A key with a time to live, and one that hangs on a lease.
    async fn new(run: &Run) -> Self {
        let client = run.cluster.client().await;
        let keys = ["lives for a time", "lives with a lease"];
        let before = Instant::now();
        let lease = client.grant_lease(GrantLeaseRequest { ttl: TTL }).await;
        let lease = lease.expect("a lease").id;
        for (key, lifetime) in keys
            .into_iter()
            .zip([Lifetime::Ttl(TTL), Lifetime::Lease(lease)])
        {
            let mut put = PutRequest::new("default", key, "v");
            put.lifetime = lifetime;
            client.put(put).await.expect("a put");
        }
        Self {
            client,
            keys,
            before,
        }
    }

    async fn is_there(&self, key: &'static str) -> bool {
        let get = GetRequest::new("default", key, Consistency::Linearizable);
        let found = self.client.get(get).await.expect("a get");
        found.entry.is_some()
    }

    /// Asks all the time until both are gone.
    async fn assert_end(&self) {
        for key in self.keys {
            wait_at_most(TTL + LATE, "it is gone", async || {
                let there = self.is_there(key).await;
                let lived = self.before.elapsed();
                assert!(there || lived > TTL - EARLY, "{key}: gone after {lived:?}");
                (!there).then_some(())
            })
            .await;
        }
    }
}

/// Scenario 13.
async fn a_clock_is_set(store: &'static str) {
    let plan = Plan::new(store);
    let mut cluster = plan.prepare();
    let shifted = 0;
    let mut clock = match WallClock::of(&mut cluster, shifted) {
        Ok(clock) => clock,
        Err(why) => {
            eprintln!("SKIPPED: scenario 13, a clock that is set: {why}");
            return;
        }
    };
    let mut run = Run::start_prepared(cluster, plan).await;
    // Each step is ten minutes, or twenty.
    for (leads, ahead) in [(false, 600), (true, -600), (true, 600), (false, 0)] {
        let leader = if leads { shifted } else { 1 };
        promote(&run, leader).await;
        let mortal = Mortal::new(&run).await;
        run.begins(SET, format!("n1 {ahead:+} s, leader: {leads}"));
        clock.set(ahead);
        // It says something with every change of leader, and what it leads by then counts.
        promote(&run, 2).await;
        promote(&run, leader).await;
        if clock.is_seen(&run.cluster.members()[shifted]) {
            run.happened(SET);
        }
        mortal.assert_end().await;
        run.healed().await;
    }
    run.finish(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s13_a_clock_is_set_on_memory() {
    a_clock_is_set("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s13_a_clock_is_set_on_rocksdb() {
    a_clock_is_set("rocksdb").await;
}
