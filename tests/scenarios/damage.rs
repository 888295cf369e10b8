//! Scenario 10: the files of a member change while it is down.
//!
//! | changed | at its next start |
//! | --- | --- |
//! | a write of the log that was not finished | cut off; the member goes on |
//! | the log, before its end | exit code 3; the message names file and offset |
//! | the end of the log is gone, after an orderly stop | exit code 3; the message names entry and directory |
//! | likewise after a kill | the leader finds out and says so; exit code 3, at every further start too |
//! | a section of the memory store's snapshot, or all of it | exit code 3; the message names the file |
//! | a table of RocksDB | exit code 3, or whoever reads the damaged block is told; the file is named |
//! | the identity file, or all of it | exit code 3; the message names the file |
//!
//! Meanwhile the others go on. Then the files are put back, or the member is replaced.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{
    client::Backup,
    types::{Consistency, PutRequest},
};
use rand::RngExt;

use crate::{
    cluster::{copy_directory, wait_for},
    faults::disks::{
        log::Segment,
        sections::{self, flip},
    },
    scenario::{Plan, Run},
};

/// So many calls are acknowledged between two faults.
const CALLS: usize = 40;

/// Files of a stopped member were changed.
const DAMAGE: &str = "damaged files";

/// How long a piece of a backup may take.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// The exit code of a member whose data directory cannot be used.
const DIRECTORY: Option<i32> = Some(3);

/// A run, and the member whose files are changed.
struct Patient {
    run: Run,
    /// The member that was stopped last, and its data directory.
    index: usize,
    data: PathBuf,
    /// A copy of the data directory.
    kept: PathBuf,
}

impl Patient {
    async fn new(store: &'static str) -> Self {
        let run = Run::start(Plan::new(store)).await;
        Self {
            kept: run.cluster.directory().join("kept"),
            data: PathBuf::new(),
            index: 0,
            run,
        }
    }

    /// Chooses a member that does not lead, ends it, in order or not, and keeps a copy of its files.
    async fn stop(&mut self, in_order: bool) {
        self.run.work(CALLS).await;
        let leader = self.run.leader().await;
        self.index = (leader + self.run.rng.random_range(1..3)) % 3;
        self.data = self.run.cluster.members()[self.index].data().to_owned();
        self.run.cluster.acknowledged(self.index).await;
        let member = self.run.cluster.member(self.index);
        if in_order {
            member.terminate();
            assert!(member.exited().await.success());
        } else {
            member.kill();
        }
        if self.kept.exists() {
            fs::remove_dir_all(&self.kept).expect("the old copy goes");
        }
        copy_directory(&self.data, &self.kept);
    }

    /// Tries to start the member on changed files: exit code, and what it says.
    async fn refused(&mut self, what: &str) -> String {
        self.run.begins(DAMAGE, what);
        let (code, said) = self.run.cluster.member(self.index).refused().await;
        assert_eq!(code, DIRECTORY, "{what}: {said}");
        self.run.happened(DAMAGE);
        said
    }

    /// Puts the files back as they were.
    fn put_back(&self) {
        fs::remove_dir_all(&self.data).expect("the changed files go");
        copy_directory(&self.kept, &self.data);
    }

    /// The others have gone on; the member starts, and all are equal.
    async fn heals(&mut self) {
        self.run.work(CALLS).await;
        self.run.restart(self.index).await;
        self.run.healed().await;
    }

    /// A change that is refused and put back.
    async fn damaged(&mut self, what: &str, change: impl FnOnce(&Path), words: &[&str]) {
        change(&self.data);
        let said = self.refused(what).await;
        assert_says(what, &said, words);
        self.put_back();
    }
}

#[track_caller]
fn assert_says(what: &str, said: &str, words: &[&str]) {
    for words in words {
        assert!(said.contains(words), "{what}: {words:?} is not in {said}");
    }
}

