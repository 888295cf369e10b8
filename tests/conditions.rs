//! Writes that depend on what is there: conditions, transactions, quotas.

use bytes::Bytes;
use common::{
    Client, Error,
    types::{
        Change, Comparison, Condition, Consistency, CreateNamespaceRequest, Current, DeleteRequest,
        DescribeNamespaceRequest, GetRequest, Lifetime, NamespaceInfo, NamespaceSettings,
        Operation, Operator, PutRequest, SetNamespaceRequest, Target, TxnRequest, TxnResult,
    },
};

use crate::cluster::{Cluster, wait_for};

fn put(key: &str, value: &str, condition: Condition) -> PutRequest {
    let mut request = PutRequest::new("default", key.to_owned(), value.to_owned());
    request.condition = Some(condition);
    request.previous = true;
    request
}

async fn value(client: &Client, key: &'static str) -> Option<Bytes> {
    let request = GetRequest::new("default", key, Consistency::Linearizable);
    let reply = client.get(request).await.expect("a get");
    reply.entry.map(|entry| entry.value)
}

#[tokio::test]
async fn a_put_and_a_delete_keep_their_conditions() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client_of(cluster.follower().await).await;
    let created = client.put(put("k", "one", Condition::Absent)).await;
    let created = created.expect("a put");
    assert_eq!((created.version, &created.previous), (1, &None));
    let failed = |current| {
        Err(Error::ConditionFailed {
            namespace: "default".to_owned(),
            key: "k".into(),
            current,
        })
    };
    let current = Some(Current {
        version: 1,
        revision: created.revision,
    });
    let refused = client.put(put("k", "two", Condition::Absent)).await;
    assert_eq!(refused, failed(current));
    let refused = client.put(put("k", "two", Condition::Version(7))).await;
    assert_eq!(refused, failed(current));
    let second = client.put(put("k", "two", Condition::Version(1))).await;
    let second = second.expect("a put");
    let previous = second.previous.expect("what was there");
    assert_eq!((previous.value, previous.version), ("one".into(), 1));
    let revision = Condition::Revision(created.revision);
    let refused = client.put(put("k", "three", revision)).await;
    assert!(matches!(refused, Err(Error::ConditionFailed { .. })));
    let mut delete = DeleteRequest::new("default", vec!["k".into()]);
    delete.condition = Some(Condition::Version(1));
    delete.previous = true;
    let refused = client.delete(delete.clone()).await;
    assert!(matches!(refused, Err(Error::ConditionFailed { .. })));
    delete.condition = Some(Condition::Revision(second.revision));
    let deleted = client.delete(delete.clone()).await.expect("a delete");
    assert_eq!(deleted.previous[0].value, "two");
    assert_eq!(client.delete(delete).await.err(), failed(None).err());
}

