//! Reading: namespaces, pages of keys, counts, values.
//!
//! Reads are linearizable while there is a leader. Where none answers in a short time, any member is
//! asked for what it has: a dashboard that shows something a little old is of more use than one that
//! waits for an election to end. What is live comes by a watch from the revision that was read.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    Client, Error,
    types::{
        Consistency, CountRequest, Entry, GetRequest, ListNamespacesRequest, ListRequest,
        NamespaceInfo,
    },
};
use tokio::sync::mpsc::Sender;

use crate::tui::message::{Counted, Message, Page, Side};

/// A leader has so long to answer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Lists the namespaces; answered by [`Message::Namespaces`].
pub(crate) fn namespaces(client: Client, sender: Sender<Message>) {
    tokio::spawn(async move {
        let answer = read(&client, |client, consistency| async move {
            client
                .list_namespaces(ListNamespacesRequest { consistency })
                .await
        });
        let answer: Result<Vec<NamespaceInfo>, String> = answer.await;
        let _ = sender.send(Message::Namespaces(answer)).await;
    });
}

/// Reads keys; answered by [`Message::Page`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn page(
    client: Client,
    generation: u64,
    side: Side,
    namespace: String,
    prefix: Bytes,
    key: Option<Bytes>,
    limit: u32,
    sender: Sender<Message>,
) {
    tokio::spawn(async move {
        let request = request(side, namespace, prefix, key.clone(), limit);
        let answer = read(&client, |client, consistency| {
            let request = ListRequest {
                consistency,
                ..request.clone()
            };
            async move { client.list(request).await }
        });
        let answer = answer.await.map(|reply| Page {
            entries: in_order(side, key.as_ref(), reply.entries),
            more: reply.next.is_some(),
            revision: reply.revision,
            at: Some(Instant::now()),
        });
        let message = Message::Page {
            generation,
            side,
            answer,
        };
        let _ = sender.send(message).await;
    });
}

/// Counts keys; answered by [`Message::Counted`].
pub(crate) fn count(
    client: Client,
    generation: u64,
    namespace: String,
    prefix: Bytes,
    sender: Sender<Message>,
) {
    tokio::spawn(async move {
        let answer = read(&client, |client, consistency| {
            let request = CountRequest {
                namespace: namespace.clone(),
                prefix: prefix.clone(),
                consistency,
            };
            async move { client.count(request).await }
        });
        let answer = answer.await.map(|reply| Counted {
            count: reply.count,
            revision: reply.revision,
        });
        let _ = sender.send(Message::Counted { generation, answer }).await;
    });
}

/// Reads a value; answered by [`Message::Got`].
pub(crate) fn get(client: Client, namespace: String, key: Bytes, sender: Sender<Message>) {
    tokio::spawn(async move {
        let answer = read(&client, |client, consistency| {
            let request = GetRequest::new(namespace.clone(), key.clone(), consistency);
            async move { client.get(request).await }
        });
        let answer = answer.await.map(|reply| reply.entry);
        let _ = sender.send(Message::Got { key, answer }).await;
    });
}

/// Reads from the leader, or from anybody where there is none.
async fn read<T, F>(
    client: &Client,
    attempt: impl Fn(Client, Consistency) -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, Error>>,
{
    let hasty = client.with_timeout(PATIENCE);
    let answer = match attempt(hasty, Consistency::Linearizable).await {
        Err(error) if error.is_retryable() => attempt(client.clone(), Consistency::STALE).await,
        answer => answer,
    };
    answer.map_err(|error| reason(&error))
}

/// What is in the way, without what an error says of writes.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::NoLeader { reason } => format!("no leader: {reason}"),
        Error::DeadlineExceeded { timeout } => format!("no answer within {timeout:?}"),
        Error::ShuttingDown => "the member is shutting down".to_owned(),
        Error::Overloaded { reason, .. } => format!("the member is overloaded ({reason})"),
        error => error.to_string(),
    }
}

/// The request for a page. A key that is to be behind the last one known begins with it, for the
/// longest key has no next one; it is left out of what comes.
fn request(
    side: Side,
    namespace: String,
    prefix: Bytes,
    key: Option<Bytes>,
    limit: u32,
) -> ListRequest {
    let reverse = matches!(side, Side::Before | Side::Last);
    let (start, end, limit) = match side {
        Side::Fresh | Side::Again => (key, None, limit),
        Side::After => (key, None, limit.saturating_add(1)),
        Side::Before => (None, key, limit),
        Side::Last => (None, None, limit),
    };
    ListRequest {
        namespace,
        prefix,
        start,
        end,
        limit,
        reverse,
        keys_only: true,
        ..ListRequest::default()
    }
}

fn in_order(side: Side, key: Option<&Bytes>, mut entries: Vec<Entry>) -> Vec<Entry> {
    match side {
        Side::Before | Side::Last => entries.reverse(),
        Side::After if entries.first().map(|entry| &entry.key) == key => {
            entries.remove(0);
        }
        Side::After => {}
        Side::Fresh | Side::Again => {}
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &'static str) -> Entry {
        Entry {
            key: Bytes::from_static(key.as_bytes()),
            value: Bytes::new(),
            size: 3,
            create_revision: 1,
            revision: 1,
            version: 1,
            ttl: None,
            lease: None,
        }
    }

    fn ask(side: Side, key: Option<&'static str>) -> ListRequest {
        let key = key.map(|key| Bytes::from_static(key.as_bytes()));
        request(
            side,
            "default".to_owned(),
            Bytes::from_static(b"p"),
            key,
            10,
        )
    }

    #[test]
    fn each_side_has_its_request() {
        for side in [Side::Fresh, Side::Again] {
            let from = ask(side, Some("pk"));
            assert_eq!((from.start, from.end), (Some("pk".into()), None));
            assert_eq!(
                (from.limit, from.reverse, from.keys_only),
                (10, false, true)
            );
        }
        let after = ask(Side::After, Some("pk"));
        assert_eq!((after.start, after.limit), (Some("pk".into()), 11));
        let before = ask(Side::Before, Some("pk"));
        assert_eq!((before.start, before.end), (None, Some("pk".into())));
        assert!(before.reverse);
        let last = ask(Side::Last, None);
        assert_eq!((last.start, last.end, last.reverse), (None, None, true));
        assert_eq!(last.prefix, "p");
    }

    #[test]
    fn pages_are_in_the_order_of_the_keys() {
        let keys = |side, key: Option<&'static str>, all: &[&'static str]| {
            let key = key.map(|key| Bytes::from_static(key.as_bytes()));
            let entries = all.iter().map(|key| entry(key)).collect();
            let entries = in_order(side, key.as_ref(), entries);
            entries.into_iter().map(|it| it.key).collect::<Vec<_>>()
        };
        assert_eq!(keys(Side::Before, Some("c"), &["b", "a"]), ["a", "b"]);
        assert_eq!(keys(Side::Last, None, &["b", "a"]), ["a", "b"]);
        assert_eq!(keys(Side::After, Some("a"), &["a", "b"]), ["b"]);
        // It was deleted meanwhile.
        assert_eq!(keys(Side::After, Some("a"), &["b", "c"]), ["b", "c"]);
        assert_eq!(keys(Side::Fresh, Some("a"), &["a", "b"]), ["a", "b"]);
        assert!(keys(Side::After, Some("a"), &[]).is_empty());
    }
}
