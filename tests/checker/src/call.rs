//! One call of a history, and what makes a history well formed.

use std::{collections::BTreeMap, fmt::Debug};

/// One call: what was asked, what came back, and when, in nanoseconds of one monotonic clock.
///
/// Of two calls one precedes the other if it ended BEFORE the other started; if the times are
/// equal, they count as concurrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<O> {
    /// Who called. A client has one call under way at a time.
    pub client: u32,
    /// What was asked, and the answer.
    pub operation: O,
    /// When the call was about to be sent.
    pub start: u64,
    /// When the answer was there. None if the outcome is unknown: the call may take effect at any
    /// later time, or never.
    pub end: Option<u64>,
}

impl<O> Call<O> {
    /// Whether its outcome is known.
    pub fn is_answered(&self) -> bool {
        self.end.is_some()
    }
}

/// Divides the calls on many objects into one history an object.
pub fn partition<K: Ord, O>(
    calls: impl IntoIterator<Item = (K, Call<O>)>,
) -> BTreeMap<K, Vec<Call<O>>> {
    let mut histories = BTreeMap::<K, Vec<Call<O>>>::new();
    for (key, call) in calls {
        histories.entry(key).or_default().push(call);
    }
    histories
}

/// Panics if a call ends before it starts, or starts before the same client's last one was
/// answered.
pub(crate) fn assert_well_formed<O: Debug>(calls: &[Call<O>]) {
    let mut clients = BTreeMap::<u32, Vec<&Call<O>>>::new();
    for call in calls {
        assert!(
            call.end.is_none_or(|end| call.start <= end),
            "ends before it starts: {call:?}"
        );
        clients.entry(call.client).or_default().push(call);
    }
    for calls in clients.values_mut() {
        calls.sort_by_key(|call| (call.start, call.end.unwrap_or(call.start)));
        for pair in calls.windows(2) {
            assert!(
                pair[0].end.is_none_or(|end| end <= pair[1].start),
                "one client, two calls at once: {:?} and {:?}",
                pair[0],
                pair[1]
            );
        }
    }
}
