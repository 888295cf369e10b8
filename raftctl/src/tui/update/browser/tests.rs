mod random;

use common::types::{Entry, Event, EventKind};

use super::*;
use crate::tui::{
    app::{FLASH, Flash, Form, Limits, Settings},
    message::{Message, Moment, Page},
    theme::{Depth, Theme},
    update::{
        cluster::tests::{app, later},
        update,
    },
};

fn entry(key: &str, revision: u64) -> Entry {
    Entry {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::new(),
        size: 5,
        create_revision: revision,
        revision,
        version: 1,
        ttl: None,
        lease: None,
    }
}

fn event(kind: EventKind, key: &str, revision: u64, version: u64) -> Event {
    Event {
        kind,
        key: Bytes::copy_from_slice(key.as_bytes()),
        revision,
        value: Bytes::new(),
        size: 7,
        version,
        create_revision: 0,
        previous: None,
    }
}

/// A browser of `default` with these keys, read at revision 100, all there are.
fn opened(keys: &[&str]) -> App {
    let mut app = app();
    app.screen = Screen::Browser;
    let effects = open(&mut app, "default".to_owned(), String::new());
    assert!(matches!(
        effects[0],
        Effect::ReadPage {
            generation: 1,
            side: Side::Fresh,
            limit: 200,
            ..
        }
    ));
    assert!(matches!(effects[1], Effect::Count { generation: 1, .. }));
    let entries = keys.iter().map(|key| entry(key, 50)).collect();
    let effects = page(&mut app, 1, Side::Fresh, whole(entries, 100));
    let watch = &effects[0];
    assert!(
        matches!(watch, Effect::Watch { pane: Pane::Browser, generation: 1, from: Some(from), .. } if from.revision == 101),
        "{watch:?}"
    );
    let count = keys.len() as u64;
    counted(
        &mut app,
        1,
        Ok(Counted {
            count,
            revision: 100,
        }),
    );
    app.changed = false;
    app
}

fn whole(entries: Vec<Entry>, revision: u64) -> Result<Page, String> {
    Ok(Page {
        entries,
        more: false,
        revision,
        at: None,
    })
}

fn keys(app: &App) -> Vec<String> {
    let rows = lists::rows(app).into_iter();
    rows.map(|row| String::from_utf8_lossy(&row.key).into_owned())
        .collect()
}

fn flash(app: &App, index: usize) -> Option<Flash> {
    app.browser.rows[index].flash.map(|(flash, _)| flash)
}

fn answer(app: &mut App, key: &str, value: &[u8], revision: u64) -> Effects {
    let entry = Entry {
        value: Bytes::copy_from_slice(value),
        size: value.len() as u64,
        ..entry(key, revision)
    };
    got(app, entry.key.clone(), Ok(Some(entry)))
}

#[test]
fn changes_elsewhere_flash_and_settle() {
    let mut app = opened(&["b", "d", "f"]);
    app.browser.selection.at = 1;
    let events = vec![
        event(EventKind::Put, "a", 101, 1),
        event(EventKind::Put, "d", 102, 2),
        event(EventKind::Expire, "f", 103, 0),
        event(EventKind::Put, "z", 104, 1),
        // Of nothing that is listed.
        event(EventKind::Delete, "q", 105, 0),
    ];
    changes(&mut app, 1, events);
    assert!(app.changed);
    assert_eq!(keys(&app), ["a", "b", "d", "f", "z"]);
    assert_eq!(selected(&app).unwrap().key, "d");
    let flashes: Vec<_> = (0..5).map(|index| flash(&app, index)).collect();
    let (new, gone) = (Some(Flash::New), Some(Flash::Gone));
    assert_eq!(flashes, [new, None, Some(Flash::Changed), gone, new]);
    assert_eq!(
        (app.browser.rows[2].version, app.browser.rows[2].size),
        (2, 7)
    );
    assert_eq!(app.browser.total, Some(3));
    // Told again, from a member that is behind: old news.
    app.changed = false;
    changes(&mut app, 1, vec![event(EventKind::Put, "d", 102, 2)]);
    assert!(!app.changed);
    later(&mut app, u64::try_from(FLASH.as_millis()).unwrap());
    tick(&mut app);
    assert!(app.changed);
    assert_eq!(keys(&app), ["a", "b", "d", "z"]);
    assert!((0..4).all(|index| flash(&app, index).is_none()));
    assert_eq!(selected(&app).unwrap().key, "d");
    app.changed = false;
    tick(&mut app);
    assert!(!app.changed);
    // Of another watch.
    changes(&mut app, 9, vec![event(EventKind::Put, "x", 110, 1)]);
    assert_eq!(keys(&app).len(), 4);
}

