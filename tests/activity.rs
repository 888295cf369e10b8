//! What members tell those who watch them live: counts and latencies, elections and why it came to
//! them, the end of the log. And what is left out with the values: everything but their sizes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common::{
    Client, Error,
    client::Observer,
    transport::write_postcard,
    types::{
        Activity, ActivityRequest, Consistency, CreateNamespaceRequest, Cursor,
        DeleteNamespaceRequest, Election, ElectionCause, Latencies, Lifetime, ListRequest, LogLine,
        NamespaceSettings, Operation, OperationKind, PutRequest, Role, TransferLeaderRequest,
        TxnRequest, WatchRequest, WatchTarget,
    },
};

use crate::cluster::{Cluster, wait_for, within};

/// More than a change of leader takes on a busy machine.
const SOON: Duration = Duration::from_secs(20);

const EVERYTHING: ActivityRequest = ActivityRequest {
    log_tail: 500,
    namespaces: true,
};

async fn look(cluster: &Cluster, index: usize, request: ActivityRequest) -> Activity {
    let mut observer = Observer::new(cluster.address(index));
    let looked = wait_for("a member tells what it does", async || {
        observer.look(request, Duration::from_secs(5)).await.ok()
    });
    looked.await.1
}

fn latencies(activity: &Activity, kind: OperationKind) -> Latencies {
    let mut operations = activity.operations.iter();
    let found = operations.find(|operation| operation.kind == kind);
    found.map_or_else(Latencies::default, |found| found.latencies.clone())
}

/// What all members together did.
async fn total(cluster: &Cluster, kind: OperationKind) -> Latencies {
    let mut total = Latencies::default();
    for index in cluster.running() {
        let activity = look(cluster, index, ActivityRequest::default()).await;
        total = total.and(&latencies(&activity, kind));
    }
    total
}

/// Writes to and reads from a namespace, as the members together count them.
async fn in_namespace(cluster: &Cluster, name: &str) -> (u64, u64) {
    let mut sum = (0, 0);
    for index in cluster.running() {
        let activity = look(cluster, index, EVERYTHING).await;
        for namespace in activity.namespaces {
            if namespace.name == name {
                sum = (sum.0 + namespace.writes, sum.1 + namespace.reads);
            }
        }
    }
    sum
}

#[tokio::test]
async fn requests_are_counted_by_the_member_that_carries_them_out() {
    let cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let follower = cluster.follower().await;
    let (near, far) = (cluster.direct(leader).await, cluster.direct(follower).await);
    for number in 0..20 {
        let key = format!("{number}");
        far.put("default", key, "v").await.expect("a put");
    }
    for number in 0..10 {
        let key = format!("{number}");
        near.put("default", key, "v").await.expect("a put");
    }
    for _ in 0..7 {
        let get = far.get("default", "1", Consistency::Linearizable).await;
        get.expect("a get");
    }
    let stale = Consistency::Stale { max_age: None };
    for _ in 0..5 {
        far.get("default", "1", stale).await.expect("a get");
    }
    let refused = far.get("made-up", "1", Consistency::Linearizable).await;
    assert!(
        matches!(refused, Err(Error::NamespaceNotFound { .. })),
        "{refused:?}"
    );

    let puts = total(&cluster, OperationKind::Put).await;
    assert_eq!(puts.count(), 30);
    let p99 = puts.quantile(0.99).expect("a p99");
    assert!(p99 > Duration::ZERO && p99 < SOON, "{p99:?}");
    // The refused one is counted, but not in a namespace that there is not.
    assert_eq!(total(&cluster, OperationKind::Get).await.count(), 13);
    assert_eq!(in_namespace(&cluster, "default").await, (30, 12));
    assert_eq!(in_namespace(&cluster, "made-up").await, (0, 0));

    // Nobody else has led, so this is certain, too.
    assert_eq!(cluster.leader().await, leader);
    let there = look(&cluster, leader, ActivityRequest::default()).await;
    if there
        .elections
        .iter()
        .all(|told| told.to == leader as u64 + 1)
    {
        assert_eq!(latencies(&there, OperationKind::Put).count(), 30);
        assert_eq!(latencies(&there, OperationKind::Get).count(), 8);
        let here = look(&cluster, follower, ActivityRequest::default()).await;
        assert_eq!(latencies(&here, OperationKind::Put).count(), 0);
        assert_eq!(latencies(&here, OperationKind::Get).count(), 5);
    }
    // What was not asked for is not told.
    assert!(there.namespaces.is_empty() && there.log.is_empty());
}

