//! Data directories that must not be used, and what the refusal says.

use std::fs;

use common::types::Consistency;

use crate::cluster::{Cluster, copy_directory, wait_for};

#[tokio::test]
async fn a_wiped_member_must_not_come_back_under_its_old_id() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let wiped = cluster.follower().await;
    let (name, data) = {
        let member = cluster.member(wiped);
        member.kill();
        fs::remove_dir_all(member.data()).expect("the directory is removed");
        (member.name().to_owned(), member.data().to_owned())
    };
    let (code, said) = cluster.member(wiped).refused().await;
    assert_eq!(code, Some(3), "{said}");
    for words in [
        format!("knows {name} as member {}", wiped + 1),
        "must not come back under its old id".to_owned(),
        "Start it with the old directory".to_owned(),
    ] {
        assert!(said.contains(&words), "{words:?} is not in {said}");
    }
    // The others go on, and a further attempt with what the first one left is refused, too.
    let other = cluster.leader().await;
    cluster
        .direct(other)
        .await
        .put("default", "k", "v")
        .await
        .expect("a put");
    assert!(data.exists());
    assert_eq!(cluster.member(wiped).refused().await.0, Some(3));
}

#[tokio::test]
async fn a_member_whose_log_was_removed_is_refused() {
    let mut cluster = Cluster::start(&[]).await;
    let index = cluster.follower().await;
    cluster
        .direct(index)
        .await
        .put("default", "k", "v")
        .await
        .expect("a put");
    cluster.settled().await;
    let member = cluster.member(index);
    member.kill();
    fs::remove_dir_all(member.data().join("wal")).expect("the log is removed");
    let (code, said) = member.refused().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("its log in"), "{said}");
    assert!(
        said.contains("must not come back under its old id"),
        "{said}"
    );
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let mut cluster = Cluster::prepare(2, &[]);
    for index in [0, 1] {
        cluster.member(index).forget_settings();
    }
    let data = cluster.members()[0].data().to_owned();
    cluster.member(0).start();
    wait_for("the first one serves", async || cluster.status(0).await).await;
    cluster.member(1).set_data(&data);
    let (code, said) = cluster.member(1).refused().await;
    assert_eq!(code, Some(3), "{said}");
    let expected = format!(
        "the data directory {} is in use by another process; stop that one, or give this one a \
         --data-dir of its own",
        data.display()
    );
    assert!(said.contains(&expected), "{said}");
    // The lock goes with the process, however it ends.
    cluster.leader().await;
    cluster
        .direct(0)
        .await
        .put("default", "k", "v")
        .await
        .expect("a put");
    cluster.member(0).kill();
    cluster.member(0).start();
    wait_for("the directory is free again", async || {
        cluster.status(0).await
    })
    .await;
}

#[tokio::test]
async fn the_directory_of_another_cluster_is_refused() {
    let mut cluster = Cluster::start(&[]).await;
    let mut foreign = Cluster::start(&[]).await;
    let writer = foreign.direct(0).await;
    writer.put("default", "foreign", "x").await.expect("a put");
    foreign.settled().await;
    let direct = cluster.direct(0).await;
    direct.put("default", "own", "v").await.expect("a put");
    cluster.settled().await;
    let own_id = cluster.status(0).await.expect("a status").cluster_id;
    let foreign_id = foreign.status(0).await.expect("a status").cluster_id;
    assert_ne!(own_id, foreign_id);

    let index = cluster.follower().await;
    foreign.kill_all();
    cluster.member(index).kill();
    let data = foreign.members()[index].data().to_owned();
    cluster.member(index).set_data(&data);
    let (code, said) = cluster.member(index).refused().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&own_id), "{said}");
    assert!(said.contains(&foreign_id), "{said}");

    // Nothing of it reached the cluster.
    let leader = cluster.leader().await;
    let found = cluster.replica(leader, "default").await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["own"]);
}

#[tokio::test]
async fn a_copy_of_a_directory_does_not_speak_for_another_member() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let index = cluster.follower().await;
    cluster.member(index).kill();
    let copy = cluster.directory().join("copy");
    cluster.members()[leader].copy_data(&copy);
    cluster.member(index).set_data(&copy);
    let (code, said) = cluster.member(index).refused().await;
    assert_eq!(code, Some(3), "{said}");
    let belongs = format!("belongs to n{}, not to n{}", leader + 1, index + 1);
    assert!(said.contains(&belongs), "{said}");
}

