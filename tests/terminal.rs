//! raftctl on a terminal: what it asks, what it escapes, how it is interrupted.

use common::types::Consistency;

use crate::cluster::{Cluster, Direct, Terminal};

async fn single() -> (Cluster, Direct) {
    let cluster = Cluster::single(&[]).await;
    let direct = cluster.direct(0).await;
    (cluster, direct)
}

async fn value(direct: &Direct, key: &'static str) -> Option<String> {
    let found = direct.get("default", key, Consistency::Linearizable).await;
    let entry = found.expect("a get").entry?;
    Some(String::from_utf8_lossy(&entry.value).into_owned())
}

/// Runs it to its end without touching a key.
fn run(cluster: &Cluster, arguments: &[&str]) -> (String, u32) {
    Terminal::raftctl(cluster.address(0), arguments).finish()
}

#[tokio::test]
async fn get_ends_its_line_and_escapes_what_could_drive_the_terminal() {
    let (cluster, direct) = single().await;
    direct
        .put("default", "k", "a\u{1b}[31mred\u{7}\nb")
        .await
        .expect("a put");
    direct.put("default", "empty", "").await.expect("a put");
    let shown = run(&cluster, &["get", "default", "k"]);
    assert_eq!(shown, ("a\\x1b[31mred\\x07\nb\n".to_owned(), 0));
    assert_eq!(
        run(&cluster, &["get", "default", "empty"]),
        ("\n".to_owned(), 0)
    );
    let (shown, code) = run(&cluster, &["get", "default", "no\u{1b}key"]);
    assert_eq!(code, 3);
    assert_eq!(
        shown,
        "error: key \"no\\x1bkey\" not found in namespace \"default\"\n"
    );
}

