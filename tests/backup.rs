//! Backups: taken from every member under load, verified, refused when damaged, and restored into a
//! new cluster that never mixes with the old one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::{
    Client, Error,
    types::{
        Consistency, Cursor, GetRequest, GrantLeaseRequest, Lifetime, OpenSessionRequest,
        PutRequest, Revision, Tag, WatchRequest, WatchTarget,
    },
};

use crate::cluster::{
    Cluster, PATIENCE, Raftctl, Run, Slots, contents, daemon, finish, wait_for, within,
};

/// What the revisions of a restored cluster are beyond those saved, unless it is said otherwise.
const BUMP: u64 = 1_000_000_000;

/// Runs `raftnoded restore`.
fn restore(file: &Path, data: &Path, more: &[&str]) -> Run {
    let mut command = daemon();
    command.arg("restore").arg(file).arg("--data-dir").arg(data);
    finish(command.args(["--name", "n1"]).args(more), None)
}

/// Runs `raftctl snapshot save`, which begins at once.
fn save(raftctl: Raftctl, file: &Path, more: &[&str]) -> impl Future<Output = Run> + use<> {
    let mut arguments = vec!["snapshot".to_owned(), "save".to_owned()];
    arguments.push(file.display().to_string());
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments.extend(["-o".to_owned(), "json".to_owned()]);
    // Beside the writers of the test, and not in their way.
    let running = tokio::task::spawn_blocking(move || raftctl.run(&arguments));
    async { running.await.expect("raftctl runs") }
}

/// Acknowledged writes: key, then value and revision.
type Acknowledged = Arc<Mutex<BTreeMap<Bytes, (Bytes, Revision)>>>;

fn copied(acknowledged: &Acknowledged) -> BTreeMap<Bytes, (Bytes, Revision)> {
    let held = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    held.clone()
}

/// Writes keys that nobody writes twice, until it is told to stop.
async fn write(client: Client, writer: u32, stop: Arc<AtomicBool>, acknowledged: Acknowledged) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = Bytes::from(format!("{writer}/{number:06}"));
        let value = Bytes::from(format!("{number:0>200}"));
        let put = PutRequest::new("default", key.clone(), value.clone());
        if let Ok(reply) = client.put(put).await {
            let mut held = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
            held.insert(key, (value, reply.revision));
        }
    }
}

/// Starts a cluster of one on a restored directory.
async fn start_restored(file: &Path, settings: &[&str]) -> Cluster {
    let mut cluster = Cluster::prepare(1, settings);
    let restored = restore(file, cluster.members()[0].data(), settings);
    assert_eq!(restored.code, 0, "{restored:?}");
    cluster.start_all();
    cluster.leader().await;
    cluster
}

