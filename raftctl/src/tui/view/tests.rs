//! Pictures of the header and of screens 1 to 3, and that nothing breaks them.

mod contents;

use std::time::Duration;

use common::types::Election;
use ratatui::{Terminal, backend::TestBackend, layout::Rect};

use super::{
    compact, header, members, overview, raft,
    testing::{self, at_all_sizes, pictured},
};
use crate::tui::{
    app::{App, Areas, Screen},
    theme::{Depth, Theme},
};

fn on(mut app: App, screen: Screen) -> App {
    app.screen = screen;
    app
}

#[test]
fn overview_pictures() {
    at_all_sizes("overview", &mut testing::healthy());
    at_all_sizes("overview_one_down", &mut testing::one_down());
    at_all_sizes("overview_unanswered", &mut testing::unanswered());
    at_all_sizes("overview_seven", &mut testing::seven());
    at_all_sizes("overview_mixed", &mut testing::mixed());
    at_all_sizes("overview_hostile", &mut testing::hostile());
}

#[test]
fn member_pictures() {
    at_all_sizes("members", &mut on(testing::healthy(), Screen::Members));
    let mut down = on(testing::one_down(), Screen::Members);
    down.member.at = 1;
    at_all_sizes("members_one_down", &mut down);
    let mut joins = on(testing::mixed(), Screen::Members);
    joins.member.at = 4;
    at_all_sizes("members_joins", &mut joins);
}

#[test]
fn raft_pictures() {
    at_all_sizes("raft", &mut on(testing::healthy(), Screen::Raft));
    let mut many = on(testing::healthy(), Screen::Raft);
    let newest = many.cluster.elections.last().unwrap().clone();
    for term in newest.term + 1..newest.term + 30 {
        let next = Election {
            term,
            ..newest.clone()
        };
        many.cluster.elections.push(next);
    }
    many.raft.in_elections = true;
    many.raft.elections_scroll = 7;
    at_all_sizes("raft_elections", &mut many);
    at_all_sizes(
        "raft_unanswered",
        &mut on(testing::unanswered(), Screen::Raft),
    );
}

#[test]
fn header_pictures() {
    let mut frozen = testing::one_down();
    frozen.settings.read_only = true;
    let since = frozen.now - Duration::from_secs(12);
    frozen.frozen = Some(Box::new((since, frozen.cluster.clone())));
    let mut pictures = String::new();
    for (name, app) in [
        ("healthy", testing::healthy()),
        ("electing", testing::electing()),
        ("one down, frozen, read-only", frozen),
        ("no quorum", testing::no_quorum()),
        ("silent", testing::silent()),
        ("unanswered", testing::unanswered()),
    ] {
        pictures.push_str(&format!("{name}\n"));
        for width in [160, 120, 100, 80, 60, 50, 40, 30, 20] {
            let picture = testing::picture(&app, width, 10, false);
            for line in picture.lines().take(2) {
                pictures.push_str(&format!("{width:>3}|{line}\n"));
            }
        }
    }
    pictured!("headers", pictures);
}

