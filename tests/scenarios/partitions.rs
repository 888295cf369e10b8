//! Scenarios 3 and 4: the network is cut, wholly or one way, between real processes that go on.

use std::time::{Duration, Instant};

use common::types::{Consistency, TransferLeaderRequest};

use crate::{
    cluster::{Direct, wait_at_most},
    faults::links::Links,
    scenario::{LEADER_WITHIN, Plan, Run},
};

/// So many calls are acknowledged before a cut, and while it lasts.
const CALLS: usize = 100;

/// A leader that neither hears the others nor is heard.
const CUT_OFF: &str = "leader cut off";

/// One follower does not hear the leader.
const DEAF: &str = "one-way cut from the leader";

/// The leader hears nobody, and all hear it.
const UNANSWERED: &str = "one-way cuts to the leader";

/// Two halves that only one member connects.
const BRIDGE: &str = "bridge partition";

/// How long a call to a leader that is cut off may take at most. It knows sooner.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where these scenarios write beside the clients of the run.
const NAMESPACE: &str = "partition";

/// How often something was held back between these members, in these directions.
fn held(links: &Links, ways: &[(usize, usize)]) -> u64 {
    ways.iter()
        .map(|(from, to)| links.seen(*from, *to).held)
        .sum()
}

/// Waits until a majority follows another leader than this one.
async fn another_leader(run: &Run, old: usize) -> usize {
    wait_at_most(LEADER_WITHIN, "the others elect one of them", async || {
        let leader = run.cluster.leader_now().await?;
        (leader != old).then_some(leader)
    })
    .await
}

