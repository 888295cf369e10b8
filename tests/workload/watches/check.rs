//! The check of the watches against what the clients of the registers know, and against each other.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use common::types::{Event, EventKind, Revision};

use super::{Told, Watches, lock};
use crate::workload::{
    Checked,
    registers::{Change, Changes, number},
};

/// What an event says of a register; none for an event that no client can have caused.
fn change(event: &Event) -> Option<Change> {
    let value = match event.kind {
        EventKind::Put => Some(number(&event.value)?),
        EventKind::Delete => None,
        EventKind::Expire | EventKind::NamespaceDeleted => return None,
    };
    Some(Change {
        key: event.key.clone(),
        value,
    })
}

impl Watches {
    /// Checks what all watchers were told.
    pub(in crate::workload) fn check(&self) -> Checked {
        let changes = self.registers.changes();
        let mut checked = Checked::default();
        let mut everything = BTreeMap::new();
        for watcher in &self.watchers {
            let told = lock(&watcher.told).clone();
            let name = &watcher.name;
            checked.changes += told.events.len();
            let found = [
                told.faults.clone(),
                out_of_order(&told.events),
                versions(&told),
                against_the_clients(&told, &changes),
                against_the_others(&told, &mut everything),
            ];
            let said = |violation| format!("watcher {name}: {violation}");
            checked
                .violations
                .extend(found.into_iter().flatten().map(said));
        }
        checked
    }
}

/// Every change of a register has a revision of its own: each is greater than the one before.
fn out_of_order(events: &[Event]) -> Vec<String> {
    let wrong = events
        .windows(2)
        .filter(|pair| pair[0].revision >= pair[1].revision);
    wrong
        .map(|pair| format!("{:?} came before {:?}", pair[0], pair[1]))
        .collect()
}

/// A key's version counts its puts: one that is left out or told twice shows, whoever made it.
fn versions(told: &Told) -> Vec<String> {
    let mut violations = Vec::new();
    let mut last: HashMap<&Bytes, (Revision, u64)> = HashMap::new();
    for event in &told.events {
        if event.kind != EventKind::Put {
            last.insert(&event.key, (event.revision, 0));
            continue;
        }
        let known = last.insert(&event.key, (event.revision, event.version));
        let begins = event.create_revision == event.revision;
        let expected = match known {
            // Told for the first time, or after something that was said to be lost.
            None => continue,
            Some((revision, _)) if gap_between(told, revision, event.revision) => continue,
            Some((_, version)) => version + 1,
        };
        if event.version != expected || begins != (expected == 1) {
            violations.push(format!("{event:?} should have version {expected}"));
        }
    }
    violations
}

fn gap_between(told: &Told, from: Revision, to: Revision) -> bool {
    told.gaps
        .iter()
        .any(|(gap, oldest)| *gap < to && *oldest > from)
}

/// Every acknowledged change was told, and nothing that no client asked for.
fn against_the_clients(told: &Told, changes: &Changes) -> Vec<String> {
    let mut violations = Vec::new();
    let events: BTreeMap<Revision, &Event> = told
        .events
        .iter()
        .map(|event| (event.revision, event))
        .collect();
    for (revision, acknowledged) in &changes.acknowledged {
        match events.get(revision) {
            None if told.lacks(*revision) || *revision > told.last() => {}
            None => violations.push(format!(
                "revision {revision} was not told: {acknowledged:?}"
            )),
            Some(event) if change(event).as_ref() == Some(acknowledged) => {}
            Some(event) => violations.push(format!("{event:?} and not {acknowledged:?}")),
        }
    }
    for event in &told.events {
        let unknown = |change: &Change| changes.unknown.contains(change);
        if !changes.acknowledged.contains_key(&event.revision)
            && !change(event).as_ref().is_some_and(unknown)
        {
            violations.push(format!("nobody may have done this: {event:?}"));
        }
    }
    violations
}

/// What one watcher was told of a revision, every other is told, too. `everything` is what those
/// before were told.
fn against_the_others(
    told: &Told,
    everything: &mut BTreeMap<Revision, (Option<Change>, u64)>,
) -> Vec<String> {
    let mut violations = Vec::new();
    for event in &told.events {
        let this = (change(event), event.version);
        let first = everything
            .entry(event.revision)
            .or_insert_with(|| this.clone());
        if *first != this {
            violations.push(format!("{event:?}, and another was told {first:?}"));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(revision: Revision, value: u64, version: u64) -> Event {
        Event {
            kind: EventKind::Put,
            key: "r0".into(),
            revision,
            value: value.to_string().into(),
            size: 1,
            version,
            create_revision: revision + 1 - version,
            previous: None,
        }
    }

    fn told(events: &[Event]) -> Told {
        Told {
            from: 1,
            events: events.to_vec(),
            ..Told::default()
        }
    }

    fn changes(revisions: &[(Revision, u64)]) -> Changes {
        let change = |value| Change {
            key: "r0".into(),
            value: Some(value),
        };
        Changes {
            acknowledged: revisions
                .iter()
                .map(|(revision, value)| (*revision, change(*value)))
                .collect(),
            unknown: Vec::new(),
        }
    }

    #[test]
    fn a_change_left_out_or_told_twice_or_invented_is_found() {
        let known = changes(&[(5, 1), (6, 2), (7, 3)]);
        let all = [put(5, 1, 1), put(6, 2, 2), put(7, 3, 3)];
        let found = |events: &[Event]| {
            let told = told(events);
            [
                out_of_order(events).len(),
                versions(&told).len(),
                against_the_clients(&told, &known).len(),
            ]
        };
        assert_eq!(found(&all), [0, 0, 0]);
        assert_eq!(found(&[all[0].clone(), all[2].clone()]), [0, 1, 1]);
        assert_eq!(found(&[all[0].clone(), all[0].clone()]), [1, 1, 0]);
        let invented = [all.to_vec(), vec![put(8, 9, 4)]].concat();
        assert_eq!(found(&invented), [0, 0, 1]);
    }

    #[test]
    fn a_gap_excuses_what_lies_in_it_and_no_more() {
        let known = changes(&[(5, 1), (6, 2), (7, 3)]);
        let mut told = told(&[put(5, 1, 1), put(7, 3, 3)]);
        told.gaps.push((6, 7));
        assert_eq!(against_the_clients(&told, &known), Vec::<String>::new());
        assert_eq!(versions(&told), Vec::<String>::new());
        told.events.pop();
        told.events.push(put(8, 4, 4));
        assert_eq!(against_the_clients(&told, &known).len(), 2);
    }
}
