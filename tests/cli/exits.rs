//! What went wrong: the exit code, and the words on stderr.

use std::{io::Write, process::Stdio};

use common::ErrorCode;

use super::{put, single};
use crate::cluster::{Cluster, Raftctl, finish, free_port, wait_for};

#[tokio::test]
async fn what_is_not_found_is_exit_code_3() {
    let (_cluster, raftctl, direct) = single().await;
    put(&direct, "k", "v").await;
    raftctl.run(&["get", "default", "no\nkey"]).is(
        3,
        "",
        "error: key \"no\\nkey\" not found in namespace \"default\"\n",
    );
    raftctl.run(&["-q", "get", "default", "none"]).is(3, "", "");
    raftctl.run(&["get", "default", "none", "-o", "json"]).is(
        3,
        "",
        "{\"code\":\"key_not_found\",\"message\":\"key \\\"none\\\" not found in namespace \
         \\\"default\\\"\",\"hint\":null,\"retryable\":false}\n",
    );
    let missing = "error: namespace \"none\" does not exist\n\
         hint: `raftctl ns create none` makes it, `raftctl ns ls` shows those there are\n";
    for arguments in [
        &["get", "none", "k"][..],
        &["del", "none", "k"],
        &["ls", "none"],
        &["count", "none"],
        &["ns", "describe", "none"],
        &["ns", "delete", "none", "--yes"],
    ] {
        raftctl.run(arguments).is(3, "", missing);
    }
}

#[tokio::test]
async fn without_a_majority_the_exit_code_is_6_and_stale_reads_go_on() {
    let mut cluster = Cluster::start(&[]).await;
    cluster
        .direct(0)
        .await
        .put("default", "k", "v")
        .await
        .expect("a put");
    cluster.settled().await;
    let last = cluster.leader().await;
    for index in (0..3).filter(|index| *index != last) {
        cluster.member(index).kill();
    }
    wait_for("health sees that the majority is gone", async || {
        (cluster.raftctl(last).run(&["health"]).code == 6).then_some(())
    })
    .await;
    let raftctl = cluster.raftctl(last);
    raftctl
        .run(&["get", "default", "k", "--consistency", "stale"])
        .prints("v");
    let hint = "hint: a majority of the voters must be up and reach each other; see `raftctl \
                status`\n";
    for arguments in [
        &["get", "default", "k"][..],
        &["count", "default"],
        &["ls", "default"],
    ] {
        let run = raftctl.run(&[&["--timeout", "2s"], arguments].concat());
        assert_eq!(run.code, 6, "{arguments:?}: {}", run.stderr);
        assert_eq!(run.text(), "", "{arguments:?}");
        assert!(
            run.stderr.starts_with("error: no leader: "),
            "{}",
            run.stderr
        );
        assert!(run.stderr.ends_with(hint), "{}", run.stderr);
    }
    let run = raftctl.run(&["--timeout", "2s", "get", "default", "k", "-o", "json"]);
    let object: serde_json::Value = serde_json::from_str(&run.stderr).expect("a JSON object");
    assert_eq!(object["code"], ErrorCode::NoLeader.as_str());
    assert_eq!(object["retryable"], true);
    let health = raftctl.run(&["health"]);
    assert_eq!((health.code, health.stderr.as_str()), (6, ""));
    let begins = "no quorum: nothing can be written\noutage: 1 of 3 voters up, 2 needed; ";
    assert!(health.text().starts_with(begins), "{}", health.text());
    let status = raftctl.run(&["status"]);
    assert_eq!((status.code, status.stderr.as_str()), (0, ""));
    assert!(
        status.text().contains("quorum 1/3 LOST  no quorum\n"),
        "{}",
        status.text()
    );
    assert_eq!(raftctl.run(&["leader", "show"]).code, 6);
    // A put is refused (6), or its outcome is unknown (7) where the member still leads; what was
    // refused is not there later.
    let put = raftctl.run(&["--timeout", "2s", "put", "default", "lost", "v"]);
    assert!(
        put.code == 6 || put.code == 7,
        "{}: {}",
        put.code,
        put.stderr
    );
    cluster.start_all();
    cluster.settled().await;
    if put.code == 6 {
        assert_eq!(raftctl.run(&["get", "default", "lost"]).code, 3);
    }
}

