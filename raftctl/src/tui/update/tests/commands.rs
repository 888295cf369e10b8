//! Keys and commands that change nothing in the cluster.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::*;
use crate::tui::{app::Areas, keys::Command};

#[test]
fn screens_by_number_tab_and_name_and_their_hooks() {
    let mut app = app();
    press(&mut app, "2");
    assert_eq!(app.screen, Screen::Members);
    assert!(app.changed);
    press(&mut app, "<Tab><Tab>");
    assert_eq!(app.screen, Screen::Namespaces);
    press(&mut app, "<BackTab>");
    assert_eq!(app.screen, Screen::Raft);
    press(&mut app, "1<BackTab>");
    assert_eq!(app.screen, Screen::Watch);
    // The namespace that is selected is the one to watch.
    assert_eq!(app.watch.namespace.as_deref(), Some("default"));
    let effects = press(&mut app, "4");
    assert!(matches!(effects[..], [Effect::Unwatch(Pane::Watch)]));
    app.changed = false;
    press(&mut app, "4");
    assert!(!app.changed, "it is shown already");
    press(&mut app, ":members<Enter>");
    assert_eq!(app.screen, Screen::Members);
    assert!(app.overlay.is_none());
}

#[test]
fn rows_are_selected_within_the_list() {
    let mut app = app();
    press(&mut app, "jj");
    assert_eq!(app.member.at, 2);
    press(&mut app, "jjjj");
    assert_eq!(app.member.at, 3);
    app.changed = false;
    press(&mut app, "j");
    assert!(!app.changed, "the last row stays selected");
    press(&mut app, "gk");
    assert_eq!(app.member.at, 0);
    press(&mut app, "G");
    assert_eq!(app.member.at, 3);
    // Members in full are the same list.
    press(&mut app, "k<Enter>");
    assert_eq!((app.screen, app.member.at), (Screen::Members, 2));
}

#[test]
fn a_page_is_what_the_list_has_room_for() {
    let mut app = browsing();
    app.browser.rows = (0..100).map(|at| row(&format!("{at:03}"), at)).collect();
    app.areas.list = Some((Rect::new(0, 3, 60, 20), 0));
    press(&mut app, "<PgDn>");
    assert_eq!(app.browser.selection.at, 19);
    press(&mut app, "<C-f><C-b><PgUp><PgUp>");
    assert_eq!(app.browser.selection.at, 0);
}

#[test]
fn enter_leads_into_the_value_and_esc_out() {
    let mut app = browsing();
    app.areas.pane = Some((Rect::new(60, 4, 60, 20), 50));
    press(&mut app, "<Enter>jj");
    assert!(app.browser.in_value);
    assert_eq!((app.browser.value.scroll, app.browser.selection.at), (2, 0));
    press(&mut app, "g");
    assert_eq!(app.browser.value.scroll, 0);
    press(&mut app, "<Esc>j");
    assert!(!app.browser.in_value);
    assert_eq!(app.browser.selection.at, 1);
    press(&mut app, "<Tab>");
    assert!(app.browser.in_value);
}

#[test]
fn tab_leads_from_the_log_to_the_elections_and_on() {
    let mut app = app();
    app.screen = Screen::Raft;
    app.areas.pane = Some((Rect::new(1, 4, 50, 5), 12));
    press(&mut app, "<Tab>jjj");
    assert!(app.raft.in_elections);
    assert_eq!(app.raft.elections_scroll, 3);
    // The last one stays at the bottom.
    press(&mut app, "G");
    assert_eq!(app.raft.elections_scroll, 7);
    press(&mut app, "<PgUp>");
    assert_eq!(app.raft.elections_scroll, 3);
    press(&mut app, "g<Esc>");
    assert!(!app.raft.in_elections);
    assert_eq!((app.raft.elections_scroll, app.screen), (0, Screen::Raft));
    press(&mut app, "<Tab><Tab>");
    assert_eq!(app.screen, Screen::Namespaces);
    // Where there is no room for them, they are passed over.
    app.screen = Screen::Raft;
    app.areas.pane = None;
    press(&mut app, "<Tab>");
    assert_eq!(app.screen, Screen::Namespaces);
}

#[test]
fn enter_opens_namespaces_and_keys_in_the_browser() {
    let mut app = app();
    press(&mut app, "4j<Enter>");
    assert_eq!(app.screen, Screen::Browser);
    assert_eq!(app.browser.namespace.as_deref(), Some("sessions"));
    // `w` watches what the browser shows, and Enter there comes back to the key.
    app.browser.narrowing.filter = "user:".to_owned();
    let effects = press(&mut app, "w");
    assert_eq!(app.screen, Screen::Watch);
    assert!(
        matches!(effects.last(), Some(Effect::Watch { prefix, .. }) if prefix == "user:"),
        "{effects:?}"
    );
    app.watch.lines.push_back(crate::tui::app::WatchLine {
        at: app.clock,
        kind: common::types::EventKind::Put,
        key: "a\nb".into(),
        size: 1,
        version: 1,
        revision: 1,
    });
    press(&mut app, "<Enter>");
    assert_eq!(app.screen, Screen::Browser);
    assert_eq!(app.browser.narrowing.filter, r"a\nb");
}

