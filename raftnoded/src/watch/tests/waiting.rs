//! Polls that wait: woken by what concerns them and by nothing else, and gone without a trace.

use std::{
    pin::{Pin, pin},
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Wake, Waker},
};

use super::*;

/// Counts how often its task would have been run.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A poll that is run by hand.
struct ByHand<'a> {
    poll: Pin<Box<dyn Future<Output = Result<Found, Compacted>> + 'a>>,
    alarm: Arc<Alarm>,
}

impl<'a> ByHand<'a> {
    /// Begins to wait.
    fn waiting(hub: &'a Hub, interest: &'a Interest, from: Place) -> Self {
        let mut by_hand = Self {
            poll: Box::pin(hub.poll(interest, from, ALL, later())),
            alarm: Arc::default(),
        };
        assert!(by_hand.run().is_pending());
        by_hand
    }

    fn run(&mut self) -> Poll<Result<Found, Compacted>> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        self.poll.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn is_woken(&self) -> bool {
        self.alarm.0.load(Ordering::SeqCst) > 0
    }
}

fn nobody_waits(hub: &Hub) -> bool {
    hub.state().waiters.is_empty()
}

#[tokio::test]
async fn an_event_wakes_those_whom_it_concerns_and_nobody_else() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    let interests = [
        one("a", "x"),
        one("a", "x"),
        one("a", "x/1"),
        one("b", "x"),
        prefix("a", ""),
        prefix("a", "x"),
        prefix("a", "x/"),
        prefix("a", "xy"),
        prefix("b", ""),
    ];
    let start = at(1, 0);
    for (key, concerned) in [
        ("x", &[0, 1, 4, 5][..]),
        ("x/1", &[2, 4, 5, 6]),
        ("", &[4]),
        ("y", &[4]),
        ("xyz", &[4, 5, 7]),
    ] {
        let from = Place {
            revision: source.index + 1,
            ..start
        };
        let mut polls: Vec<_> = (interests.iter())
            .map(|interest| ByHand::waiting(&hub, interest, from))
            .collect();
        source.publish(&hub, "a", key);
        for (number, poll) in polls.iter_mut().enumerate() {
            let expected = concerned.contains(&number);
            assert_eq!(
                poll.is_woken(),
                expected,
                "{key:?} and {:?}",
                interests[number]
            );
            match poll.run() {
                Poll::Ready(found) => {
                    let found = found.unwrap();
                    assert_eq!(told(&found), [(source.index, key.to_owned())]);
                    assert_eq!(found.next, at(source.index + 1, 0));
                }
                Poll::Pending => assert!(!expected),
            }
        }
        assert!(!nobody_waits(&hub));
        drop(polls);
        assert!(nobody_waits(&hub));
    }
}

#[tokio::test]
async fn the_end_of_a_namespace_wakes_all_who_watch_it() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    source.publish(&hub, "a", "x");
    source.publish(&hub, "b", "x");
    let interests = [one("a", "y"), prefix("a", "z"), one("b", "x")];
    let mut polls = interests
        .each_ref()
        .map(|interest| ByHand::waiting(&hub, interest, at(3, 0)));
    let events = source.delete_namespace("a");
    hub.publish(source.index, events);
    assert_eq!(polls.each_ref().map(ByHand::is_woken), [true, true, false]);
    for poll in &mut polls[..2] {
        let Poll::Ready(Ok(found)) = poll.run() else {
            panic!("it waits on");
        };
        assert_eq!(found.events[0].kind, EventKind::NamespaceDeleted);
    }
}

#[tokio::test]
async fn what_happens_before_the_place_does_not_end_the_wait() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    let interest = one("a", "x");
    let mut poll = ByHand::waiting(&hub, &interest, at(3, 0));
    for _ in 0..2 {
        source.publish(&hub, "a", "x");
        assert!(poll.run().is_pending());
    }
    source.publish(&hub, "a", "x");
    let Poll::Ready(Ok(found)) = poll.run() else {
        panic!("it waits on");
    };
    assert_eq!(told(&found), [(3, "x".into())]);
}

#[tokio::test]
async fn many_events_of_one_run_are_found_together() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    let interest = prefix("a", "x");
    let mut poll = ByHand::waiting(&hub, &interest, at(1, 0));
    let mut events = source.put("a", "y");
    for key in ["x1", "x2", "y"] {
        events.extend(source.put("a", key));
    }
    hub.publish(source.index, events);
    let Poll::Ready(Ok(found)) = poll.run() else {
        panic!("it waits on");
    };
    assert_eq!(told(&found), [(2, "x1".into()), (3, "x2".into())]);
    assert_eq!(found.next, at(5, 0));
}

