//! What a dashboard costs, and how it copes with a million keys.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use common::types::{Lifetime, Operation, PutRequest, TxnRequest};

use crate::cluster::{Cluster, Kind, Screen, wait_for};

/// How long each measurement lasts.
const SPAN: Duration = Duration::from_secs(10);

/// Measurements with and without a dashboard, in turns.
const TURNS: usize = 3;

/// Writes a second on the busy cluster: far from its limit, so that cost shows as processor time.
const PACE: u32 = 1000;

const KEYS: usize = 1_000_000;

/// Leaders that are killed.
const CHANGES: usize = 10;

/// The processor time of a process so far (proc(5), `/proc/PID/stat`, fields 14 and 15).
fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process that runs");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields after the name")
        .split_whitespace()
        .collect();
    let ticks: u64 = [fields[11], fields[12]]
        .iter()
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

/// The resident memory of a process in MiB.
fn resident_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<f64>().ok())
        .expect("a figure")
        / 1024.0
}

/// How much of a core each member takes while writers write at a steady pace, in per cent.
fn cost(cluster: &Cluster) -> Vec<f64> {
    let times = |cluster: &Cluster| -> Vec<Duration> {
        let members = cluster.members().iter();
        members
            .map(|member| processor_time(member.process_id()))
            .collect()
    };
    let before = times(cluster);
    thread::sleep(SPAN);
    let after = times(cluster);
    let spent = after
        .iter()
        .zip(before)
        .map(|(after, before)| *after - before);
    spent
        .map(|spent| spent.as_secs_f64() * 100.0 / SPAN.as_secs_f64())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure: run `make bench-dashboard`"]
async fn cost_of_a_dashboard() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let writer = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / PACE);
        for number in 0_u32.. {
            ticks.tick().await;
            let key = format!("key:{:06}", number % 10_000);
            let client = client.clone();
            tokio::spawn(async move {
                let request = PutRequest::new("figures", key, vec![b'x'; 256]);
                client.put(request).await.expect("no write fails");
            });
        }
    });
    wait_for("the writer is under way", async || {
        (cluster.status(0).await?.applied > 1000).then_some(())
    })
    .await;
    let mut rows = Vec::new();
    for _ in 0..TURNS {
        rows.push(("without", cost(&cluster)));
        for (what, keys) in [
            ("overview", "1"),
            ("raft", "3"),
            ("browser", ":ns figures\r"),
        ] {
            let mut screen = Screen::open(&cluster.endpoints(), &[], &Kind::default());
            screen.expect("leader");
            screen.press(keys);
            let own = processor_time(screen.process());
            let began = Instant::now();
            rows.push((what, cost(&cluster)));
            let own = processor_time(screen.process()) - own;
            println!(
                "raftctl tui, {what}: {:.1} % of a core, {:.0} MiB",
                own.as_secs_f64() * 100.0 / began.elapsed().as_secs_f64(),
                resident_mib(screen.process())
            );
            screen.press("q");
            screen.finish();
        }
    }
    writer.abort();
    for what in ["without", "overview", "raft", "browser"] {
        let of: Vec<&Vec<f64>> = rows
            .iter()
            .filter(|(which, _)| *which == what)
            .map(|(_, cost)| cost)
            .collect();
        let mean =
            |member: usize| of.iter().map(|cost| cost[member]).sum::<f64>() / of.len() as f64;
        println!(
            "members, % of a core, {what:<9} n1 {:5.2}  n2 {:5.2}  n3 {:5.2}  ({PACE} puts a second)",
            mean(0),
            mean(1),
            mean(2)
        );
    }
}

/// The first row of the list in the browser, as it stands there.
fn top_row(screen: &Screen) -> String {
    screen.text().lines().nth(4).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure: run `make bench-dashboard`"]
async fn a_million_keys() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    for first in (0..KEYS).step_by(1000) {
        let then = (first..first + 1000)
            .map(|number| Operation::Put {
                namespace: "figures".to_owned(),
                key: format!("user:{number:07}").into(),
                value: vec![b'x'; 100].into(),
                lifetime: Lifetime::Default,
                previous: false,
            })
            .collect();
        let request = TxnRequest {
            then,
            ..TxnRequest::default()
        };
        client.txn(request).await.expect("a transaction");
    }
    let mut screen = Screen::open(&cluster.endpoints(), &[], &Kind::default());
    screen.expect("leader");
    screen.press("4");
    screen.expect("1 000 000");
    screen.press(":ns figures\r");
    let opened = screen.expect("user:0000000");
    // Written elsewhere: how long it takes until it shows.
    let mut seen = Vec::new();
    for number in 0..20 {
        let key = format!("user:0000000.{number:02}");
        let request = PutRequest::new("figures", key.clone(), "x");
        let began = Instant::now();
        client.put(request).await.expect("a put");
        screen.expect(&key);
        seen.push(began.elapsed());
    }
    seen.sort();
    screen.press("G");
    let last = screen.expect("user:0999999");
    screen.press("g");
    screen.expect("user:0000000");
    // A page is asked for when one comes near its end: as fast as it shows.
    let mut first = top_row(&screen);
    for _ in 0..300 {
        screen.press("\x1b[6~");
        screen.wait("another page", |screen| top_row(screen) != first);
        first = top_row(&screen);
    }
    println!(
        "a million keys: opened in {:.0} ms, the end in {:.0} ms, {:.0} MiB after 300 pages",
        opened.as_secs_f64() * 1e3,
        last.as_secs_f64() * 1e3,
        resident_mib(screen.process())
    );
    println!(
        "a put from elsewhere shows in the open browser: median {:.0} ms, max {:.0} ms of {}",
        seen[seen.len() / 2].as_secs_f64() * 1e3,
        seen[seen.len() - 1].as_secs_f64() * 1e3,
        seen.len()
    );
    screen.press("q");
    screen.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure: run `make bench-dashboard`"]
async fn a_failover_is_seen() {
    let mut cluster = Cluster::start(&[]).await;
    let mut screen = Screen::open(&cluster.endpoints(), &[], &Kind::default());
    let mut seen = Vec::new();
    for _ in 0..CHANGES {
        cluster.settled().await;
        let leader = cluster.leader().await;
        let name = |index: usize| format!("leader ★ n{}", index + 1);
        let (before, others) = (
            name(leader),
            [name((leader + 1) % 3), name((leader + 2) % 3)],
        );
        screen.expect("3 of 3 up");
        screen.wait(&before, |screen| screen.header().contains(&before));
        let began = Instant::now();
        cluster.member(leader).kill();
        screen.wait("another leader", |screen| {
            others.iter().any(|name| screen.header().contains(name))
        });
        seen.push(began.elapsed());
        cluster.member(leader).start();
    }
    seen.sort();
    println!(
        "the next leader in the header after kill -9: median {:.0} ms, max {:.0} ms of {CHANGES}",
        seen[seen.len() / 2].as_secs_f64() * 1e3,
        seen[seen.len() - 1].as_secs_f64() * 1e3,
    );
    screen.press("q");
    screen.finish();
}
