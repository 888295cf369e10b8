//! Pictures of screens 4 to 6 and of what is open above a screen, and that nothing breaks them.

use ratatui::layout::Rect;

use crate::tui::view::testing::{SIZES, at_all_sizes, contents as testing, pictured};
use crate::tui::{
    app::{
        App, Button, DialogState, Filter, Focus, Form, Input, Notice, Overlay, Screen, Shown,
        WatchState,
    },
    theme::{Depth, Theme},
};

fn ascii(name: &str, mut app: App) {
    app.settings.theme.unicode = false;
    let picture = testing::picture(&app, 80, 24, false);
    // Arrows in the effect are the dialog's own.
    assert!(picture.replace('\u{2192}', "").is_ascii(), "{picture}");
    pictured!(format!("{name}_ascii"), picture);
}

/// Several small pictures in one.
fn gallery(name: &str, apps: Vec<(&str, App)>, width: u16, height: u16) {
    let pictures = apps.iter().map(|(title, app)| {
        let picture = testing::picture(app, width, height, false);
        format!("### {title}\n{}\n", picture.trim_start_matches('\n'))
    });
    pictured!(name, pictures.collect::<String>());
}

#[test]
fn namespaces() {
    let mut app = testing::namespaces();
    at_all_sizes("namespaces", &mut app);
    at_all_sizes(
        "namespaces_by_writes",
        &mut testing::ordered(testing::namespaces(), 3),
    );
    ascii("namespaces", testing::ordered(testing::namespaces(), 0));
    let blank = || testing::blank(Screen::Namespaces);
    let mut failed = blank();
    failed.namespaces.error = Some("no member answers".to_owned());
    let mut none = blank();
    none.namespaces.listed = Some(Vec::new());
    let mut filtered = testing::namespaces();
    filtered.namespaces.narrowing.filter = "s".to_owned();
    filtered.namespaces.error = Some("no leader".to_owned());
    let mut unmatched = testing::namespaces();
    unmatched.namespaces.narrowing.filter = "zzz".to_owned();
    let states = vec![
        ("before the first answer", blank()),
        ("failed", failed),
        ("none", none),
        ("filtered, old", filtered),
        ("no match", unmatched),
    ];
    gallery("namespaces_states", states, 80, 12);
}

#[test]
fn the_browser() {
    at_all_sizes("browser", &mut testing::browser());
    ascii("browser", testing::browser());
    at_all_sizes("browser_value", &mut testing::large());
    let with = |change: fn(&mut App)| {
        let mut app = testing::browser();
        change(&mut app);
        app
    };
    let states = vec![
        ("no namespace", testing::blank(Screen::Browser)),
        (
            "reading",
            with(|app| {
                app.browser.rows.clear();
                app.browser.total = None;
                app.browser.live = None;
                app.browser.value.shown = Shown::Nothing;
            }),
        ),
        (
            "empty",
            with(|app| {
                app.browser.rows.clear();
                app.browser.total = Some(0);
                app.browser.narrowing.filter.clear();
                app.browser.value.shown = Shown::Nothing;
            }),
        ),
        (
            "no such prefix",
            with(|app| {
                app.browser.rows.clear();
                app.browser.to_last = true;
                app.browser.total = Some(0);
                app.browser.value.shown = Shown::Nothing;
            }),
        ),
        (
            "failed",
            with(|app| {
                app.browser.rows.clear();
                app.browser.error = Some("there is no namespace \"sessions\"".to_owned());
                app.browser.value.shown = Shown::Nothing;
            }),
        ),
        (
            "not live, in the middle, loading",
            with(|app| {
                app.browser.live = Some(Err("no leader".to_owned()));
                app.browser.from_first = false;
                app.browser.loading_before = true;
                let row = app.browser.rows[3].key.clone();
                app.browser.value.shown = Shown::Loading(row);
            }),
        ),
        (
            "at the end, gone",
            with(|app| {
                app.browser.from_first = false;
                app.browser.to_last = true;
                app.browser.selection.at = app.browser.rows.len() - 1;
                app.browser.value.shown = Shown::Gone("user:1199".into());
            }),
        ),
        (
            "value not read",
            with(|app| {
                app.browser.value.shown = Shown::Failed {
                    key: "user:1042".into(),
                    reason: "the leader did not answer in time".to_owned(),
                };
            }),
        ),
    ];
    gallery("browser_states", states, 104, 14);
}

