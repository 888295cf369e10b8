//! Faults of the network, as something that happens to a [`Run`] with links.
//!
//! Each is seen by what the links count: bytes held back, delayed, connections reset or refused.

use std::time::Duration;

use super::links::{Delay, Links};
use crate::{cluster::wait_at_most, scenario::Run};

/// A member neither hears the others nor is heard.
const ISOLATION: &str = "isolation";

/// A member is not heard by another, which it hears.
const ONE_WAY_CUT: &str = "one-way cut";

/// Everything between members arrives late.
const DELAY: &str = "delay";

/// A connection is reset in the middle of a frame.
const RESET: &str = "reset";

/// How late it arrives: by 75 ms, give or take 50 ms.
const LATE: (Duration, Duration) = (Duration::from_millis(75), Duration::from_millis(50));

/// How long it may take until somebody has said something that a fault does something to. Members
/// say something ten times a second at least, but to one that is gone.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

impl Run {
    fn links(&self) -> &Links {
        self.links.as_ref().expect("a plan with links")
    }

    /// Waits until what the links count has grown.
    async fn seen(&mut self, fault: &'static str, before: u64, count: impl Fn(&Links) -> u64) {
        let what = format!("the links see the effect of a fault: {fault}");
        wait_at_most(SEEN_WITHIN, &what, async || {
            (count(self.links()) > before).then_some(())
        })
        .await;
        self.happened(fault);
    }

    /// Cuts a member off from all others, clients excepted.
    pub(crate) async fn isolate(&mut self, index: usize) {
        let name = self.name(index);
        self.begins(ISOLATION, name);
        let others = 0..self.cluster.members().len();
        let others: Vec<usize> = others.filter(|other| *other != index).collect();
        let held = |links: &Links| {
            let there = others.iter().map(|other| links.seen(index, *other).held);
            let back = others.iter().map(|other| links.seen(*other, index).held);
            there.chain(back).sum()
        };
        let before = held(self.links());
        self.links().isolate(index);
        self.seen(ISOLATION, before, held).await;
    }

    /// Holds back what one member says to another.
    pub(crate) async fn cut_one_way(&mut self, from: usize, to: usize) {
        let (speaker, deaf) = (self.name(from), self.name(to));
        self.begins(ONE_WAY_CUT, format!("{deaf} does not hear {speaker}"));
        let held = |links: &Links| links.seen(from, to).held;
        let before = held(self.links());
        self.links().cut_one_way(from, to);
        self.seen(ONE_WAY_CUT, before, held).await;
    }

    /// Delays all that members say to each other.
    pub(crate) async fn delay(&mut self) {
        let (mean, jitter) = LATE;
        self.begins(DELAY, format!("{mean:?}, give or take {jitter:?}"));
        let delayed = |links: &Links| links.seen_in_all().delayed;
        let before = delayed(self.links());
        self.links().delay(Delay::new(mean, jitter));
        self.seen(DELAY, before, delayed).await;
    }

    /// Resets a connection in the middle of the next frame that one member sends to another.
    pub(crate) async fn reset_in_a_frame(&mut self, from: usize, to: usize) {
        let (speaker, other) = (self.name(from), self.name(to));
        self.begins(RESET, format!("{speaker} to {other}"));
        let resets = |links: &Links| links.seen(from, to).resets;
        let before = resets(self.links());
        self.links().reset_in_a_frame(from, to);
        self.seen(RESET, before, resets).await;
    }

    /// Ends all faults of the network.
    pub(crate) fn mend_network(&mut self) {
        self.note("all links are whole");
        self.links().heal();
    }
}