#[test]
fn the_filter_follows_and_esc_restores() {
    let mut app = app();
    press(&mut app, "4/se");
    assert_eq!(lists::filter(&app), "se");
    assert_eq!(lists::len(&app), 1);
    press(&mut app, "<Esc>");
    assert_eq!((lists::filter(&app), lists::len(&app)), ("", 2));
    press(&mut app, "/sess<Enter>");
    assert!(app.overlay.is_none());
    assert_eq!(lists::filter(&app), "sess");
    press(&mut app, "/<C-u>def<Esc>");
    assert_eq!(lists::filter(&app), "sess");
    // A letter of a filter is no command, and Esc drops what was kept.
    press(&mut app, "/q<Enter>");
    assert!(!app.quit);
    press(&mut app, "<Esc>");
    assert_eq!(lists::filter(&app), "");
    send(&mut app, Message::Paste("q".to_owned()));
    assert!(!app.quit, "a paste is no command");
    press(&mut app, "/");
    send(&mut app, Message::Paste("def\n".to_owned()));
    assert_eq!(lists::filter(&app), "def");
}

#[test]
fn a_frozen_picture_stays_until_it_is_released() {
    let mut app = app();
    press(&mut app, " ");
    app.cluster.survey = None;
    assert!(app.shown().survey.is_some());
    press(&mut app, " ");
    assert!(app.shown().survey.is_none());
}

#[test]
fn the_interval_has_steps_between_a_tenth_and_ten_seconds() {
    let mut app = app();
    press(&mut app, "-");
    assert_eq!(app.settings.interval, Duration::from_millis(500));
    press(&mut app, "---------");
    assert_eq!(app.settings.interval, Duration::from_secs(10));
    press(&mut app, "+=++++++++");
    assert_eq!(app.settings.interval, Duration::from_millis(100));
    assert_eq!(notice(&app), "each member is asked every 100ms");
}

#[test]
fn a_notice_goes_after_its_time_and_a_bad_one_later() {
    let mut app = app();
    for (bad, seconds) in [(false, 4), (true, 8)] {
        if bad {
            complain(&mut app, "bad");
        } else {
            say(&mut app, "good");
        }
        let began = app.now;
        let at = |seconds| Moment {
            now: began + seconds,
            clock: SystemTime::UNIX_EPOCH,
        };
        let short = Duration::from_millis(1);
        app.changed = false;
        update(
            &mut app,
            Message::Tick,
            at(Duration::from_secs(seconds) - short),
        );
        assert!(app.notice.is_some() && !app.changed);
        update(&mut app, Message::Tick, at(Duration::from_secs(seconds)));
        assert!(app.notice.is_none() && app.changed);
    }
}

#[test]
fn the_help_scrolls_within_its_lines() {
    let mut app = app();
    press(&mut app, "?k");
    let scroll = |app: &App| match app.overlay {
        Some(Overlay::Help { scroll }) => scroll,
        _ => panic!("no help"),
    };
    assert_eq!(scroll(&app), 0);
    press(&mut app, "jj");
    assert_eq!(scroll(&app), 2);
    press(&mut app, "G");
    let last = scroll(&app);
    press(&mut app, "j");
    assert_eq!(scroll(&app), last);
    assert!((20..200).contains(&last));
    press(&mut app, "q");
    assert!(app.overlay.is_none() && !app.quit);
}

#[test]
fn quit_by_q_and_by_ctrl_c_wherever_one_is() {
    let mut app = app();
    press(&mut app, "q");
    assert!(app.quit);
    for open in ["", "?", ":", "/", "a"] {
        let mut app = browsing();
        press(&mut app, open);
        assert!(!app.quit);
        press(&mut app, "<C-c>");
        assert!(app.quit, "after {open:?}");
    }
}

#[test]
fn copies_go_to_the_terminal_and_values_are_read_first() {
    let mut app = browsing();
    let effects = press(&mut app, "y");
    assert!(matches!(&effects[..], [Effect::Copy(Copied::Text(text))] if text == "user:1"));
    let effects = press(&mut app, "Y");
    assert!(matches!(&effects[..], [Effect::Copy(Copied::Value { key, .. })] if key == "user:1"));
    let effects = send(&mut app, Message::ToCopy(Ok("v".into())));
    assert!(matches!(&effects[..], [Effect::Copy(Copied::Bytes(_))]));
    send(&mut app, Message::Copied(1536));
    assert_eq!(notice(&app), "copied 1.5 KiB");
    send(&mut app, Message::ToCopy(Err("no leader".to_owned())));
    assert_eq!(notice(&app), "not copied: no leader");
}