#[tokio::test]
async fn a_write_that_nobody_confirms_is_exit_code_7_and_one_that_was_not_sent_6() {
    let mut cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    let raftctl = cluster.raftctl(leader);
    // A program whose session is open already when the majority is lost: line by line.
    let mut import = raftctl
        .command()
        .args(["--timeout", "1s", "import", "default", "-", "--batch", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("raftctl starts");
    let mut lines = import.stdin.take().expect("a pipe");
    writeln!(lines, r#"{{"key":"first","value":"v"}}"#).expect("a line");
    // The second line lets the first batch go.
    writeln!(lines, r#"{{"key":"second","value":"v"}}"#).expect("a line");
    wait_for("the first line is imported", async || {
        (raftctl.run(&["get", "default", "first"]).code == 0).then_some(())
    })
    .await;
    for index in (0..3).filter(|index| *index != leader) {
        cluster.member(index).pause();
    }
    // The end of the input lets the second one go.
    drop(lines);
    let output = import.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(stderr.contains("outcome unknown"), "{stderr}");
    // Without a session there is nothing that could have been written.
    let run = raftctl.run(&["--timeout", "1s", "put", "default", "k", "v"]);
    assert_eq!((run.code, run.text().as_str()), (6, ""), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: no leader"), "{}", run.stderr);
}

#[test]
fn nobody_there_is_exit_code_5() {
    let address = format!("127.0.0.1:{}", free_port());
    let raftctl = Raftctl::new(&address);
    let expected = format!(
        "error: no member could be reached: {address}: Connection refused\n\
         hint: is raftnoded running there? name members with --endpoints HOST:PORT,... or \
         RAFTCTL_ENDPOINTS\n"
    );
    for arguments in [
        &["get", "default", "k"][..],
        &["put", "default", "k", "v"],
        &["status"],
        &["health"],
        &["members", "ls"],
        &["leader", "show"],
    ] {
        raftctl.run(arguments).is(5, "", &expected);
    }
    let run = raftctl.run(&["get", "default", "k", "-o", "json"]);
    let object: serde_json::Value = serde_json::from_str(&run.stderr).expect("a JSON object");
    assert_eq!((run.code, &object["code"]), (5, &"unreachable".into()));
    assert_eq!(object["retryable"], true);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let raftctl = Raftctl::new("127.0.0.1:1");
    for arguments in [
        &["nonsense"][..],
        &["get"],
        &["get", "default"],
        &["get", "default", "k", "--hex", "--base64"],
        &["put", "default", "k", "v", "--file", "f"],
        &["del", "default"],
        &["del", "default", "k", "--prefix", "p"],
        &["ls", "default", "--limit", "0"],
        &["--timeout", "soon", "status"],
        &["--timeout", "0s", "status"],
        &["-o", "yaml", "status"],
        &["-e", "http://127.0.0.1:1", "status"],
        &["completion", "no-such-shell"],
        &["ns"],
        &["-q", "-v", "status"],
    ] {
        let run = raftctl.run(arguments);
        assert_eq!((run.code, run.text().as_str()), (2, ""), "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
    let run = raftctl.run(&["get", "default", "-o", "json"]);
    assert_eq!((run.code, run.text().as_str()), (2, ""));
    let object: serde_json::Value = serde_json::from_str(&run.stderr).expect("a JSON object");
    assert_eq!(
        (&object["code"], &object["retryable"]),
        (&"usage".into(), &false.into())
    );
    assert_eq!(raftctl.run::<&str>(&[]).code, 2);
}

#[test]
fn what_later_releases_bring_does_not_appear() {
    let raftctl = Raftctl::new("127.0.0.1:1");
    let help = raftctl.run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for command in [
        "put",
        "get",
        "del",
        "ls",
        "count",
        "touch",
        "incr",
        "edit",
        "txn",
        "lease",
        "ns",
        "status",
        "health",
        "members",
        "leader",
        "snapshot",
        "bench",
        "tui",
        "completion",
        "version",
    ] {
        let listed = format!("\n  {command} ");
        assert!(
            help.text().contains(&listed),
            "{command} is not in the help"
        );
    }
    for command in ["audit", "token"] {
        let listed = format!("\n  {command} ");
        assert!(!help.text().contains(&listed), "{command} is in the help");
        assert_eq!(raftctl.run(&[command]).code, 2, "{command}");
    }
}

#[tokio::test]
async fn limits_are_exit_code_9() {
    let (cluster, raftctl, _) = single().await;
    let value = vec![7; 1024 * 1024 + 1];
    raftctl.run_with_input(&value, &["put", "default", "k"]).is(
        9,
        "",
        "error: value of 1048577 bytes exceeds the limit of 1048576 bytes (--max-value-bytes)\n\
         hint: store less, or raise --max-value-bytes of raftnoded on every member\n",
    );
    raftctl
        .run_with_input(&value[1..], &["-q", "put", "default", "k"])
        .prints("");
    raftctl.run(&["get", "default", "k"]).prints(&value[1..]);
    let key = "k".repeat(4097);
    raftctl.run(&["put", "default", &key, "v"]).is(
        9,
        "",
        "error: key of 4097 bytes exceeds the limit of 4096 bytes (fixed)\n",
    );
    let empty = raftctl.run(&["put", "default", "", "v"]);
    assert_eq!(
        (empty.code, empty.text().as_str()),
        (2, ""),
        "{}",
        empty.stderr
    );
    assert!(
        empty.stderr.contains("a key has at least one byte"),
        "{}",
        empty.stderr
    );
    assert_eq!(
        cluster.status(0).await.expect("a status").alarms,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_reader_that_closes_its_pipe_ends_the_command_quietly() {
    let (_cluster, raftctl, direct) = single().await;
    for number in 0..40_u8 {
        direct
            .put("default", vec![number], vec![b'v'; 100_000])
            .await
            .expect("a put");
    }
    let mut child = raftctl
        .command()
        .args(["ls", "default"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("raftctl starts");
    // Four megabytes do not fit into the pipe: it must meet the closed end.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[tokio::test]
async fn colour_appears_only_where_it_is_asked_for() {
    let (_cluster, raftctl, _) = single().await;
    let plain = raftctl.run(&["health"]);
    assert!(!plain.text().contains('\u{1b}'));
    let painted = raftctl.run(&["health", "--color", "always"]);
    assert!(
        painted.text().starts_with("\u{1b}[32mhealthy\u{1b}[0m: "),
        "{}",
        painted.text()
    );
    let mut forced = raftctl.command();
    forced
        .env("CLICOLOR_FORCE", "1")
        .arg("health")
        .stdin(std::process::Stdio::null());
    assert!(finish(&mut forced, None).text().contains('\u{1b}'));
    let mut unwanted = raftctl.command();
    unwanted.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    unwanted.arg("health").stdin(std::process::Stdio::null());
    assert!(!finish(&mut unwanted, None).text().contains('\u{1b}'));
}
