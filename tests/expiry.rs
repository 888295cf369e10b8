//! Keys and leases that end by themselves.

use std::time::{Duration, Instant};

use common::{
    Client, Error,
    types::{
        Consistency, CreateNamespaceRequest, DescribeLeaseRequest, DescribeNamespaceRequest,
        GetRequest, GrantLeaseRequest, KeepAliveLeaseRequest, Lifetime, ListLeasesRequest,
        NamespaceSettings, PutRequest, RevokeLeaseRequest, TouchRequest,
    },
};

use crate::cluster::{Cluster, contents, wait_at_most, wait_for};

fn put(key: impl Into<bytes::Bytes>, lifetime: Lifetime) -> PutRequest {
    let mut request = PutRequest::new("default", key, "v");
    request.lifetime = lifetime;
    request
}

fn ttl(millis: u64) -> Lifetime {
    Lifetime::Ttl(Duration::from_millis(millis))
}

async fn there(client: &Client, key: &'static str) -> bool {
    let request = GetRequest::new("default", key, Consistency::Linearizable);
    client.get(request).await.expect("a get").entry.is_some()
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over_and_never_shows_again() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let began = Instant::now();
    client.put(put("k", ttl(700))).await.expect("a put");
    let mut members = Vec::new();
    for index in 0..3 {
        members.push(cluster.direct(index).await);
    }
    // Whoever is asked, as often as it goes: once it is gone it stays so.
    let mut gone = None;
    let deadline = Instant::now() + Duration::from_secs(30);
    for member in members.iter().cycle() {
        let found = member.get("default", "k", Consistency::Linearizable).await;
        match (found.expect("a get").entry, gone) {
            (Some(entry), None) => {
                let left = entry.ttl.expect("its time");
                assert!(left <= Duration::from_millis(700), "{left:?}");
            }
            (Some(entry), Some(since)) => panic!("gone since {since:?}, and there: {entry:?}"),
            (None, None) => {
                assert!(began.elapsed() >= Duration::from_millis(650), "early");
                gone = Some(began.elapsed());
            }
            (None, Some(since)) if began.elapsed() > since + Duration::from_millis(300) => break,
            (None, Some(_)) => {}
        }
        assert!(Instant::now() < deadline, "it does not end");
    }
    // And is removed everywhere, without anybody asking for it.
    wait_for("every member forgets it", async || {
        for member in &members {
            if !contents(member, "default", Consistency::STALE)
                .await
                .is_empty()
            {
                return None;
            }
        }
        Some(())
    })
    .await;
    assert!(gone < Some(Duration::from_secs(5)), "{gone:?}");
}

#[tokio::test]
async fn expiry_goes_on_after_a_change_of_leader() {
    for store in ["memory", "rocksdb"] {
        let mut cluster = Cluster::start(&["--store", store]).await;
        let client = cluster.client().await;
        client.put(put("short", ttl(3_000))).await.expect("a put");
        client
            .put(put("long", ttl(3_600_000)))
            .await
            .expect("a put");
        let began = Instant::now();
        let leader = cluster.leader().await;
        cluster.member(leader).kill();
        cluster.leader().await;
        assert!(there(&client, "short").await || began.elapsed() > Duration::from_secs(3));
        wait_at_most(Duration::from_secs(20), "it ends", async || {
            (!there(&client, "short").await).then_some(())
        })
        .await;
        // Not before its time: what the old leader had counted is neither lost nor doubled by more
        // than the way of one command.
        assert!(began.elapsed() > Duration::from_millis(2_500), "early");
        assert!(there(&client, "long").await);
    }
}

