//! What the end-to-end tests do not reach: states that begin at odd places, on every store of this
//! build.

use std::{fs, path::Path};

use super::{
    restore::{Request, restore},
    *,
};
use crate::{
    config::Store,
    engine::{Batch, Engine, Memory},
    identity::DataDirectory,
    node::open,
    raft::machine::files::SnapshotFiles,
    store::{self, Applier, Command, Proposal, SnapshotWriter},
};

fn stores() -> Vec<Store> {
    vec![
        Store::Memory,
        #[cfg(feature = "rocksdb")]
        Store::Rocksdb,
    ]
}

/// Writes a backup of a state at a position, and returns the hash of the state.
fn backup(file: &Path, position: Option<Position>) -> u64 {
    let engine = Memory::new();
    let mut batch = Batch::new(&engine);
    store::initialize(&mut batch).unwrap();
    engine.write(batch.into_writes()).unwrap();
    let create = Command::OpenSession { ttl: 5000 }.encode(None).unwrap();
    let mut applier = Applier::new(&engine).unwrap();
    applier
        .apply(1, Proposal::decode(&create).unwrap())
        .unwrap()
        .unwrap();
    applier.set_membership(b"the members of old");
    engine.write(applier.finish(position).writes).unwrap();
    let mut writer = SnapshotWriter::new(engine.snapshot(), 7).unwrap();
    let mut stream = Vec::new();
    while let Some(chunk) = writer.next_chunk().unwrap() {
        stream.extend(chunk);
    }
    fs::write(file, stream).unwrap();
    store::hash(&engine).unwrap()
}

#[test]
fn a_restored_state_is_the_saved_one_under_another_header() {
    for kind in stores() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.snap");
        let saved = Position { term: 3, index: 20 };
        let hash = backup(&file, Some(saved));
        let request = Request {
            file,
            data_dir: directory.path().join("data"),
            name: "n1".to_owned(),
            store: kind,
            bump: 100,
        };
        let restored = restore(&request).unwrap();
        assert_eq!((restored.from, restored.saved), (7, Some(saved)));
        assert_eq!(restored.beyond, 120);

        let data = DataDirectory::open(&request.data_dir).unwrap();
        let identity = data.existing().unwrap().unwrap();
        assert_eq!((identity.name.as_str(), identity.store), ("n1", kind));
        let belonging = identity.membership.unwrap();
        assert!(belonging.restored && !belonging.log_begun);
        assert_eq!(
            (belonging.node_id, belonging.cluster_id),
            (1, restored.cluster_id)
        );
        let engine = open::engine(&request.data_dir, kind).unwrap();
        if kind == Store::Memory {
            let files = SnapshotFiles::open(request.data_dir.join("snapshot")).unwrap();
            files.load(&*engine, restored.cluster_id).unwrap();
        }
        assert_eq!(store::hash(&*engine).unwrap(), hash);
        assert_eq!(store::membership(&*engine).unwrap(), None);
        assert_eq!(
            store::applied(&*engine).unwrap(),
            Some(Position {
                term: 3,
                index: 120
            })
        );
    }
}

#[test]
fn revisions_do_not_come_to_their_end() {
    let saved = Some(Position { term: 1, index: 20 });
    for bump in [u64::MAX, u64::MAX - 20, u64::MAX / 2] {
        let refused = first_state(1, saved, bump).unwrap_err();
        assert!(matches!(refused, OfflineError::BumpTooLarge { .. }));
        assert_eq!(refused.exit_code(), 2);
    }
    // A state that nothing was applied to yet has a place all the same.
    let header = first_state(1, None, 10).unwrap();
    assert_eq!(header.applied, Some(Position { term: 1, index: 10 }));
}

/// As root it shows; any other user owns what he makes.
#[test]
fn a_directory_stays_with_its_owner() {
    use std::os::unix::fs::{MetadataExt, chown};
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    fs::create_dir(&data_dir).unwrap();
    if chown(&data_dir, Some(12_345), Some(54_321)).is_err() {
        eprintln!("skipped: only root may give files away");
        return;
    }
    let file = directory.path().join("a.snap");
    backup(&file, Some(Position { term: 1, index: 1 }));
    let request = Request {
        file,
        data_dir: data_dir.clone(),
        name: "n1".to_owned(),
        store: Store::Memory,
        bump: 1,
    };
    restore(&request).unwrap();
    for path in [
        "",
        "identity.toml",
        "snapshot",
        "snapshot/current.snap",
        "LOCK",
    ] {
        let found = fs::metadata(data_dir.join(path)).unwrap();
        assert_eq!((found.uid(), found.gid()), (12_345, 54_321), "{path}");
    }
}