#[test]
fn a_value_scrolls_by_the_rows_that_are_seen() {
    let mut app = testing::large();
    for (width, height) in SIZES {
        app.browser.value.scroll = 0;
        let (_, areas) = testing::drawn(&app, width, height);
        let (pane, rows) = areas.pane.unwrap();
        assert_eq!(rows, Shown::PREVIEW.div_ceil(usize::from(pane.width)));
        // However far it was scrolled, the last row is at the foot.
        app.browser.value.scroll = usize::MAX;
        let picture = testing::picture(&app, width, height, false);
        let last = rows - usize::from(pane.height) + 1;
        assert!(
            picture.contains(&format!("{last}-{rows} of {rows}")),
            "{picture}"
        );
        assert!(picture.contains("first 64 KiB of 1.0 MiB"), "{picture}");
    }
}

#[test]
fn the_watch() {
    at_all_sizes("watch", &mut testing::watch());
    ascii("watch", testing::watch());
    let with = |change: fn(&mut App)| {
        let mut app = testing::watch();
        change(&mut app);
        app
    };
    let states = vec![
        ("off", testing::blank(Screen::Watch)),
        (
            "starting",
            with(|app| {
                app.watch.lines.clear();
                app.watch.state = WatchState::Starting;
            }),
        ),
        (
            "live, nothing yet",
            with(|app| {
                app.watch.lines.clear();
                app.watch.told = 0;
            }),
        ),
        (
            "cut off, nothing yet",
            with(|app| {
                app.watch.lines.clear();
                app.watch.state = WatchState::Broken("no member answers".to_owned());
            }),
        ),
        (
            "cut off",
            with(|app| app.watch.state = WatchState::Broken("no member answers".to_owned())),
        ),
        (
            "frozen",
            with(|app| {
                app.watch.held = app.watch.lines.clone();
                app.frozen = Some(Box::new((app.now, app.cluster.clone())));
            }),
        ),
        (
            "filtered",
            with(|app| app.watch.narrowing.filter = "103".to_owned()),
        ),
        (
            "no match",
            with(|app| app.watch.narrowing.filter = "zzz".to_owned()),
        ),
    ];
    gallery("watch_states", states, 80, 11);
}

#[test]
fn what_is_open_above_a_screen() {
    let over = testing::over;
    let removal = || over(Overlay::Dialog(testing::removal()));
    let palette = || over(Overlay::Palette(testing::palette()));
    at_all_sizes("overlay_dialog", &mut removal());
    at_all_sizes("overlay_form", &mut over(Overlay::Dialog(testing::form())));
    at_all_sizes("overlay_palette", &mut palette());
    at_all_sizes("overlay_help", &mut over(Overlay::Help { scroll: 0 }));
    ascii("overlay_dialog", removal());
    ascii("overlay_palette", palette());

    let mut failed = testing::removal();
    failed.word = Some(("n3".to_owned(), Input::of("n3")));
    failed.focus = Focus::Button(Button::Confirm);
    failed.state = DialogState::Failed(
        "the cluster has no leader at this moment, so that nothing can be changed; try again"
            .to_owned(),
    );
    let mut working = failed.clone();
    working.state = DialogState::Working;
    let mut ready = failed.clone();
    ready.state = DialogState::Open;
    let mut cancel = testing::removal();
    cancel.focus = Focus::Button(Button::Cancel);
    cancel.title = "Delete a key".to_owned();
    cancel.word = None;
    let mut other = testing::removal();
    other.word = Some(("sessions".to_owned(), Input::default()));
    let dialog = |dialog| over(Overlay::Dialog(dialog));
    let states = vec![
        ("ready", dialog(ready)),
        ("working", dialog(working)),
        ("failed", dialog(failed.clone())),
        ("no word", dialog(cancel)),
        ("another word", dialog(other)),
    ];
    gallery("overlay_dialog_states", states, 66, 14);
    let mut form = testing::form();
    form.focus = Focus::Field(3);
    let small = vec![
        ("removal", removal()),
        ("failed", dialog(failed)),
        ("form", dialog(form)),
        ("help", over(Overlay::Help { scroll: 7 })),
        ("palette", palette()),
    ];
    gallery("overlay_small", small, 40, 10);
}

