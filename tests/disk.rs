//! Full disks: a member takes no writes, says so, and comes back by itself. A log that cannot be
//! written ends the member with a clear word, and the others go on.
//!
//! A small file system that is filled to the last byte needs root; without, those tests say loudly
//! that they were skipped. The others use the file system at hand and a reserve so large that a
//! file of moderate size reaches into it.

use std::{
    fs::{self, File},
    time::Duration,
};

use common::{
    Client, Error,
    types::{Consistency, DeleteRequest, GetRequest, PutRequest},
};
use futures::future::join_all;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::{
    cluster::{Cluster, wait_for},
    faults::disks::{Disks, Filler},
};

/// Settings for members on a small file system.
const SMALL: [&str; 10] = [
    "--log-segment",
    "1MiB",
    "--max-value-bytes",
    "64KiB",
    "--snapshot-every",
    "1MiB",
    "--log-retain",
    "0",
    "--disk-reserve",
    "16MiB",
];

/// Three members, each on a small file system of its own.
struct Small {
    cluster: Cluster,
    // After the cluster: the members are gone by then.
    disks: Disks,
}

impl Small {
    async fn start() -> Option<Self> {
        let mut cluster = Cluster::prepare(3, &SMALL);
        let disks = Disks::under(&mut cluster, 72 << 20)
            .inspect_err(|why| eprintln!("SKIPPED: no small file systems: {why}"))
            .ok()?;
        cluster.start_all();
        cluster.leader().await;
        Some(Self { cluster, disks })
    }

    async fn read_only(&self, index: usize) -> Option<String> {
        self.cluster.status(index).await?.read_only
    }

    async fn becomes_read_only(&self, index: usize) {
        wait_for("the member says that it takes no writes", async || {
            self.read_only(index).await
        })
        .await;
        let status = self.cluster.status(index).await.expect("a status");
        let alarm = status
            .alarms
            .iter()
            .find(|alarm| alarm.contains("takes no writes"));
        assert!(alarm.is_some(), "{:?}", status.alarms);
    }

    async fn takes_writes_again(&self, index: usize) {
        wait_for("the member takes writes again", async || {
            let status = self.cluster.status(index).await?;
            status.read_only.is_none().then_some(())
        })
        .await;
    }

    /// No member was started twice, and none has ended.
    fn assert_alive(&mut self, processes: &[u32]) {
        for (index, process) in processes.iter().enumerate() {
            let member = &self.cluster.members()[index];
            assert_eq!(member.process_id(), *process);
            assert!(
                fs::read_to_string(format!("/proc/{process}/stat"))
                    .is_ok_and(|stat| !stat.contains(") Z ")),
                "{} has ended",
                member.name()
            );
        }
    }

    fn processes(&self) -> Vec<u32> {
        let members = self.cluster.members().iter();
        members.map(|member| member.process_id()).collect()
    }
}

/// All of the members' disks, to the last byte.
fn fill_all(small: &Small) -> Vec<Filler> {
    let volumes = small.disks.volumes().iter();
    volumes.map(|volume| volume.fill(0)).collect()
}

async fn put(client: &Client, key: &str, size: usize) -> Result<(), Error> {
    let request = PutRequest::new("default", key.to_owned(), vec![b'v'; size]);
    client.put(request).await.map(drop)
}

/// Waits until a write is refused for want of room, and returns the reason. A write of the moment
/// in which the room went may still be carried out, or wait for members that take it no more.
async fn refusal(client: &Client) -> String {
    let client = client.with_timeout(Duration::from_secs(2));
    wait_for("a write is refused", async || {
        match put(&client, "probe", 10).await {
            Err(Error::ReadOnly { reason }) => Some(reason),
            _ => None,
        }
    })
    .await
}

