//! The last resort: a new cluster from the one survivor of a quorum lost for good.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use common::types::{Consistency, PutRequest};

use crate::cluster::{Cluster, Run, Terminal, contents, daemon, finish, wait_for};

fn recover(data: &Path, more: &[&str]) -> Run {
    let mut command = daemon();
    command.arg("recover").arg("--data-dir").arg(data);
    finish(command.args(more), None)
}

/// Every file below a directory with its content.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                let content = fs::read(&path).expect("a file");
                let name = path.strip_prefix(directory).expect("below it");
                found.insert(name.to_owned(), content);
            }
        }
    }
    found
}

#[tokio::test]
async fn the_survivor_goes_on_alone_and_the_others_are_refused() {
    survivor_goes_on("memory").await;
}

#[tokio::test]
async fn the_survivor_goes_on_alone_and_the_others_are_refused_on_rocksdb() {
    survivor_goes_on("rocksdb").await;
}

async fn survivor_goes_on(store: &str) {
    let mut cluster = Cluster::start(&["--store", store]).await;
    let client = cluster.client().await;
    for number in 0..200 {
        let put = PutRequest::new("default", format!("k{number:03}"), number.to_string());
        client.put(put).await.expect("a put");
    }
    cluster.settled().await;
    let survivor = cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|index| *index != survivor).collect();
    for index in &others {
        cluster.member(*index).kill();
    }
    // It is in the log of the survivor, and nobody can say whether it counts.
    let direct = cluster.direct(survivor).await;
    let unknown = direct.with_timeout(Duration::from_secs(1));
    unknown
        .put("default", "uncertain", "x")
        .await
        .expect_err("no majority");
    let name = format!("n{}", survivor + 1);
    let data = cluster.members()[survivor].data().to_owned();

    let running = recover(&data, &[]);
    assert_eq!(running.code, 3, "{running:?}");
    assert!(running.stderr.contains("in use"), "{running:?}");
    let before = cluster.status(survivor).await.expect("a status");
    cluster.member(survivor).kill();

    let untouched = files(&data);
    let beside = || fs::read_dir(data.parent().unwrap()).unwrap().count();
    let count = beside();
    let dry = recover(&data, &[]);
    assert_eq!(dry.code, 0, "{dry:?}");
    let said = dry.text();
    for index in &others {
        assert!(
            said.contains(&format!("n{} (id {}", index + 1, index + 1)),
            "{said}"
        );
    }
    for part in [
        "beyond the last known commit",
        "may or may not have been acknowledged",
        "are lost",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(said.contains(&format!("--confirm {name}")), "{said}");
    assert!(said.contains(&before.cluster_id), "{said}");
    let wrong = recover(&data, &["--confirm", "somebody"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    // On a terminal the name is asked for.
    let arguments = ["recover", "--data-dir", data.to_str().unwrap()];
    let mut terminal = Terminal::raftnoded(&arguments);
    terminal.expect(&format!("Type {name} to carry it out"));
    terminal.press("yes\r");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("nothing was changed"), "{shown}");
    assert!(files(&data) == untouched, "something was changed");
    assert_eq!(beside(), count);

    let done = recover(&data, &["--confirm", &name]);
    assert_eq!(done.code, 0, "{done:?}");
    let mut kept = data.clone().into_os_string();
    kept.push(".before-recovery-1");
    assert!(
        files(Path::new(&kept)) == untouched,
        "the old directory was changed"
    );

    // With the command line it always had.
    cluster.member(survivor).start();
    let status = wait_for("it leads alone", async || {
        let status = cluster.status(survivor).await?;
        (status.leader == Some(1)).then_some(status)
    })
    .await;
    assert_ne!(status.cluster_id, before.cluster_id);
    assert_eq!((status.id, status.members.len()), (1, 1));
    let direct = cluster.direct(survivor).await;
    let held = contents(&direct, "default", Consistency::Linearizable).await;
    assert_eq!(held.len(), 201);
    for number in 0..200 {
        assert_eq!(held[format!("k{number:03}").as_bytes()], number.to_string());
    }
    let written = direct.put("default", "new", "1").await.expect("a put");
    assert!(written.revision > before.last_log + 1_000_000_000);

    // A member given up comes back: it is refused and says why, and the new cluster goes on.
    let (code, stderr) = cluster.member(others[0]).refused().await;
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains(&status.cluster_id), "{stderr}");
    assert!(stderr.contains(&before.cluster_id), "{stderr}");
    direct.put("default", "new", "2").await.expect("a put");
    let after = cluster.status(survivor).await.expect("a status");
    assert_eq!(
        (after.cluster_id, after.members.len()),
        (status.cluster_id, 1)
    );
}

#[tokio::test]
async fn what_is_no_member_or_is_damaged_is_not_recovered() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = recover(&directory.path().join("nothing"), &[]);
    assert_eq!(missing.code, 3, "{missing:?}");
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = recover(&empty, &[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("no data directory"), "{refused:?}");
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);

    let mut cluster = Cluster::single(&[]).await;
    let client = cluster.client().await;
    client
        .put(PutRequest::new("default", "a", "1"))
        .await
        .expect("a put");
    cluster.member(0).terminate();
    cluster.member(0).exited().await;
    let data = cluster.members()[0].data().to_owned();
    let segment = data.join("wal/segment-0000000001.wal");
    let mut bytes = fs::read(&segment).expect("the log");
    bytes[4096 + 100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let untouched = files(&data);
    let refused = recover(&data, &["--confirm", "n1"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    // The file that is damaged is named, and not the copy of it.
    let named = segment.display().to_string();
    assert!(refused.stderr.contains(&named), "{refused:?}");
    assert!(files(&data) == untouched);
    assert_eq!(
        fs::read_dir(data.parent().unwrap())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().path().is_dir() })
            .count(),
        1
    );
}
