//! Watches: every change once and in order, whatever happens to the members.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use common::{
    Client, Error,
    client::{Start, WatchItem, WatchOptions},
    types::{
        Consistency, CreateNamespaceRequest, Cursor, DeleteNamespaceRequest, DeletePrefixRequest,
        DeleteRequest, Event, EventKind, PutRequest, TxnRequest, WatchRequest, WatchTarget,
    },
};
use tokio::task::JoinHandle;

use crate::{
    cluster::{Cluster, contents, wait_for, within},
    journal::{Load, NAMESPACE},
};

fn everything(namespace: &str, start: Start) -> WatchOptions {
    WatchOptions {
        namespace: namespace.to_owned(),
        target: WatchTarget::Prefix(Bytes::new()),
        start,
        previous: false,
        keys_only: false,
        resync: false,
    }
}

/// A watch that collects what it is told.
struct Collector {
    items: Arc<Mutex<Vec<WatchItem>>>,
    task: JoinHandle<()>,
}

impl Collector {
    fn start(client: &Client, options: WatchOptions) -> Self {
        let mut watch = client.watch(options);
        let items: Arc<Mutex<Vec<WatchItem>>> = Arc::default();
        let collected = Arc::clone(&items);
        let task = tokio::spawn(async move {
            loop {
                match watch.next().await {
                    Ok(item) => collected
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(item),
                    // Nobody answers for the moment.
                    Err(error) if error.is_retryable() => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        Self { items, task }
    }

    fn items(&self) -> Vec<WatchItem> {
        assert!(!self.task.is_finished(), "the watch has ended");
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.clone()
    }

    fn events(&self) -> Vec<Event> {
        let event = |item| match item {
            WatchItem::Event(event) => Some(event),
            _ => None,
        };
        self.items().into_iter().filter_map(event).collect()
    }

    /// Waits until the content is read.
    async fn ready(&self) {
        wait_for("the watch is ready", async || {
            self.items().contains(&WatchItem::Ready).then_some(())
        })
        .await;
    }

    /// Waits until a change of this revision was told.
    async fn reached(&self, revision: u64) {
        wait_for("the watch catches up", async || {
            let last = self.events().last().map_or(0, |event| event.revision);
            (last >= revision).then_some(())
        })
        .await;
    }

    /// What somebody knows who was told the items, and nothing else; asserts on the way that nothing
    /// came twice or out of order.
    fn replay(&self) -> BTreeMap<Bytes, Bytes> {
        let mut known = BTreeMap::new();
        let mut last = 0;
        for item in self.items() {
            match item {
                WatchItem::Entry(entry) => {
                    let twice = known.insert(entry.key, entry.value);
                    assert_eq!(twice, None);
                }
                WatchItem::Event(event) => {
                    assert!(event.revision >= last, "{event:?} after {last}");
                    last = event.revision;
                    match event.kind {
                        EventKind::Put => {
                            known.insert(event.key, event.value);
                        }
                        EventKind::Delete | EventKind::Expire => {
                            let gone = known.remove(&event.key);
                            assert!(gone.is_some(), "{event:?} twice, or of nothing");
                        }
                        EventKind::NamespaceDeleted => known.clear(),
                    }
                }
                WatchItem::Ready => {}
                WatchItem::Resync => known.clear(),
            }
        }
        known
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two leaders are killed, and the member that serves the watch besides, under eight writers.
async fn through_two_leader_kills(settings: &[&str]) {
    let mut cluster = Cluster::start(settings).await;
    let client = cluster.client().await;
    let namespace = CreateNamespaceRequest {
        name: NAMESPACE.to_owned(),
        ..CreateNamespaceRequest::default()
    };
    client.create_namespace(namespace).await.expect("created");
    let watched = Collector::start(&client, everything(NAMESPACE, Start::Initial));
    watched.ready().await;
    let load = Load::start(&cluster, "watched").await;
    load.more(200).await;
    for _ in 0..2 {
        let killed = cluster.leader().await;
        cluster.member(killed).kill();
        load.more(200).await;
        cluster.member(killed).start();
        cluster.settled().await;
    }
    // A client asks the first endpoint first, and stays with whom it finds.
    for index in 0..3 {
        cluster.member(index).kill();
        load.more(50).await;
        cluster.member(index).start();
        cluster.settled().await;
    }
    let journal = load.stop().await;
    journal.verify(&cluster).await;
    let last = client
        .put(PutRequest::new(NAMESPACE, "the last", ""))
        .await
        .expect("a put");
    watched.reached(last.revision).await;
    let direct = cluster.direct(0).await;
    let content = contents(&direct, NAMESPACE, Consistency::Linearizable).await;
    assert!(content.len() > 700, "{}", content.len());
    assert!(watched.replay() == content, "the watch tells another story");
    let events = watched.events();
    // Every key was written once: one event each, with the revision that the key has.
    assert_eq!(events.len(), content.len());
}

#[tokio::test]
async fn a_watch_through_two_leader_kills_equals_the_log() {
    through_two_leader_kills(&[]).await;
}

#[tokio::test]
async fn a_watch_through_two_leader_kills_equals_the_log_on_rocksdb() {
    through_two_leader_kills(&["--store", "rocksdb"]).await;
}

#[tokio::test]
async fn the_content_and_then_every_change_without_gap_or_duplicate() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    // Several pages, and changes in all of them while they are read.
    let pages: Vec<String> = (0..40).map(|n| format!("k{n:02}")).collect();
    let value = Bytes::from(vec![b'v'; 100_000]);
    for key in &pages {
        let request = PutRequest::new("default", key.clone(), value.clone());
        client.put(request).await.expect("a put");
    }
    let writer = client.clone();
    let keys = pages.clone();
    let writing = tokio::spawn(async move {
        let mut number = 0_u32;
        loop {
            for key in keys.iter().rev() {
                number += 1;
                if number.is_multiple_of(5) {
                    let keys = vec![key.clone().into()];
                    let request = DeleteRequest::new("default", keys);
                    writer.delete(request).await.expect("a delete");
                } else {
                    let request = PutRequest::new("default", key.clone(), number.to_string());
                    writer.put(request).await.expect("a put");
                }
            }
        }
    });
    for _ in 0..10 {
        let watched = Collector::start(&client, everything("default", Start::Initial));
        watched.ready().await;
        let seen = watched.events().last().map_or(0, |event| event.revision);
        watched.reached(seen + 100).await;
        // Asserts that nothing came twice: a delete of what is not known, for example.
        watched.replay();
    }
    let watched = Collector::start(&client, everything("default", Start::Initial));
    watched.ready().await;
    writing.abort();
    let _ = writing.await;
    let last = client.put(PutRequest::new("default", "last", "")).await;
    watched.reached(last.expect("a put").revision).await;
    let direct = cluster.direct(0).await;
    let content = contents(&direct, "default", Consistency::Linearizable).await;
    assert_eq!(watched.replay(), content);
}

#[tokio::test]
async fn a_watch_tells_kind_key_value_and_what_was_there_before() {
    let cluster = Cluster::start(&[]).await;
    let follower = cluster.follower().await;
    let client = cluster.client_of(follower).await;
    let mut options = everything("default", Start::Now);
    options.target = WatchTarget::Prefix("a".into());
    options.previous = true;
    let watched = Collector::start(&client, options);
    // From now on means: from before this put on, once the watch has begun.
    let begun = wait_for("the first event", async || {
        let put = client.put(PutRequest::new("default", "a", "0")).await;
        put.expect("a put");
        watched.events().first().cloned()
    })
    .await;
    assert_eq!((begun.kind, begun.key), (EventKind::Put, "a".into()));
    let put = client.put(PutRequest::new("default", "a", "1")).await;
    let put = put.expect("a put");
    client
        .put(PutRequest::new("default", "b", "unwatched"))
        .await
        .expect("a put");
    let mut two = PutRequest::new("default", "a/2", "2");
    two.lifetime = common::types::Lifetime::Ttl(Duration::from_millis(50));
    let two = client.put(two).await.expect("a put");
    watched.reached(two.revision + 1).await;
    let prefix = DeletePrefixRequest {
        namespace: "default".to_owned(),
        prefix: "a".into(),
    };
    let deleted = client.delete_prefix(prefix).await.expect("a delete");
    watched.reached(deleted.revision).await;
    let events = watched.events();
    let tail = &events[events.len() - 4..];
    let told: Vec<_> = tail
        .iter()
        .map(|event| (event.kind, &event.key[..], &event.value[..], event.version))
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::Put, &b"a"[..], &b"1"[..], put.version),
            (EventKind::Put, b"a/2", b"2", 1),
            (EventKind::Expire, b"a/2", b"", 0),
            (EventKind::Delete, b"a", b"", 0),
        ]
    );
    assert_eq!(tail[0].revision, put.revision);
    assert_eq!(tail[0].create_revision, begun.create_revision);
    let before: Vec<_> = tail
        .iter()
        .map(|event| event.previous.as_ref().map(|found| &found.value[..]))
        .collect();
    assert_eq!(
        before,
        [Some(&b"0"[..]), None, Some(&b"2"[..]), Some(&b"1"[..])]
    );
}

#[tokio::test]
async fn a_deleted_namespace_is_told_and_its_successor_watched_on() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let watched = Collector::start(&client, everything("later", Start::Initial));
    watched.ready().await;
    let put = |value: &'static str| client.put(PutRequest::new("later", "k", value));
    put("one").await.expect("a put");
    let delete = DeleteNamespaceRequest {
        name: "later".to_owned(),
        only_if_empty: false,
    };
    client.delete_namespace(delete).await.expect("deleted");
    let last = put("two").await.expect("a put");
    watched.reached(last.revision).await;
    let told: Vec<_> = watched
        .events()
        .into_iter()
        .map(|event| (event.kind, event.value))
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::Put, "one".into()),
            (EventKind::NamespaceDeleted, "".into()),
            (EventKind::Put, "two".into()),
        ]
    );
}

