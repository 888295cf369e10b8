//! put, get, del, ls and count.

use super::{put, revision, single};

#[tokio::test]
async fn put_confirms_with_revision_and_version() {
    let (_cluster, raftctl, direct) = single().await;
    let run = raftctl.run(&["put", "default", "k", "v"]);
    let at = revision(&direct, "k").await;
    run.prints(format!("OK  revision {at}  version 1\n"));
    let run = raftctl.run(&["put", "default", "k", "w", "-o", "plain"]);
    let at = revision(&direct, "k").await;
    run.prints(format!("{at}\t2\n"));
    let run = raftctl.run(&["-o", "json", "put", "default", "k", "x"]);
    let at = revision(&direct, "k").await;
    run.prints(format!(
        "{{\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"{at}\",\"version\":3}}\n"
    ));
    raftctl.run(&["-q", "put", "default", "k", "y"]).prints("");
    raftctl.run(&["get", "default", "k"]).prints("y");
}

#[tokio::test]
async fn values_come_from_arguments_pipes_and_files() {
    let (cluster, raftctl, _) = single().await;
    let quiet = |arguments: &[&str]| {
        raftctl
            .run(&[&["-q", "put", "default"], arguments].concat())
            .prints("");
    };
    quiet(&["empty", ""]);
    raftctl.run(&["get", "default", "empty"]).prints("");
    quiet(&["dash", "-5"]);
    raftctl.run(&["get", "default", "dash"]).prints("-5");
    quiet(&["flag", "--", "--yes"]);
    raftctl.run(&["get", "default", "flag"]).prints("--yes");

    // A pipe gives its exact bytes, the last newline included.
    let every: Vec<u8> = (0..=255).chain(*b"\n").collect();
    for arguments in [&["piped"][..], &["piped", "-"]] {
        let arguments = [&["-q", "put", "default"], arguments].concat();
        raftctl.run_with_input(&every, &arguments).prints("");
        raftctl.run(&["get", "default", "piped"]).prints(&every);
    }
    raftctl
        .run_with_input(b"", &["-q", "put", "default", "nothing"])
        .prints("");
    raftctl.run(&["get", "default", "nothing"]).prints("");
    raftctl
        .run_with_input(b"unread", &["-q", "put", "default", "given", "v"])
        .prints("");
    raftctl.run(&["get", "default", "given"]).prints("v");

    let file = cluster.directory().join("value");
    std::fs::write(&file, &every).expect("a file");
    let path = file.to_str().expect("a path in UTF-8");
    quiet(&["file", "--file", path]);
    raftctl.run(&["get", "default", "file"]).prints(&every);
    raftctl
        .run(&["put", "default", "k", "--file", "/no/such/file"])
        .is(
            1,
            "",
            "error: cannot read /no/such/file: No such file or directory\n",
        );
    // A forgotten argument is not an empty value.
    raftctl.run(&["put", "default", "k"]).is(
        2,
        "",
        "error: the value is missing\n\
         hint: give it as an argument (\"\" is the empty value), with --file, or through a pipe\n",
    );
}

#[tokio::test]
async fn get_prints_the_exact_bytes_and_other_forms_on_request() {
    let (_cluster, raftctl, direct) = single().await;
    direct
        .put("default", "k", &b"\xffA\n"[..])
        .await
        .expect("a put");
    put(&direct, "text", "hello").await;
    raftctl.run(&["get", "default", "k"]).prints(b"\xffA\n");
    raftctl
        .run(&["get", "default", "k", "--hex"])
        .prints("ff410a\n");
    raftctl
        .run(&["get", "default", "k", "--base64"])
        .prints("/0EK\n");
    let at = revision(&direct, "text").await;
    raftctl
        .run(&["get", "default", "text", "-o", "json"])
        .prints(format!(
            "{{\"namespace\":\"default\",\"key\":\"text\",\"value\":\"hello\",\
         \"create_revision\":\"{at}\",\"revision\":\"{at}\",\"version\":1}}\n"
        ));
    let object = &raftctl
        .run(&["get", "default", "k", "-o", "json"])
        .objects()[0];
    assert_eq!(object["value_b64"], "/0EK");
    assert!(object.get("value").is_none());
    raftctl
        .run(&["get", "default", "text", "--meta"])
        .prints(format!(
            "key                  text\n\
         value                hello\n\
         size                 5 B\n\
         version              1\n\
         revision             {at}\n\
         created at revision  {at}\n"
        ));
    raftctl
        .run(&["get", "default", "text", "--meta", "-o", "plain"])
        .prints(format!("text\thello\t{at}\t1\t{at}\t-\t-\n"));
    raftctl
        .run(&["get", "default", "text", "--consistency", "stale"])
        .prints("hello");
}

