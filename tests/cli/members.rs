//! Members added, removed, replaced and moved on the command line, and leadership handed over.
//!
//! All of it needs a `raftnoded` that changes its membership and knows `--wait`. What is refused
//! before anything is sent stands in `refusals`.

use crate::cluster::{Cluster, Raftctl, Run, Terminal, wait_for};

/// A fresh node that waits to be added; returns its index.
async fn waiting(cluster: &mut Cluster) -> usize {
    let index = cluster.add(&["--wait"]);
    cluster.member(index).start();
    wait_for("the node waits", async || {
        let status = cluster.status(index).await?;
        (status.role.as_str() == "joining").then_some(())
    })
    .await;
    index
}

#[track_caller]
fn ok(run: &Run) -> String {
    assert_eq!(run.code, 0, "{}{}", run.text(), run.stderr);
    run.text()
}

/// Name and kind of every member.
fn listed(raftctl: &Raftctl) -> Vec<(String, String)> {
    ok(&raftctl.run(&["members", "ls", "-o", "plain"]))
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[0].to_owned(), fields[2].to_owned())
        })
        .collect()
}

fn voters(names: &[&str]) -> Vec<(String, String)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), "voter".to_owned()))
        .collect()
}

#[tokio::test]
async fn a_node_is_added_by_either_address_and_removed_again() {
    let mut cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    ok(&raftctl.run(&["put", "default", "k", "v"]));
    let second = waiting(&mut cluster).await;
    let added = raftctl.run(&["members", "add", cluster.address(second)]);
    added.is(
        0,
        "OK  added n2 (id 2) as a voter  2 voters, quorum 2, tolerates 0\n",
        "note: voters 1 -> 2, quorum 1 -> 2, tolerates 0 -> 0\n\
         warning: of two voters neither may fail\n",
    );
    let third = waiting(&mut cluster).await;
    let peer = cluster.members()[third].peer().to_owned();
    let object = &raftctl
        .run(&["-q", "members", "add", &peer, "-o", "json"])
        .objects()[0];
    assert_eq!(
        (&object["name"], &object["kind"]),
        (&"n3".into(), &"voter".into())
    );
    assert_eq!(
        (&object["voters"], &object["tolerates"]),
        (&3.into(), &1.into())
    );
    assert_eq!(listed(&raftctl), voters(&["n1", "n2", "n3"]));
    // Twice is a mistake that says so.
    assert_eq!(raftctl.run(&["members", "add", &peer]).code, 4);

    let removed = raftctl.run(&["members", "remove", "n3", "--yes"]);
    removed.is(
        0,
        "OK  removed n3 (id 3)  2 voters, quorum 2, tolerates 0\n",
        "note: voters 3 -> 2, quorum 2 -> 2, tolerates 1 -> 0\n\
         warning: of two voters neither may fail\n\
         note: the process of n3 ends by itself; its data directory can be deleted\n",
    );
    assert_eq!(listed(&raftctl), voters(&["n1", "n2"]));
    assert_eq!(ok(&raftctl.run(&["get", "default", "k"])), "v");
}

