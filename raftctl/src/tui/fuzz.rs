//! The dashboard with what is typed, and with what members tell, mutated. What is drawn of it must be
//! drawn without a panic, on every screen.

use std::time::Duration;

use bytes::BytesMut;
use common::{
    transport::{read_postcard, write_postcard},
    types::{
        Activity, Entry, Event, EventKind, Latencies, MAX_TTL, MemberStatus, NamespaceInfo,
        OperationActivity, OperationKind,
    },
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fuzzing::{Answer, Target};
use histogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    app::{App, Screen},
    message::{Change, Counted, Effect, Effects, Message, Moment, Page, Pane, Side},
    update::{browser, cluster, tests::browsing, update, watch},
    view::testing::{contents, drawn, healthy, statuses},
};

fn target(name: &'static str) -> Target {
    // Pictures of 120 by 35 cells.
    Target::new(name, env!("CARGO_MANIFEST_DIR")).memory(8 << 20, 4096)
}

fn send(app: &mut App, message: Message) -> Effects {
    let moment = Moment {
        now: app.now,
        clock: app.clock,
    };
    update(app, message, moment)
}

fn draw(app: &mut App, (columns, lines): (u16, u16)) {
    send(app, Message::Resize(columns, lines));
    app.areas = drawn(app, columns, lines).1;
}

/// The key that a terminal makes of a character, as far as one character is one key.
fn key(character: char) -> KeyEvent {
    let (code, modifiers) = match character {
        '\r' => (KeyCode::Enter, KeyModifiers::NONE),
        '\t' => (KeyCode::Tab, KeyModifiers::NONE),
        '\x1b' => (KeyCode::Esc, KeyModifiers::NONE),
        '\x7f' => (KeyCode::Backspace, KeyModifiers::NONE),
        '\0' => (KeyCode::BackTab, KeyModifiers::SHIFT),
        '\x1c' => (KeyCode::Up, KeyModifiers::NONE),
        '\x1d' => (KeyCode::Down, KeyModifiers::NONE),
        '\x1e' => (KeyCode::Left, KeyModifiers::NONE),
        '\x1f' => (KeyCode::Right, KeyModifiers::NONE),
        control if control < ' ' => {
            let letter = char::from(b'`' + control as u8);
            (KeyCode::Char(letter), KeyModifiers::CONTROL)
        }
        other => (KeyCode::Char(other), KeyModifiers::NONE),
    };
    KeyEvent::new(code, modifiers)
}

/// Types an input, and draws what comes of it.
fn typed(input: &[u8]) -> Answer {
    let mut app = browsing();
    let mut made = String::new();
    for (number, character) in String::from_utf8_lossy(input).chars().take(300).enumerate() {
        for effect in send(&mut app, Message::Key(key(character))) {
            let Effect::Make(change) = effect else {
                continue;
            };
            if let Change::Put { ttl: Some(ttl), .. } = &change {
                assert!(!ttl.is_zero() && *ttl <= MAX_TTL);
            }
            made = format!("{change:?}");
            let result = Ok("it is done".to_owned());
            send(&mut app, Message::Done { change, result });
        }
        app.now += Duration::from_millis(90);
        if number % 32 == 31 {
            draw(&mut app, (80, 24));
        }
    }
    send(&mut app, Message::Tick);
    draw(
        &mut app,
        if input.len().is_multiple_of(2) {
            (120, 35)
        } else {
            (41, 9)
        },
    );
    let made = made.split(' ').next().unwrap_or_default();
    let open = app.overlay.as_ref().map(|overlay| format!("{overlay:?}"));
    let open = open.unwrap_or_default();
    let open = open.split(['(', ' ']).next().unwrap_or_default();
    Ok(format!("{:?} {open} {made} {}", app.screen, app.quit))
}

#[test]
fn keys() {
    let samples = [
        // A put with a time to live, an edit, a deletion; a namespace, a member.
        "auser:9\r{\"a\\n\": 1}\r5m\r\r",
        "a\\xff\\n\r\r1h 30m\r\r",
        "\x04\t\r",
        "4nnew\r30s\r100\r64MiB\r\r",
        "2a127.0.0.1:7439\ryes\r\r",
        "2\x04n2\r\r",
        // Palette, filter, screens.
        ":ns sess\r/user:\rnN",
        ":put user:1 x\r\x1b?jjk\x1b123456\tjkG",
        "5\tvvv\x1d\x1dy\x1bs\x1fs",
    ];
    let samples = samples.map(|text| text.as_bytes().to_vec());
    target("keys").samples(samples).rounds(2_000).run(typed);
}

/// What a member tells the dashboard, directly or over a watch.
#[derive(Serialize, Deserialize)]
enum Told {
    Looked(Box<(MemberStatus, Activity)>),
    Namespaces(Vec<NamespaceInfo>),
    Page {
        side: u8,
        entries: Vec<Entry>,
        more: bool,
        revision: u64,
    },
    Counted(u64, u64),
    Value(Option<Entry>),
    Changes(bool, Vec<Event>),
}

