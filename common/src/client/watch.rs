//! Watching: a stream of changes that outlives the members it comes from.
//!
//! A [`Watch`] asks one member at a time, over a connection of its own. When that member is gone, is
//! cut off, or does not keep the changes any more, the next one is asked from the same place on: a
//! place means the same on every member, so nothing is missed and nothing comes twice.
//!
//! # The content, then every change
//!
//! [`Start::Initial`] lists the keys page by page, each page linearizable at a revision of its own,
//! and takes in the changes after each page, from the revision of the first page on. A change is
//! delivered if the page that covers its key was read at a lower revision; if the page was read
//! later it shows the change already; if it is still to be read it will. So there is no gap and no
//! duplicate, and no member has to keep anything for it.

mod members;
mod pages;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{Client, call::check_key};
use crate::{
    error::Error,
    types::{
        Consistency, Cursor, Entry, Event, EventKind, ListReply, ListRequest, MAX_KEY_BYTES,
        WatchRequest, WatchTarget,
    },
};
use members::Members;
use pages::Pages;

/// How long a member waits for a change before it says that there was none. A member that is
/// stopped or cut off meanwhile is noticed as much later.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// What to watch, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// The namespace; it need not exist yet.
    pub namespace: String,
    /// The keys.
    pub target: WatchTarget,
    /// Where to begin.
    pub start: Start,
    /// Tell what was there before each change.
    pub previous: bool,
    /// Leave the values out.
    pub keys_only: bool,
    /// Where changes are lost, go on with [`WatchItem::Resync`] and the content anew, instead of
    /// ending with [`Error::Compacted`].
    pub resync: bool,
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first change after everything acknowledged before the watch began.
    Now,
    /// With the first change at or after this place.
    At(Cursor),
    /// With the content, then every later change.
    Initial,
}

/// What a watch yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchItem {
    /// A key as it was when the content was read.
    Entry(Entry),
    /// The content is complete; what follows are changes.
    Ready,
    /// A change.
    Event(Event),
    /// Changes are lost, or the namespace was replaced in the middle: forget what was told before,
    /// the content follows anew.
    Resync,
}

/// A stream of changes. Dropping it ends it.
pub struct Watch {
    members: Members,
    options: WatchOptions,
    phase: Phase,
    /// Whether the cluster has answered.
    begun: bool,
    ready: VecDeque<WatchItem>,
}

enum Phase {
    /// Nothing was asked yet.
    Begin(Start),
    Listing {
        pages: Pages,
        page: Option<Bytes>,
        cursor: Cursor,
    },
    Following {
        pages: Pages,
        cursor: Cursor,
    },
}

impl Client {
    /// Watches keys. The first contact is made by [`Watch::next`].
    pub fn watch(&self, options: WatchOptions) -> Watch {
        Watch {
            members: Members::new(self.clone()),
            phase: Phase::Begin(options.start),
            options,
            begun: false,
            ready: VecDeque::new(),
        }
    }
}

impl Watch {
    /// The place after everything that [`Watch::next`] has yielded, to go on from in another watch:
    /// exact after the last change of a revision, at the beginning of a revision in the middle of
    /// it. None while content that was not yielded completely would be missed from there.
    pub fn cursor(&self) -> Option<Cursor> {
        let content = |item: &WatchItem| !matches!(item, WatchItem::Event(_));
        let Phase::Following { cursor, pages } = &self.phase else {
            return None;
        };
        // Changes that the later pages of the content show already would be told once more.
        if self.ready.iter().any(content) || pages.reach(cursor.revision) {
            return None;
        }
        Some(match self.ready.front() {
            Some(WatchItem::Event(event)) => Cursor::at(event.revision),
            _ => *cursor,
        })
    }

    /// Whether the cluster has answered: an error before is one of the first contact.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The next item, if it is here already.
    pub fn next_ready(&mut self) -> Option<WatchItem> {
        self.ready.pop_front()
    }

