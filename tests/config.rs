//! Settings that must be refused, ports in use, and what the daemon says at its start.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
    time::Duration,
};

use common::{Client, types::Consistency};

use crate::cluster::{Cluster, Direct, Raftctl, Run, Slots, daemon, finish, free_port, wait_for};

/// Runs `raftnoded` where it is expected to end by itself.
fn run(arguments: &[&str]) -> Run {
    finish(daemon().args(arguments).stdin(Stdio::null()), None)
}

/// Asserts that the settings are refused with one line that begins so and holds these words.
#[track_caller]
fn refused(arguments: &[&str], begins: &str, words: &str) {
    let run = run(arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
    assert_eq!(run.text(), "", "{arguments:?}");
    assert!(
        run.stderr.starts_with(begins),
        "{arguments:?}: {}",
        run.stderr
    );
    assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
}

#[test]
fn settings_that_make_no_sense_are_refused_and_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("a path in UTF-8");
    let with = |more: &[&'static str]| [&["--data-dir", data], more].concat();
    refused(
        &with(&["--listen", "0.0.0.0:7420"]),
        "error: --listen: others can reach 0.0.0.0:7420",
        "give --insecure if the network is trusted",
    );
    refused(
        &with(&["--peer-listen", "0.0.0.0:7421"]),
        "error: --peer-listen: ",
        "--insecure",
    );
    refused(
        &with(&["--name", "n4", "--peers", "n1=127.0.0.1:1,n2=127.0.0.1:2"]),
        "error: --peers: n4 is not in the list",
        "give --name one of its names",
    );
    for peers in [
        "n1",
        "n1=",
        "n1=127.0.0.1",
        "=127.0.0.1:1",
        "n1=127.0.0.1:1,",
        "",
    ] {
        let run = run(&["--data-dir", data, "--name", "n1", "--peers", peers]);
        assert_eq!(run.code, 2, "{peers:?}: {}", run.stderr);
        assert!(run.stderr.contains("--peers"), "{peers:?}: {}", run.stderr);
    }
    let twice = "n1=127.0.0.1:1,n1=127.0.0.1:2";
    refused(&with(&["--peers", twice]), "error: ", "named twice");
    refused(
        &with(&["--listen", "nonsense"]),
        "error: --listen: ",
        "HOST:PORT",
    );
    refused(
        &with(&["--heartbeat", "400ms"]),
        "error: --election-timeout: ",
        "twice",
    );
    refused(&with(&["--heartbeat", "soon"]), "error: ", "--heartbeat");
    refused(
        &with(&["--threads", "0"]),
        "error: --threads: ",
        "at least 1",
    );
    refused(
        &with(&["--name", "a b"]),
        "error: --name: ",
        "cannot name a member",
    );
    refused(
        &with(&["--max-value-bytes", "1GiB"]),
        "error: --max-value-bytes: ",
        "not between",
    );
    refused(&with(&["--store", "tape"]), "error: ", "memory");
    refused(
        &with(&["--log-level", "raftnoded=loud"]),
        "error: --log-level: ",
        "expected one of",
    );
    refused(&with(&["--no-such-flag"]), "error: ", "--no-such-flag");
    assert!(
        !directory.path().join("data").exists(),
        "a refusal leaves nothing behind"
    );
}

#[test]
fn a_file_with_an_unknown_key_is_refused_and_the_key_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("raftnoded.toml");
    let path = file.to_str().expect("a path in UTF-8");
    fs::write(&file, "name = 'n1'\nheart-beat = '100ms'\n").expect("a file");
    refused(
        &["--config", path],
        &format!("error: {path}: "),
        "heart-beat",
    );
    fs::write(&file, "name = \n").expect("a file");
    refused(&["--config", path], &format!("error: {path}: "), "line 1");
    fs::write(&file, "name = 7\n").expect("a file");
    refused(&["--config", path], &format!("error: {path}: "), "string");
    let missing = directory.path().join("missing.toml");
    let missing = missing.to_str().expect("a path in UTF-8");
    refused(
        &["--config", missing],
        "error: cannot read ",
        "missing.toml",
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("raftnoded.toml");
    fs::write(
        &file,
        "name = 'file'\nheartbeat = '30ms'\nstore = 'rocksdb'\n",
    )
    .expect("a file");
    let show = |variables: &[(&str, &str)], flags: &[&str]| {
        let mut command = daemon();
        command.envs(variables.iter().copied());
        command.arg("--config").arg(&file).args(flags);
        command.arg("--data-dir").arg(directory.path());
        command.args(["config", "show"]);
        let run = finish(command.stdin(Stdio::null()), None);
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (0, ""),
            "{variables:?} {flags:?}"
        );
        run.text()
    };
    let has = |text: &str, line: &str| {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in {text}"
        );
    };
    let text = show(&[], &[]);
    has(&text, "name = \"file\"");
    has(&text, "store = \"rocksdb\"");
    has(&text, "heartbeat = \"30ms\"");
    has(&text, "election-timeout = \"300ms\"");
    let variables = [
        ("RAFTNODED_NAME", "variable"),
        ("RAFTNODED_HEARTBEAT", "40ms"),
    ];
    let text = show(&variables, &[]);
    has(&text, "name = \"variable\"");
    has(&text, "heartbeat = \"40ms\"");
    let text = show(&variables, &["--name", "flag"]);
    has(&text, "name = \"flag\"");
    has(&text, "heartbeat = \"40ms\"");

    let check = |heartbeat: &str| {
        run(&[
            "--heartbeat",
            heartbeat,
            "--data-dir",
            "/x",
            "config",
            "check",
        ])
    };
    assert_eq!(check("50ms").code, 0);
    assert_eq!(check("500ms").code, 2);
}

