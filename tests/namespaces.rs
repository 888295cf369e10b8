//! Namespaces: their life, and the space they leave behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Client, Error,
    types::{
        Consistency, CreateNamespaceRequest, DeleteNamespaceRequest, DescribeNamespaceRequest,
        ListNamespacesRequest, NamespaceInfo, PutRequest,
    },
};

use crate::cluster::{Cluster, Direct, Slots, wait_for, within};

const TIMEOUT: Duration = Duration::from_secs(30);

async fn create(client: &Client, name: &str) -> Result<NamespaceInfo, Error> {
    let request = CreateNamespaceRequest {
        name: name.to_owned(),
        ..CreateNamespaceRequest::default()
    };
    client.create_namespace(request).await
}

async fn describe(direct: &Direct, name: &str) -> Result<NamespaceInfo, Error> {
    let request = DescribeNamespaceRequest {
        name: name.to_owned(),
        consistency: Consistency::Linearizable,
    };
    let answer = direct
        .data
        .describe_namespace(within(TIMEOUT), request)
        .await;
    answer.expect("an answer")
}

#[tokio::test]
async fn namespaces_are_created_listed_described_and_deleted_through_every_member() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let created = create(&client, "orders").await.expect("a namespace");
    assert_eq!(
        (created.name.as_str(), created.keys, created.bytes),
        ("orders", 0, 0)
    );
    let again = create(&client, "orders").await;
    let exists = Error::NamespaceExists {
        namespace: "orders".to_owned(),
    };
    assert_eq!(again, Err(exists));
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        direct
            .put("orders", format!("k{index}"), "12345")
            .await
            .expect("a put");
        let info = describe(&direct, "orders").await.expect("the namespace");
        assert_eq!(info.id, created.id);
        assert_eq!(info.keys, index as u64 + 1);
        assert_eq!(info.bytes, 7 * info.keys, "keys and values");
        let list = direct
            .data
            .list_namespaces(within(TIMEOUT), ListNamespacesRequest::default());
        let list = list.await.expect("an answer").expect("a list");
        let names: Vec<_> = list.iter().map(|info| info.name.as_str()).collect();
        assert_eq!(names, ["default", "orders"]);
        assert!(list.contains(&info));
    }
    let delete = |name: &str, only_if_empty| DeleteNamespaceRequest {
        name: name.to_owned(),
        only_if_empty,
    };
    let refused = client.delete_namespace(delete("orders", true)).await;
    let not_empty = Error::NamespaceNotEmpty {
        namespace: "orders".to_owned(),
        keys: 3,
    };
    assert_eq!(refused, Err(not_empty));
    let deleted = client
        .delete_namespace(delete("orders", false))
        .await
        .expect("a deletion");
    assert_eq!(deleted.keys, 3);
    let not_found = Error::NamespaceNotFound {
        namespace: "orders".to_owned(),
    };
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        assert_eq!(describe(&direct, "orders").await, Err(not_found.clone()));
        let found = direct.get("orders", "k0", Consistency::Linearizable).await;
        assert_eq!(found, Err(not_found.clone()));
    }
    assert_eq!(
        client.delete_namespace(delete("orders", false)).await,
        Err(not_found)
    );
    // Nothing of the old one shines through a new one of the same name.
    let anew = create(&client, "orders").await.expect("a namespace");
    assert!(anew.id > created.id);
    let direct = cluster.direct(0).await;
    let found = direct.get("orders", "k0", Consistency::Linearizable).await;
    assert_eq!(found.expect("a get").entry, None);
    cluster.assert_replicas_equal("orders").await;
}

#[tokio::test]
async fn a_put_creates_its_namespace_only_where_the_settings_say_so() {
    let open = Cluster::single(&[]).await;
    let direct = open.direct(0).await;
    direct.put("fresh", "k", "v").await.expect("a put");
    assert_eq!(
        describe(&direct, "fresh")
            .await
            .expect("the namespace")
            .keys,
        1
    );
    drop(open);
    let closed = Cluster::single(&["--auto-create-namespaces", "false"]).await;
    let direct = closed.direct(0).await;
    let refused = direct.put("fresh", "k", "v").await;
    let not_found = Error::NamespaceNotFound {
        namespace: "fresh".to_owned(),
    };
    assert_eq!(refused, Err(not_found));
    create(&closed.client().await, "fresh")
        .await
        .expect("a namespace");
    direct.put("fresh", "k", "v").await.expect("a put");
}

