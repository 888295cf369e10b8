//! Stale reads say how old they may be, and are refused where they are older than the caller takes.

use std::time::Duration;

use common::{
    Error,
    types::{Consistency, GetRequest, ListRequest, Staleness},
};

use crate::cluster::{Cluster, Direct, free_port, wait_for};

/// Far more than a member that hears from its leader ever is.
const YOUNG: Duration = Duration::from_secs(20);

fn at_most(max_age: Duration) -> Consistency {
    Consistency::Stale {
        max_age: Some(max_age),
    }
}

async fn staleness(direct: &Direct, consistency: Consistency) -> Result<Staleness, Error> {
    let reply = direct.get("default", "k", consistency).await?;
    Ok(reply.staleness.expect("a stale read says how old it is"))
}

#[tokio::test]
async fn every_member_says_how_old_its_answer_may_be() {
    let cluster = Cluster::start(&[]).await;
    let put = cluster.direct(0).await.put("default", "k", "v").await;
    let written = put.expect("a put").revision;
    cluster.settled().await;
    for index in 0..3 {
        let direct = cluster.direct(index).await;
        let listing = |consistency| ListRequest {
            namespace: "default".to_owned(),
            consistency,
            ..ListRequest::default()
        };
        for consistency in [Consistency::STALE, at_most(YOUNG)] {
            let got = direct.get("default", "k", consistency).await.expect("get");
            let listed = direct.list(listing(consistency)).await.expect("list");
            let counted = direct.count("default", consistency).await.expect("count");
            for told in [got.staleness, listed.staleness, counted.staleness] {
                let told = told.expect("a stale read says how old it is");
                assert!(told.applied >= written, "{told:?}");
                assert!(told.age.is_some_and(|age| age < YOUNG), "{told:?}");
            }
        }
        let fresh = Consistency::Linearizable;
        let got = direct.get("default", "k", fresh).await.expect("get");
        let listed = direct.list(listing(fresh)).await.expect("list");
        let counted = direct.count("default", fresh).await.expect("count");
        for told in [got.staleness, listed.staleness, counted.staleness] {
            assert_eq!(told, None);
        }
    }
}

#[tokio::test]
async fn a_member_left_alone_grows_old_and_says_so() {
    let mut cluster = Cluster::start(&[]).await;
    let put = cluster.direct(0).await.put("default", "k", "v").await;
    put.expect("a put");
    cluster.settled().await;
    let leader = cluster.leader().await;
    let last = (leader + 1) % 3;
    for index in (0..3).filter(|index| *index != last) {
        cluster.member(index).kill();
    }
    let direct = cluster.direct(last).await;
    let max_age = Duration::from_millis(500);
    let age = wait_for("it grows too old", async || {
        match staleness(&direct, at_most(max_age)).await {
            Ok(_) => None,
            Err(Error::TooStale { age, max_age: told }) => {
                assert_eq!(told, max_age);
                Some(age.expect("it has heard from a leader"))
            }
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    assert!(age > max_age, "{age:?}");
    // Whoever takes any age still gets an answer.
    let told = staleness(&direct, Consistency::STALE).await;
    let told = told.expect("an answer of any age");
    assert!(told.age.is_some_and(|later| later >= age), "{told:?}");

    let raftctl = cluster.raftctl(last);
    let stale = ["get", "default", "k", "--consistency", "stale"];
    let run = raftctl.run(&[&stale[..], &["--max-age", "100ms", "--timeout", "300ms"]].concat());
    assert_eq!(run.text(), "");
    assert!(run.code != 0 && run.stderr.contains("old"), "{run:?}");
    let run = raftctl.run(&[&stale[..], &["--max-age", "1h", "-o", "json"]].concat());
    let object = &run.objects()[0];
    assert_eq!(object["value"], "v");
    assert!(
        object["age_ms"].as_u64().is_some_and(|age| age > 500),
        "{object}"
    );
    assert!(object["applied"].is_string(), "{object}");
    let run = raftctl.run(&[&stale[..], &["--meta"]].concat());
    assert!(run.text().contains("\nage  "), "{run:?}");
    let run = raftctl.run(&["count", "default", "--consistency", "stale", "-o", "json"]);
    assert!(run.objects()[0]["age_ms"].is_u64(), "{run:?}");
    let run = raftctl.run(&["ls", "default", "--consistency", "stale", "-o", "plain"]);
    assert!(run.stderr.contains("age"), "{run:?}");

    // After a restart it does not know at all.
    cluster.member(last).kill();
    cluster.member(last).start();
    let direct = cluster.direct(last).await;
    let told = wait_for("it has read its data", async || {
        staleness(&direct, Consistency::STALE).await.ok()
    })
    .await;
    assert_eq!(told.age, None);
    let refused = staleness(&direct, at_most(Duration::from_secs(3600))).await;
    assert!(
        matches!(refused, Err(Error::TooStale { age: None, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_client_passes_a_member_over_that_is_too_old() {
    let mut cluster = Cluster::start(&[]).await;
    let put = cluster.direct(0).await.put("default", "k", "v").await;
    put.expect("a put");
    let lost = cluster.follower().await;
    cluster.settled().await;
    // The others look for it where it was: it never hears from a leader again.
    cluster.member(lost).kill();
    let elsewhere = format!("127.0.0.1:{}", free_port());
    cluster.member(lost).set_peer(&elsewhere);
    cluster.member(lost).start();
    let direct = cluster.direct(lost).await;
    wait_for("it answers, of unknown age", async || {
        let told = staleness(&direct, Consistency::STALE).await.ok()?;
        (told.age.is_none() && direct_refuses(&direct).await).then_some(())
    })
    .await;
    // It is the only member that the client is told of, and the nearest one for any age.
    let client = cluster.client_of(lost).await;
    let request = GetRequest::new("default", "k", at_most(YOUNG));
    let reply = client.get(request).await.expect("an answer of another one");
    let told = reply.staleness.expect("how old it is");
    assert!(told.age.is_some_and(|age| age < YOUNG), "{told:?}");
}

async fn direct_refuses(direct: &Direct) -> bool {
    matches!(
        staleness(direct, at_most(YOUNG)).await,
        Err(Error::TooStale { age: None, .. })
    )
}

#[tokio::test]
async fn an_age_makes_sense_for_stale_reads_only() {
    // No member is asked for it.
    let raftctl = crate::cluster::Raftctl::new("127.0.0.1:1");
    for command in ["get", "ls", "count"] {
        let mut arguments = vec![command, "default", "--max-age", "1s"];
        if command == "get" {
            arguments.push("k");
        }
        let run = raftctl.run(&arguments);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("--consistency stale"), "{run:?}");
    }
}
