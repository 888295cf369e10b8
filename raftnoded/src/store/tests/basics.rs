//! The first state, damage, and what is kept beside the data.

use super::*;

fn proposal(command: Command) -> Proposal {
    Proposal::decode(&command.encode(None).unwrap()).unwrap()
}

#[test]
fn initializing_twice_changes_nothing() {
    for mut store in Store::on_every_engine() {
        store.apply(&[put("default", b"a", b"1"), put("other", b"b", b"2")]);
        let before = store.save();
        let mut batch = Batch::new(&**store.engine());
        initialize(&mut batch).unwrap();
        assert!(batch.writes().is_empty());
        assert_eq!(store.save(), before);
    }
}

#[test]
fn another_layout_is_refused() {
    for store in Store::on_every_engine() {
        let with_layout = |version| {
            let mut batch = Batch::new(&**store.engine());
            batch.put(keys::Key::Layout.encode(), record::encode_number(version));
            let before = batch.writes().clone();
            let error = initialize(&mut batch).unwrap_err();
            assert_eq!(batch.writes(), &before);
            error
        };
        let error = with_layout(LAYOUT_VERSION + 1);
        assert!(matches!(error, OpenError::NewerLayout { found } if found == LAYOUT_VERSION + 1));
        assert!(
            error.to_string().contains("run the newer program"),
            "{error}"
        );
        let error = with_layout(LAYOUT_VERSION - 1);
        assert!(matches!(error, OpenError::OlderLayout { found } if found == LAYOUT_VERSION - 1));
        assert!(error.to_string().contains("empty"), "{error}");
    }
}

#[test]
fn damage_in_a_record_is_a_fault_and_not_a_reply() {
    for mut store in Store::on_every_engine() {
        store.apply(&[put("default", b"a", b"1")]);
        let id = describe(&**store.engine(), "default").unwrap().id;
        for bytes in [&b""[..], b"\xff", b"\x00\xff"] {
            let mut applier = Applier::new(&**store.engine()).unwrap();
            applier
                .batch
                .put(keys::Key::Entry(id, b"a").encode(), bytes);
            let refused = applier.apply(9, proposal(put("default", b"a", b"2")));
            assert!(
                matches!(refused, Err(EngineError::Corrupt { .. })),
                "{refused:?}"
            );
            let refused = get(&applier.batch, "default", b"a");
            assert!(
                matches!(refused, Err(ReadError::Engine(EngineError::Corrupt { .. }))),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn an_uninitialized_engine_is_a_fault() {
    for engine in engines() {
        let mut applier = Applier::new(&**engine.get()).unwrap();
        let result = applier.apply(1, proposal(put("default", b"a", b"1")));
        assert!(
            matches!(result, Err(EngineError::Corrupt { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn numbers_of_namespaces_run_out_without_reuse() {
    for mut store in Store::on_every_engine() {
        let mut batch = Batch::new(&**store.engine());
        let last = record::encode_number(u32::MAX);
        batch.put(keys::Key::NextNamespaceId.encode(), last);
        let writes = batch.into_writes();
        store.engine().write(writes).unwrap();
        for command in [put("m", b"a", b"1"), create("n")] {
            assert_eq!(
                store.apply(&[command]),
                [Err(Rejection::NamespacesExhausted)]
            );
        }
    }
}

#[test]
fn membership_and_position_are_kept() {
    for mut store in Store::on_every_engine() {
        assert_eq!(applied(&**store.engine()).unwrap(), None);
        assert_eq!(membership(&**store.engine()).unwrap(), None);
        let mut applier = Applier::new(&**store.engine()).unwrap();
        let position = Position {
            term: 3,
            index: 70_000,
        };
        applier.set_membership(b"n1,n2,n3");
        let writes = applier.finish(Some(position)).writes;
        store.engine().write(writes).unwrap();
        store.engine.reopen();
        assert_eq!(applied(&**store.engine()).unwrap(), Some(position));
        assert_eq!(
            membership(&**store.engine()).unwrap().as_deref(),
            Some(&b"n1,n2,n3"[..])
        );
    }
}

#[test]
fn hashes_tell_data_apart_and_ignore_the_position() {
    let mut hashes = Vec::new();
    for mut store in Store::on_every_engine() {
        store.apply(&[put("default", b"a", b"1")]);
        let first = hash(&**store.engine()).unwrap();
        // A rejected command moves the position alone.
        store.apply(&[create("default")]);
        assert_eq!(hash(&**store.engine()).unwrap(), first);
        store.apply(&[put("default", b"a", b"2")]);
        let second = hash(&**store.engine()).unwrap();
        assert_ne!(first, second);
        hashes.push((first, second));
    }
    assert!(hashes.iter().all(|pair| *pair == hashes[0]));
}