#[tokio::test]
async fn names_of_namespaces_are_checked() {
    let cluster = Cluster::single(&[]).await;
    let client = cluster.client().await;
    let longest = "n".repeat(64);
    for name in ["a", "A-1_b.c", "0", &longest] {
        create(&client, name).await.expect("a namespace");
    }
    let too_long = "n".repeat(65);
    for name in ["", "-a", ".a", "a b", "a/b", "\u{e4}", "a\n", &too_long] {
        let refused = create(&client, name).await;
        assert!(
            matches!(refused, Err(Error::Invalid { .. })),
            "{name:?}: {refused:?}"
        );
        let refused = client.put(PutRequest::new(name, "k", "v")).await;
        assert!(
            matches!(refused, Err(Error::Invalid { .. })),
            "{name:?}: {refused:?}"
        );
    }
}

/// Keys of the namespace that is deleted, and the bytes of each of their values.
const KEYS: u64 = 100_000;
const VALUE_BYTES: usize = 300;

async fn many_keys_deleted(store: &str) {
    let _alone = Slots::alone();
    let sizes = [
        "--snapshot-every",
        "4MiB",
        "--log-retain",
        "1MiB",
        "--log-segment",
        "4MiB",
    ];
    let cluster = Cluster::start(&[&["--store", store], &sizes[..]].concat()).await;
    let client = cluster.client().await;
    let next = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..128)
        .map(|_| {
            let (client, next) = (client.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= KEYS {
                        return;
                    }
                    // Values that do not compress to nothing.
                    let value: Vec<u8> = (0..VALUE_BYTES as u64)
                        .map(|place| {
                            let mixed = (number * 1009 + place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                            mixed.to_le_bytes()[7]
                        })
                        .collect();
                    let key = format!("key/{number:06}");
                    let request = PutRequest::new("doomed", key, value);
                    client.put(request).await.expect("a put");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let direct = cluster.direct(cluster.leader().await).await;
    let info = describe(&direct, "doomed").await.expect("the namespace");
    assert_eq!(info.keys, KEYS);
    assert_eq!(info.bytes, KEYS * (10 + VALUE_BYTES as u64));

    // Somebody else works meanwhile, and notes the slowest answer.
    let stop = Arc::new(AtomicBool::new(false));
    let working = tokio::spawn({
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        async move {
            let mut slowest = Duration::ZERO;
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let value = Bytes::from(vec![7; 16 * 1024]);
                let request = PutRequest::new("default", format!("k{}", count % 8), value);
                client
                    .put(request)
                    .await
                    .expect("a put beside the deletion");
                slowest = slowest.max(began.elapsed());
                count += 1;
            }
            (slowest, count)
        }
    });
    let began = Instant::now();
    let request = DeleteNamespaceRequest {
        name: "doomed".to_owned(),
        only_if_empty: false,
    };
    let deleted = client.delete_namespace(request).await.expect("a deletion");
    let took = began.elapsed();
    assert_eq!(deleted.keys, KEYS);
    assert!(took < Duration::from_secs(3), "the deletion took {took:?}");
    for index in 0..3 {
        wait_for("the space of the namespace is reclaimed", async || {
            let status = cluster.status(index).await?;
            let least = KEYS * VALUE_BYTES as u64 / 4;
            (status.state_bytes < least).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    let (slowest, count) = working.await.expect("a task");
    eprintln!("{store}: deleted in {took:?}; {count} puts beside it, the slowest {slowest:?}");
    assert!(count > 10);
    assert!(slowest < Duration::from_secs(3), "a put took {slowest:?}");
    assert_eq!(
        describe(&direct, "default").await.expect("it").keys.min(8),
        8
    );
    cluster.assert_replicas_equal("default").await;
}

#[tokio::test]
async fn a_namespace_of_100_000_keys_is_deleted_while_others_work() {
    many_keys_deleted("memory").await;
}

#[tokio::test]
async fn a_namespace_of_100_000_keys_is_deleted_while_others_work_on_rocksdb() {
    many_keys_deleted("rocksdb").await;
}
