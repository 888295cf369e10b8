//! raftctl in a pipe: stdout, stderr and exit code, exactly.

use common::{
    ErrorCode,
    transport::PROTOCOL_VERSION,
    types::{Consistency, MemberStatus, PutReply},
};

use crate::cluster::{Cluster, Direct, Raftctl, Slots, finish, free_port, wait_for};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A cluster of one, raftctl for it, and a connection to look behind it.
async fn single() -> (Cluster, Raftctl, Direct) {
    let cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    let direct = cluster.direct(0).await;
    (cluster, raftctl, direct)
}

/// The revision of a key.
async fn revision(direct: &Direct, key: &str) -> u64 {
    let found = direct.get("default", key.to_owned(), Consistency::Linearizable).await;
    found.expect("a get").entry.expect("the key").revision
}

async fn put(direct: &Direct, key: &'static str, value: &'static str) -> PutReply {
    direct.put("default", key, value).await.expect("a put")
}

#[tokio::test]
async fn put_confirms_with_revision_and_version() {
    let (_cluster, raftctl, direct) = single().await;
    let run = raftctl.run(&["put", "default", "k", "v"]);
    let first = revision(&direct, "k").await;
    run.prints(format!("OK  revision {first}  version 1\n"));
    raftctl
        .run(&["put", "default", "k", "w", "-o", "plain"])
        .prints(format!("{}\t2\n", first + 1));
    raftctl
        .run(&["-o", "json", "put", "default", "k", "x"])
        .prints(format!(
            "{{\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"{}\",\"version\":3}}\n",
            first + 2
        ));
    raftctl.run(&["-q", "put", "default", "k", "y"]).prints("");
    raftctl.run(&["get", "default", "k"]).prints("y");
}

