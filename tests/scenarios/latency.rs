//! Scenario 5: a slow network that loses connections.

use std::time::Duration;

use rand::RngExt;

use crate::{
    cluster::wait_at_most,
    faults::links::Delay,
    scenario::{Plan, Run},
};

/// So many calls are acknowledged between two resets.
const CALLS: usize = 20;

/// How many connections are reset.
const RESETS: usize = 20;

/// Everything between members takes its time.
const DELAY: &str = "delay of 75 +- 50 ms";

/// A connection is reset in the middle of a frame.
const RESET: &str = "reset in a frame";

/// How long a frame to break may take to come: heartbeats do.
const FRAME_WITHIN: Duration = Duration::from_secs(20);

/// Settings for a network in which an answer takes up to a quarter of a second, as its operator
/// would give them.
const SETTINGS: [&str; 4] = ["--heartbeat", "300ms", "--election-timeout", "1s"];

async fn slow_and_broken(store: &'static str) {
    let mut plan = Plan::new(store);
    plan.settings.extend(SETTINGS.map(str::to_owned));
    let (cluster, links) = plan.prepare_behind_links();
    let mut run = Run::start_prepared(cluster, plan).await;
    run.work(CALLS).await;
    run.begins(DELAY, "all links");
    links.delay(Delay::new(
        Duration::from_millis(75),
        Duration::from_millis(50),
    ));
    for _ in 0..RESETS {
        run.work(CALLS).await;
        let leader = run.leader().await;
        // Whoever leads speaks to all, and all answer.
        let other = (leader + run.rng.random_range(1..3_usize)) % 3;
        let (from, to) = if run.rng.random() {
            (leader, other)
        } else {
            (other, leader)
        };
        let before = links.seen(from, to).resets;
        run.begins(RESET, format!("n{} to n{}", from + 1, to + 1));
        links.reset_in_a_frame(from, to);
        wait_at_most(FRAME_WITHIN, "a connection is reset", async || {
            (links.seen(from, to).resets > before).then_some(())
        })
        .await;
        run.happened(RESET);
    }
    let leader = run.leader().await;
    let late = |other: &usize| {
        let both = [(leader, *other), (*other, leader)];
        both.iter()
            .all(|(from, to)| links.seen(*from, *to).delayed > 0)
    };
    // Followers have nothing to say to each other.
    if (0..3)
        .filter(|other| *other != leader)
        .all(|other| late(&other))
    {
        run.happened(DELAY);
    }
    links.heal();
    run.healed().await;
    run.finish(400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s05_links_are_slow_and_connections_break_in_the_middle_of_a_frame_on_memory() {
    slow_and_broken("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s05_links_are_slow_and_connections_break_in_the_middle_of_a_frame_on_rocksdb() {
    slow_and_broken("rocksdb").await;
}
