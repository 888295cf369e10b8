//! Finding the leader: who is asked, in which order, and what their answers mean.
//!
//! Members are asked one after the other, but none is waited for long: after [`STAGGER`] without an
//! answer the next one is asked beside it. A stopped process, or a cut link, so costs a moment and
//! not a connection time-out. The first member that leads ends the search.

use std::{collections::VecDeque, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};

use super::{link::Link, route::Router};
use crate::{
    error::Error,
    transport::{AwaitLeader, Hello, Service, Welcome},
    types::Leader,
};

/// How long one member is waited for before the next one is asked, too.
const STAGGER: Duration = Duration::from_millis(150);

/// How long those who answered are given to tell of a new leader.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long those who do not answer are waited for before those who did are asked again: the leader
/// they named may be the one that hangs, and another one may have been elected.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// What one search has seen.
struct Search {
    waiting: VecDeque<String>,
    asked: Vec<String>,
    answered: Vec<String>,
    /// Those who were asked twice, because another one named them.
    doubted: Vec<String>,
    failed: Vec<(String, Error)>,
    /// The member that stopped to answer: still named by those who have not noticed, and asked last.
    silent: Option<String>,
    /// The last member that follows a leader, and that leader.
    follower: Option<(String, Leader)>,
    /// A member that knows no leader.
    leaderless: Option<String>,
}

impl Search {
    fn begin(router: &Router, avoid: &[String]) -> Self {
        let mut addresses = router.addresses();
        let state = router.state();
        if let Some(leader) = &state.leader {
            addresses.retain(|address| *address != leader.address);
            addresses.insert(0, leader.address.clone());
        }
        if let Some(silent) = &state.silent
            && addresses.contains(silent)
        {
            addresses.retain(|address| address != silent);
            addresses.push(silent.clone());
        }
        for avoided in avoid {
            if addresses.contains(avoided) {
                addresses.retain(|address| address != avoided);
                addresses.push(avoided.clone());
            }
        }
        Self {
            waiting: addresses.into(),
            asked: Vec::new(),
            answered: Vec::new(),
            doubted: Vec::new(),
            failed: Vec::new(),
            silent: state.silent.clone(),
            follower: None,
            leaderless: None,
        }
    }

    /// The next member to ask.
    fn next(&mut self) -> Option<String> {
        while let Some(address) = self.waiting.pop_front() {
            if !self.asked.contains(&address) {
                self.asked.push(address.clone());
                return Some(address);
            }
        }
        None
    }

    /// Those who answered are asked anew: they may know better by now.
    fn ask_again(&mut self) {
        self.asked
            .retain(|address| !self.answered.contains(address));
        self.waiting.extend(self.answered.drain(..));
    }

    /// A member greeted and does not lead.
    fn note(&mut self, address: String, welcome: Welcome) {
        self.answered.push(address.clone());
        for member in welcome.members {
            self.waiting.push_back(member.client_address);
        }
        match welcome.leader {
            Some(leader) => {
                self.doubt(&leader.address);
                if self.silent.as_ref() == Some(&leader.address) {
                    self.waiting.push_back(leader.address.clone());
                } else {
                    self.waiting.push_front(leader.address.clone());
                }
                self.follower = Some((address, leader));
            }
            None => self.leaderless = Some(address),
        }
    }

    /// A member is named that did not lead when it was asked: it may have been elected since. It is
    /// asked once more.
    fn doubt(&mut self, named: &String) {
        if self.answered.contains(named) && !self.doubted.contains(named) {
            self.doubted.push(named.clone());
            self.answered.retain(|address| address != named);
            self.asked.retain(|address| address != named);
        }
    }

    /// The member to go through: it follows a leader that cannot be reached from here. A leader
    /// that was reached and does not lead any more is another matter: one will be elected.
    fn detour(&self) -> Option<&str> {
        self.unreachable_leader()?;
        self.follower.as_ref().map(|(through, _)| through.as_str())
    }

    /// The address of the leader that others name and that cannot be reached.
    fn unreachable_leader(&self) -> Option<String> {
        let (_, leader) = self.follower.as_ref()?;
        let address = &leader.address;
        self.why_not(address).map(|_| address.clone())
    }

    /// The address of the leader that others name still, though it cannot be reached, or said itself
    /// that it does not lead.
    fn former_leader(&self) -> Option<String> {
        let (_, leader) = self.follower.as_ref()?;
        let address = &leader.address;
        let answered = self.answered.contains(address);
        (answered || self.why_not(address).is_some()).then(|| address.clone())
    }

    fn why_not(&self, address: &str) -> Option<&Error> {
        let (_, error) = self.failed.iter().find(|(failed, _)| failed == address)?;
        Some(error)
    }