/// The message of it, as if it had been asked for just now.
fn message(app: &App, told: Told) -> Message {
    let generation = app.browser.generation;
    match told {
        Told::Looked(answer) => Message::Looked {
            address: app.settings.endpoints[0].clone(),
            took: Duration::from_millis(3),
            answer: Ok(answer),
        },
        Told::Namespaces(all) => Message::Namespaces(Ok(all)),
        Told::Page {
            side,
            mut entries,
            more,
            revision,
        } => {
            // As the client promises them.
            entries.sort_by(|one, other| one.key.cmp(&other.key));
            entries.dedup_by(|one, other| one.key == other.key);
            let sides = [
                Side::Fresh,
                Side::Last,
                Side::Before,
                Side::After,
                Side::Again,
            ];
            Message::Page {
                generation,
                side: sides[usize::from(side) % sides.len()],
                answer: Ok(Page {
                    entries,
                    more,
                    revision,
                    at: Some(app.now),
                }),
            }
        }
        Told::Counted(count, revision) => Message::Counted {
            generation,
            answer: Ok(Counted { count, revision }),
        },
        Told::Value(entry) => Message::Got {
            key: app
                .browser
                .getting
                .clone()
                .map_or_else(Default::default, |it| it.1),
            answer: Ok(entry),
        },
        Told::Changes(browser, events) => Message::Changes {
            pane: if browser { Pane::Browser } else { Pane::Watch },
            generation: if browser {
                app.browser.watching.unwrap_or_default()
            } else {
                app.watch.generation
            },
            events,
        },
    }
}

fn told(input: &[u8]) -> Answer {
    let all: Vec<Told> = read_postcard(input).map_err(|error| error.to_string())?;
    let mut app = cluster::tests::well();
    browser::open(&mut app, "default".to_owned(), String::new());
    watch::open(&mut app, "default".to_owned(), String::new());
    for told in all.into_iter().take(8) {
        let message = message(&app, told);
        send(&mut app, message);
        cluster::tests::later(&mut app, 700);
        send(&mut app, Message::Tick);
    }
    let size = if input.len().is_multiple_of(2) {
        (120, 35)
    } else {
        (50, 12)
    };
    for screen in Screen::ALL {
        app.screen = screen;
        draw(&mut app, size);
        cluster::tests::later(&mut app, 700);
        send(&mut app, Message::Tick);
    }
    Ok(format!(
        "{} rows, {} changes, {:?}",
        app.browser.rows.len().min(3),
        app.watch.lines.len().min(3),
        app.notice.map(|notice| notice.text)
    ))
}

fn samples() -> Vec<Vec<u8>> {
    let entry = |key: &'static str, ttl: Option<u64>| Entry {
        key: key.into(),
        value: "{\"uid\": 1}".into(),
        size: 10,
        create_revision: 3,
        revision: 12,
        version: 4,
        ttl: ttl.map(Duration::from_secs),
        lease: Some(7),
    };
    let event = |key: &'static str| Event {
        kind: EventKind::Put,
        key: key.into(),
        revision: 13,
        value: "v".into(),
        size: 1,
        version: 2,
        create_revision: 3,
        previous: None,
    };
    let page = |side, entries| Told::Page {
        side,
        entries,
        more: true,
        revision: 12,
    };
    let mut counted = Histogram::with_config(&Latencies::config());
    for micros in [90, 95, 120, 4000] {
        counted.increment(micros).expect("within its range");
    }
    let before = healthy();
    let activity = Activity {
        operations: vec![OperationActivity {
            kind: OperationKind::Put,
            latencies: Latencies::of(&counted),
        }],
        elections: before.cluster.elections,
        log: before.raft.tail.into_iter().take(3).collect(),
        ..Activity::default()
    };
    let looked =
        |id: usize| Told::Looked(Box::new((statuses(3)[id - 1].clone(), activity.clone())));
    let namespaces = contents::namespaces().namespaces.listed.unwrap_or_default();
    let samples = [
        vec![
            page(0, vec![entry("user:1", Some(40)), entry("user:2", None)]),
            Told::Value(Some(entry("user:1", Some(40)))),
            Told::Counted(2, 12),
            Told::Changes(true, vec![event("user:1"), event("user:3")]),
            page(4, vec![entry("user:1", Some(39))]),
        ],
        vec![
            Told::Namespaces(namespaces),
            looked(1),
            looked(2),
            Told::Changes(false, vec![event("user:1")]),
        ],
    ];
    let encoded = samples.map(|told| {
        let mut buffer = BytesMut::new();
        write_postcard(&told, &mut buffer).expect("it can be encoded");
        buffer.to_vec()
    });
    encoded.to_vec()
}

#[test]
fn answers() {
    target("answers").samples(samples()).rounds(800).run(told);
}
