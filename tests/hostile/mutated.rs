//! Mutated greetings and frames, from the corpora of the readers, over thousands of real connections.

use std::{
    io::{Read, Write},
    net::Shutdown,
    time::Duration,
};

use bytes::BytesMut;
use common::transport::{Hello, Service, write_postcard};
use fuzzing::Mutator;

use super::{
    Bystander, beside, memory_bytes, ports,
    wire::{connect, frame, message, reset},
};
use crate::cluster::Cluster;

/// Connections to each port.
const CONNECTIONS: usize = 2500;

/// The mutations are the same in every run.
const SEED: u64 = 0x5eed_f00d;

/// How long an answer is waited for: a request may have become one that waits.
const PATIENCE: Duration = Duration::from_millis(100);

/// The inputs of a reader, as frames.
fn frames(package: &str, name: &str) -> Vec<Vec<u8>> {
    let directory = format!("{}/../{package}", env!("CARGO_MANIFEST_DIR"));
    let inputs = fuzzing::corpus(&directory, name);
    assert!(!inputs.is_empty(), "{package} has a corpus {name}");
    inputs.iter().map(|input| frame(input)).collect()
}

/// What is sent on one connection: greetings to be mutated, or one that is good and then frames that
/// are.
struct Attack {
    /// None: the greeting itself is mutated.
    greeting: Option<Vec<u8>>,
    frames: Vec<Vec<u8>>,
}

impl Attack {
    fn stream(&self, mutator: &mut Mutator) -> Vec<u8> {
        let mut stream = self.greeting.clone().unwrap_or_default();
        for _ in 0..=mutator.below(3) {
            let mut bytes = mutator.mutate(&self.frames);
            // Mostly with a length that fits, so that the content is read.
            if bytes.len() >= 4 && !mutator.one_in(8) {
                bytes = frame(&bytes[4..]);
            }
            stream.extend(bytes);
        }
        stream
    }
}

/// Sends all of it, and takes whatever comes back.
fn send(address: &str, stream: &[u8], mutator: &mut Mutator) {
    let mut socket = connect(address);
    // It may be hung up on before all is written.
    let _ = socket.write_all(stream);
    if mutator.one_in(8) {
        return reset(socket);
    }
    let _ = socket.shutdown(Shutdown::Write);
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut answers = Vec::new();
    let _ = socket.take(1 << 20).read_to_end(&mut answers);
}

/// A member's greeting for a snapshot, as members send it: magic, protocol, and a purpose with its
/// cluster, both ids, the sender's incarnation and the channel.
fn snapshot_greeting(cluster_id: &str) -> Vec<u8> {
    let cluster_id = u128::from_str_radix(cluster_id, 16).expect("a cluster id");
    let (magic, protocol, purpose, channel) = (0x524e_5031_u32, 2_u32, 0_u32, 2_u32);
    let (from, incarnation, to) = (9_u64, 7_u64, 1_u64);
    let mut bytes = BytesMut::new();
    let greeting = (
        magic,
        protocol,
        purpose,
        cluster_id,
        from,
        incarnation,
        to,
        channel,
    );
    write_postcard(&greeting, &mut bytes).expect("it can be encoded");
    frame(&bytes)
}

#[tokio::test]
async fn mutated_greetings_and_frames_harm_nobody() {
    // Alone, for a mutated request may well be one to hand leadership over, or to remove a member.
    let cluster = Cluster::single(&[]).await;
    let status = cluster.status(0).await.expect("a status");
    let [client, peer] = ports(&cluster, 0);
    let greeting = |service| Some(message(&Hello::new(service, true)));
    // What members send each other is trusted in what it says, for Raft is. A snapshot is not.
    let snapshots = frames("raftnoded", "channel")
        .into_iter()
        .filter(|it| it[4] == 0);
    let on_clients = [
        Attack {
            greeting: None,
            frames: frames("common", "hello"),
        },
        Attack {
            greeting: greeting(Service::Data),
            frames: frames("common", "data-request"),
        },
        Attack {
            greeting: greeting(Service::Control),
            // None that has an address in it: the member would call there.
            frames: frames("common", "control-request")
                .into_iter()
                .filter(|it| !it.windows(3).any(|some| some == b"127"))
                .collect(),
        },
    ];
    let on_members = [
        Attack {
            greeting: None,
            frames: frames("raftnoded", "greeting"),
        },
        Attack {
            greeting: Some(snapshot_greeting(&status.cluster_id)),
            frames: snapshots.map(|it| frame(&it[5..])).collect(),
        },
    ];

    let bystander = Bystander::start_in("bystanders", cluster.client().await);
    bystander.goes_on().await;
    let before = memory_bytes(&cluster);
    let mut mutator = Mutator::new(SEED);
    for (address, attacks) in [(client, &on_clients[..]), (peer, &on_members[..])] {
        for part in 0..10 {
            let streams: Vec<_> = (0..CONNECTIONS / 10)
                .map(|number| attacks[number % attacks.len()].stream(&mut mutator))
                .collect();
            let address = address.clone();
            beside(move || {
                let mut mutator = Mutator::new(SEED + part);
                for stream in &streams {
                    send(&address, stream, &mut mutator);
                }
            })
            .await;
            bystander.goes_on().await;
        }
    }
    bystander.finish().await;

    let grown = memory_bytes(&cluster).saturating_sub(before);
    assert!(grown < 128 << 20, "the member has grown by {grown} bytes");
    let member = &cluster.members()[0];
    let log = member.stderr();
    assert!(!log.contains("panicked"), "a task of the member panicked");
    let after = cluster.status(0).await.expect("a status");
    assert_eq!(
        (after.cluster_id, after.id, after.term),
        (status.cluster_id, 1, status.term)
    );
    assert!(after.uptime >= status.uptime, "it is the same process");
}
