//! The same for etcd, if `etcd` and `etcdctl` are installed: three members on loopback.
//!
//! Its writers are processes, since nothing here speaks its protocol: some milliseconds of each gap
//! are the start of `etcdctl`.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{AROUND, longest_gap, print};
use crate::cluster::{free_port, wait_for};

/// Changes of leader: each costs etcd over a second.
const ROUNDS: usize = 5;

/// Writers at once: each attempt is a process.
const WRITERS: usize = 2;

/// How long an attempt may take: then the next member is tried.
const ATTEMPT: &str = "250ms";

struct Etcd {
    members: Vec<(Command, Option<Child>)>,
    endpoints: Vec<String>,
}

impl Etcd {
    fn prepare(root: &Path) -> Self {
        let ports: Vec<(u16, u16)> = (0..3).map(|_| (free_port(), free_port())).collect();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let peers: Vec<String> = (1..)
            .zip(&ports)
            .map(|(number, (_, peer))| format!("n{number}={}", url(*peer)))
            .collect();
        let members = (1..)
            .zip(&ports)
            .map(|(number, (client, peer))| {
                let mut command = Command::new("etcd");
                command
                    .args(["--name", &format!("n{number}")])
                    .arg("--data-dir")
                    .arg(root.join(format!("n{number}")))
                    .args(["--listen-client-urls", &url(*client)])
                    .args(["--advertise-client-urls", &url(*client)])
                    .args(["--listen-peer-urls", &url(*peer)])
                    .args(["--initial-advertise-peer-urls", &url(*peer)])
                    .args(["--initial-cluster", &peers.join(",")])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                (command, None)
            })
            .collect();
        let endpoints = ports.iter().map(|(client, _)| url(*client)).collect();
        Self { members, endpoints }
    }

    fn start(&mut self) {
        for (command, process) in &mut self.members {
            if process.is_none() {
                *process = Some(command.spawn().expect("etcd starts"));
            }
        }
    }

    /// The member that leads, by the status of each.
    fn leader(&self) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| {
            let output = Command::new("etcdctl")
                .args(["--endpoints", endpoint, "endpoint", "status"])
                .args(["--write-out", "json"])
                .output()
                .expect("etcdctl runs");
            serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok_and(|status| {
                let status = &status[0]["Status"];
                status["leader"].is_u64() && status["leader"] == status["header"]["member_id"]
            })
        })
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for (_, process) in &mut self.members {
            if let Some(process) = process {
                // It may have ended already.
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}

/// Puts one key after the other, changing members after a failure.
fn write(endpoints: &[String], stop: &AtomicBool) -> Vec<Instant> {
    let mut acknowledged = Vec::new();
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let put = Command::new("etcdctl")
            .args(["--endpoints", &endpoints[next % endpoints.len()]])
            .args(["--command-timeout", ATTEMPT, "--dial-timeout", ATTEMPT])
            .args(["put", "figure", "x"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("etcdctl runs");
        if put.success() {
            acknowledged.push(Instant::now());
        } else {
            next += 1;
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: run `make bench-failover`"]
async fn kill_of_the_leader() {
    let installed = |program: &str| Command::new(program).arg("version").output().is_ok();
    if !installed("etcdctl") || Command::new("etcd").arg("--version").output().is_err() {
        println!("etcd                               not installed: nothing to compare with");
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut etcd = Etcd::prepare(directory.path());
    etcd.start();
    let mut gaps = Vec::new();
    for _ in 0..ROUNDS {
        let leader = wait_for("etcd has a leader", async || etcd.leader()).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (endpoints, stop) = (etcd.endpoints.clone(), Arc::clone(&stop));
                tokio::task::spawn_blocking(move || write(&endpoints, &stop))
            })
            .collect();
        tokio::time::sleep(AROUND).await;
        let from = Instant::now();
        if let Some(process) = &mut etcd.members[leader].1 {
            process.kill().expect("SIGKILL to an own child");
            process.wait().expect("an own child can be waited for");
        }
        etcd.members[leader].1 = None;
        tokio::time::sleep(AROUND + Duration::from_secs(4)).await;
        stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.push(writer.await.expect("a writer"));
        }
        gaps.push(longest_gap(&acknowledged, from));
        etcd.start();
    }
    print("etcd, kill -9 of the leader", gaps);
}
