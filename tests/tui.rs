//! The dashboard on a real terminal, before real members.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

use common::types::{Consistency, PutRequest};

use crate::cluster::{Cluster, Kind, Screen, wait_for};

fn open(cluster: &Cluster, arguments: &[&str]) -> Screen {
    Screen::open(&cluster.endpoints(), arguments, &Kind::default())
}

/// Ends it by its key: the terminal is as it was.
fn quit(mut screen: Screen) {
    screen.press("q");
    assert_eq!(screen.finish(), 0, "{}", screen.text());
    assert!(!screen.is_taken());
}

/// Closes what is open above the screen. The key after it must come later: together they would be
/// that key with Alt.
fn close(screen: &mut Screen) {
    screen.press("\x1b");
    screen.wait("nothing is open above the screen", |screen| {
        let text = screen.text();
        !text.contains("Esc close") && !text.contains("Cancel")
    });
}

/// The name of the member at a place in the list.
fn name(index: usize) -> String {
    format!("n{}", index + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_with_a_failover_and_a_transfer() {
    let mut cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let put = async |key: &'static str, value: &'static str| {
        let request = PutRequest::new("sessions", key, value);
        client.put(request).await.expect("a put");
    };
    put("user:1", r#"{"uid": 1}"#).await;
    let leader = cluster.leader().await;

    let mut screen = open(&cluster, &[]);
    screen.expect(&format!("leader \u{2605} {}", name(leader)));
    screen.expect("3 of 3 up");
    assert!(screen.header().contains("term"), "{}", screen.header());
    for member in ["n1", "n2", "n3"] {
        assert!(screen.text().contains(member), "{}", screen.text());
    }

    // The browser, by the namespace: what another client writes appears by itself.
    screen.press("4");
    screen.expect("sessions");
    screen.press(":ns sessions\r");
    screen.expect("user:1");
    screen.expect(r#""uid": 1"#);
    put("user:2", "two").await;
    screen.expect("user:2");
    put("user:1", r#"{"uid": 1, "cart": []}"#).await;
    screen.expect("cart");
    client
        .delete(common::types::DeleteRequest {
            namespace: "sessions".to_owned(),
            keys: vec!["user:2".into()],
            condition: None,
            previous: false,
        })
        .await
        .expect("a delete");
    screen.wait("the key is gone", |screen| {
        !screen.text().contains("user:2")
    });

    // The leader dies: the header tells it from any screen, the overview names the cause.
    cluster.member(leader).kill();
    let heir = cluster.leader().await;
    screen.expect(&format!("leader \u{2605} {}", name(heir)));
    screen.expect("2 of 3 up");
    put("user:3", "three").await;
    screen.expect("user:3");
    screen.press("1");
    screen.expect(&format!("{} elected in term", name(heir)));
    screen.expect("process ended");
    screen.expect("down");
    cluster.member(leader).start();
    screen.expect("3 of 3 up");

    // Leadership is handed over in a dialog: its field, Cancel, then the button that does it.
    cluster.settled().await;
    screen.press("T");
    screen.expect("Cancel");
    screen.press("\t\r");
    screen.wait("the dialog is closed", |screen| {
        !screen.text().contains("Cancel")
    });
    assert_eq!(cluster.leader().await, heir, "cancelled");
    screen.press("T");
    screen.expect("Cancel");
    screen.press("\t\t\r");
    screen.wait("another leader", |screen| {
        let header = screen.header();
        header.contains("leader \u{2605}") && !header.contains(&format!("\u{2605} {}", name(heir)))
    });
    assert_ne!(cluster.leader().await, heir);
    quit(screen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_and_without_anybody_it_says_so_and_recovers() {
    let mut cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let mut screen = open(&cluster, &[]);
    screen.expect(&format!("leader \u{2605} {}", name(leader)));
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    for index in &others {
        cluster.member(*index).kill();
    }
    screen.expect("1 of 3 up");
    cluster.member(leader).kill();
    screen.expect("no member answers");
    // Keys are answered all the same.
    screen.press("?");
    screen.expect("Keys");
    close(&mut screen);
    screen.press("2");
    screen.wait("the age of the data runs", |screen| {
        screen.header().contains("s old")
    });
    for index in [0, 1] {
        cluster.member(index).start();
    }
    screen.expect("2 of 3 up");
    let new = cluster.leader().await;
    screen.expect(&format!("leader \u{2605} {}", name(new)));
    quit(screen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_meets_another_write_shows_the_conflict() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    direct.put("default", "k", "first").await.expect("a put");
    // An editor that waits for a sign, so that somebody else can write meanwhile.
    let editor = cluster.directory().join("editor");
    let (opened, go_on) = (
        cluster.directory().join("opened"),
        cluster.directory().join("go-on"),
    );
    let script = format!(
        "#!/bin/sh\ntouch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.02; done\nprintf mine > \"$1\"\n",
        opened.display(),
        go_on.display()
    );
    fs::write(&editor, script).expect("a script");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("a program");
    let kind = Kind {
        variables: &[("EDITOR", editor.as_os_str())],
        ..Kind::default()
    };
    let mut screen = Screen::open(&cluster.endpoints(), &[], &kind);
    screen.expect("leader");
    screen.press(":ns default\r");
    screen.expect("first");
    screen.press("e");
    wait_for("the editor is open", async || opened.exists().then_some(())).await;
    direct.put("default", "k", "second").await.expect("a put");
    fs::write(&go_on, "").expect("a sign");
    screen.expect("Cancel");
    screen.press("\t\r");
    screen.expect("k was changed");
    let value = async || {
        let found = direct.get("default", "k", Consistency::Linearizable).await;
        found.expect("a get").entry.map(|entry| entry.value)
    };
    assert_eq!(value().await, Some("second".into()), "not overwritten");
    close(&mut screen);
    // Without another writer it is written.
    screen.wait("the dialog is closed", |screen| {
        !screen.text().contains("Cancel")
    });
    screen.press("e");
    screen.expect("Cancel");
    screen.press("\t\r");
    wait_for("the edit is written", async || {
        (value().await == Some("mine".into())).then_some(())
    })
    .await;
    quit(screen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_namespaces_are_made_and_deleted_in_dialogs() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    direct.put("default", "k", "v").await.expect("a put");
    let mut screen = open(&cluster, &[]);
    screen.expect("leader");
    screen.press(":ns default\r");
    screen.expect("k ");
    screen.press("a");
    screen.expect("Cancel");
    // Key, value; then on to the button that does it.
    screen.press("typed\tby hand\t\t\t\r");
    screen.expect("typed");
    wait_for("the key", async || {
        let found = direct
            .get("default", "typed", Consistency::Linearizable)
            .await;
        found.ok()?.entry.filter(|entry| entry.value == "by hand")
    })
    .await;
    quit(screen);

    // Nothing of it where it may only look.
    let mut screen = open(&cluster, &["--read-only"]);
    screen.expect("leader");
    screen.press(":ns default\r");
    screen.expect("typed");
    for key in ["a", "e", "\x04", "T", "p"] {
        screen.press(key);
    }
    screen.press("?");
    screen.expect("Keys");
    assert!(!screen.text().contains("transfer"), "{}", screen.text());
    assert!(!screen.text().contains("Cancel"), "{}", screen.text());
    close(&mut screen);
    quit(screen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_and_every_content_is_shown() {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    for (key, value) in [
        ("\u{65e5}\u{672c}\u{8a9e}", "\u{1f600}".to_owned()),
        ("esc\u{1b}]0;title\u{7}", "\u{1b}[31mred".to_owned()),
        ("large", "x".repeat(1024 * 1024)),
        ("lines", "\r\n\t".repeat(10_000)),
    ] {
        direct.put("default", key, value).await.expect("a put");
    }
    let mut screen = open(&cluster, &[]);
    screen.expect("leader");
    screen.press(":ns default\r");
    screen.expect("large");
    for _ in 0..4 {
        screen.press("j");
        for _ in 0..3 {
            screen.press("v");
        }
    }
    for (columns, lines) in [(40, 10), (80, 24), (300, 100), (50, 12), (20, 3), (120, 35)] {
        screen.resize(columns, lines);
        // Each overlay is closed by a key that no other key can make a different one of: what
        // follows an escape at once may be read together with it.
        for key in ["1", "2", "3", "4", "5", "6", "?", "?", ":", "\x7f"] {
            screen.press(key);
        }
    }
    screen.press("5");
    screen.expect("large");
    assert!(!screen.text().contains('\u{1b}'));
    // The program may see one change of size in place of two, to the size that it has.
    screen.resize(40, 10);
    screen.resize(120, 35);
    screen.expect("large");
    screen.expect("q quit");
    quit(screen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_give_the_terminal_back() {
    let cluster = Cluster::single(&[]).await;
    let mut screen = open(&cluster, &[]);
    screen.expect("leader");
    assert!(screen.is_taken());
    let process = rustix::process::Pid::from_raw(screen.process().cast_signed());
    let process = process.expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("a signal");
    assert_eq!(screen.finish(), 143);
    assert!(!screen.is_taken());
}

#[tokio::test]
async fn in_a_pipe_it_points_elsewhere() {
    let cluster = Cluster::single(&[]).await;
    let run = cluster.raftctl(0).run(&["tui"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("status --watch"), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_colour_and_without_unicode_it_is_all_there() {
    let cluster = Cluster::start(&[]).await;
    let kind = Kind {
        variables: &[("LANG", OsStr::new("C")), ("NO_COLOR", OsStr::new("1"))],
        ..Kind::default()
    };
    let mut screen = Screen::open(&cluster.endpoints(), &[], &kind);
    screen.expect("leader * n");
    for key in ["1", "2", "3", "4", "5", "6", "?"] {
        screen.press(key);
        screen.wait("a picture", |screen| screen.text().is_ascii());
    }
    screen.expect("Esc close");
    assert!(screen.text().is_ascii(), "{}", screen.text());
    assert!(!screen.colored().contains(";5;"), "{}", screen.colored());
    assert!(!screen.colored().contains("8;2;"), "{}", screen.colored());
    close(&mut screen);
    quit(screen);
}