#[tokio::test]
async fn namespaces_are_counted_until_they_are_deleted() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    for name in ["shop", "depot"] {
        let create = CreateNamespaceRequest {
            name: name.to_owned(),
            settings: NamespaceSettings::default(),
        };
        client.create_namespace(create).await.expect("a namespace");
    }
    let put = |namespace: &str| Operation::Put {
        namespace: namespace.to_owned(),
        key: "k".into(),
        value: "v".into(),
        lifetime: Lifetime::Default,
        previous: false,
    };
    let txn = TxnRequest {
        then: vec![put("shop"), put("depot"), put("shop")],
        otherwise: vec![put("made-up")],
        ..TxnRequest::default()
    };
    client.txn(txn).await.expect("a transaction");
    let put = PutRequest::new("shop", "k", "v");
    client.put(put).await.expect("a put");
    let list = ListRequest {
        namespace: "shop".to_owned(),
        ..ListRequest::default()
    };
    client.list(list).await.expect("a listing");
    assert_eq!(in_namespace(&cluster, "shop").await, (2, 1));
    assert_eq!(in_namespace(&cluster, "depot").await, (1, 0));
    assert_eq!(in_namespace(&cluster, "made-up").await, (0, 0));

    let delete = DeleteNamespaceRequest {
        name: "shop".to_owned(),
        only_if_empty: false,
    };
    client.delete_namespace(delete).await.expect("a deletion");
    cluster.settled().await;
    assert_eq!(in_namespace(&cluster, "shop").await, (0, 0));
    assert_eq!(in_namespace(&cluster, "depot").await, (1, 0));
}

/// The election of the leader of a term, as a member tells it.
async fn election(cluster: &Cluster, index: usize, term: u64) -> Election {
    wait_for("a member tells of an election", async || {
        let activity = look(cluster, index, ActivityRequest::default()).await;
        let told = activity.elections.into_iter();
        let mut told = told.filter(|election| election.term == term);
        let found = told.next()?;
        assert_eq!(told.next(), None, "told twice");
        Some(found)
    })
    .await
}

/// Who leads, and the term.
async fn lead(cluster: &Cluster) -> (usize, u64) {
    let leader = cluster.leader().await;
    (leader, cluster.status(leader).await.expect("a status").term)
}

fn id(index: usize) -> u64 {
    index as u64 + 1
}

#[tokio::test]
async fn every_survivor_tells_why_there_is_another_leader() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let (first, term) = lead(&cluster).await;
    for index in 0..3 {
        let activity = look(&cluster, index, ActivityRequest::default()).await;
        let oldest = activity.elections.first().expect("an election");
        assert_eq!((oldest.cause, oldest.from), (ElectionCause::First, None));
        assert_eq!(election(&cluster, index, term).await.to, id(first));
    }

    // A process that ends.
    cluster.member(first).kill();
    let (second, term) = lead(&cluster).await;
    for index in cluster.running() {
        let told = election(&cluster, index, term).await;
        assert_eq!(
            (told.cause, told.from, told.to),
            (ElectionCause::ProcessEnded, Some(id(first)), id(second)),
            "n{}: {told:?}",
            id(index)
        );
        assert!(told.leaderless < SOON, "{told:?}");
    }
    cluster.member(first).start();
    cluster.settled().await;
    let told = election(&cluster, first, term).await;
    assert_eq!((told.cause, told.from), (ElectionCause::First, None));

    // A handover, asked for.
    let operator = Client::connect(common::ClientConfig::new([cluster.address(second)])).await;
    let to = TransferLeaderRequest {
        to: Some(id(first)),
    };
    let transferred = operator.expect("a client").transfer_leader(to).await;
    assert_eq!(transferred.expect("a transfer").id, id(first));
    let (third, term) = lead(&cluster).await;
    assert_eq!(third, first);
    for index in 0..3 {
        let told = election(&cluster, index, term).await;
        assert_eq!(
            (told.cause, told.from, told.to),
            (ElectionCause::HandedOver, Some(id(second)), id(third)),
            "n{}: {told:?}",
            id(index)
        );
        assert!(told.leaderless < SOON, "{told:?}");
    }

    // A member that is asked to stop hands over, too, though its process ends. One that leads only
    // since now would know nobody to take over.
    wait_for("the leader hears the others", async || {
        let lags = cluster.status(third).await?.lags;
        let heard = lags.iter().filter(|lag| lag.last_contact.is_some());
        (heard.count() == 2).then_some(())
    })
    .await;
    cluster.member(third).terminate();
    cluster.member(third).exited().await;
    let (fourth, term) = lead(&cluster).await;
    for index in cluster.running() {
        let told = election(&cluster, index, term).await;
        assert_eq!(
            (told.cause, told.from, told.to),
            (ElectionCause::HandedOver, Some(id(third)), id(fourth)),
            "n{}: {told:?}",
            id(index)
        );
    }
}

#[tokio::test]
async fn a_leader_that_stands_still_was_silent() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let (paused, _) = lead(&cluster).await;
    cluster.member(paused).pause();
    let (second, term) = lead(&cluster).await;
    for index in (0..3).filter(|index| *index != paused) {
        let told = election(&cluster, index, term).await;
        assert_eq!(
            (told.cause, told.from, told.to),
            (ElectionCause::Silence, Some(id(paused)), id(second)),
            "n{}: {told:?}",
            id(index)
        );
        // Missed since its last word, and not since somebody was tired of waiting.
        assert!(told.leaderless > Duration::from_millis(100), "{told:?}");
    }
    cluster.member(paused).resume();
    let told = election(&cluster, paused, term).await;
    assert_eq!((told.from, told.to), (Some(id(paused)), id(second)));
}

