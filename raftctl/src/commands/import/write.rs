//! Writing a batch, in the way that was asked for where keys exist already.

use std::{cell::Cell, collections::HashSet};

use bytes::Bytes;
use common::{
    Client, Error,
    types::{
        Comparison, Condition, Consistency, GetRequest, ListRequest, MAX_KEY_BYTES, Operation,
        PutRequest, Revision, Target, TxnRequest,
    },
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    OnConflict,
    batch::{Batch, Item},
};

/// How many keys of a batch are looked up at a time.
const LOOKUPS: usize = 64;

/// How often a batch is tried whose keys are there when they are compared and gone when they are
/// looked up.
const ROUNDS: u32 = 10;

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) imported: u64,
    pub(super) skipped: u64,
    pub(super) revision: Option<Revision>,
}

/// Why nothing of a batch was written.
#[derive(Debug)]
pub(super) enum Refused {
    /// The first of its keys that exists.
    Exists(Item),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Where batches go, and how.
pub(super) struct Writer<'a> {
    client: &'a Client,
    namespace: &'a str,
    on_conflict: OnConflict,
    /// How many batches are under way that cannot be written, as it seems.
    doubtful: Cell<usize>,
    /// Whether any was written.
    proven: Cell<bool>,
}

/// A batch that cannot be written, as it seems.
struct Doubt<'a>(&'a Cell<usize>);

impl<'a> Doubt<'a> {
    fn new(doubtful: &'a Cell<usize>) -> Self {
        doubtful.set(doubtful.get() + 1);
        Self(doubtful)
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(client: &'a Client, namespace: &'a str, on_conflict: OnConflict) -> Self {
        Self {
            client,
            namespace,
            on_conflict,
            doubtful: Cell::new(0),
            proven: Cell::new(false),
        }
    }

    /// Whether a further batch may be sent beside those under way. If one cannot be written, as few
    /// as possible behind it are to be there: none, if it is the first.
    pub(super) fn may_go_ahead(&self) -> bool {
        self.on_conflict != OnConflict::Fail || (self.proven.get() && self.doubtful.get() == 0)
    }

    /// Writes a batch, or nothing of it. `look`: whether some of its keys are likely to exist and to
    /// be skipped; a transaction that changes nothing costs as much as one that does.
    pub(super) async fn write(&self, batch: &Batch, look: bool) -> Result<Written, Refused> {
        let all = batch.items.len() as u64;
        let mut items: Vec<&Item> = batch.items.iter().collect();
        let mut look = look && self.on_conflict == OnConflict::Skip;
        let mut doubt = None;
        for _ in 0..ROUNDS {
            if look {
                let present = self.present(&items).await?;
                if self.on_conflict == OnConflict::Fail
                    && let Some(index) = present.iter().position(|present| *present)
                {
                    return Err(Refused::Exists(items[index].clone()));
                }
                let mut present = present.into_iter();
                items.retain(|_| present.next() != Some(true));
            }
            let written = |revision| Written {
                imported: items.len() as u64,
                skipped: all - items.len() as u64,
                revision,
            };
            if items.is_empty() {
                return Ok(written(None));
            }
            if let Some(revision) = self.put(&items).await? {
                self.proven.set(true);
                return Ok(written(Some(revision)));
            }
            look = true;
            doubt.get_or_insert_with(|| Doubt::new(&self.doubtful));
        }
        Err(Refused::Failed(Error::Internal {
            message: "its keys come and go faster than they can be looked at".to_owned(),
        }))
    }

    /// Writes these, as one; none if some exist and must not.
    async fn put(&self, items: &[&Item]) -> Result<Option<Revision>, Error> {
        let overwrite = self.on_conflict == OnConflict::Overwrite;
        // Whatever its size: a transaction takes a little less than the largest value.
        if let [item] = items {
            let mut request = PutRequest::new(self.namespace, item.key.clone(), item.value.clone());
            request.lifetime = item.lifetime;
            request.condition = (!overwrite).then_some(Condition::Absent);
            return match self.client.put(request).await {
                Ok(reply) => Ok(Some(reply.revision)),
                Err(Error::ConditionFailed { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let compare = |item: &&Item| Comparison {
            namespace: self.namespace.to_owned(),
            key: item.key.clone(),
            target: Target::Exists(false),
        };
        let operation = |item: &&Item| Operation::Put {
            namespace: self.namespace.to_owned(),
            key: item.key.clone(),
            value: item.value.clone(),
            lifetime: item.lifetime,
            previous: false,
        };
        let reply = self
            .client
            .txn(TxnRequest {
                compare: match overwrite {
                    true => Vec::new(),
                    false => items.iter().map(compare).collect(),
                },
                then: items.iter().map(operation).collect(),
                otherwise: Vec::new(),
            })
            .await?;
        Ok(reply.succeeded.then_some(reply.revision))
    }

    /// Which of these exist.
    async fn present(&self, items: &[&Item]) -> Result<Vec<bool>, Error> {
        // As an export has them.
        if items.len() > 1
            && items.is_sorted_by(|one, next| one.key < next.key)
            && let Some(keys) = self
                .between(&items[0].key, &items[items.len() - 1].key)
                .await?
        {
            return Ok(items.iter().map(|item| keys.contains(&item.key)).collect());
        }
        let look = |item: &&Item| {
            let linearizable = Consistency::Linearizable;
            let request = GetRequest::new(self.namespace, item.key.clone(), linearizable);
            async move {
                match self.client.get(request).await {
                    Ok(reply) => Ok(reply.entry.is_some()),
                    Err(Error::NamespaceNotFound { .. }) => Ok(false),
                    Err(error) => Err(error),
                }
            }
        };
        stream::iter(items.iter().map(look))
            .buffered(LOOKUPS)
            .try_collect()
            .await
    }

    /// The keys from one to another, both included, if they are not too many for one page.
    async fn between(&self, first: &Bytes, last: &Bytes) -> Result<Option<HashSet<Bytes>>, Error> {
        if last.len() == MAX_KEY_BYTES {
            // There is no bound behind it.
            return Ok(None);
        }
        let request = ListRequest {
            namespace: self.namespace.to_owned(),
            start: Some(first.clone()),
            end: Some([last, &b"\0"[..]].concat().into()),
            keys_only: true,
            ..ListRequest::default()
        };
        match self.client.list(request).await {
            Ok(reply) if reply.next.is_some() => Ok(None),
            Ok(reply) => Ok(Some(
                reply.entries.into_iter().map(|entry| entry.key).collect(),
            )),
            Err(Error::NamespaceNotFound { .. }) => Ok(Some(HashSet::new())),
            Err(error) => Err(error),
        }
    }
}
