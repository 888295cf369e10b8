//! Watches that are held open during a measurement, and what they are told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::ValueEnum;
use common::{
    Client,
    client::{Start, Watch, WatchItem, WatchOptions},
    types::WatchTarget,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    CONNECTING,
    load::{KEY_PREFIX, Window},
};
use crate::failure::Failure;

/// What no key of a measurement begins with.
const OTHER_PREFIX: &str = "other/";

/// The pause of a watcher after an error.
const PAUSE: Duration = Duration::from_millis(100);

/// Which keys are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Watched {
    Same,
    Other,
}

impl Watched {
    fn prefix(self) -> Bytes {
        match self {
            Self::Same => KEY_PREFIX.into(),
            Self::Other => OTHER_PREFIX.into(),
        }
    }
}

/// Watches that were opened.
pub(super) struct Watchers {
    watches: Vec<Watch>,
    pub(super) watched: Watched,
}

/// What the watchers were told while it was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) watchers: u32,
    pub(super) watched: Watched,
    pub(super) events: u64,
}

impl Watchers {
    /// Opens so many watches, each over a connection of its own, spread over the members.
    pub(super) async fn open(
        count: u32,
        watched: Watched,
        namespace: &str,
        clients: &[Client],
    ) -> Result<Self, Failure> {
        let open = |index: usize| {
            let mut watch = clients[index % clients.len()].watch(WatchOptions {
                namespace: namespace.to_owned(),
                target: WatchTarget::Prefix(watched.prefix()),
                start: Start::Now,
                previous: false,
                keys_only: false,
                resync: true,
            });
            async move {
                // Once for the place to begin at, once for the member that tells.
                watch.reach().await?;
                watch.reach().await?;
                Ok::<_, Failure>(watch)
            }
        };
        let watches = stream::iter((0..count as usize).map(open))
            .buffered(CONNECTING)
            .try_collect()
            .await?;
        Ok(Self { watches, watched })
    }

    /// Follows them until the window closes, and counts what they are told in it.
    pub(super) async fn follow(self, window: Window) -> Told {
        let events = Arc::new(AtomicU64::new(0));
        let watchers = self.watches.len().try_into().unwrap_or(u32::MAX);
        let mut tasks = JoinSet::new();
        for watch in self.watches {
            tasks.spawn(follow(watch, window.from, Arc::clone(&events)));
        }
        tokio::time::sleep_until(window.until.into()).await;
        drop(tasks);
        Told {
            watchers,
            watched: self.watched,
            events: events.load(Ordering::Relaxed),
        }
    }
}

async fn follow(mut watch: Watch, from: Instant, events: Arc<AtomicU64>) {
    loop {
        match watch.next().await {
            Ok(WatchItem::Event(_)) if Instant::now() >= from => {
                events.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
