use common::types::{NamespaceInfo, NamespaceSettings};

use super::*;
use crate::tui::update::cluster::tests::{answer, of, silence, well};

pub(crate) fn namespace(name: &str, keys: u64) -> NamespaceInfo {
    NamespaceInfo {
        name: name.to_owned(),
        id: 1,
        create_revision: 1,
        keys,
        bytes: 100 - keys,
        settings: NamespaceSettings::default(),
    }
}

fn ids(app: &App) -> Vec<u64> {
    members(app).iter().map(|seen| seen.member.id).collect()
}

#[test]
fn members_are_filtered_and_ordered() {
    let mut app = well();
    let mut behind = of(1);
    behind.last_log -= 5;
    behind.applied -= 5;
    answer(&mut app, behind, Default::default());
    silence(&mut app, 3);
    assert_eq!(ids(&app), [1, 2, 3]);
    app.member.at = 1;
    // Name, role, last log, lag, round trip; and the id again.
    let expected: [&[u64]; 6] = [
        &[1, 2, 3],
        &[2, 1, 3],
        &[3, 1, 2],
        &[2, 1, 3],
        &[1, 2, 3],
        &[1, 2, 3],
    ];
    for expected in expected {
        sort(&mut app);
        assert_eq!(ids(&app), expected, "{:?}", app.member_order);
        // The selection stays on n2.
        assert_eq!(ids(&app)[app.member.at], 2);
    }
    reverse(&mut app);
    assert_eq!(ids(&app), [3, 2, 1]);
    set_filter(&mut app, "LEADER");
    assert_eq!((ids(&app), app.member.at), (vec![2], 0));
    set_filter(&mut app, "7423");
    assert_eq!(ids(&app), [3]);
    assert_eq!(selected_text(&app).as_deref(), Some("n3"));
    set_filter(&mut app, "nobody");
    assert_eq!((len(&app), selected_text(&app)), (0, None));
    // A frozen table shows what it showed.
    set_filter(&mut app, "");
    app.frozen = Some(Box::new((app.now, app.cluster.clone())));
    app.cluster.survey = None;
    assert_eq!(len(&app), 3);
}

#[test]
fn namespaces_are_ordered_by_each_column() {
    let mut app = well();
    app.screen = Screen::Namespaces;
    app.namespaces.listed = Some(vec![
        namespace("a", 7),
        namespace("B", 9),
        namespace("c", 8),
    ]);
    let probe = app.cluster.probes.values_mut().next().unwrap();
    probe.rates.namespaces.insert("c".to_owned(), (9.0, 1.0));
    probe.rates.namespaces.insert("a".to_owned(), (5.0, 2.0));
    let names =
        |app: &App| -> String { namespaces(app).iter().map(|it| it.name.as_str()).collect() };
    for expected in ["acB", "Bca", "Bac", "Bca", "Bac"] {
        sort(&mut app);
        assert_eq!(names(&app), expected, "{:?}", app.namespaces.order);
        if app.namespaces.order.column == 4 {
            reverse(&mut app);
            assert_eq!(names(&app), "acB");
        }
    }
    set_filter(&mut app, "b");
    assert_eq!(names(&app), "B");
}

#[test]
fn matches_are_gone_through_in_a_circle() {
    let mut app = well();
    app.screen = Screen::Namespaces;
    let listed = ["ax", "b", "cX", "d", "ex"].map(|name| namespace(name, 1));
    app.namespaces.listed = Some(listed.to_vec());
    next_match(&mut app, true);
    assert_eq!(app.namespaces.selection.at, 0);
    app.namespaces.narrowing.searched = "X".to_owned();
    let mut places = Vec::new();
    for forward in [true, true, true, false, false, false] {
        next_match(&mut app, forward);
        places.push(app.namespaces.selection.at);
    }
    assert_eq!(places, [2, 4, 0, 4, 2, 0]);
}

#[test]
fn keys_match_in_any_script() {
    assert!(rows::contains("GRÜSSE".as_bytes(), "grüsse"));
    assert!(rows::contains(b"\xffUser:1", "user"));
    assert!(!rows::contains(b"us", "user"));
    assert!(rows::contains(b"", ""));
}
