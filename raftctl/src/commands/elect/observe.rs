//! `elect --observe`: who holds an office, now and from now on.

use std::{collections::BTreeMap, process::ExitCode};

use bytes::Bytes;
use common::{
    Client,
    client::{LEASE_DIGITS, Start, WatchItem, WatchOptions},
    types::{EventKind, Revision, WatchTarget},
};

use crate::{
    commands::{follow::Follow, hold::Tenure},
    failure::Failure,
    output::{
        Output,
        table::{Column, Table, number, text},
    },
    signals::Taken,
};

const COLUMNS: [Column; 3] = [number("TOKEN"), text("VALUE"), text("KEY")];

/// Records come one at a time: columns have room from the beginning for what is usual.
const WIDTHS: [usize; 2] = [9, 20];

/// The candidates, as far as the watch has told of them.
struct Office {
    prefix: Bytes,
    /// By key.
    candidates: BTreeMap<Bytes, Candidate>,
    /// Whether all of them are known.
    complete: bool,
    /// The holder told last; within an option whether any was told.
    told: Option<Option<(Bytes, Candidate)>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    token: Revision,
    value: Bytes,
}

impl Office {
    fn new(name: &str) -> Self {
        Self {
            prefix: format!("{name}/").into(),
            candidates: BTreeMap::new(),
            complete: false,
            told: None,
        }
    }

    /// Takes in what the watch tells. Some if there is news: who holds the office now.
    fn take_in(&mut self, item: WatchItem) -> Option<Option<(Bytes, Candidate)>> {
        match item {
            WatchItem::Entry(entry) => self.set(entry.key, entry.create_revision, entry.value),
            WatchItem::Ready => self.complete = true,
            WatchItem::Resync => {
                self.candidates.clear();
                self.complete = false;
            }
            WatchItem::Event(event) => match event.kind {
                EventKind::Put => self.set(event.key, event.create_revision, event.value),
                EventKind::Delete | EventKind::Expire => {
                    self.candidates.remove(&event.key);
                }
                EventKind::NamespaceDeleted => self.candidates.clear(),
            },
        }
        if !self.complete {
            return None;
        }
        let first = self.candidates.iter().min_by_key(|(_, one)| one.token);
        let holder = first.map(|(key, candidate)| (key.clone(), candidate.clone()));
        if self.told.as_ref() == Some(&holder) {
            return None;
        }
        self.told = Some(holder.clone());
        Some(holder)
    }

    fn set(&mut self, key: Bytes, token: Revision, value: Bytes) {
        // Other keys may stand below the name, those of an office "NAME/..." for example.
        let place = key.get(self.prefix.len()..).unwrap_or_default();
        if place.len() == LEASE_DIGITS && place.iter().all(u8::is_ascii_hexdigit) {
            self.candidates.insert(key, Candidate { token, value });
        }
    }
}

pub(super) async fn run(
    namespace: &str,
    name: &str,
    client: &Client,
    signals: &mut Taken,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let mut office = Office::new(name);
    let mut follow = Follow::new(client.watch(WatchOptions {
        namespace: namespace.to_owned(),
        target: WatchTarget::Prefix(office.prefix.clone()),
        start: Start::Initial,
        previous: false,
        keys_only: false,
        resync: true,
    }));
    let mut table = Table::new(&COLUMNS).at_least(&WIDTHS);
    let gone = Output::reader_gone();
    tokio::pin!(gone);
    loop {
        let item = tokio::select! {
            item = follow.next(output) => item?,
            caught = signals.next() => return Ok(caught.exit()),
            () = &mut gone => return Ok(ExitCode::SUCCESS),
        };
        if let Some(holder) = office.take_in(item) {
            let holder = holder.as_ref();
            let holder = holder.map(|(key, one)| (one.token, &key[..], &one.value[..]));
            output.more_rows(&mut table, &[Tenure::new(namespace, name, holder)])?;
            output.flush()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use common::types::{Entry, Event};

    use super::*;
    use crate::output::{Format, tests::printed};

    fn key(lease: u64) -> Bytes {
        format!("office/{lease:016x}").into()
    }

    fn event(kind: EventKind, lease: u64, token: Revision, value: &'static str) -> WatchItem {
        WatchItem::Event(Event {
            kind,
            key: key(lease),
            size: 0,
            revision: 99,
            value: value.into(),
            version: 1,
            create_revision: token,
            previous: None,
        })
    }

    /// What is told of an item: "token value", "nobody", or nothing.
    fn told(office: &mut Office, item: WatchItem) -> String {
        match office.take_in(item) {
            None => String::new(),
            Some(None) => "nobody".to_owned(),
            Some(Some((_, one))) => {
                format!("{} {}", one.token, String::from_utf8_lossy(&one.value))
            }
        }
    }

    #[test]
    fn the_first_that_came_holds_the_office_until_it_goes() {
        let mut office = Office::new("office");
        let entry = |key: Bytes, token, value: &'static str| {
            WatchItem::Entry(Entry {
                key,
                value: value.into(),
                create_revision: token,
                size: 0,
                revision: token,
                version: 1,
                ttl: None,
                lease: None,
            })
        };
        let put = EventKind::Put;
        // The order of the keys is not that in which they came.
        assert_eq!(told(&mut office, entry(key(2), 12, "late")), "");
        assert_eq!(told(&mut office, entry(key(3), 11, "early")), "");
        let other = "office/inner/0000000000000001";
        assert_eq!(told(&mut office, entry(other.into(), 5, "another")), "");
        assert_eq!(told(&mut office, WatchItem::Ready), "11 early");
        assert_eq!(told(&mut office, event(put, 4, 13, "third")), "");
        assert_eq!(
            told(&mut office, event(put, 3, 11, "renamed")),
            "11 renamed"
        );
        assert_eq!(
            told(&mut office, event(EventKind::Expire, 3, 0, "")),
            "12 late"
        );
        assert_eq!(told(&mut office, event(EventKind::Delete, 4, 0, "")), "");
        assert_eq!(
            told(&mut office, event(EventKind::Delete, 2, 0, "")),
            "nobody"
        );
        assert_eq!(told(&mut office, event(put, 5, 20, "next")), "20 next");

        assert_eq!(told(&mut office, WatchItem::Resync), "");
        assert_eq!(told(&mut office, entry(key(5), 20, "next")), "");
        // The same as before is no news.
        assert_eq!(told(&mut office, WatchItem::Ready), "");
    }

    #[test]
    fn an_office_that_nobody_holds_is_told_of() {
        let mut office = Office::new("office");
        assert_eq!(told(&mut office, WatchItem::Ready), "nobody");
        let show = |format| {
            printed(format, false, |output| {
                let mut table = Table::new(&COLUMNS).at_least(&WIDTHS);
                let holder = Some((1200, &b"office/1"[..], &b"10.0.0.7"[..]));
                let rows = [
                    Tenure::new("default", "office", holder),
                    Tenure::new("default", "office", None),
                ];
                output.more_rows(&mut table, &rows)
            })
        };
        assert_eq!(
            show(Format::Table),
            "    TOKEN  VALUE                 KEY\n    \
                 1 200  10.0.0.7              office/1\n        \
                     -  nobody\n"
        );
        assert_eq!(show(Format::Plain), "1200\toffice/1\t10.0.0.7\n-\t-\t-\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"name\":\"office\",\"token\":\"1200\",\
             \"key\":\"office/1\",\"value\":\"10.0.0.7\"}\n\
             {\"namespace\":\"default\",\"name\":\"office\",\"token\":null}\n"
        );
    }
}