    /// The next item; waits for it without limit. May be dropped and called again at any time.
    ///
    /// # Errors
    /// - [`Error::Compacted`] if no member keeps the changes from the place reached on; the watch
    ///   is over. With [`WatchOptions::resync`] it goes on by itself instead.
    /// - What else is in the way, when no member has told anything for the client's timeout:
    ///   [`Error::Unreachable`] for example, or [`Error::NoLeader`] when those that answer hear from
    ///   no leader. The watch keeps its place: call again to go on.
    pub async fn next(&mut self) -> Result<WatchItem, Error> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            self.step(MAX_WAIT).await?;
        }
    }

    /// Returns as soon as a member answers, whether or not there is a change: after an error of
    /// [`Watch::next`], to tell when the watch goes on. What comes is kept for `next`. May be
    /// dropped and called again at any time.
    ///
    /// # Errors
    /// See [`Watch::next`].
    pub async fn reach(&mut self) -> Result<(), Error> {
        self.step(Duration::ZERO).await
    }

    async fn step(&mut self, max_wait: Duration) -> Result<(), Error> {
        match &self.phase {
            Phase::Begin(Start::Now) => {
                let revision = self.members.client.revision().await?;
                self.begun = true;
                self.follow(Cursor::at(revision + 1));
            }
            Phase::Begin(Start::At(cursor)) => {
                let cursor = *cursor;
                self.follow(cursor);
                self.poll(cursor, max_wait).await?;
            }
            Phase::Begin(Start::Initial) => self.read_page(None).await?,
            Phase::Listing { cursor, .. } => {
                let cursor = *cursor;
                self.poll(cursor, Duration::ZERO).await?;
                // The phase may be another one now.
                if let Phase::Listing { page, .. } = &self.phase {
                    let page = page.clone();
                    self.read_page(page).await?;
                }
            }
            Phase::Following { cursor, .. } => {
                let cursor = *cursor;
                self.poll(cursor, max_wait).await?;
            }
        }
        Ok(())
    }

    fn follow(&mut self, cursor: Cursor) {
        self.phase = Phase::Following {
            pages: Pages::default(),
            cursor,
        };
    }

    /// Begins anew with the content.
    fn resync(&mut self) {
        self.ready.push_back(WatchItem::Resync);
        self.phase = Phase::Begin(Start::Initial);
    }

    /// Reads a page of the content.
    async fn read_page(&mut self, page: Option<Bytes>) -> Result<(), Error> {
        let reply = match page.clone() {
            None => self.first_page().await?,
            page => match self.members.client.list(self.listing(page)).await {
                // Deleted since the page before.
                Err(Error::NamespaceNotFound { .. }) => {
                    self.resync();
                    return Ok(());
                }
                reply => reply?,
            },
        };
        self.begun = true;
        let (mut pages, cursor) = match &mut self.phase {
            Phase::Listing { pages, cursor, .. } => (std::mem::take(pages), *cursor),
            _ => (Pages::default(), Cursor::at(reply.revision + 1)),
        };
        match (&reply.next, reply.entries.last()) {
            (None, _) => pages.add(None, reply.revision),
            (Some(_), Some(last)) => pages.add(Some(last.key.clone()), reply.revision),
            // Nothing was read.
            (Some(_), None) => {}
        }
        let entries = reply.entries.into_iter().map(WatchItem::Entry);
        self.ready.extend(entries);
        self.phase = if reply.next.is_none() {
            self.ready.push_back(WatchItem::Ready);
            Phase::Following { pages, cursor }
        } else {
            Phase::Listing {
                pages,
                page: reply.next,
                cursor,
            }
        };
        Ok(())
    }

    /// The first page; empty if there is no such namespace.
    async fn first_page(&self) -> Result<ListReply, Error> {
        let client = &self.members.client;
        let request = self.listing(None);
        match client.list(request.clone()).await {
            Err(Error::NamespaceNotFound { .. }) => {}
            reply => return reply,
        }
        // It may come into being at any time: empty is what is still empty after the revision is
        // known.
        let revision = client.revision().await?;
        match client.list(request).await {
            Err(Error::NamespaceNotFound { .. }) => Ok(ListReply {
                entries: Vec::new(),
                next: None,
                revision,
                staleness: None,
            }),
            reply => reply,
        }
    }

    fn listing(&self, page: Option<Bytes>) -> ListRequest {
        let mut request = ListRequest {
            namespace: self.options.namespace.clone(),
            page,
            consistency: Consistency::Linearizable,
            ..ListRequest::default()
        };
        match &self.options.target {
            WatchTarget::Prefix(prefix) => request.prefix = prefix.clone(),
            WatchTarget::Key(key) => {
                request.prefix = key.clone();
                // No key is longer than the longest.
                if key.len() < MAX_KEY_BYTES {
                    request.end = Some([key, &b"\0"[..]].concat().into());
                }
            }
        }
        request
    }

    /// Asks for changes from a place on, and takes in what comes.
    async fn poll(&mut self, from: Cursor, max_wait: Duration) -> Result<(), Error> {
        let (WatchTarget::Key(key) | WatchTarget::Prefix(key)) = &self.options.target;
        check_key(key)?;
        let request = WatchRequest {
            namespace: self.options.namespace.clone(),
            target: self.options.target.clone(),
            from,
            previous: self.options.previous,
            keys_only: self.options.keys_only,
            max_wait,
        };
        let reply = match self.members.ask(&request).await {
            Ok(reply) => reply,
            Err(Error::Compacted { .. }) if self.options.resync => {
                self.resync();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.begun = true;
        let (pages, cursor, listing) = match &mut self.phase {
            Phase::Listing { pages, cursor, .. } => (pages, cursor, true),
            Phase::Following { pages, cursor } => (pages, cursor, false),
            Phase::Begin(_) => return Ok(()),
        };
        *cursor = reply.next;
        let filtered = listing || !pages.is_empty();
        for event in reply.events {
            if event.kind == EventKind::NamespaceDeleted
                && (listing || pages.are_cut_by(event.revision))
            {
                self.resync();
                return Ok(());
            }
            if !filtered || pages.is_news(&event) {
                self.ready.push_back(WatchItem::Event(event));
            }
        }
        if !listing {
            pages.forget_before(reply.next.revision);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
