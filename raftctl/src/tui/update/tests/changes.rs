//! What comes of a change, and the way of a value to the editor and back.

use common::types::Entry;

use super::*;
use crate::tui::message::Refused;

fn entry(value: &'static [u8], revision: u64) -> Entry {
    Entry {
        key: "user:1".into(),
        value: value.into(),
        size: value.len() as u64,
        create_revision: 1,
        revision,
        version: 3,
        ttl: None,
        lease: None,
    }
}

fn done(app: &mut App, change: &Change, result: Result<&str, Refused>) -> Effects {
    let message = Message::Done {
        change: change.clone(),
        result: result.map(str::to_owned),
    };
    send(app, message)
}

fn refused(reason: &str, conflict: Option<Option<u64>>) -> Result<&'static str, Refused> {
    Err(Refused {
        reason: reason.to_owned(),
        conflict,
    })
}

#[test]
fn what_was_done_closes_the_dialog_and_is_told() {
    let mut app = app();
    let effects = press(&mut app, "4j<C-d>sessions<Enter><Enter>");
    let change = made(&effects).clone();
    let effects = done(&mut app, &change, Ok("deleted namespace sessions"));
    assert!(app.overlay.is_none());
    assert_eq!(notice(&app), "deleted namespace sessions");
    assert!(matches!(effects[..], [Effect::ListNamespaces]));
}

#[test]
fn what_was_refused_stays_open_and_can_be_tried_again() {
    let mut app = browsing();
    let effects = press(&mut app, "<C-d><Tab><Enter>");
    let change = made(&effects).clone();
    done(&mut app, &change, refused("no leader", None));
    assert_eq!(
        dialog(&app).state,
        DialogState::Failed("no leader".to_owned())
    );
    let effects = press(&mut app, "<Enter>");
    assert_eq!(*made(&effects), change);
    // Closed before the answer: then it is told at the foot of the screen.
    press(&mut app, "<Esc>");
    done(&mut app, &change, refused("no leader", None));
    assert_eq!(notice(&app), "no leader");
    assert!(app.overlay.is_none());
}

#[test]
fn an_answer_to_something_else_leaves_a_dialog_alone() {
    let mut app = browsing();
    let effects = press(&mut app, "<C-d><Tab><Enter>");
    let change = made(&effects).clone();
    press(&mut app, "<Esc>j<C-d>");
    done(&mut app, &change, Ok("deleted user:1"));
    assert_eq!(dialog(&app).title, "Delete user:2");
    assert_eq!(notice(&app), "deleted user:1");
}

/// `e`, the value as it is, and the editor that makes another one of it.
fn edit(app: &mut App) -> Change {
    let effects = press(app, "e");
    assert!(matches!(&effects[..], [Effect::Edit { key, text: None, .. }] if key == "user:1"));
    let effects = send(
        app,
        Message::ToEdit {
            namespace: "sessions".to_owned(),
            key: "user:1".into(),
            text: None,
            answer: Ok(Some(entry(b"old", 12))),
        },
    );
    assert!(matches!(
        &effects[..],
        [Effect::OpenEditor { base: 12, original, .. }] if original == "old"
    ));
    edited(app, 12, Ok(Some("new text".into())));
    assert_eq!(dialog(app).title, "Write user:1");
    assert_eq!(
        dialog(app).effect,
        [
            "3 B -> 8 B",
            "only if revision 12 is still the last that wrote it"
        ]
    );
    let effects = press(app, "<Tab><Enter>");
    made(&effects).clone()
}

fn edited(app: &mut App, base: u64, result: Result<Option<Bytes>, String>) {
    send(
        app,
        Message::Edited {
            namespace: "sessions".to_owned(),
            key: "user:1".into(),
            base,
            size: 3,
            result,
        },
    );
}

#[test]
fn a_value_is_edited_and_written_by_compare_and_swap() {
    let mut app = browsing();
    let change = edit(&mut app);
    let wanted = Change::Put {
        namespace: "sessions".to_owned(),
        key: "user:1".into(),
        value: "new text".into(),
        ttl: None,
        base: Some(12),
    };
    assert_eq!(change, wanted);
    edited(&mut app, 12, Ok(None));
    assert_eq!(notice(&app), "unchanged: nothing was written");
    edited(&mut app, 12, Err("the editor failed".to_owned()));
    assert_eq!(notice(&app), "the editor failed");
}

