//! Keys and values through every member, and what a read may return.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    Client, ClientConfig, Error,
    types::{
        Consistency, CountRequest, DeletePrefixRequest, DeleteRequest, GetRequest, ListRequest,
        PutRequest,
    },
};

use crate::cluster::{Cluster, Direct, contents, wait_for, within};

#[tokio::test]
async fn every_member_answers_every_request() {
    let cluster = Cluster::start(&[]).await;
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        let key = format!("key of n{}", index + 1);
        let put = direct
            .put("default", key.clone(), "one")
            .await
            .expect("a put");
        assert_eq!(put.version, 1);
        let second = direct
            .put("default", key.clone(), "two")
            .await
            .expect("a put");
        assert_eq!(second.version, 2);
        assert!(second.revision > put.revision);
        for other in 0..3 {
            let other = cluster.direct(other).await;
            let found = other
                .get("default", key.clone(), Consistency::Linearizable)
                .await
                .expect("a get");
            let entry = found.entry.expect("the key");
            assert_eq!(entry.value, "two");
            assert_eq!(entry.create_revision, put.revision);
            assert_eq!(entry.revision, second.revision);
            assert_eq!(entry.version, 2);
            assert!(found.revision >= second.revision);
            let listed = contents(&other, "default", Consistency::Linearizable).await;
            assert_eq!(listed.len(), index + 1);
            let counted = other.count("default", Consistency::Linearizable).await;
            assert_eq!(counted.expect("a count").count, index as u64 + 1);
        }
    }
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        let key = format!("key of n{}", (index + 1) % 3 + 1);
        let gone = direct.delete("default", &key).await.expect("a delete");
        assert_eq!(gone.deleted, 1);
        let again = direct.delete("default", &key).await.expect("a delete");
        assert_eq!(again.deleted, 0);
        for other in 0..3 {
            let other = cluster.direct(other).await;
            let found = other
                .get("default", key.clone(), Consistency::Linearizable)
                .await
                .expect("a get");
            assert_eq!(found.entry, None);
        }
    }
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn one_endpoint_is_enough_for_a_client_whichever_it_is() {
    let cluster = Cluster::start(&[]).await;
    for index in 0..3 {
        let client = cluster.client_of(index).await;
        assert_eq!(client.members().len(), 3);
        let key = format!("k{index}");
        client
            .put(PutRequest::new("default", key.clone(), "v"))
            .await
            .expect("a put");
        let found = client
            .get(GetRequest::new("default", key, Consistency::Linearizable))
            .await
            .expect("a get");
        assert_eq!(found.entry.expect("the key").version, 1);
    }
    let request = CountRequest {
        namespace: "default".to_owned(),
        prefix: "k".into(),
        consistency: Consistency::Linearizable,
    };
    let counted = cluster.client().await.count(request).await;
    assert_eq!(counted.expect("a count").count, 3);
}