#[tokio::test]
async fn a_full_follower_falls_behind_and_catches_up_when_there_is_room() {
    let Some(mut small) = Small::start().await else {
        return;
    };
    let processes = small.processes();
    let client = small.cluster.client().await;
    put(&client, "before", 10).await.expect("a put");
    let leader = small.cluster.leader().await;
    let full = (leader + 1) % 3;
    let filler = small.disks.of(full).fill(0);
    small.becomes_read_only(full).await;
    // More than the others keep of their logs: it will need a snapshot, and has no room for one.
    for number in 0..160 {
        let key = format!("k{}", number % 20);
        put(&client, &key, 60 << 10).await.expect("a put");
    }
    let behind = small.cluster.status(full).await.expect("a status");
    wait_for("the leader knows that it is behind", async || {
        let ahead = small.cluster.status(leader).await?;
        assert!(behind.applied < ahead.applied, "{behind:?}\n{ahead:?}");
        let lag = ahead.lags.iter().find(|lag| lag.id == full as u64 + 1)?;
        assert!(lag.matched < Some(ahead.last_log), "{lag:?}");
        (!lag.behind.is_zero() && lag.last_contact < Some(Duration::from_secs(5))).then_some(())
    })
    .await;
    // It still hears from its leader.
    assert_eq!(behind.leader, Some(leader as u64 + 1));
    assert!(
        behind.since_leader < Some(Duration::from_secs(5)),
        "{behind:?}"
    );
    drop(filler);
    small.takes_writes_again(full).await;
    small.cluster.assert_replicas_equal("default").await;
    assert_eq!(small.cluster.leader().await, leader);
    small.assert_alive(&processes);
}

#[tokio::test]
async fn a_full_leader_hands_over_and_no_write_fails() {
    let Some(mut small) = Small::start().await else {
        return;
    };
    let processes = small.processes();
    let client = small.cluster.client().await;
    let leader = small.cluster.leader().await;
    put(&client, "before", 10).await.expect("a put");
    let filler = small.disks.of(leader).fill(0);
    let mut number = 0;
    let next = wait_for("another member leads", async || {
        put(&client, &format!("k{}", number % 10), 100)
            .await
            .expect("a put while leadership moves");
        number += 1;
        let now = small.cluster.leader_now().await?;
        (now != leader).then_some(now)
    })
    .await;
    small.becomes_read_only(leader).await;
    for number in 0..50 {
        let key = format!("k{}", number % 10);
        put(&client, &key, 1000).await.expect("a put");
    }
    // It stays with the one that has room.
    assert_eq!(small.cluster.leader().await, next);
    drop(filler);
    small.takes_writes_again(leader).await;
    small.cluster.assert_replicas_equal("default").await;
    small.assert_alive(&processes);
}

#[tokio::test]
async fn while_a_majority_is_full_reads_work_and_writes_are_refused() {
    let Some(mut small) = Small::start().await else {
        return;
    };
    let processes = small.processes();
    let client = small.cluster.client().await;
    for key in ["kept", "gone"] {
        put(&client, key, 10).await.expect("a put");
    }
    small.cluster.settled().await;
    let leader = small.cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();

    // Into the reserve of 16 MiB, and not to its last quarter.
    let fillers: Vec<Filler> = others
        .iter()
        .map(|index| small.disks.of(*index).fill(10 << 20))
        .collect();
    for index in [others[0], others[1], leader] {
        small.becomes_read_only(index).await;
    }
    let reason = small.read_only(leader).await.expect("a reason");
    assert!(
        reason.contains("n") && reason.contains("voters"),
        "{reason}"
    );
    refusal(&client).await;
    // On the command line, too.
    let run = small
        .cluster
        .raftctl(others[0])
        .run(&["put", "default", "kept", "x"]);
    assert!(run.code != 0, "{run:?}");
    assert!(run.stderr.contains("takes no writes"), "{run:?}");
    // What frees room is still possible.
    let delete = DeleteRequest::new("default", vec!["gone".into()]);
    let deleted = client.delete(delete).await.expect("a delete");
    assert_eq!(deleted.deleted, 1);
    drop(fillers);

    // All of them, to the last byte.
    for index in 0..3 {
        small.takes_writes_again(index).await;
    }
    let fillers = fill_all(&small);
    for index in 0..3 {
        small.becomes_read_only(index).await;
    }
    refusal(&client).await;
    for consistency in [Consistency::Linearizable, Consistency::STALE] {
        let get = GetRequest::new("default", "kept", consistency);
        let found = client.get(get).await.expect("a read");
        assert_eq!(found.entry.map(|entry| entry.value.len()), Some(10));
    }
    drop(fillers);
    for index in 0..3 {
        small.takes_writes_again(index).await;
    }
    put(&client, "kept", 30).await.expect("a put");
    small.cluster.assert_replicas_equal("default").await;
    small.assert_alive(&processes);
}

