//! Random publishing, evicting and polling against a plain list of everything that ever happened.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// A run of commands, each with its keys; those without are of no interest to anybody.
    Publish(Vec<Vec<u8>>),
    /// Deletes a namespace.
    End(u8),
    /// A state from elsewhere, some revisions ahead.
    Skip(u64),
    /// One watcher polls, looking at so many events at a time.
    Poll {
        watcher: prop::sample::Index,
        events: usize,
        bytes: usize,
        piece: usize,
    },
}

/// Namespace and key of a small number.
fn place(number: u8) -> (&'static str, &'static str) {
    let names = ["a", "b"];
    let keys = ["", "x", "x/1", "y"];
    (
        names[usize::from(number) % 2],
        keys[usize::from(number) / 2 % 4],
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    let command = prop::collection::vec(0..8u8, 0..5);
    prop_oneof![
        6 => prop::collection::vec(command, 0..4).prop_map(Step::Publish),
        1 => (0..2u8).prop_map(Step::End),
        1 => (0..4u64).prop_map(Step::Skip),
        8 => (any::<prop::sample::Index>(), 1..4usize, 1..2000usize, 1..4usize).prop_map(
            |(watcher, events, bytes, piece)| Step::Poll { watcher, events, bytes, piece }
        ),
    ]
}

/// One that follows an interest from the beginning.
struct Watcher {
    interest: Interest,
    next: Place,
    /// Revision and key of what it must hear next, as far as it has happened.
    expected: std::collections::VecDeque<(u64, Vec<u8>)>,
}

/// Everything that happened.
struct World {
    source: Source,
    history: History,
    published: u64,
    watchers: Vec<Watcher>,
    /// Revisions and sizes of what must be kept.
    kept: std::collections::VecDeque<(u64, usize)>,
    floor: u64,
    budget: usize,
}

impl World {
    fn new(budget: usize) -> Self {
        let interests = [
            one("a", ""),
            one("a", "x"),
            one("b", "y"),
            prefix("a", ""),
            prefix("a", "x"),
            prefix("b", "x/"),
        ];
        let watchers = interests.map(|interest| Watcher {
            interest,
            next: at(1, 0),
            expected: std::collections::VecDeque::new(),
        });
        Self {
            source: Source::new(),
            history: History::new(budget, 0),
            published: 0,
            watchers: watchers.into(),
            kept: std::collections::VecDeque::new(),
            floor: 0,
            budget,
        }
    }

    fn publish(&mut self, events: Vec<Event>) {
        self.published = self.source.index;
        for event in &events {
            self.kept.push_back((event.revision, event.size()));
            for watcher in &mut self.watchers {
                let Interest { namespace, keys } = &watcher.interest;
                let concerned = *event.namespace == **namespace
                    && (event.kind == EventKind::NamespaceDeleted
                        || match keys {
                            Keys::One(key) => event.key() == key,
                            Keys::Prefix(prefix) => event.key().starts_with(prefix),
                        });
                if concerned {
                    let heard = (event.revision, event.key().to_vec());
                    watcher.expected.push_back(heard);
                }
            }
        }
        self.history.push(events);
        while self.kept.iter().map(|(_, size)| size).sum::<usize>() > self.budget {
            self.floor = self.kept[0].0;
            let floor = self.floor;
            self.kept.retain(|(revision, _)| *revision > floor);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Publish(commands) => {
                let mut events = Vec::new();
                for command in commands {
                    let name = command.first().map_or("a", |number| place(*number).0);
                    let keys: Vec<&str> = command.iter().map(|number| place(*number).1).collect();
                    events.extend(self.source.put_all(name, &keys));
                }
                self.publish(events);
            }
            Step::End(number) => {
                let name = place(*number).0;
                self.source.put(name, "y");
                let events = self.source.delete_namespace(name);
                // The put was published by nobody: as if another member's log had been replayed.
                self.publish(events);
            }
            Step::Skip(ahead) => {
                self.source.index += ahead;
                self.published = self.source.index;
                self.floor = self.published;
                self.kept.clear();
                self.history.forget(self.floor);
            }
            Step::Poll {
                watcher,
                events,
                bytes,
                piece,
            } => {
                let number = watcher.index(self.watchers.len());
                let bounds = Bounds {
                    events: *events,
                    bytes: *bytes,
                };
                self.poll(number, bounds, *piece);
            }
        }
        let bytes = self.kept.iter().map(|(_, size)| size).sum::<usize>();
        assert_eq!(self.history.bytes(), bytes);
        assert_eq!(self.history.floor(), self.floor);
    }

    /// Polls, and compares with what there is to hear. Whether it is at the end.
    fn poll(&mut self, number: usize, bounds: Bounds, piece: usize) -> bool {
        let watcher = &mut self.watchers[number];
        let from = watcher.next;
        let mut search = Search::new(&watcher.interest, from, bounds);
        let at_end = loop {
            match self.history.look(&mut search, piece) {
                Ok(Look::More) => {}
                Ok(Look::Full) => break false,
                Ok(Look::End) => {
                    search.pass(self.published);
                    break true;
                }
                Err(Compacted { oldest }) => {
                    assert_eq!(oldest, self.floor + 1);
                    assert!(from.revision <= self.floor, "refused at {from:?}");
                    watcher.next = at(oldest, 0);
                    watcher.expected.retain(|(revision, _)| *revision >= oldest);
                    return false;
                }
            }
        };
        assert!(from.revision > self.floor, "answered at {from:?}");
        let found = search.found();
        assert!(found.events.len() <= bounds.events);
        let sizes: Vec<usize> = found.events.iter().map(Event::size).collect();
        if let Some((_, before)) = sizes.split_last() {
            assert!(before.iter().sum::<usize>() < bounds.bytes, "too much");
        }
        assert!(at_end || !found.events.is_empty(), "it stands still");
        for event in &found.events {
            let heard = (event.revision, event.key().to_vec());
            assert_eq!(watcher.expected.pop_front(), Some(heard));
        }
        assert!(found.next >= from);
        watcher.next = found.next;
        if at_end {
            assert!(watcher.expected.is_empty(), "{:?}", watcher.expected);
            assert_eq!(found.next, at(self.published + 1, 0).max(from));
        }
        at_end
    }
}

proptest! {
    #[test]
    fn watchers_hear_everything_once_and_in_order_or_are_told(
        steps in prop::collection::vec(any_step(), 1..60),
        budget in prop_oneof![0..600usize, 600..4000usize, Just(1 << 20)],
    ) {
        let mut world = World::new(budget);
        for step in &steps {
            world.step(step);
        }
        for number in 0..world.watchers.len() {
            while !world.poll(number, Bounds { events: 1, bytes: 1 }, 1) {}
        }
    }
}

/// Between two pieces of a look, what lies before it may go: nothing is missed by that.
#[test]
fn a_look_goes_on_where_it_was_while_the_oldest_goes() {
    let mut source = Source::new();
    // The first one replaces nothing, so that it is smaller than the others.
    source.put("a", "y");
    let events: Vec<Event> = (0..10).flat_map(|_| source.put("a", "y")).collect();
    let budget = events.iter().map(Event::size).sum();
    let mut history = History::new(budget, 1);
    history.push(events);
    let interest = one("a", "x");
    let mut search = Search::new(&interest, at(2, 0), ALL);
    for looked in 1..=5 {
        assert!(matches!(history.look(&mut search, 1), Ok(Look::More)));
        history.push(source.put("a", "y"));
        assert_eq!(history.floor(), 1 + looked);
    }
    assert!(matches!(history.look(&mut search, 1), Ok(Look::More)));
    history.push(source.put("a", "x"));
    while let Look::More = history.look(&mut search, 1).unwrap() {}
    assert_eq!(told(&search.found()), [(source.index, "x".into())]);
    // One that falls behind is told, unless it has found something before.
    for (interest, has_found) in [(one("a", "z"), false), (one("a", "y"), true)] {
        let oldest = history.floor() + 1;
        let mut search = Search::new(&interest, at(oldest, 0), ALL);
        assert!(matches!(history.look(&mut search, 1), Ok(Look::More)));
        for _ in 0..5 {
            history.push(source.put("a", "y"));
        }
        match history.look(&mut search, 1) {
            Ok(Look::Full) => assert!(has_found),
            Err(Compacted { oldest }) => assert!(!has_found && oldest == history.floor() + 1),
            _ => panic!("it goes on across a gap"),
        }
    }
}
