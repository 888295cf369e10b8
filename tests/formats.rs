//! What a newer program wrote is refused, with both versions named, before anything is changed.

use std::fs;

use common::{
    transport::{Hello, HelloReply, PROTOCOL_VERSION, Service},
    types::PutRequest,
};

use crate::cluster::{Cluster, greet};

/// Puts the newer stamp of one file in place, and asserts what the start says to it.
async fn refuses(cluster: &mut Cluster, file: &str, newer: Vec<u8>, said: &[&str]) {
    let path = cluster.members()[0].data().join(file);
    let good = fs::read(&path).expect("the file");
    assert!(good != newer, "{file} is as it was");
    fs::write(&path, &newer).expect("the file");
    let (code, stderr) = cluster.member(0).refused().await;
    assert_eq!(code, Some(3), "{file}: {stderr}");
    for part in said {
        assert!(stderr.contains(part), "{file}: {part:?} is not in {stderr}");
    }
    assert!(
        fs::read(&path).expect("the file") == newer,
        "{file} was changed"
    );
    fs::write(&path, good).expect("the file");
}

#[tokio::test]
async fn newer_files_are_refused() {
    let mut cluster = Cluster::single(&[]).await;
    let client = cluster.client().await;
    client
        .put(PutRequest::new("default", "a", "1"))
        .await
        .expect("a put");
    let run = cluster.raftctl(0).run(&["snapshot", "trigger"]);
    assert_eq!(run.code, 0, "{run:?}");
    cluster.member(0).terminate();
    cluster.member(0).exited().await;
    let data = cluster.members()[0].data().to_owned();

    let identity = fs::read_to_string(data.join("identity.toml")).expect("the identity");
    let newer = identity.replace("format = 1", "format = 2");
    let said = ["has format 2", "reads up to 1", "run the newer program"];
    refuses(&mut cluster, "identity.toml", newer.into(), &said).await;

    let file = "snapshot/current.snap";
    let mut newer = fs::read(data.join(file)).expect("the snapshot");
    newer[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let said = [
        "has format version 2",
        "reads up to 1",
        "run the newer program",
    ];
    refuses(&mut cluster, file, newer, &said).await;

    let file = "wal/segment-0000000001.wal";
    let mut newer = fs::read(data.join(file)).expect("the log");
    newer[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let sum = crc32c(&newer[..24]);
    newer[24..28].copy_from_slice(&sum.to_le_bytes());
    let said = ["has format version 2", "up to 1", "newer release"];
    refuses(&mut cluster, file, newer, &said).await;

    // All of them as they were: it starts.
    cluster.member(0).start();
    cluster.leader().await;
}

#[tokio::test]
async fn a_newer_client_is_refused_by_name() {
    let cluster = Cluster::single(&[]).await;
    let mut hello = Hello::new(Service::Control, true);
    hello.protocol = PROTOCOL_VERSION + 1;
    let (_, reply) = greet(cluster.address(0), hello).await.expect("an answer");
    let HelloReply::Refused { message } = reply else {
        panic!("{reply:?}");
    };
    let newer = PROTOCOL_VERSION + 1;
    assert!(message.contains(&format!("protocol {newer}")), "{message}");
    assert!(
        message.contains(&format!("speaks {PROTOCOL_VERSION}")),
        "{message}"
    );
}

/// CRC32C (Castagnoli), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !sum
}