#[test]
fn the_palette_completes_names_and_opens_namespaces() {
    let mut app = app();
    press(&mut app, ":ns<Tab>");
    let line = |app: &App| match &app.overlay {
        Some(Overlay::Palette(palette)) => palette.input.text.clone(),
        other => panic!("no palette: {other:?}"),
    };
    assert_eq!(line(&app), "ns ");
    press(&mut app, "se<Tab>");
    assert_eq!(line(&app), "ns sessions");
    press(&mut app, "<Enter>");
    assert_eq!(app.screen, Screen::Browser);
    assert_eq!(app.browser.namespace.as_deref(), Some("sessions"));
    press(&mut app, ":watch default user:<Enter>");
    assert_eq!(app.screen, Screen::Watch);
    assert_eq!(&app.watch.prefix[..], b"user:");
    press(&mut app, ":<Backspace>");
    assert!(app.overlay.is_none());
    press(&mut app, ":nonsense here<Enter>");
    assert!(
        notice(&app).contains("\"nonsense here\""),
        "{}",
        notice(&app)
    );
    press(&mut app, ":quit<Enter>");
    assert!(app.quit);
}

#[test]
fn the_palette_goes_to_the_screen_of_a_command_first() {
    let mut app = app();
    app.screen = Screen::Raft;
    press(&mut app, ":create na<Enter>");
    assert_eq!(app.screen, Screen::Namespaces);
    assert_eq!(dialog(&app).title, "Create a namespace");
    let mut app = browsing();
    press(&mut app, ":<Down><Up><Up>");
    assert!(
        matches!(&app.overlay, Some(Overlay::Palette(it)) if it.selected + 1 == it.suggestions.len())
    );
}

#[test]
fn a_command_of_another_screen_does_nothing() {
    let mut app = app();
    let effects = send(&mut app, Message::Command(Command::Edit));
    assert!(effects.is_empty() && app.notice.is_none());
}

fn mouse_at(app: &mut App, kind: MouseEventKind, column: u16, row: u16) -> Effects {
    let event = MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    send(app, Message::Mouse(event))
}

const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);

#[test]
fn the_mouse_finds_tabs_rows_and_panes() {
    let mut app = browsing();
    app.browser.rows = (0..100).map(|at| row(&format!("{at:03}"), at)).collect();
    app.areas = Areas {
        tabs: vec![(Rect::new(12, 1, 9, 1), Screen::Members)],
        list: Some((Rect::new(0, 4, 60, 20), 10)),
        pane: Some((Rect::new(60, 4, 60, 20), 50)),
        buttons: Vec::new(),
    };
    mouse_at(&mut app, CLICK, 5, 6);
    assert_eq!(app.browser.selection.at, 12);
    mouse_at(&mut app, MouseEventKind::ScrollDown, 5, 6);
    assert_eq!(app.browser.selection.at, 15);
    mouse_at(&mut app, MouseEventKind::ScrollDown, 70, 6);
    assert_eq!(app.browser.value.scroll, 3);
    // A second click opens, and one into the list leaves the value again.
    mouse_at(&mut app, CLICK, 5, 9);
    assert!(app.browser.in_value);
    mouse_at(&mut app, CLICK, 5, 10);
    assert_eq!(
        (app.browser.in_value, app.browser.selection.at),
        (false, 16)
    );
    mouse_at(&mut app, CLICK, 13, 1);
    assert_eq!(app.screen, Screen::Members);
    let effects = press(&mut app, "%");
    assert!(matches!(effects[..], [Effect::Mouse(false)]));
}

#[test]
fn the_mouse_presses_the_buttons_of_a_dialog_and_nothing_behind_it() {
    let mut app = browsing();
    press(&mut app, "<C-d>");
    app.areas.tabs = vec![(Rect::new(0, 1, 9, 1), Screen::Members)];
    app.areas.buttons = vec![
        (Rect::new(10, 10, 8, 1), Button::Cancel),
        (Rect::new(20, 10, 8, 1), Button::Confirm),
    ];
    mouse_at(&mut app, CLICK, 3, 1);
    assert_eq!(app.screen, Screen::Browser);
    let effects = mouse_at(&mut app, CLICK, 21, 10);
    assert!(matches!(made(&effects), Change::Delete { .. }));
    press(&mut app, "<Esc><C-d>");
    mouse_at(&mut app, CLICK, 11, 10);
    assert!(app.overlay.is_none());
}