#[tokio::test]
async fn a_learner_stays_one_is_promoted_and_demoted() {
    let mut cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    let second = waiting(&mut cluster).await;
    let added = raftctl.run(&["members", "add", cluster.address(second), "--learner"]);
    assert_eq!(
        ok(&added),
        "OK  added n2 (id 2) as a learner  1 voter, quorum 1, tolerates 0\n"
    );
    assert_eq!(listed(&raftctl)[1].1, "learner");
    let refused = raftctl.run(&["leader", "transfer", "n2", "--yes"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let promoted = raftctl.run(&["members", "promote", "n2"]);
    assert_eq!(
        ok(&promoted),
        "OK  promoted n2 (id 2)  2 voters, quorum 2, tolerates 0\n"
    );
    assert_eq!(listed(&raftctl), voters(&["n1", "n2"]));
    let demoted = raftctl.run(&["members", "demote", "2", "--yes"]);
    assert_eq!(
        ok(&demoted),
        "OK  demoted n2 (id 2)  1 voter, quorum 1, tolerates 0\n"
    );
    assert_eq!(listed(&raftctl)[1].1, "learner");
}

#[tokio::test]
async fn a_dead_member_is_replaced_in_one_command() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let dead = cluster.follower().await;
    let name = format!("n{}", dead + 1);
    cluster.member(dead).kill();
    let alive = cluster.leader().await;
    let raftctl = cluster.raftctl(alive);
    let fresh = waiting(&mut cluster).await;
    let replaced = raftctl.run(&["members", "replace", &name, cluster.address(fresh)]);
    assert_eq!(
        ok(&replaced),
        format!(
            "OK  n4 (id 4) in the place of id {}  3 voters, quorum 2, tolerates 1\n",
            dead + 1
        )
    );
    assert!(
        replaced
            .stderr
            .starts_with("note: voters 3 -> 3, quorum 2 -> 2, tolerates 1 -> 1\n"),
        "{}",
        replaced.stderr
    );
    let names: Vec<String> = listed(&raftctl).into_iter().map(|(name, _)| name).collect();
    assert!(
        names.contains(&"n4".to_owned()) && !names.contains(&name),
        "{names:?}"
    );
    assert_eq!(raftctl.run(&["health"]).code, 0);
}

#[tokio::test]
async fn a_node_that_is_not_there_is_exit_code_5_and_nothing_is_changed() {
    let cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    let nobody = format!("127.0.0.1:{}", crate::cluster::free_port());
    let refused = raftctl.run(&["members", "add", &nobody]);
    assert_eq!((refused.code, refused.text().as_str()), (5, ""));
    let says = format!("error: the node at {nobody} cannot become a member: ");
    assert!(refused.stderr.contains(&says), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("raftnoded --wait"),
        "{}",
        refused.stderr
    );
    assert_eq!(listed(&raftctl), voters(&["n1"]));
}

#[tokio::test]
async fn waiting_for_a_newcomer_that_dies_ends_with_7_and_tells_how_far_it_came() {
    let mut cluster = Cluster::single(&[]).await;
    let raftctl = cluster.raftctl(0);
    let second = waiting(&mut cluster).await;
    let address = cluster.address(second).to_owned();
    let added = raftctl.run(&["members", "add", &address, "--learner", "--no-wait"]);
    ok(&added);
    wait_for("it is a learner", async || {
        (listed(&raftctl).get(1)?.1 == "learner").then_some(())
    })
    .await;
    cluster.member(second).kill();
    let late = raftctl.run(&["members", "promote", "n2", "--wait-for", "1s"]);
    assert_eq!(
        (late.code, late.text().as_str()),
        (7, ""),
        "{}",
        late.stderr
    );
    assert!(
        late.stderr
            .contains("does not vote yet after 1s: n2 does not answer"),
        "{}",
        late.stderr
    );
    assert!(late.stderr.contains("by itself"), "{}", late.stderr);
    // It goes on by itself when the node is back.
    cluster.member(second).start();
    wait_for("it votes", async || {
        (listed(&raftctl) == voters(&["n1", "n2"])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_leader_may_die_in_the_middle_of_a_change() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let other = cluster.follower().await;
    let fresh = waiting(&mut cluster).await;
    let raftctl = cluster.raftctl(other);
    let address = cluster.address(fresh).to_owned();
    let adding = tokio::task::spawn_blocking(move || {
        raftctl.run(&["--timeout", "20s", "members", "add", &address])
    });
    wait_for("the node is known", async || {
        let members = cluster.status(other).await?.members;
        (members.len() == 4).then_some(())
    })
    .await;
    cluster.member(leader).kill();
    let added = adding.await.expect("raftctl ends");
    assert_eq!(
        ok(&added),
        "OK  added n4 (id 4) as a voter  4 voters, quorum 3, tolerates 1\n"
    );
}

#[tokio::test]
async fn leadership_goes_to_whom_it_is_given() {
    let cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let old = cluster.leader().await;
    let new = cluster.follower().await;
    let raftctl = cluster.raftctl(0);
    let name = format!("n{}", new + 1);
    let moved = ok(&raftctl.run(&["leader", "transfer", &name, "--yes"]));
    let begins = format!("OK  leader n{} -> {name}  term ", old + 1);
    assert!(moved.starts_with(&begins), "{moved}");
    let (_, took) = moved.split_once("  took ").expect("how long it took");
    assert!(took.ends_with(" ms\n"), "{moved}");
    assert_eq!(cluster.leader().await, new);
    let object = &raftctl
        .run(&["leader", "transfer", "--yes", "-o", "json"])
        .objects()[0];
    assert_eq!(object["from"]["name"], *name);
    assert_ne!(object["to"]["name"], *name);
}

#[tokio::test]
async fn the_leader_is_removed_after_it_has_handed_over() {
    let cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let name = format!("n{}", leader + 1);
    let others = (0..3).filter(|index| *index != leader);
    let raftctl = Raftctl::new(
        &others
            .map(|index| cluster.address(index).to_owned())
            .collect::<Vec<_>>()
            .join(","),
    );
    let removed = raftctl.run(&["members", "remove", &name, "--yes"]);
    assert!(ok(&removed).starts_with(&format!("OK  removed {name} ")));
    let warns = format!("warning: {name} leads: it hands leadership over first\n");
    assert!(removed.stderr.contains(&warns), "{}", removed.stderr);
    assert_eq!(listed(&raftctl).len(), 2);
    ok(&raftctl.run(&["put", "default", "k", "v"]));
}

#[tokio::test]
async fn on_a_terminal_removing_a_healthy_member_asks_and_no_is_the_default() {
    let cluster = Cluster::start(&[]).await;
    cluster.settled().await;
    let leader = cluster.leader().await;
    let name = format!("n{}", cluster.follower().await + 1);
    let arguments = ["members", "remove", name.as_str()];
    for (answer, code, left) in [("\r", 10, 3), ("n", 10, 3), ("y", 0, 2)] {
        let mut terminal = Terminal::raftctl(cluster.address(leader), &arguments);
        terminal.expect("Go on? [y/N]");
        assert!(
            terminal
                .text()
                .contains("voters 3 -> 2, quorum 2 -> 2, tolerates 1 -> 0"),
            "{}",
            terminal.text()
        );
        terminal.press(answer);
        let (shown, ended) = terminal.finish();
        assert_eq!(ended, code, "{shown}");
        assert_eq!(listed(&cluster.raftctl(leader)).len(), left);
    }
}