#[tokio::test]
async fn a_connection_that_follows_the_leader_is_told_where_it_is() {
    let cluster = Cluster::start(&[]).await;
    let follower = cluster.follower().await;
    let leader = cluster.leader().await;
    let (direct, welcomed) = wait_for("a greeting that names the leader", async || {
        let direct = Direct::open(cluster.address(follower), true).await.ok()?;
        let welcomed = direct.welcome.leader.clone()?;
        Some((direct, welcomed))
    })
    .await;
    let expected = (leader as u64 + 1, cluster.address(leader).to_owned());
    assert_eq!((welcomed.id, welcomed.address), expected);
    let refused = direct.put("default", "k", "v").await;
    let Err(Error::NotLeader { leader: Some(told) }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((told.id, told.address), expected);
    let refused = direct.get("default", "k", Consistency::Linearizable).await;
    assert!(
        matches!(refused, Err(Error::NotLeader { .. })),
        "{refused:?}"
    );
    let stale = direct.get("default", "k", Consistency::STALE).await;
    assert!(
        matches!(stale, Err(Error::NamespaceNotFound { .. }) | Ok(_)),
        "{stale:?}"
    );
}

#[tokio::test]
async fn a_linearizable_read_from_a_follower_sees_the_latest_put() {
    let cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let writer = cluster.direct(leader).await;
    let mut readers = Vec::new();
    for index in 0..3 {
        readers.push(cluster.direct(index).await);
    }
    for round in 0..200 {
        let value = format!("{round}");
        let put = writer
            .put("default", "k", value.clone())
            .await
            .expect("a put");
        // The very next thing that happens is a read elsewhere.
        let reader = &readers[(leader + 1 + round % 2) % 3];
        let found = reader.get("default", "k", Consistency::Linearizable).await;
        let entry = found.expect("a get").entry.expect("the key");
        assert_eq!((entry.value, entry.revision), (value.into(), put.revision));
    }
}

#[tokio::test]
async fn without_a_majority_stale_reads_go_on_and_nothing_else() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    client
        .put(PutRequest::new("default", "k", "v"))
        .await
        .expect("a put");
    cluster.settled().await;
    let leader = cluster.leader().await;
    let last = cluster.follower().await;
    for index in (0..3).filter(|index| *index != last && *index != leader) {
        cluster.member(index).kill();
    }
    cluster.member(leader).kill();

    let direct = cluster
        .direct(last)
        .await
        .with_timeout(Duration::from_secs(3));
    let found = direct.get("default", "k", Consistency::STALE).await;
    assert_eq!(
        found.expect("a stale read").entry.expect("the key").value,
        "v"
    );
    let counted = direct.count("default", Consistency::STALE).await;
    assert_eq!(counted.expect("a stale count").count, 1);
    wait_for("the survivor gives the leader up", async || {
        cluster.status(last).await?.leader.is_none().then_some(())
    })
    .await;
    let began = Instant::now();
    let refused = direct.get("default", "k", Consistency::Linearizable).await;
    assert!(
        matches!(refused, Err(Error::NoLeader { .. })),
        "{refused:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "the deadline is kept"
    );
    let refused = direct.put("default", "k", "other").await;
    assert!(
        matches!(refused, Err(Error::NoLeader { .. })),
        "{refused:?}"
    );

    // A client of one endpoint finds the survivor though it knew a leader once.
    let mut config = ClientConfig::new([cluster.address(last)]);
    config.timeout = Duration::from_secs(3);
    let client = Client::connect(config).await.expect("a client");
    let stale = GetRequest::new("default", "k", Consistency::STALE);
    let found = client.get(stale).await.expect("a stale read");
    assert_eq!(found.entry.expect("the key").value, "v");
    let fresh = GetRequest::new("default", "k", Consistency::Linearizable);
    let refused = client.get(fresh).await;
    assert!(
        matches!(refused, Err(Error::NoLeader { .. })),
        "{refused:?}"
    );

    // What was refused was not applied, and all works again when a second member is back.
    cluster.member(leader).start();
    cluster.leader().await;
    let found = cluster.direct(last).await;
    let found = found.get("default", "k", Consistency::Linearizable).await;
    let entry = found.expect("a get").entry.expect("the key");
    assert_eq!((entry.value, entry.version), ("v".into(), 1));
}

#[tokio::test]
async fn keys_and_values_are_bytes() {
    for store in ["memory", "rocksdb"] {
        let mut cluster = Cluster::single(&["--store", store]).await;
        let every: Bytes = (0..=255).collect();
        let mut pairs: Vec<(Bytes, Bytes)> = (0..=255_u8)
            .map(|byte| (vec![byte].into(), vec![255 - byte, byte, 0].into()))
            .collect();
        pairs.push((every.clone(), every.clone()));
        pairs.push(("a key\nof two lines".into(), "a value\r\nof\ntwo\n".into()));
        pairs.push(("the empty value".into(), Bytes::new()));
        pairs.push((vec![0; 4096].into(), vec![0xff; 3].into()));
        let direct = cluster.direct(0).await;
        for (key, value) in &pairs {
            direct
                .put("default", key.clone(), value.clone())
                .await
                .expect("a put");
        }
        for restarted in [false, true] {
            if restarted {
                cluster.member(0).kill();
                cluster.member(0).start();
                cluster.leader().await;
            }
            let direct = cluster.direct(0).await;
            for (key, value) in &pairs {
                let found = direct
                    .get("default", key.clone(), Consistency::Linearizable)
                    .await
                    .expect("a get");
                let entry = found.entry.expect("the key");
                assert_eq!((&entry.key, &entry.value), (key, value));
            }
            let listed = direct
                .list(ListRequest {
                    namespace: "default".to_owned(),
                    keys_only: true,
                    ..ListRequest::default()
                })
                .await
                .expect("a listing");
            let keys: Vec<Bytes> = listed.entries.into_iter().map(|entry| entry.key).collect();
            let mut expected: Vec<Bytes> = pairs.iter().map(|(key, _)| key.clone()).collect();
            expected.sort();
            assert_eq!(keys, expected, "in the order of their bytes");
        }
    }
}

