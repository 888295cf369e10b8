use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    api::{DataRequest, DataResponse},
    transport::{framed, tune},
    types::{Consistency, Entry, GetReply, GetRequest},
};
use tarpc::{ClientMessage, Request, Response, context, server::serve};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::*;

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

type Far = Connection<Response<DataResponse>, ClientMessage<DataRequest>>;

/// What the server under test has seen.
#[derive(Default)]
struct Seen {
    started: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
    taken: AtomicUsize,
    /// The most that were taken from the connection and not yet started.
    ahead: AtomicUsize,
}

struct Server {
    far: Far,
    seen: Arc<Seen>,
    /// One permit lets one request finish.
    finish: Arc<Semaphore>,
    stopping: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

/// A conversation of at most `limit` requests; each is answered with `reply` bytes.
async fn start(limit: usize, reply: usize) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (near, _) = listener.accept().await.unwrap();
    tune(&near).unwrap();
    let seen = Arc::new(Seen::default());
    let finish = Arc::new(Semaphore::new(0));
    let stopping = CancellationToken::new();
    let (counting, gate) = (Arc::clone(&seen), Arc::clone(&finish));
    let taking = Arc::clone(&seen);
    let mut conversation =
        Conversation::<DataRequest, DataResponse>::new(framed(near, 1 << 20), limit, {
            stopping.clone()
        });
    let ended = tokio::spawn(async move {
        let answer = serve(move |_, request| {
            let (seen, gate) = (Arc::clone(&counting), Arc::clone(&gate));
            async move {
                seen.started.fetch_add(1, Ordering::SeqCst);
                let running = seen.running.fetch_add(1, Ordering::SeqCst) + 1;
                seen.most.fetch_max(running, Ordering::SeqCst);
                // Also when the request is cancelled or expires.
                let _running = Running(&seen);
                gate.acquire().await.unwrap().forget();
                let DataRequest::Get { request } = request else {
                    unreachable!("only gets are sent");
                };
                Ok(DataResponse::Get(Ok(entry(request.key, reply))))
            }
        });
        while let Ok(Some(request)) = conversation.next().await {
            let taken = taking.taken.fetch_add(1, Ordering::SeqCst) + 1;
            let ahead = taken - taking.started.load(Ordering::SeqCst);
            taking.ahead.fetch_max(ahead, Ordering::SeqCst);
            tokio::spawn(request.execute(answer.clone()));
        }
        conversation.finish().await;
    });
    let far: Far = framed(far, 1 << 20);
    Server {
        far,
        seen,
        finish,
        stopping,
        ended,
    }
}

struct Running<'a>(&'a Seen);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn entry(key: Bytes, size: usize) -> GetReply {
    GetReply {
        entry: Some(Entry {
            key,
            value: vec![7; size].into(),
            size: size as u64,
            create_revision: 1,
            revision: 1,
            version: 1,
            ttl: None,
            lease: None,
        }),
        revision: 1,
        staleness: None,
    }
}

fn get(id: u64, timeout: Duration) -> ClientMessage<DataRequest> {
    get_key(id, id.to_string(), timeout)
}

fn get_key(id: u64, key: impl Into<Bytes>, timeout: Duration) -> ClientMessage<DataRequest> {
    let mut context = context::current();
    context.deadline = Instant::now() + timeout;
    ClientMessage::Request(Request {
        context,
        id,
        message: DataRequest::Get {
            request: GetRequest::new("default", key, Consistency::STALE),
        },
    })
}

