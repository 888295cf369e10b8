//! Asking members how they are.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Error, client::Observer, types::ActivityRequest};
use tokio::sync::{Mutex, mpsc::Sender};

use crate::tui::message::Message;

/// A member that does not answer for so long is down.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The connection to a member that nobody asked for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// A connection to each member.
#[derive(Default)]
pub(crate) struct Observers {
    observers: BTreeMap<String, (Arc<Mutex<Observer>>, Instant)>,
}

impl Observers {
    /// Asks a member; answered by [`Message::Looked`].
    pub(crate) fn look(
        &mut self,
        address: String,
        request: ActivityRequest,
        sender: Sender<Message>,
    ) {
        let now = Instant::now();
        // Of a member that was removed.
        self.observers.retain(|_, (_, asked)| now - *asked < IDLE);
        let (observer, asked) = self
            .observers
            .entry(address.clone())
            .or_insert_with(|| (Arc::new(Mutex::new(Observer::new(&*address))), now));
        *asked = now;
        let observer = Arc::clone(observer);
        tokio::spawn(async move {
            let began = Instant::now();
            let answer = observer.lock().await.look(request, TIMEOUT).await;
            let message = Message::Looked {
                address,
                took: began.elapsed(),
                answer: answer.map(Box::new).map_err(reason),
            };
            // Nobody listens any more: the program ends.
            let _ = sender.send(message).await;
        });
    }
}

fn reason(error: Error) -> String {
    match error {
        Error::Unreachable { reason } => reason,
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_member_that_is_not_there_is_told_with_the_reason() {
        let (sender, mut messages) = tokio::sync::mpsc::channel(4);
        // Nobody listens on a port that was just given back.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut observers = Observers::default();
        observers.look(here.clone(), ActivityRequest::default(), sender);
        match messages.recv().await {
            Some(Message::Looked {
                address,
                answer: Err(reason),
                ..
            }) => {
                assert_eq!(address, here);
                assert!(reason.contains("refused"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
