//! Export and import: much at once, bytes as they are, one revision.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::types::{Consistency, Lifetime, Operation, PutRequest, TxnRequest};
use serde_json::Value;

use crate::cluster::{Cluster, contents};

#[tokio::test]
async fn an_export_read_back_is_the_same_byte_for_byte() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let keys: Vec<Bytes> = (0..=255_u8)
        .map(|byte| vec![b'k', byte, 0, byte].into())
        .collect();
    for (number, key) in keys.iter().enumerate() {
        let value = vec![u8::try_from(number).expect("a byte"); number];
        let mut put = PutRequest::new("source", key.clone(), value);
        if number == 7 {
            put.lifetime = Lifetime::Ttl(Duration::from_secs(3600));
        }
        client.put(put).await.expect("a put");
    }
    let raftctl = cluster.raftctl(cluster.follower().await);
    let exported = raftctl.run(&["export", "source"]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let lines = exported.objects();
    assert_eq!(lines[0]["raftnode_export"], 1);
    assert_eq!(lines.last().expect("a last line")["keys"], "256");
    let imported =
        raftctl.run_with_input(&exported.stdout, &["import", "copy", "-", "-o", "plain"]);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    assert!(
        imported.text().starts_with("256\t0\t"),
        "{}",
        imported.text()
    );
    let direct = cluster.direct(0).await;
    let source = contents(&direct, "source", Consistency::Linearizable).await;
    assert_eq!(
        source,
        contents(&direct, "copy", Consistency::Linearizable).await
    );
    // What was to end ends in the copy, too, and only that.
    let found = direct
        .get("copy", keys[7].clone(), Consistency::Linearizable)
        .await;
    let ttl = found.expect("a get").entry.expect("the key").ttl;
    assert!(
        ttl.is_some_and(|ttl| ttl > Duration::from_secs(3000)),
        "{ttl:?}"
    );

    // Again: three ways.
    let again = |how: &str| {
        raftctl.run_with_input(
            &exported.stdout,
            &["import", "copy", "-", "--on-conflict", how, "-o", "plain"],
        )
    };
    assert_eq!(again("fail").code, 4);
    let skipped = again("skip");
    assert!(skipped.text().starts_with("0\t256\t"), "{}", skipped.text());
    let overwritten = again("overwrite");
    assert!(
        overwritten.text().starts_with("256\t0\t"),
        "{}",
        overwritten.text()
    );

    // Cut off, and damaged in the middle: said, with how far it came.
    let text = exported.text();
    let cut: Vec<&str> = text.lines().take(100).collect();
    let cut = raftctl.run_with_input(cut.join("\n").as_bytes(), &["import", "cut", "-"]);
    assert_eq!(cut.code, 1, "{}", cut.stderr);
    assert!(cut.stderr.contains("99"), "{}", cut.stderr);
    let damaged = text.replacen("\"key_b64\"", "\"kee\"", 1);
    let damaged = raftctl.run_with_input(damaged.as_bytes(), &["import", "damaged", "-"]);
    assert_ne!(damaged.code, 0);
    assert!(damaged.stderr.contains("kee") || damaged.stderr.contains("key"));
}

#[tokio::test]
async fn an_export_shows_one_revision_while_everything_changes() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let padding = "v".repeat(2_000);
    // Many pages; every transaction gives two keys far apart the same value.
    let write = move |key: String, round: u32| Operation::Put {
        namespace: "default".to_owned(),
        key: key.into(),
        value: format!("{round} {padding}").into(),
        lifetime: Lifetime::Default,
        previous: false,
    };
    let pair = move |number: u32, round: u32| TxnRequest {
        then: vec![
            write(format!("a{number:04}"), round),
            write(format!("z{number:04}"), round),
        ],
        ..TxnRequest::default()
    };
    for number in 0..1000 {
        client.txn(pair(number, 0)).await.expect("a transaction");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let writing = tokio::spawn(async move {
        let mut round = 0;
        while !stopped.load(Ordering::Relaxed) {
            round += 1;
            for number in (0..1000).step_by(7) {
                let written = client.txn(pair(number, round)).await;
                written.expect("a transaction");
            }
        }
    });
    let file = cluster.directory().join("export.jsonl");
    for _ in 0..5 {
        let raftctl = cluster.raftctl(0);
        let path = file.display().to_string();
        let exported = tokio::task::spawn_blocking(move || {
            raftctl.run(&["export", "default", "--file", &path])
        });
        let exported = exported.await.expect("a task");
        assert_eq!(exported.code, 0, "{}", exported.stderr);
        let text = fs::read_to_string(&file).expect("the file");
        let mut values = std::collections::BTreeMap::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            if let (Some(key), Some(value)) = (line["key"].as_str(), line["value"].as_str()) {
                values.insert(key.to_owned(), value.to_owned());
            }
        }
        assert_eq!(values.len(), 2000);
        for number in 0..1000 {
            assert_eq!(
                values[&format!("a{number:04}")],
                values[&format!("z{number:04}")],
                "{number}"
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.expect("a writer");
}

#[tokio::test]
async fn an_export_of_nothing_is_whole_and_of_what_is_not_there_an_error() {
    let cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    let empty = raftctl.run(&["export", "default"]);
    assert_eq!(empty.objects().len(), 2);
    let imported = raftctl.run_with_input(&empty.stdout, &["import", "default", "-"]);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let missing = raftctl.run(&["export", "no-such-namespace"]);
    assert_eq!(missing.code, 3, "{}", missing.stderr);
}