    /// Why there is no connection to a leader.
    fn failure(self, reached: bool) -> Error {
        if let Some((_, leader)) = &self.follower {
            let Leader { name, address, .. } = leader;
            return Error::NoLeader {
                reason: match self.why_not(address) {
                    Some(error) => format!(
                        "the leader, {name} at {address}, cannot be reached: {}",
                        reason(error)
                    ),
                    None => format!("{name} at {address} does not lead any more"),
                },
            };
        }
        if let Some(address) = self.leaderless {
            return Error::NoLeader {
                reason: format!("{address} knows no leader"),
            };
        }
        let answered = |error: &&(String, Error)| !matches!(error.1, Error::Unreachable { .. });
        // One without room now may have some later; one of another version stays so.
        let busy = |error: &&(String, Error)| matches!(error.1, Error::Overloaded { .. });
        let telling = self.failed.iter().find(busy);
        if let Some((_, error)) = telling.or_else(|| self.failed.iter().find(answered)) {
            return error.clone();
        }
        let seen: Vec<_> = self
            .failed
            .iter()
            .map(|(address, error)| format!("{address}: {}", reason(error)))
            .collect();
        let reason = seen.join("; ");
        if reached {
            Error::NoLeader { reason }
        } else {
            Error::Unreachable { reason }
        }
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::Unreachable { reason } => reason.clone(),
        error => error.to_string(),
    }
}

impl Router {
    /// A connection to the leader; with `stale` to whichever member answers first; with
    /// `forwarding`, where the leader cannot be reached, to a member that can; those to `avoid` are
    /// asked last.
    pub(super) async fn look_for_leader(
        &self,
        stale: bool,
        forwarding: bool,
        avoid: &[String],
    ) -> Result<Link, Error> {
        let mut search = Search::begin(self, avoid);
        let mut awaited = false;
        let mut dials = FuturesUnordered::new();
        loop {
            if let Some(address) = search.next() {
                dials.push(async move {
                    let dialled = self.dial(&address, true).await;
                    (address, dialled)
                });
            }
            let pause = if search.waiting.is_empty() {
                ASK_AGAIN
            } else {
                STAGGER
            };
            let Ok(answer) = tokio::time::timeout(pause, dials.next()).await else {
                if search.waiting.is_empty() {
                    search.ask_again();
                }
                continue;
            };
            match answer {
                // None is left to ask, and none to wait for.
                None if search.waiting.is_empty() => {
                    if awaited || !forwarding || stale {
                        break;
                    }
                    awaited = true;
                    if let Some(link) = self.await_leader(&mut search).await {
                        return Ok(link);
                    }
                }
                None => {}
                Some((address, Err(error))) => search.failed.push((address, error)),
                Some((address, Ok((link, welcome)))) => {
                    if self.install(&link, &welcome) || stale {
                        return Ok(link);
                    }
                    search.note(address, welcome);
                }
            }
        }
        if forwarding && let Some(through) = search.detour() {
            let through = through.to_owned();
            match self.dial(&through, false).await {
                Ok((link, _)) => {
                    self.go_through(&link);
                    return Ok(link);
                }
                Err(error) => search.failed.push((through, error)),
            }
        }
        let reached = self.state().reached;
        Err(search.failure(reached))
    }

    /// Takes in what a member said in its greeting; true if it leads.
    fn install(&self, link: &Link, welcome: &Welcome) -> bool {
        let mut state = self.state();
        state.reached = true;
        if !welcome.members.is_empty() {
            state.members.clone_from(&welcome.members);
        }
        if welcome.leader.is_some() {
            state.leader.clone_from(&welcome.leader);
        }
        if link.leads() {
            state.link = Some(link.clone());
            state.any = None;
            state.silent = None;
        } else {
            state.any = Some(link.clone());
        }
        link.leads()
    }

    /// A connection of its own to whichever member listens at an address, for what any member
    /// answers.
    pub(super) async fn dial_member(&self, address: &str) -> Result<Link, Error> {
        let (link, welcome) = self.dial(address, false).await?;
        let mut state = self.state();
        state.reached = true;
        if !welcome.members.is_empty() {
            state.members = welcome.members;
        }
        Ok(link)
    }

    async fn dial(&self, address: &str, follow_leader: bool) -> Result<(Link, Welcome), Error> {
        let hello = Hello::new(Service::Data, follow_leader);
        Link::open(address, hello, self.config.connect_timeout).await
    }

    /// Waits, with all members that answered, for the leader that they elect: a connection to it, or
    /// where it is told to be.
    async fn await_leader(&self, search: &mut Search) -> Option<Link> {
        let await_leader = Some(AwaitLeader {
            patience: PATIENCE,
            other_than: search.former_leader(),
        });
        let mut dials: FuturesUnordered<_> = search
            .answered
            .iter()
            .cloned()
            .map(|address| {
                let hello = Hello {
                    await_leader: await_leader.clone(),
                    ..Hello::new(Service::Data, true)
                };
                let timeout = self.config.connect_timeout + PATIENCE;
                async move { (Link::open(&address, hello, timeout).await, address) }
            })
            .collect();
        while let Some((dialled, address)) = dials.next().await {
            match dialled {
                Ok((link, welcome)) if self.install(&link, &welcome) => return Some(link),
                Ok((_, welcome)) => {
                    search.note(address, welcome);
                    if !search.waiting.is_empty() {
                        return None;
                    }
                }
                Err(error) => search.failed.push((address, error)),
            }
        }
        None
    }
}
