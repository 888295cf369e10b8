//! The layout of the data: every key the state machine ever writes.
//!
//! ```text
//! 00 00                      applied position           Position
//! 00 01                      membership                 opaque bytes of the Raft layer
//! 00 02                      layout version             u32
//! 00 03                      next namespace id          u32
//! 00 04                      the clock                  milliseconds, u64
//! 00 05                      how far expiry has come    milliseconds, u64
//! 10 <name>                  namespace by name          NamespaceRecord
//! 11 <id: u32>               dropped namespace          where reclaiming goes on
//! 12 <id: u32>               name of a live namespace   its bytes
//! 20 <id: u32> <key>         entry of a namespace       EntryHead, value
//! 30 <at: u64> 01 <id> <key> end of an entry            length of its value, u64
//! 30 <at: u64> 02 <lease>    end of a lease             nothing
//! 30 <at: u64> 03 <session>  look at a session          nothing
//! 40 <lease: u64>            lease                      LeaseRecord
//! 41 <lease> <id> <key>      entry of a lease           length of its value, u64
//! 50 <session: u64>          session                    SessionRecord
//! 51 <session> <seq: u64>    long reply of a session    the reply
//! ```
//!
//! The encoding keeps order: for two keys, `a < b` exactly if `a.encode() < b.encode()`. Numbers
//! are big-endian; the one part of variable length stands last and needs no escaping.
//!
//! Tags not listed are free for what later versions add. A tag is never given a second meaning; a
//! change to what is here needs a new layout version.

use std::ops::Bound;

use crate::engine::{EngineError, Slice};

const META: u8 = 0x00;
const NAMESPACE: u8 = 0x10;
const DROPPED: u8 = 0x11;
const NAME: u8 = 0x12;
const ENTRY: u8 = 0x20;
const DEADLINE: u8 = 0x30;
const LEASE: u8 = 0x40;
const LEASED: u8 = 0x41;
const SESSION: u8 = 0x50;
const REPLY: u8 = 0x51;

const DEADLINE_ENTRY: u8 = 0x01;
const DEADLINE_LEASE: u8 = 0x02;
const DEADLINE_SESSION: u8 = 0x03;

const APPLIED: u8 = 0x00;
const MEMBERSHIP: u8 = 0x01;
const LAYOUT: u8 = 0x02;
const NEXT_NAMESPACE_ID: u8 = 0x03;
const CLOCK: u8 = 0x04;
const SWEPT: u8 = 0x05;

/// The number of a namespace, given out once and never again.
pub type NamespaceId = u32;

