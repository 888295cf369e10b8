//! Namespaces, members, status, bench: what is about the cluster and not about a key.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use common::{transport::PROTOCOL_VERSION, types::MemberStatus};

use super::{put, single};
use crate::cluster::{Cluster, Raftctl, Slots, finish, free_port};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[tokio::test]
async fn namespaces_live_and_die_on_the_command_line() {
    let (_cluster, raftctl, direct) = single().await;
    let run = raftctl.run(&["ns", "create", "orders", "-o", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let object = &run.objects()[0];
    let id = object["id"].as_str().expect("the id").to_owned();
    let at = object["create_revision"]
        .as_str()
        .expect("the revision")
        .to_owned();
    assert_eq!((&object["keys"], &object["bytes"]), (&0.into(), &0.into()));
    raftctl.run(&["ns", "create", "orders"]).is(
        4,
        "",
        "error: namespace \"orders\" exists already\n\
         hint: `raftctl ns describe orders` shows it, `raftctl ns set orders` changes what it \
         allows\n",
    );
    let wrong = raftctl.run(&["ns", "create", "a b"]);
    assert_eq!(
        (wrong.code, wrong.text().as_str()),
        (2, ""),
        "{}",
        wrong.stderr
    );
    assert!(wrong.stderr.starts_with("error: "), "{}", wrong.stderr);

    let facts = |keys, size| {
        format!(
            "name                 orders\n\
             id                   {id}\n\
             keys                 {keys}\n\
             size                 {size}\n\
             max-value            none\n\
             default-ttl          none\n\
             created at revision  {at}\n"
        )
    };
    raftctl
        .run(&["ns", "describe", "orders"])
        .prints(facts(0, "0 B"));
    direct
        .put("orders", "k", vec![7; 1535])
        .await
        .expect("a put");
    raftctl
        .run(&["ns", "describe", "orders"])
        .prints(facts(1, "1.5 KiB"));
    raftctl
        .run(&["ns", "describe", "orders", "-o", "plain"])
        .prints(format!("orders\t{id}\t1\t1536\t{at}\t-\t-\t-\t-\n"));
    let lines = raftctl.run(&["ns", "ls", "-o", "plain"]).text();
    let names: Vec<_> = lines
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(names, ["default", "orders"]);
    let table = raftctl.run(&["ns", "ls"]).text();
    assert!(
        table.starts_with("NAME     ID  KEYS     SIZE  CREATED AT\n"),
        "{table}"
    );

    raftctl.run(&["ns", "delete", "orders"]).is(
        10,
        "",
        "error: this deletes namespace \"orders\" and the 1 key in it, which needs confirmation\n\
         hint: pass --yes to do it without a question\n",
    );
    let run = raftctl.run(&["ns", "delete", "orders", "--yes"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(
        run.text()
            .starts_with("OK  deleted orders with 1 key  revision "),
        "{}",
        run.text()
    );
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
    assert_eq!(
        (status.last_log, status.commit),
        (index, index),
        "all is quiet"
    );
    let shown = raftctl.run(&["status"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    let text = shown.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        format!("cluster {id}  leader * n1  term {term}  commit {index}  quorum 1/1  healthy")
    );
    let columns: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(
        columns,
        [
            "NAME", "ID", "ROLE", "TERM", "APPLIED", "LAG", "DISK", "FSYNC", "UPTIME", "STORE",
            "VERSION", "ADDRESS", "HEALTH"
        ]
    );
    let begins = format!("* n1     1  leader  {term:>4}  {index:>7}    0  ");
    assert!(lines[3].starts_with(&begins), "{text}");
    let ends = format!("  memory  {VERSION}    {address}  ok");
    assert!(lines[3].ends_with(&ends), "{text}");
    let plain = raftctl.run(&["status", "-o", "plain"]).text();
    assert!(
        plain.starts_with(&format!(
            "n1\t1\tleader\t{term}\t{index}\t{index}\t{index}\t0\tmemory\t{address}\tok\t-\t-\t\
             voter\t{VERSION}\t"
        )),
        "{plain}"
    );
    let object = &raftctl.run(&["status", "-o", "json"]).objects()[0];
    assert_eq!(object["cluster_id"], **id);
    assert_eq!(object["health"], "healthy");
    assert_eq!(object["quorum"]["ok"], true);
    let member = &object["members"][0];
    assert_eq!(member["role"], "leader");
    assert_eq!(member["applied"], index.to_string());
    assert_eq!(member["durable"], true);
    assert_eq!(member["version"], VERSION);
    raftctl.run(&["health"]).prints(format!(
        "healthy: leader n1, term {term}, 1 of 1 members up\n"
    ));
    raftctl
        .run(&["health", "-o", "plain"])
        .prints("healthy\t-\n");
    let peer = cluster.members()[0].peer();
    raftctl.run(&["members", "ls"]).prints(format!(
        "NAME  ID  KIND   ROLE    LAG  ADDRESS          PEER ADDRESS     VERSION  HEALTH\n\
         n1     1  voter  leader    0  {address}  {peer}  {VERSION}    ok\n"
    ));
    raftctl
        .run(&["members", "ls", "-o", "plain"])
        .prints(format!(
            "n1\t1\tvoter\t{address}\t{peer}\tleader\tok\t0\t{VERSION}\t-\t-\n"
        ));
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
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        assert_eq!(rows.len(), 3, "{text}");
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row.len(), 22, "{text}");
            assert_eq!(row[0], format!("n{}", number + 1));
            assert_eq!(
                row[2],
                if number == leader {
                    "leader"
                } else {
                    "follower"
                }
            );
            assert_eq!((row[8], row[10], row[11]), ("memory", "ok", "-"));
            assert_eq!(row[12], "-");
        }
        raftctl.run(&["health"]).prints(format!(
            "healthy: leader {name}, term {term}, 3 of 3 members up\n"
        ));
        let text = raftctl.run(&["leader", "show", "-o", "plain"]).text();
        let expected = format!(
            "{name}\t{}\t{}\t{term}\n",
            leader + 1,
            cluster.address(leader)
        );
        assert_eq!(text, expected);
    }
    // One that is down is a row like the others, and the health is degraded.
    let down = cluster.follower().await;
    cluster.member(down).kill();
    let raftctl = cluster.raftctl(leader);
    let text = raftctl.run(&["status", "-o", "plain"]).text();
    let row = text.lines().nth(down).expect("its row");
    let expected = format!(
        "n{0}\t{0}\t-\t-\t-\t-\t-\t-\t-\t{1}\tunreachable\tConnection refused\t-\tvoter\t-\t-\t-\t-",
        down + 1,
        cluster.address(down)
    );
    assert_eq!(row.split('\t').count(), 22, "{row}");
    assert!(row.starts_with(&expected), "{row}");
    let health = raftctl.run(&["health"]);
    assert_eq!((health.code, health.stderr.as_str()), (1, ""));
    let begins = format!(
        "degraded: leader {name}, term {term}, 2 of 3 voters up, none may fail\n\
         problem: n{} unreachable (Connection refused",
        down + 1
    );
    assert!(health.text().starts_with(&begins), "{}", health.text());
    let helps = format!("`raftctl members replace n{} HOST:PORT`\n", down + 1);
    assert!(health.text().ends_with(&helps), "{}", health.text());
}

#[tokio::test]
async fn a_watched_status_is_an_object_a_line_and_outlives_the_members() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let mut watching = cluster
        .raftctl(leader)
        .command()
        .args(["status", "--watch", "--interval", "100ms", "-o", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("raftctl starts");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut until = |what: &str, wanted: &dyn Fn(&serde_json::Value) -> bool| {
        for line in &mut lines {
            let line = line.expect("a line");
            let object = serde_json::from_str(&line).expect("a JSON object");
            if wanted(&object) {
                return;
            }
        }
        panic!("the watch ended before {what}");
    };
    until("all are well", &|seen| seen["health"] == "healthy");
    // Also of the one endpoint it was given.
    cluster.member(leader).kill();
    let name = format!("n{}", leader + 1);
    until("another one leads", &|seen| {
        let now = seen["leader"]["name"].as_str();
        seen["quorum"]["ok"] == true && now.is_some_and(|now| now != name)
    });
    watching.kill().expect("raftctl is ended");
    watching.wait().expect("raftctl has ended");
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
    Raftctl::new(&both)
        .run(&["get", "default", "k"])
        .prints("v");
    raftctl
        .run(&["--endpoints", &both, "get", "default", "k"])
        .prints("v");
}

#[test]
fn version_and_completion_need_no_cluster() {
    let raftctl = Raftctl::new("127.0.0.1:1");
    raftctl
        .run(&["version"])
        .prints(format!("raftctl {VERSION}\n"));
    raftctl
        .run(&["--version"])
        .prints(format!("raftctl {VERSION}\n"));
    raftctl
        .run(&["version", "-o", "plain"])
        .prints(format!("{VERSION}\n"));
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
            "bench",
            work,
            "--clients",
            "8",
            "--connections",
            "2",
            "--duration",
            "1s",
            "-o",
            "json",
        ]);
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (0, ""),
            "{work}: {}",
            run.text()
        );
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
