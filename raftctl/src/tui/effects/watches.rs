//! Following changes.
//!
//! A watch goes on by itself when the member that it hears from is lost. Only when nobody answers
//! for a while the model is told, once; and once again when somebody does.

use std::time::Duration;

use bytes::Bytes;
use common::{
    Client, Error,
    client::{Start, Watch, WatchItem, WatchOptions},
    types::{Cursor, Event, WatchTarget},
};
use tokio::{sync::mpsc::Sender, task::JoinHandle};

use super::pages::reason;
use crate::tui::message::{Message, Pane};

/// Changes that are told at once, at most.
const BATCH: usize = 1000;

/// After changes, before more are asked for: a busy namespace tells many at once ten times a second,
/// not each by itself.
const BREATH: Duration = Duration::from_millis(100);

/// After a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// One watch for each pane. They end when this is dropped.
#[derive(Default)]
pub(crate) struct Watches {
    tasks: Vec<(Pane, JoinHandle<()>)>,
}

impl Watches {
    /// Follows changes in place of what the pane followed before.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn follow(
        &mut self,
        client: Client,
        pane: Pane,
        generation: u64,
        namespace: String,
        prefix: Bytes,
        from: Option<Cursor>,
        sender: Sender<Message>,
    ) {
        self.stop(pane);
        let watch = client.watch(WatchOptions {
            namespace,
            target: WatchTarget::Prefix(prefix),
            start: from.map_or(Start::Now, Start::At),
            previous: false,
            keys_only: true,
            resync: false,
        });
        let follower = Follower {
            watch,
            pane,
            generation,
            sender,
        };
        self.tasks.push((pane, tokio::spawn(follower.run())));
    }

    /// Follows nothing any more.
    pub(crate) fn stop(&mut self, pane: Pane) {
        self.tasks.retain(|(watched, task)| {
            if *watched == pane {
                task.abort();
            }
            *watched != pane
        });
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for (_, task) in &self.tasks {
            task.abort();
        }
    }
}

struct Follower {
    watch: Watch,
    pane: Pane,
    generation: u64,
    sender: Sender<Message>,
}

impl Follower {
    async fn run(mut self) {
        // Whether the model takes it to be well; at first it waits to hear so.
        let mut well = false;
        let mut failure: Option<String> = None;
        loop {
            let outcome = if well {
                self.watch.next().await.map(Some)
            } else {
                self.watch.reach().await.map(|()| None)
            };
            let message = match outcome {
                Ok(item) => {
                    failure = None;
                    match item {
                        Some(item) => self.batch(item),
                        None => {
                            well = true;
                            Some(self.state(Ok(())))
                        }
                    }
                }
                Err(Error::Compacted { .. }) => {
                    let (pane, generation) = (self.pane, self.generation);
                    let gap = Message::WatchGap { pane, generation };
                    let _ = self.sender.send(gap).await;
                    return;
                }
                Err(error) => {
                    well = false;
                    let reason = reason(&error);
                    let news = failure.as_ref() != Some(&reason);
                    failure = Some(reason.clone());
                    if !news {
                        tokio::time::sleep(PAUSE).await;
                    }
                    news.then(|| self.state(Err(reason)))
                }
            };
            let Some(message) = message else { continue };
            let changes = matches!(message, Message::Changes { .. });
            if self.sender.send(message).await.is_err() {
                return;
            }
            if changes {
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    fn state(&self, state: Result<(), String>) -> Message {
        Message::WatchState {
            pane: self.pane,
            generation: self.generation,
            state,
        }
    }

    /// What is here already, up to a number of changes.
    fn batch(&mut self, first: WatchItem) -> Option<Message> {
        let mut events: Vec<Event> = Vec::new();
        let mut next = Some(first);
        while let Some(item) = next {
            if let WatchItem::Event(event) = item {
                events.push(event);
            }
            if events.len() >= BATCH {
                break;
            }
            next = self.watch.next_ready();
        }
        (!events.is_empty()).then(|| Message::Changes {
            pane: self.pane,
            generation: self.generation,
            events,
        })
    }
}

#[cfg(test)]
mod tests {
    use common::client::ClientConfig;

    use super::*;

    #[tokio::test]
    async fn an_outage_is_told_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut config = ClientConfig::new([address]);
        config.timeout = Duration::from_millis(50);
        let (sender, mut messages) = tokio::sync::mpsc::channel(4);
        let mut watches = Watches::default();
        let namespace = "default".to_owned();
        watches.follow(
            Client::new(config),
            Pane::Watch,
            3,
            namespace,
            Bytes::new(),
            None,
            sender,
        );
        match messages.recv().await {
            Some(Message::WatchState {
                pane: Pane::Watch,
                generation: 3,
                state: Err(reason),
            }) => assert!(!reason.is_empty()),
            other => panic!("{other:?}"),
        }
        let again = tokio::time::timeout(Duration::from_millis(600), messages.recv()).await;
        assert!(again.is_err(), "{again:?}");
        watches.stop(Pane::Watch);
        // The task is gone, and its sender with it.
        assert!(messages.recv().await.is_none());
    }
}