#[test]
fn a_frozen_picture_stays_and_its_header_goes_on() {
    let mut app = testing::healthy();
    let before = testing::picture(&app, 120, 35, false);
    let later = testing::one_down();
    app.frozen = Some(Box::new((app.now, app.cluster)));
    app.cluster = later.cluster;
    app.now += Duration::from_secs(75);
    app.clock += Duration::from_secs(75);
    app.cluster.heard = Some(app.now);
    let frozen = testing::picture(&app, 120, 35, false);
    let body = |picture: &str| {
        picture
            .lines()
            .skip(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(body(&frozen), body(&before));
    let header = frozen.lines().next().unwrap_or_default();
    assert!(header.contains("2 of 3 up"), "{header}");
    assert!(header.contains("★ n3"), "{header}");
    assert!(header.contains("frozen 1m 15s"), "{header}");
}

#[test]
fn areas_tell_where_things_are() {
    let mut app = on(testing::seven(), Screen::Members);
    app.member.at = 6;
    let mut terminal = Terminal::new(TestBackend::new(80, 14)).unwrap();
    let mut areas = Areas::default();
    terminal
        .draw(|frame| areas = super::draw(frame, &app))
        .unwrap();
    assert_eq!(areas.tabs.len(), 6);
    assert_eq!(areas.tabs[1], (Rect::new(13, 1, 11, 1), Screen::Members));
    let (rows, first) = areas.list.unwrap();
    assert_eq!((rows, first), (Rect::new(1, 4, 24, 8), 0));
    let (pane, lines) = areas.pane.unwrap();
    assert!(lines > usize::from(pane.height));
    // Scrolled too far it shows its end.
    app.member_scroll = 999;
    let picture = testing::picture(&app, 80, 14, false);
    assert!(picture.contains(&format!("of {lines}")), "{picture}");
    assert!(picture.contains("formats"), "{picture}");
}

#[test]
fn small_pictures() {
    pictured!(
        "overview_40x10",
        testing::picture(&testing::healthy(), 40, 10, false)
    );
    pictured!(
        "electing_40x10",
        testing::picture(&testing::electing(), 40, 10, false)
    );
    pictured!(
        "silent_40x10",
        testing::picture(&testing::silent(), 40, 10, false)
    );
}

#[test]
fn colored_pictures() {
    for (name, mut app) in [
        ("colored_one_down", testing::one_down()),
        ("colored_silent", testing::silent()),
        ("colored_electing", testing::electing()),
    ] {
        app.settings.theme.depth = Depth::Sixteen;
        pictured!(name, testing::picture(&app, 100, 24, true));
    }
}

#[test]
fn ascii_pictures() {
    for (name, screen) in [
        ("ascii_overview", Screen::Overview),
        ("ascii_raft", Screen::Raft),
    ] {
        let mut app = on(testing::one_down(), screen);
        app.settings.theme.unicode = false;
        let picture = testing::picture(&app, 120, 30, false);
        assert!(picture.is_ascii());
        pictured!(name, picture);
    }
}

/// Everything that this file draws, in all states.
fn states() -> Vec<App> {
    let mut apps = vec![
        testing::unanswered(),
        testing::healthy(),
        testing::electing(),
        testing::one_down(),
        testing::no_quorum(),
        testing::silent(),
        testing::seven(),
        testing::mixed(),
        testing::hostile(),
    ];
    let mut ascii = testing::hostile();
    ascii.settings.theme = Theme {
        depth: Depth::True,
        unicode: false,
    };
    ascii.member.at = 99;
    ascii.raft.selection.at = 9999;
    ascii.member_scroll = 9999;
    apps.push(ascii);
    apps
}

#[test]
fn every_size_shows_leader_term_and_commit_index() {
    for (width, height) in [(40, 10), (40, 3), (60, 15), (80, 24), (99, 30), (300, 100)] {
        for screen in Screen::ALL {
            let app = on(testing::healthy(), screen);
            let picture = testing::picture(&app, width, height, false);
            let header = picture.lines().next().unwrap_or_default();
            for part in ["★ n2", "1 284 913"] {
                assert!(header.contains(part), "{width}x{height}: {header}");
            }
            let term = header.contains("t7") || header.contains("term 7");
            assert!(term, "{width}x{height}: {header}");
        }
    }
}

#[test]
fn no_size_and_no_name_breaks_a_picture() {
    let sizes = [
        (1, 1),
        (2, 1),
        (1, 40),
        (3, 2),
        (10, 3),
        (7, 9),
        (20, 5),
        (40, 10),
        (41, 16),
        (50, 12),
        (60, 15),
        (61, 8),
        (80, 24),
        (99, 14),
        (100, 18),
        (120, 35),
        (300, 4),
        (300, 100),
    ];
    for mut app in states() {
        for screen in [Screen::Overview, Screen::Members, Screen::Raft] {
            app.screen = screen;
            for (width, height) in sizes {
                let (buffer, _) = testing::drawn(&app, width, height);
                for cell in &buffer.content {
                    let symbol = cell.symbol();
                    assert!(!symbol.chars().any(char::is_control), "{symbol:?}");
                    assert!(
                        app.settings.theme.unicode || symbol.is_ascii(),
                        "{symbol:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_is_written_outside_of_its_area() {
    type Draw = fn(&mut ratatui::Frame, Rect, &App, &mut Areas);
    let draws: [Draw; 5] = [
        header::draw,
        overview::draw,
        members::draw,
        raft::draw,
        compact::draw,
    ];
    let sizes: [(u16, u16); 9] = [
        (0, 0),
        (1, 1),
        (2, 2),
        (5, 1),
        (1, 9),
        (13, 4),
        (61, 9),
        (99, 20),
        (110, 30),
    ];
    for app in states() {
        for (width, height) in sizes {
            for draw in draws {
                let area = Rect::new(4, 3, width, height);
                let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
                terminal
                    .draw(|frame| {
                        let mut areas = Areas::default();
                        draw(frame, area, &app, &mut areas);
                        let list = areas.list.iter().map(|list| list.0);
                        let pane = areas.pane.iter().map(|pane| pane.0);
                        let tabs = areas.tabs.iter().map(|tab| tab.0);
                        for place in list.chain(pane).chain(tabs) {
                            let inside = place.intersection(area);
                            assert!(place.is_empty() || inside == place, "{place} of {area}");
                        }
                    })
                    .unwrap();
                let buffer = terminal.backend().buffer();
                for y in 0..40 {
                    for x in 0..120 {
                        let outside = !area.contains((x, y).into());
                        let touched = buffer[(x, y)] != ratatui::buffer::Cell::EMPTY;
                        assert!(!(outside && touched), "{x},{y} beside {area}");
                    }
                }
            }
        }
    }
}
