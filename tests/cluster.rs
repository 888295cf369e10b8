//! The harness: a cluster of `raftnoded` processes, each with a data directory of its own.
//!
//! - Ports lie outside the range that the kernel hands out by itself, so that a member finds its
//!   port free again after a restart.
//! - When a test fails, the end of each member's output is printed; when it passes, a member that
//!   panicked on the way fails it all the same.
//! - At most [`slots::SLOTS`] clusters run at once, whatever the number of test threads.

mod direct;
mod member;
mod ports;
mod pty;
mod raftctl;
mod screen;
mod slots;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Client, ClientConfig, Error,
    types::{Consistency, ListRequest, MemberStatus, Role},
};
use tempfile::TempDir;

pub(crate) use direct::{Direct, answer, greet, within};
pub(crate) use member::{Member, copy_directory, daemon};
pub(crate) use ports::free_port;
pub(crate) use pty::Terminal;
pub(crate) use raftctl::{Raftctl, Run, finish};
pub(crate) use screen::{Kind, Screen};
pub(crate) use slots::Slots;

/// How long a condition may take to come true: far more than it needs, for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` yields something.
pub(crate) async fn wait_for<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, condition).await
}

/// Waits until `condition` yields something, for no longer than `patience`.
pub(crate) async fn wait_at_most<T>(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Where a program of this workspace was built: beside the test binary.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = place(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace` first",
        path.display()
    );
    path
}

/// Whether it was built.
pub(crate) fn is_built(name: &str) -> bool {
    place(name).exists()
}

fn place(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of the test binary");
    let profile = own
        .parent()
        .and_then(Path::parent)
        .expect("the test binary lies in PROFILE/deps");
    profile.join(name)
}

/// Members of one cluster, running or not.
pub(crate) struct Cluster {
    members: Vec<Member>,
    directory: TempDir,
    // Given back last, when the processes are gone.
    _slots: Slots,
}

impl Cluster {
    /// Members n1, n2, ... that nobody has started yet.
    pub(crate) fn prepare(count: usize, settings: &[&str]) -> Self {
        let slots = Slots::take(1);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let addresses: Vec<(String, String)> = (0..count)
            .map(|_| {
                let address = || format!("127.0.0.1:{}", free_port());
                (address(), address())
            })
            .collect();
        let peers: Vec<String> = addresses
            .iter()
            .enumerate()
            .map(|(index, (_, peer))| format!("n{}={peer}", index + 1))
            .collect();
        let members = addresses
            .iter()
            .enumerate()
            .map(|(index, (client, peer))| {
                let mut member =
                    Member::new(format!("n{}", index + 1), client, peer, directory.path());
                if count > 1 {
                    member.set(&["--peers", &peers.join(",")]);
                }
                member.set(settings);
                member
            })
            .collect();
        Self {
            members,
            directory,
            _slots: slots,
        }
    }

    /// A further node with settings of its own, which nobody has started yet; returns its index.
    pub(crate) fn add(&mut self, settings: &[&str]) -> usize {
        let index = self.members.len();
        let address = || format!("127.0.0.1:{}", free_port());
        let name = format!("n{}", index + 1);
        let mut member = Member::new(name, &address(), &address(), self.directory.path());
        member.set(settings);
        self.members.push(member);
        index
    }

    /// Three members that have a leader.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        Self::start_many(3, settings).await
    }

    /// A cluster of one that leads itself.
    pub(crate) async fn single(settings: &[&str]) -> Self {
        Self::start_many(1, settings).await
    }

    /// So many members that have a leader.
    pub(crate) async fn start_many(count: usize, settings: &[&str]) -> Self {
        let mut cluster = Self::prepare(count, settings);
        cluster.start_all();
        cluster.leader().await;
        cluster
    }

    /// Starts every member that is not running.
    pub(crate) fn start_all(&mut self) {
        for member in &mut self.members {
            if !member.is_running() {
                member.start();
            }
        }
    }

    /// SIGKILL for all: first the signals, then the waiting.
    pub(crate) fn kill_all(&mut self) {
        for member in &self.members {
            member.send_kill();
        }
        for member in &mut self.members {
            member.kill();
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn member(&mut self, index: usize) -> &mut Member {
        &mut self.members[index]
    }

    /// The indexes of the members that run.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..self.members.len())
            .filter(|index| self.members[*index].is_running())
            .collect()
    }

    /// The client address of a member.
    pub(crate) fn address(&self, index: usize) -> &str {
        self.members[index].client()
    }

    /// What a member says of itself, if it answers.
    pub(crate) async fn status(&self, index: usize) -> Option<MemberStatus> {
        Client::status_of(self.address(index), Duration::from_secs(2))
            .await
            .ok()
    }

    /// The leader that a majority follows, if there is one at this moment.
    pub(crate) async fn leader_now(&self) -> Option<usize> {
        let mut answers = Vec::new();
        for index in self.running() {
            if !self.members[index].is_paused()
                && let Some(status) = self.status(index).await
            {
                answers.push((index, status));
            }
        }
        let (index, leader) = answers
            .iter()
            .filter(|(_, status)| status.role == Role::Leader)
            .max_by_key(|(_, status)| status.term)?;
        let votes = |id: u64| {
            let mut members = leader.members.iter();
            members.any(|member| member.id == id && member.voter)
        };
        let voters = leader.members.iter().filter(|member| member.voter).count();
        let followers = answers.iter().filter(|(_, status)| {
            votes(status.id) && (status.term, status.leader) == (leader.term, Some(leader.id))
        });
        (followers.count() > voters / 2).then_some(*index)
    }

    /// Waits for a leader that a majority follows.
    pub(crate) async fn leader(&self) -> usize {
        wait_for("a leader with a majority", async || self.leader_now().await).await
    }

    /// A running member that does not lead, and knows who does.
    pub(crate) async fn follower(&self) -> usize {
        wait_for("a member that follows the leader", async || {
            let leader = self.leader_now().await?;
            let other = self.running().into_iter().find(|index| *index != leader)?;
            let known = self.status(other).await?.leader;
            (known == Some(self.status(leader).await?.id)).then_some(other)
        })
        .await
    }

    /// Waits until every running member has applied all that is committed now.
    pub(crate) async fn settled(&self) {
        let leader = self.leader().await;
        let goal = wait_for("the leader's commit index", async || {
            Some(self.status(leader).await?.commit)
        })
        .await;
        for index in self.running() {
            wait_for("every member applies what is committed", async || {
                (self.status(index).await?.applied >= goal).then_some(())
            })
            .await;
        }
    }

    /// Waits until a member has told the leader that it has all on disk that is committed now. To have
    /// applied it means less: what others made committed is applied before it is synced here.
    pub(crate) async fn acknowledged(&self, index: usize) {
        let leader = self.leader().await;
        let mut goal = None;
        wait_for("a member acknowledges what is committed", async || {
            let told = self.status(leader).await?;
            let goal = *goal.get_or_insert(told.commit);
            let id = self.status(index).await?.id;
            let lag = told.lags.iter().find(|lag| lag.id == id)?;
            (lag.matched >= Some(goal)).then_some(())
        })
        .await;
    }

    /// A client that knows all members.
    pub(crate) async fn client(&self) -> Client {
        self.connect(self.members.iter().map(Member::client)).await
    }

    /// A client that is told of one member only, and finds the rest.
    pub(crate) async fn client_of(&self, index: usize) -> Client {
        self.connect([self.address(index)]).await
    }

    async fn connect<'a>(&self, endpoints: impl IntoIterator<Item = &'a str>) -> Client {
        let mut config = ClientConfig::new(endpoints);
        config.timeout = Duration::from_secs(30);
        config.connect_timeout = Duration::from_secs(5);
        wait_for("a client connects", async || {
            Client::connect(config.clone()).await.ok()
        })
        .await
    }

    /// A connection to this member and no other; what needs the leader, it must forward.
    pub(crate) async fn direct(&self, index: usize) -> Direct {
        wait_for("a connection to a member", async || {
            Direct::open(self.address(index), false).await.ok()
        })
        .await
    }

    /// The client addresses of all members, as `--endpoints` takes them.
    pub(crate) fn endpoints(&self) -> String {
        let addresses: Vec<&str> = self.members.iter().map(Member::client).collect();
        addresses.join(",")
    }

    /// raftctl with this member as its only endpoint.
    pub(crate) fn raftctl(&self, index: usize) -> Raftctl {
        Raftctl::new(self.address(index))
    }

    /// All that one member has applied of a namespace.
    pub(crate) async fn replica(&self, index: usize, namespace: &str) -> BTreeMap<Bytes, Bytes> {
        contents(&self.direct(index).await, namespace, Consistency::STALE).await
    }

    /// Asserts that every running member holds the same data, once they have settled.
    pub(crate) async fn assert_replicas_equal(&self, namespace: &str) {
        self.settled().await;
        let running = self.running();
        let first = self.replica(running[0], namespace).await;
        for index in &running[1..] {
            let other = self.replica(*index, namespace).await;
            assert!(
                first == other,
                "n{} and n{} differ in {namespace}: {} and {} keys",
                running[0] + 1,
                index + 1,
                first.len(),
                other.len()
            );
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            member.kill();
        }
        if std::thread::panicking() {
            for member in &self.members {
                member.print_output();
            }
            return;
        }
        for member in &self.members {
            let panicked = member.stderr().contains("panicked at");
            if panicked {
                member.print_output();
            }
            assert!(!panicked, "{} panicked", member.name());
        }
    }
}

/// Everything in a namespace, as one connection tells it; empty if the namespace is unknown.
pub(crate) async fn contents(
    direct: &Direct,
    namespace: &str,
    consistency: Consistency,
) -> BTreeMap<Bytes, Bytes> {
    let mut found = BTreeMap::new();
    let mut request = ListRequest {
        namespace: namespace.to_owned(),
        consistency,
        ..ListRequest::default()
    };
    loop {
        let page = match direct.list(request.clone()).await {
            Err(Error::NamespaceNotFound { .. }) => return found,
            page => page.expect("a listing"),
        };
        found.extend(
            page.entries
                .into_iter()
                .map(|entry| (entry.key, entry.value)),
        );
        match page.next {
            Some(next) => request.page = Some(next),
            None => return found,
        }
    }
}