#[tokio::test]
async fn listings_have_bounds_pages_and_both_directions() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    for number in 0..250 {
        let key = format!("user/{number:03}");
        direct.put("default", key, "v").await.expect("a put");
    }
    for key in ["user", "user0", "\u{ff}"] {
        direct.put("default", key, "v").await.expect("a put");
    }
    let all = || ListRequest {
        namespace: "default".to_owned(),
        prefix: "user/".into(),
        keys_only: true,
        ..ListRequest::default()
    };
    for reverse in [false, true] {
        let mut keys = Vec::new();
        let mut pages = 0;
        let mut request = ListRequest {
            limit: 100,
            reverse,
            ..all()
        };
        loop {
            let page = direct.list(request.clone()).await.expect("a page");
            assert!(page.entries.len() <= 100);
            assert!(page.entries.iter().all(|entry| entry.value.is_empty()));
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            pages += 1;
            let Some(next) = page.next else { break };
            request.page = Some(next);
        }
        let mut expected: Vec<Bytes> = (0..250).map(|n| format!("user/{n:03}").into()).collect();
        if reverse {
            expected.reverse();
        }
        assert_eq!(keys, expected);
        assert_eq!(pages, 3);
    }
    let bounded = direct
        .list(ListRequest {
            start: Some("user/010".into()),
            end: Some("user/012".into()),
            ..all()
        })
        .await
        .expect("a listing");
    let keys: Vec<_> = bounded.entries.iter().map(|entry| &entry.key[..]).collect();
    assert_eq!(keys, [b"user/010", b"user/011"]);
}

#[tokio::test]
async fn a_large_listing_comes_in_pages_of_bounded_size() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    for number in 0..40_u8 {
        let value = vec![number; 200_000];
        direct
            .put("default", vec![number], value)
            .await
            .expect("a put");
    }
    let first = direct
        .list(ListRequest {
            namespace: "default".to_owned(),
            ..ListRequest::default()
        })
        .await
        .expect("a page");
    assert!(first.next.is_some());
    let bytes: usize = first.entries.iter().map(|entry| entry.value.len()).sum();
    assert!(bytes < 2 * 1024 * 1024, "{bytes}");
    let found = contents(&direct, "default", Consistency::Linearizable).await;
    assert_eq!(found.len(), 40);
    for number in 0..40_u8 {
        assert_eq!(found[&[number][..]], vec![number; 200_000]);
    }
}

#[tokio::test]
async fn deletes_count_what_was_there_and_begin_a_new_history() {
    let cluster = Cluster::start(&[]).await;
    let follower = cluster.follower().await;
    let direct = cluster.direct(follower).await;
    for key in ["a/1", "a/2", "a/3", "b/1"] {
        direct.put("default", key, "v").await.expect("a put");
    }
    let keys = ["a/1", "a/2", "no such key", "a/1"];
    let request = DeleteRequest::new("default", keys.map(Bytes::from).to_vec());
    let timeout = Duration::from_secs(30);
    let deleted = direct.data.delete(within(timeout), None, request).await;
    assert_eq!(deleted.expect("an answer").expect("a delete").deleted, 2);
    let put = direct.put("default", "a/1", "again").await.expect("a put");
    assert_eq!(put.version, 1, "a new history");
    let request = DeletePrefixRequest {
        namespace: "default".to_owned(),
        prefix: "a/".into(),
    };
    let deleted = direct
        .data
        .delete_prefix(within(timeout), None, request)
        .await;
    assert_eq!(deleted.expect("an answer").expect("a delete").deleted, 2);
    let left = contents(&direct, "default", Consistency::Linearizable).await;
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["b/1"]);
    cluster.assert_replicas_equal("default").await;
}