#[tokio::test]
async fn a_port_in_use_is_refused() {
    let mut cluster = Cluster::prepare(1, &[]);
    for (setting, address) in [
        ("listen", cluster.members()[0].client().to_owned()),
        ("peer-listen", cluster.members()[0].peer().to_owned()),
    ] {
        let taken = TcpListener::bind(&address).expect("the port is free");
        let (code, said) = cluster.member(0).refused().await;
        assert_eq!(code, Some(4), "{said}");
        for words in [
            format!("cannot listen on {address}"),
            format!("Give another --{setting}"),
        ] {
            assert!(said.contains(&words), "{words:?} is not in {said}");
        }
        drop(taken);
    }
    cluster.member(0).start();
    cluster.leader().await;
}

/// A process that is killed when the test ends, however it ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn without_arguments_it_is_a_cluster_of_one_that_says_what_to_type_next() {
    let _slots = Slots::take(1);
    let home = tempfile::tempdir().expect("a temporary directory");
    let output = home.path().join("stdout");
    // The default ports may be taken on this machine: any free ones, and nothing else.
    let child = daemon()
        .env("XDG_STATE_HOME", home.path())
        .args([
            "--listen",
            "127.0.0.1:0",
            "--peer-listen",
            "127.0.0.1:0",
            "--name",
            "solo",
        ])
        .stdin(Stdio::null())
        .stdout(fs::File::create(&output).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("raftnoded starts");
    let _killed = Killed(child);
    let said = wait_for("the daemon says where it is", async || {
        let said = fs::read_to_string(&output).expect("the output");
        (said.lines().count() >= 3).then_some(said)
    })
    .await;
    let lines: Vec<&str> = said.lines().collect();
    let addresses = lines[0]
        .strip_prefix("solo serves clients on ")
        .and_then(|rest| rest.split_once(" and members on "));
    let (client, peer) = addresses.expect("both addresses");
    assert!(!client.ends_with(":0") && !peer.ends_with(":0"), "{said}");
    let data = home.path().join("raftnoded").join("solo");
    assert_eq!(lines[1], format!("data is in {}", data.display()));
    let next = format!("try: raftctl --endpoints {client} put default greeting hello");
    assert_eq!(lines[2], next);
    assert_eq!(lines.len(), 3);
    let mode = fs::metadata(&data)
        .expect("the directory")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);

    wait_for("it leads itself", async || {
        let status = Client::status_of(client, Duration::from_secs(2))
            .await
            .ok()?;
        status.leader
    })
    .await;
    let words: Vec<&str> = lines[2].split_whitespace().skip(2).collect();
    let run = Raftctl::new("127.0.0.1:1").run(&words);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.text());
    let direct = Direct::open(client, false).await.expect("a connection");
    let found = direct
        .get("default", "greeting", Consistency::Linearizable)
        .await;
    assert_eq!(found.expect("a get").entry.expect("the key").value, "hello");
}

#[tokio::test]
async fn the_log_is_one_json_object_a_line_and_never_holds_a_value() {
    let mut cluster = Cluster::single(&["--log-level", "debug"]).await;
    let direct = cluster.direct(0).await;
    direct
        .put("default", "k", "a secret value")
        .await
        .expect("a put");
    cluster.member(0).terminate();
    assert!(cluster.member(0).exited().await.success());
    let member = &cluster.members()[0];
    for line in member.stderr().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("a JSON object");
        assert!(
            event["message"].is_string() && event["level"].is_string(),
            "{line}"
        );
    }
    let serving = member.events("serving");
    assert_eq!(serving.len(), 1);
    assert_eq!(serving[0]["client"], member.client());
    assert_eq!(serving[0]["peer"], member.peer());
    assert_eq!(serving[0]["name"], "n1");
    let elected = member.events("leader elected");
    assert_eq!(elected.len(), 1, "{elected:?}");
    assert_eq!(elected[0]["leader"], 1);
    assert!(
        elected[0]["term"].is_u64() && elected[0]["index"].is_u64(),
        "{elected:?}"
    );
    assert_eq!(member.events("stopped").len(), 1);
    assert!(!member.stderr().contains("secret"));
}

#[tokio::test]
async fn an_address_to_advertise_is_what_others_are_told() {
    let port = free_port();
    let advertised = format!("localhost:{port}");
    let mut cluster = Cluster::prepare(1, &["--advertise", &advertised]);
    cluster.member(0).start();
    cluster.leader().await;
    let status = cluster.status(0).await.expect("a status");
    assert_eq!(status.client_address, advertised);
    assert_eq!(status.members[0].client_address, advertised);
}

#[tokio::test]
async fn fsync_never_is_said_wherever_one_looks() {
    let cluster = Cluster::single(&["--fsync", "never"]).await;
    let direct = cluster.direct(0).await;
    direct.put("default", "k", "v").await.expect("a put");
    let status = cluster.status(0).await.expect("a status");
    assert!(!status.durable);
    assert!(
        status
            .alarms
            .iter()
            .any(|alarm| alarm.contains("--fsync never")),
        "{status:?}"
    );
    let run = cluster.raftctl(0).run(&["health"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.text().contains("--fsync never"), "{}", run.text());
    let said = cluster.members()[0].stderr();
    assert!(
        said.contains("\"WARN\"") && said.contains("fsync"),
        "it is warned of: {said}"
    );
}