#[tokio::test]
async fn values_come_from_arguments_pipes_and_files() {
    let (cluster, raftctl, _) = single().await;
    let quiet = |arguments: &[&str]| {
        raftctl.run(&[&["-q", "put", "default"], arguments].concat()).prints("");
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
    raftctl.run_with_input(b"", &["-q", "put", "default", "nothing"]).prints("");
    raftctl.run(&["get", "default", "nothing"]).prints("");
    raftctl.run_with_input(b"unread", &["-q", "put", "default", "given", "v"]).prints("");
    raftctl.run(&["get", "default", "given"]).prints("v");

    let file = cluster.directory().join("value");
    std::fs::write(&file, &every).expect("a file");
    let path = file.to_str().expect("a path in UTF-8");
    quiet(&["file", "--file", path]);
    raftctl.run(&["get", "default", "file"]).prints(&every);
    raftctl.run(&["put", "default", "k", "--file", "/no/such/file"]).is(
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
    direct.put("default", "k", &b"\xffA\n"[..]).await.expect("a put");
    put(&direct, "text", "hello").await;
    raftctl.run(&["get", "default", "k"]).prints(b"\xffA\n");
    raftctl.run(&["get", "default", "k", "--hex"]).prints("ff410a\n");
    raftctl.run(&["get", "default", "k", "--base64"]).prints("/0EK\n");
    let at = revision(&direct, "text").await;
    raftctl.run(&["get", "default", "text", "-o", "json"]).prints(format!(
        "{{\"namespace\":\"default\",\"key\":\"text\",\"value\":\"hello\",\
         \"create_revision\":\"{at}\",\"revision\":\"{at}\",\"version\":1}}\n"
    ));
    let object = &raftctl.run(&["get", "default", "k", "-o", "json"]).objects()[0];
    assert_eq!(object["value_b64"], "/0EK");
    assert!(object.get("value").is_none());
    raftctl.run(&["get", "default", "text", "--meta"]).prints(format!(
        "key                  text\n\
         value                hello\n\
         size                 5 B\n\
         version              1\n\
         revision             {at}\n\
         created at revision  {at}\n"
    ));
    raftctl
        .run(&["get", "default", "text", "--meta", "-o", "plain"])
        .prints(format!("text\thello\t{at}\t1\t{at}\n"));
    raftctl
        .run(&["get", "default", "text", "--consistency", "stale"])
        .prints("hello");
}

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
         hint: `raftctl ns ls` shows the namespaces, `raftctl ns create NAME` makes one\n";
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
async fn del_counts_what_was_there_and_a_prefix_needs_yes() {
    let (_cluster, raftctl, direct) = single().await;
    for key in ["a/1", "a/2", "b", "c", "d"] {
        put(&direct, key, "v").await;
    }
    let at = revision(&direct, "d").await;
    raftctl
        .run(&["del", "default", "b", "none", "c"])
        .prints(format!("OK  deleted 2  revision {}\n", at + 1));
    raftctl
        .run(&["del", "default", "b", "-o", "plain"])
        .prints(format!("0\t{}\n", at + 2));
    raftctl.run(&["del", "default", "d", "-o", "json"]).prints(format!(
        "{{\"namespace\":\"default\",\"deleted\":1,\"revision\":\"{}\"}}\n",
        at + 3
    ));
    let unconfirmed = "error: this deletes 2 keys (every key that begins with \"a/\") in namespace \
         \"default\", which needs confirmation\n\
         hint: pass --yes to do it without a question\n";
    raftctl.run(&["del", "default", "--prefix", "a/"]).is(10, "", unconfirmed);
    // A pipe is not an answer.
    raftctl
        .run_with_input(b"y\n", &["del", "default", "--prefix", "a/"])
        .is(10, "", unconfirmed);
    raftctl.run(&["count", "default"]).prints("2\n");
    raftctl
        .run(&["del", "default", "--prefix", "a/", "--yes"])
        .prints(format!("OK  deleted 2  revision {}\n", at + 4));
    let none = raftctl.run(&["del", "default", "--prefix", "a/"]);
    assert_eq!((none.code, none.stderr.as_str()), (0, ""));
    assert!(none.text().starts_with("OK  deleted 0  "), "{}", none.text());
}

#[tokio::test]
async fn ls_lists_in_every_form() {
    let (_cluster, raftctl, direct) = single().await;
    let first = put(&direct, "a\tb", "one\ntwo").await.revision;
    direct.put("default", &b"\xff"[..], "").await.expect("a put");
    raftctl.run(&["ls", "default"]).prints(format!(
        "KEY   REVISION  VERSION  VALUE\n\
         a\\tb  {first:>8}        1  one\\ntwo\n\
         \\xff  {:>8}        1\n",
        first + 1
    ));
    raftctl.run(&["ls", "default", "-o", "plain"]).prints(format!(
        "a\\tb\tone\\ntwo\t{first}\t1\t{first}\n\\xff\t\t{0}\t1\t{0}\n",
        first + 1
    ));
    raftctl.run(&["ls", "default", "-o", "json"]).prints(format!(
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
    raftctl.run(&["ls", "default", "no such prefix", "-o", "plain"]).prints("");
}

#[tokio::test]
async fn ls_pages_with_a_token() {
    let (_cluster, raftctl, direct) = single().await;
    for key in ["a", "b", "c"] {
        put(&direct, key, "v").await;
    }
    let list = |more: &[&str]| {
        let arguments = [&["ls", "default", "--keys-only", "--limit", "2", "-o", "plain"], more];
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
        .run(&["ls", "default", "--start", "b", "--end", "c", "--keys-only", "-o", "plain"])
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
    raftctl.run(&["count", "default", "-o", "plain"]).prints("3\n");
    let object = &raftctl.run(&["count", "default", "-o", "json"]).objects()[0];
    assert_eq!(object["count"], 3);
    assert_eq!(object["namespace"], "default");
    assert!(object["revision"].is_string());
}

#[tokio::test]
async fn namespaces_live_and_die_on_the_command_line() {
    let (_cluster, raftctl, direct) = single().await;
    let run = raftctl.run(&["ns", "create", "orders", "-o", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let object = &run.objects()[0];
    let id = object["id"].as_str().expect("the id").to_owned();
    let at = object["create_revision"].as_str().expect("the revision").to_owned();
    assert_eq!((&object["keys"], &object["bytes"]), (&0.into(), &0.into()));
    raftctl.run(&["ns", "create", "orders"]).is(
        4,
        "",
        "error: namespace \"orders\" exists already\n",
    );
    let wrong = raftctl.run(&["ns", "create", "a b"]);
    assert_eq!((wrong.code, wrong.text().as_str()), (2, ""), "{}", wrong.stderr);
    assert!(wrong.stderr.starts_with("error: "), "{}", wrong.stderr);

    let facts = |keys, size| {
        format!(
            "name                 orders\n\
             id                   {id}\n\
             keys                 {keys}\n\
             size                 {size}\n\
             created at revision  {at}\n"
        )
    };
    raftctl.run(&["ns", "describe", "orders"]).prints(facts(0, "0 B"));
    direct.put("orders", "k", vec![7; 1535]).await.expect("a put");
    raftctl.run(&["ns", "describe", "orders"]).prints(facts(1, "1.5 KiB"));
    raftctl
        .run(&["ns", "describe", "orders", "-o", "plain"])
        .prints(format!("orders\t{id}\t1\t1536\t{at}\n"));
    let lines = raftctl.run(&["ns", "ls", "-o", "plain"]).text();
    let names: Vec<_> = lines.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(names, ["default", "orders"]);
    let table = raftctl.run(&["ns", "ls"]).text();
    assert!(table.starts_with("NAME     ID  KEYS     SIZE  CREATED AT\n"), "{table}");

    raftctl.run(&["ns", "delete", "orders"]).is(
        10,
        "",
        "error: this deletes namespace \"orders\" and the 1 key in it, which needs confirmation\n\
         hint: pass --yes to do it without a question\n",
    );
    let run = raftctl.run(&["ns", "delete", "orders", "--yes"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.text().starts_with("OK  deleted orders with 1 key  revision "), "{}", run.text());
    // One without keys needs no question.
    raftctl.run(&["-q", "ns", "create", "empty"]).prints("");
    raftctl.run(&["-q", "ns", "delete", "empty"]).prints("");
}

async fn status_of(cluster: &Cluster, index: usize) -> MemberStatus {
    cluster.status(index).await.expect("a status")
}

#[tokio::test]
async fn status_health_members_and_leader_of_a_cluster_of_one() {
    let (cluster, raftctl, direct) = single().await;
    put(&direct, "k", "v").await;
    let status = status_of(&cluster, 0).await;
    let address = cluster.address(0);
    let (id, term) = (&status.cluster_id, status.term);
    let index = status.applied;
    assert!(index < 1000 && term < 10, "{status:?}");
    assert_eq!((status.last_log, status.commit), (index, index), "all is quiet");
    raftctl.run(&["status"]).prints(format!(
        "cluster {id}  leader * n1  term {term}  commit {index}  quorum 1/1  healthy\n\
         \n  \
           NAME  ID  ROLE    TERM  LAST LOG  COMMIT  APPLIED  LAG  STORE   ADDRESS          HEALTH\n\
         * n1     1  leader  {term:>4}  {index:>8}  {index:>6}  {index:>7}    0  memory  {address}  ok\n"
    ));
    raftctl.run(&["status", "-o", "plain"]).prints(format!(
        "n1\t1\tleader\t{term}\t{index}\t{index}\t{index}\t0\tmemory\t{address}\tok\t-\n"
    ));
    let object = &raftctl.run(&["status", "-o", "json"]).objects()[0];
    assert_eq!(object["cluster_id"], **id);
    assert_eq!(object["health"], "healthy");
    assert_eq!(object["quorum"]["ok"], true);
    let member = &object["members"][0];
    assert_eq!(member["role"], "leader");
    assert_eq!(member["applied"], index.to_string());
    assert_eq!(member["durable"], true);
    assert_eq!(member["version"], VERSION);
    raftctl
        .run(&["health"])
        .prints(format!("healthy: leader n1, term {term}, 1 of 1 members up\n"));
    raftctl.run(&["health", "-o", "plain"]).prints("healthy\t-\n");
    let peer = cluster.members()[0].peer();
    raftctl.run(&["members", "ls"]).prints(format!(
        "NAME  ID  KIND   ADDRESS          PEER ADDRESS\n\
         n1     1  voter  {address}  {peer}\n"
    ));
    raftctl
        .run(&["members", "ls", "-o", "plain"])
        .prints(format!("n1\t1\tvoter\t{address}\t{peer}\n"));
    raftctl.run(&["leader", "show"]).prints(format!(
        "leader   n1\nid       1\naddress  {address}\nterm     {term}\n"
    ));
    raftctl
        .run(&["leader", "show", "-o", "plain"])
        .prints(format!("n1\t1\t{address}\t{term}\n"));
}

#[tokio::test]
async fn every_member_tells_of_all_of_them() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let name = format!("n{}", leader + 1);
    let term = status_of(&cluster, leader).await.term;
    for index in 0..3 {
        let raftctl = cluster.raftctl(index);
        let text = raftctl.run(&["status", "-o", "plain"]).text();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), 3, "{text}");
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row.len(), 12, "{text}");
            assert_eq!(row[0], format!("n{}", number + 1));
            assert_eq!(row[2], if number == leader { "leader" } else { "follower" });
            assert_eq!((row[8], row[10], row[11]), ("memory", "ok", "-"));
        }
        raftctl
            .run(&["health"])
            .prints(format!("healthy: leader {name}, term {term}, 3 of 3 members up\n"));
        let text = raftctl.run(&["leader", "show", "-o", "plain"]).text();
        let expected = format!("{name}\t{}\t{}\t{term}\n", leader + 1, cluster.address(leader));
        assert_eq!(text, expected);
    }
    // One that is down is a row like the others, and the health is degraded.
    let down = cluster.follower().await;
    cluster.member(down).kill();
    let raftctl = cluster.raftctl(leader);
    let text = raftctl.run(&["status", "-o", "plain"]).text();
    let row = text.lines().nth(down).expect("its row");
    let expected = format!(
        "n{0}\t{0}\t-\t-\t-\t-\t-\t-\t-\t{1}\tunreachable\tConnection refused",
        down + 1,
        cluster.address(down)
    );
    assert_eq!(row, expected);
    raftctl.run(&["health"]).is(
        1,
        format!("degraded: n{} unreachable (Connection refused)\n", down + 1),
        "",
    );
}

#[tokio::test]
async fn without_a_majority_the_exit_code_is_6_and_stale_reads_go_on() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.direct(0).await.put("default", "k", "v").await.expect("a put");
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
    for arguments in [&["get", "default", "k"][..], &["count", "default"], &["ls", "default"]] {
        let run = raftctl.run(&[&["--timeout", "2s"], arguments].concat());
        assert_eq!(run.code, 6, "{arguments:?}: {}", run.stderr);
        assert_eq!(run.text(), "", "{arguments:?}");
        assert!(run.stderr.starts_with("error: no leader: "), "{}", run.stderr);
        assert!(run.stderr.ends_with(hint), "{}", run.stderr);
    }
    let run = raftctl.run(&["--timeout", "2s", "get", "default", "k", "-o", "json"]);
    let object: serde_json::Value = serde_json::from_str(&run.stderr).expect("a JSON object");
    assert_eq!(object["code"], ErrorCode::NoLeader.as_str());
    assert_eq!(object["retryable"], true);
    let health = raftctl.run(&["health"]);
    assert_eq!((health.code, health.stderr.as_str()), (6, ""));
    let begins = "no quorum: 1 of 3 voters up, 2 needed; ";
    assert!(health.text().starts_with(begins), "{}", health.text());
    let status = raftctl.run(&["status"]);
    assert_eq!((status.code, status.stderr.as_str()), (0, ""));
    assert!(status.text().contains("quorum 1/3 LOST  no quorum\n"), "{}", status.text());
    assert_eq!(raftctl.run(&["leader", "show"]).code, 6);
    // A put is refused (6), or its outcome is unknown (7) where the member still leads; what was
    // refused is not there later.
    let put = raftctl.run(&["--timeout", "2s", "put", "default", "lost", "v"]);
    assert!(put.code == 6 || put.code == 7, "{}: {}", put.code, put.stderr);
    cluster.start_all();
    cluster.settled().await;
    if put.code == 6 {
        assert_eq!(raftctl.run(&["get", "default", "lost"]).code, 3);
    }
}

#[tokio::test]
async fn a_write_that_nobody_confirms_is_exit_code_7() {
    let mut cluster = Cluster::start(&[]).await;
    let leader = cluster.leader().await;
    for index in (0..3).filter(|index| *index != leader) {
        cluster.member(index).pause();
    }
    let raftctl = cluster.raftctl(leader);
    let run = raftctl.run(&["--timeout", "1s", "put", "default", "k", "v"]);
    assert_eq!((run.code, run.text().as_str()), (7, ""), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: outcome unknown: "), "{}", run.stderr);
    let hint = "hint: read the key to see whether the write took effect before you send it again\n";
    assert!(run.stderr.ends_with(hint), "{}", run.stderr);
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

#[tokio::test]
async fn endpoints_come_from_the_option_before_the_variable_and_one_that_is_down_does_no_harm() {
    let (cluster, _, direct) = single().await;
    put(&direct, "k", "v").await;
    let nobody = format!("127.0.0.1:{}", free_port());
    let raftctl = Raftctl::new(&nobody);
    raftctl
        .run(&["-e", cluster.address(0), "get", "default", "k"])
        .prints("v");
    let both = format!("{nobody},{}", cluster.address(0));
    Raftctl::new(&both).run(&["get", "default", "k"]).prints("v");
    raftctl
        .run(&["--endpoints", &both, "get", "default", "k"])
        .prints("v");
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
    assert_eq!((&object["code"], &object["retryable"]), (&"usage".into(), &false.into()));
    assert_eq!(raftctl.run::<&str>(&[]).code, 2);
}

#[test]
fn what_later_releases_bring_does_not_appear() {
    let raftctl = Raftctl::new("127.0.0.1:1");
    let help = raftctl.run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for command in ["put", "get", "del", "ls", "count", "ns", "status", "health", "members",
        "leader", "bench", "completion", "version"]
    {
        let listed = format!("\n  {command} ");
        assert!(help.text().contains(&listed), "{command} is not in the help");
    }
    for command in ["watch", "lease", "lock", "txn", "tui", "snapshot", "audit", "token"] {
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
    raftctl.run_with_input(&value[1..], &["-q", "put", "default", "k"]).prints("");
    raftctl.run(&["get", "default", "k"]).prints(&value[1..]);
    let key = "k".repeat(4097);
    raftctl.run(&["put", "default", &key, "v"]).is(
        9,
        "",
        "error: key of 4097 bytes exceeds the limit of 4096 bytes (fixed)\n",
    );
    let empty = raftctl.run(&["put", "default", "", "v"]);
    assert_eq!((empty.code, empty.text().as_str()), (2, ""), "{}", empty.stderr);
    assert!(empty.stderr.contains("a key has at least one byte"), "{}", empty.stderr);
    assert_eq!(status_of(&cluster, 0).await.alarms, Vec::<String>::new());
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
    raftctl.run(&[word("get"), word("default"), key]).prints("v");
    let object = &raftctl.run(&["ls", "default", "-o", "json"]).objects()[0];
    assert!(object["key_b64"].is_string() && object.get("key").is_none());
    raftctl.run(&["-q", "put", "default", "two\nlines", "x"]).prints("");
    raftctl.run(&["get", "default", "two\nlines"]).prints("x");
}

#[tokio::test]
async fn a_reader_that_closes_its_pipe_ends_the_command_quietly() {
    let (_cluster, raftctl, direct) = single().await;
    for number in 0..40_u8 {
        direct.put("default", vec![number], vec![b'v'; 100_000]).await.expect("a put");
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

#[test]
fn version_and_completion_need_no_cluster() {
    let raftctl = Raftctl::new("127.0.0.1:1");
    raftctl.run(&["version"]).prints(format!("raftctl {VERSION}\n"));
    raftctl.run(&["--version"]).prints(format!("raftctl {VERSION}\n"));
    raftctl.run(&["version", "-o", "plain"]).prints(format!("{VERSION}\n"));
    raftctl.run(&["version", "-o", "json"]).prints(format!(
        "{{\"program\":\"raftctl\",\"version\":\"{VERSION}\",\"protocol\":{PROTOCOL_VERSION}}}\n"
    ));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = raftctl.run(&["completion", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        assert!(run.text().contains("describe"), "{shell}");
    }
    // What bash is given, bash understands.
    let script = raftctl.run(&["completion", "bash"]).stdout;
    let mut bash = std::process::Command::new("bash");
    bash.arg("-n").stdin(std::process::Stdio::piped());
    finish(&mut bash, Some(&script)).prints("");
}

#[tokio::test]
async fn bench_prints_throughput_and_percentiles() {
    let _alone = Slots::alone();
    let cluster = Cluster::start(&[]).await;
    let raftctl = cluster.raftctl(0);
    for work in ["put", "get", "mixed"] {
        let run = raftctl.run(&[
            "bench", work, "--clients", "8", "--connections", "2", "--duration", "1s", "-o", "json",
        ]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{work}: {}", run.text());
        let text = run.text();
        for word in ["p50", "p99", "p999"] {
            assert!(text.contains(word), "{work}: {word} is not in {text}");
        }
        let run = raftctl.run(&["bench", work, "--clients", "2", "--duration", "500ms"]);
        assert_eq!(run.code, 0, "{work}: {}", run.stderr);
        assert!(run.text().contains(" P99"), "{work}: {}", run.text());
    }
    cluster.settled().await;
}

#[tokio::test]
async fn colour_appears_only_where_it_is_asked_for() {
    let (_cluster, raftctl, _) = single().await;
    let plain = raftctl.run(&["health"]);
    assert!(!plain.text().contains('\u{1b}'));
    let painted = raftctl.run(&["health", "--color", "always"]);
    assert!(painted.text().starts_with("\u{1b}[32mhealthy\u{1b}[0m: "), "{}", painted.text());
    let mut forced = raftctl.command();
    forced.env("CLICOLOR_FORCE", "1").arg("health").stdin(std::process::Stdio::null());
    assert!(finish(&mut forced, None).text().contains('\u{1b}'));
    let mut unwanted = raftctl.command();
    unwanted.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    unwanted.arg("health").stdin(std::process::Stdio::null());
    assert!(!finish(&mut unwanted, None).text().contains('\u{1b}'));
}
