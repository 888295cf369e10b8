//! The client against members that are played: real sockets, chosen misbehaviour.

mod exactly_once;
mod stale;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt, future::join_all};
use tarpc::{ClientMessage, Response};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{
    api::{DataRequest, DataResponse},
    transport::{
        Connection, Hello, HelloReply, Limits, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION, Welcome,
        framed, reframe,
    },
    types::{DeleteRequest, Leader, OpenSessionReply, PutReply, PutRequest, Tag},
};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a member greets.
#[derive(Clone)]
enum Greeting {
    /// As a stopped process does: the kernel accepts, and nothing comes.
    Silence,
    Busy,
    /// Naming this leader.
    Follows(Option<Leader>),
    Leads,
    /// Nobody leads when it is asked first, and it leads from then on.
    Elected,
}

/// How a member answers requests.
#[derive(Clone)]
enum Answer {
    Silence,
    /// All but those for the key "void".
    Done,
    Error(Error),
    /// Hangs up without a word, after it has read the request.
    HangUp,
}

struct Script {
    greeting: Greeting,
    answer: Answer,
    hellos: Vec<Hello>,
    requests: usize,
    /// What the puts carried.
    tags: Vec<Option<Tag>>,
    max_value_bytes: u64,
}

/// A member that does as its script says.
struct Played {
    leader: Leader,
    script: Arc<Mutex<Script>>,
}

impl Played {
    async fn start(id: u64, greeting: Greeting, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let leader = Leader {
            id,
            name: format!("n{id}"),
            address: listener.local_addr().unwrap().to_string(),
        };
        let script = Arc::new(Mutex::new(Script {
            greeting,
            answer,
            hellos: Vec::new(),
            requests: 0,
            tags: Vec::new(),
            max_value_bytes: 10_000,
        }));
        let (me, playing) = (leader.clone(), Arc::clone(&script));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(play(socket, me.clone(), Arc::clone(&playing)));
            }
        });
        Self { leader, script }
    }

    fn becomes(&self, greeting: Greeting, answer: Answer) {
        let mut script = self.script.lock().unwrap();
        script.greeting = greeting;
        script.answer = answer;
    }

    /// The longest value that it takes from its next connection on.
    fn takes(&self, max_value_bytes: u64) {
        self.script.lock().unwrap().max_value_bytes = max_value_bytes;
    }

    fn greeted(&self) -> usize {
        self.script.lock().unwrap().hellos.len()
    }

    fn requests(&self) -> usize {
        self.script.lock().unwrap().requests
    }

    fn tags(&self) -> Vec<Option<Tag>> {
        self.script.lock().unwrap().tags.clone()
    }

    /// Whether a connection asked it to forward.
    fn forwards(&self) -> bool {
        let script = self.script.lock().unwrap();
        script.hellos.iter().any(|hello| !hello.follow_leader)
    }
}

async fn play(socket: TcpStream, me: Leader, script: Arc<Mutex<Script>>) {
    let mut connection: Connection<Hello, HelloReply> = framed(socket, MAX_HANDSHAKE_BYTES);
    let Some(Ok(hello)) = connection.next().await else {
        return;
    };
    let greeting = {
        let mut script = script.lock().unwrap();
        script.hellos.push(hello);
        let greeting = script.greeting.clone();
        if matches!(greeting, Greeting::Elected) {
            script.greeting = Greeting::Leads;
        }
        greeting
    };
    let leader = match greeting {
        Greeting::Silence => return std::future::pending().await,
        Greeting::Busy => {
            let busy = HelloReply::Busy {
                message: "full".to_owned(),
                retry_after: Duration::from_millis(10),
            };
            return connection.send(busy).await.unwrap();
        }
        Greeting::Elected => None,
        Greeting::Follows(leader) => leader,
        Greeting::Leads => Some(me.clone()),
    };
    let welcome = Welcome {
        protocol: PROTOCOL_VERSION,
        cluster_id: String::new(),
        node_id: me.id,
        leader,
        members: Vec::new(),
        limits: Limits {
            max_key_bytes: 4096,
            max_value_bytes: script.lock().unwrap().max_value_bytes,
            max_request_bytes: 5_000,
        },
    };
    let _ = connection.send(HelloReply::Welcome(welcome)).await;
    let mut connection: Connection<ClientMessage<DataRequest>, Response<DataResponse>> =
        reframe(connection, 5_000);
    while let Some(Ok(message)) = connection.next().await {
        let ClientMessage::Request(request) = message else {
            continue;
        };
        let (tag, put) = match request.message {
            DataRequest::Put { tag, request } => (tag, request),
            DataRequest::OpenSession { .. } => {
                let session = me.id * 100;
                let response = Response {
                    request_id: request.id,
                    message: Ok(DataResponse::OpenSession(Ok(OpenSessionReply { session }))),
                };
                let _ = connection.send(response).await;
                continue;
            }
            DataRequest::Get { .. } => {
                let response = Response {
                    request_id: request.id,
                    message: Ok(DataResponse::Get(stale::answer(&me, &script))),
                };
                let _ = connection.send(response).await;
                continue;
            }
            _ => panic!("only puts and gets are sent"),
        };
        let answer = {
            let mut script = script.lock().unwrap();
            script.requests += 1;
            script.tags.push(tag);
            script.answer.clone()
        };
        let reply = match answer {
            Answer::Silence => continue,
            Answer::Done if put.key == "void" => continue,
            Answer::Done => Ok(PutReply {
                revision: me.id,
                version: 1,
                previous: None,
            }),
            Answer::Error(error) => Err(error),
            Answer::HangUp => return,
        };
        let response = Response {
            request_id: request.id,
            message: Ok(DataResponse::Put(reply)),
        };
        let _ = connection.send(response).await;
    }
}

