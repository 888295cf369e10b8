//! Conditions, lifetimes, counters, leases, quotas, transactions and edit.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::{put, revision, single};
use crate::cluster::{Run, finish, program, wait_for};

/// The error that stands on stderr as JSON.
fn error(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stderr).expect("a JSON object")
}

#[tokio::test]
async fn a_write_on_condition_says_what_it_found() {
    let (_cluster, raftctl, direct) = single().await;
    put(&direct, "k", "v").await;
    let at = revision(&direct, "k").await;
    raftctl
        .run(&["put", "default", "k", "w", "--if-version", "2"])
        .is(
            4,
            "",
            &format!(
                "error: condition failed: key \"k\" in namespace \"default\" has version 1 \
                 (revision {at}); nothing was changed\n\
                 hint: see what it is now: `raftctl get default k --meta`\n"
            ),
        );
    let run = raftctl.run(&["put", "default", "k", "w", "--if-absent", "-o", "json"]);
    assert_eq!((run.code, run.text().as_str()), (4, ""));
    let object = error(&run);
    assert_eq!(object["code"], "condition_failed");
    assert_eq!(
        object["current"],
        serde_json::json!({"version": 1, "revision": at.to_string()})
    );
    raftctl
        .run(&["-q", "del", "default", "k", "--if-revision", "1"])
        .is(4, "", "");
    let at = at.to_string();
    let run = raftctl.run(&["put", "default", "k", "w", "--if-revision", &at, "--prev"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(
        run.text()
            .ends_with(&format!("\nprevious  version 1  revision {at}  v\n")),
        "{}",
        run.text()
    );
    let run = raftctl.run(&["put", "default", "new", "v", "--if-absent", "--prev"]);
    assert!(run.text().ends_with("\nprevious  none\n"), "{}", run.text());
    let run = raftctl.run(&["del", "default", "k", "none", "--prev", "-o", "json"]);
    let object = &run.objects()[0];
    assert_eq!((&object["deleted"], run.code), (&1.into(), 0));
    assert_eq!(object["previous"][0]["value"], "w");
    assert_eq!(object["previous"][0]["version"], 2);
}

#[tokio::test]
async fn a_key_lives_as_long_as_it_was_told() {
    let (_cluster, raftctl, _) = single().await;
    let quiet = |arguments: &[&str]| raftctl.run(&[&["-q"], arguments].concat()).prints("");
    let ttl = |key: &str| {
        let object = &raftctl
            .run(&["get", "default", key, "-o", "json"])
            .objects()[0];
        object.get("ttl_ms").and_then(serde_json::Value::as_u64)
    };
    quiet(&["put", "default", "k", "v", "--ttl", "1h"]);
    assert!(ttl("k").is_some_and(|ttl| ttl > 3_500_000 && ttl <= 3_600_000));
    quiet(&["put", "default", "k", "w", "--keep-ttl"]);
    assert!(ttl("k").is_some());
    let table = raftctl.run(&["ls", "default"]).text();
    assert!(table.contains("  TTL      VALUE\n"), "{table}");
    assert!(table.contains("  59m 59s  w\n"), "{table}");
    quiet(&["touch", "default", "k", "--no-ttl"]);
    assert_eq!(ttl("k"), None);
    quiet(&["touch", "default", "k", "--ttl", "20ms"]);
    wait_for("the key expires", async || {
        (raftctl.run(&["get", "default", "k"]).code == 3).then_some(())
    })
    .await;
    raftctl.run(&["touch", "default", "k", "--ttl", "1h"]).is(
        3,
        "",
        "error: key \"k\" not found in namespace \"default\"\n",
    );
}

#[tokio::test]
async fn a_counter_counts_and_lives_on() {
    let (_cluster, raftctl, direct) = single().await;
    let incr = |arguments: &[&str]| {
        let run = raftctl.run(&[&["incr", "default"], arguments, &["-o", "plain"]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        run.text().split('\t').next().expect("a field").to_owned()
    };
    assert_eq!(incr(&["c", "--ttl", "1h"]), "1");
    assert_eq!(incr(&["c", "41"]), "42");
    assert_eq!(incr(&["c", "-50"]), "-8");
    let run = raftctl.run(&["incr", "default", "c"]);
    let at = revision(&direct, "c").await;
    run.prints(format!("OK  value -7  revision {at}  version 4\n"));
    let object = &raftctl
        .run(&["get", "default", "c", "-o", "json"])
        .objects()[0];
    assert!(object["ttl_ms"].is_number());
    raftctl
        .run(&["-q", "put", "default", "c", "many"])
        .prints("");
    let run = raftctl.run(&["incr", "default", "c", "-o", "json"]);
    assert_eq!(
        (run.code, &error(&run)["code"]),
        (1, &"not_an_integer".into())
    );
    let most = i64::MAX.to_string();
    raftctl
        .run(&["-q", "put", "default", "c", &most])
        .prints("");
    assert_eq!(raftctl.run(&["incr", "default", "c"]).code, 9);
}

#[tokio::test]
async fn a_lease_is_granted_shown_kept_alive_and_revoked() {
    let (_cluster, raftctl, _) = single().await;
    raftctl.run(&["lease", "ls"]).is(0, "", "note: no leases\n");
    let granted = raftctl.run(&["lease", "grant", "1h", "-o", "plain"]);
    let id = granted
        .text()
        .split('\t')
        .next()
        .expect("the id")
        .to_owned();
    granted.prints(format!("{id}\t3600000\n"));
    let put = ["-q", "put", "default", "a", "1", "--lease", &id];
    raftctl.run(&put).prints("");
    raftctl
        .run(&["lease", "keepalive", &id])
        .prints(format!("OK  lease {id}  ttl 1h\n"));
    let object = &raftctl.run(&["lease", "show", &id, "-o", "json"]).objects()[0];
    assert_eq!(
        (&object["id"], &object["keys"]),
        (&id.as_str().into(), &1.into())
    );
    assert_eq!(object["attached"][0]["key"], "a");
    raftctl
        .run(&["lease", "show", &id, "--keys", "-o", "plain"])
        .prints("default\ta\n");
    let run = raftctl.run(&["lease", "revoke", &id]);
    let begins = format!("OK  revoked lease {id} with 1 key  revision ");
    assert!(run.text().starts_with(&begins), "{}", run.text());
    assert_eq!(raftctl.run(&["get", "default", "a"]).code, 3);
    let gone = format!(
        "error: lease {id} does not exist: it expired, was revoked, or was never granted\n\
         hint: `raftctl lease ls` shows the leases, `raftctl lease grant TTL` makes one\n"
    );
    for arguments in [
        &["lease", "keepalive", &id][..],
        &["lease", "keepalive", &id, "--follow"],
        &["lease", "show", &id],
        &["lease", "revoke", &id],
        &["put", "default", "b", "1", "--lease", &id],
    ] {
        raftctl.run(arguments).is(3, "", &gone);
    }
}

#[tokio::test]
async fn a_quota_is_shown_enforced_and_raised() {
    let (_cluster, raftctl, _) = single().await;
    let create = [
        "ns",
        "create",
        "small",
        "--max-keys",
        "2",
        "--default-ttl",
        "1h",
    ];
    assert_eq!(raftctl.run(&create).code, 0);
    for key in ["a", "b"] {
        raftctl.run(&["-q", "put", "small", key, "v"]).prints("");
    }
    raftctl.run(&["put", "small", "c", "v"]).is(
        9,
        "",
        "error: namespace \"small\" would hold 3 keys, its quota is 2 (max-keys)\n\
         hint: delete keys, or allow more: `raftctl ns set small --max-keys N`\n",
    );
    let table = raftctl.run(&["ns", "ls"]).text();
    assert!(
        table.starts_with("NAME     ID  KEYS  SIZE   USED  "),
        "{table}"
    );
    assert!(
        table.contains("small     2     2   4 B  100 %  "),
        "{table}"
    );
    let described = raftctl.run(&["ns", "describe", "small"]).text();
    assert!(
        described.contains("\nkeys                 2 of 2 (100 %)\n"),
        "{described}"
    );
    raftctl.run(&["ns", "set", "small", "--max-keys", "1"]).is(
        0,
        "OK  small  max-keys 1  max-bytes none  max-value none  default-ttl 1h\n",
        "note: small holds 2 keys already, max-keys is 1: nothing that adds to it is accepted \
         until it holds less\n",
    );
    raftctl
        .run(&[
            "ns",
            "set",
            "small",
            "--max-keys",
            "none",
            "--max-bytes",
            "1MiB",
        ])
        .prints("OK  small  max-keys none  max-bytes 1.0 MiB  max-value none  default-ttl 1h\n");
    raftctl.run(&["-q", "put", "small", "c", "v"]).prints("");
    let nothing = raftctl.run(&["ns", "set", "small"]);
    assert_eq!((nothing.code, nothing.text().as_str()), (2, ""));
}

#[tokio::test]
async fn a_transaction_does_one_list_or_the_other() {
    let (_cluster, raftctl, direct) = single().await;
    put(&direct, "alice", "100").await;
    let run = |document: &str, form: &str| {
        raftctl.run_with_input(document.as_bytes(), &["txn", "-o", form])
    };
    let transfer = r#"{
        "namespace": "default",
        "compare": [{"key": "alice", "value": "100"}],
        "then": [{"put": {"key": "alice", "value": "90", "prev": true}}],
        "else": [{"get": {"key": "alice"}}]
    }"#;
    let first = run(transfer, "json");
    assert_eq!((first.code, first.stderr.as_str()), (0, ""));
    let object = &first.objects()[0];
    assert_eq!(object["succeeded"], true);
    assert_eq!(object["results"][0]["previous"]["value"], "100");
    let second = run(transfer, "plain");
    assert_eq!(second.code, 0);
    let text = second.text();
    assert!(text.starts_with("else\t"), "{text}");
    assert!(text.contains("\nget\tdefault\talice\t1\t90\t"), "{text}");
    let refused = run(
        r#"{"compare": [{"namespace": "default", "key": "alice", "exists": false}]}"#,
        "table",
    );
    assert_eq!((refused.code, refused.stderr.as_str()), (4, ""));
    assert!(refused.text().starts_with("NO  "), "{}", refused.text());
    let wrong = run(r#"{"then": [{"put": {"key": "k", "value": 90}}]}"#, "table");
    assert_eq!((wrong.code, wrong.text().as_str()), (2, ""));
    assert!(
        wrong
            .stderr
            .starts_with("error: standard input:1:42: then[0].put.value: invalid type: "),
        "{}",
        wrong.stderr
    );
}

/// Makes a script that edits the file it is given.
fn editor(path: &Path, script: &str) -> String {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("a script that can be run");
    path.to_str().expect("a path in UTF-8").to_owned()
}

#[tokio::test]
async fn an_edit_is_written_only_over_what_was_read() {
    let (cluster, raftctl, direct) = single().await;
    put(&direct, "k", "one\ntwo").await;
    let script = cluster.directory().join("editor");
    let edit = |text: &str| {
        let mut command = raftctl.command();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", cluster.directory())
            .env("EDITOR", editor(&script, text))
            .args(["edit", "default", "k"])
            .stdin(std::process::Stdio::null());
        finish(&mut command, None)
    };
    edit("true").prints("OK  unchanged: nothing was written\n");
    // A newline that the editor adds is none that was meant.
    edit("echo >> $1").prints("OK  unchanged: nothing was written\n");
    let run = edit("sed -i s/two/three/ $1");
    let at = revision(&direct, "k").await;
    run.prints(format!("OK  revision {at}  version 2\n"));
    raftctl.run(&["get", "default", "k"]).prints("one\nthree");

    let them = program("raftctl");
    let meanwhile = format!("{} -q put default k theirs; echo mine > $1", them.display());
    let run = edit(&meanwhile);
    let at = revision(&direct, "k").await;
    assert_eq!((run.code, run.text().as_str()), (4, ""), "{}", run.stderr);
    let difference = format!(
        "--- k as it is now, revision {at}\n+++ k as you wrote it\n@@ -1 +1 @@\n-theirs\n\
         \\ No newline at end of file\n+mine\n\\ No newline at end of file\n\
         warning: your text is kept in "
    );
    assert!(run.stderr.starts_with(&difference), "{}", run.stderr);
    let kept = run.stderr[difference.len()..].lines().next();
    let kept = kept.expect("the path of the text");
    assert_eq!(std::fs::read(kept).expect("the text"), b"mine");
    // As the hint says.
    let revision = at.to_string();
    let put = [
        "-q",
        "put",
        "default",
        "k",
        "--file",
        kept,
        "--if-revision",
        &revision,
    ];
    raftctl.run(&put).prints("");

    direct
        .put("default", "k", &b"\xff"[..])
        .await
        .expect("a put");
    let binary = edit("true");
    assert_eq!((binary.code, binary.text().as_str()), (1, ""));
    assert!(
        binary.stderr.contains("is not UTF-8 text"),
        "{}",
        binary.stderr
    );
}