#[tokio::test]
async fn what_one_member_lost_another_one_tells_and_what_all_lost_is_said() {
    let settings = [
        "--watch-history",
        "32MiB",
        "--snapshot-every",
        "1MiB",
        "--log-retain",
        "0",
        "--log-segment",
        "4MiB",
    ];
    let mut cluster = Cluster::start(&settings).await;
    let client = cluster.client().await;
    let first = client
        .put(PutRequest::new("default", "k", "first"))
        .await
        .expect("a put");
    cluster.settled().await;
    let restarted = cluster.follower().await;
    let large = Bytes::from(vec![b'v'; 300_000]);
    // A snapshot of its own covers the first put: its log does not replay it.
    wait_for("the log before the snapshot is gone", async || {
        let put = PutRequest::new("other", "k", large.clone());
        client.put(put).await.expect("a put");
        let purged = cluster.status(restarted).await?.purged;
        (purged > first.revision).then_some(())
    })
    .await;
    cluster.member(restarted).terminate();
    cluster.member(restarted).exited().await;
    cluster.member(restarted).start();
    cluster.settled().await;
    let request = |revision| WatchRequest {
        namespace: "default".to_owned(),
        target: WatchTarget::Key("k".into()),
        from: Cursor::at(revision),
        previous: false,
        keys_only: false,
        max_wait: Duration::ZERO,
    };
    let direct = cluster.direct(restarted).await;
    let timeout = Duration::from_secs(30);
    let answer = direct.data.watch(within(timeout), request(first.revision));
    let Err(Error::Compacted { oldest }) = answer.await.expect("an answer") else {
        panic!("it does not know what was before its snapshot");
    };
    assert!(oldest > first.revision);
    // From the oldest that it names on, it answers.
    let answer = direct.data.watch(within(timeout), request(oldest)).await;
    answer.expect("an answer").expect("no gap");

    let from = |client: &Client, revision| {
        let mut options = everything("default", Start::At(Cursor::at(revision)));
        options.target = WatchTarget::Key("k".into());
        client.watch(options)
    };
    let nearby = cluster.client_of(restarted).await;
    let told = from(&nearby, first.revision).next().await;
    assert!(
        matches!(&told, Ok(WatchItem::Event(event)) if event.value == "first"),
        "{told:?}"
    );
    // Once nobody has it any more, the oldest that anybody has is named.
    for _ in 0..80 {
        let put = PutRequest::new("other", "k", large.clone());
        client.put(put).await.expect("a put");
    }
    cluster.settled().await;
    let lost = from(&nearby, first.revision).next().await;
    assert!(
        matches!(&lost, Err(Error::Compacted { oldest }) if *oldest > first.revision),
        "{lost:?}"
    );
    // Asked to, it begins anew by itself.
    let mut options = everything("default", Start::At(Cursor::at(first.revision)));
    options.resync = true;
    let mut anew = nearby.watch(options);
    assert_eq!(anew.next().await, Ok(WatchItem::Resync));
    let entry = anew.next().await;
    assert!(
        matches!(&entry, Ok(WatchItem::Entry(entry)) if entry.value == "first"),
        "{entry:?}"
    );
    assert_eq!(anew.next().await, Ok(WatchItem::Ready));
}