#[tokio::test]
async fn what_wakes_and_is_lost_before_it_is_read_is_a_gap() {
    let mut source = Source::new();
    let size = source.put("a", "x")[0].size();
    let hub = Hub::new(size + size / 2, 1);
    let interest = one("a", "z");
    let mut poll = ByHand::waiting(&hub, &interest, at(2, 0));
    source.publish(&hub, "a", "z");
    for _ in 0..3 {
        source.publish(&hub, "a", "y");
    }
    let Poll::Ready(refused) = poll.run() else {
        panic!("it waits on");
    };
    let oldest = hub.extent().0;
    assert_eq!(refused.unwrap_err(), Compacted { oldest });
    // Who was not concerned by what is gone has missed nothing.
    let interest = one("a", "other");
    let mut poll = ByHand::waiting(&hub, &interest, at(oldest, 0));
    for _ in 0..5 {
        source.publish(&hub, "a", "y");
    }
    assert!(!poll.is_woken());
    source.publish(&hub, "a", "other");
    let Poll::Ready(Ok(found)) = poll.run() else {
        panic!("it waits on");
    };
    assert_eq!(told(&found), [(source.index, "other".into())]);
}

#[tokio::test]
async fn a_state_that_is_replaced_wakes_everybody() {
    let hub = Hub::new(1 << 20, 4);
    let interests = [one("a", "x"), prefix("b", "")];
    let mut polls = interests
        .each_ref()
        .map(|interest| ByHand::waiting(&hub, interest, at(5, 0)));
    hub.skip_to(4);
    // It was replaced by itself: nothing is missing.
    for poll in &mut polls {
        assert!(poll.is_woken() && poll.run().is_pending());
    }
    hub.skip_to(9);
    for poll in &mut polls {
        let Poll::Ready(refused) = poll.run() else {
            panic!("it waits on");
        };
        assert_eq!(refused.unwrap_err(), Compacted { oldest: 10 });
    }
    assert!(nobody_waits(&hub));
}

#[tokio::test]
async fn whoever_gives_up_leaves_nothing_behind_and_takes_nobody_along() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    for interest in [one("a", "x"), prefix("a", "x"), prefix("a", "")] {
        let from = at(source.index + 1, 0);
        let first = ByHand::waiting(&hub, &interest, from);
        let mut second = ByHand::waiting(&hub, &interest, from);
        drop(first);
        assert!(!nobody_waits(&hub));
        source.publish(&hub, "a", "x");
        // One that was woken and gives up then, with another who waits for the same by now.
        let woken = ByHand::waiting(&hub, &interest, at(source.index + 1, 0));
        source.publish(&hub, "a", "x");
        let mut third = ByHand::waiting(&hub, &interest, at(source.index + 1, 0));
        drop(woken);
        assert!(!nobody_waits(&hub));
        assert!(second.run().is_ready());
        drop(second);
        assert!(!nobody_waits(&hub));
        source.publish(&hub, "a", "x");
        assert!(third.run().is_ready());
        drop(third);
        assert!(nobody_waits(&hub));
    }
}

#[tokio::test]
async fn a_wait_ends_in_time_with_the_place_it_has_reached() {
    let (hub, mut source) = (Hub::new(1 << 20, 0), Source::new());
    source.publish(&hub, "a", "y");
    let interest = one("a", "x");
    let soon = Instant::now() + Duration::from_millis(20);
    let poll = pin!(hub.poll(&interest, at(1, 0), ALL, soon));
    let found = poll.await.unwrap();
    assert!(Instant::now() >= soon);
    assert_eq!((told(&found), found.next), (vec![], at(2, 0)));
    assert!(nobody_waits(&hub));
}

/// Tasks on several threads, to find what a single one cannot: an event between the look and the
/// wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_beside_a_writer_miss_nothing() {
    const EVENTS: u64 = 2000;
    let hub = Hub::new(1 << 30, 0);
    let watchers: Vec<_> = (0..4)
        .map(|number| {
            let hub = hub.clone();
            tokio::spawn(async move {
                let interest = match number % 2 {
                    0 => one("a", "x"),
                    _ => prefix("a", ""),
                };
                let bounds = Bounds {
                    events: 1 + number * 7,
                    ..ALL
                };
                let (mut place, mut heard) = (at(1, 0), 0);
                while heard < EVENTS {
                    let found = hub.poll(&interest, place, bounds, later()).await.unwrap();
                    for event in &found.events {
                        heard += 1;
                        assert_eq!(event.revision, heard);
                    }
                    place = found.next;
                }
            })
        })
        .collect();
    let writer = hub.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let mut source = Source::new();
        for _ in 0..EVENTS {
            source.publish(&writer, "a", "x");
        }
    });
    writer.await.unwrap();
    for watcher in watchers {
        watcher.await.unwrap();
    }
    assert!(nobody_waits(&hub));
}
