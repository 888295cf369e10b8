//! Garbage, half-open connections, resets and absurd deadlines on both ports, while somebody else
//! works and notices nothing.

mod bystander;
pub(crate) mod wire;

use std::io::Write;

use bytes::{BufMut, BytesMut};
use common::{
    api::DataRequest,
    transport::{Hello, HelloReply, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION, Service},
    types::{Consistency, GetRequest},
};

use crate::cluster::{Cluster, greet};
use bystander::Bystander;
use wire::{Noise, connect, frame, greeted, hello, is_hung_up, put, read_frame, request, reset};

/// Both ports of a member.
fn ports(cluster: &Cluster, index: usize) -> [String; 2] {
    let member = &cluster.members()[index];
    [member.client().to_owned(), member.peer().to_owned()]
}

/// Runs something that blocks beside the bystander.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the attacker")
}

/// The resident memory of the first member.
fn memory_bytes(cluster: &Cluster) -> u64 {
    let path = format!("/proc/{}/status", cluster.members()[0].process_id());
    let text = std::fs::read_to_string(path).expect("the state of the process");
    let kibibytes: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .expect("its resident memory");
    kibibytes * 1024
}

#[tokio::test]
async fn garbage_ends_its_own_connection_and_nothing_else() {
    let cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let term = cluster.status(leader).await.expect("a status").term;
    let bystander = Bystander::start(cluster.client().await);
    for index in 0..3 {
        let targets = ports(&cluster, index);
        beside(move || {
            let mut noise = Noise(0x2545_f491_4f6c_dd1d);
            for address in &targets {
                for size in [1, 3, 4, 7, 64, 1000, 70_000] {
                    let mut socket = connect(address);
                    // It may be hung up on before all is written.
                    let _ = socket.write_all(&noise.bytes(size));
                    let _ = socket.shutdown(std::net::Shutdown::Write);
                    assert!(is_hung_up(&mut socket), "{size} bytes of garbage");
                    // Garbage in a frame of the right length.
                    let mut socket = connect(address);
                    let _ = socket.write_all(&frame(&noise.bytes(size)));
                    let _ = socket.shutdown(std::net::Shutdown::Write);
                    assert!(
                        is_hung_up(&mut socket),
                        "a frame of {size} bytes of garbage"
                    );
                }
                let mut socket = connect(address);
                let _ = socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                assert!(is_hung_up(&mut socket), "a browser");
            }
            for size in [0, 1, 5, 100, 5000] {
                let mut socket = greeted(&targets[0]);
                let _ = socket.write_all(&frame(&noise.bytes(size)));
                assert!(
                    is_hung_up(&mut socket),
                    "{size} bytes of garbage as a request"
                );
            }
        })
        .await;
        bystander.goes_on().await;
    }
    bystander.finish().await;
    let status = cluster.status(leader).await.expect("a status");
    assert_eq!(
        (cluster.leader().await, status.term),
        (leader, term),
        "no election"
    );
}

#[tokio::test]
async fn an_oversized_frame_is_refused_by_its_length_alone() {
    let cluster = Cluster::single(&[]).await;
    let bystander = Bystander::start(cluster.client().await);
    let before = memory_bytes(&cluster);
    let [client, peer] = ports(&cluster, 0);
    beside(move || {
        for address in [&client, &peer] {
            for length in [MAX_HANDSHAKE_BYTES as u32 + 1, u32::MAX] {
                let mut socket = connect(address);
                socket.write_all(&length.to_be_bytes()).expect("it is sent");
                assert!(
                    is_hung_up(&mut socket),
                    "{length} bytes before the greeting"
                );
            }
        }
        for length in [64 << 20, u32::MAX] {
            let mut sockets: Vec<_> = (0..16).map(|_| greeted(&client)).collect();
            for socket in &mut sockets {
                socket.write_all(&length.to_be_bytes()).expect("it is sent");
            }
            for socket in &mut sockets {
                assert!(is_hung_up(socket), "a request of {length} bytes");
            }
        }
    })
    .await;
    bystander.goes_on().await;
    bystander.finish().await;
    let grown = memory_bytes(&cluster).saturating_sub(before);
    assert!(grown < 64 << 20, "the member has grown by {grown} bytes");
}

#[tokio::test]
async fn an_absurd_deadline_is_served_like_any_other() {
    let cluster = Cluster::start(&[]).await;
    let bystander = Bystander::start(cluster.client().await);
    for index in 0..3 {
        let address = cluster.address(index).to_owned();
        beside(move || {
            let mut socket = greeted(&address);
            // 2^36 ms is what tarpc's timer wheel holds; a century lies beyond it.
            let absurd = [
                u64::MAX,
                u64::MAX / 2,
                1 << 36,
                (1 << 36) + 1,
                3_155_760_000_000,
            ];
            for (id, timeout) in absurd.into_iter().enumerate() {
                let sent = request(id as u64, timeout, put(format!("absurd {timeout}")));
                socket.write_all(&sent).expect("it is sent");
                let answer = read_frame(&mut socket).expect("an answer");
                assert_eq!(
                    u64::from(answer[0]),
                    id as u64,
                    "the answer to this request"
                );
                assert_eq!(answer[1], 0, "tarpc says Ok");
            }
            // One that has passed already harms nobody, whatever its answer.
            socket
                .write_all(&request(9, 0, put("passed".to_owned())))
                .expect("it is sent");
            socket
                .write_all(&request(10, 10_000, put("last".to_owned())))
                .expect("it is sent");
            loop {
                let answer = read_frame(&mut socket).expect("an answer");
                if answer[0] == 10 {
                    break;
                }
            }
        })
        .await;
        bystander.goes_on().await;
    }
    bystander.finish().await;
    let direct = cluster.direct(0).await;
    let found = direct
        .get(
            "default",
            format!("absurd {}", u64::MAX),
            Consistency::Linearizable,
        )
        .await;
    assert_eq!(found.expect("a get").entry.expect("the key").version, 3);
}

