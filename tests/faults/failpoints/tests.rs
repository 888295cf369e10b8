//! Tests of the failpoints themselves.

use std::{fs, time::Duration};

use common::types::PutRequest;

use super::{PROGRAM, UNSYNCED, VARIABLE, is_killed, reached, set};
use crate::cluster::{Cluster, program, wait_for};

#[tokio::test]
async fn what_is_misspelt_refuses_the_start_with_all_names() {
    let mut cluster = Cluster::prepare(1, &[]);
    for wrong in ["wal.sink.before=eio", "wal.sync.before=panic", "unsynced"] {
        set(cluster.member(0), &["apply.before=kill@1000", wrong]);
        let (code, said) = cluster.member(0).refused().await;
        assert_eq!(code, Some(2), "{said}");
        for part in [wrong, "wal.sync.before", "broken.skip_sync", "delay(TIME)"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[tokio::test]
async fn a_member_dies_at_its_point_and_not_before() {
    let mut cluster = Cluster::prepare(1, &[]);
    set(cluster.member(0), &[UNSYNCED, "apply.after=kill@5"]);
    cluster.start_all();
    cluster.leader().await;
    let client = cluster.client().await.with_timeout(Duration::from_secs(1));
    let mut done = 0;
    wait_for("a write fails", async || {
        let put = client.put(PutRequest::new("default", "k", "v")).await;
        done += usize::from(put.is_ok());
        put.is_err().then_some(())
    })
    .await;
    let status = cluster.member(0).exited().await;
    assert!(is_killed(status), "{status:?}");
    assert_eq!(reached(&cluster.members()[0], "apply.after"), 1);
    // What it applies at its start counts, too.
    assert!((1..5).contains(&done), "{done}");
}

#[test]
fn nothing_of_it_is_in_the_ordinary_program() {
    let contains = |name| {
        let bytes = fs::read(program(name)).expect("a program");
        let mut windows = bytes.windows(VARIABLE.len());
        windows.any(|window| window == VARIABLE.as_bytes())
    };
    assert!(contains(PROGRAM));
    assert!(!contains("raftnoded"));
}