/// A key of the engine, with its meaning. The order of the variants is the order of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'a> {
    /// Term and index of the last command applied.
    Applied,
    /// The membership last applied, in a form that only the Raft layer knows.
    Membership,
    /// The version of this layout.
    Layout,
    /// The id the next namespace will get.
    NextNamespaceId,
    /// The latest time stamped on a command, in milliseconds.
    Clock,
    /// The time before which no deadline stands any more, in milliseconds.
    Swept,
    /// A live namespace, by name.
    Namespace(&'a str),
    /// A deleted namespace whose entries are still to be removed.
    Dropped(NamespaceId),
    /// The name of a live namespace.
    Name(NamespaceId),
    /// An entry: namespace, and the user's key.
    Entry(NamespaceId, &'a [u8]),
    /// A time at which something is due.
    Deadline(u64, Due<'a>),
    /// A lease.
    Lease(u64),
    /// An entry that lives with a lease.
    Leased(u64, NamespaceId, &'a [u8]),
    /// A session.
    Session(u64),
    /// A reply of a session that is kept apart for its length.
    Reply(u64, u64),
}

/// What is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due<'a> {
    /// The end of an entry.
    Entry(NamespaceId, &'a [u8]),
    /// The end of a lease.
    Lease(u64),
    /// A look at a session.
    Session(u64),
}

impl<'a> Key<'a> {
    /// How many bytes stand before the user's key in [`Key::Entry`].
    pub const ENTRY_PREFIX: usize = 5;

    /// The bytes under which the engine keeps this key.
    pub fn encode(&self) -> Slice {
        match *self {
            Key::Applied => Slice::from([META, APPLIED]),
            Key::Membership => Slice::from([META, MEMBERSHIP]),
            Key::Layout => Slice::from([META, LAYOUT]),
            Key::NextNamespaceId => Slice::from([META, NEXT_NAMESPACE_ID]),
            Key::Clock => Slice::from([META, CLOCK]),
            Key::Swept => Slice::from([META, SWEPT]),
            Key::Namespace(name) => join(&[&[NAMESPACE], name.as_bytes()]),
            Key::Dropped(id) => Slice::from(numbered(DROPPED, id)),
            Key::Name(id) => Slice::from(numbered(NAME, id)),
            Key::Entry(id, key) => join(&[&numbered(ENTRY, id), key]),
            Key::Deadline(at, due) => {
                let at = at.to_be_bytes();
                let (kind, id, key) = match due {
                    Due::Entry(id, key) => (DEADLINE_ENTRY, &id.to_be_bytes()[..], key),
                    Due::Lease(id) => (DEADLINE_LEASE, &id.to_be_bytes()[..], &[][..]),
                    Due::Session(id) => (DEADLINE_SESSION, &id.to_be_bytes()[..], &[][..]),
                };
                join(&[&[DEADLINE], &at, &[kind], id, key])
            }
            Key::Lease(id) => join(&[&[LEASE], &id.to_be_bytes()]),
            Key::Leased(lease, id, key) => {
                join(&[&[LEASED], &lease.to_be_bytes(), &id.to_be_bytes(), key])
            }
            Key::Session(id) => join(&[&[SESSION], &id.to_be_bytes()]),
            Key::Reply(id, seq) => join(&[&[REPLY], &id.to_be_bytes(), &seq.to_be_bytes()]),
        }
    }

    /// Reads a key back.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] if no version of this software up to this one writes such a key.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EngineError> {
        let key = match bytes {
            [META, APPLIED] => Some(Key::Applied),
            [META, MEMBERSHIP] => Some(Key::Membership),
            [META, LAYOUT] => Some(Key::Layout),
            [META, NEXT_NAMESPACE_ID] => Some(Key::NextNamespaceId),
            [META, CLOCK] => Some(Key::Clock),
            [META, SWEPT] => Some(Key::Swept),
            [NAMESPACE, name @ ..] => std::str::from_utf8(name).ok().map(Key::Namespace),
            [DROPPED, a, b, c, d] => Some(Key::Dropped(u32::from_be_bytes([*a, *b, *c, *d]))),
            [NAME, id @ ..] => exact(id).map(|id| Key::Name(u32::from_be_bytes(id))),
            [ENTRY, rest @ ..] => {
                leading(rest).map(|(id, key)| Key::Entry(u32::from_be_bytes(id), key))
            }
            [DEADLINE, rest @ ..] => leading(rest).and_then(|(at, due)| {
                let due = match due {
                    [DEADLINE_ENTRY, rest @ ..] => {
                        leading(rest).map(|(id, key)| Due::Entry(u32::from_be_bytes(id), key))
                    }
                    [DEADLINE_LEASE, id @ ..] => {
                        exact(id).map(|id| Due::Lease(u64::from_be_bytes(id)))
                    }
                    [DEADLINE_SESSION, id @ ..] => {
                        exact(id).map(|id| Due::Session(u64::from_be_bytes(id)))
                    }
                    _ => None,
                };
                due.map(|due| Key::Deadline(u64::from_be_bytes(at), due))
            }),
            [LEASE, id @ ..] => exact(id).map(|id| Key::Lease(u64::from_be_bytes(id))),
            [LEASED, rest @ ..] => leading(rest).and_then(|(lease, rest)| {
                leading(rest).map(|(id, key)| {
                    Key::Leased(u64::from_be_bytes(lease), u32::from_be_bytes(id), key)
                })
            }),
            [SESSION, id @ ..] => exact(id).map(|id| Key::Session(u64::from_be_bytes(id))),
            [REPLY, rest @ ..] => leading(rest).and_then(|(id, seq)| {
                exact(seq).map(|seq| Key::Reply(u64::from_be_bytes(id), u64::from_be_bytes(seq)))
            }),
            _ => None,
        };
        key.ok_or_else(|| EngineError::Corrupt {
            what: format!("the key 0x{}", hex(bytes)),
            reason: "it has no place in the layout of this version".into(),
        })
    }
}

/// For errors: the key in readable form.
impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Applied => f.write_str("applied position"),
            Key::Membership => f.write_str("membership"),
            Key::Layout => f.write_str("layout version"),
            Key::NextNamespaceId => f.write_str("next namespace id"),
            Key::Clock => f.write_str("clock"),
            Key::Swept => f.write_str("how far expiry has come"),
            Key::Namespace(name) => write!(f, "namespace {name}"),
            Key::Dropped(id) => write!(f, "dropped namespace {id}"),
            Key::Name(id) => write!(f, "name of namespace {id}"),
            Key::Entry(id, key) => write!(f, "entry {id}/{}", key.escape_ascii()),
            Key::Deadline(at, Due::Entry(id, key)) => {
                write!(f, "at {at} the end of entry {id}/{}", key.escape_ascii())
            }
            Key::Deadline(at, Due::Lease(id)) => write!(f, "at {at} the end of lease {id}"),
            Key::Deadline(at, Due::Session(id)) => write!(f, "at {at} a look at session {id}"),
            Key::Lease(id) => write!(f, "lease {id}"),
            Key::Leased(lease, id, key) => {
                write!(f, "entry {id}/{} of lease {lease}", key.escape_ascii())
            }
            Key::Session(id) => write!(f, "session {id}"),
            Key::Reply(id, seq) => write!(f, "reply {seq} of session {id}"),
        }
    }
}