#[test]
fn a_key_that_comes_back_is_new() {
    let mut app = opened(&["a"]);
    changes(&mut app, 1, vec![event(EventKind::Delete, "a", 101, 0)]);
    assert_eq!(flash(&app, 0), Some(Flash::Gone));
    assert!(matches!(&app.browser.value.shown, Shown::Gone(key) if key == "a"));
    changes(&mut app, 1, vec![event(EventKind::Put, "a", 102, 1)]);
    assert_eq!(flash(&app, 0), Some(Flash::New));
    later(&mut app, 2000);
    tick(&mut app);
    assert_eq!(keys(&app), ["a"]);
    assert_eq!(app.browser.total, Some(1));
}

#[test]
fn a_deleted_namespace_is_empty_and_may_come_back() {
    let mut app = opened(&["a", "b"]);
    let events = vec![
        event(EventKind::NamespaceDeleted, "", 101, 0),
        event(EventKind::Put, "n", 102, 1),
    ];
    changes(&mut app, 1, events);
    assert_eq!(keys(&app), ["n"]);
    assert_eq!(app.browser.total, Some(1));
}

#[test]
fn a_count_and_changes_meet_at_a_revision() {
    let mut app = app();
    app.screen = Screen::Browser;
    open(&mut app, "default".to_owned(), String::new());
    page(&mut app, 1, Side::Fresh, whole(vec![entry("a", 50)], 100));
    let created = (101..=104).map(|it| event(EventKind::Put, &it.to_string(), it, 1));
    changes(&mut app, 1, created.collect());
    assert_eq!(app.browser.total, None);
    // Older than the watch: what was between is not known.
    let again = counted(
        &mut app,
        1,
        Ok(Counted {
            count: 1,
            revision: 99,
        }),
    );
    assert!(matches!(again[..], [Effect::Count { .. }]));
    counted(
        &mut app,
        1,
        Ok(Counted {
            count: 3,
            revision: 102,
        }),
    );
    assert_eq!(app.browser.total, Some(5));
    changes(&mut app, 1, vec![event(EventKind::Delete, "a", 105, 0)]);
    assert_eq!(app.browser.total, Some(4));
}

#[test]
fn the_window_grows_at_its_ends_and_lets_go() {
    let mut app = opened(&[]);
    app.browser.limits = Limits {
        first: 4,
        page: 4,
        kept: 8,
        margin: 2,
    };
    let fresh = open(&mut app, "default".to_owned(), String::new());
    assert!(matches!(&fresh[1], Effect::ReadPage { limit: 4, .. }));
    let page_of = |range: std::ops::Range<u32>, more| {
        Ok(Page {
            entries: range.map(|it| entry(&format!("k{it:02}"), 50)).collect(),
            more,
            revision: 100,
            at: None,
        })
    };
    let generation = app.browser.generation;
    page(&mut app, generation, Side::Fresh, page_of(0..4, true));
    assert!(!app.browser.loading_after);
    app.browser.selection.at = 2;
    let effects = moved(&mut app);
    let asked = effects.last().unwrap();
    assert!(
        matches!(asked, Effect::ReadPage { side: Side::After, key: Some(key), limit: 4, .. } if key == "k03"),
        "{asked:?}"
    );
    // One at a time.
    assert!(grow(&mut app).is_empty());
    page(&mut app, generation, Side::After, page_of(4..8, true));
    app.browser.selection.at = 7;
    moved(&mut app);
    page(&mut app, generation, Side::After, page_of(8..12, true));
    assert_eq!(keys(&app).len(), 8);
    assert_eq!(
        (keys(&app)[0].as_str(), app.browser.from_first),
        ("k04", false)
    );
    assert_eq!(selected(&app).unwrap().key, "k07");
    // And back.
    app.browser.selection.at = 0;
    let effects = moved(&mut app);
    let asked = effects.last().unwrap();
    assert!(
        matches!(asked, Effect::ReadPage { side: Side::Before, key: Some(key), .. } if key == "k04"),
        "{asked:?}"
    );
    page(&mut app, generation, Side::Before, page_of(0..4, false));
    assert_eq!(
        (keys(&app)[0].as_str(), app.browser.from_first),
        ("k00", true)
    );
    assert_eq!(keys(&app).len(), 8);
    assert_eq!(selected(&app).unwrap().key, "k04");
    assert!(!app.browser.to_last);
    // The last key is far away.
    let effects = jump(&mut app, true);
    assert!(matches!(
        &effects[..],
        [Effect::ReadPage {
            side: Side::Last,
            ..
        }]
    ));
    let generation = app.browser.generation;
    page(&mut app, generation, Side::Last, page_of(90..94, true));
    assert_eq!(selected(&app).unwrap().key, "k93");
    assert!(app.browser.to_last && !app.browser.from_first);
}

