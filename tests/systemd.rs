//! What the service manager is told, and the unit file that comes with the daemon.

use std::{
    ffi::OsString,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::Command,
};

use crate::cluster::{Cluster, daemon, wait_for};

/// The other end of `$NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).expect("a socket");
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    /// All lines heard so far.
    fn lines(&mut self) -> &[String] {
        let mut message = [0; 4096];
        loop {
            match self.socket.recv(&mut message) {
                Ok(length) => {
                    let text = std::str::from_utf8(&message[..length]).expect("text");
                    self.heard.extend(text.lines().map(str::to_owned));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return &self.heard,
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn hears(&mut self, what: &str, is_it: impl Fn(&str) -> bool) {
        wait_for(what, async || {
            self.lines().iter().any(|line| is_it(line)).then_some(())
        })
        .await;
    }

    fn knows(&mut self, line: &str) -> bool {
        self.lines().iter().any(|heard| heard == line)
    }
}

#[tokio::test]
async fn the_service_manager_hears_of_readiness_role_and_stop() {
    let mut cluster = Cluster::prepare(1, &[]);
    let path = cluster.directory().join("notify");
    let mut manager = Manager::new(UnixDatagram::bind(&path).expect("a socket"));
    cluster.member(0).set_variable("NOTIFY_SOCKET", &path);
    cluster.start_all();
    manager.hears("READY=1", |line| line == "READY=1").await;
    manager
        .hears("role and term", |line| line == "STATUS=leader, term 1")
        .await;
    assert!(!manager.knows("STOPPING=1"));
    cluster.member(0).terminate();
    let status = cluster.member(0).exited().await;
    assert!(status.success(), "{status}");
    manager
        .hears("STOPPING=1", |line| line == "STOPPING=1")
        .await;
}

#[tokio::test]
async fn readiness_needs_no_majority() {
    let mut cluster = Cluster::prepare(3, &[]);
    // An abstract address, as systemd may hand out, too.
    let name = format!("raftnode-test-{}", cluster.member(0).peer());
    let address = SocketAddr::from_abstract_name(&name).expect("an address");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    let mut manager = Manager::new(socket);
    let variable = OsString::from(format!("@{name}"));
    cluster.member(0).set_variable("NOTIFY_SOCKET", variable);

    // While the others are not there yet.
    cluster.member(0).start();
    manager.hears("READY=1", |line| line == "READY=1").await;
    let status = wait_for("a status", async || cluster.status(0).await).await;
    assert!(status.ready, "{status:?}");
    cluster.start_all();
    cluster.leader().await;
    manager
        .hears("role, term and leader", |line| {
            line.starts_with("STATUS=leader, term ")
                || (line.starts_with("STATUS=follower, term ") && line.contains(", leader "))
        })
        .await;

    // And while they are gone.
    cluster.kill_all();
    manager.lines();
    manager.heard.clear();
    cluster.member(0).start();
    manager.hears("READY=1", |line| line == "READY=1").await;
    manager
        .hears("that there is no leader", |line| {
            line.starts_with("STATUS=") && line.ends_with(", no leader")
        })
        .await;
    let status = wait_for("a status", async || cluster.status(0).await).await;
    assert!(status.ready && status.leader.is_none(), "{status:?}");
}

/// Tests run in the directory of their package. The path at build time may be that of another
/// checkout that shares the build cache.
fn unit_file() -> PathBuf {
    PathBuf::from("../raftnoded/raftnoded.service")
}

/// The values of a key of the unit file.
fn values(key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(unit_file()).expect("the unit file");
    let prefix = format!("{key}=");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&prefix));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_unit_file_starts_the_daemon_as_it_is() {
    assert_eq!(values("Type"), ["notify"]);
    assert_eq!(values("StateDirectory"), ["raftnoded"]);
    assert_eq!(values("RestartPreventExitStatus"), ["2 3 5 6"]);
    let start = values("ExecStart");
    assert_eq!(start.len(), 1, "{start:?}");
    let mut words = start[0].split_whitespace();
    assert_eq!(words.next(), Some("/usr/bin/raftnoded"));
    let directory = tempfile::tempdir().expect("a directory");
    let run = daemon()
        .env("STATE_DIRECTORY", directory.path())
        .args(words)
        .args(["config", "check"])
        .output()
        .expect("raftnoded runs");
    assert!(run.status.success(), "{run:?}");
    let shown = daemon()
        .env("STATE_DIRECTORY", directory.path())
        .args(["config", "show"])
        .output()
        .expect("raftnoded runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let data = format!("data-dir = {:?}", directory.path().display().to_string());
    assert!(shown.contains(&data), "{shown}");
}

#[test]
fn the_unit_file_is_one_for_systemd() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("raftnoded.service");
    let text = std::fs::read_to_string(unit_file()).expect("the unit file");
    // It is checked that the program exists, too.
    let built = crate::cluster::program("raftnoded").display().to_string();
    std::fs::write(&path, text.replace("/usr/bin/raftnoded", &built)).expect("a file");
    let verified = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&path)
        .output();
    match verified {
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            let about_it: Vec<&str> = said
                .lines()
                .filter(|line| line.contains("raftnoded"))
                .collect();
            assert!(run.status.success() && about_it.is_empty(), "{said}");
        }
        Err(error) => eprintln!("SKIPPED: systemd-analyze cannot be run: {error}"),
    }
}
