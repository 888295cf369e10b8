//! The only I/O of the dashboard: effects in, messages out.
//!
//! Each effect becomes a task that sends what came of it. Nobody waits for another: an answer that is
//! late, or never comes, holds nothing up. What needs the terminal itself is the loop's.

pub(crate) mod change;
pub(crate) mod editor;
pub(crate) mod members;
pub(crate) mod pages;
pub(crate) mod watches;

use bytes::Bytes;
use common::{
    Client,
    types::{Consistency, Entry, GetRequest},
};
use tokio::sync::mpsc::Sender;

use super::message::{Copied, Effect, Message};
use crate::failure::Failure;

/// Starts effects.
pub(crate) struct Runner {
    endpoints: Vec<String>,
    client: Client,
    sender: Sender<Message>,
    observers: members::Observers,
    watches: watches::Watches,
}

impl Runner {
    pub(crate) fn new(endpoints: Vec<String>, client: Client, sender: Sender<Message>) -> Self {
        Self {
            endpoints,
            client,
            sender,
            observers: members::Observers::default(),
            watches: watches::Watches::default(),
        }
    }

    /// Starts it, and returns at once.
    pub(crate) fn start(&mut self, effect: Effect) {
        let (client, sender) = (self.client.clone(), self.sender.clone());
        match effect {
            Effect::Look { address, request } => self.observers.look(address, request, sender),
            Effect::ListNamespaces => pages::namespaces(client, sender),
            Effect::ReadPage {
                generation,
                side,
                namespace,
                prefix,
                key,
                limit,
            } => pages::page(
                client, generation, side, namespace, prefix, key, limit, sender,
            ),
            Effect::Count {
                generation,
                namespace,
                prefix,
            } => pages::count(client, generation, namespace, prefix, sender),
            Effect::Get { namespace, key } => pages::get(client, namespace, key, sender),
            Effect::Watch {
                pane,
                generation,
                namespace,
                prefix,
                from,
            } => {
                self.watches
                    .follow(client, pane, generation, namespace, prefix, from, sender);
            }
            Effect::Unwatch(pane) => self.watches.stop(pane),
            Effect::Make(change) => {
                let endpoints = self.endpoints.clone();
                spawn(sender, async move {
                    let result = change::make(change.clone(), client, endpoints).await;
                    Message::Done { change, result }
                });
            }
            Effect::Edit {
                namespace,
                key,
                text,
            } => spawn(sender, async move {
                let answer = read(&client, &namespace, &key).await;
                Message::ToEdit {
                    namespace,
                    key,
                    text,
                    answer,
                }
            }),
            Effect::Copy(Copied::Value { namespace, key }) => spawn(sender, async move {
                let read = read(&client, &namespace, &key).await;
                let gone = || "there is no such key any more".to_owned();
                Message::ToCopy(read.and_then(|it| it.map(|it| it.value).ok_or_else(gone)))
            }),
            // The terminal's: see the loop.
            Effect::Copy(Copied::Text(_) | Copied::Bytes(_))
            | Effect::OpenEditor { .. }
            | Effect::Mouse(_)
            | Effect::Redraw
            | Effect::Suspend => {}
        }
    }
}

fn spawn(sender: Sender<Message>, task: impl Future<Output = Message> + Send + 'static) {
    tokio::spawn(async move {
        let message = task.await;
        if sender.send(message).await.is_err() {
            // The dashboard is closed.
        }
    });
}

/// A key as it is now.
async fn read(client: &Client, namespace: &str, key: &Bytes) -> Result<Option<Entry>, String> {
    let request = GetRequest::new(namespace, key.clone(), Consistency::Linearizable);
    match client.get(request).await {
        Ok(reply) => Ok(reply.entry),
        Err(error) => Err(Failure::Api(error).in_full()),
    }
}
