//! The answered calls in order of time, without those that have their place: a doubly linked list
//! of starts and ends, from which a call is lifted in constant time, and to which the call lifted
//! last returns in constant time.

use crate::Call;

/// Of an entry of the list, which stands for the start or the end of a call.
pub(crate) type Position = u32;

/// The list's own entry: before the first and after the last.
const RING: Position = 0;

struct Entry {
    time: u64,
    /// Which of the calls.
    call: u32,
    is_end: bool,
    previous: Position,
    next: Position,
}

pub(crate) struct Timeline {
    entries: Vec<Entry>,
    /// Of each call, where it starts and ends; of no meaning for one that is unanswered.
    positions: Vec<(Position, Position)>,
}

impl Timeline {
    pub(crate) fn new<O>(calls: &[Call<O>]) -> Self {
        let mut events = Vec::with_capacity(2 * calls.len());
        for (call, number) in calls.iter().zip(0u32..) {
            if let Some(end) = call.end {
                events.push((call.start, false, number));
                events.push((end, true, number));
            }
        }
        // Starts before ends: calls that meet at one instant count as concurrent.
        events.sort_unstable();
        let last = Position::try_from(events.len()).expect("fewer than 2 billion calls");
        let mut positions = vec![(RING, RING); calls.len()];
        let mut entries = vec![Entry {
            time: 0,
            call: 0,
            is_end: true,
            previous: last,
            next: if last == 0 { RING } else { 1 },
        }];
        for ((time, is_end, call), position) in events.into_iter().zip(1..) {
            let of_call = &mut positions[call as usize];
            *(if is_end {
                &mut of_call.1
            } else {
                &mut of_call.0
            }) = position;
            entries.push(Entry {
                time,
                call,
                is_end,
                previous: position - 1,
                next: if position == last { RING } else { position + 1 },
            });
        }
        Self { entries, positions }
    }

    /// The first call, in order of their starts, that may come next.
    pub(crate) fn first(&self) -> Option<(Position, u32)> {
        self.following(RING)
    }

    /// The call after the one that starts there that may come next, too: the list's calls before
    /// its first end, for what starts after that has this call before it.
    pub(crate) fn following(&self, position: Position) -> Option<(Position, u32)> {
        let next = self.entries[position as usize].next;
        let entry = &self.entries[next as usize];
        (!entry.is_end).then_some((next, entry.call))
    }

    /// When the first of the calls in the list ends: nothing that starts later may come next. None
    /// if the list is empty.
    pub(crate) fn horizon(&self) -> Option<u64> {
        let mut position = self.entries[RING as usize].next;
        while position != RING {
            let entry = &self.entries[position as usize];
            if entry.is_end {
                return Some(entry.time);
            }
            position = entry.next;
        }
        None
    }

    /// Takes the call out.
    pub(crate) fn lift(&mut self, call: u32) {
        let (start, end) = self.positions[call as usize];
        self.unlink(start);
        self.unlink(end);
    }

    /// Puts the call back, which of those that are out was taken out last.
    pub(crate) fn unlift(&mut self, call: u32) {
        let (start, end) = self.positions[call as usize];
        self.relink(end);
        self.relink(start);
    }

    fn unlink(&mut self, position: Position) {
        let Entry { previous, next, .. } = self.entries[position as usize];
        self.entries[previous as usize].next = next;
        self.entries[next as usize].previous = previous;
    }

    fn relink(&mut self, position: Position) {
        let Entry { previous, next, .. } = self.entries[position as usize];
        self.entries[previous as usize].next = position;
        self.entries[next as usize].previous = position;
    }
}