#[tokio::test]
async fn five_hundred_half_open_connections_are_hung_up_on() {
    let cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let bystander = Bystander::start(cluster.client().await);
    let [client, peer] = ports(&cluster, leader);
    let held = beside(move || {
        let mut held = Vec::new();
        for number in 0..250 {
            for address in [&client, &peer] {
                let mut socket = connect(address);
                // Nothing at all, the head of a frame, or half a greeting.
                let hello = hello();
                let part = [0, 2, 4, hello.len() / 2][number % 4];
                socket.write_all(&hello[..part]).expect("it is sent");
                held.push(socket);
            }
        }
        held
    })
    .await;
    assert_eq!(held.len(), 500);
    // New clients are served beside them.
    bystander.goes_on().await;
    cluster
        .direct(leader)
        .await
        .put("default", "k", "v")
        .await
        .expect("a put");
    beside(move || {
        for mut socket in held {
            assert!(is_hung_up(&mut socket));
        }
    })
    .await;
    bystander.goes_on().await;
    bystander.finish().await;
    assert_eq!(cluster.leader().await, leader, "no election");
}

#[tokio::test]
async fn connections_reset_in_the_middle_of_a_frame_harm_nobody() {
    let cluster = Cluster::start(&[]).await;
    let bystander = Bystander::start(cluster.client().await);
    for index in 0..3 {
        let [client, peer] = ports(&cluster, index);
        beside(move || {
            for round in 0..100_usize {
                let mut socket = greeted(&client);
                let whole = request(1, 5000, put(format!("reset {round}")));
                // Some whole requests before the one that is cut off.
                for _ in 0..round % 4 {
                    socket.write_all(&whole).expect("it is sent");
                }
                let part = &whole[..1 + round % (whole.len() - 1)];
                socket.write_all(part).expect("it is sent");
                reset(socket);
                let mut socket = connect(&peer);
                socket.write_all(&[0, 0, 0, 40, 1, 2]).expect("it is sent");
                reset(socket);
            }
        })
        .await;
        bystander.goes_on().await;
    }
    bystander.finish().await;
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused_and_both_are_named() {
    let cluster = Cluster::single(&[]).await;
    for protocol in [0, PROTOCOL_VERSION + 1, u32::MAX] {
        for service in [Service::Data, Service::Control] {
            let hello = Hello {
                protocol,
                program: "a later raftctl 9.9".to_owned(),
                ..Hello::new(service, true)
            };
            let (_, reply) = greet(cluster.address(0), hello).await.expect("an answer");
            let HelloReply::Refused { message } = reply else {
                panic!("{reply:?}");
            };
            for words in [
                format!("a later raftctl 9.9 speaks protocol {protocol}"),
                format!("speaks {PROTOCOL_VERSION}"),
                "use a client of the same version".to_owned(),
            ] {
                assert!(message.contains(&words), "{words:?} is not in {message}");
            }
        }
    }
    let stranger = Hello {
        magic: 0x1234_5678,
        ..Hello::new(Service::Data, true)
    };
    let (_, reply) = greet(cluster.address(0), stranger)
        .await
        .expect("an answer");
    assert!(matches!(reply, HelloReply::Refused { .. }), "{reply:?}");
}

#[tokio::test]
async fn a_reader_that_never_reads_does_not_hold_others_up() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    let value = vec![7; 1024 * 1024];
    direct.put("default", "large", value).await.expect("a put");
    let bystander = Bystander::start(cluster.client().await);
    let before = memory_bytes(&cluster);
    let address = cluster.address(0).to_owned();
    let held = beside(move || {
        let get = || DataRequest::Get {
            request: GetRequest::new("default", "large", Consistency::STALE),
        };
        let mut held = Vec::new();
        for _ in 0..4 {
            let mut socket = greeted(&address);
            let mut burst = BytesMut::new();
            for id in 0..100 {
                burst.put_slice(&request(id, 5000, get()));
            }
            socket.write_all(&burst).expect("it is sent");
            held.push(socket);
        }
        held
    })
    .await;
    bystander.goes_on().await;
    let grown = memory_bytes(&cluster).saturating_sub(before);
    assert!(
        grown < 256 << 20,
        "400 answers of 1 MiB wait in {grown} bytes"
    );
    drop(held);
    bystander.goes_on().await;
    bystander.finish().await;
}
