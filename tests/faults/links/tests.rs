//! Links between a caller in this process and a listener in this process.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{Delay, Links};
use crate::cluster::{free_port, wait_for};

/// The index of the caller: this process.
const CALLER: usize = 0;
/// The index of the one that is called.
const TARGET: usize = 1;

/// How long nothing must happen to be taken for silence.
const SILENCE: Duration = Duration::from_millis(300);

/// Links to a listener that sends back whatever it gets.
struct Bench {
    links: Links,
    address: SocketAddrV4,
    target: SocketAddrV4,
    listener: Option<JoinHandle<()>>,
    /// Bytes that the listener has got.
    got: Arc<AtomicU64>,
}

fn address() -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port())
}

impl Bench {
    /// `caller`: the process that is taken for the caller.
    async fn of(caller: u32) -> Self {
        let links = Links::new(7);
        links.put_before(address(), address(), Arc::new(AtomicU32::new(caller)));
        let (address, target) = (address(), address());
        links.put_before(address, target, Arc::default());
        let mut bench = Self {
            links,
            address,
            target,
            listener: None,
            got: Arc::default(),
        };
        bench.revive().await;
        bench
    }

    async fn new() -> Self {
        Self::of(std::process::id()).await
    }

    /// The listener listens again.
    async fn revive(&mut self) {
        let listener = TcpListener::bind(self.target).await.expect("a free port");
        let got = Arc::clone(&self.got);
        self.listener = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(echo(socket, Arc::clone(&got)));
            }
        }));
        wait_for("the port is open", async || {
            TcpStream::connect(self.address).await.ok()
        })
        .await;
    }

    /// What the kernel does when a process is killed: listener and connections are closed.
    async fn die(&mut self) {
        let listener = self.listener.take().expect("it lives");
        listener.abort();
        // It was aborted: that is its result.
        let _ = listener.await;
    }

    /// A connection through the links that has carried a byte to and fro.
    async fn connect(&self) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.expect("accepted");
        socket.write_all(b"!").await.expect("sent");
        assert_eq!(socket.read_u8().await.expect("an answer"), b'!');
        socket
    }
}