#[tokio::test]
async fn del_counts_what_was_there_and_a_prefix_needs_yes() {
    let (_cluster, raftctl, direct) = single().await;
    for key in ["a/1", "a/2", "b", "c", "d"] {
        put(&direct, key, "v").await;
    }
    // Each raftctl opens a session, with an entry of its own, before it writes.
    let at = revision(&direct, "d").await;
    raftctl
        .run(&["del", "default", "b", "none", "c"])
        .prints(format!("OK  deleted 2  revision {}\n", at + 2));
    raftctl
        .run(&["del", "default", "b", "-o", "plain"])
        .prints(format!("0\t{}\n", at + 4));
    raftctl
        .run(&["del", "default", "d", "-o", "json"])
        .prints(format!(
            "{{\"namespace\":\"default\",\"deleted\":1,\"revision\":\"{}\"}}\n",
            at + 6
        ));
    let unconfirmed = "error: this deletes 2 keys (every key that begins with \"a/\") in namespace \
         \"default\", which needs confirmation\n\
         hint: pass --yes to do it without a question\n";
    raftctl
        .run(&["del", "default", "--prefix", "a/"])
        .is(10, "", unconfirmed);
    // A pipe is not an answer.
    raftctl
        .run_with_input(b"y\n", &["del", "default", "--prefix", "a/"])
        .is(10, "", unconfirmed);
    raftctl.run(&["count", "default"]).prints("2\n");
    raftctl
        .run(&["del", "default", "--prefix", "a/", "--yes"])
        .prints(format!("OK  deleted 2  revision {}\n", at + 8));
    let none = raftctl.run(&["del", "default", "--prefix", "a/"]);
    assert_eq!((none.code, none.stderr.as_str()), (0, ""));
    assert!(
        none.text().starts_with("OK  deleted 0  "),
        "{}",
        none.text()
    );
}

#[tokio::test]
async fn ls_lists_in_every_form() {
    let (_cluster, raftctl, direct) = single().await;
    let first = put(&direct, "a\tb", "one\ntwo").await.revision;
    direct
        .put("default", &b"\xff"[..], "")
        .await
        .expect("a put");
    raftctl.run(&["ls", "default"]).prints(format!(
        "KEY   REVISION  VERSION  VALUE\n\
         a\\tb  {first:>8}        1  one\\ntwo\n\
         \\xff  {:>8}        1\n",
        first + 1
    ));
    raftctl
        .run(&["ls", "default", "-o", "plain"])
        .prints(format!(
            "a\\tb\tone\\ntwo\t{first}\t1\t{first}\t-\t-\n\\xff\t\t{0}\t1\t{0}\t-\t-\n",
            first + 1
        ));
    raftctl
        .run(&["ls", "default", "-o", "json"])
        .prints(format!(
            "{{\"namespace\":\"default\",\"key\":\"a\\tb\",\"value\":\"one\\ntwo\",\
         \"create_revision\":\"{first}\",\"revision\":\"{first}\",\"version\":1}}\n\
         {{\"namespace\":\"default\",\"key_b64\":\"/w==\",\"value\":\"\",\
         \"create_revision\":\"{0}\",\"revision\":\"{0}\",\"version\":1}}\n",
            first + 1
        ));
    raftctl
        .run(&["ls", "default", "--keys-only", "-o", "plain"])
        .prints("a\\tb\n\\xff\n");
    raftctl
        .run(&["ls", "default", "--keys-only", "-o", "plain", "--reverse"])
        .prints("\\xff\na\\tb\n");
    raftctl
        .run(&["ls", "default", "no such prefix"])
        .is(0, "", "note: no keys\n");
    raftctl
        .run(&["ls", "default", "no such prefix", "-o", "plain"])
        .prints("");
}

#[tokio::test]
async fn ls_pages_with_a_token() {
    let (_cluster, raftctl, direct) = single().await;
    for key in ["a", "b", "c"] {
        put(&direct, key, "v").await;
    }
    let list = |more: &[&str]| {
        let arguments = [
            &[
                "ls",
                "default",
                "--keys-only",
                "--limit",
                "2",
                "-o",
                "plain",
            ],
            more,
        ];
        raftctl.run(&arguments.concat())
    };
    let first = list(&[]);
    assert_eq!((first.code, first.text().as_str()), (0, "a\nb\n"));
    let token = first
        .stderr
        .strip_prefix("note: there is more: --page ")
        .and_then(|rest| rest.strip_suffix('\n'));
    list(&["--page", token.expect("a token on stderr")]).prints("c\n");
    let run = raftctl.run(&["ls", "default", "--limit", "2", "-o", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let objects = run.objects();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[2]["next_page"], token.expect("a token"));
    let wrong = list(&["--page", "%%%"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    raftctl
        .run(&[
            "ls",
            "default",
            "--start",
            "b",
            "--end",
            "c",
            "--keys-only",
            "-o",
            "plain",
        ])
        .prints("b\n");
}

#[tokio::test]
async fn count_is_a_bare_number() {
    let (_cluster, raftctl, direct) = single().await;
    for key in ["a/1", "a/2", "b"] {
        put(&direct, key, "v").await;
    }
    raftctl.run(&["count", "default"]).prints("3\n");
    raftctl.run(&["count", "default", "a/"]).prints("2\n");
    raftctl
        .run(&["count", "default", "-o", "plain"])
        .prints("3\n");
    let object = &raftctl.run(&["count", "default", "-o", "json"]).objects()[0];
    assert_eq!(object["count"], 3);
    assert_eq!(object["namespace"], "default");
    assert!(object["revision"].is_string());
}

#[tokio::test]
async fn a_key_is_any_bytes_an_argument_can_hold() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let (_cluster, raftctl, _) = single().await;
    let every: Vec<u8> = (1..=255).collect();
    let key = OsStr::from_bytes(&every);
    let word = OsStr::new;
    let put = [word("-q"), word("put"), word("default"), key, word("v")];
    raftctl.run(&put).prints("");
    raftctl
        .run(&[word("get"), word("default"), key])
        .prints("v");
    let object = &raftctl.run(&["ls", "default", "-o", "json"]).objects()[0];
    assert!(object["key_b64"].is_string() && object.get("key").is_none());
    raftctl
        .run(&["-q", "put", "default", "two\nlines", "x"])
        .prints("");
    raftctl.run(&["get", "default", "two\nlines"]).prints("x");
}