/// Bounds of a range of engine keys.
pub type Range = (Bound<Slice>, Bound<Slice>);

/// The range of all live namespaces.
pub fn namespaces() -> Range {
    tagged(NAMESPACE)
}

/// The range of all dropped namespaces.
pub fn dropped() -> Range {
    tagged(DROPPED)
}

/// The range of the entries of `id` whose keys begin with `prefix`; all of them if it is empty.
pub fn entries(id: NamespaceId, prefix: &[u8]) -> Range {
    let first = Key::Entry(id, prefix).encode();
    let end = match successor(&first) {
        Some(end) => Bound::Excluded(end),
        None => Bound::Unbounded,
    };
    (Bound::Included(first), end)
}

/// The range of the deadlines at a time and later.
pub fn deadlines(from: u64) -> Range {
    let (_, end) = tagged(DEADLINE);
    let first = join(&[&[DEADLINE], &from.to_be_bytes()]);
    (Bound::Included(first), end)
}

/// The range of the leases above a number; of all without one.
pub fn leases(above: Option<u64>) -> Range {
    let (first, end) = tagged(LEASE);
    match above {
        Some(id) => (Bound::Excluded(Key::Lease(id).encode()), end),
        None => (first, end),
    }
}

/// The range of the entries of a lease from a namespace on.
pub fn leased(lease: u64, from: NamespaceId) -> Range {
    let prefix = join(&[&[LEASED], &lease.to_be_bytes()]);
    let end = match successor(&prefix) {
        Some(end) => Bound::Excluded(end),
        None => Bound::Unbounded,
    };
    (Bound::Included(Key::Leased(lease, from, &[]).encode()), end)
}

/// The range of everything that is replicated data: all but the applied position, the
/// membership and the layout version, which a snapshot carries in its header.
pub fn data() -> Range {
    (
        Bound::Included(Key::NextNamespaceId.encode()),
        Bound::Unbounded,
    )
}

/// One byte string out of several. Short ones, as keys and most records are, cost one allocation
/// and no more.
pub fn join(parts: &[&[u8]]) -> Slice {
    const SHORT: usize = 256;
    let mut short = [0; SHORT];
    let mut length = 0;
    for part in parts {
        let Some(place) = short.get_mut(length..length + part.len()) else {
            return parts.concat().into();
        };
        place.copy_from_slice(part);
        length += part.len();
    }
    Slice::from(&short[..length])
}

fn tagged(tag: u8) -> Range {
    (
        Bound::Included(Slice::from([tag])),
        Bound::Excluded(Slice::from([tag + 1])),
    )
}

/// The smallest byte string above every string that begins with `prefix`; none if the prefix is
/// empty or all `0xff`.
fn successor(prefix: &[u8]) -> Option<Slice> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next.into())
}

fn numbered(tag: u8, id: u32) -> [u8; 5] {
    let [a, b, c, d] = id.to_be_bytes();
    [tag, a, b, c, d]
}

fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn leading<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes
        .split_first_chunk()
        .map(|(first, rest)| (*first, rest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