#[tokio::test]
async fn ls_cuts_long_lines_at_the_edge_of_the_terminal() {
    let (cluster, direct) = single().await;
    direct
        .put("default", "k", "v".repeat(500))
        .await
        .expect("a put");
    let (shown, code) = run(&cluster, &["ls", "default"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert_eq!(lines[1].chars().count(), 100);
    assert!(lines[1].ends_with('\u{2026}'), "{shown}");
}

#[tokio::test]
async fn a_missing_value_is_asked_for() {
    let (cluster, direct) = single().await;
    let mut terminal = Terminal::raftctl(cluster.address(0), &["put", "default", "k"]);
    terminal.expect("Value of \"k\"");
    terminal.press("typed by hand\r");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("OK  revision "), "{shown}");
    assert_eq!(value(&direct, "k").await.as_deref(), Some("typed by hand"));
    // Nothing typed is the empty value.
    let mut terminal = Terminal::raftctl(cluster.address(0), &["put", "default", "empty"]);
    terminal.expect("Value of \"empty\"");
    terminal.press("\r");
    assert_eq!(terminal.finish().1, 0);
    assert_eq!(value(&direct, "empty").await.as_deref(), Some(""));
    // Where nobody may be asked, a missing value is wrong usage, on a terminal, too.
    let (shown, code) = run(&cluster, &["--no-input", "put", "default", "none"]);
    assert_eq!(code, 2);
    assert!(
        shown.starts_with("error: the value is missing\n"),
        "{shown}"
    );
    assert_eq!(value(&direct, "none").await, None);
}

#[tokio::test]
async fn deleting_a_prefix_asks_and_no_is_the_default() {
    let (cluster, direct) = single().await;
    for key in ["a/1", "a/2"] {
        direct.put("default", key, "v").await.expect("a put");
    }
    let arguments = ["del", "default", "--prefix", "a/"];
    let question = "This deletes 2 keys (every key that begins with \"a/\") in namespace \
                    \"default\". Go on? [y/N]";
    for answer in ["n", "\r"] {
        let mut terminal = Terminal::raftctl(cluster.address(0), &arguments);
        terminal.expect(question);
        terminal.press(answer);
        let (shown, code) = terminal.finish();
        assert_eq!(code, 10, "{shown}");
        assert!(
            shown.ends_with("error: not confirmed; nothing was changed\n"),
            "{shown}"
        );
        assert_eq!(value(&direct, "a/1").await.as_deref(), Some("v"));
    }
    let (shown, code) = run(&cluster, &[&["--no-input"], &arguments[..]].concat());
    assert_eq!(code, 10, "{shown}");
    assert!(shown.contains("hint: pass --yes"), "{shown}");

    let mut terminal = Terminal::raftctl(cluster.address(0), &arguments);
    terminal.expect(question);
    terminal.press("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("OK  deleted 2  revision "), "{shown}");
    assert_eq!(value(&direct, "a/1").await, None);
}

#[tokio::test]
async fn deleting_a_namespace_wants_its_name_typed() {
    let (cluster, direct) = single().await;
    direct.put("orders", "k", "v").await.expect("a put");
    let arguments = ["ns", "delete", "orders"];
    let question = "This deletes namespace \"orders\" and the 1 key in it. Type orders to go on, \
                    or Enter to leave it";
    for answer in ["\r", "order\r", "y\r", "orders2\r"] {
        let mut terminal = Terminal::raftctl(cluster.address(0), &arguments);
        terminal.expect("Type orders to go on, or Enter to leave it");
        terminal.press(answer);
        let (shown, code) = terminal.finish();
        assert_eq!(code, 10, "{answer:?}: {shown}");
        let counted = direct.count("orders", Consistency::Linearizable).await;
        assert_eq!(counted.expect("the namespace").count, 1);
    }
    let mut terminal = Terminal::raftctl(cluster.address(0), &arguments);
    terminal.expect("or Enter to leave it");
    let shown = terminal.text().replace('\n', "");
    assert!(shown.contains(question), "{shown}");
    terminal.press("orders\r");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("OK  deleted orders with 1 key  revision "),
        "{shown}"
    );
    assert!(
        direct
            .count("orders", Consistency::Linearizable)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn ctrl_c_at_a_question_is_exit_code_130_and_changes_nothing() {
    let (cluster, direct) = single().await;
    direct.put("default", "a/1", "v").await.expect("a put");
    let before = cluster.status(0).await.expect("a status").last_log;
    for arguments in [
        &["del", "default", "--prefix", "a/"][..],
        &["put", "default", "a/1"],
    ] {
        let mut terminal = Terminal::raftctl(cluster.address(0), arguments);
        terminal.expect(if arguments[0] == "put" {
            "Value of"
        } else {
            "Go on?"
        });
        terminal.press("\u{3}");
        let (shown, code) = terminal.finish();
        assert_eq!(code, 130, "{arguments:?}: {shown}");
    }
    assert_eq!(value(&direct, "a/1").await.as_deref(), Some("v"));
    assert_eq!(cluster.status(0).await.expect("a status").last_log, before);
}

#[tokio::test]
async fn status_and_its_like_look_the_same_as_in_a_pipe_but_for_the_glyphs() {
    let (cluster, direct) = single().await;
    direct.put("default", "k", "v").await.expect("a put");
    let raftctl = cluster.raftctl(0);
    for arguments in [
        &["health"][..],
        &["members", "ls"],
        &["leader", "show"],
        &["ns", "ls"],
        &["count", "default"],
        &["version"],
    ] {
        let (shown, code) = run(&cluster, arguments);
        assert_eq!(code, 0, "{arguments:?}: {shown}");
        assert_eq!(shown, raftctl.run(arguments).text(), "{arguments:?}");
    }
    // Beyond these fields are times and sizes that go on.
    let stable = |text: String| text.split('\t').take(15).collect::<Vec<_>>().join("\t");
    let plain = ["status", "-o", "plain"];
    let (shown, code) = run(&cluster, &plain);
    assert_eq!(code, 0);
    assert_eq!(stable(shown), stable(raftctl.run(&plain).text()));
    let (shown, code) = run(&cluster, &["status"]);
    assert_eq!(code, 0);
    assert!(shown.contains("leader \u{2605} n1"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 100),
        "{shown}"
    );
}

#[tokio::test]
async fn status_is_watched_in_place_until_ctrl_c() {
    let (cluster, _direct) = single().await;
    let arguments = ["status", "--watch", "--interval", "100ms"];
    let mut terminal = Terminal::raftctl(cluster.address(0), &arguments);
    terminal.expect("every 100ms  Ctrl-C ends");
    // A second picture takes the place of the first.
    crate::cluster::wait_for("a second picture", async || {
        (terminal.text().matches("quorum 1/1  healthy").count() > 1).then_some(())
    })
    .await;
    terminal.press("\u{3}");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 130, "{shown}");
    assert!(!shown.contains("error:"), "{shown}");
}