#[tokio::test]
async fn a_directory_of_something_else_or_of_another_store_is_refused() {
    let mut cluster = Cluster::prepare(1, &[]);
    let data = cluster.members()[0].data().to_owned();
    fs::create_dir(&data).expect("a directory");
    fs::write(data.join("thesis.tex"), "precious").expect("a file");
    let (code, said) = cluster.member(0).refused().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("is not empty and holds no identity.toml"),
        "{said}"
    );
    fs::remove_file(data.join("thesis.tex")).expect("the file is removed");

    cluster.member(0).start();
    cluster.leader().await;
    cluster.member(0).kill();
    cluster.member(0).set(&["--store", "rocksdb"]);
    let (code, said) = cluster.member(0).refused().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("was made with --store memory"), "{said}");
}

#[tokio::test]
async fn a_changed_identity_or_one_of_a_newer_program_is_refused() {
    let mut cluster = Cluster::single(&[]).await;
    cluster.member(0).kill();
    let path = cluster.members()[0].data().join("identity.toml");
    let identity = fs::read_to_string(&path).expect("the identity");
    let newer = identity.replace("format = 1", "format = 99");
    let cut = identity[..identity.len() / 2].to_owned();
    let other_id = identity.replace("node_id = 1", "node_id = 2");
    for (text, words) in [
        (newer, "has format 99"),
        (cut, "is damaged"),
        (other_id, "checksum does not match"),
    ] {
        assert_ne!(text, identity, "the test changes the file");
        fs::write(&path, text).expect("the file is written");
        let (code, said) = cluster.member(0).refused().await;
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(words), "{words:?} is not in {said}");
        assert!(
            said.contains("identity.toml") || said.contains("data directory"),
            "{said}"
        );
    }
    fs::write(&path, identity).expect("the file is written");
    cluster.member(0).start();
    cluster.leader().await;
}

#[tokio::test]
async fn a_log_damaged_before_its_end_is_refused_and_the_file_named() {
    let mut cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    for number in 0..100 {
        direct
            .put("default", format!("k{number}"), vec![7; 4096])
            .await
            .expect("a put");
    }
    cluster.member(0).kill();
    let wal = cluster.members()[0].data().join("wal");
    let found: Vec<_> = fs::read_dir(&wal)
        .expect("the log")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    // The values are all alike: one of them lies in the middle of what was written.
    let mut damaged = None;
    for path in found.iter().filter(|path| path.is_file()) {
        let mut bytes = fs::read(path).expect("a segment");
        if let Some(place) = bytes.windows(64).position(|window| window == [7; 64]) {
            bytes[place + 10] ^= 1;
            fs::write(path, bytes).expect("the segment is written");
            damaged = Some(path.clone());
            break;
        }
    }
    let damaged = damaged.expect("a segment that holds a value");
    let (code, said) = cluster.member(0).refused().await;
    assert_eq!(code, Some(3), "{said}");
    let name = damaged.file_name().expect("a name").to_string_lossy();
    assert!(said.contains(&*name), "{name} is not named: {said}");
}

#[tokio::test]
async fn a_directory_that_moved_with_its_member_goes_on() {
    let mut cluster = Cluster::start(&[]).await;
    cluster
        .direct(0)
        .await
        .put("default", "k", "v")
        .await
        .expect("a put");
    cluster.settled().await;
    let index = cluster.follower().await;
    let moved = cluster.directory().join("moved");
    let member = cluster.member(index);
    member.terminate();
    assert!(member.exited().await.success());
    fs::rename(member.data(), &moved).expect("the directory moves");
    member.set_data(&moved);
    member.start();
    cluster.settled().await;
    let found = cluster
        .direct(index)
        .await
        .get("default", "k", Consistency::STALE)
        .await;
    assert_eq!(found.expect("a get").entry.expect("the key").value, "v");
}

#[tokio::test]
async fn a_member_whose_identity_was_removed_is_refused_and_makes_no_new_one() {
    let mut cluster = Cluster::single(&[]).await;
    cluster.member(0).kill();
    let path = cluster.members()[0].data().join("identity.toml");
    let identity = fs::read(&path).expect("the identity");
    fs::remove_file(&path).expect("the identity is removed");
    for _ in 0..2 {
        let (code, said) = cluster.member(0).refused().await;
        assert_eq!(code, Some(3), "{said}");
        let missing = format!("{} is missing", path.display());
        for words in [&*missing, "put it back", "replace the member"] {
            assert!(said.contains(words), "{words:?} is not in {said}");
        }
        assert!(!path.exists());
    }
    fs::write(&path, identity).expect("the identity is put back");
    cluster.member(0).start();
    cluster.leader().await;
}