/// The log: torn, changed.
async fn the_log(patient: &mut Patient) {
    patient.stop(false).await;
    patient.run.begins(DAMAGE, "a torn write in the log");
    Segment::last(&patient.data).tear();
    patient.heals().await;
    let member = &patient.run.cluster.members()[patient.index];
    let told = "wal: a record that was not written whole is cut off";
    assert_eq!(member.events(told).len(), 1, "{}", member.stderr());
    patient.run.happened(DAMAGE);

    patient.stop(false).await;
    let name = Segment::last(&patient.data).name();
    let offset = [
        &*name,
        "is damaged at offset",
        "move its data directory away",
    ];
    patient
        .damaged(
            "the middle of the log",
            |data| Segment::last(data).flip_in_the_middle(),
            &offset,
        )
        .await;
    patient
        .damaged(
            "the header of a segment",
            |data| Segment::last(data).flip_in_the_header(),
            &[&*name, "is damaged at offset 0"],
        )
        .await;
    patient.heals().await;
}

/// The end of the log is gone after an orderly stop: the member knows by itself.
async fn the_log_is_cut(patient: &mut Patient) {
    patient.stop(true).await;
    let lacks = ["lacks entry", "replace the member", "wal"];
    patient
        .damaged(
            "the end of the log, after an orderly stop",
            |data| Segment::last(data).cut(),
            &lacks,
        )
        .await;
    patient.heals().await;
}

/// The end of the log is gone after a kill: only the leader knows, if the member has never yet been
/// stopped in order.
async fn acknowledged_log_is_lost(patient: &mut Patient) {
    patient.stop(false).await;
    let leader = patient.run.leader().await;
    let process = patient.run.cluster.members()[leader].process_id();
    assert!(Segment::last(&patient.data).len() > 10, "much to lose");
    Segment::last(&patient.data).cut();
    let what = "the end of the log, after a kill";
    let said = patient.refused(what).await;
    let by = format!("(says n{})", leader + 1);
    assert_says(what, &said, &["lacks entry", &by, "replace the member"]);

    // The leader goes on, and tells.
    assert_eq!(patient.run.leader().await, leader);
    let member = &patient.run.cluster.members()[leader];
    assert_eq!(member.process_id(), process);
    assert_eq!(
        member
            .events("a member has lost log that it had acknowledged: replace it")
            .len(),
        1
    );
    let status = patient.run.cluster.status(leader).await.expect("a status");
    let alarm = format!("n{} has lost log", patient.index + 1);
    let alarms = status.alarms;
    assert!(
        alarms.iter().any(|told| told.contains(&alarm)),
        "{alarms:?}"
    );

    // It does not forget, whoever leads.
    let said = patient.refused("likewise, started again").await;
    assert_says(what, &said, &["lacks entry", "replace the member"]);
    patient.put_back();
    patient.heals().await;
}

/// The memory store's snapshot: each section, and the whole.
async fn the_snapshot(patient: &mut Patient) {
    compact(&patient.run).await;
    patient.stop(false).await;
    let path = sections::snapshot(&patient.data);
    let name = path.to_string_lossy().into_owned();
    for (section, offset) in sections::offsets(&path) {
        patient
            .damaged(
                section,
                |data| flip(&sections::snapshot(data), offset),
                &[&*name, "cannot be used", "replace this member"],
            )
            .await;
    }
    patient
        .damaged(
            "the snapshot is gone",
            |data| fs::remove_file(sections::snapshot(data)).expect("a snapshot"),
            &[&*name, "is missing", "replace this member"],
        )
        .await;
    patient.heals().await;
}

/// Waits until every member has a state on disk that the log does not go back to before.
async fn compact(run: &Run) {
    let client = run.cluster.client().await;
    wait_for("all logs are purged", async || {
        // More than is kept of the log, in the end.
        let put = PutRequest::new("default", "filler", vec![7; 64 << 10]);
        client.put(put).await.ok()?;
        let done = run.cluster.raftctl(0).run(&["snapshot", "trigger"]);
        assert_eq!(done.code, 0, "{done:?}");
        for index in 0..3 {
            let purged = run.cluster.status(index).await?.purged;
            (purged > 0).then_some(())?;
        }
        Some(())
    })
    .await;
}

