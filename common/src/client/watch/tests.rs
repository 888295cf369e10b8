//! Watches of a cluster that is played: real sockets, one state that all members show.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use futures::{SinkExt, StreamExt};
use tarpc::{ClientMessage, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{
    ClientConfig,
    api::{DataRequest, DataResponse},
    transport::{
        Connection, Hello, HelloReply, Limits, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION, Welcome,
        framed, reframe,
    },
    types::{Leader, WatchReply},
};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

const NAMESPACE: &str = "default";

/// What all members show.
#[derive(Default)]
struct State {
    revision: u64,
    /// None: there is no such namespace.
    keys: Option<Vec<Entry>>,
    events: Vec<Event>,
    /// From which revision on changes are kept.
    oldest: u64,
    out_of_contact: bool,
    /// What happens right after the next question for the revision, or the next listing.
    after_revision: Option<fn(&mut State)>,
    after_list: Option<fn(&mut State)>,
    /// At most so many entries a page; 0 for all.
    page: usize,
}

impl State {
    fn put(&mut self, key: &'static str) {
        self.revision += 1;
        let revision = self.revision;
        let keys = self.keys.get_or_insert_default();
        keys.retain(|entry| entry.key != key);
        keys.push(Entry {
            key: key.into(),
            value: Bytes::new(),
            create_revision: revision,
            size: 0,
            revision,
            version: 1,
            ttl: None,
            lease: None,
        });
        keys.sort_by(|one, other| one.key.cmp(&other.key));
        self.events.push(Event {
            kind: EventKind::Put,
            key: key.into(),
            size: 0,
            revision,
            value: Bytes::new(),
            version: 1,
            create_revision: revision,
            previous: None,
        });
    }

    fn list(&mut self, request: &ListRequest) -> Result<ListReply, Error> {
        let found = self.keys.clone();
        let revision = self.revision;
        if let Some(after) = self.after_list.take() {
            after(self);
        }
        let Some(mut entries) = found else {
            return Err(Error::NamespaceNotFound {
                namespace: request.namespace.clone(),
            });
        };
        entries.retain(|entry| request.page.as_ref().is_none_or(|page| entry.key > *page));
        let mut next = None;
        if self.page > 0 && entries.len() > self.page {
            entries.truncate(self.page);
            next = entries.last().map(|entry| entry.key.clone());
        }
        Ok(ListReply {
            entries,
            next,
            revision,
            staleness: None,
        })
    }

    fn watch(&self, from: Cursor) -> Result<WatchReply, Error> {
        if from.revision < self.oldest {
            return Err(Error::Compacted {
                oldest: self.oldest,
            });
        }
        let news = |event: &&Event| event.revision >= from.revision;
        Ok(WatchReply {
            events: self.events.iter().filter(news).cloned().collect(),
            next: Cursor::at(from.revision.max(self.revision + 1)),
            in_contact: !self.out_of_contact,
        })
    }
}

/// Members that show one state; the first leads.
struct Cluster {
    state: Arc<Mutex<State>>,
    addresses: Vec<String>,
    members: Vec<JoinHandle<()>>,
}

impl Cluster {
    async fn start(count: usize) -> Self {
        let mut cluster = Self {
            state: Arc::default(),
            addresses: Vec::new(),
            members: Vec::new(),
        };
        for id in 1..=count as u64 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            cluster.addresses.push(address);
            let leader = Leader {
                id: 1,
                name: "n1".to_owned(),
                address: cluster.addresses[0].clone(),
            };
            let state = Arc::clone(&cluster.state);
            cluster.members.push(tokio::spawn(async move {
                // Dropped with the task: a member that is killed takes its connections along.
                let mut connections = tokio::task::JoinSet::new();
                while let Ok((socket, _)) = listener.accept().await {
                    connections.spawn(serve(socket, id, leader.clone(), Arc::clone(&state)));
                }
            }));
        }
        cluster
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A client that asks the last member first.
    fn client(&self, timeout: Duration) -> Client {
        let mut config = ClientConfig::new(self.addresses.iter().rev().cloned());
        config.timeout = timeout;
        Client::new(config)
    }

    fn watch(&self, start: Start, resync: bool) -> Watch {
        self.client(PATIENCE).watch(options(start, resync))
    }

    fn kill(&self, index: usize) {
        self.members[index].abort();
    }
}

fn options(start: Start, resync: bool) -> WatchOptions {
    WatchOptions {
        namespace: NAMESPACE.to_owned(),
        target: WatchTarget::Prefix(Bytes::new()),
        start,
        previous: false,
        keys_only: false,
        resync,
    }
}

async fn serve(socket: TcpStream, id: u64, leader: Leader, state: Arc<Mutex<State>>) {
    let mut connection: Connection<Hello, HelloReply> = framed(socket, MAX_HANDSHAKE_BYTES);
    let Some(Ok(_)) = connection.next().await else {
        return;
    };
    let welcome = Welcome {
        protocol: PROTOCOL_VERSION,
        cluster_id: String::new(),
        node_id: id,
        leader: Some(leader),
        members: Vec::new(),
        limits: Limits {
            max_key_bytes: 4096,
            max_value_bytes: 10_000,
            max_request_bytes: 50_000,
        },
    };
    let _ = connection.send(HelloReply::Welcome(welcome)).await;
    let mut connection: Connection<ClientMessage<DataRequest>, Response<DataResponse>> =
        reframe(connection, 50_000);
    while let Some(Ok(message)) = connection.next().await {
        let ClientMessage::Request(request) = message else {
            continue;
        };
        let message = match request.message {
            DataRequest::Revision {} => {
                let mut state = state.lock().unwrap();
                let revision = state.revision;
                if let Some(after) = state.after_revision.take() {
                    after(&mut state);
                }
                DataResponse::Revision(Ok(revision))
            }
            DataRequest::List { request } => {
                DataResponse::List(state.lock().unwrap().list(&request))
            }
            DataRequest::Watch { request } => {
                let until = Instant::now() + request.max_wait;
                loop {
                    let reply = state.lock().unwrap().watch(request.from);
                    let told = reply
                        .as_ref()
                        .map_or(true, |reply| !reply.events.is_empty());
                    if told || Instant::now() >= until {
                        break DataResponse::Watch(reply);
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            _ => panic!("only what a watch asks is asked"),
        };
        let response = Response {
            request_id: request.id,
            message: Ok(message),
        };
        let _ = connection.send(response).await;
    }
}

/// `+key@revision` for a key of the content, `key@revision` for a change.
fn short(item: &WatchItem) -> String {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    match item {
        WatchItem::Entry(entry) => format!("+{}@{}", text(&entry.key), entry.revision),
        WatchItem::Event(event) => format!("{}@{}", text(&event.key), event.revision),
        WatchItem::Ready => "ready".to_owned(),
        WatchItem::Resync => "resync".to_owned(),
    }
}

async fn expect(watch: &mut Watch, expected: &[&str]) {
    for expected in expected {
        let next = tokio::time::timeout(PATIENCE, watch.next());
        assert_eq!(short(&next.await.unwrap().unwrap()), *expected);
    }
}

#[tokio::test]
async fn a_watch_goes_on_elsewhere_where_its_member_ended() {
    let cluster = Cluster::start(2).await;
    cluster.state().put("before");
    let mut watch = cluster.watch(Start::Now, false);
    assert!(!watch.has_begun());
    watch.reach().await.unwrap();
    assert!(watch.has_begun());
    cluster.state().put("a");
    cluster.state().put("b");
    expect(&mut watch, &["a@2"]).await;
    // In the middle of an answer, and at its end.
    assert_eq!(watch.cursor(), Some(Cursor::at(3)));
    cluster.kill(1);
    expect(&mut watch, &["b@3"]).await;
    assert_eq!(watch.cursor(), Some(Cursor::at(4)));
    cluster.state().put("c");
    expect(&mut watch, &["c@4"]).await;
    assert_eq!(watch.next_ready(), None);
}

#[tokio::test]
async fn the_content_comes_first_and_what_happens_meanwhile_once() {
    let cluster = Cluster::start(1).await;
    for key in ["a", "b", "c"] {
        cluster.state().put(key);
    }
    cluster.state().page = 2;
    cluster.state().after_list = Some(|state| {
        state.put("a");
        state.put("d");
    });
    let mut watch = cluster.watch(Start::Initial, false);
    expect(&mut watch, &["+a@1"]).await;
    // The rest of the content would be missed from any place.
    assert_eq!(watch.cursor(), None);
    expect(&mut watch, &["+b@2", "a@4", "+c@3", "+d@5"]).await;
    assert_eq!(watch.cursor(), None);
    expect(&mut watch, &["ready"]).await;
    cluster.state().put("e");
    expect(&mut watch, &["e@6"]).await;
    assert_eq!(watch.cursor(), Some(Cursor::at(7)));
}

#[tokio::test]
async fn a_namespace_that_comes_into_being_meanwhile_is_not_missed() {
    let cluster = Cluster::start(1).await;
    cluster.state().after_list = Some(|state| state.put("a"));
    cluster.state().after_revision = Some(|state| state.put("b"));
    let mut watch = cluster.watch(Start::Initial, false);
    expect(&mut watch, &["+a@1", "+b@2", "ready"]).await;

    let cluster = Cluster::start(1).await;
    let mut watch = cluster.watch(Start::Initial, false);
    expect(&mut watch, &["ready"]).await;
    cluster.state().put("a");
    expect(&mut watch, &["a@1"]).await;
}

#[tokio::test]
async fn members_without_a_leader_are_told_of_and_the_watch_keeps_its_place() {
    let cluster = Cluster::start(2).await;
    cluster.state().put("a");
    let hasty = cluster.client(Duration::from_millis(300));
    let mut watch = hasty.watch(options(Start::At(Cursor::at(1)), false));
    expect(&mut watch, &["a@1"]).await;
    cluster.state().out_of_contact = true;
    // The question under way is answered in its own time.
    watch.reach().await.unwrap_err();
    let error = watch.next().await.unwrap_err();
    assert!(matches!(error, Error::NoLeader { .. }), "{error:?}");
    assert!(
        error.to_string().contains("hears from no leader"),
        "{error}"
    );
    cluster.state().put("b");
    expect(&mut watch, &["b@2"]).await;
    cluster.state().out_of_contact = false;
    watch.reach().await.unwrap();
}

#[tokio::test]
async fn lost_changes_end_a_watch_unless_it_may_begin_anew() {
    let cluster = Cluster::start(2).await;
    cluster.state().put("a");
    cluster.state().put("b");
    cluster.state().oldest = 2;
    let start = Start::At(Cursor::at(1));
    let mut watch = cluster.watch(start, false);
    assert_eq!(
        watch.next().await.unwrap_err(),
        Error::Compacted { oldest: 2 }
    );
    let mut watch = cluster.watch(start, true);
    expect(&mut watch, &["resync", "+a@1", "+b@2", "ready"]).await;
    cluster.state().put("c");
    expect(&mut watch, &["c@3"]).await;
}

#[tokio::test]
async fn the_longest_key_can_be_watched_with_its_content() {
    let key = |length| WatchTarget::Key(vec![b'k'; length].into());
    for (length, end) in [(MAX_KEY_BYTES, None), (3, Some("kkk\0".into()))] {
        let client = Client::new(ClientConfig::new(["127.0.0.1:1"]));
        let watch = client.watch(WatchOptions {
            target: key(length),
            ..options(Start::Initial, false)
        });
        let listing = watch.listing(None);
        assert_eq!((listing.prefix.len(), listing.end), (length, end));
    }
}