async fn echo(mut socket: TcpStream, got: Arc<AtomicU64>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = socket.read(&mut buffer).await {
        got.fetch_add(count as u64, Ordering::Relaxed);
        if socket.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Whether nothing comes, not even an end, for a while.
async fn is_silent(socket: &mut TcpStream) -> bool {
    tokio::time::timeout(SILENCE, socket.read_u8())
        .await
        .is_err()
}

/// How a connection ended; it must end at once.
async fn end(socket: &mut TcpStream) -> io::Result<usize> {
    let read = async { socket.read(&mut [0; 16]).await };
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .expect("the connection ends")
}

#[tokio::test]
async fn a_call_through_a_cut_hangs_and_one_to_a_dead_process_is_refused() {
    let mut bench = Bench::new().await;
    let mut open = bench.connect().await;
    bench.links.cut(CALLER, TARGET);
    let mut call = TcpStream::connect(bench.address).await.expect("accepted");
    for socket in [&mut open, &mut call] {
        socket.write_all(b"?").await.expect("sent");
        assert!(is_silent(socket).await);
    }
    assert_eq!(bench.links.seen(CALLER, TARGET).held, 2);
    bench.links.heal();
    for socket in [&mut open, &mut call] {
        assert_eq!(socket.read_u8().await.expect("the answer"), b'?');
    }
    bench.die().await;
    assert_eq!(end(&mut open).await.expect("an orderly end"), 0);
    // The call that finds it gone is reset, and from then on the port is closed.
    wait_for("calls are refused", async || {
        match TcpStream::connect(bench.address).await {
            Ok(mut socket) => {
                assert_ne!(end(&mut socket).await.ok(), Some(1));
                None
            }
            Err(error) => (error.kind() == io::ErrorKind::ConnectionRefused).then_some(()),
        }
    })
    .await;
    bench.revive().await;
    bench.connect().await;
}

#[tokio::test]
async fn the_end_of_a_process_is_heard_though_it_hears_nothing() {
    let mut bench = Bench::new().await;
    let mut open = bench.connect().await;
    bench.links.cut_one_way(CALLER, TARGET);
    open.write_all(b"lost").await.expect("sent");
    wait_for("it is held back", async || {
        (bench.links.seen(CALLER, TARGET).held == 1).then_some(())
    })
    .await;
    bench.die().await;
    assert_eq!(end(&mut open).await.expect("an orderly end"), 0);
}

#[tokio::test]
async fn what_is_cut_one_way_passes_the_other_way_and_arrives_late_and_in_order() {
    let bench = Bench::new().await;
    let mut open = bench.connect().await;
    bench.links.cut_one_way(TARGET, CALLER);
    for byte in b"abc" {
        open.write_u8(*byte).await.expect("sent");
    }
    wait_for("the request arrives", async || {
        (bench.got.load(Ordering::Relaxed) == 4).then_some(())
    })
    .await;
    assert!(is_silent(&mut open).await, "the answer does not");
    assert!(bench.links.seen(TARGET, CALLER).held > 0);
    assert_eq!(bench.links.seen(CALLER, TARGET).held, 0);
    bench.links.mend(CALLER, TARGET);
    let mut answer = [0; 3];
    open.read_exact(&mut answer).await.expect("the answer");
    assert_eq!(&answer, b"abc");

    bench.links.cut_one_way(CALLER, TARGET);
    open.write_all(b"def").await.expect("sent");
    assert!(is_silent(&mut open).await);
    assert_eq!(bench.got.load(Ordering::Relaxed), 4);
    bench.links.mend(CALLER, TARGET);
    open.read_exact(&mut answer).await.expect("the answer");
    assert_eq!(&answer, b"def");
}

#[tokio::test]
async fn delayed_bytes_keep_their_order() {
    let bench = Bench::new().await;
    let mut open = bench.connect().await;
    let (mean, jitter) = (Duration::from_millis(40), Duration::from_millis(30));
    bench.links.delay(Delay::new(mean, jitter));
    let began = Instant::now();
    let sent: Vec<u8> = (0..200).collect();
    for byte in &sent {
        open.write_u8(*byte).await.expect("sent");
        // Each becomes a chunk of its own, unless the machine is busy.
        tokio::task::yield_now().await;
    }
    let mut answer = vec![0; sent.len()];
    open.read_exact(&mut answer).await.expect("the answer");
    assert_eq!(answer, sent);
    assert!(began.elapsed() >= 2 * (mean - jitter), "to and fro");
    assert!(bench.links.seen(CALLER, TARGET).delayed > 0);
    assert!(bench.links.seen(TARGET, CALLER).delayed > 0);
}

#[tokio::test]
async fn a_reset_in_a_frame_leaves_the_frame_incomplete() {
    let bench = Bench::new().await;
    let mut open = bench.connect().await;
    bench.links.reset_in_a_frame(CALLER, TARGET);
    open.write_all(b"frame").await.expect("sent");
    let mut received = Vec::new();
    let error = open.read_to_end(&mut received).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    wait_for("all but the last byte arrives", async || {
        (bench.got.load(Ordering::Relaxed) == 1 + 4).then_some(())
    })
    .await;
    assert_eq!(bench.links.seen(CALLER, TARGET).resets, 1);
    // Once was asked for.
    bench.connect().await;
}

#[tokio::test]
async fn one_who_is_refused_is_reset_and_if_all_are_the_port_is_closed() {
    let bench = Bench::new().await;
    // A third one, which may call.
    let third = Arc::new(AtomicU32::new(0));
    bench.links.put_before(address(), address(), third);
    let mut open = bench.connect().await;
    bench.links.refuse(CALLER, TARGET);
    let reset = |ended: io::Result<usize>| {
        let error = ended.expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    };
    reset(end(&mut open).await);
    let mut call = TcpStream::connect(bench.address).await.expect("accepted");
    reset(end(&mut call).await);
    assert_eq!(bench.links.seen(CALLER, TARGET).refused, 1);
    bench.links.refuse_calls_to(TARGET);
    wait_for("calls are refused", async || {
        let refused = TcpStream::connect(bench.address).await.err()?;
        (refused.kind() == io::ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
    bench.links.heal();
    wait_for("the port is open", async || {
        TcpStream::connect(bench.address).await.ok()
    })
    .await;
    bench.connect().await;
}

#[tokio::test]
async fn who_is_no_member_is_not_hindered() {
    // Whoever has this number, it is not this process.
    let bench = Bench::of(1).await;
    bench.links.cut(CALLER, TARGET);
    bench.connect().await;
    assert_eq!(bench.links.seen_in_all().held, 0);
}