#[test]
fn the_newest_selection_gets_its_value() {
    let mut app = opened(&["a", "b", "c"]);
    // The value of the first one was asked for when the page came.
    assert!(matches!(&app.browser.value.shown, Shown::Loading(key) if key == "a"));
    app.browser.selection.at = 1;
    assert!(moved(&mut app).is_empty());
    app.browser.selection.at = 2;
    assert!(moved(&mut app).is_empty());
    let effects = answer(&mut app, "a", b"old", 50);
    assert!(matches!(&effects[..], [Effect::Get { key, .. }] if key == "c"));
    assert!(matches!(&app.browser.value.shown, Shown::Loading(key) if key == "c"));
    answer(&mut app, "c", b"{\"a\":1}", 50);
    match &app.browser.value.shown {
        Shown::Value { lines, size: 7, .. } => assert_eq!(lines.len(), 3),
        other => panic!("{other:?}"),
    }
    // Written elsewhere: what is shown stays until the new value is here.
    changes(&mut app, 1, vec![event(EventKind::Put, "c", 101, 2)]);
    assert!(matches!(&app.browser.value.shown, Shown::Value { .. }));
    let effects = tick(&mut app);
    assert!(matches!(&effects[0], Effect::Get { key, .. } if key == "c"));
    // A member that is behind has the old one: it is asked for again.
    answer(&mut app, "c", b"old", 50);
    assert!(matches!(&tick(&mut app)[0], Effect::Get { .. }));
    answer(&mut app, "c", b"new", 101);
    assert!(
        !tick(&mut app)
            .iter()
            .any(|it| matches!(it, Effect::Get { .. }))
    );
    assert!(matches!(&app.browser.value.shown, Shown::Value { head, .. } if head == "new"));
    next_form(&mut app);
    assert_eq!(app.browser.value.form, Form::Hex);
    assert!(
        matches!(&app.browser.value.shown, Shown::Value { lines, .. } if lines[0].starts_with("00000000"))
    );
}

#[test]
fn a_large_value_is_cut_and_scrolls_to_its_end() {
    let mut app = opened(&["a"]);
    let value: Vec<u8> = b"line\n".repeat(40_000);
    answer(&mut app, "a", &value, 50);
    match &app.browser.value.shown {
        Shown::Value { head, size, .. } => {
            assert_eq!((head.len(), *size), (Shown::PREVIEW, 200_000));
        }
        other => panic!("{other:?}"),
    }
    // The pane says how many rows it has: as many as lines here, for they are short.
    let rows = Shown::PREVIEW.div_ceil(5);
    app.areas.pane = Some((ratatui::layout::Rect::new(0, 0, 80, 20), rows));
    scroll(&mut app, 1_000_000);
    assert_eq!(app.browser.value.scroll, rows - 20);
    scroll(&mut app, -2_000_000);
    assert_eq!(app.browser.value.scroll, 0);
}

#[test]
fn a_value_of_another_namespace_is_not_shown() {
    let mut app = opened(&["a"]);
    open(&mut app, "other".to_owned(), String::new());
    let generation = app.browser.generation;
    page(
        &mut app,
        generation,
        Side::Fresh,
        whole(vec![entry("a", 60)], 100),
    );
    let effects = answer(&mut app, "a", b"of default", 50);
    assert!(matches!(&effects[..], [Effect::Get { namespace, .. }] if namespace == "other"));
    assert!(matches!(&app.browser.value.shown, Shown::Loading(_)));
}

#[test]
fn what_failed_is_tried_again() {
    let mut app = app();
    app.screen = Screen::Browser;
    open(&mut app, "default".to_owned(), String::new());
    page(&mut app, 1, Side::Fresh, Err("no leader".to_owned()));
    assert_eq!(app.browser.error.as_deref(), Some("no leader"));
    assert!(!app.browser.loading);
    assert!(tick(&mut app).is_empty());
    later(&mut app, 1000);
    assert!(matches!(
        &tick(&mut app)[0],
        Effect::ReadPage {
            side: Side::Fresh,
            generation: 2,
            ..
        }
    ));
    page(&mut app, 2, Side::Fresh, whole(vec![entry("a", 5)], 9));
    assert_eq!(app.browser.error, None);
    assert_eq!(keys(&app), ["a"]);
}

