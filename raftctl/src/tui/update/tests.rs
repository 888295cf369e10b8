//! Messages in, model and effects out.

mod changes;
mod commands;
mod forms;

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use common::types::{NamespaceInfo, NamespaceSettings, Role};

use super::*;
use crate::{
    survey::tests::{member, status, survey},
    tui::{
        app::{Button, Dialog, DialogState, Focus, Row, Screen, Settings},
        message::Change,
        theme::{Depth, Theme},
    },
};

/// Three members, n2 leads, n4 is a learner that catches up.
pub(crate) fn app() -> App {
    let settings = Settings {
        endpoints: vec!["127.0.0.1:7421".to_owned()],
        read_only: false,
        interval: Duration::from_millis(250),
        mouse: true,
        theme: Theme {
            depth: Depth::None,
            unicode: true,
        },
    };
    let mut app = App::new(settings, Instant::now(), SystemTime::now());
    let mut learner = member(4);
    learner.voter = false;
    learner.stays_learner = true;
    let mut answers = vec![
        status(1, Role::Follower, Some(2)),
        status(2, Role::Leader, Some(2)),
        status(3, Role::Follower, Some(2)),
        status(4, Role::Learner, Some(2)),
    ];
    for answer in &mut answers {
        answer.members = vec![member(1), member(2), member(3), learner.clone()];
    }
    app.cluster.survey = Some(survey(answers, &[]));
    app.namespaces.listed = Some(vec![namespace("default", 0), namespace("sessions", 48_211)]);
    app.size = (120, 35);
    app.changed = false;
    app
}

pub(crate) fn namespace(name: &str, keys: u64) -> NamespaceInfo {
    NamespaceInfo {
        name: name.to_owned(),
        id: 1,
        create_revision: 1,
        keys,
        bytes: keys * 200,
        settings: NamespaceSettings::default(),
    }
}

pub(crate) fn row(key: &str, revision: u64) -> Row {
    Row {
        key: Bytes::copy_from_slice(key.as_bytes()),
        size: 212,
        version: 3,
        revision,
        create_revision: 1,
        ends: None,
        flash: None,
    }
}

/// The browser with two keys of sessions.
pub(crate) fn browsing() -> App {
    let mut app = app();
    app.screen = Screen::Browser;
    app.browser.namespace = Some("sessions".to_owned());
    app.browser.rows = vec![row("user:1", 12), row("user:2", 13)];
    app
}

fn moment(app: &App) -> Moment {
    Moment {
        now: app.now,
        clock: app.clock,
    }
}

fn send(app: &mut App, message: Message) -> Effects {
    let moment = moment(app);
    update(app, message, moment)
}

/// Keys as they are typed: characters, `<Enter>`, `<C-d>`.
pub(crate) fn keys(text: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name = rest.strip_prefix('<').and_then(|it| it.split_once('>'));
        let Some((name, after)) = name else {
            keys.push(KeyEvent::new(KeyCode::Char(first), KeyModifiers::NONE));
            rest = &rest[first.len_utf8()..];
            continue;
        };
        rest = after;
        if let Some(character) = name.strip_prefix("C-").and_then(|it| it.chars().next()) {
            keys.push(KeyEvent::new(
                KeyCode::Char(character),
                KeyModifiers::CONTROL,
            ));
            continue;
        }
        let code = match name {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "BackTab" => KeyCode::BackTab,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "PgDn" => KeyCode::PageDown,
            "PgUp" => KeyCode::PageUp,
            "Backspace" => KeyCode::Backspace,
            other => panic!("{other} is no key"),
        };
        keys.push(KeyEvent::new(code, KeyModifiers::NONE));
    }
    keys
}

/// Presses keys, and gives all that was asked for.
fn press(app: &mut App, text: &str) -> Effects {
    let mut effects = Effects::new();
    for key in keys(text) {
        effects.extend(send(app, Message::Key(key)));
    }
    effects
}

fn dialog(app: &App) -> &Dialog {
    match &app.overlay {
        Some(Overlay::Dialog(dialog)) => dialog,
        other => panic!("no dialog is open: {other:?}"),
    }
}

fn notice(app: &App) -> &str {
    app.notice.as_ref().map_or("", |notice| &notice.text)
}

/// The one change that was asked for.
fn made(effects: &Effects) -> &Change {
    let mut changes = effects.iter().filter_map(|effect| match effect {
        Effect::Make(change) => Some(change),
        _ => None,
    });
    let change = changes
        .next()
        .unwrap_or_else(|| panic!("no change: {effects:?}"));
    assert!(changes.next().is_none());
    change
}