#[tokio::test]
async fn a_backup_of_any_member_under_load_holds_all_that_was_acknowledged_before() {
    let _alone = Slots::alone();
    let mut cluster = Cluster::start(&[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Acknowledged::default();
    let mut writers = Vec::new();
    for writer in 0..4 {
        let client = cluster.client().await;
        let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        writers.push(tokio::spawn(write(client, writer, stop, acknowledged)));
    }
    let mut saved = Vec::new();
    for member in 0..3 {
        let goal = copied(&acknowledged).len() + 300;
        wait_for("writes are acknowledged", async || {
            (copied(&acknowledged).len() >= goal).then_some(())
        })
        .await;
        // The first one follows, and its leader is killed meanwhile; the others are as it comes.
        let from = if member == 0 {
            cluster.follower().await
        } else {
            member
        };
        let file = cluster.directory().join(format!("{member}.snap"));
        let leader = cluster.leader().await;
        let before = copied(&acknowledged);
        let name = format!("n{}", from + 1);
        let first = save(cluster.raftctl(from), &file, &["--from", &name]);
        let killed = (member == 0 && leader != from).then_some(leader);
        if let Some(leader) = killed {
            cluster.member(leader).kill();
        }
        let mut run = first.await;
        if run.code != 0 {
            // It was cut off, or had no leader: then there is no file, and later there is.
            assert!(killed.is_some(), "{run:?}");
            assert!(!file.exists(), "{run:?}");
            cluster.leader().await;
            run = save(cluster.raftctl(from), &file, &["--from", &name]).await;
        }
        if let Some(leader) = killed {
            cluster.member(leader).start();
            cluster.settled().await;
        }
        assert_eq!(run.code, 0, "{run:?}");
        let said = run.objects().remove(0);
        assert_eq!(said["member"], name);
        let revision: Revision = said["revision"].as_str().unwrap().parse().unwrap();
        assert!(before.values().all(|(_, written)| *written <= revision));
        let verified =
            cluster
                .raftctl(0)
                .run(&["snapshot", "verify", file.to_str().unwrap(), "-o", "json"]);
        assert_eq!(verified.code, 0, "{verified:?}");
        let verified = verified.objects().remove(0);
        for field in ["cluster_id", "revision", "records", "bytes", "checksum"] {
            assert_eq!(verified[field], said[field], "{field}");
        }
        saved.push((file, revision));
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer");
    }
    let acknowledged = copied(&acknowledged);
    // Of different members at different times, and each holds exactly what was written up to then.
    for (file, revision) in saved {
        let restored = start_restored(&file, &[]).await;
        let direct = restored.direct(0).await;
        let held = contents(&direct, "default", Consistency::Linearizable).await;
        for (key, (value, written)) in &acknowledged {
            assert_eq!(
                held.get(key),
                (*written <= revision).then_some(value),
                "{key:?}, written at {written}, backup of {revision}"
            );
        }
    }
}

async fn restored_goes_on(store: &str) {
    let _alone = Slots::alone();
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let lease = client
        .grant_lease(GrantLeaseRequest {
            ttl: Duration::from_secs(600),
        })
        .await
        .expect("a lease");
    let mut put = PutRequest::new("default", "leased", "1");
    put.lifetime = Lifetime::Lease(lease.id);
    client.put(put).await.expect("a put");
    let last = client.put(PutRequest::new("default", "a", "1")).await;
    let last = last.expect("a put").revision;
    let old = cluster.direct(0).await;
    let opening = OpenSessionRequest {
        ttl: Duration::from_secs(600),
    };
    let opened = old.data.open_session(within(PATIENCE), opening);
    let session = opened.await.expect("an answer").expect("a session").session;
    let tagged = |seq, key: &'static str| {
        let tag = Tag {
            session,
            seq,
            first_unacked: 1,
        };
        (Some(tag), PutRequest::new("default", key, "once"))
    };
    let (tag, request) = tagged(1, "d");
    let first = old.data.put(within(PATIENCE), tag, request).await;
    let first = first.expect("an answer").expect("a put");
    let file = cluster.directory().join("a.snap");
    let run = save(cluster.raftctl(0), &file, &[]).await;
    assert_eq!(run.code, 0, "{run:?}");
    // What comes after the backup is not in it, and was seen by a watcher.
    let later = client.put(PutRequest::new("default", "b", "2")).await;
    let later = later.expect("a put").revision;

    let mut restored = start_restored(&file, &["--store", store]).await;
    let status = restored.status(0).await.expect("a status");
    let old = cluster.status(0).await.expect("a status");
    assert_ne!(status.cluster_id, old.cluster_id);
    assert_eq!(status.members.len(), 1);
    assert_eq!(status.members[0].client_address, restored.address(0));
    assert_eq!(status.members[0].peer_address, restored.members()[0].peer());
    let direct = restored.direct(0).await;
    for from in [1, last, later, later + 1, last + BUMP] {
        let request = WatchRequest {
            namespace: "default".to_owned(),
            target: WatchTarget::Prefix(Bytes::new()),
            from: Cursor {
                revision: from,
                seen: 0,
            },
            previous: false,
            keys_only: false,
            max_wait: Duration::from_millis(100),
        };
        let watched = direct.data.watch(within(Duration::from_secs(10)), request);
        let refused = watched.await.expect("an answer");
        assert!(
            matches!(refused, Err(Error::Compacted { oldest }) if oldest > last + BUMP),
            "from {from}: {refused:?}"
        );
    }
    let written = direct.put("default", "c", "3").await.expect("a put");
    assert!(written.revision > last + BUMP, "{written:?}");
    let found = direct.get("default", "a", Consistency::Linearizable).await;
    assert_eq!(found.expect("a get").entry.expect("the key").revision, last);
    let found = direct.get("default", "b", Consistency::Linearizable).await;
    assert_eq!(found.expect("a get").entry, None);
    // A write of before, sent again, is answered and not repeated; another one is carried out.
    let (tag, request) = tagged(1, "d");
    let again = direct.data.put(within(PATIENCE), tag, request).await;
    assert_eq!(again.expect("an answer").expect("a put"), first);
    let (tag, request) = tagged(2, "e");
    let next = direct.data.put(within(PATIENCE), tag, request).await;
    assert!(next.expect("an answer").expect("a put").revision > last + BUMP);
    // The lease lives its rest.
    let kept = restored.client().await;
    let get = GetRequest::new("default", "leased", Consistency::Linearizable);
    let entry = kept.get(get).await.expect("a get").entry.expect("the key");
    assert_eq!(entry.lease, Some(lease.id));
    assert!(entry.ttl.is_some_and(|left| left > Duration::from_secs(60)));

    // Killed and started again it is the same; snapshots go on.
    restored.member(0).kill();
    restored.member(0).start();
    restored.leader().await;
    let again = restored.raftctl(0).run(&["snapshot", "trigger"]);
    assert_eq!(again.code, 0, "{again:?}");
    restored.member(0).kill();
    restored.member(0).start();
    restored.leader().await;
    let direct = restored.direct(0).await;
    let found = direct.get("default", "c", Consistency::Linearizable).await;
    assert_eq!(
        found.expect("a get").entry.expect("the key").revision,
        written.revision
    );
}

#[tokio::test]
async fn a_restored_cluster_goes_on_beyond_the_old_revisions() {
    restored_goes_on("memory").await;
}

#[tokio::test]
async fn a_restored_cluster_goes_on_beyond_the_old_revisions_on_rocksdb() {
    restored_goes_on("rocksdb").await;
}

/// Names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn damaged_cut_foreign_and_newer_files_are_refused_before_anything_is_written() {
    let cluster = Cluster::single(&[]).await;
    let client = cluster.client().await;
    for number in 0..50 {
        let put = PutRequest::new("default", format!("k{number}"), vec![7; 8000]);
        client.put(put).await.expect("a put");
    }
    let file = cluster.directory().join("good.snap");
    let run = save(cluster.raftctl(0), &file, &[]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let good = fs::read(&file).expect("the backup");

    let mut cases: Vec<(String, Vec<u8>, &str)> = Vec::new();
    // A prime step meets every part; so do the places around the header and the end.
    let places = (0..120).step_by(7).chain((0..good.len()).step_by(52_361));
    for at in places.chain(good.len() - 30..good.len()) {
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        cases.push((format!("byte {at} flipped"), damaged, ""));
        cases.push((format!("cut to {at}"), good[..at].to_vec(), "cut off"));
    }
    let mut longer = good.clone();
    longer.push(0);
    cases.push(("a byte more".to_owned(), longer, "trailer"));
    let mut newer = good.clone();
    newer[8..12].copy_from_slice(&9_u32.to_le_bytes());
    cases.push(("newer".to_owned(), newer, "has format version 9"));
    cases.push((
        "foreign".to_owned(),
        b"SQLite format 3\0".to_vec(),
        "not a raftnode snapshot",
    ));

    let directory = tempfile::tempdir().expect("a directory");
    let bad = directory.path().join("bad.snap");
    let raftctl = cluster.raftctl(0);
    for (what, bytes, reason) in cases {
        fs::write(&bad, bytes).expect("a file");
        let verified = raftctl.run(&["snapshot", "verify", bad.to_str().unwrap()]);
        assert_eq!(verified.code, 1, "{what}: {verified:?}");
        assert!(verified.stderr.contains(reason), "{what}: {verified:?}");
        assert!(verified.stdout.is_empty(), "{what}: {verified:?}");
        let refused = restore(&bad, &directory.path().join("data"), &[]);
        assert_eq!(refused.code, 3, "{what}: {refused:?}");
        assert!(refused.stderr.contains(reason), "{what}: {refused:?}");
        assert_eq!(names(directory.path()), ["bad.snap"], "{what}");
    }

    // A file that is not there, and a directory with something in it.
    let missing = directory.path().join("nothing");
    let refused = restore(&missing, &directory.path().join("data"), &[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let occupied = directory.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("precious"), "data").unwrap();
    let refused = restore(&file, &occupied, &[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");
    assert_eq!(names(&occupied), ["precious"]);
    // An empty one is fine, and what an interrupted run left is removed.
    let left = directory.path().join(".empty.draft-0123456789abcdef");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("LOCK"), "").unwrap();
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(restore(&file, &empty, &[]).code, 0);
    assert_eq!(names(directory.path()), ["bad.snap", "empty", "occupied"]);
    let refused = restore(&file, &empty, &[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let refused = restore(&file, &missing, &["--bump-revision", "0"]);
    assert_eq!(refused.code, 2, "{refused:?}");
}

#[tokio::test]
async fn a_file_is_not_replaced_unasked_and_never_half_there() {
    let cluster = Cluster::single(&[]).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file: PathBuf = directory.path().join("a.snap");
    let path = file.to_str().unwrap();
    let raftctl = cluster.raftctl(0);
    fs::write(&file, "old").unwrap();
    let refused = raftctl.run(&["snapshot", "save", path]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(raftctl.run(&["snapshot", "save", path, "--force"]).code, 0);
    let to_stdout = raftctl.run(&["snapshot", "save", "-"]);
    assert_eq!(to_stdout.code, 0, "{to_stdout:?}");
    assert_eq!(to_stdout.stdout, fs::read(&file).unwrap());
    let piped = raftctl.run_with_input(&to_stdout.stdout, &["snapshot", "verify", "-"]);
    assert_eq!(piped.code, 0, "{piped:?}");
    let unknown = raftctl.run(&["snapshot", "save", path, "--force", "--from", "n9"]);
    assert_eq!(unknown.code, 3, "{unknown:?}");
    let nobody = raftctl.run(&["snapshot", "save", path, "--force", "--from", "127.0.0.1:1"]);
    assert_eq!(nobody.code, 5, "{nobody:?}");
    assert_eq!(names(directory.path()), ["a.snap"]);
}

#[tokio::test]
async fn without_a_leader_only_a_stale_backup_is_to_be_had() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    client
        .put(PutRequest::new("default", "a", "1"))
        .await
        .expect("a put");
    cluster.settled().await;
    for index in [0, 1] {
        cluster.member(index).kill();
    }
    let file = cluster.directory().join("a.snap");
    let from = ["--from", "n3", "--timeout", "2s"];
    let refused = save(cluster.raftctl(2), &file, &from).await;
    assert!([6, 7].contains(&refused.code), "{refused:?}");
    assert!(!file.exists());
    let stale = [&from[..], &["--consistency", "stale"]].concat();
    let saved = save(cluster.raftctl(2), &file, &stale).await;
    assert_eq!(saved.code, 0, "{saved:?}");
}

#[tokio::test]
async fn a_snapshot_is_taken_at_once_and_the_log_before_it_goes() {
    let sizes = [
        "--log-retain",
        "0",
        "--log-segment",
        "2MiB",
        "--snapshot-every",
        "1GiB",
    ];
    let cluster = Cluster::start(&sizes).await;
    let client = cluster.client().await;
    for number in 0..60 {
        let put = PutRequest::new("default", format!("k{}", number % 3), vec![7; 100_000]);
        client.put(put).await.expect("a put");
    }
    cluster.settled().await;
    let run = cluster
        .raftctl(0)
        .run(&["snapshot", "trigger", "-o", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let rows = run.objects();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let index: u64 = row["snapshot"].as_str().expect("an index").parse().unwrap();
        let purged: u64 = row["purged"].as_str().expect("an index").parse().unwrap();
        assert!(index >= 60 && purged >= 60, "{row}");
        assert!(row["state_bytes"].as_u64() > Some(300_000), "{row}");
    }
    // One alone, by address; and one that is not there.
    let run = cluster
        .raftctl(0)
        .run(&["snapshot", "trigger", cluster.address(1), "-o", "plain"]);
    assert_eq!(run.code, 0, "{run:?}");
    let run = cluster
        .raftctl(0)
        .run(&["snapshot", "trigger", "n1", "127.0.0.1:1"]);
    assert_eq!(run.code, 1, "{run:?}");
}
