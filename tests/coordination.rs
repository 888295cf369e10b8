//! Locks and elections as scripts use them: `raftctl lock` and `raftctl elect`.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::{Cluster, PATIENCE, wait_for};

/// A `raftctl` that runs beside the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let child = command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .spawn();
        Self(child.expect("raftctl starts"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a signal to an own child");
    }

    async fn ended(mut self) -> ExitStatus {
        wait_for("raftctl ends", async || {
            self.0.try_wait().expect("an own child can be waited for")
        })
        .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; it is gone either way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `raftctl lock default L --ttl TTL -- sh -c SCRIPT`, with a file to write into as `$F`.
fn lock(cluster: &Cluster, file: &Path, ttl: &str, script: &str) -> Running {
    let mut command = cluster.raftctl(0).command();
    // It must find the others when a member is killed.
    let all: Vec<_> = (0..3).map(|index| cluster.address(index)).collect();
    Running::start(
        command
            .env("RAFTCTL_ENDPOINTS", all.join(","))
            .env("F", file)
            .args(["lock", "default", "l", "--ttl", ttl, "--", "sh", "-c"])
            .arg(script)
            .stdout(Stdio::null()),
    )
}

const HOLD: &str = r#"echo "$RAFTNODE_FENCING_TOKEN" > "$F"; exec sleep 1000"#;

/// The token that a command under a lock has written.
async fn token(file: &Path) -> u64 {
    wait_for("the lock is held", async || {
        fs::read_to_string(file).ok()?.trim().parse().ok()
    })
    .await
}

fn files(cluster: &Cluster) -> [PathBuf; 2] {
    ["first", "second"].map(|name| cluster.directory().join(name))
}

#[tokio::test]
async fn a_lock_is_handed_on_in_order_and_its_token_grows() {
    let cluster = Cluster::start(&[]).await;
    let [first, second] = files(&cluster);
    let holder = lock(
        &cluster,
        &first,
        "10s",
        r#"echo "$RAFTNODE_FENCING_TOKEN" > "$F"; until [ -e "$F.go" ]; do sleep 0.02; done; exit 7"#,
    );
    let one = token(&first).await;
    let waiting = lock(&cluster, &second, "10s", HOLD);
    let shown = cluster
        .raftctl(0)
        .run(&["lock", "default", "l", "--show", "-o", "plain"]);
    assert!(
        shown.text().starts_with(&format!("{one}\t")),
        "{}",
        shown.text()
    );
    let refused = cluster
        .raftctl(0)
        .run(&["lock", "default", "l", "--wait", "0s", "--", "true"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(!second.exists());
    fs::write(cluster.directory().join("first.go"), "").expect("a file");
    // The exit code is the command's.
    assert_eq!(holder.ended().await.code(), Some(7));
    let two = token(&second).await;
    assert!(two > one, "{two} after {one}");
    // What is asked to end gives the lock up, and its command with it.
    waiting.signal(Signal::TERM);
    let status = waiting.ended().await;
    assert_eq!(status.code(), Some(128 + 15), "{status:?}");
    let free = cluster
        .raftctl(0)
        .run(&["lock", "default", "l", "--wait", "10s", "--", "true"]);
    assert_eq!(free.code, 0, "{}", free.stderr);
}

#[tokio::test]
async fn a_holder_that_was_stopped_past_its_lease_has_lost_the_lock() {
    let cluster = Cluster::start(&[]).await;
    let [first, second] = files(&cluster);
    // Which process runs under the lock, to see it die.
    let stopped = lock(
        &cluster,
        &first,
        "1s",
        r#"echo $$ > "$F.pid"; echo "$RAFTNODE_FENCING_TOKEN" > "$F"; exec sleep 1000"#,
    );
    let one = token(&first).await;
    stopped.signal(Signal::STOP);
    let other = lock(&cluster, &second, "1s", HOLD);
    let two = token(&second).await;
    assert!(two > one, "{two} after {one}");
    stopped.signal(Signal::CONT);
    let status = stopped.ended().await;
    assert_eq!(status.code(), Some(1), "{status:?}");
    let pid = fs::read_to_string(first.with_extension("pid")).expect("a process id");
    let proc = Path::new("/proc").join(pid.trim());
    wait_for("its command is gone", async || {
        (!proc.exists()).then_some(())
    })
    .await;
    drop(other);
}

#[tokio::test]
async fn a_killed_holder_frees_the_lock_and_a_killed_leader_does_not() {
    let mut cluster = Cluster::start(&[]).await;
    let [first, second] = files(&cluster);
    let mut holder = lock(&cluster, &first, "10s", HOLD);
    let one = token(&first).await;
    // Kept alive over a change of leader, which takes a part of the lease.
    let leader = cluster.leader().await;
    cluster.member(leader).kill();
    cluster.leader().await;
    cluster.member(leader).start();
    cluster.settled().await;
    let lost = holder.0.try_wait().expect("an own child can be waited for");
    assert_eq!(lost, None, "the lock is held through the change of leader");
    let waiting = lock(&cluster, &second, "10s", HOLD);
    holder.signal(Signal::KILL);
    let two = token(&second).await;
    assert!(two > one, "{two} after {one}");
    drop(waiting);
}

/// The lines that a command prints, as they come.
fn lines(child: &mut Running) -> Receiver<String> {
    let stdout = child.0.stdout.take().expect("a pipe");
    let (send, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn next(lines: &Receiver<String>) -> String {
    lines.recv_timeout(PATIENCE).expect("a line")
}

#[tokio::test]
async fn an_office_goes_to_the_next_candidate_and_observers_are_told() {
    let cluster = Cluster::start(&[]).await;
    let elect = |arguments: &[&str]| {
        let mut command = cluster.raftctl(0).command();
        command
            .args(["elect", "default", "office", "-o", "plain"])
            .args(arguments)
            .stdout(Stdio::piped());
        Running::start(&mut command)
    };
    let value = |line: &str| line.split('\t').nth(2).expect("a value").to_owned();
    let mut observer = elect(&["--observe"]);
    let observed = lines(&mut observer);
    assert_eq!(value(&next(&observed)), "-");
    let mut one = elect(&["one", "--ttl", "5s"]);
    let won = lines(&mut one);
    assert_eq!(value(&next(&won)), "one");
    assert_eq!(value(&next(&observed)), "one");
    let mut two = elect(&["two", "--ttl", "5s"]);
    let succeeded = lines(&mut two);
    one.signal(Signal::KILL);
    assert_eq!(value(&next(&succeeded)), "two");
    let told = next(&observed);
    // Between the two there may be a moment without anybody.
    let told = if value(&told) == "-" {
        next(&observed)
    } else {
        told
    };
    assert_eq!(value(&told), "two");
    two.signal(Signal::INT);
    assert_eq!(two.ended().await.code(), Some(130));
    assert_eq!(value(&next(&observed)), "-");
}
