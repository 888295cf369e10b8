//! What can happen, and what can be asked for.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use common::types::{
    Activity, ActivityRequest, Cursor, Entry, Event, MemberStatus, NamespaceInfo, NodeId, Revision,
};
use crossterm::event::{KeyEvent, MouseEvent};

use super::keys::Command;

/// What happens to the model.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Time has passed.
    Tick,
    Key(KeyEvent),
    Mouse(MouseEvent),
    /// Text that was pasted.
    Paste(String),
    /// Columns and lines of the terminal.
    Resize(u16, u16),
    /// A command of the palette, or of a key.
    Command(Command),
    /// What a member answered.
    Looked {
        address: String,
        /// How long it took.
        took: Duration,
        answer: Result<Box<(MemberStatus, Activity)>, String>,
    },
    Namespaces(Result<Vec<NamespaceInfo>, String>),
    /// A page of the browser's window.
    Page {
        generation: u64,
        side: Side,
        answer: Result<Page, String>,
    },
    /// How many keys there are.
    Counted {
        generation: u64,
        answer: Result<Counted, String>,
    },
    /// A key and its value, if it is there.
    Got {
        key: Bytes,
        answer: Result<Option<Entry>, String>,
    },
    /// Changes that a watch told of, in their order.
    Changes {
        pane: Pane,
        generation: u64,
        events: Vec<Event>,
    },
    /// A watch was cut off, and goes on by itself; or it is well again.
    WatchState {
        pane: Pane,
        generation: u64,
        state: Result<(), String>,
    },
    /// Changes were lost: what was read before may not hold any more.
    WatchGap {
        pane: Pane,
        generation: u64,
    },
    /// A change was made, or not.
    Done {
        change: Change,
        result: Result<String, Refused>,
    },
    /// What the editor was closed with; nothing if the text is as it was.
    Edited {
        namespace: String,
        key: Bytes,
        /// The revision that was edited; 0 for a key that is not there.
        base: Revision,
        /// The bytes of the value as it was.
        size: u64,
        result: Result<Option<Bytes>, String>,
    },
    /// The value that is to be edited, as it is now; see [`Effect::Edit`].
    ToEdit {
        namespace: String,
        key: Bytes,
        text: Option<Bytes>,
        answer: Result<Option<Entry>, String>,
    },
    /// The value that is to be copied; see [`Copied::Value`].
    ToCopy(Result<Bytes, String>),
    /// Something outside did not work, for people.
    Trouble(String),
    /// The clipboard has it, as far as one can tell.
    Copied(usize),
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// For people: what, why, what to do next.
    pub(crate) reason: String,
    /// What is there instead, where a condition did not hold: the revision now, none for no key.
    pub(crate) conflict: Option<Option<Revision>>,
}

/// Where a page belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It is the whole window: the first page from the beginning, or from a key on.
    Fresh,
    /// It is the whole window: the last page.
    Last,
    Before,
    After,
    /// The same rows again, for what no event tells: times to live.
    Again,
}

/// A page of keys, without values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Ordered by key, also where it was read backwards.
    pub(crate) entries: Vec<Entry>,
    /// Whether there is more in the direction it was read.
    pub(crate) more: bool,
    pub(crate) revision: Revision,
    /// When it was read.
    pub(crate) at: Option<Instant>,
}

/// How many keys there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) count: u64,
    /// Changes up to this revision are in it.
    pub(crate) revision: Revision,
}

/// Which of the two watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pane {
    Browser,
    Watch,
}

/// What the loop is to do.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Ask a member; answered by [`Message::Looked`].
    Look {
        address: String,
        request: ActivityRequest,
    },
    /// Answered by [`Message::Namespaces`].
    ListNamespaces,
    /// Read keys; answered by [`Message::Page`].
    ReadPage {
        generation: u64,
        side: Side,
        namespace: String,
        prefix: Bytes,
        /// Fresh, Again: from this key on, the first of all if none. After: behind it. Before: below
        /// it, read backwards. Last: ignored.
        key: Option<Bytes>,
        limit: u32,
    },
    /// Answered by [`Message::Counted`].
    Count {
        generation: u64,
        namespace: String,
        prefix: Bytes,
    },
    /// Answered by [`Message::Got`].
    Get { namespace: String, key: Bytes },
    /// Follow the changes, in place of what the pane followed before; answered by
    /// [`Message::Changes`] and its like, again and again.
    Watch {
        pane: Pane,
        generation: u64,
        namespace: String,
        prefix: Bytes,
        /// From here on; none for from now on.
        from: Option<Cursor>,
    },
    /// Follow nothing any more.
    Unwatch(Pane),
    /// Answered by [`Message::Done`].
    Make(Change),
    /// Read the value of a key that is to be edited: what is shown may be cut off, or old. Answered
    /// by [`Message::ToEdit`].
    Edit {
        namespace: String,
        key: Bytes,
        /// What is to be edited instead of the value: a text that met with a conflict.
        text: Option<Bytes>,
    },
    /// Leave the terminal to an editor; answered by [`Message::Edited`].
    OpenEditor {
        namespace: String,
        key: Bytes,
        /// The revision of `original`; 0 for a key that is not there.
        base: Revision,
        /// The value as it is there.
        original: Bytes,
        /// The text to edit, if it is another one than that.
        text: Option<Bytes>,
    },
    /// Put a key or value into the clipboard of the terminal; answered by [`Message::Copied`].
    Copy(Copied),
    /// Take the mouse in, or leave it to the terminal.
    Mouse(bool),
    /// Draw everything anew: somebody else wrote on the terminal.
    Redraw,
    /// Leave the terminal to the shell that started the program, until that wants it back.
    Suspend,
}

/// What is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    Text(String),
    Bytes(Bytes),
    /// The whole value of a key; answered by [`Message::ToCopy`].
    Value {
        namespace: String,
        key: Bytes,
    },
}

/// Something that the cluster is asked to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Put {
        namespace: String,
        key: Bytes,
        value: Bytes,
        ttl: Option<Duration>,
        /// Only if this revision wrote the key last, and then the key lives on as it did; 0: only if
        /// there is no such key.
        base: Option<Revision>,
    },
    Delete {
        namespace: String,
        key: Bytes,
    },
    CreateNamespace {
        name: String,
        default_ttl: Option<Duration>,
        max_keys: Option<u64>,
        max_bytes: Option<u64>,
    },
    DeleteNamespace {
        name: String,
    },
    AddMember {
        address: String,
        learner: bool,
    },
    RemoveMember {
        id: NodeId,
        name: String,
        force: bool,
    },
    PromoteMember {
        id: NodeId,
        name: String,
    },
    TransferLeader {
        to: Option<NodeId>,
        name: Option<String>,
    },
}

/// When something happened, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) clock: SystemTime,
}

/// What an update asks for, in this order.
pub(crate) type Effects = Vec<Effect>;