fn cancel(id: u64) -> ClientMessage<DataRequest> {
    ClientMessage::Cancel {
        trace_context: Default::default(),
        request_id: id,
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn receive(far: &mut Far) -> Option<u64> {
    let received = tokio::time::timeout(PATIENCE, far.next()).await;
    let reply = received.expect("in time")?.expect("a reply");
    Some(reply.request_id)
}

#[tokio::test]
async fn requests_beyond_the_bound_wait_and_each_is_answered_once() {
    let mut server = start(8, 10).await;
    for id in 0..200 {
        server.far.feed(get(id, PATIENCE)).await.unwrap();
    }
    server.far.flush().await.unwrap();
    until("eight run", || {
        server.seen.running.load(Ordering::SeqCst) == 8
    })
    .await;
    server.finish.add_permits(200);
    let mut answered = Vec::new();
    for _ in 0..200 {
        answered.push(receive(&mut server.far).await.expect("a reply"));
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..200).collect::<Vec<_>>());
    assert_eq!(server.seen.most.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn large_requests_are_taken_no_faster_than_their_tasks_start() {
    const KEY: usize = 16 << 10;
    let mut server = start(100, 10).await;
    server.finish.add_permits(100);
    for id in 0..100 {
        let message = get_key(id, vec![7; KEY], PATIENCE);
        server.far.feed(message).await.unwrap();
    }
    server.far.flush().await.unwrap();
    for _ in 0..100 {
        receive(&mut server.far).await.expect("a reply");
    }
    let ahead = server.seen.ahead.load(Ordering::SeqCst);
    assert!(ahead * KEY <= BYTES_AT_A_TIME as usize, "{ahead} requests");
}

#[tokio::test]
async fn what_was_cancelled_makes_room() {
    let mut server = start(4, 10).await;
    for id in 0..3 {
        server.far.feed(get(id, PATIENCE)).await.unwrap();
    }
    for id in 0..3 {
        server.far.feed(cancel(id)).await.unwrap();
        // Of a request that is not in flight any more, and of one that never was.
        server.far.feed(cancel(id)).await.unwrap();
        server.far.feed(cancel(1000 + id)).await.unwrap();
    }
    for id in 10..20 {
        server.far.feed(get(id, PATIENCE)).await.unwrap();
    }
    server.far.flush().await.unwrap();
    until("four run", || {
        server.seen.running.load(Ordering::SeqCst) == 4
    })
    .await;
    server.finish.add_permits(10);
    for _ in 10..20 {
        assert!(receive(&mut server.far).await.expect("a reply") >= 10);
    }
    assert!(server.seen.most.load(Ordering::SeqCst) <= 4);
}

#[tokio::test]
async fn what_expired_makes_room_without_a_word_from_anyone() {
    let mut server = start(4, 10).await;
    for id in 0..4 {
        let message = get(id, Duration::from_millis(50));
        server.far.feed(message).await.unwrap();
    }
    // Twice the same id while the first is in flight: ignored, and counted once.
    server.far.feed(get(0, PATIENCE)).await.unwrap();
    for id in 10..14 {
        server.far.feed(get(id, PATIENCE)).await.unwrap();
    }
    server.far.flush().await.unwrap();
    until("those behind are reached", || {
        server.seen.started.load(Ordering::SeqCst) >= 8
            && server.seen.running.load(Ordering::SeqCst) == 4
    })
    .await;
    server.finish.add_permits(10);
    for _ in 0..4 {
        receive(&mut server.far).await.expect("a reply");
    }
    assert!(server.seen.most.load(Ordering::SeqCst) <= 4);
}

#[tokio::test]
async fn a_client_that_takes_no_replies_is_read_no_further() {
    const REPLY: usize = 256 * 1024;
    const SENT: u64 = 20_000;
    let mut server = start(16, REPLY).await;
    server.finish.add_permits(SENT as usize);
    // It sends until nothing more is taken, or all is on its way.
    for id in 0..SENT {
        let sending = server.far.send(get(id, Duration::from_secs(600)));
        match tokio::time::timeout(Duration::from_secs(2), sending).await {
            Ok(outcome) => outcome.unwrap(),
            Err(_) => break,
        }
    }
    let started = || server.seen.started.load(Ordering::SeqCst);
    let mut steady = (started(), Instant::now());
    while steady.1.elapsed() < Duration::from_millis(300) {
        if started() != steady.0 {
            steady = (started(), Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The sockets' buffers, and the replies held here: far less than was asked for.
    let started = steady.0;
    assert!(started * REPLY < 64 << 20, "{started} replies");
    // Nothing was lost: once it reads, all of it comes.
    for _ in 0..started.min(500) {
        receive(&mut server.far).await.expect("a reply");
    }
    until("it goes on", || {
        server.seen.started.load(Ordering::SeqCst) > started
    })
    .await;
}

#[tokio::test]
async fn what_was_read_is_answered_before_a_stopping_member_hangs_up() {
    let mut server = start(64, 100_000).await;
    for id in 0..20 {
        server.far.feed(get(id, PATIENCE)).await.unwrap();
    }
    server.far.flush().await.unwrap();
    until("they run", || {
        server.seen.running.load(Ordering::SeqCst) == 20
    })
    .await;
    server.stopping.cancel();
    // Arrives too late to be read, and must not cost the answers of the others.
    server.far.send(get(99, PATIENCE)).await.unwrap();
    server.finish.add_permits(100);
    let mut answered = Vec::new();
    while let Some(id) = receive(&mut server.far).await {
        answered.push(id);
    }
    answered.sort_unstable();
    answered.retain(|id| *id < 20);
    assert_eq!(answered, (0..20).collect::<Vec<_>>());
    drop(server.far);
    let ended = tokio::time::timeout(PATIENCE, server.ended).await;
    ended.expect("it ends").unwrap();
}

#[tokio::test]
async fn an_idle_connection_ends_at_once_when_the_member_stops() {
    let mut server = start(4, 10).await;
    server.stopping.cancel();
    assert_eq!(receive(&mut server.far).await, None);
}
