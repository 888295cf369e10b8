//! Apps to be pictured: screens 4 to 6, and what is open above a screen.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use common::types::{EventKind, NamespaceInfo, NamespaceSettings};

pub(crate) use super::{drawn, picture};
use crate::tui::{
    app::{
        App, Button, Dialog, DialogState, Field, Filter, Flash, Focus, Form, Input, Order, Overlay,
        Palette, Purpose, Row, Screen, Settings, Shown, Suggestion, WatchLine, WatchState,
    },
    theme::{Depth, Theme},
};

/// 17:32:08 on some day.
pub(crate) fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_541_528)
}

/// Nothing is known yet.
pub(crate) fn blank(screen: Screen) -> App {
    let settings = Settings {
        endpoints: vec!["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()],
        read_only: false,
        interval: Duration::from_millis(250),
        mouse: true,
        theme: Theme {
            depth: Depth::None,
            unicode: true,
        },
    };
    let mut app = App::new(settings, Instant::now(), clock());
    app.screen = screen;
    app
}

/// Six namespaces, some with bounds.
pub(crate) fn namespaces() -> App {
    let mut app = blank(Screen::Namespaces);
    let of = |id, name: &str, keys, bytes, max_keys, max_bytes, ttl: Option<u64>| NamespaceInfo {
        name: name.to_owned(),
        id,
        create_revision: 12,
        keys,
        bytes,
        settings: NamespaceSettings {
            max_keys,
            max_bytes,
            max_value_bytes: None,
            default_ttl: ttl.map(Duration::from_secs),
        },
    };
    app.namespaces.listed = Some(vec![
        of(
            1,
            "audit-log",
            1_204_113,
            3 << 30,
            None,
            Some(10 << 30),
            None,
        ),
        of(
            2,
            "cache",
            99_120,
            61 << 20,
            Some(100_000),
            Some(64 << 20),
            Some(600),
        ),
        of(3, "config", 42, 18_312, None, None, None),
        of(4, "default", 0, 0, None, None, None),
        of(5, "locks", 500, 12_004, Some(500), None, Some(30)),
        of(
            6,
            "sessions",
            48_211,
            11 << 20,
            Some(100_000),
            None,
            Some(1800),
        ),
    ]);
    app.namespaces.selection.at = 1;
    let members = app.cluster.probes.values_mut();
    for (member, share) in members.zip([1.0, 0.5]) {
        let rates = &mut member.rates.namespaces;
        rates.insert("cache".to_owned(), (620.0 * share, 18_400.0 * share));
        rates.insert("sessions".to_owned(), (8_100.0 * share, 24_000.0 * share));
        rates.insert("locks".to_owned(), (2.3 * share, 0.2 * share));
    }
    app
}

fn keyed(number: u64, size: u64, version: u64, revision: u64, seconds: Option<u64>) -> Row {
    Row {
        key: format!("user:{number}").into(),
        size,
        version,
        revision,
        create_revision: revision - version + 1,
        ends: None,
        flash: None,
    }
    .living(seconds)
}

impl Row {
    /// With so many seconds to live from a moment that [`browser`] sets right.
    fn living(mut self, seconds: Option<u64>) -> Self {
        self.ends = seconds.map(|it| epoch() + Duration::from_secs(it));
        self
    }
}

/// The moment of all apps with times to live.
fn epoch() -> Instant {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// Sessions, one of them selected and shown.
pub(crate) fn browser() -> App {
    let mut app = blank(Screen::Browser);
    app.now = epoch();
    let browser = &mut app.browser;
    browser.namespace = Some("sessions".to_owned());
    browser.narrowing.filter = "user:".to_owned();
    browser.total = Some(48_211);
    browser.live = Some(Ok(()));
    browser.from_first = true;
    let flash = |flash| Some((flash, epoch() + Duration::from_secs(1)));
    browser.rows = vec![
        keyed(1039, 212, 1, 1_284_120, Some(1685)),
        keyed(1040, 198, 7, 1_284_877, Some(1740)),
        keyed(1041, 240, 2, 1_283_004, Some(200)),
        keyed(1042, 212, 3, 1_284_940, Some(1632)),
        Row {
            flash: flash(Flash::New),
            ..keyed(1043, 212, 1, 1_284_951, Some(1799))
        },
        Row {
            flash: flash(Flash::Changed),
            ..keyed(1044, 1270, 44, 1_284_950, Some(1740))
        },
        Row {
            flash: flash(Flash::Gone),
            ..keyed(1045, 1270, 1, 1_100_950, Some(9))
        },
        keyed(1046, 3 << 20, 12_044, 284_950, None),
    ];
    let more = (1047..1200).map(|number| keyed(number, 212, 1, 1_100_000 + number, Some(9000)));
    browser.rows.extend(more);
    browser.selection.at = 3;
    let text = r#"{"cart":["9781593278281"],"csrf":"b7c0","uid":1042}"#;
    browser.value.shown = value("user:1042", format!("{text:212}").as_bytes(), 212);
    if let Shown::Value { lines, .. } = &mut browser.value.shown {
        let pretty = "{\n  \"cart\": [\n    \"9781593278281\"\n  ],\n  \"csrf\": \"b7c0 b7c0 b7c0 b7c0 b7c0 b7c0 b7c0 b7c0\",\n  \"uid\": 1042\n}";
        *lines = pretty.lines().map(str::to_owned).collect();
    }
    app
}

/// A value as text, of which so many bytes there are in all.
pub(crate) fn value(key: &str, head: &[u8], size: u64) -> Shown {
    Shown::Value {
        key: Bytes::copy_from_slice(key.as_bytes()),
        head: Bytes::copy_from_slice(head),
        size,
        revision: 1_284_940,
        create_revision: 1_201_455,
        version: 3,
        ends: Some(epoch() + Duration::from_secs(1632)),
        lease: None,
        lines: String::from_utf8_lossy(head)
            .lines()
            .map(str::to_owned)
            .collect(),
    }
}

/// A value of a MiB in one line, scrolled.
pub(crate) fn large() -> App {
    let mut app = browser();
    let line = "0123456789".repeat(6554);
    app.browser.value.form = Form::Text;
    app.browser.value.scroll = 120;
    app.browser.value.shown = value("user:1042", &line.as_bytes()[..Shown::PREVIEW], 1 << 20);
    app.browser.in_value = true;
    app
}

/// Changes of all kinds.
pub(crate) fn watch() -> App {
    let mut app = blank(Screen::Watch);
    let watch = &mut app.watch;
    watch.namespace = Some("sessions".to_owned());
    watch.prefix = Bytes::from_static(b"user:");
    watch.state = WatchState::Live;
    watch.told = 1_284;
    let kinds = [
        (EventKind::Put, 1, 212),
        (EventKind::Put, 2, 212),
        (EventKind::Put, 14, 1_240_000),
        (EventKind::Delete, 0, 0),
        (EventKind::Expire, 0, 0),
    ];
    for at in 0..60u64 {
        let (kind, version, size) = kinds[usize::try_from(at).unwrap() % kinds.len()];
        watch.lines.push_back(WatchLine {
            at: clock() - Duration::from_secs(60 - at),
            kind,
            key: format!("user:{}", 1000 + at * 7 % 40).into(),
            size,
            version,
            revision: 1_284_900 + at,
        });
    }
    watch.lines.push_back(WatchLine {
        at: clock(),
        kind: EventKind::NamespaceDeleted,
        key: Bytes::new(),
        size: 0,
        version: 0,
        revision: 1_284_999,
    });
    app
}

/// The removal of a voter.
pub(crate) fn removal() -> Dialog {
    Dialog {
        title: "Remove n3".to_owned(),
        effect: vec![
            "n3 is up and follows the leader.".to_owned(),
            "voters 3 \u{2192} 2    quorum 2 \u{2192} 2    tolerates 1 \u{2192} 0".to_owned(),
        ],
        warning: Some("After this, losing any one member stops writes.".to_owned()),
        fields: Vec::new(),
        word: Some(("n3".to_owned(), Input::of("n"))),
        confirm: "Remove",
        focus: Focus::Word,
        purpose: Purpose::AddMember,
        state: DialogState::Open,
    }
}

/// A form.
pub(crate) fn form() -> Dialog {
    let field = |label, text: &str, hint| Field {
        label,
        input: Input::of(text),
        hint,
    };
    Dialog {
        title: "Create a namespace".to_owned(),
        effect: vec!["A namespace holds keys of its own, with bounds of its own.".to_owned()],
        warning: None,
        fields: vec![
            field("name", "sessions", "A-Z a-z 0-9 . _ -"),
            field("default ttl", "30m", "like 30s or 12h; empty for ever"),
            field("most keys", "", "empty for no bound"),
            field("most bytes", "", "like 64MiB; empty for no bound"),
        ],
        word: None,
        confirm: "Create",
        focus: Focus::Field(1),
        purpose: Purpose::CreateNamespace,
        state: DialogState::Open,
    }
}

/// Above the browser.
pub(crate) fn over(overlay: Overlay) -> App {
    let mut app = browser();
    app.overlay = Some(overlay);
    app
}

/// A line with commands.
pub(crate) fn palette() -> Palette {
    let suggestions = [
        ("member add ADDRESS", "add a member to the cluster"),
        ("member promote n4", "make the learner a voter"),
        ("member remove n1", "remove the member from the cluster"),
        ("member remove n2", "remove the member from the cluster"),
        ("member transfer", "let another member lead"),
    ];
    Palette {
        input: Input::of("mem"),
        suggestions: suggestions
            .map(|(line, about)| Suggestion {
                line: line.to_owned(),
                about: about.to_owned(),
            })
            .to_vec(),
        selected: 2,
    }
}

/// Keys, names and texts that could break a picture, on every screen.
pub(crate) fn hostile(screen: Screen) -> App {
    let texts = hostile_texts();
    let mut app = browser();
    app.screen = screen;
    app.namespaces = namespaces().namespaces;
    app.watch = watch().watch;
    for (at, text) in texts.iter().enumerate() {
        if let Some(listed) = &mut app.namespaces.listed {
            listed[at % 6].name.clone_from(text);
            listed[at % 6].keys = u64::MAX;
            listed[at % 6].bytes = u64::MAX;
            listed[at % 6].settings.max_keys = Some(at as u64 % 2);
            listed[at % 6].settings.default_ttl = Some(Duration::MAX);
        }
        for (row, key) in [(at, text.clone()), (at + 8, format!("{text}\0").repeat(60))] {
            let row = &mut app.browser.rows[row];
            row.key = key.clone().into();
            row.size = u64::MAX;
            row.version = u64::MAX;
            row.revision = u64::MAX;
            row.ends = Some(epoch() + Duration::from_secs(1 << 36));
        }
        let line = app.watch.lines.len() - 1 - at;
        app.watch.lines[line].key = text.clone().into();
        app.watch.lines[line].revision = u64::MAX;
        app.watch.lines[line].version = u64::MAX;
        app.watch.lines[line].size = u64::MAX;
    }
    let all = texts.concat();
    app.namespaces.narrowing.filter = String::new();
    app.namespaces.error = Some(all.clone());
    app.browser.namespace = Some(all.clone());
    app.browser.narrowing.filter = all.clone();
    app.browser.live = Some(Err(all.clone()));
    app.watch.namespace = Some(all.clone());
    app.watch.prefix = all.clone().into();
    app.watch.state = WatchState::Broken(all.clone());
    app.browser.value.shown = value(&all, all.repeat(3).as_bytes(), u64::MAX);
    if let Shown::Value { lines, version, .. } = &mut app.browser.value.shown {
        *version = u64::MAX;
        lines.push("\u{65e5}\u{672c}\u{8a9e}".repeat(2000));
        lines.push("e\u{301}\u{301}".repeat(2000));
        lines.push("\u{200b}".repeat(2000));
    }
    app
}

/// The same for what is open above a screen.
pub(crate) fn hostile_overlays() -> Vec<Overlay> {
    let texts = hostile_texts();
    let all = texts.concat();
    let mut dialog = removal();
    dialog.title.clone_from(&all);
    dialog.effect.clone_from(&texts);
    dialog.warning = Some(all.clone());
    dialog.fields = form().fields;
    for (field, text) in dialog.fields.iter_mut().zip(&texts) {
        field.input = Input::of(text.as_str());
    }
    dialog.word = Some((all.clone(), Input::of(all.as_str())));
    dialog.state = DialogState::Failed(all.clone());
    let focused = |focus| {
        Overlay::Dialog(Dialog {
            focus,
            ..dialog.clone()
        })
    };
    let suggestions = texts.iter().map(|text| Suggestion {
        line: text.clone(),
        about: all.clone(),
    });
    vec![
        focused(Focus::Word),
        focused(Focus::Field(0)),
        focused(Focus::Field(3)),
        focused(Focus::Field(99)),
        focused(Focus::Button(Button::Cancel)),
        focused(Focus::Button(Button::Confirm)),
        Overlay::Help { scroll: 3 },
        Overlay::Help { scroll: usize::MAX },
        Overlay::Filter(Filter {
            input: Input::of(all.as_str()),
            before: String::new(),
        }),
        Overlay::Palette(Palette {
            input: Input::of(all.as_str()),
            suggestions: suggestions.cycle().take(40).collect(),
            selected: 30,
        }),
    ]
}

fn hostile_texts() -> Vec<String> {
    vec![
        "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{540d}\u{524d}".repeat(5),
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}".to_owned(),
        "\x1b[2J\x07\r\n\t\u{202e}\u{9b}31m".to_owned(),
        "k".repeat(4096),
        "e\u{301}\u{301}\u{301}\u{301}".repeat(900),
        "\u{200b}\u{200b}".to_owned(),
        "\u{65e5}".repeat(1365),
    ]
}

/// Ten thousand keys with all that is shown of them.
pub(crate) fn ten_thousand() -> App {
    let mut app = browser();
    app.browser.rows = (0..10_000)
        .map(|number| keyed(number, 212, 1, 1_100_000 + number, Some(9000)))
        .collect();
    app.browser.selection.at = 7_000;
    app
}

/// Ordered otherwise.
pub(crate) fn ordered(mut app: App, column: usize) -> App {
    let order = Order {
        column,
        descending: true,
    };
    app.namespaces.order = order;
    app.browser.order = order;
    app
}