#[test]
fn lost_changes_are_read_anew_around_the_selection() {
    let mut app = opened(&["a", "b", "c"]);
    app.browser.selection.at = 2;
    let effects = gap(&mut app, 1);
    assert!(matches!(
        &effects[..],
        [
            Effect::Unwatch(_),
            Effect::ReadPage { .. },
            Effect::Count { .. }
        ]
    ));
    assert_eq!(keys(&app), ["a", "b", "c"]);
    let entries = vec![entry("a", 50), entry("aa", 120), entry("c", 130)];
    page(&mut app, 2, Side::Fresh, whole(entries, 150));
    assert_eq!(selected(&app).unwrap().key, "c");
    // A frozen picture stays.
    app.frozen = Some(Box::new((app.now, app.cluster.clone())));
    changes(&mut app, 2, vec![event(EventKind::Put, "b", 151, 1)]);
    assert!(tick(&mut app).is_empty());
    assert_eq!(keys(&app), ["a", "aa", "c"]);
    app.frozen = None;
    assert!(matches!(tick(&mut app)[1], Effect::ReadPage { .. }));
}

#[test]
fn times_to_live_run_and_are_read_again() {
    let mut app = opened(&["a", "b"]);
    let ttl = Some(Duration::from_secs(40));
    tick(&mut app);
    changes(&mut app, 1, vec![event(EventKind::Put, "a", 101, 2)]);
    later(&mut app, 1000);
    let effects = tick(&mut app);
    let again = effects.last().unwrap();
    assert!(
        matches!(again, Effect::ReadPage { side: Side::Again, key: Some(key), limit: 2, .. } if key == "a"),
        "{again:?}"
    );
    let entries = vec![
        Entry {
            ttl,
            ..entry("a", 101)
        },
        // Another one than we know: a change is to come.
        Entry {
            ttl,
            ..entry("b", 102)
        },
    ];
    page(&mut app, 1, Side::Again, whole(entries, 102));
    assert_eq!(
        app.browser.rows[0].ends,
        Some(app.now + Duration::from_secs(40))
    );
    assert_eq!(app.browser.rows[1].ends, None);
    later(&mut app, 100);
    tick(&mut app);
    app.changed = false;
    app.browser.rows[0].flash = None;
    later(&mut app, 100);
    tick(&mut app);
    assert!(!app.changed, "39.8 s read as 39.9 s did");
    later(&mut app, 900);
    tick(&mut app);
    assert!(app.changed);
}

#[test]
fn a_prefix_narrows_at_once() {
    let mut app = opened(&["a1", "a2", "b1"]);
    let effects = narrow(&mut app, r"a\x31");
    assert_eq!(keys(&app), ["a1"]);
    assert!(
        effects
            .iter()
            .any(|it| matches!(it, Effect::ReadPage { prefix, .. } if prefix == "a1"))
    );
    assert_eq!(app.browser.narrowing.filter, r"a\x31");
    assert_eq!(unescape(r"\\x\t\xfF\q\x1"), b"\\x\t\xff\\q\\x1");
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(unescape(&crate::output::bytes::escape(&all)), all);
}

#[test]
fn other_orders_need_the_whole_listing() {
    let mut app = opened(&["a", "b", "c"]);
    app.browser.rows[0].size = 9;
    app.browser.selection.at = 0;
    lists::sort(&mut app);
    assert_eq!(keys(&app), ["b", "c", "a"]);
    assert_eq!(selected(&app).unwrap().key, "a");
    // It comes between them, and the selection stays.
    changes(&mut app, 1, vec![event(EventKind::Put, "bb", 101, 1)]);
    assert_eq!(keys(&app), ["b", "c", "bb", "a"]);
    assert_eq!(selected(&app).unwrap().key, "a");
    app.browser.to_last = false;
    assert_eq!(keys(&app), ["a", "b", "bb", "c"]);
    // The rest is read where it is not too much.
    assert!(matches!(
        &grow(&mut app)[..],
        [Effect::ReadPage {
            side: Side::After,
            ..
        }]
    ));
}

#[test]
fn a_time_to_live_beyond_any_clock_is_as_none() {
    let mut app = opened(&["a"]);
    let endless = Entry {
        ttl: Some(Duration::MAX),
        ..entry("a", 100)
    };
    for side in [Side::Fresh, Side::Again] {
        let answer = whole(vec![endless.clone()], 100);
        page(&mut app, 1, side, answer);
        assert_eq!(app.browser.rows[0].ends, None);
    }
    got(&mut app, endless.key.clone(), Ok(Some(endless)));
    let shown = &app.browser.value.shown;
    assert!(
        matches!(shown, Shown::Value { ends: None, .. }),
        "{shown:?}"
    );
}