#[tokio::test]
async fn a_member_without_a_cluster_answers() {
    let mut cluster = Cluster::prepare(3, &[]);
    cluster.member(0).start();
    let mut observer = Observer::new(cluster.address(0));
    let looked = wait_for("a member answers", async || {
        observer.look(EVERYTHING, Duration::from_secs(5)).await.ok()
    });
    let (status, activity) = looked.await;
    assert_eq!(status.role, Role::Forming);
    assert_eq!(activity, Activity::default());
}

const SECRET: &[u8] = b"the value that nobody may see";

fn hides_the_secret(activity: &Activity) {
    let mut bytes = BytesMut::new();
    write_postcard(activity, &mut bytes).expect("encoded");
    let mut windows = bytes.windows(SECRET.len());
    assert!(!windows.any(|window| window == SECRET));
}

#[tokio::test]
async fn the_end_of_the_log_names_keys_and_no_values() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let put = PutRequest::new("default", "a key", SECRET);
    let put = client.put(put).await.expect("a put").revision;
    let txn = TxnRequest {
        then: vec![Operation::Put {
            namespace: "default".to_owned(),
            key: "another".into(),
            value: Bytes::from_static(SECRET),
            lifetime: Lifetime::Default,
            previous: false,
        }],
        ..TxnRequest::default()
    };
    let txn = client.txn(txn).await.expect("a transaction").revision;
    cluster.settled().await;

    let line = |log: &[LogLine], index: u64| {
        let found = log.iter().find(|line| line.index == index);
        found.cloned().expect("the entry")
    };
    let check = |activity: &Activity| {
        let log = &activity.log;
        assert!(log.is_sorted_by(|one, next| one.index + 1 == next.index));
        for (index, operation, key) in [(put, "put", "a key"), (txn, "txn", "another")] {
            let told = line(log, index);
            assert_eq!(told.operation, operation);
            assert_eq!(told.namespace.as_deref(), Some("default"));
            assert_eq!(told.key.as_deref(), Some(key.as_bytes()));
            assert!(told.size > SECRET.len() as u64, "{told:?}");
        }
        // openraft writes the first one; a leader begins with a blank one.
        for operation in ["membership", "blank"] {
            let mut lines = log.iter();
            let found = lines.find(|line| line.operation == operation);
            assert!(found.is_some(), "no {operation} in {log:?}");
        }
        hides_the_secret(activity);
    };
    for index in 0..3 {
        check(&look(&cluster, index, EVERYTHING).await);
        let request = ActivityRequest {
            log_tail: 2,
            namespaces: false,
        };
        assert_eq!(look(&cluster, index, request).await.log.len(), 2);
    }

    // From the files.
    cluster.kill_all();
    cluster.start_all();
    cluster.settled().await;
    for index in 0..3 {
        check(&look(&cluster, index, EVERYTHING).await);
    }
}

#[tokio::test]
async fn what_is_asked_for_without_values_has_their_sizes() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    let first = direct.put("default", "k", "12345").await.expect("a put");
    direct.put("default", "k", "1234567").await.expect("a put");
    direct.delete("default", "k").await.expect("a deletion");
    direct.put("default", "k", "123").await.expect("a put");

    for keys_only in [false, true] {
        let value = |value: &'static str| if keys_only { "" } else { value };
        let list = ListRequest {
            namespace: "default".to_owned(),
            keys_only,
            ..ListRequest::default()
        };
        let listed = direct.list(list).await.expect("a listing").entries;
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].size, &listed[0].value[..]),
            (3, value("123").as_bytes())
        );

        let watch = WatchRequest {
            namespace: "default".to_owned(),
            target: WatchTarget::Key("k".into()),
            from: Cursor::at(first.revision),
            previous: true,
            keys_only,
            max_wait: Duration::ZERO,
        };
        let answer = direct.data.watch(within(SOON), watch).await;
        let events = answer.expect("an answer").expect("a reply").events;
        let told: Vec<_> = events
            .iter()
            .map(|event| {
                let previous = event.previous.as_ref();
                (
                    event.size,
                    &event.value[..],
                    previous.map(|previous| &previous.value[..]),
                )
            })
            .collect();
        let expected = [
            (5, value("12345"), None),
            (7, value("1234567"), Some(value("12345"))),
            (0, "", Some(value("1234567"))),
            (3, value("123"), None),
        ];
        let expected =
            expected.map(|(size, new, old)| (size, new.as_bytes(), old.map(str::as_bytes)));
        assert_eq!(told, expected);
    }
    let get = direct.get("default", "k", Consistency::Linearizable).await;
    assert_eq!(get.expect("a get").entry.expect("the key").size, 3);
}
