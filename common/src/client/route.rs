//! Where requests go: what is known of the cluster, and the one connection in use.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;

use super::{ClientConfig, link::Link};
use crate::{
    error::Error,
    types::{Leader, Member},
};

/// How often the leader is looked for while a member forwards to it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct State {
    /// To the leader, or to a member that forwards.
    pub(super) link: Option<Link>,
    /// A connection to whichever member answered, for stale reads while there is no leader.
    pub(super) any: Option<Link>,
    pub(super) leader: Option<Leader>,
    pub(super) members: Vec<Member>,
    /// Whether any member has ever answered: then a moment without any is a restart to wait out.
    pub(super) reached: bool,
    /// The address of a member that stopped to answer: asked last, since others know more.
    pub(super) silent: Option<String>,
    /// When the leader was last looked for beside a connection that forwards.
    looked: Option<Instant>,
}

pub(super) struct Router {
    pub(super) config: ClientConfig,
    state: Mutex<State>,
    /// Held while looking for the leader, so that many waiting requests look once; with the last
    /// failure, so that those who waited for it do not look again one after the other.
    search: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl Router {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            state: Mutex::default(),
            search: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn members(&self) -> Vec<Member> {
        self.state().members.clone()
    }

    pub(super) fn leader(&self) -> Option<Leader> {
        self.state().leader.clone()
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        let mut all = self.config.endpoints.clone();
        for member in &self.state().members {
            if !all.contains(&member.client_address) {
                all.push(member.client_address.clone());
            }
        }
        all
    }

    /// Makes the first contact. A cluster without a leader is no error here: requests wait for one.
    pub(super) async fn start(self: &Arc<Self>) -> Result<(), Error> {
        match self.link(true, &[]).await {
            Ok(_) | Err(Error::NoLeader { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The connection in use, if there is one for such a request; not to a member that is to be
    /// avoided.
    pub(super) fn current(self: &Arc<Self>, stale: bool, avoid: &[String]) -> Option<Link> {
        let mut state = self.state();
        let avoided = |link: &Link| avoid.iter().any(|address| address == link.address());
        let live = |link: &&Link| !link.is_closed() && !avoided(link);
        match state.link.as_ref().filter(live).cloned() {
            Some(link) => {
                if !link.leads() {
                    self.look_again(&mut state);
                }
                Some(link)
            }
            None if stale => state.any.as_ref().filter(live).cloned(),
            None => None,
        }
    }

    /// A connection for the next request: to the leader, or with `stale` to any member, one to
    /// `avoid` only after all others, the one avoided for longest first.
    ///
    /// Boxed: rare, and long; requests carry its room with them otherwise.
    pub(super) fn link<'a>(
        self: &'a Arc<Self>,
        stale: bool,
        avoid: &'a [String],
    ) -> BoxFuture<'a, Result<Link, Error>> {
        Box::pin(async move {
            let began = Instant::now();
            let mut last = self.search.lock().await;
            if let Some(link) = self.current(stale, avoid) {
                return Ok(link);
            }
            if let Some((at, error)) = &*last
                && *at >= began
            {
                return Err(error.clone());
            }
            let found = self.look_for_leader(stale, !self.config.relay, avoid).await;
            *last = found.clone().err().map(|error| (Instant::now(), error));
            found
        })
    }

    /// Looks for the leader in the background, while requests go through the member that forwards.
    fn look_again(self: &Arc<Self>, state: &mut State) {
        if state.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return;
        }
        state.looked = Some(Instant::now());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _one_at_a_time = this.search.lock().await;
            if let Err(error) = this.look_for_leader(false, false, &[]).await {
                tracing::debug!(%error, "the leader is still reached through another member");
            }
        });
    }

    /// The member said that another one leads.
    pub(super) fn follow(&self, link: &Link, leader: Option<&Leader>) {
        let mut state = self.state();
        state.leader = leader.cloned();
        if state.link.as_ref().is_some_and(|current| current.is(link)) {
            state.any = state.link.take();
        }
    }

    /// The connection is broken, or `silent`: its member did not answer.
    pub(super) fn forget(&self, link: &Link, silent: bool) {
        link.close();
        let mut state = self.state();
        let state = &mut *state;
        for place in [&mut state.link, &mut state.any] {
            if place.as_ref().is_some_and(|held| held.is(link)) {
                *place = None;
                state.leader = None;
                if silent {
                    state.silent = Some(link.address().to_owned());
                }
            }
        }
    }

    /// A member that forwards is in use from now on.
    pub(super) fn go_through(&self, link: &Link) {
        let mut state = self.state();
        state.link = Some(link.clone());
        state.looked = Some(Instant::now());
    }
}