#[test]
fn a_conflict_keeps_the_text_and_never_overwrites() {
    let mut app = browsing();
    let change = edit(&mut app);
    done(
        &mut app,
        &change,
        refused("condition failed", Some(Some(14))),
    );
    let asked = dialog(&app);
    assert_eq!(asked.title, "user:1 was changed");
    assert_eq!(
        asked.effect[0],
        "it was changed meanwhile, by revision 14; you edited revision 12"
    );
    assert_eq!(asked.focus, Focus::Button(Button::Cancel));
    let effects = press(&mut app, "<Tab><Enter>");
    let [
        Effect::Edit {
            namespace,
            key,
            text,
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(text.as_deref(), Some(&b"new text"[..]));
    // It cannot be read now: the text is still there.
    let answer = |answer| Message::ToEdit {
        namespace: namespace.clone(),
        key: key.clone(),
        text: text.clone(),
        answer,
    };
    send(&mut app, answer(Err("no leader".to_owned())));
    assert_eq!(
        dialog(&app).state,
        DialogState::Failed("no leader".to_owned())
    );
    press(&mut app, "<Enter>");
    let effects = send(&mut app, answer(Ok(Some(entry(b"theirs", 14)))));
    assert!(matches!(
        &effects[..],
        [Effect::OpenEditor { base: 14, original, text: Some(text), .. }]
            if original == "theirs" && text == "new text"
    ));
    edited(&mut app, 14, Ok(Some("both".into())));
    let effects = press(&mut app, "<Tab><Enter>");
    assert!(matches!(made(&effects), Change::Put { base: Some(14), .. }));
    // Deleted meanwhile: it is created again only if there is still none.
    let change = made(&effects).clone();
    done(&mut app, &change, refused("condition failed", Some(None)));
    assert!(dialog(&app).effect[0].starts_with("it was deleted meanwhile"));
    press(&mut app, "<Tab><Enter>");
    let effects = send(
        &mut app,
        Message::ToEdit {
            namespace: "sessions".to_owned(),
            key: "user:1".into(),
            text: Some("both".into()),
            answer: Ok(None),
        },
    );
    assert!(matches!(effects[..], [Effect::OpenEditor { base: 0, .. }]));
}

#[test]
fn a_text_that_is_not_written_is_there_at_the_next_edit() {
    let mut app = browsing();
    edited(&mut app, 12, Ok(Some("an hour's work".into())));
    press(&mut app, "<Esc>");
    assert!(app.overlay.is_none());
    assert!(notice(&app).contains("goes on with the text"));
    // Another key has nothing of it.
    press(&mut app, "j");
    let effects = press(&mut app, "e");
    assert!(matches!(&effects[..], [Effect::Edit { text: None, .. }]));
    press(&mut app, "k");
    let effects = press(&mut app, "e");
    let [
        Effect::Edit {
            text: Some(text), ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(text, "an hour's work");
    let read = |answer| Message::ToEdit {
        namespace: "sessions".to_owned(),
        key: "user:1".into(),
        text: Some("an hour's work".into()),
        answer,
    };
    // It stays while it cannot be read.
    send(&mut app, read(Err("no leader".to_owned())));
    assert_eq!(notice(&app), "no leader");
    let effects = press(&mut app, "e");
    assert!(matches!(&effects[..], [Effect::Edit { text: Some(_), .. }]));
    let effects = send(&mut app, read(Ok(Some(entry(b"theirs", 14)))));
    assert!(matches!(
        &effects[..],
        [Effect::OpenEditor { base: 14, text: Some(text), .. }] if text == "an hour's work"
    ));
    // It is the editor's now.
    assert!(app.draft.is_none());
}

#[test]
fn a_write_that_is_too_late_says_so_before_it_is_made() {
    let mut app = browsing();
    edited(&mut app, 11, Ok(Some("new".into())));
    assert!(
        dialog(&app)
            .warning
            .as_ref()
            .unwrap()
            .contains("will be refused")
    );
}

#[test]
fn an_editor_does_not_open_over_something_else() {
    let mut app = browsing();
    press(&mut app, "e:");
    let message = |value| Message::ToEdit {
        namespace: "sessions".to_owned(),
        key: "user:1".into(),
        text: None,
        answer: Ok(Some(entry(value, 12))),
    };
    assert!(send(&mut app, message(b"old")).is_empty());
    press(&mut app, "<Esc>");
    // Bytes that are no text would not survive an editor.
    assert!(send(&mut app, message(b"\xff")).is_empty());
    assert!(notice(&app).contains("not UTF-8"), "{}", notice(&app));
}

#[test]
fn a_put_that_would_create_and_comes_too_late_says_what_is_there() {
    let mut app = browsing();
    press(&mut app, "anew");
    send(
        &mut app,
        Message::Got {
            key: "new".into(),
            answer: Ok(None),
        },
    );
    let effects = press(&mut app, "<Enter>v<Enter><Enter><Enter>");
    let change = made(&effects).clone();
    let effects = done(&mut app, &change, refused("it exists", Some(Some(20))));
    assert!(matches!(&effects[..], [Effect::Get { key, .. }] if key == "new"));
    assert_eq!(
        dialog(&app).fields[1].input.text,
        "v",
        "nothing typed is lost"
    );
    send(
        &mut app,
        Message::Got {
            key: "new".into(),
            answer: Ok(Some(entry(b"theirs", 20))),
        },
    );
    assert_eq!(
        dialog(&app).effect[0],
        "overwrites 6 B, version 3, revision 20"
    );
    let effects = press(&mut app, "<Enter>");
    assert!(matches!(made(&effects), Change::Put { base: None, .. }));
}

#[test]
fn read_only_makes_no_change_by_any_way() {
    for screen in Screen::ALL {
        let mut app = browsing();
        app.settings.read_only = true;
        app.screen = screen;
        for key in ["a", "e", "T", "p", "<C-d>"] {
            assert!(press(&mut app, key).is_empty());
            assert!(app.overlay.is_none(), "{key} on {screen:?}");
        }
        for command in [
            Command::Add,
            Command::Edit,
            Command::Delete,
            Command::Promote,
            Command::Transfer,
        ] {
            assert!(send(&mut app, Message::Command(command)).is_empty());
            assert!(app.overlay.is_none());
        }
    }
}