#[tokio::test]
async fn one_of_many_that_compare_and_swap_wins_each_round() {
    let cluster = Cluster::start(&[]).await;
    let first = cluster.client().await;
    first
        .put(put("k", "0", Condition::Absent))
        .await
        .expect("a put");
    let mut tasks = Vec::new();
    for index in 0..6 {
        let client = cluster.client_of(index % 3).await;
        tasks.push(tokio::spawn(async move {
            let mut won = 0;
            while won < 30 {
                let request = GetRequest::new("default", "k", Consistency::Linearizable);
                let found = client.get(request).await.expect("a get");
                let entry = found.entry.expect("the key");
                let number: u64 = String::from_utf8_lossy(&entry.value).parse().expect("ours");
                let next = put(
                    "k",
                    &(number + 1).to_string(),
                    Condition::Revision(entry.revision),
                );
                match client.put(next).await {
                    Ok(_) => won += 1,
                    Err(Error::ConditionFailed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.expect("a client");
    }
    assert_eq!(value(&first, "k").await, Some("180".into()));
}

fn write(namespace: &str, key: &str, value: &str) -> Operation {
    Operation::Put {
        namespace: namespace.to_owned(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        lifetime: Lifetime::Default,
        previous: true,
    }
}

fn read(namespace: &str, key: &str) -> Operation {
    Operation::Get {
        namespace: namespace.to_owned(),
        key: Bytes::copy_from_slice(key.as_bytes()),
    }
}

#[tokio::test]
async fn a_transaction_is_one_change_over_several_namespaces() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client_of(cluster.follower().await).await;
    let txn = TxnRequest {
        compare: vec![Comparison {
            namespace: "bank".to_owned(),
            key: "alice".into(),
            target: Target::Exists(false),
        }],
        then: vec![
            write("bank", "alice", "100"),
            write("audit", "1", "opened"),
            read("bank", "alice"),
        ],
        otherwise: vec![read("bank", "alice")],
    };
    let done = client.txn(txn.clone()).await.expect("a transaction");
    assert!(done.succeeded);
    let TxnResult::Get { entry: Some(seen) } = &done.results[2] else {
        panic!("{:?}", done.results);
    };
    assert_eq!(
        (&seen.value[..], seen.revision),
        (&b"100"[..], done.revision)
    );
    // Again: the comparison does not hold any more.
    let other = client.txn(txn).await.expect("a transaction");
    assert!(!other.succeeded);
    assert_eq!(other.results.len(), 1);
    // What is refused in the middle leaves nothing behind.
    let lost = TxnRequest {
        then: vec![
            write("bank", "alice", "0"),
            write("fresh", "k", "v"),
            Operation::Delete {
                namespace: "no such namespace".to_owned(),
                key: "k".into(),
                previous: false,
            },
        ],
        ..TxnRequest::default()
    };
    let refused = client.txn(lost).await;
    assert!(
        matches!(refused, Err(Error::NamespaceNotFound { .. })),
        "{refused:?}"
    );
    let check = TxnRequest {
        compare: vec![Comparison {
            namespace: "bank".to_owned(),
            key: "alice".into(),
            target: Target::Value(Operator::Equal, "100".into()),
        }],
        ..TxnRequest::default()
    };
    assert!(client.txn(check).await.expect("a check").succeeded);
    let fresh = DescribeNamespaceRequest {
        name: "fresh".to_owned(),
        consistency: Consistency::Linearizable,
    };
    let unknown = client.describe_namespace(fresh).await;
    assert!(matches!(unknown, Err(Error::NamespaceNotFound { .. })));
    // Limited by bytes, and said so before anything is sent around.
    let large = TxnRequest {
        then: (0..3)
            .map(|n| write("bank", &n.to_string(), &"v".repeat(500_000)))
            .collect(),
        ..TxnRequest::default()
    };
    let Err(Error::TooLarge { what, limit, .. }) = client.txn(large).await else {
        panic!("it is too large");
    };
    assert_eq!((what.as_str(), limit), ("transaction", 1 << 20));
    cluster.assert_replicas_equal("bank").await;
}

#[tokio::test]
async fn money_moves_between_accounts_and_none_is_made_through_leader_kills() {
    let mut cluster = Cluster::start(&[]).await;
    let setup = cluster.client().await;
    for account in 0..5_u32 {
        let request = PutRequest::new("bank", account.to_string(), "100");
        setup.put(request).await.expect("a put");
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let moved = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut tasks = Vec::new();
    for worker in 0..4_u64 {
        let client = cluster.client().await;
        let (stop, moved) = (stop.clone(), moved.clone());
        tasks.push(tokio::spawn(async move {
            let mut turn = worker;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                turn += 1;
                let (from, to) = ((turn % 5).to_string(), ((turn * 3 + 1) % 5).to_string());
                if from == to {
                    continue;
                }
                let reads = TxnRequest {
                    then: vec![read("bank", &from), read("bank", &to)],
                    ..TxnRequest::default()
                };
                let Ok(reply) = client.txn(reads).await else {
                    continue;
                };
                let balances: Vec<(i64, u64)> = reply
                    .results
                    .iter()
                    .map(|result| match result {
                        TxnResult::Get { entry: Some(entry) } => (
                            String::from_utf8_lossy(&entry.value).parse().expect("ours"),
                            entry.revision,
                        ),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                let unchanged = |key: &str, revision| Comparison {
                    namespace: "bank".to_owned(),
                    key: Bytes::copy_from_slice(key.as_bytes()),
                    target: Target::Revision(Operator::Equal, revision),
                };
                let transfer = TxnRequest {
                    compare: vec![
                        unchanged(&from, balances[0].1),
                        unchanged(&to, balances[1].1),
                    ],
                    then: vec![
                        write("bank", &from, &(balances[0].0 - 1).to_string()),
                        write("bank", &to, &(balances[1].0 + 1).to_string()),
                    ],
                    otherwise: Vec::new(),
                };
                if client.txn(transfer).await.is_ok_and(|done| done.succeeded) {
                    moved.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }));
    }
    for _ in 0..2 {
        let goal = moved.load(std::sync::atomic::Ordering::Relaxed) + 100;
        let leader = cluster.leader().await;
        cluster.member(leader).kill();
        wait_for("money moves on", async || {
            (moved.load(std::sync::atomic::Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
        cluster.member(leader).start();
        cluster.settled().await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a worker");
    }
    let all = TxnRequest {
        then: (0..5_u32).map(|n| read("bank", &n.to_string())).collect(),
        ..TxnRequest::default()
    };
    let reply = setup.txn(all).await.expect("a read of all");
    let sum: i64 = reply
        .results
        .iter()
        .map(|result| match result {
            TxnResult::Get { entry: Some(entry) } => String::from_utf8_lossy(&entry.value)
                .parse::<i64>()
                .expect("ours"),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(sum, 500);
    cluster.assert_replicas_equal("bank").await;
}

async fn describe(client: &Client, name: &str) -> NamespaceInfo {
    let request = DescribeNamespaceRequest {
        name: name.to_owned(),
        consistency: Consistency::Linearizable,
    };
    let described = client.describe_namespace(request).await;
    described.expect("the namespace")
}

#[tokio::test]
async fn a_full_namespace_takes_deletes_and_nothing_more() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let create = CreateNamespaceRequest {
        name: "small".to_owned(),
        settings: NamespaceSettings {
            max_keys: Some(10),
            max_bytes: Some(100),
            max_value_bytes: Some(40),
            default_ttl: None,
        },
    };
    client.create_namespace(create).await.expect("created");
    let put =
        |key: String, value: &str| client.put(PutRequest::new("small", key, value.to_owned()));
    let exceeded = |answer: Result<_, Error>, expected: &str, at: u64| {
        let Err(Error::QuotaExceeded {
            setting, wanted, ..
        }) = answer
        else {
            panic!("it exceeds the quota: {answer:?}");
        };
        assert_eq!((setting.as_str(), wanted), (expected, at));
    };
    for n in 0..10 {
        put(format!("k{n}"), "v").await.expect("a put");
    }
    exceeded(put("one more".to_owned(), "v").await, "max-keys", 11);
    exceeded(put("k0".to_owned(), &"v".repeat(41)).await, "max-value", 41);
    put("k0".to_owned(), &"v".repeat(40)).await.expect("a put");
    exceeded(
        put("k1".to_owned(), &"v".repeat(40)).await,
        "max-bytes",
        108,
    );
    let info = describe(&client, "small").await;
    assert_eq!((info.keys, info.bytes), (10, 69));
    // Visible to whoever looks at a member.
    wait_for("the members say so", async || {
        let status = cluster.status(0).await?;
        let told = status
            .notices
            .iter()
            .any(|notice| notice.contains("small") && notice.contains("max-keys"));
        told.then_some(())
    })
    .await;
    let delete = DeleteRequest::new("small", vec!["k0".into()]);
    client.delete(delete).await.expect("a delete");
    put("one more".to_owned(), "v").await.expect("a put");
    // Lowered below what is there: what shrinks it is still allowed.
    let set = SetNamespaceRequest {
        name: "small".to_owned(),
        max_keys: Change::Set(3),
        max_value_bytes: Change::Clear,
        ..SetNamespaceRequest::default()
    };
    let info = client.set_namespace(set).await.expect("set");
    assert_eq!(info.settings.max_keys, Some(3));
    assert_eq!(info.settings.max_value_bytes, None);
    assert_eq!(info.settings.max_bytes, Some(100));
    put("k1".to_owned(), "w")
        .await
        .expect("a put of the same size");
    exceeded(put("new".to_owned(), "v").await, "max-keys", 11);
    cluster.assert_replicas_equal("small").await;
}

#[tokio::test]
async fn a_namespace_that_nobody_made_is_refused_where_it_shall_be() {
    let cluster = Cluster::start(&["--auto-create-namespaces=false"]).await;
    let client = cluster.client_of(cluster.follower().await).await;
    let refused = client.put(PutRequest::new("nobody's", "k", "v")).await;
    assert!(
        matches!(refused, Err(Error::NamespaceNotFound { .. })),
        "{refused:?}"
    );
    let refused = client
        .txn(TxnRequest {
            then: vec![write("nobodys", "k", "v")],
            ..TxnRequest::default()
        })
        .await;
    assert!(
        matches!(refused, Err(Error::NamespaceNotFound { .. })),
        "{refused:?}"
    );
    client
        .put(PutRequest::new("default", "k", "v"))
        .await
        .expect("a put into one that is there");
}