#[tokio::test]
async fn writers_at_full_speed_do_not_bring_the_log_to_its_end() {
    let Some(mut small) = Small::start().await else {
        return;
    };
    let processes = small.processes();
    let client = small.cluster.client().await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (client, stop) = (client.with_timeout(Duration::from_secs(2)), stop.clone());
            tokio::spawn(async move {
                let mut done = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let key = format!("w{writer}-{}", done % 3);
                    if put(&client, &key, 20 << 10).await.is_ok() {
                        done += 1;
                    }
                }
                done
            })
        })
        .collect();
    let fillers = fill_all(&small);
    for index in 0..3 {
        small.becomes_read_only(index).await;
    }
    refusal(&client).await;
    small.assert_alive(&processes);
    drop(fillers);
    wait_for("writes go on", async || put(&client, "k", 1).await.ok()).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.expect("a writer") > 0);
    }
    small.cluster.assert_replicas_equal("default").await;
    small.assert_alive(&processes);
}

#[tokio::test]
async fn a_disk_filled_into_the_reserve_takes_no_writes_until_there_is_room() {
    let place = tempfile::tempdir().expect("a directory");
    let found = rustix::fs::statvfs(place.path()).expect("a file system");
    let free = found.f_bavail * found.f_frsize;
    let reserve = (free / 2).to_string();
    let mut cluster = Cluster::prepare(1, &["--disk-reserve", &reserve]);
    cluster.start_all();
    cluster.leader().await;
    let client = cluster.client().await;
    put(&client, "k", 1).await.expect("a put");
    let status = cluster.status(0).await.expect("a status");
    assert_eq!(status.read_only, None);
    let disk = status.disk.expect("the disk");
    assert!(disk.free <= disk.total && disk.total > 0, "{disk:?}");

    let file = File::create(place.path().join("filler")).expect("a file");
    let flags = rustix::fs::FallocateFlags::empty();
    rustix::fs::fallocate(&file, flags, 0, free / 10 * 6).expect("room for most of what is free");
    let reason = wait_for("it takes no writes", async || {
        cluster.status(0).await?.read_only
    })
    .await;
    assert!(reason.contains("--disk-reserve"), "{reason}");
    let reason = refusal(&client).await;
    assert!(reason.contains("is full"), "{reason}");
    let get = GetRequest::new("default", "k", Consistency::Linearizable);
    let found = client.get(get).await.expect("a read").entry;
    assert_eq!(found.map(|entry| entry.value.len()), Some(1));
    let delete = DeleteRequest::new("default", vec!["k".into()]);
    assert_eq!(client.delete(delete).await.expect("a delete").deleted, 1);

    file.set_len(0).expect("the room is given back");
    wait_for("it takes writes again", async || {
        put(&client, "k", 3).await.ok()
    })
    .await;
    assert_eq!(cluster.status(0).await.expect("a status").read_only, None);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_ends_the_member_and_the_others_go_on() {
    let mut cluster =
        Cluster::start(&["--log-segment", "1MiB", "--max-value-bytes", "64KiB"]).await;
    let client = cluster.client().await;
    // Well into the first file of the log, and beyond the limit to come.
    for number in 0..8 {
        put(&client, &format!("k{number}"), 50 << 10)
            .await
            .expect("a put");
    }
    cluster.settled().await;
    let leader = cluster.leader().await;
    for broken in [(leader + 1) % 3, leader] {
        let process = Pid::from_raw(cluster.member(broken).process_id() as i32);
        let limit = Rlimit {
            current: Some(200 << 10),
            maximum: Some(200 << 10),
        };
        prlimit(process, Resource::Fsize, limit).expect("an own child is limited");
        // Several at once: they share a batch, and end together.
        let keys: Vec<String> = (0..16).map(|number| format!("during{number}")).collect();
        for written in join_all(keys.iter().map(|key| put(&client, key, 10))).await {
            // The leader may have been cut off with the answer; never more than that.
            assert!(
                matches!(written, Ok(()) | Err(Error::OutcomeUnknown { .. })),
                "{written:?}"
            );
        }
        let status = cluster.member(broken).exited().await;
        assert_eq!(status.code(), Some(1));
        let stderr = cluster.member(broken).stderr();
        let last = stderr.lines().last().expect("a last word");
        assert!(
            last.contains("the log could not be written or synced")
                && last.contains("Check the disk, then restart"),
            "{last}"
        );
        put(&client, "after", 10).await.expect("the others go on");
        cluster.member(broken).start();
        cluster.assert_replicas_equal("default").await;
    }
}
