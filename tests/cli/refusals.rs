//! Changes of the membership that are refused or asked about before anything is sent.

use super::single;
use crate::cluster::{Cluster, free_port};

#[tokio::test]
async fn what_needs_an_answer_is_exit_code_10_where_nobody_can_be_asked() {
    let cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let follower = cluster.follower().await;
    let name = format!("n{}", follower + 1);
    let raftctl = cluster.raftctl(leader);
    let effect = "note: voters 3 -> 2, quorum 2 -> 2, tolerates 1 -> 0\n\
                  warning: of two voters neither may fail\n";
    let hint = "hint: pass --yes to do it without a question\n";
    raftctl.run(&["members", "remove", &name]).is(
        10,
        "",
        &format!(
            "{effect}error: this removes the healthy voter {name}, which needs confirmation\n{hint}"
        ),
    );
    raftctl.run(&["-q", "members", "demote", &name]).is(
        10,
        "",
        &format!(
            "warning: of two voters neither may fail\n\
             error: this takes the vote from the healthy voter {name}, which needs confirmation\n\
             {hint}"
        ),
    );
    raftctl.run(&["leader", "transfer", &name]).is(
        10,
        "",
        &format!(
            "error: this hands leadership from n{} to {name}, which needs confirmation\n{hint}",
            leader + 1
        ),
    );
    let new = format!("127.0.0.1:{}", free_port());
    let replace = raftctl.run(&["members", "replace", &name, &new]);
    assert_eq!(replace.code, 10, "{}", replace.stderr);
    let begins = "note: voters 3 -> 3, quorum 2 -> 2, tolerates 1 -> 1\n";
    assert!(replace.stderr.starts_with(begins), "{}", replace.stderr);
    // What is so already needs no answer and no change.
    raftctl.run(&["members", "promote", &name]).prints(format!(
        "OK  {name} (id {}) is a voter already  3 voters, quorum 2, tolerates 1\n",
        follower + 1
    ));
    let current = format!("n{}", leader + 1);
    let same = raftctl.run(&["leader", "transfer", &current]);
    assert_eq!((same.code, same.stderr.as_str()), (0, ""));
    assert!(same.text().contains(" leads already "), "{}", same.text());
}

#[tokio::test]
async fn a_change_that_would_stop_the_cluster_wants_force() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    cluster.member(others[0]).kill();
    let raftctl = cluster.raftctl(leader);
    let alive = format!("n{}", others[1] + 1);
    for verb in ["remove", "demote"] {
        let refused = raftctl.run(&["members", verb, &alive, "--yes"]);
        assert_eq!((refused.code, refused.text().as_str()), (4, ""), "{verb}");
        assert!(
            refused.stderr.starts_with(
                "error: after this change 1 of 2 voters would be reachable, and a quorum is 2; \
                 nothing was changed\nhint: bring members back first"
            ),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
        let forced = raftctl.run(&["members", verb, &alive, "--force"]);
        assert_eq!(forced.code, 10, "{verb}: {}", forced.stderr);
        assert!(
            forced
                .stderr
                .contains("the cluster stops until others are back"),
            "{}",
            forced.stderr
        );
    }
    let down = format!("n{}", others[0] + 1);
    let refused = raftctl.run(&["leader", "transfer", &down, "--yes"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("and cannot lead\n"),
        "{}",
        refused.stderr
    );
    let listed = raftctl.run(&["members", "ls", "-o", "plain"]).text();
    assert_eq!(listed.lines().count(), 3, "nothing was changed: {listed}");
}

#[tokio::test]
async fn mistakes_are_found_before_anything_is_sent() {
    let (cluster, raftctl, _) = single().await;
    let missing = "error: there is no member \"n9\"\nhint: the members are n1 (id 1)\n";
    for arguments in [
        &["members", "remove", "n9"][..],
        &["members", "promote", "n9"],
        &["members", "demote", "n9"],
        &["members", "replace", "n9", "127.0.0.1:1"],
        &["members", "update", "n9", "--addr", "127.0.0.1:1"],
        &["leader", "transfer", "n9"],
    ] {
        raftctl.run(arguments).is(3, "", missing);
    }
    let (client, peer) = (cluster.address(0), cluster.members()[0].peer());
    for address in [client, peer] {
        raftctl.run(&["members", "add", address]).is(
            4,
            "",
            &format!(
                "error: {address} is already a member: n1, id 1\n\
                 hint: `raftctl members ls` shows the members\n"
            ),
        );
    }
    for verb in ["remove", "demote"] {
        let only = raftctl.run(&["members", verb, "1", "--yes", "--force"]);
        assert_eq!(only.code, 4, "{}", only.stderr);
        assert!(
            only.stderr.contains("n1 is the only voter"),
            "{}",
            only.stderr
        );
    }
    let alone = raftctl.run(&["leader", "transfer", "-o", "json"]);
    let object: serde_json::Value = serde_json::from_str(&alone.stderr).expect("a JSON object");
    assert_eq!((alone.code, &object["code"]), (4, &"only_voter".into()));
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused_and_named() {
    let (_cluster, raftctl, _) = single().await;
    let other = Cluster::single(&[]).await;
    let id = other.status(0).await.expect("a status").cluster_id;
    let address = other.address(0);
    let refused = raftctl.run(&["members", "add", address]);
    assert_eq!((refused.code, refused.text().as_str()), (5, ""));
    let begins = format!(
        "error: the node at {address} cannot become a member: it is n1 of another cluster ({id})\n\
         hint: "
    );
    assert!(refused.stderr.starts_with(&begins), "{}", refused.stderr);
}

#[tokio::test]
async fn without_a_majority_nothing_is_asked_and_nothing_is_changed() {
    let mut cluster = Cluster::start(&[]).await;
    let last = cluster.leader().await;
    for index in (0..3).filter(|index| *index != last) {
        cluster.member(index).kill();
    }
    let raftctl = cluster.raftctl(last);
    for arguments in [
        &["members", "remove", "n1", "--force", "--yes"][..],
        &["members", "add", "127.0.0.1:1"],
        &["leader", "transfer"],
    ] {
        let run = raftctl.run(&[&["--timeout", "500ms"], arguments].concat());
        assert_eq!((run.code, run.text().as_str()), (6, ""), "{}", run.stderr);
        assert!(
            run.stderr.starts_with("error: no leader: "),
            "{}",
            run.stderr
        );
    }
}