#[tokio::test]
async fn a_place_in_the_middle_of_a_transaction_means_the_same_on_every_member() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let put = |n: u32| common::types::Operation::Put {
        namespace: "default".to_owned(),
        key: format!("k{n}").into(),
        value: Bytes::new(),
        lifetime: common::types::Lifetime::Default,
        previous: false,
    };
    let txn = TxnRequest {
        then: (0..10).map(put).collect(),
        ..TxnRequest::default()
    };
    let revision = client.txn(txn).await.expect("a transaction").revision;
    cluster.settled().await;
    for seen in 0..10 {
        for index in 0..3 {
            let direct = cluster.direct(index).await;
            let request = WatchRequest {
                namespace: "default".to_owned(),
                target: WatchTarget::Prefix("k".into()),
                from: Cursor { revision, seen },
                previous: false,
                keys_only: false,
                max_wait: Duration::ZERO,
            };
            let answer = direct
                .data
                .watch(within(Duration::from_secs(30)), request)
                .await;
            let reply = answer.expect("an answer").expect("a reply");
            let keys: Vec<_> = reply.events.into_iter().map(|event| event.key).collect();
            let expected: Vec<Bytes> = (seen..10).map(|n| format!("k{n}").into()).collect();
            assert_eq!(keys, expected, "n{} from {seen}", index + 1);
        }
    }
}