/// RocksDB's tables: a place in each part of each file.
async fn the_tables(patient: &mut Patient) {
    compact(&patient.run).await;
    patient.stop(false).await;
    let tables = tables(&patient.data.join("db"));
    assert!(!tables.is_empty(), "a table was written");
    let table = tables.last().expect("a table");
    let length = fs::metadata(table).expect("a table").len() as usize;
    let name = table.file_name().expect("a name").to_string_lossy();
    for (part, offset) in [
        ("the first block of a table", 10),
        ("the footer of a table", length - 5),
    ] {
        flip(table, offset);
        patient.run.begins(DAMAGE, part);
        let told = told_of_the_table(patient, &name).await;
        assert_says(part, &told, &["damaged", &name]);
        patient.run.happened(DAMAGE);
        patient.run.cluster.member(patient.index).kill();
        patient.put_back();
    }
    patient.heals().await;
}

/// Waits until the member ends, or a reader of everything is told: what was said.
async fn told_of_the_table(patient: &mut Patient, table: &str) -> String {
    let (run, index) = (&mut patient.run, patient.index);
    let before = run.cluster.members()[index].stderr().len();
    run.cluster.member(index).start();
    wait_for("the damaged table is noticed", async || {
        if run.cluster.member(index).is_gone() {
            return Some(run.cluster.members()[index].stderr()[before..].to_owned());
        }
        let address = run.cluster.address(index);
        let backup = Backup::open(address, Consistency::STALE, READ_WITHIN).await;
        let read = backup.ok()?.write_to(&mut tokio::io::sink()).await;
        // Not of a connection that ends because the member does.
        let told = read.err().map(|error| error.to_string());
        told.filter(|told| told.contains(table))
    })
    .await
}

fn tables(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(tables(&path));
        } else if path.extension().is_some_and(|end| end == "sst") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The identity file, changed and gone.
async fn the_identity(patient: &mut Patient) {
    patient.stop(false).await;
    let name = patient.data.join("identity.toml");
    let name = name.to_string_lossy().into_owned();
    for offset in [2, 15, 40] {
        patient
            .damaged(
                "the identity file",
                |data| flip(&data.join("identity.toml"), offset),
                &[&*name, "is damaged", "replace the member"],
            )
            .await;
    }
    patient
        .damaged(
            "the identity file is gone",
            |data| fs::remove_file(data.join("identity.toml")).expect("an identity"),
            &[&*name, "is missing", "replace the member"],
        )
        .await;
    patient.heals().await;
}

/// The other remedy: without the files, a new member in place of the old one.
async fn replaced(patient: &mut Patient) {
    patient.stop(false).await;
    Segment::last(&patient.data).flip_in_the_middle();
    patient.refused("the log, of a member to be replaced").await;
    let member = patient.run.cluster.member(patient.index);
    member.wipe();
    member.set(&["--rejoin"]);
    patient.run.restart(patient.index).await;
    let (cluster, index) = (&patient.run.cluster, patient.index);
    wait_for("the new member votes", async || {
        let status = cluster.status(index).await?;
        let voters = status.members.iter().filter(|member| member.voter).count();
        (status.id > 3 && voters == 3 && status.members.len() == 3).then_some(())
    })
    .await;
    patient.run.healed().await;
}

async fn files_change(store: &'static str) {
    let mut patient = Patient::new(store).await;
    the_log(&mut patient).await;
    acknowledged_log_is_lost(&mut patient).await;
    the_log_is_cut(&mut patient).await;
    match store {
        "memory" => the_snapshot(&mut patient).await,
        _ => the_tables(&mut patient).await,
    }
    the_identity(&mut patient).await;
    replaced(&mut patient).await;
    patient.run.finish(10 * CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s10_files_of_a_stopped_member_change_on_memory() {
    files_change("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s10_files_of_a_stopped_member_change_on_rocksdb() {
    files_change("rocksdb").await;
}
