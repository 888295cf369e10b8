//! Which part of the content was read when, so that each change is told once.

use bytes::Bytes;

use crate::types::{Event, Revision};

/// Which part of the content was read at which revision.
#[derive(Default)]
pub(super) struct Pages {
    /// Up to and including a key, without one to the end; in the order of the keys.
    read: Vec<(Option<Bytes>, Revision)>,
}

impl Pages {
    /// The content up to and including a key was read, or without one to its end.
    pub(super) fn add(&mut self, end: Option<Bytes>, revision: Revision) {
        self.read.push((end, revision));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// Whether a change is news: not shown by the page that covers its key, and not left to one
    /// that is still to be read.
    pub(super) fn is_news(&self, event: &Event) -> bool {
        let covers = |end: &Option<Bytes>| end.as_ref().is_none_or(|end| event.key <= *end);
        match self.read.iter().find(|(end, _)| covers(end)) {
            Some((_, revision)) => event.revision > *revision,
            None => false,
        }
    }

    /// Whether some pages were read before a revision and some after it.
    pub(super) fn are_cut_by(&self, revision: Revision) -> bool {
        let before = |(_, read): &(Option<Bytes>, Revision)| *read < revision;
        self.read.iter().any(before) && !self.read.iter().all(before)
    }

    /// Whether a page was read at a revision or later.
    pub(super) fn reach(&self, revision: Revision) -> bool {
        self.read.iter().any(|(_, read)| *read >= revision)
    }

    /// Everything up to here is told apart no more.
    pub(super) fn forget_before(&mut self, revision: Revision) {
        if self.read.iter().all(|(_, read)| *read < revision) {
            self.read.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::EventKind;

    fn event(key: &'static str, revision: Revision) -> Event {
        Event {
            kind: EventKind::Put,
            key: key.into(),
            size: 0,
            revision,
            value: Bytes::new(),
            version: 1,
            create_revision: revision,
            previous: None,
        }
    }

    #[test]
    fn a_change_is_told_once_whether_before_or_after_its_page() {
        let mut pages = Pages::default();
        pages.add(Some("f".into()), 10);
        // Of a key that is read later: left to that page.
        assert!(!pages.is_news(&event("g", 11)));
        assert!(pages.is_news(&event("f", 11)));
        pages.add(None, 20);
        assert!(!pages.is_news(&event("f", 10)));
        assert!(!pages.is_news(&event("g", 20)));
        assert!(pages.is_news(&event("g", 21)));
        pages.forget_before(20);
        assert!(!pages.is_empty());
        pages.forget_before(21);
        assert!(pages.is_empty());
    }

    #[test]
    fn only_what_happened_between_two_pages_cuts_them() {
        let mut pages = Pages::default();
        pages.add(Some("f".into()), 10);
        pages.add(None, 20);
        assert!(!pages.are_cut_by(10));
        assert!(pages.are_cut_by(11));
        assert!(pages.are_cut_by(20));
        assert!(!pages.are_cut_by(21));
    }
}
