//! What is open above a screen and takes the keys: the help, the palette, a filter, a dialog.

use bytes::Bytes;
use common::types::{NodeId, Revision};

use super::Input;
use crate::tui::message::Change;

/// One of them at a time.
#[derive(Clone, Debug)]
// There is one in all, and it is not moved about.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Overlay {
    /// The keys; the first line that is shown.
    Help {
        scroll: usize,
    },
    Palette(Palette),
    Filter(Filter),
    Dialog(Dialog),
}

/// `:`, a line with a command in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Palette {
    pub(crate) input: Input,
    /// What it may become, the best first.
    pub(crate) suggestions: Vec<Suggestion>,
    /// The one that Enter takes.
    pub(crate) selected: usize,
}

/// What the palette offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suggestion {
    /// The whole line.
    pub(crate) line: String,
    /// What it does.
    pub(crate) about: String,
}

/// `/`, the filter of a screen while it is typed. The list follows at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) input: Input,
    /// What it was before, for Esc.
    pub(crate) before: String,
}

/// A question, or a form.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) title: String,
    /// What it will do: lines, one effect each.
    pub(crate) effect: Vec<String>,
    /// What is bad about it, if anything.
    pub(crate) warning: Option<String>,
    pub(crate) fields: Vec<Field>,
    /// A word that must be typed, for what cannot be undone.
    pub(crate) word: Option<(String, Input)>,
    /// The word on the button that does it.
    pub(crate) confirm: &'static str,
    pub(crate) focus: Focus,
    pub(crate) purpose: Purpose,
    pub(crate) state: DialogState,
}

/// A line to fill in.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) label: &'static str,
    pub(crate) input: Input,
    /// What may be typed, in few words.
    pub(crate) hint: &'static str,
}

/// What of a dialog has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    Field(usize),
    Word,
    Button(Button),
}

/// The buttons of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Button {
    Cancel,
    Confirm,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialogState {
    Open,
    /// It was confirmed, and the answer is awaited.
    Working,
    /// It was refused; it can be tried again.
    Failed(String),
}

/// What a dialog is for: what its fields make of it is a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Fields: key, value, time to live.
    Put { namespace: String },
    /// A value that was edited; nothing to fill in.
    Write {
        namespace: String,
        key: Bytes,
        value: Bytes,
        /// The revision that was edited; nothing else may have written it.
        base: Revision,
    },
    /// Nothing to fill in: the change as it stands.
    Just(Change),
    /// Fields: name, default time to live, most keys, most bytes.
    CreateNamespace,
    /// Fields: address. As a learner if the second field says yes.
    AddMember,
    /// Fields: name of the member, empty for the best one.
    Transfer { to: Option<NodeId> },
}