#[test]
fn the_last_line() {
    let browser = testing::browser;
    let filter = |text: &str, screen| {
        let mut app = testing::over(Overlay::Filter(Filter {
            input: Input::of(text),
            before: String::new(),
        }));
        app.screen = screen;
        app
    };
    let notice = |text: &str, bad| {
        let mut app = browser();
        let until = app.now + std::time::Duration::from_secs(3);
        let text = text.to_owned();
        app.notice = Some(Notice { text, bad, until });
        app
    };
    let apps = [
        browser(),
        filter("user:10", Screen::Browser),
        filter(&"a long filter ".repeat(20), Screen::Namespaces),
        notice("deleted user:1042", false),
        notice("user:1042 was not written: it is at revision 12 now", true),
    ];
    let mut lines = String::new();
    for app in &apps {
        for width in [120, 80, 50, 24, 8] {
            let picture = testing::picture(app, width, 12, false);
            lines.push_str(picture.lines().last().unwrap());
            lines.push_str("|\n");
        }
    }
    pictured!("footer", lines);
}

#[test]
fn buttons_are_where_they_are_drawn() {
    for (width, height) in [(120, 35), (80, 24), (50, 12), (40, 10)] {
        for (focus, drawn) in [
            (Focus::Word, ["Cancel", "Remove"]),
            (Focus::Button(Button::Cancel), ["[ Cancel ]", "Remove"]),
            (Focus::Button(Button::Confirm), ["Cancel", "[ Remove ]"]),
        ] {
            let mut dialog = testing::removal();
            dialog.focus = focus;
            let app = testing::over(Overlay::Dialog(dialog));
            let (buffer, areas) = testing::drawn(&app, width, height);
            let texts = areas.buttons.iter().map(|(area, button)| {
                let cells = (area.left()..area.right()).map(|x| buffer[(x, area.y)].symbol());
                (cells.collect::<String>().trim().to_owned(), *button)
            });
            let expected = [Button::Cancel, Button::Confirm];
            let expected = drawn.map(str::to_owned).into_iter().zip(expected);
            assert!(texts.eq(expected), "{width}x{height}");
        }
    }
}

/// Every size, every screen, every overlay: no panic, nothing outside, no control characters.
#[test]
fn nothing_breaks_a_picture() {
    let sizes = [
        (1, 1),
        (2, 2),
        (3, 5),
        (10, 3),
        (5, 40),
        (40, 10),
        (59, 14),
        (80, 24),
        (99, 16),
        (100, 35),
        (300, 100),
    ];
    let mut apps: Vec<App> = [Screen::Namespaces, Screen::Browser, Screen::Watch]
        .into_iter()
        .map(testing::hostile)
        .collect();
    apps.extend(testing::hostile_overlays().into_iter().map(|overlay| {
        let mut app = testing::hostile(Screen::Browser);
        app.overlay = Some(overlay);
        app
    }));
    for mut app in apps {
        for (width, height) in sizes {
            for (unicode, depth, in_value, form) in [
                (true, Depth::None, false, Form::Json),
                (false, Depth::True, true, Form::Text),
            ] {
                app.settings.theme = Theme { depth, unicode };
                app.browser.in_value = in_value;
                app.browser.value.form = form;
                app.browser.value.scroll = if in_value { usize::MAX } else { 0 };
                let (buffer, areas) = testing::drawn(&app, width, height);
                for cell in &buffer.content {
                    assert!(!cell.symbol().chars().any(char::is_control));
                    assert!(unicode || cell.symbol().is_ascii(), "{}", cell.symbol());
                }
                let whole = Rect::new(0, 0, width, height);
                let places = areas.list.iter().chain(&areas.pane).map(|it| it.0);
                for place in places.chain(areas.buttons.iter().map(|it| it.0)) {
                    assert_eq!(place.intersection(whole), place, "{width}x{height}");
                }
                // The way out of a dialog is always seen.
                if matches!(app.overlay, Some(Overlay::Dialog(_))) && width >= 40 && height >= 10 {
                    assert_eq!(areas.buttons.len(), 2, "{width}x{height}");
                }
            }
        }
    }
}

#[test]
fn the_selected_row_is_always_seen() {
    let mut app = testing::ten_thousand();
    for (width, height) in SIZES {
        for at in [7_000, 7_001, 6_000, 9_999, 0, 40] {
            app.browser.selection.at = at;
            let (_, areas) = testing::drawn(&app, width, height);
            let (rows, first) = areas.list.unwrap();
            assert!((first..first + usize::from(rows.height)).contains(&at));
            app.areas = areas;
        }
        // One step within the page moves the selection, and not the page.
        app.browser.selection.at = 39;
        let (_, areas) = testing::drawn(&app, width, height);
        assert_eq!(areas.list, app.areas.list);
    }
}