fn config<'a>(members: impl IntoIterator<Item = &'a Played>) -> ClientConfig {
    let addresses: Vec<_> = members
        .into_iter()
        .map(|member| member.leader.address.clone())
        .collect();
    let mut config = ClientConfig::new(addresses);
    config.timeout = PATIENCE;
    config.exactly_once = false;
    config
}

fn put(key: &'static str) -> PutRequest {
    PutRequest::new("default", key, "value")
}

#[tokio::test]
async fn a_leader_that_fell_silent_is_left_for_the_one_that_leads_now() {
    let old = Played::start(1, Greeting::Leads, Answer::Done).await;
    let named = Greeting::Follows(Some(old.leader.clone()));
    let new = Played::start(2, named, Answer::Done).await;
    let client = Client::connect(config([&old, &new])).await.unwrap();
    assert_eq!(client.put(put("k")).await.unwrap().revision, 1);

    old.becomes(Greeting::Silence, Answer::Silence);
    new.becomes(Greeting::Leads, Answer::Done);
    let hasty = client.with_timeout(Duration::from_millis(200));
    let cut_off = hasty.put(put("k")).await;
    assert!(
        matches!(cut_off, Err(Error::OutcomeUnknown { .. })),
        "{cut_off:?}"
    );
    // The silent one is asked last, so there is no time-out of a connection to wait for.
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(client.put(put("k")).await.unwrap().revision, 2);
    }
    assert!(began.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn a_leader_that_answers_others_is_kept_when_one_request_is_late() {
    let leader = Played::start(1, Greeting::Leads, Answer::Done).await;
    let client = Client::connect(config([&leader])).await.unwrap();
    let hasty = client.with_timeout(Duration::from_millis(300));
    let late = tokio::spawn(async move { hasty.put(put("void")).await });
    while !late.is_finished() {
        client.put(put("k")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let late = late.await.unwrap();
    assert!(
        matches!(late, Err(Error::OutcomeUnknown { .. })),
        "{late:?}"
    );
    client.put(put("k")).await.unwrap();
    assert_eq!(leader.greeted(), 1);
}

#[tokio::test]
async fn members_that_hang_do_not_hold_up_the_search() {
    let mut members = Vec::new();
    for id in 1..4 {
        members.push(Played::start(id, Greeting::Silence, Answer::Silence).await);
    }
    members.push(Played::start(4, Greeting::Leads, Answer::Done).await);
    let mut config = config(&members);
    config.connect_timeout = PATIENCE;
    let began = Instant::now();
    let client = Client::connect(config).await.unwrap();
    assert_eq!(client.put(put("k")).await.unwrap().revision, 4);
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_election_is_noticed_while_the_old_leader_hangs() {
    let hung = Played::start(1, Greeting::Silence, Answer::Silence).await;
    let named = Greeting::Follows(Some(hung.leader.clone()));
    let other = Played::start(2, named, Answer::Done).await;
    let mut config = config([&other, &hung]);
    config.connect_timeout = PATIENCE;
    let client = Client::new(config);
    let began = Instant::now();
    let waiting = tokio::spawn(async move { client.put(put("k")).await });
    while hung.greeted() == 0 {
        tokio::task::yield_now().await;
    }
    other.becomes(Greeting::Leads, Answer::Done);
    assert_eq!(waiting.await.unwrap().unwrap().revision, 2);
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_member_elected_in_the_middle_of_the_search_is_asked_again() {
    let elected = Played::start(1, Greeting::Elected, Answer::Done).await;
    let follows = Greeting::Follows(Some(elected.leader.clone()));
    let follower = Played::start(2, follows, Answer::Done).await;
    let client = Client::new(config([&elected, &follower]));
    client.put(put("k")).await.unwrap();
    assert_eq!((elected.greeted(), elected.requests()), (2, 1));
    // Nobody was asked to wait for another leader than this one.
    assert_eq!(follower.greeted(), 1);
}

#[tokio::test]
async fn a_member_that_shuts_down_is_left_at_once() {
    let leaving = Played::start(1, Greeting::Leads, Answer::Error(Error::ShuttingDown)).await;
    let other = Played::start(2, Greeting::Leads, Answer::Done).await;
    let client = Client::connect(config([&leaving])).await.unwrap();
    let known = Leader::clone(&other.leader);
    leaving.becomes(
        Greeting::Follows(Some(known)),
        Answer::Error(Error::ShuttingDown),
    );
    assert_eq!(client.put(put("k")).await.unwrap().revision, 2);
    assert_eq!(leaving.requests(), 1);
}

#[tokio::test]
async fn a_member_that_asks_for_an_endless_pause_gets_none() {
    let endless = Error::Overloaded {
        reason: "full".to_owned(),
        retry_after: Duration::MAX,
    };
    let member = Played::start(1, Greeting::Leads, Answer::Error(endless.clone())).await;
    let client = Client::connect(config([&member])).await.unwrap();
    assert_eq!(client.put(put("k")).await, Err(endless));
    assert_eq!(member.requests(), 1);
}

#[tokio::test]
async fn a_member_without_room_is_passed_over_and_nobody_with_room_is_said() {
    let full = Played::start(1, Greeting::Busy, Answer::Done).await;
    let other = Played::start(2, Greeting::Leads, Answer::Done).await;
    let client = Client::connect(config([&full, &other])).await.unwrap();
    assert_eq!(client.put(put("k")).await.unwrap().revision, 2);

    let refused = Client::connect(config([&full])).await.err();
    assert!(
        matches!(&refused, Some(Error::Overloaded { reason, .. }) if reason == "full"),
        "{refused:?}"
    );
    // For a request it is a reason to try again.
    let client = Client::new(config([&full]));
    let waiting = tokio::spawn(async move { client.put(put("k")).await });
    let before = full.greeted();
    while full.greeted() < before + 2 {
        tokio::task::yield_now().await;
    }
    full.becomes(Greeting::Leads, Answer::Done);
    assert_eq!(waiting.await.unwrap().unwrap().revision, 1);
}

#[tokio::test]
async fn an_unreachable_leader_is_reached_through_a_follower_until_it_is_back() {
    let leader = Played::start(1, Greeting::Busy, Answer::Done).await;
    let named = Greeting::Follows(Some(leader.leader.clone()));
    let follower = Played::start(2, named, Answer::Done).await;
    let client = Client::connect(config([&follower])).await.unwrap();
    assert_eq!(client.put(put("k")).await.unwrap().revision, 2);
    assert!(follower.forwards());

    leader.becomes(Greeting::Leads, Answer::Done);
    let deadline = Instant::now() + PATIENCE;
    let mut slowest = Duration::ZERO;
    loop {
        let began = Instant::now();
        let through = client.put(put("k")).await.unwrap().revision;
        slowest = slowest.max(began.elapsed());
        if through == 1 {
            break;
        }
        assert!(Instant::now() < deadline, "it goes on through the follower");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!leader.forwards());
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test]
async fn a_search_beside_a_connection_that_forwards_holds_nobody_up() {
    let leader = Played::start(1, Greeting::Busy, Answer::Silence).await;
    let named = Greeting::Follows(Some(leader.leader.clone()));
    let follower = Played::start(2, named, Answer::Done).await;
    let mut config = config([&follower]);
    config.connect_timeout = PATIENCE;
    let client = Client::connect(config).await.unwrap();
    client.put(put("k")).await.unwrap();
    leader.becomes(Greeting::Silence, Answer::Silence);
    let dialled = leader.greeted();
    let deadline = Instant::now() + PATIENCE;
    // From when it looks again on, a connection hangs.
    while leader.greeted() == dialled {
        assert!(Instant::now() < deadline, "it looks again");
        client.put(put("k")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(client.put(put("k")).await.unwrap().revision, 2);
    }
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_member_that_forwards_tries_once_and_never_asks_another_to() {
    let gone = Played::start(1, Greeting::Busy, Answer::Silence).await;
    let named = Greeting::Follows(Some(gone.leader.clone()));
    let follower = Played::start(2, named, Answer::Done).await;
    let mut config = config([&follower]);
    config.relay = true;
    let began = Instant::now();
    let outcome = Client::new(config).put(put("k")).await;
    // At once: whoever forwards looks for the leader itself.
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    assert!(
        matches!(outcome, Err(Error::NoLeader { .. })),
        "{outcome:?}"
    );
    assert!(!follower.forwards());
    assert_eq!(follower.requests(), 0);
}

#[tokio::test]
async fn a_request_too_large_for_a_frame_is_refused_and_costs_nothing_else() {
    let leader = Played::start(1, Greeting::Leads, Answer::Done).await;
    let client = Client::connect(config([&leader])).await.unwrap();
    let large = PutRequest::new("default", "k", vec![0; 6_000]);
    let Err(Error::TooLarge {
        what,
        size,
        limit,
        setting,
    }) = client.put(large).await
    else {
        panic!("too large for a frame");
    };
    assert_eq!((what.as_str(), limit), ("request", 5_000));
    assert_eq!(setting, "--max-value-bytes");
    assert!((6_000..6_100).contains(&size), "{size}");
    let keys = vec![vec![0; 4096].into(); 257];
    let request = DeleteRequest::new("default", keys);
    let refused = client.delete(request).await;
    assert!(
        matches!(&refused, Err(Error::TooLarge { what, .. }) if what == "list of keys"),
        "{refused:?}"
    );
    client.put(put("k")).await.unwrap();
    assert_eq!((leader.greeted(), leader.requests()), (1, 1));
}

#[tokio::test]
async fn at_the_deadline_it_is_never_the_raw_error_of_a_member() {
    let error = Error::NotLeader { leader: None };
    let member = Played::start(1, Greeting::Leads, Answer::Error(error)).await;
    let client = Client::connect(config([&member])).await.unwrap();
    let hasty = client.with_timeout(Duration::from_millis(200));
    let outcome = hasty.put(put("k")).await;
    assert!(
        matches!(outcome, Err(Error::NoLeader { .. })),
        "{outcome:?}"
    );
    assert!(member.requests() > 1, "it tries again");
}

#[tokio::test]
async fn without_time_nothing_is_sent() {
    let leader = Played::start(1, Greeting::Leads, Answer::Done).await;
    let client = Client::connect(config([&leader])).await.unwrap();
    let outcome = client.with_timeout(Duration::ZERO).put(put("k")).await;
    assert!(
        matches!(outcome, Err(Error::DeadlineExceeded { .. })),
        "{outcome:?}"
    );
    // An answered request behind it: had the first been sent, it would have been counted.
    client.put(put("k")).await.unwrap();
    assert_eq!(leader.requests(), 1);
}

#[tokio::test]
async fn the_first_contact_ends_with_the_time_given() {
    let hung = Played::start(1, Greeting::Silence, Answer::Silence).await;
    let mut config = config([&hung]);
    config.timeout = Duration::from_millis(200);
    config.connect_timeout = 10 * PATIENCE;
    let connecting = tokio::time::timeout(PATIENCE, Client::connect(config));
    let outcome = connecting.await.expect("in time").err();
    assert!(
        matches!(outcome, Some(Error::Unreachable { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn requests_that_wait_for_one_search_share_its_failure() {
    let hung = Played::start(1, Greeting::Silence, Answer::Silence).await;
    let mut config = config([&hung]);
    config.timeout = Duration::from_millis(1000);
    config.connect_timeout = Duration::from_millis(200);
    let client = Client::new(config);
    let began = Instant::now();
    let outcomes = join_all((0..50).map(|_| client.put(put("k")))).await;
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(Error::Unreachable { .. })),
            "{outcome:?}"
        );
    }
    assert!(hung.greeted() <= 10, "{}", hung.greeted());
}