#[tokio::test]
async fn a_paused_member_is_left_for_another_one() {
    let mut cluster = Cluster::start(&[]).await;
    let follower = cluster.follower().await;
    let client = cluster.client_of(follower).await;
    let watched = Collector::start(&client, everything("default", Start::Initial));
    watched.ready().await;
    cluster.member(follower).pause();
    let others = cluster.client().await;
    let put = others.put(PutRequest::new("default", "k", "v")).await;
    watched.reached(put.expect("a put").revision).await;
    cluster.member(follower).resume();
}

#[tokio::test]
async fn a_member_that_stops_does_not_wait_for_its_watchers() {
    let mut cluster = Cluster::single(&[]).await;
    let client = cluster.client().await;
    let watched = Collector::start(&client, everything("default", Start::Initial));
    watched.ready().await;
    let began = std::time::Instant::now();
    cluster.member(0).terminate();
    let status = cluster.member(0).exited().await;
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "it waited");
}

#[tokio::test]
async fn a_member_that_is_the_majority_itself_is_in_contact() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    let wait = Duration::from_secs(3);
    let request = WatchRequest {
        namespace: "default".to_owned(),
        target: WatchTarget::Key("k".into()),
        from: Cursor::at(1_000_000),
        previous: false,
        keys_only: false,
        max_wait: wait,
    };
    let began = std::time::Instant::now();
    let answer = direct
        .data
        .watch(within(Duration::from_secs(30)), request)
        .await;
    let reply = answer.expect("an answer").expect("a reply");
    assert!(reply.in_contact && reply.events.is_empty(), "{reply:?}");
    assert!(
        began.elapsed() >= wait,
        "it waits as long as it was asked to"
    );
    let health = cluster.raftctl(0).run(&["health"]);
    assert_eq!(health.code, 0, "{}", health.text());
}