#[tokio::test]
async fn a_member_whose_state_was_removed_is_refused_and_the_file_named() {
    let settings = ["--snapshot-every", "1MiB", "--log-retain", "0"];
    let mut cluster = Cluster::single(&settings).await;
    let direct = cluster.direct(0).await;
    for number in 0..20 {
        direct
            .put("default", format!("k{number}"), vec![7; 4096])
            .await
            .expect("a put");
    }
    let done = cluster.raftctl(0).run(&["snapshot", "trigger"]);
    assert_eq!(done.code, 0, "{done:?}");
    wait_for("the log is purged", async || {
        let status = cluster.status(0).await?;
        (status.purged > 0).then_some(())
    })
    .await;
    cluster.member(0).kill();
    let path = cluster.members()[0].data().join("snapshot/current.snap");
    let snapshot = fs::read(&path).expect("the snapshot");
    fs::remove_file(&path).expect("the snapshot is removed");
    let (code, said) = cluster.member(0).refused().await;
    assert_eq!(code, Some(3), "{said}");
    let missing = format!("{} is missing", path.display());
    for words in [&*missing, "Put", "back", "replace this member"] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    fs::write(&path, snapshot).expect("the snapshot is put back");
    cluster.member(0).start();
    cluster.leader().await;
    assert_eq!(cluster.replica(0, "default").await.len(), 20);
}

#[tokio::test]
async fn a_member_that_lost_acknowledged_log_is_refused_and_its_leader_goes_on() {
    let mut cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let index = (leader + 1) % 3;
    let direct = cluster.direct(leader).await;
    direct.put("default", "before", "v").await.expect("a put");
    cluster.settled().await;
    // An older copy of the log is put in the place of the newer one, twice: the second time after an
    // orderly stop, of which the member itself knows.
    for (round, in_order) in [false, true].into_iter().enumerate() {
        let wal = cluster.members()[index].data().join("wal");
        let (old, new) = (
            cluster.directory().join(format!("old{round}")),
            cluster.directory().join(format!("new{round}")),
        );
        cluster.member(index).kill();
        copy_directory(&wal, &old);
        cluster.member(index).start();
        for number in 0..10 {
            let key = format!("k{round}-{number}");
            direct.put("default", key, "v").await.expect("a put");
        }
        cluster.acknowledged(index).await;
        let member = cluster.member(index);
        if in_order {
            member.terminate();
            assert!(member.exited().await.success());
        } else {
            member.kill();
        }
        fs::rename(&wal, &new).expect("the log moves");
        fs::rename(&old, &wal).expect("the old one takes its place");
        for start in 0..2 {
            let (code, said) = cluster.member(index).refused().await;
            assert_eq!(code, Some(3), "{said}");
            for words in ["lacks entry", "must not come back", "replace the member"] {
                assert!(said.contains(words), "{words:?} is not in {said}");
            }
            let told = said.contains(&format!("(says n{})", leader + 1));
            assert_eq!(told, !in_order && start == 0, "{said}");
        }
        assert_eq!(cluster.leader().await, leader, "it still leads");
        let told = "a member has lost log that it had acknowledged: replace it";
        assert_eq!(cluster.members()[leader].events(told).len(), 1);
        let alarms = cluster.status(leader).await.expect("a status").alarms;
        let alarm = format!("n{} has lost log", index + 1);
        let alarmed = alarms.iter().any(|found| found.contains(&alarm));
        assert_eq!(alarmed, !in_order, "{alarms:?}");
        // The right log is as good as ever.
        fs::remove_dir_all(&wal).expect("the old log goes");
        fs::rename(&new, &wal).expect("the right one comes back");
        cluster.member(index).start();
        cluster.assert_replicas_equal("default").await;
        wait_for("the alarm ends", async || {
            let alarms = cluster.status(leader).await?.alarms;
            (!alarms.iter().any(|found| found.contains(&alarm))).then_some(())
        })
        .await;
    }
}
