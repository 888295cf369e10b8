//! A write that is sent again is carried out once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{
    Client, ClientConfig, Error,
    types::{
        Condition, Consistency, GetRequest, IncrementRequest, Lifetime, OpenSessionRequest,
        PutRequest, Tag,
    },
};

use crate::cluster::{Cluster, Member, wait_for, within};

const KEY: &str = "counter";

fn increment() -> IncrementRequest {
    IncrementRequest {
        namespace: "default".to_owned(),
        key: KEY.into(),
        by: 1,
        lifetime: Lifetime::Keep,
    }
}

/// What eight clients counted.
#[derive(Default)]
struct Counted {
    stop: AtomicBool,
    acknowledged: AtomicI64,
    unknown: AtomicI64,
    /// How many answers were sums that this client's own count cannot explain.
    fell: AtomicU64,
}

async fn count(client: Client, counted: Arc<Counted>) {
    let mut last = 0;
    while !counted.stop.load(Ordering::Relaxed) {
        match client.increment(increment()).await {
            Ok(reply) => {
                if reply.value <= last {
                    counted.fell.fetch_add(1, Ordering::Relaxed);
                }
                last = reply.value;
                counted.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err(Error::OutcomeUnknown { .. }) => {
                counted.unknown.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.is_retryable() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Eight clients count while leaders are killed and paused; returns what they saw and the sum.
async fn counted_under_faults(exactly_once: bool, settings: &[&str]) -> (Arc<Counted>, i64) {
    let mut cluster = Cluster::start(settings).await;
    let counted = Arc::new(Counted::default());
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut config = ClientConfig::new(cluster.members().iter().map(Member::client));
        config.timeout = Duration::from_secs(30);
        config.exactly_once = exactly_once;
        let client = wait_for("a client connects", async || {
            Client::connect(config.clone()).await.ok()
        })
        .await;
        clients.push(tokio::spawn(count(client, Arc::clone(&counted))));
    }
    let more = async |count: i64| {
        let goal = counted.acknowledged.load(Ordering::Relaxed) + count;
        wait_for("counting goes on", async || {
            (counted.acknowledged.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    };
    more(100).await;
    for round in 0..4 {
        let leader = cluster.leader().await;
        if round % 2 == 0 {
            cluster.member(leader).kill();
            more(100).await;
            cluster.member(leader).start();
        } else {
            cluster.member(leader).pause();
            more(20).await;
            cluster.member(leader).resume();
        }
        cluster.settled().await;
        more(100).await;
    }
    counted.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client");
    }
    cluster.settled().await;
    let direct = cluster.direct(0).await;
    let found = direct.get("default", KEY, Consistency::Linearizable).await;
    let value = found.expect("a get").entry.expect("the counter").value;
    let sum = std::str::from_utf8(&value).expect("text").parse();
    cluster.assert_replicas_equal("default").await;
    (counted, sum.expect("a number"))
}

#[tokio::test]
async fn with_sessions_the_sum_is_exactly_what_was_acknowledged() {
    let (counted, sum) = counted_under_faults(true, &[]).await;
    // Thirty seconds are more than any of the faults takes.
    assert_eq!(counted.unknown.load(Ordering::Relaxed), 0);
    assert_eq!(sum, counted.acknowledged.load(Ordering::Relaxed));
    assert_eq!(counted.fell.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn with_sessions_the_sum_is_exactly_what_was_acknowledged_on_rocksdb() {
    let (counted, sum) = counted_under_faults(true, &["--store", "rocksdb"]).await;
    assert_eq!(counted.unknown.load(Ordering::Relaxed), 0);
    assert_eq!(sum, counted.acknowledged.load(Ordering::Relaxed));
}

#[tokio::test]
async fn without_sessions_the_sum_is_off_by_the_unknown_ones_at_most() {
    let (counted, sum) = counted_under_faults(false, &[]).await;
    let acknowledged = counted.acknowledged.load(Ordering::Relaxed);
    let unknown = counted.unknown.load(Ordering::Relaxed);
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&sum),
        "{acknowledged} acknowledged, {unknown} unknown, the sum is {sum}"
    );
}

#[tokio::test]
async fn the_first_reply_is_given_again_by_whoever_leads_and_after_restarts() {
    let settings = ["--snapshot-every", "1MiB", "--log-segment", "4MiB"];
    let mut cluster = Cluster::start(&settings).await;
    let client = cluster.client().await;
    let opened = client
        .open_session(OpenSessionRequest {
            ttl: Duration::from_secs(3600),
        })
        .await
        .expect("a session");
    let tagged = |seq| {
        client.with_tag(Some(Tag {
            session: opened.session,
            seq,
            first_unacked: 1,
        }))
    };
    let mut create = PutRequest::new("default", "k", "v");
    create.condition = Some(Condition::Absent);
    let created = tagged(1).put(create.clone()).await.expect("a put");
    let refused = tagged(2).put(create.clone()).await;
    assert!(
        matches!(refused, Err(Error::ConditionFailed { .. })),
        "{refused:?}"
    );
    let sum = tagged(3).increment(increment()).await.expect("a sum");
    // What makes the refusal wrong if it were carried out now.
    let keys = vec!["k".into()];
    let delete = common::types::DeleteRequest::new("default", keys);
    client.delete(delete).await.expect("a delete");
    for round in 0..3 {
        assert_eq!(tagged(1).put(create.clone()).await, Ok(created.clone()));
        assert_eq!(tagged(2).put(create.clone()).await, refused);
        let again = tagged(3).increment(increment()).await;
        assert_eq!(again, Ok(sum.clone()));
        // A number means one write.
        let other = PutRequest::new("default", "k", "another");
        let reused = tagged(1).put(other).await;
        assert!(
            matches!(reused, Err(Error::InvalidTag { .. })),
            "{reused:?}"
        );
        match round {
            0 => {
                let leader = cluster.leader().await;
                cluster.member(leader).kill();
                cluster.leader().await;
                cluster.member(leader).start();
            }
            _ => {
                // Long enough for a snapshot: the session comes back from it, too.
                let large = bytes::Bytes::from(vec![0; 300_000]);
                for _ in 0..8 {
                    let put = PutRequest::new("default", "large", large.clone());
                    client.put(put).await.expect("a put");
                }
                cluster.kill_all();
                cluster.start_all();
                cluster.leader().await;
            }
        }
    }
    let get = GetRequest::new("default", "k", Consistency::Linearizable);
    let found = client.get(get).await.expect("a get");
    assert_eq!(found.entry, None, "nothing was carried out twice");
}

#[tokio::test]
async fn a_session_that_nobody_knows_is_refused() {
    let cluster = Cluster::start(&[]).await;
    let direct = cluster.direct(cluster.follower().await).await;
    let tag = Tag {
        session: 999_999,
        seq: 1,
        first_unacked: 1,
    };
    let put = PutRequest::new("default", "k", "v");
    let answer = direct
        .data
        .put(within(Duration::from_secs(30)), Some(tag), put)
        .await;
    assert_eq!(
        answer.expect("an answer"),
        Err(Error::SessionExpired { session: 999_999 })
    );
    let found = direct.get("default", "k", Consistency::Linearizable).await;
    assert_eq!(found.expect("a get").entry, None);
}