#[tokio::test]
async fn a_restart_of_all_members_keeps_what_was_to_live() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    client.put(put("k", ttl(60_000))).await.expect("a put");
    client.put(put("short", ttl(300))).await.expect("a put");
    cluster.kill_all();
    cluster.start_all();
    cluster.leader().await;
    assert!(there(&client, "k").await);
    wait_for("the short one ends", async || {
        (!there(&client, "short").await).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_touch_moves_the_end_and_nothing_else() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let stored = client.put(put("k", ttl(1_000))).await.expect("a put");
    let touch = |lifetime| TouchRequest {
        namespace: "default".to_owned(),
        key: "k".into(),
        lifetime,
    };
    let touched = client.touch(touch(ttl(3_600_000))).await.expect("a touch");
    assert!(touched.found);
    let get = || client.get(GetRequest::new("default", "k", Consistency::Linearizable));
    let entry = get().await.expect("a get").entry.expect("the key");
    assert_eq!((entry.revision, entry.version), (stored.revision, 1));
    assert!(entry.ttl > Some(Duration::from_secs(3_000)));
    let touched = client.touch(touch(Lifetime::Forever)).await;
    assert!(touched.expect("a touch").found);
    let entry = get().await.expect("a get").entry.expect("the key");
    assert_eq!(entry.ttl, None);
    let mut other = touch(ttl(1_000));
    other.key = "no such key".into();
    assert!(!client.touch(other).await.expect("a touch").found);
}

#[tokio::test]
async fn a_lease_holds_many_keys_and_takes_them_along() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let grant = |seconds| GrantLeaseRequest {
        ttl: Duration::from_secs(seconds),
    };
    let lease = client.grant_lease(grant(2)).await.expect("a lease").id;
    for n in 0..10 {
        let request = put(format!("k{n}"), Lifetime::Lease(lease));
        client.put(request).await.expect("a put");
    }
    let describe = DescribeLeaseRequest {
        id: lease,
        consistency: Consistency::Linearizable,
    };
    let described = client.describe_lease(describe).await.expect("the lease");
    assert_eq!((described.lease.keys, described.keys.len()), (10, 10));
    // Kept alive through a change of leader for longer than it lives.
    let leader = cluster.leader().await;
    cluster.member(leader).kill();
    let began = Instant::now();
    wait_for("longer than its time to live", async || {
        let request = KeepAliveLeaseRequest { id: lease };
        let kept = client.keep_alive_lease(request).await;
        kept.expect("it is kept alive");
        (began.elapsed() > Duration::from_secs(4)).then_some(())
    })
    .await;
    assert!(there(&client, "k9").await);
    // Then not any more.
    wait_at_most(
        Duration::from_secs(20),
        "its keys end with it",
        async || (!there(&client, "k0").await).then_some(()),
    )
    .await;
    assert!(!there(&client, "k9").await, "all at once");
    let gone = client.describe_lease(describe).await;
    assert_eq!(gone, Err(Error::LeaseNotFound { id: lease }));
    let late = client.put(put("k", Lifetime::Lease(lease))).await;
    assert_eq!(late, Err(Error::LeaseNotFound { id: lease }));

    let lease = client.grant_lease(grant(3600)).await.expect("a lease").id;
    client
        .put(put("k", Lifetime::Lease(lease)))
        .await
        .expect("a put");
    let listed = client.list_leases(ListLeasesRequest::default()).await;
    let listed = listed.expect("the leases").leases;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].keys), (lease, 1));
    let revoke = RevokeLeaseRequest { id: lease };
    let revoked = client.revoke_lease(revoke).await.expect("revoked");
    assert_eq!(revoked.keys, 1);
    assert!(!there(&client, "k").await);
    let again = client.revoke_lease(revoke).await;
    assert_eq!(again, Err(Error::LeaseNotFound { id: lease }));
}

#[tokio::test]
async fn a_namespace_gives_its_keys_a_default_time_to_live() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let request = CreateNamespaceRequest {
        name: "sessions".to_owned(),
        settings: NamespaceSettings {
            default_ttl: Some(Duration::from_millis(500)),
            ..NamespaceSettings::default()
        },
    };
    client.create_namespace(request).await.expect("created");
    let write = async |key: &'static str, lifetime| {
        let mut request = PutRequest::new("sessions", key, "v");
        request.lifetime = lifetime;
        client.put(request).await.expect("a put");
    };
    write("short", Lifetime::Default).await;
    write("kept", Lifetime::Forever).await;
    let describe = || {
        client.describe_namespace(DescribeNamespaceRequest {
            name: "sessions".to_owned(),
            consistency: Consistency::Linearizable,
        })
    };
    // The counts are exact from the moment on at which a read shows it no more.
    wait_for("one of two ends", async || {
        let info = describe().await.expect("the namespace");
        let request = GetRequest::new("sessions", "short", Consistency::Linearizable);
        let found = client.get(request).await.expect("a get").entry;
        if found.is_some() {
            assert_eq!((info.keys, info.bytes), (2, 11));
            return None;
        }
        let info = describe().await.expect("the namespace");
        assert_eq!((info.keys, info.bytes), (1, 5));
        Some(())
    })
    .await;
}
