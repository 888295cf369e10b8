//! raftctl in a pipe: stdout, stderr and exit code, exactly.

mod cluster;
mod data;
mod exits;
mod keys;
mod members;
mod refusals;

use common::types::{Consistency, PutReply};

use crate::cluster::{Cluster, Direct, Raftctl};

/// A cluster of one, raftctl for it, and a connection to look behind it.
async fn single() -> (Cluster, Raftctl, Direct) {
    let cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    let direct = cluster.direct(0).await;
    (cluster, raftctl, direct)
}

/// The revision of a key.
async fn revision(direct: &Direct, key: &str) -> u64 {
    let found = direct
        .get("default", key.to_owned(), Consistency::Linearizable)
        .await;
    found.expect("a get").entry.expect("the key").revision
}

async fn put(direct: &Direct, key: &'static str, value: &'static str) -> PutReply {
    direct.put("default", key, value).await.expect("a put")
}
