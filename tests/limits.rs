//! Sizes, connections and requests in flight: enforced by the server, before the log, with an
//! error that names size, limit and setting.

use std::time::Duration;

use bytes::Bytes;
use common::{
    Error,
    transport::{Hello, HelloReply, Service},
    types::{Consistency, CountRequest, DeleteRequest, PutRequest},
};
use futures::future::join_all;

use crate::cluster::{Cluster, Direct, greet, wait_for, within};

const MIB: usize = 1024 * 1024;

fn too_large(what: &str, size: usize, limit: usize, setting: &str) -> Error {
    Error::TooLarge {
        what: what.to_owned(),
        size: size as u64,
        limit: limit as u64,
        setting: setting.to_owned(),
    }
}

#[tokio::test]
async fn a_value_of_one_mebibyte_is_taken_and_one_byte_more_is_refused() {
    let cluster = Cluster::start(&[]).await;
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        let value: Bytes = (0..MIB).map(|place| (place % 251) as u8).collect();
        direct
            .put("default", "large", value.clone())
            .await
            .expect("a put of 1 MiB");
        let found = direct
            .get("default", "large", Consistency::Linearizable)
            .await;
        assert_eq!(found.expect("a get").entry.expect("the key").value, value);
        // The server itself says so: this connection checks nothing.
        let before = cluster
            .status(cluster.leader().await)
            .await
            .expect("a status");
        let refused = direct.put("default", "large", vec![0; MIB + 1]).await;
        let expected = too_large("value", MIB + 1, MIB, "--max-value-bytes");
        assert_eq!(refused, Err(expected));
        let text = refused.expect_err("an error").to_string();
        assert_eq!(
            text,
            "value of 1048577 bytes exceeds the limit of 1048576 bytes (--max-value-bytes)"
        );
        let after = cluster
            .status(cluster.leader().await)
            .await
            .expect("a status");
        assert_eq!(after.last_log, before.last_log, "refused before the log");
        // The connection is as good as before.
        direct.put("default", "small", "v").await.expect("a put");
    }
    let client = cluster.client().await;
    let refused = client
        .put(PutRequest::new("default", "k", vec![0; MIB + 1]))
        .await;
    assert_eq!(
        refused,
        Err(too_large("value", MIB + 1, MIB, "--max-value-bytes"))
    );
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn the_limit_of_values_is_a_setting_that_the_server_advertises() {
    let cluster = Cluster::single(&["--max-value-bytes", "100"]).await;
    let direct = cluster.direct(0).await;
    assert_eq!(direct.welcome.limits.max_value_bytes, 100);
    direct
        .put("default", "k", vec![0; 100])
        .await
        .expect("a put");
    let refused = direct.put("default", "k", vec![0; 101]).await;
    assert_eq!(
        refused,
        Err(too_large("value", 101, 100, "--max-value-bytes"))
    );
    drop(cluster);
    let cluster = Cluster::single(&["--max-value-bytes", "8MiB"]).await;
    let direct = cluster.direct(0).await;
    direct
        .put("default", "k", vec![7; 8 * MIB])
        .await
        .expect("a put");
    let found = direct.get("default", "k", Consistency::Linearizable).await;
    assert_eq!(
        found.expect("a get").entry.expect("the key").value.len(),
        8 * MIB
    );
}

#[tokio::test]
async fn a_key_has_1_to_4096_bytes() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        direct
            .put("default", vec![b'k'; 4096], "v")
            .await
            .expect("a put");
        let found = direct
            .get("default", vec![b'k'; 4096], Consistency::Linearizable)
            .await;
        assert!(found.expect("a get").entry.is_some());
        let expected = too_large("key", 4097, 4096, "fixed");
        let long = vec![b'k'; 4097];
        assert_eq!(
            direct.put("default", long.clone(), "v").await,
            Err(expected.clone())
        );
        for consistency in [Consistency::Linearizable, Consistency::STALE] {
            let refused = direct.get("default", long.clone(), consistency).await;
            assert_eq!(refused, Err(expected.clone()));
        }
        let request = |key: &[u8]| DeleteRequest::new("default", vec![Bytes::copy_from_slice(key)]);
        let timeout = Duration::from_secs(30);
        let refused = direct
            .data
            .delete(within(timeout), None, request(&long))
            .await;
        assert_eq!(refused.expect("an answer"), Err(expected.clone()));
        let refused = client.put(PutRequest::new("default", long, "v")).await;
        assert_eq!(refused, Err(expected));

        let refused = direct.put("default", "", "v").await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        let refused = direct.get("default", "", Consistency::Linearizable).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        let refused = direct
            .data
            .delete(within(timeout), None, request(b""))
            .await;
        let refused = refused.expect("an answer");
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        direct.put("default", "k", "v").await.expect("a put");
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_and_told_why() {
    let cluster = Cluster::single(&["--max-connections", "8"]).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(cluster.direct(0).await);
    }
    let hello = Hello::new(Service::Data, false);
    let (_, reply) = greet(cluster.address(0), hello.clone())
        .await
        .expect("an answer");
    let HelloReply::Busy {
        message,
        retry_after,
    } = reply
    else {
        panic!("{reply:?}");
    };
    assert!(retry_after > Duration::ZERO);
    assert!(
        message.contains("8 connections") && message.contains("--max-connections"),
        "{message}"
    );
    // Those that are served go on, and one that ends makes room.
    held[0].put("default", "k", "v").await.expect("a put");
    drop(held.pop());
    wait_for("there is room again", async || {
        let (_, reply) = greet(cluster.address(0), hello.clone()).await.ok()?;
        matches!(reply, HelloReply::Welcome(_)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn requests_in_flight_beyond_the_limit_wait_and_are_all_carried_out() {
    let mut cluster = Cluster::start(&["--max-in-flight", "16"]).await;
    let leader = cluster.leader().await;
    let direct = cluster.direct(leader).await;
    let puts = (0..400).map(|number| direct.put("default", format!("k{number:03}"), "v"));
    for outcome in join_all(puts).await {
        outcome.expect("a put that waited for its turn");
    }
    let count = cluster
        .client()
        .await
        .count(CountRequest {
            namespace: "default".to_owned(),
            prefix: "k".into(),
            consistency: Consistency::Linearizable,
        })
        .await
        .expect("a count");
    assert_eq!(count.count, 400);
    // Heartbeats and elections need nothing of that: the cluster is as it was.
    assert_eq!(cluster.leader().await, leader);
    cluster.member(leader).kill();
    cluster.leader().await;
}

#[tokio::test]
async fn a_deadline_that_passes_is_kept_and_said() {
    let mut cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let direct = cluster
        .direct(leader)
        .await
        .with_timeout(Duration::from_millis(500));
    direct.put("default", "k", "v").await.expect("a put");
    for index in (0..3).filter(|index| *index != leader) {
        cluster.member(index).pause();
    }
    // Sent to the log, but nobody confirms it: it may yet be applied.
    let began = std::time::Instant::now();
    let outcome = direct.put("default", "k", "later").await;
    assert!(
        matches!(outcome, Err(Error::OutcomeUnknown { .. })),
        "{outcome:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    for index in (0..3).filter(|index| *index != leader) {
        cluster.member(index).resume();
    }
    cluster.leader().await;
    let fresh = Direct::open(cluster.address(leader), false)
        .await
        .expect("a connection");
    let found = fresh.get("default", "k", Consistency::Linearizable).await;
    let value = found.expect("a get").entry.expect("the key").value;
    assert!(value == "v" || value == "later", "{value:?}");
}