/// Scenario 3: the leader is cut off, with clients on both sides. It serves no linearizable read
/// and acknowledges nothing, and the majority goes on.
async fn the_leader_is_cut_off(store: &'static str) {
    let plan = Plan::new(store);
    let (cluster, links) = plan.prepare_behind_links();
    let mut run = Run::start_prepared(cluster, plan).await;
    for round in 0..3 {
        run.work(CALLS).await;
        let old = run.leader().await;
        let ways: Vec<_> = (0..3).filter(|other| *other != old).collect();
        let ways: Vec<_> = ways.iter().map(|other| (old, *other)).collect();
        let address = run.cluster.address(old);
        let inside = Direct::open(address, true).await.expect("a connection");
        let inside = inside.with_timeout(TIMEOUT);
        let before = format!("{round} before");
        inside.put(NAMESPACE, "k", before).await.expect("a put");

        let already = held(&links, &ways);
        run.begins(CUT_OFF, run.cluster.members()[old].name().to_owned());
        links.isolate(old);
        let new = another_leader(&run, old).await;
        let outside = run.cluster.direct(new).await;
        let after = format!("{round} after");
        let put = outside.put(NAMESPACE, "k", after.clone()).await;
        let revision = put.expect("a put on the side of the majority").revision;
        let asked = Instant::now();
        let read = inside.get(NAMESPACE, "k", Consistency::Linearizable).await;
        assert!(read.is_err(), "served by a leader of nobody: {read:?}");
        let write = inside.put(NAMESPACE, "lost", "x").await;
        assert!(write.is_err(), "acknowledged by nobody else: {write:?}");
        assert!(asked.elapsed() < TIMEOUT, "kept until the time was over");
        run.work(CALLS).await;
        if held(&links, &ways) > already {
            run.happened(CUT_OFF);
        }

        links.heal();
        run.healed().await;
        let found = inside.get(NAMESPACE, "k", Consistency::STALE).await;
        let found = found.expect("a get").entry.expect("the key");
        assert_eq!((found.value, found.revision), (after.into(), revision));
    }
    run.finish(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s03_the_leader_is_cut_off_with_clients_on_both_sides_on_memory() {
    the_leader_is_cut_off("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s03_the_leader_is_cut_off_with_clients_on_both_sides_on_rocksdb() {
    the_leader_is_cut_off("rocksdb").await;
}

/// Scenario 4: first one follower does not hear the leader, which changes nothing; then the leader
/// does not hear the followers, though they hear it: it must make way.
async fn cut_one_way(store: &'static str) {
    let plan = Plan::new(store);
    let (cluster, links) = plan.prepare_behind_links();
    let mut run = Run::start_prepared(cluster, plan).await;
    for _ in 0..2 {
        run.work(CALLS).await;
        let leader = run.leader().await;
        let term = run.cluster.status(leader).await.expect("a status").term;
        let deaf = run.cluster.follower().await;
        let way = [(leader, deaf)];
        let already = held(&links, &way);
        run.begins(DEAF, format!("n{} to n{}", leader + 1, deaf + 1));
        links.cut_one_way(leader, deaf);
        wait_at_most(LEADER_WITHIN, "it misses the leader", async || {
            run.cluster
                .status(deaf)
                .await?
                .leader
                .is_none()
                .then_some(())
        })
        .await;
        run.work(CALLS).await;
        if held(&links, &way) > already {
            run.happened(DEAF);
        }
        // Its requests for votes arrive, and are refused by those who hear the leader.
        let status = run.cluster.status(leader).await.expect("a status");
        assert_eq!(status.term, term, "one that is deaf deposes nobody");
        links.heal();
        run.healed().await;
    }
    for _ in 0..2 {
        run.work(CALLS).await;
        let old = run.leader().await;
        let ways: Vec<_> = (0..3).filter(|from| *from != old).collect();
        let ways: Vec<_> = ways.iter().map(|from| (*from, old)).collect();
        let already = held(&links, &ways);
        run.begins(UNANSWERED, run.cluster.members()[old].name().to_owned());
        for (from, to) in &ways {
            links.cut_one_way(*from, *to);
        }
        another_leader(&run, old).await;
        run.work(CALLS).await;
        if held(&links, &ways) > already {
            run.happened(UNANSWERED);
        }
        links.heal();
        run.healed().await;
    }
    run.finish(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s04_links_of_the_leader_are_cut_one_way_on_memory() {
    cut_one_way("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s04_links_of_the_leader_are_cut_one_way_on_rocksdb() {
    cut_one_way("rocksdb").await;
}

/// Scenario 4 on five members: two halves that reach each other through one member only, at first
/// the leader, then a follower.
async fn bridge(store: &'static str) {
    let plan = Plan {
        members: 5,
        ..Plan::new(store)
    };
    let (cluster, links) = plan.prepare_behind_links();
    let mut run = Run::start_prepared(cluster, plan).await;
    for leads in [true, false, false] {
        run.work(CALLS).await;
        let leader = run.leader().await;
        let bridge = if leads { leader } else { (leader + 1) % 5 };
        let rest: Vec<usize> = (0..5).filter(|index| *index != bridge).collect();
        let (left, right) = rest.split_at(2);
        let cuts: Vec<_> = left
            .iter()
            .flat_map(|one| right.iter().map(|other| (*one, *other)))
            .collect();
        let already = held(&links, &cuts);
        run.begins(
            BRIDGE,
            format!("n{} between {left:?} and {right:?}", bridge + 1),
        );
        for (one, other) in &cuts {
            links.cut(*one, *other);
        }
        if leads {
            // It reaches everybody: nothing has to change until it hands over to one of a half.
            run.work(CALLS).await;
            assert_eq!(run.leader().await, leader);
            let to = Some(left[0] as u64 + 1);
            let client = run.cluster.client().await;
            let handed_over = client.transfer_leader(TransferLeaderRequest { to }).await;
            handed_over.expect("the other half is not needed");
        }
        // Those who miss the leader call everybody, sooner or later.
        wait_at_most(LEADER_WITHIN, "calls are held back", async || {
            (held(&links, &cuts) > already).then_some(())
        })
        .await;
        run.happened(BRIDGE);
        run.work(CALLS).await;
        links.heal();
        run.healed().await;
    }
    run.finish(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s04_one_of_five_is_the_bridge_between_two_halves_on_memory() {
    bridge("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s04_one_of_five_is_the_bridge_between_two_halves_on_rocksdb() {
    bridge("rocksdb").await;
}
