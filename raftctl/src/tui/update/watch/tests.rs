use common::types::EventKind;

use super::*;
use crate::tui::update::cluster::tests::app;

fn put(key: &str, revision: u64) -> Event {
    Event {
        kind: EventKind::Put,
        key: Bytes::copy_from_slice(key.as_bytes()),
        revision,
        value: Bytes::new(),
        size: 3,
        version: 1,
        create_revision: revision,
        previous: None,
    }
}

fn puts(revisions: std::ops::Range<u64>) -> Vec<Event> {
    revisions.map(|it| put(&format!("k{it}"), it)).collect()
}

fn watching() -> App {
    let mut app = app();
    app.screen = Screen::Watch;
    let effects = open(&mut app, "default".to_owned(), r"\x6b".to_owned());
    assert!(
        matches!(&effects[..], [Effect::Watch { pane: Pane::Watch, generation: 1, prefix, from: None, .. }] if prefix == "k"),
        "{effects:?}"
    );
    assert_eq!(app.watch.state, WatchState::Starting);
    watch_state(&mut app, 1, Ok(()));
    assert_eq!(app.watch.state, WatchState::Live);
    app
}

fn key(app: &App) -> Bytes {
    selected(app).unwrap().key.clone()
}

#[test]
fn the_newest_is_followed_and_another_line_stayed_on() {
    let mut app = watching();
    changes(&mut app, 1, puts(1..11));
    assert_eq!(key(&app), "k10");
    changes(&mut app, 1, puts(11..13));
    assert_eq!(key(&app), "k12");
    app.watch.selection.at = 2;
    assert_eq!(key(&app), "k10");
    changes(&mut app, 1, puts(13..16));
    assert_eq!((key(&app), app.watch.selection.at), (Bytes::from("k10"), 5));
    // Only those that pass the filter count.
    lists::set_filter(&mut app, "K1");
    app.watch.selection.at = 1;
    assert_eq!(key(&app), "k14");
    changes(&mut app, 1, vec![put("k2x", 16), put("K1x", 17)]);
    assert_eq!((key(&app), app.watch.selection.at), (Bytes::from("k14"), 2));
    // So many that it is not kept.
    changes(&mut app, 1, puts(1000..5000));
    assert_eq!(app.watch.lines.len(), WatchScreen::KEPT);
    assert_eq!(app.watch.told, 15 + 2 + 4000);
    assert_eq!(
        app.watch.selection.at,
        lists::watch(&app).len().saturating_sub(1)
    );
    changes(&mut app, 9, puts(1..2));
    assert_eq!(app.watch.told, 4017);
}

#[test]
fn a_frozen_stream_is_held() {
    let mut app = watching();
    changes(&mut app, 1, puts(1..3));
    app.frozen = Some(Box::new((app.now, app.cluster.clone())));
    changes(&mut app, 1, puts(3..2103));
    assert!(tick(&mut app).is_empty());
    assert_eq!(
        (key(&app), app.watch.held.len(), app.watch.dropped),
        ("k2".into(), 2000, 100)
    );
    app.frozen = None;
    tick(&mut app);
    assert_eq!(
        (key(&app), app.watch.held.len(), app.watch.dropped),
        ("k2102".into(), 0, 0)
    );
    app.changed = false;
    tick(&mut app);
    assert!(!app.changed);
}

#[test]
fn it_goes_on_where_it_was() {
    let mut app = watching();
    // Two changes of one transaction, and perhaps more to come.
    changes(&mut app, 1, vec![put("k1", 4), put("k1", 7), put("k2", 7)]);
    assert!(matches!(
        leave(&mut app)[..],
        [Effect::Unwatch(Pane::Watch)]
    ));
    assert!(leave(&mut app).is_empty());
    // What was under way is told again.
    changes(&mut app, 1, vec![put("k3", 7)]);
    assert_eq!(app.watch.lines.len(), 3);
    let place = Cursor {
        revision: 7,
        seen: 2,
    };
    let effects = enter(&mut app);
    assert!(
        matches!(&effects[..], [Effect::Watch { generation: 3, from, .. }] if *from == Some(place))
    );
    assert!(enter(&mut app).is_empty());
    changes(&mut app, 3, vec![put("k3", 7), put("k4", 8)]);
    assert_eq!(app.watch.lines.len(), 5);
    watch_state(&mut app, 3, Err("no answer".to_owned()));
    assert_eq!(app.watch.state, WatchState::Broken("no answer".to_owned()));
    // Too long ago.
    let effects = gap(&mut app, 3);
    assert!(matches!(
        &effects[..],
        [Effect::Watch {
            generation: 4,
            from: None,
            ..
        }]
    ));
    assert!(app.notice.is_some());
    assert_eq!(app.watch.lines.len(), 5);
}
